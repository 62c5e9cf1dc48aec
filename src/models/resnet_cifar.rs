//! [`ResNetCifar`]: residual networks for small images.

use std::path::Path;

use crate::error::Result;
use crate::layers::{BatchNorm, Conv2d, Initializer, Layer, Linear, Module};
use crate::variable::{AsVariable, Variable};
use crate::weights;

/// y = relu(f(x) + x); where f halves the image, x is subsampled and gets channels of zeros ("option A":
/// shortcuts without parameters).
#[derive(Debug, Layer)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    channels: usize,
    stride: usize,
}

impl Block {
    fn new(channels: usize, stride: usize) -> Block {
        Block {
            conv1: conv(channels, stride),
            bn1: bn(),
            conv2: conv(channels, 1),
            bn2: bn(),
            channels,
            stride,
        }
    }

    #[track_caller]
    fn forward(&self, x: &Variable) -> Variable {
        let y = self.bn1.forward(self.conv1.forward(x)).relu();
        let y = self.bn2.forward(self.conv2.forward(y));
        (y + self.shortcut(x)).relu()
    }

    #[track_caller]
    fn shortcut(&self, x: &Variable) -> Variable {
        let missing = self.channels - x.shape()[1];
        if self.stride == 1 && missing == 0 {
            return x.clone();
        }
        let step = self.stride as isize;
        let x = x.get(crate::s![.., .., ..;step, ..;step]);
        let widths = [(0, 0), (missing / 2, missing - missing / 2), (0, 0), (0, 0)];
        x.pad(widths, 0.0)
    }
}

fn conv(channels: usize, stride: usize) -> Conv2d {
    let conv = Conv2d::new(channels, 3)
        .stride(stride)
        .padding(1)
        .bias(false);
    conv.initializer(Initializer::HeNormal)
}

fn bn() -> BatchNorm {
    BatchNorm::new().eps(1e-5)
}

/// The residual networks for CIFAR (He et al., 2015, section 4.2) with 6n + 2 layers: 20, 32, 44, 56, 110.
///
/// Shapes: x (N, 3, 32, 32), the result (N, classes). Parameters: `conv1/W`, `bn1/gamma`,
/// `layer1/0/conv1/W`, …, `linear/W`.
///
/// ```
/// use dezero::models::ResNetCifar;
/// use dezero::{Array, DType, Layer, no_grad, test_mode};
/// let model = ResNetCifar::new(20, 10);
/// let x = Array::ones([2, 3, 32, 32], DType::F32);
/// let y = no_grad(|| test_mode(|| model.forward(x)));
/// assert_eq!(&y.shape()[..], &[2, 10]);
/// assert_eq!(model.num_params(), 269_722);
/// ```
#[derive(Debug, Layer)]
pub struct ResNetCifar {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    linear: Linear,
}

impl ResNetCifar {
    /// A network of `n_layers` layers with weights drawn at the first call.
    ///
    /// # Panics
    /// If `n_layers` is not 6n + 2.
    #[track_caller]
    pub fn new(n_layers: usize, classes: usize) -> ResNetCifar {
        if n_layers < 8 || !(n_layers - 2).is_multiple_of(6) {
            panic!("ResNetCifar: the number of layers is 6n + 2 (20, 56, …), not {n_layers}");
        }
        let stage = |channels: usize, stride: usize| {
            let block = |i| Block::new(channels, if i == 0 { stride } else { 1 });
            (0..(n_layers - 2) / 6).map(block).collect()
        };
        ResNetCifar {
            conv1: conv(16, 1),
            bn1: bn(),
            layer1: stage(16, 1),
            layer2: stage(32, 2),
            layer3: stage(64, 2),
            linear: Linear::new(classes),
        }
    }

    /// Reads weights that PyTorch saved: `weight`, `bias`, `running_mean` and `running_var` take the
    /// names that layers have here, and the fully connected layer is transposed.
    ///
    /// # Errors
    /// If the file cannot be read, is broken, or does not fit. The model is then as it was.
    pub fn load_pytorch_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let mut renamed = Vec::new();
        for (name, array) in weights::read(path)? {
            let (layer, what) = name.rsplit_once(['/', '.']).unwrap_or(("", &name));
            let layer = layer.replace('.', "/");
            let norm = layer
                .rsplit('/')
                .next()
                .is_some_and(|last| last.starts_with("bn"));
            let what = match what {
                "num_batches_tracked" => continue,
                "weight" if norm => "gamma",
                "bias" if norm => "beta",
                "weight" => "W",
                "bias" => "b",
                "running_mean" => "avg_mean",
                "running_var" => "avg_var",
                other => other,
            };
            let is_matrix = what == "W" && array.ndim() == 2;
            let array = if is_matrix { array.transpose() } else { array };
            renamed.push((format!("{layer}/{what}"), array));
        }
        weights::assign(self, renamed, path)
    }

    /// Applies the network.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        let mut x = self.bn1.forward(self.conv1.forward(x)).relu();
        for block in self.layer1.iter().chain(&self.layer2).chain(&self.layer3) {
            x = block.forward(&x);
        }
        self.linear.forward(x.global_avg_pool())
    }
}

impl Module for ResNetCifar {
    #[track_caller]
    fn forward(&self, x: &Variable) -> Variable {
        ResNetCifar::forward(self, x)
    }
}
