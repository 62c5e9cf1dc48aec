//! Arithmetic of a variable and a number: no array is made of the number, and no gradient flows to it.

use std::fmt;

use dezero_array::Array;

use super::arithmetic::{Operand, apply_to};
use super::unary::Unary;
use crate::function::{Backward, Keep};
use crate::variable::Variable;

/// One of the two operands is a number, which needs no array and no gradient.
macro_rules! with_number {
    ($struct:ident, $name:literal, $setting:literal, |$x:ident, $c:ident| $eval:expr, |$gy:ident, $d:ident| $backward:expr) => {
        pub(crate) struct $struct(pub(crate) Number);

        impl Unary for $struct {
            const NAME: &'static str = $name;

            fn setting(&self) -> String {
                format!($setting, self.0)
            }

            #[inline]
            fn eval(&self, $x: &Array) -> Array {
                match self.0 {
                    Number::Float($c) => $eval,
                    Number::Int($c) => $eval,
                }
            }

            fn backward(&self, _: &Backward<'_>, $gy: Variable) -> Variable {
                let $d = self.0;
                let _ = $d;
                $backward
            }
        }
    };
}

/// A number operand: weakly typed, it takes the type of the variable beside it.
#[derive(Clone, Copy)]
pub enum Number {
    Float(f64),
    Int(i64),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Float(c) => c.fmt(f),
            Number::Int(c) => c.fmt(f),
        }
    }
}

with_number!(AddNumber, "add", "{}", |x, c| x + c, |gy, _c| gy);
with_number!(SubFromNumber, "sub", "{} - x", |x, c| c - x, |gy, _c| -gy);
with_number!(MulNumber, "mul", "{}", |x, c| x * c, |gy, c| scaled(gy, c));
with_number!(DivByNumber, "div", "x / {}", |x, c| x / c, |gy, c| divided(
    gy, c
));

struct DivNumber(Number);

impl Unary for DivNumber {
    const NAME: &'static str = "div";
    const KEEP: Keep = Keep::input(0).and(Keep::OUTPUTS);

    fn setting(&self) -> String {
        format!("{} / x", self.0)
    }

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        match self.0 {
            Number::Float(c) => c / x,
            Number::Int(c) => c / x,
        }
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        // ∂(c / x)/∂x = -y / x
        -(gy * context.output(0) / context.input(0))
    }
}

#[track_caller]
#[inline]
pub(crate) fn add_number(x: impl Operand, c: Number) -> Variable {
    apply_to(AddNumber(c), x)
}

#[track_caller]
#[inline]
pub(crate) fn sub_number(x: impl Operand, c: Number) -> Variable {
    let minus = match c {
        Number::Float(c) => Number::Float(-c),
        Number::Int(c) => Number::Int(c.wrapping_neg()),
    };
    apply_to(AddNumber(minus), x)
}

#[track_caller]
#[inline]
pub(crate) fn sub_from_number(c: Number, x: impl Operand) -> Variable {
    apply_to(SubFromNumber(c), x)
}

#[track_caller]
#[inline]
pub(crate) fn mul_number(x: impl Operand, c: Number) -> Variable {
    apply_to(MulNumber(c), x)
}

/// x · c in the place of x, where nobody else sees it.
#[track_caller]
#[inline]
fn scaled(mut x: Variable, c: Number) -> Variable {
    let Some(data) = x.sole_data() else {
        return mul_number(&x, c);
    };
    match c {
        Number::Float(c) => *data *= c,
        Number::Int(c) => *data *= c,
    }
    x
}

#[track_caller]
#[inline]
pub(crate) fn div_by_number(x: impl Operand, c: Number) -> Variable {
    apply_to(DivByNumber(c), x)
}

/// x / c in the place of x, where nobody else sees it.
#[track_caller]
#[inline]
fn divided(mut x: Variable, c: Number) -> Variable {
    let Some(data) = x.sole_data() else {
        return div_by_number(&x, c);
    };
    match c {
        Number::Float(c) => *data /= c,
        Number::Int(c) => *data /= c,
    }
    x
}

#[track_caller]
#[inline]
pub(crate) fn div_number(c: Number, x: impl Operand) -> Variable {
    apply_to(DivNumber(c), x)
}

#[cfg(test)]
mod tests {
    use crate::gradient_check;

    gradient_check!(numbers: add, |x| 1.0 / (3.0 - (x * 2.0 - 1.0) / 4.0) + x, [0.1, 0.7]);
}
