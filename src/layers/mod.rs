//! Layers: parameters together with what is computed from them.
//!
//! ```
//! use dezero::layers::{Linear, Sequential};
//! use dezero::{Array, Layer, Variable};
//!
//! let model = Sequential::new().add(Linear::new(10)).add(Variable::tanh).add(Linear::new(1));
//! let y = model.forward(&Variable::constant(Array::ones([4, 3], dezero::DType::F32)));
//! assert_eq!(&y.shape()[..], &[4, 1]);
//! assert_eq!(model.num_params(), 3 * 10 + 10 + 10 + 1);
//! ```

mod affine;
mod batch_norm;
mod conv;
mod dropout;
mod embedding;
mod group_norm;
mod initializer;
mod layer;
mod layer_norm;
mod linear;
mod pooling;
mod recurrent;
mod sequential;

pub use batch_norm::BatchNorm;
pub use conv::{Conv1d, Conv2d, ConvTranspose2d, IntoPair};
pub use dezero_derive::Layer;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use group_norm::GroupNorm;
pub use initializer::Initializer;
pub use layer::{Layer, LayerField, Leaf, Module, Visitor};
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use pooling::{AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool, MaxPool2d};
pub use recurrent::{Cell, Gru, GruCell, Lstm, LstmCell, Recurrent, Rnn, RnnCell};
pub use sequential::{Activation, IntoModule, Sequential};
