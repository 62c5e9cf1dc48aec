//! [`LeNet`]: a small convolutional network for handwritten digits.

use dezero_array::Pool2dParams;

use crate::layers::{Conv2d, Initializer, Layer, Linear, Module};
use crate::variable::{AsVariable, Variable};

/// Two convolutions with pooling and two fully connected layers, after LeCun's LeNet-5, with ReLU and
/// dropout.
///
/// Shapes: x (N, C, H, W) of at least 4 x 4 pixels, the result (N, classes). Parameters: `conv1/W` (32 filters), `conv2/W` (64),
/// `fc1/W` (128), `fc2/W`, and biases.
///
/// ```
/// use dezero::models::LeNet;
/// use dezero::{Array, DType, Layer};
/// let model = LeNet::new(10);
/// let y = model.forward(Array::ones([2, 1, 28, 28], DType::F32));
/// assert_eq!(&y.shape()[..], &[2, 10]);
/// assert_eq!(model.num_params(), 421_642);
/// ```
#[derive(Debug, Layer)]
pub struct LeNet {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
}

impl LeNet {
    /// The network with weights drawn at the first call.
    pub fn new(classes: usize) -> LeNet {
        let he = Initializer::HeNormal;
        LeNet {
            conv1: Conv2d::new(32, 3).padding(1).initializer(he),
            conv2: Conv2d::new(64, 3).padding(1).initializer(he),
            fc1: Linear::new(128).initializer(he),
            fc2: Linear::new(classes),
        }
    }

    /// Applies the network.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        let pool = Pool2dParams::new((2, 2));
        let x = self.conv1.forward(x).relu().max_pool2d(pool);
        let x = self.conv2.forward(x).relu().max_pool2d(pool);
        let x = x.reshape([x.len(), x.shape()[1..].iter().product()]);
        let x = self.fc1.forward(x).relu().dropout(0.5);
        self.fc2.forward(x)
    }
}

impl Module for LeNet {
    #[track_caller]
    fn forward(&self, x: &Variable) -> Variable {
        LeNet::forward(self, x)
    }
}
