//! Arithmetic of two operands, which broadcast by NumPy's rule, and powers.
//!
//! Operands that take part in differentiation are brought to the result's shape and type by
//! recorded `broadcast_to` and `to_dtype`; so no backward here knows of broadcasting.

use std::fmt;

use dezero_array::{Array, broadcast_shape};

use super::unary::Unary;
use crate::apply::{Operands, agree, apply_in_place, apply_one, apply_to_given, apply_unary};
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::parameter::Parameter;
use crate::variable::{AsVariable, Variable};

/// An operand, lent or given away. Where nobody else sees one that is given away, the result takes its place
/// in memory.
pub(crate) trait Operand {
    const IS_GIVEN: bool;
    fn lent(&self) -> &Variable;
    fn into_variable(self) -> Variable;
}

impl Operand for Variable {
    const IS_GIVEN: bool = true;

    #[inline]
    fn lent(&self) -> &Variable {
        self
    }

    #[inline]
    fn into_variable(self) -> Variable {
        self
    }
}

macro_rules! lent_operand {
    ($($t:ty),*) => {$(
        impl Operand for $t {
            const IS_GIVEN: bool = false;

            #[inline]
            fn lent(&self) -> &Variable {
                self
            }

            fn into_variable(self) -> Variable {
                self.lent().clone()
            }
        }
    )*};
}
lent_operand!(&Variable, &Parameter);

/// Applies a function of one operand.
#[track_caller]
#[inline]
fn apply_to<F: Function, X: Operand>(function: F, x: X) -> Variable {
    if X::IS_GIVEN {
        apply_to_given(function, x.into_variable())
    } else {
        apply_unary(function, x.lent())
    }
}

/// Applies a function of two operands: those that need gradients are brought to the common shape and
/// type, constants are taken as they are.
#[track_caller]
#[inline]
fn apply_binary<F: Function, X0: Operand, X1: Operand>(
    operation: &str,
    mut function: F,
    x0: X0,
    x1: X1,
) -> Variable {
    if X0::IS_GIVEN {
        match apply_in_place(function, 0, x0.lent(), x1.lent()) {
            Ok(()) => return x0.into_variable(),
            Err(back) => function = back,
        }
    } else if X1::IS_GIVEN {
        match apply_in_place(function, 1, x1.lent(), x0.lent()) {
            Ok(()) => return x1.into_variable(),
            Err(back) => function = back,
        }
    }
    let (x0, x1) = (x0.lent(), x1.lent());
    let operands = Operands::read(&[x0, x1]);
    if agree(&operands.xs[0], &operands.xs[1]) {
        return operands.apply(function, &[x0, x1]);
    }
    let (x0, x1) = broadcast_operands(operation, x0, x1);
    apply_one(function, &[&x0, &x1])
}

/// `x0` and `x1` for a function of two operands: those that need gradients in the common shape and
/// type, constants as they are.
#[track_caller]
pub(crate) fn broadcast_operands(
    operation: &str,
    x0: &Variable,
    x1: &Variable,
) -> (Variable, Variable) {
    let (data0, data1) = (x0.data(), x1.data());
    let dtype = data0.dtype().promote(data1.dtype());
    let Some(shape) = broadcast_shape(data0.shape(), data1.shape()) else {
        panic!(
            "{operation}: shapes {:?} and {:?} do not broadcast",
            data0.shape(),
            data1.shape()
        );
    };
    let brought = |x: &Variable| {
        if x.requires_grad() {
            x.brought_to(&shape, dtype)
        } else {
            x.clone()
        }
    };
    (brought(x0), brought(x1))
}

/// Brings operands of several types that need gradients to the common one, so that each gradient
/// comes back in the type of its operand. Constants stay: kernels convert them.
#[track_caller]
pub(crate) fn to_common_dtype(operands: &mut [&mut Variable]) {
    let first = operands[0].dtype();
    let dtype = operands[1..]
        .iter()
        .fold(first, |dtype, x| dtype.promote(x.dtype()));
    for x in operands {
        if x.dtype() != dtype && x.requires_grad() {
            **x = x.to_dtype(dtype);
        }
    }
}

struct Add;

impl Function for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    #[track_caller]
    #[inline]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [&xs[0] + &xs[1]].into()
    }

    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gy = context.take_gy();
        [Some(gy.clone()), Some(gy)].into()
    }
}

struct Sub;

impl Function for Sub {
    fn name(&self) -> &'static str {
        "sub"
    }

    #[track_caller]
    #[inline]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [&xs[0] - &xs[1]].into()
    }

    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gy = context.take_gy();
        let gx1 = context.needs_grad(1).then(|| -&gy);
        [Some(gy), gx1].into()
    }
}

struct Mul;

impl Function for Mul {
    fn name(&self) -> &'static str {
        "mul"
    }

    #[track_caller]
    #[inline]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [&xs[0] * &xs[1]].into()
    }

    fn keeps(&self, needs_grad: &[bool]) -> Keep {
        Keep::factors(needs_grad)
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gy = context.take_gy();
        match (context.needs_grad(0), context.needs_grad(1)) {
            (true, true) => {
                let gx0 = times_input(context, gy.clone(), 1);
                [Some(gx0), Some(times_input(context, gy, 0))].into()
            }
            (false, _) => [None, Some(times_input(context, gy, 0))].into(),
            (_, false) => [Some(times_input(context, gy, 1)), None].into(),
        }
    }
}

/// gy times input `i`, on bare arrays where the pass is not recorded: in small graphs the handling
/// of variables costs more than the arithmetic. In the place of gy where nobody else sees it.
#[track_caller]
fn times_input(context: &Backward<'_>, gy: Variable, i: usize) -> Variable {
    if context.creates_graph() {
        return gy * context.input(i);
    }
    times(gy, context.input_data(i))
}

/// gy times numbers that no gradient flows to, in the place of gy where nobody else sees it.
#[track_caller]
fn times(mut gy: Variable, x: &Array) -> Variable {
    match gy.sole_data() {
        Some(data) => {
            *data *= x;
            gy
        }
        None => Variable::constant(gy.data() * x),
    }
}

struct Div;

impl Function for Div {
    fn name(&self) -> &'static str {
        "div"
    }

    #[track_caller]
    #[inline]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [&xs[0] / &xs[1]].into()
    }

    fn keeps(&self, needs_grad: &[bool]) -> Keep {
        Keep::input(1).and(Keep::OUTPUTS.when(needs_grad[1]))
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gx0 = context.gy(0) / context.input(1);
        // ∂(x0 / x1)/∂x1 = -x0 / x1² = -y / x1
        let gx1 = context.needs_grad(1).then(|| -(&gx0 * context.output(0)));
        [Some(gx0), gx1].into()
    }
}

struct Neg;

impl Unary for Neg {
    const NAME: &'static str = "neg";

    fn eval(&self, x: &Array) -> Array {
        -x
    }

    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        -gy
    }
}

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
pub(crate) fn add(x0: impl Operand, x1: impl Operand) -> Variable {
    apply_binary("add", Add, x0, x1)
}

#[track_caller]
#[inline]
pub(crate) fn sub(x0: impl Operand, x1: impl Operand) -> Variable {
    apply_binary("sub", Sub, x0, x1)
}

#[track_caller]
#[inline]
pub(crate) fn mul(x0: impl Operand, x1: impl Operand) -> Variable {
    apply_binary("mul", Mul, x0, x1)
}

#[track_caller]
#[inline]
pub(crate) fn div(x0: impl Operand, x1: impl Operand) -> Variable {
    apply_binary("div", Div, x0, x1)
}

#[track_caller]
#[inline]
pub(crate) fn neg(x: impl Operand) -> Variable {
    apply_to(Neg, x)
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

/// x^c for a number c.
#[doc(hidden)] // for bindings, whose programs ask a creator for its exponent
pub struct PowNumber(f64);

impl PowNumber {
    pub fn exponent(&self) -> f64 {
        self.0
    }
}

impl Unary for PowNumber {
    const NAME: &'static str = "pow";
    const KEEP: Keep = Keep::INPUTS;

    fn setting(&self) -> String {
        self.0.to_string()
    }

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.powf(self.0)
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        let c = self.0;
        if c.fract() == 0.0 && c > 1.0 && !context.input_data(0).dtype().is_float() {
            // Integers stay integers.
            return gy * (c as i64 * context.input(0).pow(c - 1.0));
        }
        if !context.creates_graph() && c != 0.0 && c != 1.0 {
            let x = context.input_data(0);
            let slope = if c == 2.0 {
                x * 2.0
            } else {
                x.powf(c - 1.0) * c
            };
            return times(gy, &slope);
        }
        let x = context.input(0);
        match c {
            // x^(c-1) at 0 would be infinite or NaN where the derivative is plainly constant.
            0.0 => gy * 0.0,
            1.0 => gy,
            2.0 => gy * (2.0 * x),
            _ => gy * (c * x.pow(c - 1.0)),
        }
    }
}

/// x0^x1 for two variables.
struct Pow;

impl Function for Pow {
    fn name(&self) -> &'static str {
        "pow"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [xs[0].pow(&xs[1])].into()
    }

    fn keeps(&self, needs_grad: &[bool]) -> Keep {
        Keep::INPUTS.and(Keep::OUTPUTS.when(needs_grad[1]))
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gy = context.gy(0);
        let (x0, x1) = (context.input(0), context.input(1));
        let gx0 = context.needs_grad(0).then(|| {
            // x1 · x0^(x1 - 1), which is 0 for x1 = 0 also at x0 = 0
            let zero = x1.data().equal(0.0).to_dtype(x1.dtype());
            let exponent = &x1 - 1.0 + Variable::constant(zero);
            &gy * &x1 * x0.pow(exponent)
        });
        let gx1 = context.needs_grad(1).then(|| {
            // y · log x0, which tends to 0 where y does
            let safe = Variable::constant(x0.data().equal(0.0).to_dtype(x0.dtype()));
            &gy * context.output(0) * (&x0 + safe).log()
        });
        [gx0, gx1].into()
    }
}

/// What [`Variable::pow`] takes: a number, or a variable or array of exponents.
pub trait Exponent {
    /// `x` to the power of `self`.
    #[track_caller]
    fn power_of(self, x: &Variable) -> Variable;
}

macro_rules! number_exponent {
    ($($t:ty),*) => {$(
        impl Exponent for $t {
            #[track_caller]
            fn power_of(self, x: &Variable) -> Variable {
                apply_unary(PowNumber(self as f64), x)
            }
        }
    )*};
}
number_exponent!(f64, f32, i32, i64);

macro_rules! variable_exponent {
    ($($t:ty),*) => {$(
        impl Exponent for $t {
            #[track_caller]
            fn power_of(self, x: &Variable) -> Variable {
                let (x0, x1) = broadcast_operands("pow", x, &self.as_variable());
                apply_one(Pow, &[&x0, &x1])
            }
        }
    )*};
}
variable_exponent!(Variable, &Variable, Array, &Array);

impl Variable {
    /// Each element to the power of `exponent`: a number, or a variable or array of exponents that
    /// broadcasts against the base.
    ///
    /// The gradient with respect to a variable exponent is y · log x, taken as 0 where x is 0.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([2.0, 3.0]);
    /// let y = x.pow(3);
    /// y.backward();
    /// assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [12.0, 27.0]); // 3x²
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn pow(&self, exponent: impl Exponent) -> Variable {
        exponent.power_of(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::gradient_check;

    gradient_check!(add, |x0, x1| x0 + x1, [[1.0, -2.0, 0.0]], [[0.5], [3.0]]);
    gradient_check!(sub, |x0, x1| x0 - x1, [[1.0, -2.0, 0.0]], [[0.5], [3.0]]);
    gradient_check!(mul, |x0, x1| x0 * x1, [[1.0, -2.0, 0.0]], [[0.5], [3.0]]);
    gradient_check!(mul_shared: mul, |x| x * x, [[1.0, -2.0, 0.0], [2.0, 1.0, 4.0]]);
    gradient_check!(div, |x0, x1| x0 / x1, [[1.0, -2.0, 0.0]], [[0.5], [3.0]]);
    gradient_check!(neg, |x| -x, [1.0, 0.0, -2.0]);
    gradient_check!(numbers: add, |x| 1.0 / (3.0 - (x * 2.0 - 1.0) / 4.0) + x, [0.1, 0.7]);
    gradient_check!(pow_square: pow, |x| x.pow(2), [-1.5, 0.0, 2.0]);
    gradient_check!(pow_cube: pow, |x| x.pow(3), [-1.5, 0.0, 2.0]);
    gradient_check!(pow_one: pow, |x| x.pow(1), [-1.5, 0.0, 2.0]);
    gradient_check!(pow_fraction: pow, |x| x.pow(-1.5), [0.7, 2.0]);
    gradient_check!(pow_variable: pow, |x0, x1| x0.pow(x1), [[0.5, 1.0, 2.5]], [[2.0], [-1.5]]);
    gradient_check!(scalar: mul, |x0, x1| x0 * x1 + x0, 3.0, -2.0);
    gradient_check!(empty: mul, |x0, x1| x0 * x1, (dezero_array::Array::zeros([0, 3], dezero_array::DType::F64)), [1.0, 2.0, 3.0]);
}
