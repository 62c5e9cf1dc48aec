//! [`ResNet`]: residual networks for ImageNet.

use dezero_array::Pool2dParams;

use crate::layers::{BatchNorm, Conv2d, Initializer, Layer, Linear, Module, Visitor};
use crate::variable::{AsVariable, Variable};

/// A convolution and its normalisation.
#[derive(Debug)]
struct Normalized {
    conv: Conv2d,
    bn: BatchNorm,
}

impl Normalized {
    fn new(conv: Conv2d, eps: f64) -> Normalized {
        Normalized {
            conv: conv.initializer(Initializer::HeNormal),
            bn: BatchNorm::new().eps(eps),
        }
    }

    #[track_caller]
    fn forward(&self, x: &Variable) -> Variable {
        self.bn.forward(self.conv.forward(x))
    }
}

/// y = relu(f(x) + x), where x takes a convolution if the shapes differ.
#[derive(Debug)]
struct Block {
    path: Vec<Normalized>,
    shortcut: Option<Normalized>,
}

impl Block {
    /// Two 3x3 convolutions.
    fn basic(out: usize, stride: usize, project: bool) -> Block {
        let conv = |stride| Conv2d::new(out, 3).stride(stride).padding(1).bias(false);
        let shortcut = Conv2d::new(out, 1).stride(stride).bias(false);
        Block {
            path: vec![
                Normalized::new(conv(stride), 1e-5),
                Normalized::new(conv(1), 1e-5),
            ],
            shortcut: project.then(|| Normalized::new(shortcut, 1e-5)),
        }
    }

    /// Channels down by 1x1, a 3x3, and up by 1x1.
    fn bottleneck(middle: usize, stride: usize, project: bool) -> Block {
        let pixelwise = |out, stride| Conv2d::new(out, 1).stride(stride).bias(false);
        Block {
            path: vec![
                Normalized::new(pixelwise(middle, stride), 2e-5),
                Normalized::new(Conv2d::new(middle, 3).padding(1).bias(false), 2e-5),
                Normalized::new(pixelwise(4 * middle, 1), 2e-5),
            ],
            shortcut: project.then(|| Normalized::new(pixelwise(4 * middle, stride), 2e-5)),
        }
    }

    #[track_caller]
    fn forward(&self, x: &Variable) -> Variable {
        let mut y = x.clone();
        for (i, step) in self.path.iter().enumerate() {
            if i > 0 {
                y = y.relu();
            }
            y = step.forward(&y);
        }
        match &self.shortcut {
            Some(shortcut) => (y + shortcut.forward(x)).relu(),
            None => (y + x).relu(),
        }
    }
}

impl Layer for Block {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        for (i, step) in self.path.iter().chain(&self.shortcut).enumerate() {
            visitor.field(&format!("conv{}", i + 1), &step.conv);
            visitor.field(&format!("bn{}", i + 1), &step.bn);
        }
    }
}

/// Residual networks (He et al., 2015) with 18, 34, 50, 101 or 152 layers: `ResNet` of the book.
///
/// Shapes: x (N, 3, H, W), for ImageNet 224 x 224, the result (N, classes). Names are those of the book's
/// files: `conv1/W`, `bn1/gamma`, `res2/a/conv1/W`, `res2/b1/bn2/avg_mean`, …, `fc6/b`.
///
/// With 50 layers and more it is the network of the book and of Chainer, after the authors' own: blocks
/// halve the image in their first 1x1 convolution, conv1 has a bias, the first pooling has no padding,
/// eps is 2e-5. With 18 and 34 layers, which the book lacks, it is torchvision's: no bias, padding 1,
/// eps 1e-5.
///
/// ```
/// use dezero::models::ResNet;
/// use dezero::{Array, DType, Layer, no_grad, test_mode};
/// let model = ResNet::new(18, 10);
/// let x = Array::ones([1, 3, 32, 32], DType::F32);
/// let y = no_grad(|| test_mode(|| model.forward(x)));
/// assert_eq!(&y.shape()[..], &[1, 10]);
/// assert_eq!(model.num_params(), 11_181_642);
/// ```
#[derive(Debug)]
pub struct ResNet {
    stem: Normalized,
    pool: Pool2dParams,
    stages: Vec<Vec<Block>>,
    fc6: Linear,
}

impl ResNet {
    /// A network of `n_layers` layers with weights drawn at the first call; `classes` is 1000 for
    /// ImageNet.
    ///
    /// # Panics
    /// If `n_layers` is not 18, 34, 50, 101 or 152.
    #[track_caller]
    pub fn new(n_layers: usize, classes: usize) -> ResNet {
        let blocks = match n_layers {
            18 => [2, 2, 2, 2],
            34 | 50 => [3, 4, 6, 3],
            101 => [3, 4, 23, 3],
            152 => [3, 8, 36, 3],
            _ => panic!(
                "ResNet: there are networks of 18, 34, 50, 101 and 152 layers, not {n_layers}"
            ),
        };
        let deep = n_layers >= 50;
        let mut stages = Vec::with_capacity(blocks.len());
        for (i, &count) in blocks.iter().enumerate() {
            let channels = 64 << i;
            let mut stage = Vec::with_capacity(count);
            for j in 0..count {
                let stride = if i > 0 && j == 0 { 2 } else { 1 };
                stage.push(match deep {
                    true => Block::bottleneck(channels, stride, j == 0),
                    // Of the first stage input and output have the same shape.
                    false => Block::basic(channels, stride, i > 0 && j == 0),
                });
            }
            stages.push(stage);
        }
        let conv1 = Conv2d::new(64, 7).stride(2).padding(3).bias(deep);
        ResNet {
            stem: Normalized::new(conv1, if deep { 2e-5 } else { 1e-5 }),
            pool: Pool2dParams {
                stride: (2, 2),
                padding: if deep { (0, 0) } else { (1, 1) },
                ..Pool2dParams::new((3, 3))
            },
            stages,
            fc6: Linear::new(classes),
        }
    }

    /// Applies the network.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        self.fc6.forward(self.features(x).global_avg_pool())
    }

    /// What the last convolutions see, before the mean of each plane: (N, channels, H / 32, W / 32).
    #[track_caller]
    pub fn features(&self, x: impl AsVariable) -> Variable {
        let mut x = self
            .stem
            .forward(&x.as_variable())
            .relu()
            .max_pool2d(self.pool);
        for stage in &self.stages {
            for block in stage {
                x = block.forward(&x);
            }
        }
        x
    }
}

impl Layer for ResNet {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.field("conv1", &self.stem.conv);
        visitor.field("bn1", &self.stem.bn);
        for (i, stage) in self.stages.iter().enumerate() {
            for (j, block) in stage.iter().enumerate() {
                let name = match j {
                    0 => format!("res{}/a", i + 2),
                    _ => format!("res{}/b{j}", i + 2),
                };
                visitor.field(&name, block);
            }
        }
        visitor.field("fc6", &self.fc6);
    }
}

impl Module for ResNet {
    #[track_caller]
    fn forward(&self, x: &Variable) -> Variable {
        ResNet::forward(self, x)
    }
}
