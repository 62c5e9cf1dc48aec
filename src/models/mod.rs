//! Models: whole networks.

mod mlp;

pub use mlp::Mlp;
