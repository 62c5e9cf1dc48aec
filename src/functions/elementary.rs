//! Functions of each element: exponentials, logarithms, trigonometry, roots, rounding.

use std::f64::consts::FRAC_2_SQRT_PI;

use dezero_array::Array;

use super::unary::Unary;
use crate::apply::apply_unary;
use crate::function::{Backward, Keep};
use crate::variable::Variable;

struct Exp;

impl Unary for Exp {
    const NAME: &'static str = "exp";
    const KEEP: Keep = Keep::OUTPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.exp()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        gy * context.output(0)
    }
}

struct ExpM1;

impl Unary for ExpM1 {
    const NAME: &'static str = "exp_m1";
    const KEEP: Keep = Keep::OUTPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.exp_m1()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        gy * (context.output(0) + 1.0)
    }
}

struct Log;

impl Unary for Log {
    const NAME: &'static str = "log";
    const KEEP: Keep = Keep::INPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.log()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        gy / context.input(0)
    }
}

struct Log1p;

impl Unary for Log1p {
    const NAME: &'static str = "log1p";
    const KEEP: Keep = Keep::INPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.log1p()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        gy / (context.input(0) + 1.0)
    }
}

struct Sin;

impl Unary for Sin {
    const NAME: &'static str = "sin";
    const KEEP: Keep = Keep::INPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.sin()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        gy * context.input(0).cos()
    }
}

struct Cos;

impl Unary for Cos {
    const NAME: &'static str = "cos";
    const KEEP: Keep = Keep::INPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.cos()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        -(gy * context.input(0).sin())
    }
}

struct Tan;

impl Unary for Tan {
    const NAME: &'static str = "tan";
    const KEEP: Keep = Keep::OUTPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.tan()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        gy * (context.output(0).square() + 1.0)
    }
}

struct Tanh;

impl Unary for Tanh {
    const NAME: &'static str = "tanh";
    const KEEP: Keep = Keep::OUTPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.tanh()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        if !context.creates_graph() {
            return context.output_data(0).tanh_grad(&gy.data()).into();
        }
        gy * (1.0 - context.output(0).square())
    }
}

struct Sqrt;

impl Unary for Sqrt {
    const NAME: &'static str = "sqrt";
    const KEEP: Keep = Keep::OUTPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.sqrt()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        gy / (context.output(0) * 2.0)
    }
}

struct Square;

impl Unary for Square {
    const NAME: &'static str = "square";
    const KEEP: Keep = Keep::INPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.square()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        gy * (context.input(0) * 2)
    }
}

struct Reciprocal;

impl Unary for Reciprocal {
    const NAME: &'static str = "reciprocal";
    const KEEP: Keep = Keep::OUTPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.reciprocal()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        -(gy * context.output(0).square())
    }
}

struct Abs;

impl Unary for Abs {
    const NAME: &'static str = "abs";
    const KEEP: Keep = Keep::INPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.abs()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        gy * context.input_data(0).sign()
    }
}

struct Erf;

impl Unary for Erf {
    const NAME: &'static str = "erf";
    const KEEP: Keep = Keep::INPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.erf()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        gy * ((-context.input(0).square()).exp() * FRAC_2_SQRT_PI)
    }
}

/// A step function: constant but for its jumps, so its gradient is 0.
macro_rules! step {
    ($Step:ident $name:ident) => {
        struct $Step;

        impl Unary for $Step {
            const NAME: &'static str = stringify!($name);

            #[inline]
            fn eval(&self, x: &Array) -> Array {
                x.$name()
            }

            fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
                // Not `gy * 0`, which would be NaN where `gy` is infinite.
                Variable::constant(Array::zeros(gy.shape(), gy.dtype()))
            }
        }
    };
}
step!(Sign sign);
step!(Floor floor);
step!(Ceil ceil);
step!(Round round);

impl Variable {
    /// e to the power of each element; integers give f64, as in all functions with fractional
    /// results.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([0.0, 1.0]);
    /// let y = x.exp();
    /// y.backward();
    /// assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), y.data().to_vec::<f64>());
    /// ```
    #[track_caller]
    pub fn exp(&self) -> Variable {
        apply_unary(Exp, self)
    }

    /// e^x - 1, exact also where x is near 0 and `exp` would round the difference away.
    ///
    /// ```
    /// # use dezero::Variable;
    /// assert_eq!(Variable::new(1e-20).exp_m1().item(), 1e-20);
    /// ```
    #[track_caller]
    pub fn exp_m1(&self) -> Variable {
        apply_unary(ExpM1, self)
    }

    /// Natural logarithm of each element: -∞ of 0, NaN of what is negative.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let x = Variable::new(4.0);
    /// x.log().backward();
    /// assert_eq!(x.grad().unwrap().item(), 0.25); // 1 / x
    /// ```
    #[track_caller]
    pub fn log(&self) -> Variable {
        apply_unary(Log, self)
    }

    /// log(1 + x), exact also where x is near 0.
    ///
    /// ```
    /// # use dezero::Variable;
    /// assert_eq!(Variable::new(1e-20).log1p().item(), 1e-20);
    /// ```
    #[track_caller]
    pub fn log1p(&self) -> Variable {
        apply_unary(Log1p, self)
    }

    /// Sine of each element, in radians.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let x = Variable::new(0.0);
    /// x.sin().backward();
    /// assert_eq!(x.grad().unwrap().item(), 1.0); // cos x
    /// ```
    #[track_caller]
    pub fn sin(&self) -> Variable {
        apply_unary(Sin, self)
    }

    /// Cosine of each element, in radians.
    ///
    /// ```
    /// # use dezero::Variable;
    /// assert_eq!(Variable::new(0.0).cos().item(), 1.0);
    /// ```
    #[track_caller]
    pub fn cos(&self) -> Variable {
        apply_unary(Cos, self)
    }

    /// Tangent of each element, in radians.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let x = Variable::new(0.0);
    /// x.tan().backward();
    /// assert_eq!(x.grad().unwrap().item(), 1.0); // 1 + tan² x
    /// ```
    #[track_caller]
    pub fn tan(&self) -> Variable {
        apply_unary(Tan, self)
    }

    /// Hyperbolic tangent of each element.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let x = Variable::new(0.0);
    /// x.tanh().backward();
    /// assert_eq!(x.grad().unwrap().item(), 1.0); // 1 - tanh² x
    /// ```
    #[track_caller]
    pub fn tanh(&self) -> Variable {
        apply_unary(Tanh, self)
    }

    /// Square root of each element. At 0 the gradient is infinite.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let x = Variable::new(4.0);
    /// x.sqrt().backward();
    /// assert_eq!(x.grad().unwrap().item(), 0.25); // 1 / (2 √x)
    /// ```
    #[track_caller]
    pub fn sqrt(&self) -> Variable {
        apply_unary(Sqrt, self)
    }

    /// Each element times itself; integers stay integers.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let x = Variable::new(3.0);
    /// x.square().backward();
    /// assert_eq!(x.grad().unwrap().item(), 6.0); // 2x
    /// ```
    #[track_caller]
    pub fn square(&self) -> Variable {
        apply_unary(Square, self)
    }

    /// 1 / x.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let x = Variable::new(2.0);
    /// x.reciprocal().backward();
    /// assert_eq!(x.grad().unwrap().item(), -0.25); // -1 / x²
    /// ```
    #[track_caller]
    pub fn reciprocal(&self) -> Variable {
        apply_unary(Reciprocal, self)
    }

    /// Magnitude of each element. The gradient is the sign of x, so 0 at 0.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let x = Variable::new([-2.0, 0.0, 2.0]);
    /// x.abs().backward();
    /// assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [-1.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn abs(&self) -> Variable {
        apply_unary(Abs, self)
    }

    /// The error function, 2/√π ∫₀ˣ exp(-t²) dt.
    ///
    /// ```
    /// # use dezero::Variable;
    /// assert!((Variable::new(1.0).erf().item() - 0.8427007929497149).abs() < 1e-15);
    /// ```
    #[track_caller]
    pub fn erf(&self) -> Variable {
        apply_unary(Erf, self)
    }

    /// -1, 0 or 1 by the sign of each element. The gradient is 0 everywhere.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let y = Variable::new([-2.5, 0.0, 7.0]).sign();
    /// assert_eq!(y.data().to_vec::<f64>(), [-1.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn sign(&self) -> Variable {
        apply_unary(Sign, self)
    }

    /// The largest integer not above each element. The gradient is 0 everywhere.
    ///
    /// ```
    /// # use dezero::Variable;
    /// assert_eq!(Variable::new(-1.5).floor().item(), -2.0);
    /// ```
    #[track_caller]
    pub fn floor(&self) -> Variable {
        apply_unary(Floor, self)
    }

    /// The smallest integer not below each element. The gradient is 0 everywhere.
    ///
    /// ```
    /// # use dezero::Variable;
    /// assert_eq!(Variable::new(-1.5).ceil().item(), -1.0);
    /// ```
    #[track_caller]
    pub fn ceil(&self) -> Variable {
        apply_unary(Ceil, self)
    }

    /// The nearest integer of each element, halves to the even one. The gradient is 0 everywhere.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let y = Variable::new([0.5, 1.5, -0.6]).round();
    /// assert_eq!(y.data().to_vec::<f64>(), [0.0, 2.0, -1.0]);
    /// ```
    #[track_caller]
    pub fn round(&self) -> Variable {
        apply_unary(Round, self)
    }
}

#[cfg(test)]
mod tests {
    use dezero_array::{Array, DType};

    use crate::gradient_check;

    gradient_check!(exp, |x| x.exp(), [[-2.0, 0.0, 1.3], [0.5, -0.7, 2.0]]);
    gradient_check!(exp_scalar: exp, |x| x.exp(), 0.3);
    gradient_check!(exp_empty: exp, |x| x.exp(), (Array::zeros([0, 2], DType::F64)));
    gradient_check!(exp_m1, |x| x.exp_m1(), [-2.0, 0.0, 1.3]);
    gradient_check!(log, |x| x.log(), [0.3, 1.0, 5.0]);
    gradient_check!(log1p, |x| x.log1p(), [-0.4, 0.0, 5.0]);
    gradient_check!(sin, |x| x.sin(), [[-2.0, 0.0, 1.3], [10.0, 0.1, -0.7]]);
    gradient_check!(cos, |x| x.cos(), [[-2.0, 0.0, 1.3], [10.0, 0.1, -0.7]]);
    gradient_check!(tan, |x| x.tan(), [-1.2, 0.0, 0.9]);
    gradient_check!(tanh, |x| x.tanh(), [[-3.0, 0.0, 1.3], [0.2, 8.0, -0.7]]);
    gradient_check!(tanh_scalar: tanh, |x| x.tanh(), -0.4);
    gradient_check!(sqrt, |x| x.sqrt(), [0.3, 1.0, 5.0]);
    gradient_check!(square, |x| x.square(), [[-1.5, 0.0, 2.0], [0.1, 3.0, -0.2]]);
    gradient_check!(reciprocal, |x| x.reciprocal(), [-1.5, 0.7, 2.0]);
    gradient_check!(abs, |x| x.abs(), [-1.5, 0.7, 2.0]);
    gradient_check!(abs_squared: abs, |x| x.abs() * x, [-1.5, 0.0, 2.0]);
    gradient_check!(erf, |x| x.erf(), [[-1.5, 0.0, 0.4], [3.0, 2.4, 2.6]]);
    gradient_check!(sign, |x| x.sign(), [-1.5, 0.7]);
    gradient_check!(floor, |x| x.floor() * x, [-1.5, 0.7, 2.5]);
    gradient_check!(ceil, |x| x.ceil() * x, [-1.5, 0.7, 2.5]);
    gradient_check!(round, |x| x.round() * x, [-1.4, 0.7, 2.6]);
}
