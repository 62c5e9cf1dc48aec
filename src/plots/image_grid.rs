//! [`ImageGrid`]: many small images side by side.

use std::fmt::Write;

use dezero_array::{Array, DType};

use super::Plot;
use super::axes::{DRAWS, extent};
use super::colors::Rgb;
use super::raster::Raster;

const GAP: usize = 6;
const MARGIN: usize = 14;
const TITLE_HEIGHT: usize = 26;
const CAPTION_HEIGHT: usize = 18;

/// Images in rows and columns: samples, what a network made, filters of its first layer.
///
/// ```
/// use dezero::data::{Split, digits};
/// use dezero::plots::{ImageGrid, Plot};
/// use dezero::{Array, DType};
/// let images = Array::zeros([6, 1, 8, 8], DType::F32);
/// let svg = ImageGrid::new("Digits", &images).columns(3).captions(["0", "1", "2", "3", "4", "5"]).svg();
/// assert!(svg.contains("Digits"));
/// ```
#[derive(Clone, Debug)]
pub struct ImageGrid {
    title: String,
    images: Array,
    columns: Option<usize>,
    captions: Vec<String>,
    range: Option<(f64, f64)>,
    each: bool,
}

impl ImageGrid {
    /// Grey images (N, H, W) or (N, 1, H, W), or images (N, 3, H, W) in red, green and blue. The smallest number of all is
    /// black, the largest white.
    ///
    /// # Panics
    /// If the shape is another.
    #[track_caller]
    pub fn new(title: &str, images: &Array) -> ImageGrid {
        let images = match *images.shape() {
            [n, h, w] => images.reshape([n, 1, h, w]),
            [_, 1 | 3, _, _] => images.clone(),
            _ => panic!(
                "ImageGrid: takes images of shape (N, H, W), (N, 1, H, W) or (N, 3, H, W), got {:?}",
                images.shape()
            ),
        };
        ImageGrid {
            title: title.to_owned(),
            images: images.to_dtype(DType::F64),
            columns: None,
            captions: Vec::new(),
            range: None,
            each: false,
        }
    }

    /// How many images a row has; unless it is set, the grid is about square.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    #[must_use]
    pub fn columns(mut self, columns: usize) -> ImageGrid {
        if columns == 0 {
            panic!("ImageGrid: takes at least one column");
        }
        self.columns = Some(columns);
        self
    }

    /// A line under each image.
    #[must_use]
    pub fn captions<S: Into<String>>(mut self, captions: impl IntoIterator<Item = S>) -> ImageGrid {
        self.captions = captions.into_iter().map(Into::into).collect();
        self
    }

    /// Which numbers are black and white.
    #[must_use]
    pub fn range(mut self, black: f64, white: f64) -> ImageGrid {
        self.range = Some((black, white));
        self
    }

    /// Whether each image goes from black to white by itself, as filters need it.
    #[must_use]
    pub fn each(mut self, each: bool) -> ImageGrid {
        self.each = each;
        self
    }
}

impl Plot for ImageGrid {
    fn svg(&self) -> String {
        let &[n, channels, height, width] = self.images.shape() else {
            unreachable!("four axes")
        };
        let numbers = self.images.to_vec::<f64>();
        let size = height * width;
        let is_empty = n == 0 || size == 0;
        let n = if is_empty { 0 } else { n };
        let columns = self
            .columns
            .unwrap_or((n as f64).sqrt().ceil() as usize)
            .clamp(1, n.max(1));
        let rows = n.div_ceil(columns);
        // Small images are enlarged by a whole number.
        let zoom = (64 / height.max(width).max(1)).max(1);
        let (wide, high) = (width * zoom, height * zoom);
        let caption = if self.captions.is_empty() {
            0
        } else {
            CAPTION_HEIGHT
        };
        let top = MARGIN
            + if self.title.is_empty() && !is_empty {
                0
            } else {
                TITLE_HEIGHT
            };
        let grid_width = (columns * (wide + GAP)).saturating_sub(GAP);
        // A title may be wider than what it is over.
        let total_width = (grid_width + 2 * MARGIN)
            .max(self.title.chars().count() * 10 + 2 * MARGIN)
            .max(160);
        let left = (total_width - grid_width) / 2;
        let total_height = top + rows * (high + GAP + caption) + MARGIN;
        let mut svg = format!(
            "<svg width=\"{total_width}\" height=\"{total_height}\" viewBox=\"0 0 {total_width} {total_height}\" \
             xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" text-anchor=\"middle\" fill=\"#262626\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        );
        let center = total_width / 2;
        let title = if is_empty {
            format!("{} (no images)", self.title)
        } else {
            self.title.clone()
        };
        writeln!(
            svg,
            "<text x=\"{center}\" y=\"{}\" font-size=\"18\">{}</text>",
            MARGIN + 14,
            escaped(title.trim())
        )
        .expect(DRAWS);
        let all = self
            .range
            .or_else(|| extent(numbers.iter().copied()))
            .unwrap_or((0.0, 1.0));
        for (i, image) in numbers
            .chunks_exact((channels * size).max(1))
            .take(n)
            .enumerate()
        {
            let own = self.each.then(|| extent(image.iter().copied())).flatten();
            let (black, white) = own.unwrap_or(all);
            // NaN is black.
            let grey = |x: f64| ((x - black) / (white - black) * 255.0).round() as u8;
            let pixel = |at: usize| -> Rgb {
                match channels {
                    1 => [grey(image[at]); 3],
                    _ => [0, 1, 2].map(|channel| grey(image[channel * size + at])),
                }
            };
            let raster = Raster {
                width,
                height,
                pixels: (0..size).map(pixel).collect(),
            };
            let x = left + i % columns * (wide + GAP);
            let y = top + i / columns * (high + GAP + caption);
            svg += &raster.element(x as f64, y as f64, wide as f64, high as f64);
            if let Some(caption) = self.captions.get(i) {
                let (x, y) = (x + wide / 2, y + high + 13);
                writeln!(
                    svg,
                    "<text x=\"{x}\" y=\"{y}\" font-size=\"12\">{}</text>",
                    escaped(caption)
                )
                .expect(DRAWS);
            }
        }
        svg + "</svg>\n"
    }
}

pub(super) fn escaped(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace(|c: char| c.is_control(), " ")
}
