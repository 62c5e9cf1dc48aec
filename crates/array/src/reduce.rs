//! Reductions: sums, means, extremes.

use std::marker::PhantomData;

use crate::cpu::reduce::{Fold, reduce};
use crate::{Array, Axes, DType, Element, Shape, match_dtype};

/// Sums in f64 for floats, so that no order of the elements loses digits.
#[derive(Clone, Copy)]
struct Sum<T>(PhantomData<T>);

impl Fold for Sum<i64> {
    type Input = i64;
    type State = i64;
    type Output = i64;
    #[inline(always)]
    fn start(self) -> i64 {
        0
    }
    #[inline(always)]
    fn step(self, state: i64, x: i64) -> i64 {
        state.wrapping_add(x)
    }
    #[inline(always)]
    fn merge(self, a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    fn finish(self, state: i64) -> i64 {
        state
    }
}

macro_rules! float_sum {
    ($($t:ty),*) => {$(
        impl Fold for Sum<$t> {
            type Input = $t;
            type State = f64;
            type Output = $t;
            #[inline(always)]
            fn start(self) -> f64 {
                0.0
            }
            #[inline(always)]
            fn step(self, state: f64, x: $t) -> f64 {
                state + f64::from(x)
            }
            #[inline(always)]
            fn merge(self, a: f64, b: f64) -> f64 {
                a + b
            }
            #[inline(always)]
            fn finish(self, state: f64) -> $t {
                state as $t
            }
        }
    )*};
}
float_sum!(f32, f64);

/// Whether any element is not zero.
#[derive(Clone, Copy)]
struct Any<T>(PhantomData<T>);

impl<T: Element> Fold for Any<T> {
    type Input = T;
    type State = bool;
    type Output = bool;
    #[inline(always)]
    fn start(self) -> bool {
        false
    }
    #[inline(always)]
    fn step(self, state: bool, x: T) -> bool {
        state | (x != T::default())
    }
    #[inline(always)]
    fn merge(self, a: bool, b: bool) -> bool {
        a | b
    }
    #[inline(always)]
    fn finish(self, state: bool) -> bool {
        state
    }
}

/// `reduced` (whose reduced axes have size 1) without these axes, unless they are to stay.
fn finish_shape(reduced: Array, axes: &[usize], keepdims: bool) -> Array {
    if keepdims {
        return reduced;
    }
    let shape: Shape = (reduced.shape().iter().enumerate())
        .filter(|(axis, _)| !axes.contains(axis))
        .map(|(_, &n)| n)
        .collect();
    reduced.reshape(shape)
}

impl Array {
    /// The sum of all elements: 0-d. Integers and bools sum as i64.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([[1.0, 2.0], [3.0, 4.0]]).sum().item(), 10.0);
    /// ```
    pub fn sum(&self) -> Array {
        self.sum_axis((), false)
    }

    /// The sum over `axes`, which vanish from the shape or, with `keepdims`, get size 1.
    ///
    /// # Panics
    /// If an axis is out of range or repeated.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.sum_axis(0, false).to_vec::<f64>(), [4.0, 6.0]);
    /// assert_eq!(x.sum_axis(-1, true).shape(), &[2, 1]);
    /// ```
    #[track_caller]
    pub fn sum_axis(&self, axes: impl Into<Axes>, keepdims: bool) -> Array {
        let axes = axes.into().resolve("sum", self.shape());
        finish_shape(sum_over(self, &axes), &axes, keepdims)
    }

    /// The sum over the axes that broadcasting to the present shape would repeat: the inverse of
    /// [`broadcast_to`](Array::broadcast_to), and its gradient.
    ///
    /// # Panics
    /// If `shape` does not broadcast to the shape of the array.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.sum_to([2]).to_vec::<f64>(), [4.0, 6.0]);
    /// assert_eq!(x.sum_to([2, 1]).to_vec::<f64>(), [3.0, 7.0]);
    /// ```
    #[track_caller]
    pub fn sum_to(&self, shape: impl AsRef<[usize]>) -> Array {
        let shape = shape.as_ref();
        if shape == self.shape() {
            return self.clone();
        }
        let fits = shape.len() <= self.ndim()
            && (shape.iter().rev().zip(self.shape().iter().rev())).all(|(&n, &m)| n == m || n == 1);
        if !fits {
            panic!("sum_to: {shape:?} does not broadcast to {:?}", self.shape());
        }
        let added = self.ndim() - shape.len();
        let axes: Shape = (0..self.ndim())
            .filter(|&axis| axis < added || (shape[axis - added] == 1 && self.shape()[axis] != 1))
            .collect();
        sum_over(self, &axes).reshape(shape)
    }

    /// Whether any element is not zero: 0-d, bool.
    pub fn any(&self) -> Array {
        self.any_axis((), false)
    }

    /// Whether any element along `axes` is not zero.
    ///
    /// # Panics
    /// If an axis is out of range or repeated.
    #[track_caller]
    pub fn any_axis(&self, axes: impl Into<Axes>, keepdims: bool) -> Array {
        let axes = axes.into().resolve("any", self.shape());
        let y = match_dtype!(self.dtype(), T => reduce(Any::<T>(PhantomData), self, &axes));
        finish_shape(y, &axes, keepdims)
    }
}

fn sum_over(x: &Array, axes: &[usize]) -> Array {
    match_dtype!(numbers x.dtype(), T => reduce(Sum::<T>(PhantomData), x, axes),
        else reduce(Sum::<i64>(PhantomData), &x.to_dtype(DType::I64), axes))
}
