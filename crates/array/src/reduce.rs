//! Reductions: sums, means, extremes.

mod arg_extreme;
mod folds;

use folds::{All, AllFinite, Any, Max, Min, Product, Sum, SumOfSquares};

use crate::cpu::map::{only, uniform};
use crate::cpu::reduce::reduce;
use crate::number::Number;
use crate::{Array, Axes, DType, Element, Shape, match_dtype};

/// `reduced` (whose reduced axes have size 1) without these axes, unless they are to stay.
fn finish_shape(reduced: Array, axes: &[usize], keepdims: bool) -> Array {
    if keepdims || axes.is_empty() {
        return reduced;
    }
    if axes.len() == reduced.ndim() {
        return reduced.reshape(());
    }
    let shape: Shape = (reduced.shape().iter().enumerate())
        .filter(|(axis, _)| !axes.contains(axis))
        .map(|(_, &n)| n)
        .collect();
    reduced.reshape(shape)
}

/// Number of elements that go into one result.
fn count(x: &Array, axes: &[usize]) -> usize {
    axes.iter().map(|&axis| x.shape()[axis]).product()
}

fn sum_over(x: &Array, axes: &[usize]) -> Array {
    if axes.is_empty() && x.dtype() != DType::Bool {
        return x.clone();
    }
    // A broadcast scalar: gradients of sums and means are.
    if x.size() > 1
        && x.dtype() != DType::Bool
        && x.strides()
            .iter()
            .zip(x.shape())
            .all(|(&s, &n)| s == 0 || n == 1)
    {
        let mut shape = Shape::from_slice(x.shape());
        axes.iter().for_each(|&axis| shape[axis] = 1);
        return match_dtype!(numbers x.dtype(), T => {
            let value: T = only(x);
            Array::full(&shape, value.mul(T::from_i64(count(x, axes) as i64)))
        }, else unreachable!("numbers only"));
    }
    match_dtype!(numbers x.dtype(), T => reduce::<Sum<T>>(x, axes),
        else reduce::<Sum<i64>>(&x.to_dtype(DType::I64), axes))
}

fn sum_of_squares_over(x: &Array, axes: &[usize]) -> Array {
    match_dtype!(floats x.dtype(), T => reduce::<SumOfSquares<T>>(x, axes),
        else reduce::<SumOfSquares<f64>>(&x.to_dtype(DType::F64), axes))
}

/// The mean over `axes`, which get size 1.
fn mean_over(x: &Array, axes: &[usize]) -> Array {
    let x = x.to_dtype(x.dtype().to_float());
    sum_over(&x, axes) / count(&x, axes) as f64
}

fn var_over(x: &Array, axes: &[usize], ddof: f64) -> Array {
    let x = x.to_dtype(x.dtype().to_float());
    let distance = x.sub(&mean_over(&x, axes));
    // NumPy: no negative number of degrees of freedom.
    let freedom = (count(&x, axes) as f64 - ddof).max(0.0);
    sum_of_squares_over(&distance, axes) / freedom
}

#[track_caller]
fn extreme_over(operation: &str, x: &Array, axes: &[usize]) -> Array {
    if count(x, axes) == 0 {
        panic!(
            "{operation}: no elements to choose from: shape {:?}, axes {axes:?}",
            x.shape()
        );
    }
    match (operation, x.dtype()) {
        ("max", DType::Bool) => reduce::<Any>(x, axes),
        (_, DType::Bool) => reduce::<All>(x, axes),
        ("max", dtype) => match_dtype!(numbers dtype,
            T => reduce::<Max<T>>(x, axes), else unreachable!("not bool")),
        (_, dtype) => match_dtype!(numbers dtype,
            T => reduce::<Min<T>>(x, axes), else unreachable!("not bool")),
    }
}

macro_rules! reductions {
    ($(
        $(#[$all_doc:meta])* $all:ident;
        $(#[$axis_doc:meta])* $axis:ident $name:literal |$x:ident, $axes:ident| $reduce:expr;
    )*) => {
        impl Array {$(
            $(#[$all_doc])*
            #[track_caller]
            pub fn $all(&self) -> Array {
                let $x = self;
                let all: Shape = (0..self.ndim()).collect();
                let $axes = &all[..];
                $reduce.reshape(())
            }

            $(#[$axis_doc])*
            ///
            /// The axes vanish from the shape or, with `keepdims`, get size 1.
            ///
            /// # Panics
            /// If an axis is out of range or repeated.
            #[track_caller]
            pub fn $axis(&self, axes: impl Into<Axes>, keepdims: bool) -> Array {
                let $x = self;
                let resolved = axes.into().resolve($name, self.shape());
                let $axes = &resolved[..];
                finish_shape($reduce, &resolved, keepdims)
            }
        )*}
    };
}
reductions! {
    /// The sum of all elements: 0-d. Integers and bools sum as i64.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([[1.0, 2.0], [3.0, 4.0]]).sum().item(), 10.0);
    /// ```
    sum;
    /// The sum over `axes`. Integers and bools sum as i64.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.sum_axis(0, false).to_vec::<f64>(), [4.0, 6.0]);
    /// assert_eq!(x.sum_axis(-1, true).shape(), &[2, 1]);
    /// ```
    sum_axis "sum" |x, axes| sum_over(x, axes);
    /// The mean of all elements: 0-d; NaN of none. Integers and bools give f64.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 2]).mean().item(), 1.5);
    /// ```
    mean;
    /// The mean over `axes`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([[1.0, 3.0], [2.0, 6.0]]).mean_axis(1, false).to_vec::<f64>(), [2.0, 4.0]);
    /// ```
    mean_axis "mean" |x, axes| mean_over(x, axes);
    /// The variance of all elements, `mean((x - mean(x))²)`: 0-d.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1.0, 3.0]).var().item(), 1.0);
    /// ```
    var;
    /// The variance over `axes`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([[1.0, 3.0], [2.0, 6.0]]).var_axis(1, false).to_vec::<f64>(), [1.0, 4.0]);
    /// ```
    var_axis "var" |x, axes| var_over(x, axes, 0.0);
    /// The standard deviation of all elements, the root of [`var`](Array::var): 0-d.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1.0, 3.0]).std().to_vec::<f64>(), [1.0]);
    /// ```
    std;
    /// The standard deviation over `axes`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([[1.0, 3.0], [2.0, 6.0]]).std_axis(1, false).to_vec::<f64>(), [1.0, 2.0]);
    /// ```
    std_axis "std" |x, axes| var_over(x, axes, 0.0).sqrt();
    /// The largest element: 0-d; NaN if there is one.
    ///
    /// # Panics
    /// If the array is empty.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([3, 7, 5]).max().item(), 7.0);
    /// ```
    max;
    /// The largest element along `axes`; NaN if there is one. Panics if there are none.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([[1, 3], [2, 6]]).max_axis(1, false).to_vec::<i64>(), [3, 6]);
    /// ```
    max_axis "max" |x, axes| extreme_over("max", x, axes);
    /// The smallest element: 0-d; NaN if there is one.
    ///
    /// # Panics
    /// If the array is empty.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([3, 7]).min().to_vec::<i64>(), [3]);
    /// ```
    min;
    /// The smallest element along `axes`; NaN if there is one. Panics if there are none.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([[1, 3], [2, 6]]).min_axis(1, false).to_vec::<i64>(), [1, 2]);
    /// ```
    min_axis "min" |x, axes| extreme_over("min", x, axes);
    /// The product of all elements: 0-d; 1 of none. Integers and bools give i64.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([3, 7]).prod().to_vec::<i64>(), [21]);
    /// ```
    prod;
    /// The product over `axes`. Integers and bools give i64.
    prod_axis "prod" |x, axes| match_dtype!(numbers x.dtype(),
        T => reduce::<Product<T>>(x, axes),
        else reduce::<Product<i64>>(&x.to_dtype(DType::I64), axes));
    /// Whether no element is zero: 0-d, bool; true of none.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([3, 0]).all().to_vec::<bool>(), [false]);
    /// ```
    all;
    /// Whether no element along `axes` is zero.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([[1, 0], [2, 6]]).all_axis(1, false).to_vec::<bool>(), [false, true]);
    /// ```
    all_axis "all" |x, axes| reduce::<All>(&x.to_dtype(DType::Bool), axes);
    /// Whether any element is not zero: 0-d, bool; false of none.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([3, 0]).any().to_vec::<bool>(), [true]);
    /// ```
    any;
    /// Whether any element along `axes` is not zero.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([[0, 0], [2, 6]]).any_axis(1, false).to_vec::<bool>(), [false, true]);
    /// ```
    any_axis "any" |x, axes| reduce::<Any>(&x.to_dtype(DType::Bool), axes);
}

impl Array {
    /// The variance over `axes` with `ddof` degrees of freedom taken off: the sum of squared
    /// distances is divided by their number minus `ddof`.
    ///
    /// # Panics
    /// If an axis is out of range or repeated.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1.0, 3.0]).var_axis_ddof(0, false, 1.0).item(), 2.0);
    /// ```
    #[track_caller]
    pub fn var_axis_ddof(&self, axes: impl Into<Axes>, keepdims: bool, ddof: f64) -> Array {
        let axes = axes.into().resolve("var", self.shape());
        finish_shape(var_over(self, &axes, ddof), &axes, keepdims)
    }

    /// The sum of squares of all elements, in one pass: 0-d float.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([3.0, 4.0]).sum_of_squares().item(), 25.0);
    /// ```
    pub fn sum_of_squares(&self) -> Array {
        let all: Shape = (0..self.ndim()).collect();
        sum_of_squares_over(self, &all).reshape(())
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

    /// Whether no element is infinite or NaN, without making an array of answers.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert!(Array::new([1.0, 2.0]).all_finite());
    /// assert!(!Array::new([1.0, f64::NAN]).all_finite());
    /// ```
    pub fn all_finite(&self) -> bool {
        if !self.dtype().is_float() || self.size() == 0 {
            return true;
        }
        let all: Shape = (0..self.ndim()).collect();
        match_dtype!(floats self.dtype(), T => match uniform::<T>(self) {
            Some(value) => value.is_finite(),
            None => only(&reduce::<AllFinite<T>>(self, &all)),
        }, else true)
    }
}
