//! The operations, grouped by theme; each lives in one place: forward, backward, documentation and
//! gradient check together.
//!
//! Operations on one tensor are methods of [`Variable`](crate::Variable); those that join several are functions
//! here.

mod activation;
pub(crate) mod arithmetic;
mod batch_norm;
mod checkpoint;
mod comparison;
mod conv1d;
mod convolution;
mod dropout;
mod elementary;
mod embed;
mod im2col;
mod index;
mod join;
pub(crate) mod linear;
mod loss;
mod matmul;
mod normalization;
pub(crate) mod number;
mod pooling;
mod power;
mod recurrent;
pub(crate) mod recurrent_sequence;
mod reduction;
#[cfg(test)]
mod sample_images;
pub(crate) mod shape;
mod unary;
mod upsample;

pub use batch_norm::{BatchStatistics, batch_norm, fixed_batch_norm, group_norm};
pub use checkpoint::{checkpoint, checkpoint_many};
pub use comparison::{maximum, minimum, where_};
pub use conv1d::{Conv1dParams, conv1d};
pub use convolution::{conv_transpose2d, conv2d};
pub use dezero_array::{Conv2dParams, Pool2dParams};
pub use embed::embed_id;
pub use join::{concatenate, split, stack};
pub use linear::linear;
pub use loss::{
    accuracy, binary_cross_entropy, huber, mean_squared_error, sigmoid_cross_entropy,
    softmax_cross_entropy,
};
pub use normalization::layer_norm;
#[doc(hidden)]
pub use power::PowNumber;
pub use recurrent::{gru_cell, lstm_cell};
pub use recurrent_sequence::{gru_sequence, lstm_sequence, rnn_sequence};
