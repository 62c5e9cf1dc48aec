//! [`SqueezeNet`]: a small network for ImageNet.

use dezero_array::{Array, Pool2dParams};

use crate::data::{CenterCrop, Convert, Image, ImageMode, Resize, ToArray, Transform};
use crate::functions;
use crate::layers::{Conv2d, Initializer, Layer, Module};
use crate::variable::{AsVariable, Variable};

/// Channels squeezed by 1x1, then expanded by 1x1 and by 3x3 side by side.
#[derive(Debug, Layer)]
struct Fire {
    #[layer(name = "conv1x1_1")]
    squeeze: Conv2d,
    #[layer(name = "conv1x1_2")]
    expand1: Conv2d,
    #[layer(name = "conv3x3_2")]
    expand3: Conv2d,
}

impl Fire {
    fn new(squeezed: usize) -> Fire {
        let he = |conv: Conv2d| conv.initializer(Initializer::HeNormal);
        Fire {
            squeeze: he(Conv2d::new(squeezed, 1)),
            expand1: he(Conv2d::new(4 * squeezed, 1)),
            expand3: he(Conv2d::new(4 * squeezed, 3).padding(1)),
        }
    }

    #[track_caller]
    fn forward(&self, x: &Variable) -> Variable {
        let x = self.squeeze.forward(x).relu();
        let (y1, y3) = (
            self.expand1.forward(&x).relu(),
            self.expand3.forward(&x).relu(),
        );
        functions::concatenate(&[&y1, &y3], 1)
    }
}

/// SqueezeNet 1.0 (Iandola et al., 2016): AlexNet's accuracy with a fiftieth of its parameters.
///
/// Shapes: x (N, 3, 227, 227), as [`preprocess`](SqueezeNet::preprocess) makes it, the result
/// (N, classes). Parameters: `conv1/W`, `conv1/b`, `fire2/conv1x1_1/W`, …, `conv_final/b`, as in the
/// authors' compressed file.
///
/// ```
/// use dezero::models::SqueezeNet;
/// use dezero::{Array, DType, Layer, no_grad, test_mode};
/// let model = SqueezeNet::new(10);
/// let x = Array::ones([1, 3, 64, 64], DType::F32);
/// let y = no_grad(|| test_mode(|| model.forward(x)));
/// assert_eq!(&y.shape()[..], &[1, 10]);
/// assert_eq!(model.num_params(), 740_554);
/// ```
#[derive(Debug, Layer)]
pub struct SqueezeNet {
    conv1: Conv2d,
    fire2: Fire,
    fire3: Fire,
    fire4: Fire,
    fire5: Fire,
    fire6: Fire,
    fire7: Fire,
    fire8: Fire,
    fire9: Fire,
    conv_final: Conv2d,
}

impl SqueezeNet {
    /// The network with weights drawn at the first call; `classes` is 1000 for ImageNet.
    pub fn new(classes: usize) -> SqueezeNet {
        SqueezeNet {
            conv1: Conv2d::new(96, 7)
                .stride(2)
                .initializer(Initializer::HeNormal),
            fire2: Fire::new(16),
            fire3: Fire::new(16),
            fire4: Fire::new(32),
            fire5: Fire::new(32),
            fire6: Fire::new(48),
            fire7: Fire::new(48),
            fire8: Fire::new(64),
            fire9: Fire::new(64),
            // The zeros around the image are the authors': with them the published weights were trained.
            conv_final: Conv2d::new(classes, 1)
                .padding(1)
                .initializer(Initializer::Normal(0.01)),
        }
    }

    /// An image as the published weights want it: the square in the middle, resized to 227 x 227, blue
    /// before green before red, less the mean colour of ImageNet, of shape (3, 227, 227).
    ///
    /// ```
    /// use dezero::data::{Image, ImageMode};
    /// use dezero::models::SqueezeNet;
    /// let image = Image::new(vec![200; 30 * 40 * 3], [30, 40], ImageMode::Rgb);
    /// let x = SqueezeNet::preprocess(&image);
    /// assert_eq!(x.shape(), &[3, 227, 227]);
    /// assert_eq!(x.to_vec::<f32>()[0], 200.0 - 104.0);
    /// ```
    pub fn preprocess(image: &Image) -> Array {
        const MEAN: [f32; 3] = [104.0, 117.0, 123.0];
        let side = image.height().min(image.width());
        let square = CenterCrop(side, side).apply(image.convert(ImageMode::Rgb));
        let pixels = (Resize::to(227, 227), Convert(ImageMode::Bgr), ToArray).apply(square);
        pixels - Array::new(MEAN).reshape([3, 1, 1])
    }

    /// Applies the network.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        self.classify(self.features(x))
    }

    /// What the last fire module sees: (N, 512, H / 16, W / 16), about.
    #[track_caller]
    pub fn features(&self, x: impl AsVariable) -> Variable {
        let pool = Pool2dParams {
            stride: (2, 2),
            ..Pool2dParams::new((3, 3))
        };
        let mut x = self.conv1.forward(x).relu().max_pool2d(pool);
        for fire in [&self.fire2, &self.fire3, &self.fire4] {
            x = fire.forward(&x);
        }
        x = x.max_pool2d(pool);
        for fire in [&self.fire5, &self.fire6, &self.fire7, &self.fire8] {
            x = fire.forward(&x);
        }
        self.fire9.forward(&x.max_pool2d(pool))
    }

    /// Features to the scores of the classes, (N, classes).
    #[track_caller]
    pub fn classify(&self, features: impl AsVariable) -> Variable {
        let x = features.as_variable().dropout(0.5);
        self.conv_final.forward(x).relu().global_avg_pool()
    }
}

impl Module for SqueezeNet {
    #[track_caller]
    fn forward(&self, x: &Variable) -> Variable {
        SqueezeNet::forward(self, x)
    }
}
