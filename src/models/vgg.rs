//! [`Vgg16`]: thirteen convolutions and three fully connected layers.

use dezero_array::{Array, Pool2dParams};

use crate::data::{Convert, Image, ImageMode, Resize, ToArray, Transform};
use crate::layers::{Conv2d, Layer, Linear, Module, Visitor};
use crate::variable::{AsVariable, Variable};

/// Convolutions of each block and their channels; pooling halves the image after each block.
const BLOCKS: [(usize, usize); 5] = [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)];

/// VGG16 (Simonyan and Zisserman, 2014): `VGG16` of the book.
///
/// Shapes: x (N, 3, H, W), as [`preprocess`](Vgg16::preprocess) makes it, the result (N, classes). The
/// fully connected layers fix H and W at the first call or with the weights: 224 for the published
/// ones. Parameters have the names of the book's file: `conv1_1/W`, `conv1_1/b`, …, `fc8/b`.
///
/// ```
/// use dezero::models::Vgg16;
/// use dezero::{Array, DType, no_grad, test_mode};
/// let model = Vgg16::new(10);
/// let x = Array::ones([1, 3, 32, 32], DType::F32);
/// let y = no_grad(|| test_mode(|| model.forward(x)));
/// assert_eq!(&y.shape()[..], &[1, 10]);
/// ```
#[derive(Debug)]
pub struct Vgg16 {
    blocks: Vec<Vec<Conv2d>>,
    fc6: Linear,
    fc7: Linear,
    fc8: Linear,
}

impl Vgg16 {
    /// The network with weights drawn at the first call; `classes` is 1000 for ImageNet.
    pub fn new(classes: usize) -> Vgg16 {
        let block = |&(convs, channels)| {
            let conv = |_| Conv2d::new(channels, 3).padding(1);
            (0..convs).map(conv).collect()
        };
        Vgg16 {
            blocks: BLOCKS.iter().map(block).collect(),
            fc6: Linear::new(4096),
            fc7: Linear::new(4096),
            fc8: Linear::new(classes),
        }
    }

    /// An image as the published weights want it: resized to 224 x 224, blue before green before red,
    /// less the mean colour of ImageNet, of shape (3, 224, 224).
    ///
    /// ```
    /// use dezero::data::{Image, ImageMode};
    /// use dezero::models::Vgg16;
    /// let x = Vgg16::preprocess(&Image::new(vec![200; 30 * 40 * 3], [30, 40], ImageMode::Rgb));
    /// assert_eq!(x.shape(), &[3, 224, 224]);
    /// assert_eq!(x.to_vec::<f32>()[0], 200.0 - 103.939);
    /// ```
    pub fn preprocess(image: &Image) -> Array {
        const MEAN: [f32; 3] = [103.939, 116.779, 123.68];
        let to_array = (Resize::to(224, 224), Convert(ImageMode::Bgr), ToArray);
        let pixels = to_array.apply(image.convert(ImageMode::Rgb));
        pixels - Array::new(MEAN).reshape([3, 1, 1])
    }

    /// Applies the network.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        let mut x = x.as_variable();
        for block in &self.blocks {
            for conv in block {
                x = conv.forward(&x).relu();
            }
            x = x.max_pool2d(Pool2dParams::new((2, 2)));
        }
        x = x.reshape([x.len(), x.shape()[1..].iter().product()]);
        x = self.fc6.forward(&x).relu().dropout(0.5);
        x = self.fc7.forward(&x).relu().dropout(0.5);
        self.fc8.forward(&x)
    }

    /// What each of the thirteen convolutions gives, after its ReLU, in their order: `conv1_1`, `conv1_2`, …
    /// The image may have any size of at least 16 x 16 pixels.
    ///
    /// ```
    /// use dezero::models::Vgg16;
    /// use dezero::{Array, DType};
    /// let features = Vgg16::new(10).features(Array::ones([1, 3, 16, 24], DType::F32));
    /// assert_eq!(&features[9].shape()[..], &[1, 512, 2, 3]); // conv4_3
    /// ```
    #[track_caller]
    pub fn features(&self, x: impl AsVariable) -> Vec<Variable> {
        let mut x = x.as_variable();
        let mut features: Vec<Variable> = Vec::with_capacity(13);
        for (i, block) in self.blocks.iter().enumerate() {
            if i > 0 {
                x = x.max_pool2d(Pool2dParams::new((2, 2)));
            }
            for conv in block {
                x = conv.forward(&x).relu();
                features.push(x.clone());
            }
        }
        features
    }
}

impl Layer for Vgg16 {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        for (i, block) in self.blocks.iter().enumerate() {
            for (j, conv) in block.iter().enumerate() {
                visitor.field(&format!("conv{}_{}", i + 1, j + 1), conv);
            }
        }
        visitor.field("fc6", &self.fc6);
        visitor.field("fc7", &self.fc7);
        visitor.field("fc8", &self.fc8);
    }
}

impl Module for Vgg16 {
    #[track_caller]
    fn forward(&self, x: &Variable) -> Variable {
        Vgg16::forward(self, x)
    }
}
