//! Transforms of images; those that augment take arrays `[.., height, width]` too.

use dezero_array::{Array, Element, match_dtype};

use super::{Image, ImageMode, Transform, with_random_state};

/// Another [`ImageMode`].
///
/// ```
/// use dezero::data::{Convert, Image, ImageMode, Transform};
/// let rgb = Image::new(vec![1, 2, 3], [1, 1], ImageMode::Rgb);
/// assert_eq!(Convert(ImageMode::Bgr).apply(rgb).pixels(), [3, 2, 1]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Convert(pub ImageMode);

impl Transform<Image> for Convert {
    type Output = Image;

    fn apply(&self, x: Image) -> Image {
        x.convert(self.0)
    }
}

/// Another size: [`Image::resize`].
///
/// ```
/// use dezero::data::{Image, ImageMode, Resize, Transform};
/// let image = Image::new(vec![9; 20 * 30], [20, 30], ImageMode::Gray);
/// let resized = Resize::to(10, 12).apply(image.clone());
/// assert_eq!((resized.height(), resized.width()), (10, 12));
/// let resized = Resize::shorter_side(10).apply(image);
/// assert_eq!((resized.height(), resized.width()), (10, 15));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Resize(Size);

#[derive(Clone, Copy, Debug)]
enum Size {
    Exactly([usize; 2]),
    ShorterSide(usize),
}

impl Resize {
    /// To `height` x `width`, whatever the proportions were.
    ///
    /// # Panics
    /// If one of them is 0.
    #[track_caller]
    pub fn to(height: usize, width: usize) -> Resize {
        assert!(
            height > 0 && width > 0,
            "Resize: to {height} x {width}; neither may be 0"
        );
        Resize(Size::Exactly([height, width]))
    }

    /// To a shorter side of `length`, in proportion.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn shorter_side(length: usize) -> Resize {
        assert!(
            length > 0,
            "Resize: to a shorter side of 0; it must be positive"
        );
        Resize(Size::ShorterSide(length))
    }
}

impl Transform<Image> for Resize {
    type Output = Image;

    #[track_caller]
    fn apply(&self, x: Image) -> Image {
        let (height, width) = (x.height(), x.width());
        x.resize(match self.0 {
            Size::Exactly(size) => size,
            Size::ShorterSide(length) if height <= width => {
                [length, (length * width).checked_div(height).unwrap_or(0)]
            }
            Size::ShorterSide(length) => {
                [(length * height).checked_div(width).unwrap_or(0), length]
            }
        })
    }
}

/// The middle of an image: height and width. Its place is the book's: a row or column that cannot be
/// shared stays at the lower or right end.
///
/// # Panics
/// When it is applied to a smaller image.
///
/// ```
/// use dezero::data::{CenterCrop, Image, ImageMode, Transform};
/// let image = Image::new((0..15).collect(), [3, 5], ImageMode::Gray);
/// assert_eq!(CenterCrop(1, 2).apply(image).pixels(), [6, 7]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CenterCrop(pub usize, pub usize);

impl Transform<Image> for CenterCrop {
    type Output = Image;

    #[track_caller]
    fn apply(&self, x: Image) -> Image {
        let CenterCrop(height, width) = *self;
        check_crop("CenterCrop", [height, width], [x.height(), x.width()]);
        let (top, left) = ((x.height() - height) / 2, (x.width() - width) / 2);
        x.crop(top, left, [height, width])
    }
}

/// A mirror image, left to right, with probability [`p`](Self::p).
///
/// Draws from [`with_random_state`]. Takes images and arrays `[.., width]`.
///
/// ```
/// use dezero::Array;
/// use dezero::data::{RandomHorizontalFlip, Transform};
/// let x = Array::new([[1, 2, 3], [4, 5, 6]]);
/// let flipped = RandomHorizontalFlip { p: 1.0 }.apply(x);
/// assert_eq!(flipped.to_vec::<i64>(), [3, 2, 1, 6, 5, 4]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RandomHorizontalFlip {
    /// The probability.
    pub p: f64,
}

/// With probability 1/2.
impl Default for RandomHorizontalFlip {
    fn default() -> Self {
        RandomHorizontalFlip { p: 0.5 }
    }
}

impl Transform<Image> for RandomHorizontalFlip {
    type Output = Image;

    #[track_caller]
    fn apply(&self, x: Image) -> Image {
        match with_random_state(|random| random.bernoulli(self.p)) {
            true => x.flip_horizontal(),
            false => x,
        }
    }
}

impl Transform<Array> for RandomHorizontalFlip {
    type Output = Array;

    #[track_caller]
    fn apply(&self, mut x: Array) -> Array {
        if with_random_state(|random| random.bernoulli(self.p)) {
            let width = x.shape().last().copied().unwrap_or(0).max(1);
            match_dtype!(x.dtype(), T => {
                x.as_mut_slice::<T>().chunks_mut(width).for_each(<[T]>::reverse);
            });
        }
        x
    }
}

/// A rectangle at a random place, of an image with a black border.
///
/// Draws from [`with_random_state`]. Takes images and arrays `[.., height, width]`.
///
/// # Panics
/// When it is applied to an image that is smaller, with its border.
///
/// ```
/// use dezero::Array;
/// use dezero::data::{RandomCrop, Transform};
/// let x = Array::new(vec![vec![vec![1.0f32; 32]; 32]; 3]);
/// let y = RandomCrop::new(32, 32).padding(4).apply(x);
/// assert_eq!(y.shape(), &[3, 32, 32]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RandomCrop {
    size: [usize; 2],
    padding: usize,
}

impl RandomCrop {
    /// A crop of `height` x `width`, without a border.
    pub fn new(height: usize, width: usize) -> RandomCrop {
        RandomCrop {
            size: [height, width],
            padding: 0,
        }
    }

    /// With a border of so many pixels around the image.
    #[must_use]
    pub fn padding(mut self, padding: usize) -> RandomCrop {
        self.padding = padding;
        self
    }

    #[track_caller]
    fn draw(&self, height: usize, width: usize) -> [usize; 2] {
        let [height, width] = [height + 2 * self.padding, width + 2 * self.padding];
        check_crop("RandomCrop", self.size, [height, width]);
        with_random_state(|random| {
            let mut place = |room: usize| random.randint(0, room as i64 + 1) as usize;
            [place(height - self.size[0]), place(width - self.size[1])]
        })
    }
}

impl Transform<Image> for RandomCrop {
    type Output = Image;

    #[track_caller]
    fn apply(&self, x: Image) -> Image {
        let [top, left] = self.draw(x.height(), x.width());
        match self.padding {
            0 => x.crop(top, left, self.size),
            border => x.pad(border).crop(top, left, self.size),
        }
    }
}

impl Transform<Array> for RandomCrop {
    type Output = Array;

    #[track_caller]
    fn apply(&self, x: Array) -> Array {
        let &[ref outer @ .., height, width] = x.shape() else {
            panic!(
                "RandomCrop: of an array of shape {:?}; expected [.., height, width]",
                x.shape()
            )
        };
        let place = self.draw(height, width);
        let shape = [outer, &self.size[..]].concat();
        match_dtype!(x.dtype(), T => {
            let elements = crop_padded::<T>(&x, [height, width], place, self);
            Array::from_vec(elements, shape)
        })
    }
}

/// The crop at `place` of the padded planes of `x`, without padding them.
fn crop_padded<T: Element>(
    x: &Array,
    [height, width]: [usize; 2],
    [top, left]: [usize; 2],
    crop: &RandomCrop,
) -> Vec<T> {
    let border = crop.padding;
    let [rows, columns] = crop.size;
    let x = x.to_contiguous();
    let elements = x.as_slice::<T>().expect("contiguous");
    let mut out = Vec::with_capacity(rows * columns);
    for plane in elements.chunks((height * width).max(1)) {
        for y in top..top + rows {
            for x in left..left + columns {
                // Below the border the difference wraps round to a number beyond the plane.
                let (y, x) = (y.wrapping_sub(border), x.wrapping_sub(border));
                let inside = y < height && x < width;
                out.push(if inside {
                    plane[y * width + x]
                } else {
                    T::from_i64(0)
                });
            }
        }
    }
    out
}

#[track_caller]
fn check_crop(name: &str, [height, width]: [usize; 2], [rows, columns]: [usize; 2]) {
    assert!(
        height <= rows && width <= columns,
        "{name}: {height} x {width} of an image of {rows} x {columns}, which is smaller; resize it first"
    );
}

/// An image as an `f32` array `[channels, height, width]` from 0 to 255: [`Image::to_array`].
///
/// ```
/// use dezero::data::{Image, ImageMode, Normalize, ToArray, Transform};
/// let image = Image::new(vec![0, 255], [1, 2], ImageMode::Gray);
/// let x = (ToArray, Normalize::new(&[0.0], &[255.0])).apply(image);
/// assert_eq!(x.to_vec::<f32>(), [0.0, 1.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ToArray;

impl Transform<Image> for ToArray {
    type Output = Array;

    fn apply(&self, x: Image) -> Array {
        x.to_array()
    }
}

/// An array `[channels, height, width]` from 0 to 255 as an image: [`Image::from_array`].
#[derive(Clone, Copy, Debug)]
pub struct ToImage;

impl Transform<Array> for ToImage {
    type Output = Image;

    #[track_caller]
    fn apply(&self, x: Array) -> Image {
        Image::from_array(&x)
    }
}

impl Convert {
    /// To gray.
    pub const GRAY: Convert = Convert(ImageMode::Gray);
    /// To RGB.
    pub const RGB: Convert = Convert(ImageMode::Rgb);
    /// To BGR.
    pub const BGR: Convert = Convert(ImageMode::Bgr);
}

#[cfg(test)]
mod tests {
    use dezero_array::DType;

    use super::*;
    use crate::data::{DataLoader, Dataset};

    fn gray(size: [usize; 2]) -> Image {
        let pixels = (0..size[0] * size[1]).map(|i| i as u8).collect();
        Image::new(pixels, size, ImageMode::Gray)
    }

    #[test]
    fn the_middle_is_the_books() {
        // Pillow's crop of left = (W - OW) // 2, right = W - ((W - OW) // 2 + (W - OW) % 2).
        assert_eq!(
            CenterCrop(2, 2).apply(gray([4, 5])).pixels(),
            [6, 7, 11, 12]
        );
        assert_eq!(CenterCrop(1, 1).apply(gray([4, 4])).pixels(), [5]);
        assert_eq!(CenterCrop(4, 4).apply(gray([4, 4])), gray([4, 4]));
    }

    #[test]
    #[should_panic(expected = "CenterCrop: 5 x 2 of an image of 4 x 4, which is smaller")]
    fn crop_of_a_smaller_image() {
        let _ = CenterCrop(5, 2).apply(gray([4, 4]));
    }

    #[test]
    fn the_shorter_side_in_proportion() {
        for (from, to) in [
            ([40, 60], [20, 30]),
            ([60, 40], [30, 20]),
            ([41, 60], [20, 29]),
        ] {
            let y = Resize::shorter_side(20).apply(gray(from));
            assert_eq!([y.height(), y.width()], to);
        }
    }

    #[test]
    fn images_and_arrays_are_augmented_alike() {
        let image = Image::new((0..60).collect(), [4, 5], ImageMode::Rgb);
        let augment = |workers| {
            let images = vec![image.clone(); 40];
            let transform = (
                RandomHorizontalFlip::default(),
                RandomCrop::new(4, 5).padding(2),
            );
            let loader = DataLoader::new(images.map_sample(transform), 4)
                .seed(3)
                .workers(workers);
            loader.iter().flatten().collect::<Vec<Image>>()
        };
        let arrays = vec![image.to_array(); 40];
        let transform = (
            RandomHorizontalFlip::default(),
            RandomCrop::new(4, 5).padding(2),
        );
        let loader = DataLoader::new(arrays.map_sample(transform), 4).seed(3);
        let arrays: Vec<f32> = loader.iter().flat_map(|x| x.to_vec::<f32>()).collect();

        let images = augment(0);
        assert_eq!(images, augment(3));
        let of_images: Vec<f32> = images
            .iter()
            .flat_map(|image| image.to_array().to_vec::<f32>())
            .collect();
        assert_eq!(arrays, of_images);
        let mirrored = image.flip_horizontal();
        assert_eq!(mirrored.pixels()[..6], [12, 13, 14, 9, 10, 11]);
        // All are crops of one or the other, and not all alike.
        let crops = |image: &Image| -> Vec<Image> {
            let padded = image.pad(2);
            let places = (0..5).flat_map(|top| (0..5).map(move |left| (top, left)));
            places
                .map(|(top, left)| padded.crop(top, left, [4, 5]))
                .collect()
        };
        let possible = [crops(&image), crops(&mirrored)].concat();
        assert!(images.iter().all(|image| possible.contains(image)));
        let seen = possible.iter().filter(|&p| images.contains(p)).count();
        assert!(seen > 20, "{seen} of 50 possible images among 40");
    }

    #[test]
    fn probabilities_0_and_1() {
        let x = Array::new([[1.0, 2.0]]);
        let flip = |p| RandomHorizontalFlip { p }.apply(x.clone()).to_vec::<f64>();
        assert_eq!((flip(0.0), flip(1.0)), (vec![1.0, 2.0], vec![2.0, 1.0]));
        assert_eq!(x.to_vec::<f64>(), [1.0, 2.0], "the original is untouched");
        let empty = Array::zeros([2, 0], DType::F32);
        assert_eq!(
            RandomHorizontalFlip { p: 1.0 }.apply(empty).shape(),
            &[2, 0]
        );
    }

    #[test]
    #[should_panic(expected = "RandomCrop: 9 x 9 of an image of 8 x 6, which is smaller")]
    fn random_crop_of_a_smaller_array() {
        let _ = RandomCrop::new(9, 9)
            .padding(2)
            .apply(Array::zeros([4, 2], DType::F32));
    }
}
