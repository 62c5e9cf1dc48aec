//! [`Image`]: a picture as bytes, as it comes from a file.

use std::fmt;
#[cfg(feature = "image")]
use std::path::Path;

use dezero_array::{Array, DType};

use super::Sample;
#[cfg(feature = "image")]
use super::image_file::decode;
#[cfg(feature = "image")]
use crate::{Error, Result};

/// What the bytes of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImageMode {
    /// One byte: brightness.
    Gray,
    /// Three bytes: red, green, blue.
    Rgb,
    /// Three bytes: blue, green, red. What some older networks were trained on.
    Bgr,
}

impl ImageMode {
    /// Bytes of a pixel.
    pub const fn channels(self) -> usize {
        match self {
            ImageMode::Gray => 1,
            ImageMode::Rgb | ImageMode::Bgr => 3,
        }
    }
}

/// A picture of one byte a channel, row after row, the channels of a pixel side by side.
///
/// ```
/// use dezero::data::{CenterCrop, Image, ImageMode, Resize, ToArray, Transform};
///
/// let image = Image::new(vec![128; 40 * 60 * 3], [40, 60], ImageMode::Rgb);
/// let x = (Resize::shorter_side(32), CenterCrop(24, 24), ToArray).apply(image);
/// assert_eq!(x.shape(), &[3, 24, 24]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    pixels: Vec<u8>,
    height: usize,
    width: usize,
    mode: ImageMode,
}

impl Image {
    /// An image from its bytes; `size` is `[height, width]`.
    ///
    /// # Panics
    /// If there are not as many bytes as the size and mode ask for.
    #[track_caller]
    pub fn new(pixels: Vec<u8>, size: [usize; 2], mode: ImageMode) -> Image {
        let [height, width] = size;
        let bytes = height * width * mode.channels();
        assert!(
            pixels.len() == bytes,
            "Image: {mode:?} of {height} x {width} takes {bytes} bytes, got {}",
            pixels.len()
        );
        Image {
            pixels,
            height,
            width,
            mode,
        }
    }

    /// An image from an array of shape `[channels, height, width]`, 3 channels for RGB and 1 for gray,
    /// or `[height, width]`, with values from 0 to 255. They are rounded, and cut off at the ends.
    ///
    /// # Panics
    /// If the array has another shape.
    ///
    /// ```
    /// use dezero::Array;
    /// use dezero::data::Image;
    /// let image = Image::from_array(&Array::new([[[-3.0, 99.6]], [[1.0, 2.0]], [[3.0, 300.0]]]));
    /// assert_eq!(image.pixels(), [0, 1, 3, 100, 2, 255]);
    /// ```
    #[track_caller]
    pub fn from_array(x: &Array) -> Image {
        let (channels, height, width, mode) = match *x.shape() {
            [h, w] | [1, h, w] => (1, h, w, ImageMode::Gray),
            [3, h, w] => (3, h, w, ImageMode::Rgb),
            _ => panic!(
                "Image: from an array of shape {:?}; expected [3, height, width], \
                 [1, height, width] or [height, width]",
                x.shape()
            ),
        };
        let x = x.to_dtype(DType::F64).to_vec::<f64>();
        let area = height * width;
        let pixels = (0..area)
            .flat_map(|i| (0..channels).map(move |c| c * area + i))
            .map(|i| x[i].round() as u8) // saturates
            .collect();
        Image::new(pixels, [height, width], mode)
    }

    /// Reads a PNG or JPEG file, whatever its name; as gray if it is gray, otherwise as RGB.
    /// Transparency is dropped.
    ///
    /// # Errors
    /// If the file cannot be read or is not a sound image.
    #[cfg(feature = "image")]
    pub fn open(path: impl AsRef<Path>) -> Result<Image> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        decode(&bytes).map_err(|reason| Error::format(path, reason))
    }

    /// Writes the image as PNG, or as JPEG if the name ends in `.jpg` or `.jpeg`. The file is
    /// replaced as a whole.
    ///
    /// # Errors
    /// If the file cannot be written.
    #[cfg(feature = "image")]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        use std::io::{Cursor, Write};

        use image::{ExtendedColorType, ImageFormat};

        let path = path.as_ref();
        let extension = path.extension().map(|e| e.to_ascii_lowercase());
        let format = match extension.as_ref().and_then(|e| e.to_str()) {
            Some("jpg" | "jpeg") => ImageFormat::Jpeg,
            _ => ImageFormat::Png,
        };
        let (image, color) = match self.mode {
            ImageMode::Gray => (self.clone(), ExtendedColorType::L8),
            _ => (self.convert(ImageMode::Rgb), ExtendedColorType::Rgb8),
        };
        let (width, height) = (self.width as u32, self.height as u32);
        let mut bytes = Cursor::new(Vec::new());
        image::write_buffer_with_format(&mut bytes, &image.pixels, width, height, color, format)
            .map_err(|e| Error::format(path, format!("cannot be encoded: {e}")))?;
        dezero_array::write_atomically(path, |file| Ok(file.write_all(bytes.get_ref())?))?;
        Ok(())
    }

    /// The bytes, row after row, the channels of a pixel side by side.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// What the bytes of a pixel are.
    pub fn mode(&self) -> ImageMode {
        self.mode
    }

    /// The image in another mode. Gray is 0.299 R + 0.587 G + 0.114 B, rounded as Pillow does.
    ///
    /// ```
    /// use dezero::data::{Image, ImageMode};
    /// let red = Image::new(vec![255, 0, 0], [1, 1], ImageMode::Rgb);
    /// assert_eq!(red.convert(ImageMode::Bgr).pixels(), [0, 0, 255]);
    /// assert_eq!(red.convert(ImageMode::Gray).pixels(), [76]);
    /// ```
    #[must_use]
    pub fn convert(&self, mode: ImageMode) -> Image {
        use ImageMode::{Bgr, Gray, Rgb};
        let triples = || self.pixels.as_chunks::<3>().0.iter();
        let gray = |r: u8, g: u8, b: u8| {
            let sum = 19595 * u32::from(r) + 38470 * u32::from(g) + 7471 * u32::from(b);
            ((sum + (1 << 15)) >> 16) as u8
        };
        let pixels = match (self.mode, mode) {
            (Rgb, Bgr) | (Bgr, Rgb) => triples().flat_map(|&[a, b, c]| [c, b, a]).collect(),
            (Rgb, Gray) => triples().map(|&[r, g, b]| gray(r, g, b)).collect(),
            (Bgr, Gray) => triples().map(|&[b, g, r]| gray(r, g, b)).collect(),
            (Gray, Rgb | Bgr) => self.pixels.iter().flat_map(|&y| [y; 3]).collect(),
            _ => self.pixels.clone(),
        };
        Image::new(pixels, [self.height, self.width], mode)
    }

    /// The rectangle of `size` (`[height, width]`) whose upper left corner is `(top, left)`.
    ///
    /// # Panics
    /// If it is not inside the image.
    #[must_use]
    #[track_caller]
    pub fn crop(&self, top: usize, left: usize, size: [usize; 2]) -> Image {
        let [height, width] = size;
        let inside = |start: usize, length: usize, all: usize| {
            start.checked_add(length).is_some_and(|end| end <= all)
        };
        assert!(
            inside(top, height, self.height) && inside(left, width, self.width),
            "crop: {height} x {width} at ({top}, {left}) is not inside an image of {} x {}",
            self.height,
            self.width
        );
        let channels = self.mode.channels();
        let mut pixels = Vec::with_capacity(height * width * channels);
        for y in top..top + height {
            let start = (y * self.width + left) * channels;
            pixels.extend_from_slice(&self.pixels[start..start + width * channels]);
        }
        Image::new(pixels, size, self.mode)
    }

    /// The image mirrored left to right.
    #[must_use]
    pub fn flip_horizontal(&self) -> Image {
        let channels = self.mode.channels();
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for row in self.pixels.chunks((self.width * channels).max(1)) {
            row.chunks(channels)
                .rev()
                .for_each(|pixel| pixels.extend_from_slice(pixel));
        }
        Image::new(pixels, [self.height, self.width], self.mode)
    }

    /// The image with `border` black pixels around it.
    #[must_use]
    pub fn pad(&self, border: usize) -> Image {
        let channels = self.mode.channels();
        let [height, width] = [self.height + 2 * border, self.width + 2 * border];
        let mut pixels = vec![0; height * width * channels];
        let row = self.width * channels;
        for y in 0..self.height {
            let to = ((y + border) * width + border) * channels;
            pixels[to..to + row].copy_from_slice(&self.pixels[y * row..(y + 1) * row]);
        }
        Image::new(pixels, [height, width], self.mode)
    }

    /// The image in another size, `[height, width]`, by bilinear interpolation; where it shrinks, each
    /// pixel is the weighted mean of all that it covers: Pillow's `resize` with `BILINEAR`, to the byte
    /// where Pillow does the rows first (its newer versions choose by the sizes).
    ///
    /// # Panics
    /// If one of the images has no pixel.
    #[must_use]
    #[track_caller]
    pub fn resize(&self, size: [usize; 2]) -> Image {
        let [height, width] = size;
        assert!(
            height * width > 0 && self.height * self.width > 0,
            "resize: from {} x {} to {height} x {width}; neither may be empty",
            self.height,
            self.width
        );
        let pixels = super::resample::bilinear(
            &self.pixels,
            [self.height, self.width],
            size,
            self.mode.channels(),
        );
        Image::new(pixels, size, self.mode)
    }

    /// The values as an `f32` array of shape `[channels, height, width]`, from 0 to 255.
    ///
    /// ```
    /// use dezero::data::{Image, ImageMode};
    /// let x = Image::new(vec![1, 2, 3, 4, 5, 6], [1, 2], ImageMode::Rgb).to_array();
    /// assert_eq!(x.shape(), &[3, 1, 2]);
    /// assert_eq!(x.to_vec::<f32>(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    /// ```
    pub fn to_array(&self) -> Array {
        let channels = self.mode.channels();
        let mut elements: Vec<f32> = Vec::with_capacity(self.pixels.len());
        for c in 0..channels {
            let channel = self.pixels[c.min(self.pixels.len())..]
                .iter()
                .step_by(channels);
            elements.extend(channel.map(|&p| f32::from(p)));
        }
        Array::from_vec(elements, [channels, self.height, self.width])
    }
}

/// Images of any size make a batch; arrays of them must agree.
impl Sample for Image {
    type Batch = Vec<Image>;

    fn collate(samples: impl Iterator<Item = Self>) -> Vec<Image> {
        samples.collect()
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Image({:?}, {} x {})",
            self.mode, self.height, self.width
        ) // not its pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(x: &Array) -> Vec<u8> {
        x.to_vec::<i64>().into_iter().map(|x| x as u8).collect()
    }

    /// Images made by Pillow: `tests/golden/resize.py`.
    #[test]
    fn resized_and_gray_as_by_pillow() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/resize.npz");
        let mut golden = dezero_array::npz::Archive::open(path).unwrap();
        for i in 0..7 {
            let mut read = |name: &str| golden.read(&format!("{name}{i}")).unwrap();
            let (x, y, gray) = (read("x"), read("y"), read("gray"));
            let mode = [ImageMode::Gray, ImageMode::Rgb][x.shape()[2] / 2];
            let image = Image::new(bytes(&x), [x.shape()[0], x.shape()[1]], mode);
            let resized = image.resize([y.shape()[0], y.shape()[1]]);
            let (ours, theirs) = (resized.pixels(), bytes(&y));
            if matches!(i, 0 | 6) {
                // There Pillow 13 does the columns first: the rounding between is another.
                assert!(
                    ours.iter().zip(&theirs).all(|(&a, &b)| a.abs_diff(b) <= 1),
                    "image {i}"
                );
            } else {
                assert_eq!(ours, theirs, "image {i}");
            }
            assert_eq!(
                image.convert(ImageMode::Gray).pixels(),
                bytes(&gray),
                "image {i}"
            );
            let bgr = image.convert(ImageMode::Bgr);
            if mode == ImageMode::Rgb {
                assert_eq!(
                    bgr.convert(ImageMode::Gray).pixels(),
                    bytes(&gray),
                    "image {i}"
                );
                assert_eq!(bgr.convert(ImageMode::Rgb), image);
            }
        }
    }

    #[test]
    fn arrays_there_and_back() {
        let image = Image::new((0..30).collect(), [2, 5], ImageMode::Rgb);
        let x = image.to_array();
        assert_eq!((x.shape(), x.dtype()), (&[3, 2, 5][..], DType::F32));
        assert_eq!(x.to_vec::<f32>()[..3], [0.0, 3.0, 6.0]);
        assert_eq!(Image::from_array(&x), image);
        let gray = image.convert(ImageMode::Gray);
        assert_eq!(Image::from_array(&gray.to_array()), gray);
        assert_eq!(Image::from_array(&gray.to_array().reshape([2, 5])), gray);
        let nothing = Image::new(vec![], [0, 5], ImageMode::Rgb);
        assert_eq!(nothing.to_array().shape(), &[3, 0, 5]);
        assert_eq!(nothing.flip_horizontal(), nothing);
    }

    #[test]
    #[should_panic(expected = "shape [2, 4, 4]; expected [3, height, width]")]
    fn array_of_two_channels() {
        let _ = Image::from_array(&Array::zeros([2, 4, 4], DType::F32));
    }

    #[test]
    #[should_panic(expected = "Rgb of 2 x 2 takes 12 bytes, got 4")]
    fn too_few_bytes() {
        let _ = Image::new(vec![0; 4], [2, 2], ImageMode::Rgb);
    }

    #[test]
    #[should_panic(expected = "2 x 2 at (1, 2) is not inside an image of 3 x 3")]
    fn crop_outside() {
        let _ = Image::new(vec![0; 9], [3, 3], ImageMode::Gray).crop(1, 2, [2, 2]);
    }

    #[test]
    #[cfg(feature = "image")]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let image = Image::new(
            (0..=255).cycle().take(20 * 30 * 3).collect(),
            [20, 30],
            ImageMode::Rgb,
        );
        let gray = image.convert(ImageMode::Gray);
        let path = folder.path().join("a.png");
        for image in [&image, &gray] {
            image.save(&path).unwrap();
            assert_eq!(Image::open(&path).unwrap(), *image);
        }
        image.convert(ImageMode::Bgr).save(&path).unwrap();
        assert_eq!(Image::open(&path).unwrap(), image);
        let jpeg = folder.path().join("a.jpg");
        let flat = Image::new(vec![77; 16 * 24], [16, 24], ImageMode::Gray);
        flat.save(&jpeg).unwrap();
        assert_eq!(Image::open(&jpeg).unwrap(), flat);
        // However a PNG is cut off, an error names it.
        let bytes = std::fs::read(&path).unwrap();
        for n in (0..bytes.len() - 20).step_by(5) {
            std::fs::write(&path, &bytes[..n]).unwrap();
            let error = Image::open(&path).unwrap_err().to_string();
            assert!(error.contains("a.png: "), "{error}");
        }
    }

    #[test]
    #[cfg(feature = "image")]
    fn a_photograph_on_its_way_into_a_network() {
        use crate::data::folders::shared_file;
        use crate::data::{CenterCrop, Convert, Normalize, Resize, ToArray, Transform};

        let Some(photograph) = shared_file("squeezenet/zebra.jpg") else {
            return;
        };
        let Some(golden) = shared_file("squeezenet/reference_outputs.npz") else {
            return;
        };
        let transform = (
            CenterCrop(224, 224), // 224 x 337 pixels
            Resize::to(227, 227),
            Convert::BGR,
            ToArray,
            Normalize::new(&[104.0, 117.0, 123.0], &[1.0; 3]),
        );
        let x = transform.apply(Image::open(photograph).unwrap());
        let golden = dezero_array::npz::Archive::open(golden)
            .unwrap()
            .read("zebra/input")
            .unwrap();
        assert_eq!(x.shape(), golden.shape());
        let pairs = x.to_vec::<f32>().into_iter().zip(golden.to_vec::<f32>());
        let differences: Vec<f32> = pairs.map(|(x, y)| (x - y).abs()).collect();
        let mean = differences.iter().sum::<f32>() / differences.len() as f32;
        // Decoders of JPEG may round otherwise, by a level here and there.
        assert!(mean < 0.5, "the mean difference is {mean}");
    }

    #[test]
    #[cfg(feature = "image")]
    fn a_header_that_claims_a_huge_image() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        Image::new(vec![0], [1, 1], ImageMode::Gray)
            .save(&path)
            .unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        let checksum = {
            let mut crc = flate2::Crc::new();
            crc.update(&bytes[12..29]);
            crc.sum().to_be_bytes()
        };
        bytes[29..33].copy_from_slice(&checksum);
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(Image::open(&path), Err(Error::Format { .. })));
    }
}
