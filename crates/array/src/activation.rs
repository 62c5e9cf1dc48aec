//! Activation functions, and their first-order gradients as one pass over memory.
//!
//! A gradient takes what the backward pass has: the output `y` where the derivative is a function
//! of it (tanh, sigmoid), otherwise the input `x`; and `gy`, the gradient of the output.

use crate::cpu::map::map;
use crate::cpu::simd::Cost;
use crate::cpu::vector_math::{self, Real};
use crate::cpu::zip::zip;
use crate::{Array, DType, match_dtype};

/// Arithmetic of [`Real`] with one parameter of the function, already rounded to the dtype.
macro_rules! activations {
    ($(
        $(#[$doc:meta])* $name:ident $(($parameter:ident))? $cost:ident
        |$x:ident| <$T:ident> $eval:expr;
    )*) => {$(
        mod $name {
            use super::*;
            #[inline(always)]
            pub(super) fn eval<$T: Real>($x: $T $(, $parameter: $T)?) -> $T {
                $eval
            }
        }
        impl Array {
            $(#[$doc])*
            #[inline]
            pub fn $name(&self $(, $parameter: f64)?) -> Array {
                match_dtype!(floats self.dtype(), T => {
                    $(let $parameter = <T as Real>::from_f64($parameter);)?
                    map::<T, T>(
                        self, Cost::$cost,
                        #[inline(always)] move |x| $name::eval(x $(, $parameter)?),
                    )
                }, else self.to_dtype(DType::F64).$name($($parameter)?))
            }
        }
    )*};
}

macro_rules! activation_gradients {
    ($(
        $(#[$doc:meta])* $name:ident $(($parameter:ident))? $cost:ident
        |$x:ident, $gy:ident| <$T:ident> $eval:expr;
    )*) => {$(
        mod $name {
            use super::*;
            #[inline(always)]
            pub(super) fn eval<$T: Real>($x: $T, $gy: $T $(, $parameter: $T)?) -> $T {
                $eval
            }
        }
        impl Array {
            $(#[$doc])*
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[inline]
            #[track_caller]
            pub fn $name(&self, gy: &Array $(, $parameter: f64)?) -> Array {
                if self.dtype() == gy.dtype() {
                    match_dtype!(floats self.dtype(), T => {
                        $(let $parameter = <T as Real>::from_f64($parameter);)?
                        return zip::<T, T, T>(
                            stringify!($name), self, gy, Cost::$cost,
                            #[inline(always)] move |x, gy| $name::eval(x, gy $(, $parameter)?),
                        );
                    }, else ());
                }
                let dtype = self.dtype().promote(gy.dtype()).to_float();
                self.to_dtype(dtype).$name(&gy.to_dtype(dtype) $(, $parameter)?)
            }
        }
    )*};
}

activations! {
    /// `x` where it is positive, `slope * x` elsewhere.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([2.0, -2.0]).leaky_relu(0.5).to_vec::<f64>(), [2.0, -1.0]);
    /// ```
    leaky_relu(slope) Cheap |x| <T> if x >= T::ZERO { x } else { x * slope };
    /// `x` where it is positive, `alpha * (e^x - 1)` elsewhere.
    elu(alpha) Heavy |x| <T> {
        let below = alpha * vector_math::expm1(x);
        if x > T::ZERO { x } else { below }
    };
    /// `x * sigmoid(x)`, also called swish.
    silu Heavy |x| <T> x * vector_math::sigmoid(x);
    /// `x` times the normal distribution function of `x`: `x / 2 * (1 + erf(x / √2))`.
    gelu Heavy |x| <T> x * normal_distribution(x);
    /// The approximation of [`gelu`](Array::gelu) by
    /// `x / 2 * (1 + tanh(√(2/π) * (x + 0.044715 x³)))`.
    gelu_tanh Heavy |x| <T> x * vector_math::sigmoid(tanh_argument(x));
}

activation_gradients! {
    /// The gradient of `y = tanh(x)` by its output: `gy * (1 - y²)`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new(0.5).tanh_grad(&Array::new(2.0)).item(), 1.5);
    /// ```
    tanh_grad Cheap |y, gy| <T> gy * (T::ONE - y * y);
    /// The gradient of `y = sigmoid(x)` by its output: `gy * y * (1 - y)`.
    sigmoid_grad Cheap |y, gy| <T> gy * y * (T::ONE - y);
    /// The gradient of `relu(x)` by its input (or output): `gy` where `x > 0`, 0 elsewhere.
    relu_grad Cheap |x, gy| <T> if x > T::ZERO { gy } else { T::ZERO };
    /// The gradient of `softplus(x)` by its input: `gy * sigmoid(x)`.
    softplus_grad Heavy |x, gy| <T> gy * vector_math::sigmoid(x);
    /// The gradient of `leaky_relu(x, slope)` by its input.
    leaky_relu_grad(slope) Cheap |x, gy| <T> if x > T::ZERO { gy } else { gy * slope };
    /// The gradient of `elu(x, alpha)` by its input: `gy * alpha * e^x` below 0.
    elu_grad(alpha) Heavy |x, gy| <T> {
        let below = gy * alpha * vector_math::exp(x);
        if x > T::ZERO { gy } else { below }
    };
    /// The gradient of `silu(x)` by its input: `gy * s * (1 + x * (1 - s))`, where
    /// `s = sigmoid(x)`.
    silu_grad Heavy |x, gy| <T> {
        let s = vector_math::sigmoid(x);
        gy * (s * (T::ONE + x * (T::ONE - s)))
    };
    /// The gradient of `gelu(x)` by its input: `gy * (Φ(x) + x * φ(x))`.
    gelu_grad Heavy |x, gy| <T> {
        let density = T::from_f64(FRAC_1_SQRT_2PI) * vector_math::exp(x * x * T::from_f64(-0.5));
        gy * (normal_distribution(x) + x * density)
    };
    /// The gradient of `gelu_tanh(x)` by its input.
    gelu_tanh_grad Heavy |x, gy| <T> {
        let s = vector_math::sigmoid(tanh_argument(x));
        let slope = T::from_f64(2.0 * SQRT_2_PI)
            * (T::ONE + T::from_f64(3.0 * GELU_CUBIC) * x * x);
        gy * (s + x * s * (T::ONE - s) * slope)
    };
}

/// √(2/π).
const SQRT_2_PI: f64 = 2.0 * FRAC_1_SQRT_2PI;
const GELU_CUBIC: f64 = 0.044715;

/// 2 √(2/π) (x + 0.044715 x³): (1 + tanh u) / 2 is sigmoid(2u).
#[inline(always)]
fn tanh_argument<T: Real>(x: T) -> T {
    T::from_f64(2.0 * SQRT_2_PI) * x * (T::ONE + T::from_f64(GELU_CUBIC) * x * x)
}

/// 1 / √(2π).
const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;

/// Φ(x), the normal distribution function.
#[inline(always)]
fn normal_distribution<T: Real>(x: T) -> T {
    let half = T::from_f64(0.5);
    half + half * vector_math::erf(x * T::from_f64(std::f64::consts::FRAC_1_SQRT_2))
}
