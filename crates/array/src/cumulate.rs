//! Running sums and products along an axis.

use crate::views::checked_axis;
use crate::{Array, DType, Element, match_dtype};

impl Array {
    /// Sums of the elements up to each one along `axis`. Bools are counted in int64.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.cumsum(1).to_vec::<i64>(), [1, 3, 6, 4, 9, 15]);
    /// assert_eq!(x.cumsum(0).to_vec::<i64>(), [1, 2, 3, 5, 7, 9]);
    /// ```
    #[track_caller]
    pub fn cumsum(&self, axis: isize) -> Array {
        let axis = checked_axis("cumsum", axis, self.ndim());
        let mut y = numbers(self);
        match_dtype!(numbers y.dtype(), T => {
            cumulate::<T>(&mut y, axis, T::running_sum)
        }, else unreachable!("bools were cast"));
        y
    }

    /// Products of the elements up to each one along `axis`. Bools multiply in int64.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 2, 3, 4]).cumprod(0).to_vec::<i64>(), [1, 2, 6, 24]);
    /// ```
    #[track_caller]
    pub fn cumprod(&self, axis: isize) -> Array {
        let axis = checked_axis("cumprod", axis, self.ndim());
        let mut y = numbers(self);
        match_dtype!(numbers y.dtype(), T => cumulate::<T>(&mut y, axis, T::running_product),
            else unreachable!("bools were cast"));
        y
    }
}

/// A contiguous copy to cumulate in.
fn numbers(x: &Array) -> Array {
    match x.dtype() {
        DType::Bool => x.to_dtype(DType::I64),
        _ => x.copy(),
    }
}

/// Integers wrap around, as NumPy's.
trait Running: Element {
    fn running_sum(self, next: Self) -> Self;
    fn running_product(self, next: Self) -> Self;
}

macro_rules! running_float {
    ($($t:ty),*) => {$(
        impl Running for $t {
            #[inline(always)]
            fn running_sum(self, next: Self) -> Self {
                self + next
            }
            #[inline(always)]
            fn running_product(self, next: Self) -> Self {
                self * next
            }
        }
    )*};
}
running_float!(f32, f64);

impl Running for i64 {
    #[inline(always)]
    fn running_sum(self, next: Self) -> Self {
        self.wrapping_add(next)
    }
    #[inline(always)]
    fn running_product(self, next: Self) -> Self {
        self.wrapping_mul(next)
    }
}

fn cumulate<T: Element>(y: &mut Array, axis: usize, f: impl Fn(T, T) -> T) {
    if y.size() == 0 {
        return;
    }
    let n = y.shape()[axis];
    let inner: usize = y.shape()[axis + 1..].iter().product();
    for block in y.as_mut_slice::<T>().chunks_exact_mut(n * inner) {
        if inner == 1 {
            let mut last = block[0];
            for x in &mut block[1..] {
                last = f(last, *x);
                *x = last;
            }
            continue;
        }
        for i in 1..n {
            let (done, rest) = block.split_at_mut(i * inner);
            let previous = &done[(i - 1) * inner..];
            for (x, &last) in rest[..inner].iter_mut().zip(previous) {
                *x = f(last, *x);
            }
        }
    }
}
