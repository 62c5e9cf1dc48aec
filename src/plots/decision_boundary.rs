//! [`DecisionBoundary`]: how a classifier divides the plane.

use dezero_array::{Array, DType};
use plotters::element::{Circle, Cross, TriangleMarker};
use plotters::style::Color;

use super::Plot;
use super::axes::{Axes, extent, rgb};
use super::colors::{color, pale};
use super::raster::Raster;

/// Steps of the grid that the plane is tried at, in each direction.
const STEPS: usize = 150;

/// Points of several classes in the plane, on the colours of the classes that a network gives the plane.
///
/// ```
/// use dezero::plots::{DecisionBoundary, Plot};
/// use dezero::Array;
/// let x = Array::new([[-1.0, 0.5], [1.0, -0.5]]);
/// let t = Array::new([0, 1]);
/// // What is right of 0 is of class 1.
/// let classify = |x: &Array| x.get((.., 0)).greater(0.0);
/// let svg = DecisionBoundary::new("Halves", &x, &t, classify).svg();
/// assert!(svg.contains("Halves"));
/// ```
#[derive(Clone, Debug)]
pub struct DecisionBoundary {
    axes: Axes,
    points: Vec<(f64, f64)>,
    labels: Vec<i64>,
    x_range: (f64, f64),
    y_range: (f64, f64),
    /// The class at each place of the grid, from the top left.
    classes: Vec<i64>,
}

impl DecisionBoundary {
    /// The points `x` (N, 2) with their classes `t` (N), and the plane around them as `classify` sees it: from points
    /// (M, 2) of the type of `x` to their classes (M), or to scores (M, classes) of which the largest counts.
    ///
    /// # Panics
    /// If a shape is another.
    #[track_caller]
    pub fn new(
        title: &str,
        x: &Array,
        t: &Array,
        classify: impl FnOnce(&Array) -> Array,
    ) -> DecisionBoundary {
        if x.ndim() != 2 || x.shape()[1] != 2 || t.shape() != [x.shape()[0]] {
            panic!(
                "DecisionBoundary: takes points (N, 2) and classes (N), got {:?} and {:?}",
                x.shape(),
                t.shape()
            );
        }
        let numbers = x.to_dtype(DType::F64).to_vec::<f64>();
        let points: Vec<(f64, f64)> = numbers
            .chunks_exact(2)
            .map(|point| (point[0], point[1]))
            .collect();
        let around = |numbers: &mut dyn Iterator<Item = f64>| {
            let (low, high) = extent(numbers).unwrap_or((-1.0, 1.0));
            let room = 0.08 * (high - low);
            (low - room, high + room)
        };
        let x_range = around(&mut points.iter().map(|point| point.0));
        let y_range = around(&mut points.iter().map(|point| point.1));
        let at = |(low, high): (f64, f64), i: usize| {
            low + (high - low) * (i as f64 + 0.5) / STEPS as f64
        };
        let places = (0..STEPS * STEPS)
            .flat_map(|i| [at(x_range, i % STEPS), at(y_range, STEPS - 1 - i / STEPS)]);
        let grid = Array::from_vec(places.collect::<Vec<f64>>(), [STEPS * STEPS, 2]);
        let mut classes = classify(&grid.to_dtype(x.dtype()));
        if classes.ndim() == 2 && classes.shape()[1] > 0 {
            classes = classes.argmax_axis(1, false);
        }
        if classes.shape() != [STEPS * STEPS] {
            panic!(
                "DecisionBoundary: classify takes points ({}, 2) to classes (M) or scores (M, classes), got {:?}",
                STEPS * STEPS,
                classes.shape()
            );
        }
        DecisionBoundary {
            axes: Axes {
                height: 560,
                grid: false,
                ..Axes::new(title)
            },
            points,
            labels: t.to_dtype(DType::I64).to_vec(),
            x_range,
            y_range,
            classes: classes.to_dtype(DType::I64).to_vec(),
        }
    }

    /// What the axes show.
    #[must_use]
    pub fn labels(mut self, x: &str, y: &str) -> DecisionBoundary {
        (self.axes.x_label, self.axes.y_label) = (x.to_owned(), y.to_owned());
        self
    }
}

impl Plot for DecisionBoundary {
    fn svg(&self) -> String {
        let of = |class: i64| color(class.max(0) as usize);
        let ground = Raster {
            width: STEPS,
            height: STEPS,
            pixels: self
                .classes
                .iter()
                .map(|&class| pale(of(class), 0.3))
                .collect(),
        };
        let (x, y) = (
            self.x_range.0..self.x_range.1,
            self.y_range.0..self.y_range.1,
        );
        self.axes.draw(
            x,
            y,
            |chart| {
                for (&point, &class) in self.points.iter().zip(&self.labels) {
                    if !(point.0.is_finite() && point.1.is_finite()) {
                        continue;
                    }
                    let style = rgb(of(class));
                    // Another form for each class, as in the book, for those who print in grey.
                    match class.rem_euclid(3) {
                        0 => drop(chart.draw_series([Circle::new(point, 4, style.filled())])),
                        1 => drop(chart.draw_series([Cross::new(point, 4, style.stroke_width(2))])),
                        _ => {
                            drop(chart.draw_series([TriangleMarker::new(point, 5, style.filled())]))
                        }
                    }
                }
            },
            |(columns, rows)| {
                ground.element(
                    f64::from(columns.start),
                    f64::from(rows.start),
                    f64::from(columns.end - columns.start),
                    f64::from(rows.end - rows.start),
                )
            },
        )
    }
}
