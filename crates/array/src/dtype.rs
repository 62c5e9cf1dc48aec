//! Element types: [`DType`] names one at run time, [`Element`] and [`Float`] at compile time.
//!
//! A new type (f16, bf16) is one more variant here, one more arm in `match_dtype!` and one
//! `Element` implementation; no operation above names a type.

use std::fmt;

/// The type of an array's elements, known at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DType {
    /// Truth values, one byte each.
    Bool,
    /// 64-bit signed integers.
    I64,
    /// 32-bit floats.
    F32,
    /// 64-bit floats.
    F64,
}

impl DType {
    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            DType::Bool => 1,
            DType::F32 => 4,
            DType::I64 | DType::F64 => 8,
        }
    }

    /// Whether the type is a floating-point one.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }

    /// The type that holds the result of an operation on `self` and `other`: float with float gives
    /// the wider, integer with float gives the float, bool gives way to everything.
    ///
    /// ```
    /// use dezero_array::DType;
    /// assert_eq!(DType::I64.promote(DType::F32), DType::F32);
    /// assert_eq!(DType::F32.promote(DType::F64), DType::F64);
    /// ```
    pub fn promote(self, other: DType) -> DType {
        // The declaration order is the promotion order.
        if (self as u8) >= (other as u8) {
            self
        } else {
            other
        }
    }

    /// The float type that a function with fractional results (`exp`, `mean`, `/`) computes in:
    /// floats stay as they are, integers and bools become f64, as in NumPy.
    pub const fn to_float(self) -> DType {
        match self {
            DType::Bool | DType::I64 => DType::F64,
            float => float,
        }
    }

    /// Bytes that an element takes.
    pub const fn itemsize(self) -> usize {
        match self {
            DType::Bool => 1,
            DType::F32 => 4,
            DType::I64 | DType::F64 => 8,
        }
    }

    /// NumPy's name of the type: `bool`, `int64`, `float32`, `float64`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::I64 => "int64",
            DType::F32 => "float32",
            DType::F64 => "float64",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that an array can hold: `bool`, `i64`, `f32`, `f64`.
pub trait Element:
    sealed::Sealed + Copy + Default + PartialEq + PartialOrd + Send + Sync + fmt::Debug + 'static
{
    /// The run-time name of this type.
    const DTYPE: DType;
    /// The value as f64: bools are 0 and 1, large integers round.
    fn to_f64(self) -> f64;
    /// The value nearest to `x`: floats round, integers truncate (saturating), bools are `x != 0`.
    fn from_f64(x: f64) -> Self;
    /// The value as i64: floats truncate (saturating), bools are 0 and 1.
    fn to_i64(self) -> i64;
    /// The value of an integer: exact where the type can hold it.
    fn from_i64(x: i64) -> Self;
}

macro_rules! number_element {
    ($($t:ty => $dtype:ident),*) => {$(
        impl sealed::Sealed for $t {}
        impl Element for $t {
            const DTYPE: DType = DType::$dtype;
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn to_i64(self) -> i64 {
                self as i64
            }
            #[inline(always)]
            fn from_i64(x: i64) -> Self {
                x as $t
            }
        }
    )*};
}
number_element!(i64 => I64, f32 => F32, f64 => F64);

impl sealed::Sealed for bool {}
impl Element for bool {
    const DTYPE: DType = DType::Bool;
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x != 0.0
    }
    #[inline(always)]
    fn to_i64(self) -> i64 {
        i64::from(self)
    }
    #[inline(always)]
    fn from_i64(x: i64) -> Self {
        x != 0
    }
}

/// Runs an expression with `$T` bound to the Rust type that a [`DType`] names.
///
/// `match_dtype!(dtype, T => body)` covers all types; `numbers` leaves out bool and `floats` leaves
/// out integers too, each with an `else` arm for the rest.
#[macro_export]
macro_rules! match_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::Bool => {
                type $T = bool;
                $body
            }
            $crate::DType::I64 => {
                type $T = i64;
                $body
            }
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
        }
    };
    (numbers $dtype:expr, $T:ident => $body:expr, else $other:expr) => {
        match $dtype {
            $crate::DType::I64 => {
                type $T = i64;
                $body
            }
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            #[allow(unreachable_patterns)]
            _ => $other,
        }
    };
    (floats $dtype:expr, $T:ident => $body:expr, else $other:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            #[allow(unreachable_patterns)]
            _ => $other,
        }
    };
}
