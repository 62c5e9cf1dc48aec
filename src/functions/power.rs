//! Powers, of numbers and of variables.

use dezero_array::Array;

use super::arithmetic::{broadcast_operands, times};
use super::unary::Unary;
use crate::apply::{apply_one, apply_unary};
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::{AsVariable, Variable};

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
        if !context.input_data(0).dtype().is_float() && c.fract() == 0.0 && c > 1.0 {
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

    gradient_check!(pow_square: pow, |x| x.pow(2), [-1.5, 0.0, 2.0]);
    gradient_check!(pow_cube: pow, |x| x.pow(3), [-1.5, 0.0, 2.0]);
    gradient_check!(pow_one: pow, |x| x.pow(1), [-1.5, 0.0, 2.0]);
    gradient_check!(pow_fraction: pow, |x| x.pow(-1.5), [0.7, 2.0]);
    gradient_check!(pow_variable: pow, |x0, x1| x0.pow(x1), [[0.5, 1.0, 2.5]], [[2.0], [-1.5]]);
}
