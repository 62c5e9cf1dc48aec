//! Rust's operators on arrays, references to arrays and scalars.

use std::ops;

use crate::{Array, DType};

mod sealed {
    pub trait Sealed {}
}

/// A number beside an array: it takes the array's dtype, so that `x * 2.0` keeps f32. Only a float
/// beside an integer array makes the result f64.
///
/// ```
/// use dezero_array::{Array, DType, Scalar};
/// assert_eq!((Array::new([1.0f32]) * 2.0).dtype(), DType::F32);
/// assert_eq!((Array::new([1]) * 2.0).dtype(), DType::F64);
/// assert_eq!(2.5.beside(DType::F32).dtype(), DType::F32);
/// ```
pub trait Scalar: sealed::Sealed + Copy {
    /// The number as a zero-dimensional operand for an array of `dtype`.
    fn beside(self, dtype: DType) -> Array;
}

macro_rules! scalar {
    (float $($t:ty),*) => {$(
        impl sealed::Sealed for $t {}
        impl Scalar for $t {
            #[inline]
            fn beside(self, dtype: DType) -> Array {
                Array::scalar_of(f64::from(self), dtype.to_float())
            }
        }
    )*};
    (integer $($t:ty),*) => {$(
        impl sealed::Sealed for $t {}
        impl Scalar for $t {
            #[inline]
            fn beside(self, dtype: DType) -> Array {
                match dtype {
                    DType::Bool | DType::I64 => Array::scalar(self as i64),
                    _ => Array::scalar_of(self as f64, dtype),
                }
            }
        }
    )*};
}
impl sealed::Sealed for bool {}
impl Scalar for bool {
    #[inline]
    fn beside(self, _dtype: DType) -> Array {
        Array::scalar(self)
    }
}

/// What a method takes beside an array: another array, a reference to one, or a [`Scalar`].
///
/// ```
/// use dezero_array::Array;
/// let x = Array::new([1.0, 2.0, 3.0]);
/// assert_eq!(x.greater(1.5).to_vec::<bool>(), [false, true, true]);
/// assert_eq!(x.less(&x).to_vec::<bool>(), [false; 3]);
/// ```
pub trait Operand {
    /// The operand as an array, for an array of `dtype`.
    fn into_array(self, dtype: DType) -> Array;
}

impl Operand for &Array {
    #[inline]
    fn into_array(self, _dtype: DType) -> Array {
        self.clone()
    }
}

impl Operand for Array {
    #[inline]
    fn into_array(self, _dtype: DType) -> Array {
        self
    }
}

impl<S: Scalar> Operand for S {
    #[inline]
    fn into_array(self, dtype: DType) -> Array {
        self.beside(dtype)
    }
}

scalar!(float f64, f32);
scalar!(integer i64, i32, u8, u32, usize);

// A scalar on the right may be any `Scalar`, by one generic implementation; on the left Rust asks
// for one implementation for each type, and with more than one float and one integer type the
// literal in `(2.0 * &x).sum()` would be ambiguous. So there it is f64 or i64.
macro_rules! operator {
    ($Op:ident $op:ident $OpAssign:ident $op_assign:ident) => {
        operator!(@arrays $Op $op [&Array] [&Array]);
        operator!(@arrays $Op $op [&Array] [Array]);
        operator!(@arrays $Op $op [Array] [&Array]);
        operator!(@arrays $Op $op [Array] [Array]);
        operator!(@right_scalar $Op $op [&Array]);
        operator!(@right_scalar $Op $op [Array]);
        operator!(@left_scalar $Op $op f64 [&Array]);
        operator!(@left_scalar $Op $op f64 [Array]);
        operator!(@left_scalar $Op $op i64 [&Array]);
        operator!(@left_scalar $Op $op i64 [Array]);
        impl<S: Scalar> ops::$OpAssign<S> for Array {
            #[track_caller]
            fn $op_assign(&mut self, other: S) {
                Array::$op_assign(self, &other.beside(self.dtype()));
            }
        }
        impl ops::$OpAssign<&Array> for Array {
            #[track_caller]
            fn $op_assign(&mut self, other: &Array) {
                Array::$op_assign(self, other);
            }
        }
        impl ops::$OpAssign<Array> for Array {
            #[track_caller]
            fn $op_assign(&mut self, other: Array) {
                Array::$op_assign(self, &other);
            }
        }
    };
    (@arrays $Op:ident $op:ident [$($left:tt)*] [$($right:tt)*]) => {
        impl ops::$Op<$($right)*> for $($left)* {
            type Output = Array;
            #[inline]
            #[track_caller]
            fn $op(self, other: $($right)*) -> Array {
                Array::$op(operator!(@borrow self $($left)*), operator!(@borrow other $($right)*))
            }
        }
    };
    (@right_scalar $Op:ident $op:ident [$($array:tt)*]) => {
        impl<S: Scalar> ops::$Op<S> for $($array)* {
            type Output = Array;
            #[inline]
            #[track_caller]
            fn $op(self, other: S) -> Array {
                let other = other.beside(self.dtype());
                Array::$op(operator!(@borrow self $($array)*), &other)
            }
        }
    };
    (@left_scalar $Op:ident $op:ident $scalar:ty [$($array:tt)*]) => {
        impl ops::$Op<$($array)*> for $scalar {
            type Output = Array;
            #[inline]
            #[track_caller]
            fn $op(self, other: $($array)*) -> Array {
                let scalar = self.beside(other.dtype());
                Array::$op(&scalar, operator!(@borrow other $($array)*))
            }
        }
    };
    (@borrow $x:ident & Array) => { $x };
    (@borrow $x:ident Array) => { &$x };
}
operator!(Add add AddAssign add_assign);
operator!(Sub sub SubAssign sub_assign);
operator!(Mul mul MulAssign mul_assign);
operator!(Div div DivAssign div_assign);

impl ops::Neg for &Array {
    type Output = Array;
    #[inline]
    fn neg(self) -> Array {
        Array::neg(self)
    }
}

impl ops::Neg for Array {
    type Output = Array;
    #[inline]
    fn neg(self) -> Array {
        Array::neg(&self)
    }
}
