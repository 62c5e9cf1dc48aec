//! Comparisons and logic.

use crate::cpu::simd::Cost;
use crate::cpu::zip::zip;
use crate::{Array, match_dtype};

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident |$a:ident, $b:ident| $eval:expr;)*) => {
        impl Array {$(
            $(#[$doc])*
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[track_caller]
            pub fn $name(&self, other: &Array) -> Array {
                let dtype = self.dtype().promote(other.dtype());
                let (x0, x1) = (self.to_dtype(dtype), other.to_dtype(dtype));
                match_dtype!(dtype, T => zip::<T, T, bool>(
                    stringify!($name), &x0, &x1, Cost::Cheap,
                    #[inline(always)] |$a, $b| $eval,
                ))
            }
        )*}
    };
}
comparisons! {
    /// Whether each pair of elements is equal.
    equal |a, b| a == b;
    /// Whether each pair of elements differs.
    not_equal |a, b| a != b;
    /// Whether each element of `self` is below that of `other`.
    less |a, b| a < b;
    /// Whether each element of `self` is at most that of `other`.
    less_equal |a, b| a <= b;
    /// Whether each element of `self` is above that of `other`.
    greater |a, b| a > b;
    /// Whether each element of `self` is at least that of `other`.
    greater_equal |a, b| a >= b;
}
