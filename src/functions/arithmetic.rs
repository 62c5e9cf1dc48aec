//! Arithmetic of two operands, which broadcast by NumPy's rule.
//!
//! Operands that take part in differentiation are brought to the result's shape and type by
//! recorded `broadcast_to` and `to_dtype`; so no backward here knows of broadcasting.

use dezero_array::{Array, broadcast_shape};

use super::unary::Unary;
use crate::apply::{Binary, apply_binary, apply_in_place, apply_one, apply_to_given, apply_unary};
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::parameter::Parameter;
use crate::variable::Variable;

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
pub(super) fn apply_to<F: Function, X: Operand>(function: F, x: X) -> Variable {
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
fn apply_to_both<F: Binary, X0: Operand, X1: Operand>(
    operation: &str,
    mut function: F,
    x0: X0,
    x1: X1,
) -> Variable {
    if X0::IS_GIVEN {
        match apply_in_place(function, 0, x0.lent(), x1.lent(), agree) {
            Ok(()) => return x0.into_variable(),
            Err(back) => function = back,
        }
    } else if X1::IS_GIVEN {
        match apply_in_place(function, 1, x1.lent(), x0.lent(), agree) {
            Ok(()) => return x1.into_variable(),
            Err(back) => function = back,
        }
    }
    let (x0, x1) = (x0.lent(), x1.lent());
    match apply_binary(function, x0, x1, agree) {
        Ok(y) => y,
        Err(function) => {
            let (x0, x1) = broadcast_operands(operation, x0, x1);
            apply_one(function, &[&x0, &x1])
        }
    }
}

/// Whether both have one shape and type.
fn agree(x0: &Array, x1: &Array) -> bool {
    // Compared by hand: `==` of slices calls memcmp, which costs more than a scalar's arithmetic.
    x0.ndim() == x1.ndim()
        && x0.shape().iter().zip(x1.shape()).all(|(n, m)| n == m)
        && x0.dtype() == x1.dtype()
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

impl Binary for Add {
    #[inline]
    fn eval(&self, x0: &Array, x1: &Array) -> Array {
        x0 + x1
    }
}

impl Function for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    #[track_caller]
    #[inline]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [self.eval(&xs[0], &xs[1])].into()
    }

    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gy = context.take_gy();
        [Some(gy.clone()), Some(gy)].into()
    }
}

struct Sub;

impl Binary for Sub {
    #[inline]
    fn eval(&self, x0: &Array, x1: &Array) -> Array {
        x0 - x1
    }
}

impl Function for Sub {
    fn name(&self) -> &'static str {
        "sub"
    }

    #[track_caller]
    #[inline]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [self.eval(&xs[0], &xs[1])].into()
    }

    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gy = context.take_gy();
        let gx1 = context.needs_grad(1).then(|| -&gy);
        [Some(gy), gx1].into()
    }
}

struct Mul;

impl Binary for Mul {
    #[inline]
    fn eval(&self, x0: &Array, x1: &Array) -> Array {
        x0 * x1
    }
}

impl Function for Mul {
    fn name(&self) -> &'static str {
        "mul"
    }

    #[track_caller]
    #[inline]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [self.eval(&xs[0], &xs[1])].into()
    }

    fn keeps(&self, needs_grad: &[bool]) -> Keep {
        Keep::factors(needs_grad)
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gy = context.take_gy();
        match (context.needs_grad(0), context.needs_grad(1)) {
            (true, true) => {
                let gx0 = times_input_lent(context, &gy, 1);
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

/// [`times_input`] where gy is used again.
#[track_caller]
fn times_input_lent(context: &Backward<'_>, gy: &Variable, i: usize) -> Variable {
    if context.creates_graph() {
        return gy * context.input(i);
    }
    Variable::constant(&gy.0.read().data * context.input_data(i))
}

/// gy times numbers that no gradient flows to, in the place of gy where nobody else sees it.
#[track_caller]
pub(super) fn times(mut gy: Variable, x: &Array) -> Variable {
    match gy.sole_data() {
        Some(data) => {
            *data *= x;
            gy
        }
        None => Variable::constant(gy.data() * x),
    }
}

struct Div;

impl Binary for Div {
    #[inline]
    fn eval(&self, x0: &Array, x1: &Array) -> Array {
        x0 / x1
    }
}

impl Function for Div {
    fn name(&self) -> &'static str {
        "div"
    }

    #[track_caller]
    #[inline]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [self.eval(&xs[0], &xs[1])].into()
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

#[track_caller]
#[inline]
pub(crate) fn add(x0: impl Operand, x1: impl Operand) -> Variable {
    apply_to_both("add", Add, x0, x1)
}

#[track_caller]
#[inline]
pub(crate) fn sub(x0: impl Operand, x1: impl Operand) -> Variable {
    apply_to_both("sub", Sub, x0, x1)
}

#[track_caller]
#[inline]
pub(crate) fn mul(x0: impl Operand, x1: impl Operand) -> Variable {
    apply_to_both("mul", Mul, x0, x1)
}

#[track_caller]
#[inline]
pub(crate) fn div(x0: impl Operand, x1: impl Operand) -> Variable {
    apply_to_both("div", Div, x0, x1)
}

#[track_caller]
#[inline]
pub(crate) fn neg(x: impl Operand) -> Variable {
    apply_to(Neg, x)
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
    gradient_check!(scalar: mul, |x0, x1| x0 * x1 + x0, 3.0, -2.0);
    gradient_check!(empty: mul, |x0, x1| x0 * x1, (dezero_array::Array::zeros([0, 3], dezero_array::DType::F64)), [1.0, 2.0, 3.0]);
}
