//! Comparisons, logic and choice.

use crate::arithmetic::{Operand, Scalar};
use crate::cpu::map::map;
use crate::cpu::simd::Cost;
use crate::cpu::zip::{zip, zip3};
use crate::number::Number;
use crate::{Array, DType, Element, match_dtype};

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident |$a:ident, $b:ident| $eval:expr;)*) => {
        impl Array {$(
            $(#[$doc])*
            ///
            /// `other` is an array or a scalar.
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[track_caller]
            #[allow(clippy::bool_comparison)] // false < true, as in NumPy
            pub fn $name(&self, other: impl Operand) -> Array {
                let other = other.into_array(self.dtype());
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
    /// Whether each pair of elements is equal; NaN equals nothing.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 2]).equal(2).to_vec::<bool>(), [false, true]);
    /// ```
    equal |a, b| a == b;
    /// Whether each pair of elements differs.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 2]).not_equal(2).to_vec::<bool>(), [true, false]);
    /// ```
    not_equal |a, b| a != b;
    /// Whether each element of `self` is below that of `other`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 2]).less(2).to_vec::<bool>(), [true, false]);
    /// ```
    less |a, b| a < b;
    /// Whether each element of `self` is at most that of `other`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 3]).less_equal(1.5).to_vec::<bool>(), [true, false]);
    /// ```
    less_equal |a, b| a <= b;
    /// Whether each element of `self` is above that of `other`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 3]).greater(1.5).to_vec::<bool>(), [false, true]);
    /// ```
    greater |a, b| a > b;
    /// Whether each element of `self` is at least that of `other`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 2]).greater_equal(2).to_vec::<bool>(), [false, true]);
    /// ```
    greater_equal |a, b| a >= b;
}

macro_rules! logic {
    ($($(#[$doc:meta])* $name:ident |$a:ident, $b:ident| $eval:expr;)*) => {
        impl Array {$(
            $(#[$doc])*
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[track_caller]
            pub fn $name(&self, other: impl Operand) -> Array {
                let other = other.into_array(self.dtype()).to_dtype(DType::Bool);
                zip::<bool, bool, bool>(
                    stringify!($name), &self.to_dtype(DType::Bool), &other, Cost::Cheap,
                    #[inline(always)] |$a, $b| $eval,
                )
            }
        )*}
    };
}
logic! {
    /// Whether both elements of each pair are true (not zero).
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 0]).logical_and(true).to_vec::<bool>(), [true, false]);
    /// ```
    logical_and |a, b| a & b;
    /// Whether one or both elements of each pair are true (not zero).
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 0]).logical_or(false).to_vec::<bool>(), [true, false]);
    /// ```
    logical_or |a, b| a | b;
    /// Whether exactly one element of each pair is true (not zero).
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 0]).logical_xor(true).to_vec::<bool>(), [false, true]);
    /// ```
    logical_xor |a, b| a ^ b;
}

impl Array {
    /// Whether each element is false (zero).
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([0.0, 2.0]).logical_not().to_vec::<bool>(), [true, false]);
    /// ```
    pub fn logical_not(&self) -> Array {
        match_dtype!(self.dtype(), T => map::<T, bool>(
            self, Cost::Cheap,
            #[inline(always)] |x| x == T::default(),
        ))
    }

    /// The elements of `x` where `condition` is true (not zero), those of `y` elsewhere; all three
    /// broadcast. NumPy's `where`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([1.0, -2.0]);
    /// let y = Array::where_(&x.greater(0.0), &x, 0.0);
    /// assert_eq!(y.to_vec::<f64>(), [1.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn where_(condition: &Array, x: &Array, y: impl Operand) -> Array {
        let y = y.into_array(x.dtype());
        let dtype = x.dtype().promote(y.dtype());
        let condition = condition.to_dtype(DType::Bool);
        match_dtype!(dtype, T => zip3::<bool, T, T, T>(
            "where", [&condition, &x.to_dtype(dtype), &y.to_dtype(dtype)], Cost::Cheap,
            #[inline(always)] |condition, x, y| if condition { x } else { y },
        ))
    }

    /// Each element, or the nearer bound if it is outside of `low..=high`; NaN stays. Integers
    /// stay integers between whole bounds.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([-1.0, 0.5, 2.0]).clip(0.0, 1.0);
    /// assert_eq!(x.to_vec::<f64>(), [0.0, 0.5, 1.0]);
    /// ```
    pub fn clip(&self, low: impl Scalar, high: impl Scalar) -> Array {
        let (low, high) = (
            low.beside(self.dtype()).item(),
            high.beside(self.dtype()).item(),
        );
        let whole = |bound: f64| bound.fract() == 0.0 || bound.is_infinite();
        let dtype = match self.dtype() {
            DType::Bool | DType::I64 if whole(low) && whole(high) => DType::I64,
            dtype => dtype.to_float(),
        };
        match_dtype!(numbers dtype, T => {
            let (low, high) = (T::from_f64(low), T::from_f64(high));
            map::<T, T>(
                &self.to_dtype(dtype), Cost::Cheap,
                #[inline(always)] move |x| Number::minimum(Number::maximum(x, low), high),
            )
        }, else unreachable!("a number"))
    }

    /// Whether all pairs of elements are equal up to `atol + rtol * |other|`; NaN equals nothing,
    /// infinities equal themselves.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert!(Array::new([1.0, 2.0]).allclose(&Array::new([1.0, 2.0 + 1e-9]), 1e-5, 1e-8));
    /// ```
    #[track_caller]
    pub fn allclose(&self, other: &Array, rtol: f64, atol: f64) -> bool {
        let (x0, x1) = (self.to_dtype(DType::F64), other.to_dtype(DType::F64));
        let close = zip::<f64, f64, bool>(
            "allclose",
            &x0,
            &x1,
            Cost::Cheap,
            #[inline(always)]
            |a, b| (a == b) | (((a - b).abs() <= atol + rtol * b.abs()) & b.is_finite()),
        );
        close.all().item() != 0.0
    }

    /// Whether both arrays have the same shape and equal elements; NaN equals nothing.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert!(Array::new([1, 2]).array_equal(&Array::new([1.0, 2.0])));
    /// assert!(!Array::new([1, 2]).array_equal(&Array::new(1)));
    /// ```
    pub fn array_equal(&self, other: &Array) -> bool {
        self.shape() == other.shape() && self.equal(other).all().item() != 0.0
    }
}
