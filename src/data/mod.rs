//! Datasets, what is done to their samples, and loaders that make batches of them.
//!
//! ```
//! use dezero::data::{DataLoader, Split, digits};
//!
//! let loader = DataLoader::new(digits(Split::Train).flatten(), 100).shuffle(true);
//! for (x, t) in &loader {
//!     assert_eq!(x.shape(), &[t.len(), 64]);
//! }
//! ```
//!
//! A [`Dataset`] has numbered samples; a [`Sample`] knows how to make a batch; a [`Transform`]
//! changes samples as they are loaded; a [`DataLoader`] goes through a dataset once an epoch.

mod array_transforms;
mod char_corpus;
mod cifar;
mod class_names;
mod dataset;
mod digits;
#[cfg(feature = "download")]
mod download;
mod folders;
mod idx;
mod image;
mod image_dataset;
#[cfg(feature = "image")]
mod image_file;
#[cfg(feature = "image")]
mod image_folder;
mod image_transforms;
mod loader;
mod mnist;
mod plan;
mod prefetch;
mod resample;
mod sample;
mod sample_random;
mod seq_loader;
mod sine_curve;
mod spiral;
mod tar_gz;
mod transform;

pub use array_transforms::{AsType, Flatten, Normalize, ToFloat};
pub use char_corpus::{CharCorpus, CharWindows, shakespeare, shakespeare_in};
pub use cifar::{CIFAR10_CLASSES, Cifar100Labels, cifar10, cifar10_in, cifar100, cifar100_in};
pub use class_names::read_class_names;
pub use dataset::{ArrayDataset, Dataset, MapSample, MapT, MapX, Split, Subset};
pub use digits::digits;
pub use idx::{Idx, read_idx};
pub use image::{Image, ImageMode};
pub use image_dataset::ImageDataset;
#[cfg(feature = "image")]
pub use image_folder::ImageFolder;
pub use image_transforms::{
    CenterCrop, Convert, RandomCrop, RandomHorizontalFlip, Resize, ToArray, ToImage,
};
pub(crate) use loader::LoaderPosition;
pub use loader::{Batches, DataLoader};
pub use mnist::{FASHION_MNIST_CLASSES, fashion_mnist, fashion_mnist_in, mnist, mnist_in};
pub use sample::{Labelled, Sample};
pub use sample_random::with_random_state;
pub use seq_loader::SeqDataLoader;
pub use sine_curve::{draw_sine_curve, sine_curve};
pub use spiral::{draw_spiral, spiral};
pub use transform::{Compose, Transform};
