//! The compiled part of the Python package: the engine under NumPy's manners.

mod batch_norm;
mod call;
mod convolution;
mod derivatives;
mod exchange;
mod foreign;
mod function;
mod functions;
mod indices;
mod layer_output;
mod methods;
mod ndarray;
mod operators;
mod optimizers;
mod pair;
mod pooling;
mod value;
mod variable;
mod windows;

use pyo3::prelude::*;

// `Attached` counts on the interpreter's lock.
#[pymodule(gil_used = true)]
mod _dezero {
    use super::*;

    #[pymodule_export]
    use crate::batch_norm::batch_norm;
    #[pymodule_export]
    use crate::convolution::{conv2d, deconv2d};
    #[pymodule_export]
    use crate::derivatives::{grad, hessian, hvp, jacobian, jvp, vjp};
    #[pymodule_export]
    use crate::function::PyFunction;
    #[pymodule_export]
    use crate::functions::{
        abs, accuracy, add, binary_cross_entropy, broadcast_to, clip, cos, div, exp, gelu,
        leaky_relu, linear, log, log_softmax, matmul, max, mean, mean_squared_error, min, mul, neg,
        pow, rdiv, relu, reshape, rsub, sigmoid, sigmoid_cross_entropy, silu, sin, softmax,
        softmax_cross_entropy, softplus, sqrt, sub, sum, sum_to, tan, tanh, transpose,
    };
    #[pymodule_export]
    use crate::indices::{get_item, get_item_grad};
    #[pymodule_export]
    use crate::layer_output::LayerOutput;
    #[pymodule_export]
    use crate::ndarray::Memory;
    #[pymodule_export]
    use crate::optimizers::{
        adadelta_step, adagrad_step, adam_step, decay_step, momentum_step, scale_step, sgd_step,
        squared_norm, zeros_like,
    };
    #[pymodule_export]
    use crate::pooling::{average_pooling, pooling};
    #[pymodule_export]
    use crate::variable::{PyParameter, PyVariable};
    #[pymodule_export]
    use crate::windows::{col2im, im2col};

    #[pyfunction]
    fn set_enable_backprop(enable: bool) {
        call::set_enable_backprop(enable);
    }

    #[pyfunction]
    fn is_recording() -> bool {
        call::is_recording()
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        call::silence_caught_panics();
        // The book's programs look at the graph: functions have all their inputs.
        dezero::keep_inputs(true);
        Ok(())
    }
}
