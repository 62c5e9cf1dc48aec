//! [`HeatMap`]: a matrix in colours.

use std::fmt::Write;

use dezero_array::{Array, DType};

use super::Plot;
use super::axes::{DRAWS, extent, number};
use super::colors::viridis;
use super::image_grid::escaped;
use super::raster::Raster;

const TITLE_HEIGHT: f64 = 40.0;
const LABEL_HEIGHT: f64 = 28.0;
const MARGIN: f64 = 16.0;
const SCALE_WIDTH: f64 = 14.0;

/// A matrix whose numbers are colours, from dark for the smallest to light for the largest: a confusion matrix, for
/// instance. Numbers that are not finite are white.
///
/// ```
/// use dezero::Array;
/// use dezero::plots::{HeatMap, Plot};
/// let confusion = Array::new([[50, 2], [3, 45]]);
/// let svg = HeatMap::new("Confusion", &confusion).labels("predicted", "true").names(["cat", "dog"]).svg();
/// assert!(svg.contains("cat") && svg.contains(">45<"));
/// ```
#[derive(Clone, Debug)]
pub struct HeatMap {
    title: String,
    matrix: Array,
    x_label: String,
    y_label: String,
    row_names: Vec<String>,
    column_names: Vec<String>,
    numbers: Option<bool>,
}

impl HeatMap {
    /// The matrix (rows, columns), the first row on top.
    ///
    /// # Panics
    /// If the array has not two axes.
    #[track_caller]
    pub fn new(title: &str, matrix: &Array) -> HeatMap {
        if matrix.ndim() != 2 {
            panic!(
                "HeatMap: takes a matrix (rows, columns), got {:?}",
                matrix.shape()
            );
        }
        HeatMap {
            title: title.to_owned(),
            matrix: matrix.to_dtype(DType::F64),
            x_label: String::new(),
            y_label: String::new(),
            row_names: Vec::new(),
            column_names: Vec::new(),
            numbers: None,
        }
    }

    /// What columns and rows are.
    #[must_use]
    pub fn labels(mut self, x: &str, y: &str) -> HeatMap {
        (self.x_label, self.y_label) = (x.to_owned(), y.to_owned());
        self
    }

    /// Names of the rows, and of the columns, which are the same: classes.
    #[must_use]
    pub fn names<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> HeatMap {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        self.row_names(names.clone()).column_names(names)
    }

    /// Names of the rows.
    #[must_use]
    pub fn row_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> HeatMap {
        self.row_names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Names of the columns.
    #[must_use]
    pub fn column_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> HeatMap {
        self.column_names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether the numbers stand in their cells; unless it is set, they do where there is room.
    #[must_use]
    pub fn numbers(mut self, numbers: bool) -> HeatMap {
        self.numbers = Some(numbers);
        self
    }
}

impl Plot for HeatMap {
    fn svg(&self) -> String {
        let &[rows, columns] = self.matrix.shape() else {
            unreachable!("two axes")
        };
        let numbers = self.matrix.to_vec::<f64>();
        let cell = (440.0 / rows.max(columns).max(1) as f64).clamp(1.0, 52.0);
        let letters = self
            .row_names
            .iter()
            .map(|name| name.chars().count())
            .max()
            .unwrap_or(0);
        let left = MARGIN
            + letters as f64 * 7.5
            + 8.0
            + if self.y_label.is_empty() {
                0.0
            } else {
                LABEL_HEIGHT
            };
        let top = TITLE_HEIGHT;
        let (wide, high) = (cell * columns as f64, cell * rows as f64);
        let below = if self.column_names.is_empty() {
            8.0
        } else {
            22.0
        };
        let width = (left + wide + 24.0 + SCALE_WIDTH + 62.0).ceil();
        let height = (top
            + high.max(80.0)
            + below
            + if self.x_label.is_empty() {
                0.0
            } else {
                LABEL_HEIGHT
            }
            + 8.0)
            .ceil();
        let mut svg = format!(
            "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" font-size=\"12\" text-anchor=\"middle\" \
             fill=\"#262626\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        );
        let found = extent(numbers.iter().copied());
        let title = match found {
            Some(_) => self.title.clone(),
            None => format!("{} (no data)", self.title),
        };
        let mut put = |x: f64, y: f64, more: &str, text: &str| {
            writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\"{more}>{}</text>",
                escaped(text)
            )
            .expect(DRAWS);
        };
        put(left + wide / 2.0, 26.0, " font-size=\"18\"", title.trim());
        put(
            left + wide / 2.0,
            top + high + below + 18.0,
            " font-size=\"14\"",
            &self.x_label,
        );
        let (x, y) = (MARGIN + 8.0, top + high / 2.0);
        put(
            x,
            y,
            &format!(" font-size=\"14\" transform=\"rotate(-90 {x:.1} {y:.1})\""),
            &self.y_label,
        );
        for (i, name) in self.column_names.iter().take(columns).enumerate() {
            put(left + cell * (i as f64 + 0.5), top + high + 16.0, "", name);
        }
        for (i, name) in self.row_names.iter().take(rows).enumerate() {
            put(
                left - 6.0,
                top + cell * (i as f64 + 0.5) + 4.0,
                " text-anchor=\"end\"",
                name,
            );
        }
        let Some((low, high_end)) = found else {
            return svg + "</svg>\n";
        };
        let share = |x: f64| (x - low) / (high_end - low);
        let pixel = |&x: &f64| {
            if x.is_finite() {
                viridis(share(x))
            } else {
                [255; 3]
            }
        };
        let raster = Raster {
            width: columns,
            height: rows,
            pixels: numbers.iter().map(pixel).collect(),
        };
        svg += &raster.element(left, top, wide, high);
        if self.numbers.unwrap_or(cell >= 26.0) {
            for (i, &x) in numbers.iter().enumerate() {
                let (row, column) = (i / columns, i % columns);
                let ink = if x.is_finite() && share(x) < 0.6 {
                    "#fff"
                } else {
                    "#111"
                };
                let size = (cell * 0.32).clamp(6.0, 14.0);
                writeln!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{size:.1}\" fill=\"{ink}\">{}</text>",
                    left + cell * (column as f64 + 0.5),
                    top + cell * (row as f64 + 0.5) + size * 0.36,
                    number((x * 1000.0).round() / 1000.0),
                )
                .expect(DRAWS);
            }
        }
        // The scale.
        let steps = 64;
        let pixels = (0..steps)
            .map(|i| viridis(1.0 - i as f64 / (steps - 1) as f64))
            .collect();
        let scale = Raster {
            width: 1,
            height: steps,
            pixels,
        };
        let (x, tall) = (left + wide + 24.0, high.max(80.0));
        svg += &scale.element(x, top, SCALE_WIDTH, tall);
        for part in [0.0, 0.5, 1.0] {
            let value = low + (high_end - low) * part;
            let y = top + tall * (1.0 - part) + 4.0;
            let value = number((value * 1000.0).round() / 1000.0);
            writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"start\">{value}</text>",
                x + SCALE_WIDTH + 6.0
            )
            .expect(DRAWS);
        }
        svg + "</svg>\n"
    }
}
