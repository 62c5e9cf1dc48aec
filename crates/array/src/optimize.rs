//! The update rules of optimizers: parameter, gradient and state in one pass over memory.
//!
//! Each computes in the parameter's dtype, writes the parameter in place where nobody else shares
//! its elements, and otherwise into fresh memory in the same pass. States are arrays of the
//! parameter's shape, zero at first.

use crate::cpu::optimize::take;
use crate::cpu::vector_math::Real;
use crate::{Array, match_dtype};

/// Numbers of one Adam or AdamW step.
///
/// The update is `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g²`,
/// `x = decay x - step_size m / (sqrt(v) / root_correction + epsilon)`.
///
/// With learning rate `lr` at step `t` (from 1): PyTorch's Adam has
/// `step_size = lr / (1 - beta1^t)` and `root_correction = sqrt(1 - beta2^t)`; Chainer's and
/// DeZero's has `step_size = lr sqrt(1 - beta2^t) / (1 - beta1^t)` and `root_correction = 1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Factor of the direction.
    pub step_size: f64,
    /// Share of the old mean of gradients.
    pub beta1: f64,
    /// Share of the old mean of squared gradients.
    pub beta2: f64,
    /// Keeps the quotient finite.
    pub epsilon: f64,
    /// Divides the root of the mean of squares.
    pub root_correction: f64,
    /// Factor of the parameter before the step: `1 - lr * weight_decay` in AdamW, 1 in Adam.
    pub decay: f64,
}

/// Checks the arrays of a step, and brings gradient and states to the dtype of the parameter.
#[track_caller]
fn check<const S: usize>(
    operation: &str,
    parameter: &Array,
    gradient: &Array,
    states: &mut [&mut Array; S],
) -> Array {
    if !parameter.dtype().is_float() {
        panic!(
            "{operation}: the parameter is {}, takes floats",
            parameter.dtype()
        );
    }
    if gradient.shape() != parameter.shape() {
        panic!(
            "{operation}: the parameter has shape {:?}, its gradient {:?}",
            parameter.shape(),
            gradient.shape()
        );
    }
    for state in states {
        if state.shape() != parameter.shape() {
            panic!(
                "{operation}: the parameter has shape {:?}, its state {:?}",
                parameter.shape(),
                state.shape()
            );
        }
        if state.dtype() != parameter.dtype() {
            **state = state.to_dtype(parameter.dtype());
        }
    }
    gradient.to_dtype(parameter.dtype())
}

/// `$body` with `$number`s in the dtype of the parameter, as one step.
macro_rules! step {
    (
        $name:literal, $parameter:expr, $gradient:expr, [$($state:expr),*],
        [$($number:ident),*], |$x:ident, $g:ident, $s:pat_param| $body:expr
    ) => {{
        let parameter: &mut Array = $parameter;
        let mut states: [&mut Array; _] = [$($state),*];
        let gradient = check($name, parameter, $gradient, &mut states);
        match_dtype!(floats parameter.dtype(), T => {
            $(let $number = <T as Real>::from_f64($number);)*
            take::<T, _, _>(
                #[inline(always)] move |$x: T, $g: T, $s: [T; _]| $body,
                parameter, &gradient, states,
            )
        }, else unreachable!("checked"))
    }};
}

impl Array {
    /// Gradient descent: `x -= learning_rate * g`.
    ///
    /// # Panics
    /// If the shapes differ, or the parameter is not a float.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let mut x = Array::new([1.0, 2.0]);
    /// x.sgd_step(&Array::new([1.0, -1.0]), 0.5);
    /// assert_eq!(x.to_vec::<f64>(), [0.5, 2.5]);
    /// ```
    #[track_caller]
    pub fn sgd_step(&mut self, gradient: &Array, learning_rate: f64) {
        step!(
            "sgd_step",
            self,
            gradient,
            [],
            [learning_rate],
            |x, g, []| (x - learning_rate * g, [])
        )
    }

    /// Momentum: `v = momentum * v + g`, `x -= learning_rate * v`; with `nesterov`
    /// `x -= learning_rate * (g + momentum * v)`.
    ///
    /// # Panics
    /// If the shapes differ, or the parameter is not a float.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let (mut x, mut v) = (Array::new([1.0]), Array::new([0.5]));
    /// x.momentum_step(&Array::new([2.0]), &mut v, 0.25, 0.5, false);
    /// assert_eq!((x.item(), v.item()), (0.4375, 2.25));
    /// ```
    #[track_caller]
    pub fn momentum_step(
        &mut self,
        gradient: &Array,
        velocity: &mut Array,
        learning_rate: f64,
        momentum: f64,
        nesterov: bool,
    ) {
        if nesterov {
            step!(
                "momentum_step",
                self,
                gradient,
                [velocity],
                [learning_rate, momentum],
                |x, g, [v]| {
                    let v = momentum * v + g;
                    (x - learning_rate * (g + momentum * v), [v])
                }
            )
        } else {
            step!(
                "momentum_step",
                self,
                gradient,
                [velocity],
                [learning_rate, momentum],
                |x, g, [v]| {
                    let v = momentum * v + g;
                    (x - learning_rate * v, [v])
                }
            )
        }
    }

    /// AdaGrad: `h += g²`, `x -= learning_rate * g / (sqrt(h) + epsilon)`.
    ///
    /// # Panics
    /// If the shapes differ, or the parameter is not a float.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let (mut x, mut h) = (Array::new([1.0]), Array::new([0.0]));
    /// x.adagrad_step(&Array::new([2.0]), &mut h, 0.5, 0.0);
    /// assert_eq!((x.item(), h.item()), (0.5, 4.0));
    /// ```
    #[track_caller]
    pub fn adagrad_step(
        &mut self,
        gradient: &Array,
        h: &mut Array,
        learning_rate: f64,
        epsilon: f64,
    ) {
        step!(
            "adagrad_step",
            self,
            gradient,
            [h],
            [learning_rate, epsilon],
            |x, g, [h]| {
                let h = h + g * g;
                (x - learning_rate * g / (Real::sqrt(h) + epsilon), [h])
            }
        )
    }

    /// AdaDelta: `s = rho s + (1 - rho) g²`, `d = sqrt((u + epsilon) / (s + epsilon)) g`,
    /// `u = rho u + (1 - rho) d²`, `x -= learning_rate * d`.
    ///
    /// # Panics
    /// If the shapes differ, or the parameter is not a float.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let (mut x, mut s, mut u) = (Array::new([1.0]), Array::new([0.0]), Array::new([0.0]));
    /// x.adadelta_step(&Array::new([2.0]), &mut s, &mut u, 1.0, 0.75, 0.0);
    /// assert_eq!((x.item(), s.item(), u.item()), (1.0, 1.0, 0.0));
    /// ```
    #[track_caller]
    pub fn adadelta_step(
        &mut self,
        gradient: &Array,
        s: &mut Array,
        u: &mut Array,
        learning_rate: f64,
        rho: f64,
        epsilon: f64,
    ) {
        let rest = 1.0 - rho;
        step!(
            "adadelta_step",
            self,
            gradient,
            [s, u],
            [learning_rate, rho, rest, epsilon],
            |x, g, [s, u]| {
                let s = rho * s + rest * (g * g);
                let d = Real::sqrt(u + epsilon) / Real::sqrt(s + epsilon) * g;
                let u = rho * u + rest * (d * d);
                (x - learning_rate * d, [s, u])
            }
        )
    }

    /// RMSprop: `s = alpha s + (1 - alpha) g²`, `x -= learning_rate * g / (sqrt(s) + epsilon)`.
    ///
    /// # Panics
    /// If the shapes differ, or the parameter is not a float.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let (mut x, mut s) = (Array::new([1.0]), Array::new([0.0]));
    /// x.rmsprop_step(&Array::new([2.0]), &mut s, 0.5, 0.75, 0.0);
    /// assert_eq!((x.item(), s.item()), (0.0, 1.0));
    /// ```
    #[track_caller]
    pub fn rmsprop_step(
        &mut self,
        gradient: &Array,
        s: &mut Array,
        learning_rate: f64,
        alpha: f64,
        epsilon: f64,
    ) {
        let rest = 1.0 - alpha;
        step!(
            "rmsprop_step",
            self,
            gradient,
            [s],
            [learning_rate, alpha, rest, epsilon],
            |x, g, [s]| {
                let s = alpha * s + rest * (g * g);
                (x - learning_rate * g / (Real::sqrt(s) + epsilon), [s])
            }
        )
    }

    /// Adam and AdamW: see [`AdamStep`].
    ///
    /// # Panics
    /// If the shapes differ, or the parameter is not a float.
    ///
    /// ```
    /// use dezero_array::{AdamStep, Array, DType};
    /// let (lr, beta1, beta2, t) = (0.1, 0.9, 0.999, 1);
    /// let mut x = Array::new([1.0]);
    /// let (mut m, mut v) = (Array::zeros([1], DType::F64), Array::zeros([1], DType::F64));
    /// let step = AdamStep {
    ///     step_size: lr / (1.0 - f64::powi(beta1, t)),
    ///     beta1,
    ///     beta2,
    ///     epsilon: 1e-8,
    ///     root_correction: (1.0 - f64::powi(beta2, t)).sqrt(),
    ///     decay: 1.0,
    /// };
    /// x.adam_step(&Array::new([3.0]), &mut m, &mut v, step);
    /// assert!((x.item() - 0.9).abs() < 1e-9);
    /// ```
    #[track_caller]
    pub fn adam_step(&mut self, gradient: &Array, m: &mut Array, v: &mut Array, step: AdamStep) {
        let AdamStep {
            step_size,
            beta1,
            beta2,
            epsilon,
            root_correction,
            decay,
        } = step;
        let (rest1, rest2) = (1.0 - beta1, 1.0 - beta2);
        step!(
            "adam_step",
            self,
            gradient,
            [m, v],
            [
                step_size,
                beta1,
                beta2,
                rest1,
                rest2,
                epsilon,
                root_correction,
                decay
            ],
            |x, g, [m, v]| {
                let m = beta1 * m + rest1 * g;
                let v = beta2 * v + rest2 * (g * g);
                let root = Real::sqrt(v) / root_correction + epsilon;
                (decay * x - step_size * m / root, [m, v])
            }
        )
    }
}
