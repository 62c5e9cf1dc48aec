//! Models: whole networks.

mod lenet;
mod mlp;
mod resnet;
mod resnet_cifar;
mod squeezenet;
mod vgg;

pub use lenet::LeNet;
pub use mlp::Mlp;
pub use resnet::ResNet;
pub use resnet_cifar::ResNetCifar;
pub use squeezenet::SqueezeNet;
pub use vgg::Vgg16;
