//! [`ImageDataset`]: labelled images of one size, a byte a pixel.

use std::fmt;
use std::sync::Arc;

use dezero_array::Array;

use super::Dataset;

/// Labelled images of one size, kept as bytes; a quarter of the memory of `f32`.
///
/// Sample `i` is the image, `f32` of shape `[channels, height, width]` from 0 to 1, and its class
/// as `i64`. A batch is converted in one pass.
///
/// ```
/// use dezero::data::{Dataset, Split, digits};
///
/// let train = digits(Split::Train);
/// let (x, t) = train.batch(&[0, 1]);
/// assert_eq!((x.shape(), t.shape()), (&[2, 1, 8, 8][..], &[2][..]));
/// let (x, _) = train.flatten().normalize(&[0.5], &[0.5]).batch(&[0, 1]);
/// assert_eq!(x.shape(), &[2, 64]); // from -1 to 1
/// ```
#[derive(Clone)]
pub struct ImageDataset {
    pixels: Arc<[u8]>,
    labels: Arc<[u8]>,
    image_shape: [usize; 3],
    /// The byte that stands for 1.
    white: u8,
    flat: bool,
    /// Mean and standard deviation of each channel.
    normalization: Option<Vec<(f32, f32)>>,
}

impl ImageDataset {
    /// Images from their pixels (image after image, channel after channel, row after row), where
    /// the byte `white` stands for 1.0, and their classes.
    ///
    /// # Panics
    /// If there are not as many pixels as the labels and the shape ask for, or if `white` is 0.
    ///
    /// ```
    /// use dezero::data::{Dataset, ImageDataset};
    /// let two = ImageDataset::new(vec![0, 255, 255, 0], [1, 1, 2], vec![0, 1], 255);
    /// assert_eq!(two.get(1).0.to_vec::<f32>(), [1.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn new(
        pixels: Vec<u8>,
        image_shape: [usize; 3],
        labels: Vec<u8>,
        white: u8,
    ) -> ImageDataset {
        let size: usize = image_shape.iter().product();
        assert!(
            pixels.len() == labels.len() * size,
            "ImageDataset: {} labels of images {image_shape:?} take {} pixels, got {}",
            labels.len(),
            labels.len() * size,
            pixels.len()
        );
        assert!(white > 0, "ImageDataset: the byte for 1.0 must not be 0");
        ImageDataset {
            pixels: pixels.into(),
            labels: labels.into(),
            image_shape,
            white,
            flat: false,
            normalization: None,
        }
    }

    /// The same images with all axes as one: samples of shape `[channels * height * width]`.
    #[must_use]
    pub fn flatten(mut self) -> ImageDataset {
        self.flat = true;
        self
    }

    /// The same images as (x − mean) / std of the values from 0 to 1, for each channel.
    ///
    /// # Panics
    /// If there is not one mean and one standard deviation for each channel, or if one of the
    /// latter is 0.
    #[must_use]
    #[track_caller]
    pub fn normalize(mut self, mean: &[f32], std: &[f32]) -> ImageDataset {
        let channels = self.image_shape[0];
        assert!(
            mean.len() == channels && std.len() == channels,
            "normalize: {} means and {} standard deviations for {channels} channels",
            mean.len(),
            std.len()
        );
        assert!(
            std.iter().all(|&s| s != 0.0),
            "normalize: the standard deviations {std:?} must not be 0"
        );
        self.normalization = Some(mean.iter().copied().zip(std.iter().copied()).collect());
        self
    }

    /// `[channels, height, width]`.
    pub fn image_shape(&self) -> [usize; 3] {
        self.image_shape
    }

    /// The bytes of all images, as they were stored.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The classes of all images.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// All images in one array.
    pub fn x(&self) -> Array {
        self.images(0..self.labels.len())
    }

    /// All classes in one array, `i64`.
    pub fn t(&self) -> Array {
        self.classes(0..self.labels.len())
    }

    fn images(&self, indices: impl ExactSizeIterator<Item = usize>) -> Array {
        let [channels, height, width] = self.image_shape;
        let size = channels * height * width;
        let white = f32::from(self.white);
        let n = indices.len();
        let mut elements: Vec<f32> = Vec::with_capacity(n * size);
        for i in indices {
            let image = &self.pixels[i * size..(i + 1) * size];
            match &self.normalization {
                None => elements.extend(image.iter().map(|&p| f32::from(p) / white)),
                Some(normalization) => {
                    for (c, &(mean, std)) in normalization.iter().enumerate() {
                        let channel = &image[c * height * width..(c + 1) * height * width];
                        let values = channel.iter().map(|&p| f32::from(p) / white);
                        elements.extend(values.map(|x| (x - mean) / std));
                    }
                }
            }
        }
        match self.flat {
            true => Array::from_vec(elements, [n, size]),
            false => Array::from_vec(elements, [n, channels, height, width]),
        }
    }

    fn classes(&self, indices: impl ExactSizeIterator<Item = usize>) -> Array {
        let classes: Vec<i64> = indices.map(|i| i64::from(self.labels[i])).collect();
        let n = classes.len();
        Array::from_vec(classes, [n])
    }
}

impl Dataset for ImageDataset {
    type Sample = (Array, i64);

    fn len(&self) -> usize {
        self.labels.len()
    }

    #[track_caller]
    fn get(&self, index: usize) -> (Array, i64) {
        let t = i64::from(self.labels[index]);
        let x = self.images(std::iter::once(index));
        (x.reshape(&x.shape()[1..]), t)
    }

    #[track_caller]
    fn batch(&self, indices: &[usize]) -> (Array, Array) {
        let n = self.labels.len();
        if let Some(i) = indices.iter().find(|&&i| i >= n) {
            panic!("batch: index {i} is out of bounds for a dataset of {n} images");
        }
        let indices = indices.iter().copied();
        (self.images(indices.clone()), self.classes(indices))
    }
}

impl fmt::Debug for ImageDataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, shape) = (self.labels.len(), self.image_shape);
        write!(f, "ImageDataset({n} images of {shape:?})") // not its pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Normalize, Split, Transform, digits};

    #[test]
    fn a_batch_is_its_samples() {
        let data = digits(Split::Test).normalize(&[0.25], &[0.5]);
        let (x, t) = data.batch(&[359, 3]);
        assert_eq!((x.shape(), t.to_vec::<i64>().len()), (&[2, 1, 8, 8][..], 2));
        let (x0, t0) = data.get(359);
        assert_eq!(x.to_vec::<f32>()[..64], x0.to_vec::<f32>());
        assert_eq!(t.to_vec::<i64>()[0], t0);
        let plain = digits(Split::Test).get(359).0;
        let normalized = Normalize::new(&[0.25], &[0.5]).apply(plain);
        assert_eq!(normalized.to_vec::<f32>(), x0.to_vec::<f32>());
        let flat = data.clone().flatten();
        assert_eq!(flat.x().shape(), &[360, 64]);
        assert_eq!(flat.x().to_vec::<f32>(), data.x().to_vec::<f32>());
    }

    #[test]
    fn channels_have_a_mean_each() {
        let data = ImageDataset::new(vec![0, 100, 50, 100], [2, 1, 2], vec![9], 100);
        let (x, t) = data.normalize(&[0.0, 0.5], &[1.0, 0.25]).get(0);
        assert_eq!(x.to_vec::<f32>(), [0.0, 1.0, 0.0, 2.0]);
        assert_eq!(t, 9);
    }

    #[test]
    #[should_panic(expected = "2 labels of images [1, 2, 2] take 8 pixels, got 7")]
    fn too_few_pixels() {
        let _ = ImageDataset::new(vec![0; 7], [1, 2, 2], vec![0, 1], 255);
    }
}
