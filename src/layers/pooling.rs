//! Pooling as layers, to be chained with others.

use super::conv::IntoPair;
use super::layer::module;
use super::{Layer, Module};
use crate::functions::Pool2dParams;
use crate::variable::{AsVariable, Variable};

/// The settings that pooling layers share.
macro_rules! window_settings {
    ($Layer:ident) => {
        /// Sets the steps between windows, which lie side by side otherwise.
        #[must_use]
        pub fn stride(mut self, stride: impl IntoPair) -> $Layer {
            self.params.stride = stride.into_pair();
            self
        }

        /// Sets how many pixels are put around the image, on each side.
        #[must_use]
        pub fn padding(mut self, padding: impl IntoPair) -> $Layer {
            self.params.padding = padding.into_pair();
            self
        }
    };
}

module!(MaxPool2d, AvgPool2d, GlobalAvgPool, AdaptiveAvgPool2d);

/// The largest number of each window; see [`Variable::max_pool2d`].
///
/// ```
/// use dezero::layers::MaxPool2d;
/// use dezero::{Array, DType};
/// let y = MaxPool2d::new(3).stride(2).padding(1).forward(Array::ones([1, 2, 8, 8], DType::F32));
/// assert_eq!(&y.shape()[..], &[1, 2, 4, 4]);
/// ```
#[derive(Debug, Layer)]
pub struct MaxPool2d {
    #[layer(skip)]
    params: Pool2dParams,
}

impl MaxPool2d {
    /// Windows of `kernel_size`, side by side.
    pub fn new(kernel_size: impl IntoPair) -> MaxPool2d {
        let params = Pool2dParams::new(kernel_size.into_pair());
        MaxPool2d { params }
    }

    window_settings!(MaxPool2d);

    /// Applies the layer.
    ///
    /// # Panics
    /// As [`Variable::max_pool2d`].
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        x.as_variable().max_pool2d(self.params)
    }
}

/// The mean of each window; see [`Variable::avg_pool2d`]. Padding counts in the divisor.
///
/// ```
/// use dezero::layers::AvgPool2d;
/// use dezero::{Array, DType};
/// let y = AvgPool2d::new((2, 4)).forward(Array::ones([1, 2, 8, 8], DType::F32));
/// assert_eq!(&y.shape()[..], &[1, 2, 4, 2]);
/// ```
#[derive(Debug, Layer)]
pub struct AvgPool2d {
    #[layer(skip)]
    params: Pool2dParams,
}

impl AvgPool2d {
    /// Windows of `kernel_size`, side by side.
    pub fn new(kernel_size: impl IntoPair) -> AvgPool2d {
        let params = Pool2dParams::new(kernel_size.into_pair());
        AvgPool2d { params }
    }

    window_settings!(AvgPool2d);

    /// Applies the layer.
    ///
    /// # Panics
    /// As [`Variable::avg_pool2d`].
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        x.as_variable().avg_pool2d(self.params, true)
    }
}

/// The mean of each plane, (N, C, H, W) to (N, C); see [`Variable::global_avg_pool`].
///
/// ```
/// use dezero::layers::GlobalAvgPool;
/// use dezero::{Array, DType};
/// let y = GlobalAvgPool::new().forward(Array::ones([4, 2, 8, 8], DType::F32));
/// assert_eq!(&y.shape()[..], &[4, 2]);
/// ```
#[derive(Debug, Layer)]
pub struct GlobalAvgPool {}

impl GlobalAvgPool {
    /// The layer; it has no settings.
    #[allow(clippy::new_without_default)] // no other layer has a default
    pub fn new() -> GlobalAvgPool {
        GlobalAvgPool {}
    }

    /// Applies the layer.
    ///
    /// # Panics
    /// If x has not four axes.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        x.as_variable().global_avg_pool()
    }
}

/// The means of as many windows as the output has pixels; see [`Variable::adaptive_avg_pool2d`].
///
/// ```
/// use dezero::layers::AdaptiveAvgPool2d;
/// use dezero::{Array, DType};
/// let y = AdaptiveAvgPool2d::new((3, 2)).forward(Array::ones([4, 2, 8, 8], DType::F32));
/// assert_eq!(&y.shape()[..], &[4, 2, 3, 2]);
/// ```
#[derive(Debug, Layer)]
pub struct AdaptiveAvgPool2d {
    output_size: (usize, usize),
}

impl AdaptiveAvgPool2d {
    /// Rows and columns of the result.
    pub fn new(output_size: impl IntoPair) -> AdaptiveAvgPool2d {
        let output_size = output_size.into_pair();
        AdaptiveAvgPool2d { output_size }
    }

    /// Applies the layer.
    ///
    /// # Panics
    /// If x has not four axes, or no pixels.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        x.as_variable().adaptive_avg_pool2d(self.output_size)
    }
}
