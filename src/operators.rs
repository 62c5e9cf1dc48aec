//! `+ - * /` and negation for variables by value and by reference, with arrays and numbers on
//! either side.

use std::ops::{Add, Div, Mul, Neg, Sub};

use dezero_array::Array;

use crate::functions::arithmetic;
use crate::functions::number::{self, Number};
use crate::parameter::Parameter;
use crate::variable::{AsVariable, Variable};

macro_rules! between {
    // Two variables are taken as they are: a clone of a handle costs two atomic operations, and one that comes by
    // value may be given away.
    (variables $Trait:ident $method:ident: $($left:ty, $right:ty);*) => {$(
        impl $Trait<$right> for $left {
            type Output = Variable;
            #[track_caller]
            #[inline]
            fn $method(self, x1: $right) -> Variable {
                arithmetic::$method(self, x1)
            }
        }
    )*};
    ($Trait:ident $method:ident: $($left:ty, $right:ty);*) => {$(
        impl $Trait<$right> for $left {
            type Output = Variable;
            #[track_caller]
            #[inline]
            fn $method(self, x1: $right) -> Variable {
                arithmetic::$method(&self.as_variable(), &x1.as_variable())
            }
        }
    )*};
}

/// A number beside a variable: weakly typed, it takes the variable's type.
pub trait Scalar: Copy {
    #[doc(hidden)]
    fn number(self) -> Number;
}

macro_rules! scalar {
    ($($t:ty as $number:ident),*) => {$(
        impl Scalar for $t {
            #[inline]
            #[allow(clippy::cast_lossless)]
            fn number(self) -> Number {
                Number::$number(self as _)
            }
        }
    )*};
}
scalar!(
    f64 as Float,
    f32 as Float,
    i64 as Int,
    i32 as Int,
    usize as Int
);

// On the right any `Scalar`, by one generic implementation. On the left Rust wants one for each
// type, and a second float or integer type would leave the literal in `(2.0 * &x).sum()` ambiguous.
macro_rules! with_numbers {
    ($Trait:ident $method:ident, |$x:ident, $c:ident| $right:expr, $left:expr; $($v:ty),*) => {$(
        impl<S: Scalar> $Trait<S> for $v {
            type Output = Variable;
            #[track_caller]
            #[inline]
            fn $method(self, c: S) -> Variable {
                let ($x, $c) = (self, c.number());
                $right
            }
        }
        with_numbers!(@left $Trait $method, |$x, $c| $left; $v; f64);
        with_numbers!(@left $Trait $method, |$x, $c| $left; $v; i64);
    )*};
    (@left $Trait:ident $method:ident, |$x:ident, $c:ident| $left:expr; $v:ty; $t:ty) => {
        impl $Trait<$v> for $t {
            type Output = Variable;
            #[track_caller]
            #[inline]
            fn $method(self, x: $v) -> Variable {
                let ($x, $c) = (x, self.number());
                $left
            }
        }
    };
}

macro_rules! operator {
    ($Trait:ident $method:ident, |$x:ident, $c:ident| $right:expr, $left:expr) => {
        between!(variables $Trait $method:
            Variable, Variable; Variable, &Variable; &Variable, Variable; &Variable, &Variable);
        between!($Trait $method:
            Variable, Array; Variable, &Array; &Variable, Array; &Variable, &Array;
            Array, Variable; Array, &Variable; &Array, Variable; &Array, &Variable;
            &Parameter, Variable; &Parameter, &Variable; &Parameter, &Parameter;
            Variable, &Parameter; &Variable, &Parameter;
            &Parameter, Array; &Parameter, &Array; Array, &Parameter; &Array, &Parameter);
        with_numbers!($Trait $method, |$x, $c| $right, $left; Variable, &Variable, &Parameter);
    };
}

operator!(Add add, |x, c| number::add_number(x, c), number::add_number(x, c));
operator!(Sub sub, |x, c| number::sub_number(x, c), number::sub_from_number(c, x));
operator!(Mul mul, |x, c| number::mul_number(x, c), number::mul_number(x, c));
operator!(Div div, |x, c| number::div_by_number(x, c), number::div_number(c, x));

impl Neg for Variable {
    type Output = Variable;
    #[track_caller]
    #[inline]
    fn neg(self) -> Variable {
        arithmetic::neg(self)
    }
}

impl Neg for &Variable {
    type Output = Variable;
    #[track_caller]
    #[inline]
    fn neg(self) -> Variable {
        arithmetic::neg(self)
    }
}

impl Neg for &Parameter {
    type Output = Variable;
    #[track_caller]
    #[inline]
    fn neg(self) -> Variable {
        arithmetic::neg(self)
    }
}
