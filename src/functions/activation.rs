//! Activation functions.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use dezero_array::{Array, Axes, Shape};

use super::unary::Unary;
use crate::apply::apply_unary;
use crate::function::{Backward, Keep};
use crate::functions;
use crate::variable::Variable;

struct Sigmoid;

impl Unary for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const KEEP: Keep = Keep::OUTPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.sigmoid()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        if !context.creates_graph() {
            return context.output_data(0).sigmoid_grad(&gy.data()).into();
        }
        let y = context.output(0);
        gy * &y * (1.0 - y)
    }
}

struct Relu;

impl Unary for Relu {
    const NAME: &'static str = "relu";
    const KEEP: Keep = Keep::OUTPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.relu()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        if !context.creates_graph() {
            return context.output_data(0).relu_grad(&gy.data()).into();
        }
        functions::where_(context.output_data(0).greater(0.0), gy, 0)
    }
}

struct LeakyRelu {
    slope: f64,
}

impl Unary for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const KEEP: Keep = Keep::INPUTS;

    fn eval(&self, x: &Array) -> Array {
        x.leaky_relu(self.slope)
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        let x = context.input_data(0);
        if !context.creates_graph() {
            return x.leaky_relu_grad(&gy.data(), self.slope).into();
        }
        functions::where_(x.greater(0.0), &gy, &gy * self.slope)
    }
}

struct Elu {
    alpha: f64,
}

impl Unary for Elu {
    const NAME: &'static str = "elu";
    const KEEP: Keep = Keep::INPUTS;

    fn eval(&self, x: &Array) -> Array {
        x.elu(self.alpha)
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        let x = context.input_data(0);
        if !context.creates_graph() {
            return x.elu_grad(&gy.data(), self.alpha).into();
        }
        // Clipped, because the exponential of a large x would be infinite, its gradient NaN.
        let below = context.input(0).clip(f64::NEG_INFINITY, 0.0).exp() * self.alpha;
        functions::where_(x.greater(0.0), &gy, &gy * below)
    }
}

struct Softplus;

impl Unary for Softplus {
    const NAME: &'static str = "softplus";
    const KEEP: Keep = Keep::INPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.softplus()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        if !context.creates_graph() {
            return context.input_data(0).softplus_grad(&gy.data()).into();
        }
        gy * context.input(0).sigmoid()
    }
}

/// 1/√(2π), the height of the normal density.
const FRAC_1_SQRT_2PI: f64 = FRAC_2_SQRT_PI * FRAC_1_SQRT_2 / 2.0;

struct Gelu;

impl Unary for Gelu {
    const NAME: &'static str = "gelu";
    const KEEP: Keep = Keep::INPUTS;

    fn eval(&self, x: &Array) -> Array {
        x.gelu()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        if !context.creates_graph() {
            return context.input_data(0).gelu_grad(&gy.data()).into();
        }
        // Φ(x) + x φ(x)
        let x = context.input(0);
        let distribution = (&x * FRAC_1_SQRT_2).erf() * 0.5 + 0.5;
        let density = (x.square() * -0.5).exp() * FRAC_1_SQRT_2PI;
        gy * (distribution + x * density)
    }
}

struct GeluTanh;

impl GeluTanh {
    /// √(2/π)
    const SCALE: f64 = FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
    const CUBIC: f64 = 0.044715;
}

impl Unary for GeluTanh {
    const NAME: &'static str = "gelu_tanh";
    const KEEP: Keep = Keep::INPUTS;

    fn eval(&self, x: &Array) -> Array {
        x.gelu_tanh()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        if !context.creates_graph() {
            return context.input_data(0).gelu_tanh_grad(&gy.data()).into();
        }
        // y = x (1 + tanh u) / 2, u = √(2/π) (x + 0.044715 x³)
        let x = context.input(0);
        let square = x.square();
        let t = ((&square * Self::CUBIC + 1.0) * &x * Self::SCALE).tanh();
        let du = (square * (3.0 * Self::CUBIC) + 1.0) * Self::SCALE;
        gy * ((1.0 - t.square()) * du * x + t + 1.0) * 0.5
    }
}

struct Silu;

impl Unary for Silu {
    const NAME: &'static str = "silu";
    const KEEP: Keep = Keep::INPUTS;

    fn eval(&self, x: &Array) -> Array {
        x.silu()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        if !context.creates_graph() {
            return context.input_data(0).silu_grad(&gy.data()).into();
        }
        // s + x s (1 - s)
        let x = context.input(0);
        let s = x.sigmoid();
        gy * ((x * (1.0 - &s) + 1.0) * s)
    }
}

/// `axis` counted from the start.
#[track_caller]
fn checked_axis(operation: &str, axis: isize, shape: &[usize]) -> usize {
    Axes::from(axis).resolve(operation, shape)[0]
}

/// The sum over `axis`, which stays with size 1.
fn sum_along(x: &Variable, axis: usize) -> Variable {
    let mut shape: Shape = x.shape();
    shape[axis] = 1;
    x.sum_to(shape)
}

struct Softmax {
    axis: usize,
}

impl Unary for Softmax {
    const NAME: &'static str = "softmax";
    const KEEP: Keep = Keep::OUTPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.softmax(self.axis as isize)
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        if !context.creates_graph() {
            let y = context.output_data(0);
            return y.softmax_grad(&gy.data(), self.axis as isize).into();
        }
        let y = context.output(0);
        let weighted = &gy * &y;
        let sum = sum_along(&weighted, self.axis);
        weighted - y * sum
    }
}

struct LogSoftmax {
    axis: usize,
}

impl Unary for LogSoftmax {
    const NAME: &'static str = "log_softmax";
    const KEEP: Keep = Keep::OUTPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.log_softmax(self.axis as isize)
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        if !context.creates_graph() {
            let y = context.output_data(0);
            return y.log_softmax_grad(&gy.data(), self.axis as isize).into();
        }
        let sum = sum_along(&gy, self.axis);
        gy - context.output(0).exp() * sum
    }
}

impl Variable {
    /// 1 / (1 + e^-x), without overflow.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([0.0, -800.0]);
    /// let y = x.sigmoid();
    /// y.backward();
    /// assert_eq!(y.data().to_vec::<f64>(), [0.5, 0.0]);
    /// assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [0.25, 0.0]); // y (1 - y)
    /// ```
    #[track_caller]
    pub fn sigmoid(&self) -> Variable {
        apply_unary(Sigmoid, self)
    }

    /// max(x, 0). The gradient at 0 is 0.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let x = Variable::new([-1.0, 0.0, 2.0]);
    /// x.relu().backward();
    /// assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [0.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn relu(&self) -> Variable {
        apply_unary(Relu, self)
    }

    /// x where it is positive, `slope` · x elsewhere. The gradient at 0 is `slope`. The book and
    /// Chainer default to a slope of 0.2, PyTorch to 0.01.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let y = Variable::new([-1.0, 2.0]).leaky_relu(0.2);
    /// assert_eq!(y.data().to_vec::<f64>(), [-0.2, 2.0]);
    /// ```
    #[track_caller]
    pub fn leaky_relu(&self, slope: f64) -> Variable {
        apply_unary(LeakyRelu { slope }, self)
    }

    /// x where it is positive, `alpha` · (e^x - 1) elsewhere; `alpha` is 1 in most papers.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let y = Variable::new([f64::NEG_INFINITY, 2.0]).elu(1.0);
    /// assert_eq!(y.data().to_vec::<f64>(), [-1.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn elu(&self, alpha: f64) -> Variable {
        apply_unary(Elu { alpha }, self)
    }

    /// log(1 + e^x), without overflow.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let y = Variable::new([0.0, 800.0]).softplus();
    /// assert_eq!(y.data().to_vec::<f64>(), [2f64.ln(), 800.0]);
    /// ```
    #[track_caller]
    pub fn softplus(&self) -> Variable {
        apply_unary(Softplus, self)
    }

    /// x Φ(x), where Φ is the distribution function of the standard normal:
    /// x (1 + erf(x / √2)) / 2.
    ///
    /// ```
    /// # use dezero::Variable;
    /// assert!((Variable::new(1.0).gelu().item() - 0.8413447460685429).abs() < 1e-15);
    /// ```
    #[track_caller]
    pub fn gelu(&self) -> Variable {
        apply_unary(Gelu, self)
    }

    /// The approximation of [`gelu`](Variable::gelu) that GPT-2 and BERT were trained with:
    /// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let x = Variable::new(1.0);
    /// assert!((x.gelu_tanh().item() - x.gelu().item()).abs() < 2e-4);
    /// ```
    #[track_caller]
    pub fn gelu_tanh(&self) -> Variable {
        apply_unary(GeluTanh, self)
    }

    /// x / (1 + e^-x), also called swish.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let x = Variable::new(0.0);
    /// x.silu().backward();
    /// assert_eq!(x.grad().unwrap().item(), 0.5);
    /// ```
    #[track_caller]
    pub fn silu(&self) -> Variable {
        apply_unary(Silu, self)
    }

    /// e^x / Σ e^x, where the sum runs along `axis` (negative: from the end). Without overflow.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let y = Variable::new([[0.0, 3f64.ln()], [800.0, 800.0]]).softmax(1);
    /// assert_eq!(y.data().to_vec::<f64>(), [0.25, 0.75, 0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If `axis` is out of range.
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Variable {
        let axis = checked_axis("softmax", axis, &self.shape());
        apply_unary(Softmax { axis }, self)
    }

    /// x - log Σ e^x, where the sum runs along `axis` (negative: from the end): the logarithm of
    /// [`softmax`](Variable::softmax), finite where that underflows to 0.
    ///
    /// ```
    /// # use dezero::Variable;
    /// let y = Variable::new([0.0, 1000.0]).log_softmax(0);
    /// assert_eq!(y.data().to_vec::<f64>(), [-1000.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If `axis` is out of range.
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Variable {
        let axis = checked_axis("log_softmax", axis, &self.shape());
        apply_unary(LogSoftmax { axis }, self)
    }
}

#[cfg(test)]
mod tests {
    use dezero_array::{Array, DType};

    use crate::gradient_check;

    const X: [[f64; 4]; 2] = [[-3.0, -0.5, 0.1, 1.3], [2.5, -1.2, 0.7, -0.05]];
    const ROWS: [[[f64; 2]; 3]; 2] = [
        [[0.1, -2.0], [1.5, 0.3], [-0.7, 2.2]],
        [[0.0, 0.4], [-1.1, 0.9], [3.0, -0.2]],
    ];

    gradient_check!(sigmoid, |x| x.sigmoid(), X);
    gradient_check!(sigmoid_scalar: sigmoid, |x| x.sigmoid(), 0.0);
    gradient_check!(sigmoid_empty: sigmoid, |x| x.sigmoid(), (Array::zeros([0, 2], DType::F64)));
    gradient_check!(relu, |x| x.relu(), X);
    gradient_check!(relu_squared: relu, |x| x.relu() * x, X);
    gradient_check!(leaky_relu, |x| x.leaky_relu(0.2), X);
    gradient_check!(leaky_relu_steep: leaky_relu, |x| x.leaky_relu(3.0) * x, X);
    gradient_check!(elu, |x| x.elu(1.0), X);
    gradient_check!(elu_alpha: elu, |x| x.elu(0.7), X);
    gradient_check!(softplus, |x| x.softplus(), X);
    gradient_check!(gelu, |x| x.gelu(), X);
    gradient_check!(gelu_tanh, |x| x.gelu_tanh(), X);
    gradient_check!(silu, |x| x.silu(), X);
    gradient_check!(softmax, |x| x.softmax(1), X);
    gradient_check!(softmax_first: softmax, |x| x.softmax(0), X);
    gradient_check!(softmax_middle: softmax, |x| x.softmax(1), ROWS);
    gradient_check!(softmax_ties: softmax, |x| x.softmax(-1), [[1.0, 1.0, 1.0], [0.0, 2.0, 2.0]]);
    gradient_check!(softmax_empty: softmax, |x| x.softmax(1), (Array::zeros([0, 3], DType::F64)));
    gradient_check!(log_softmax, |x| x.log_softmax(1), X);
    gradient_check!(log_softmax_first: log_softmax, |x| x.log_softmax(0), X);
    gradient_check!(log_softmax_middle: log_softmax, |x| x.log_softmax(1), ROWS);
}
