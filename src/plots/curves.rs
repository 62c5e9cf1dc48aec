//! [`Curves`]: lines and points over an axis.

use dezero_array::{Array, DType};
use plotters::chart::{ChartContext, SeriesLabelPosition};
use plotters::coord::CoordTranslate;
use plotters::element::{Circle, PathElement};
use plotters::prelude::{IntoLogRange, Ranged, SVGBackend};
use plotters::series::LineSeries;
use plotters::style::Color;

use super::Plot;
use super::axes::{Axes, DRAWS, extent, rgb, text};
use super::colors::{INK, color};

/// Lines and points, such as the loss of a training over its epochs.
///
/// Numbers that are not finite leave a gap, and on a logarithmic scale those that are not positive.
///
/// ```
/// use dezero::plots::{Curves, Plot};
/// let svg = Curves::new("Training")
///     .labels("epoch", "loss")
///     .line("training", [2.3, 0.9, 0.5, 0.4])
///     .line_at("test", [1.0, 4.0], [1.2, 0.6])
///     .log_scale(true)
///     .svg();
/// assert!(svg.contains("epoch") && svg.contains("test"));
/// ```
#[derive(Clone, Debug)]
pub struct Curves {
    axes: Axes,
    series: Vec<Series>,
    is_logarithmic: bool,
    y_range: Option<(f64, f64)>,
}

#[derive(Clone, Debug)]
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
    is_line: bool,
    is_dashed: bool,
}

impl Curves {
    /// No curves yet, under a title.
    pub fn new(title: &str) -> Curves {
        Curves {
            axes: Axes::new(title),
            series: Vec::new(),
            is_logarithmic: false,
            y_range: None,
        }
    }

    /// What the axes show.
    #[must_use]
    pub fn labels(mut self, x: &str, y: &str) -> Curves {
        (self.axes.x_label, self.axes.y_label) = (x.to_owned(), y.to_owned());
        self
    }

    /// The size of the picture, in pixels.
    #[must_use]
    pub fn size(mut self, width: u32, height: u32) -> Curves {
        (self.axes.width, self.axes.height) = (width.max(160), height.max(120));
        self
    }

    /// A line through `ys` at 1, 2, 3, …; an empty name stays out of the legend.
    #[track_caller]
    #[must_use]
    pub fn line(self, name: &str, ys: impl Into<Array>) -> Curves {
        let ys = ys.into();
        let xs = Array::arange(1, ys.size() as i64 + 1, 1);
        self.add(name, &xs, &ys, true)
    }

    /// A line through the points (x, y).
    ///
    /// # Panics
    /// If there are not as many `xs` as `ys`.
    #[track_caller]
    #[must_use]
    pub fn line_at(self, name: &str, xs: impl Into<Array>, ys: impl Into<Array>) -> Curves {
        self.add(name, &xs.into(), &ys.into(), true)
    }

    /// The points (x, y).
    ///
    /// # Panics
    /// If there are not as many `xs` as `ys`.
    #[track_caller]
    #[must_use]
    pub fn points(self, name: &str, xs: impl Into<Array>, ys: impl Into<Array>) -> Curves {
        self.add(name, &xs.into(), &ys.into(), false)
    }

    /// Whether the vertical axis is logarithmic.
    #[must_use]
    pub fn log_scale(mut self, log_scale: bool) -> Curves {
        self.is_logarithmic = log_scale;
        self
    }

    /// Dashes the line that was added last.
    #[must_use]
    pub fn dashed(mut self) -> Curves {
        if let Some(series) = self.series.last_mut() {
            series.is_dashed = true;
        }
        self
    }

    /// What part of the vertical axis is shown.
    ///
    /// # Panics
    /// If `low` is not less than `high`.
    #[track_caller]
    #[must_use]
    pub fn y_range(mut self, low: f64, high: f64) -> Curves {
        if low.partial_cmp(&high) != Some(std::cmp::Ordering::Less) {
            panic!("y_range: takes the lower end and the upper end, got {low} and {high}");
        }
        self.y_range = Some((low, high));
        self
    }

    #[track_caller]
    fn add(mut self, name: &str, xs: &Array, ys: &Array, is_line: bool) -> Curves {
        if xs.size() != ys.size() {
            panic!(
                "Curves: {:?} has {} numbers for x and {} for y",
                name,
                xs.size(),
                ys.size()
            );
        }
        let numbers = |x: &Array| x.to_dtype(DType::F64).reshape([x.size()]).to_vec::<f64>();
        self.series.push(Series {
            name: name.to_owned(),
            points: numbers(xs).into_iter().zip(numbers(ys)).collect(),
            is_line,
            is_dashed: false,
        });
        self
    }

    fn is_shown(&self, (x, y): (f64, f64)) -> bool {
        x.is_finite() && y.is_finite() && (!self.is_logarithmic || y > 0.0)
    }

    fn draw_series<'a, X, Y>(
        &self,
        chart: &mut ChartContext<'a, SVGBackend<'a>, plotters::prelude::Cartesian2d<X, Y>>,
    ) where
        X: Ranged<ValueType = f64>,
        Y: Ranged<ValueType = f64>,
        plotters::prelude::Cartesian2d<X, Y>: CoordTranslate<From = (f64, f64)>,
    {
        for (i, series) in self.series.iter().enumerate() {
            let style = rgb(color(i)).stroke_width(2);
            if !series.is_line {
                let shown = series.points.iter().filter(|point| self.is_shown(**point));
                let dots = shown.map(|point| Circle::new(*point, 3, rgb(color(i)).filled()));
                let drawn = chart.draw_series(dots).expect(DRAWS);
                if !series.name.is_empty() {
                    let dot = move |(x, y)| Circle::new((x + 9, y), 3, rgb(color(i)).filled());
                    drawn.label(&series.name).legend(dot);
                }
                continue;
            }
            let mut is_first = true;
            for part in series.points.split(|point| !self.is_shown(*point)) {
                if let [point] = part {
                    let dot = Circle::new(*point, 2, rgb(color(i)).filled());
                    chart.draw_series([dot]).expect(DRAWS);
                } else if series.is_dashed {
                    let line =
                        plotters::series::DashedLineSeries::new(part.iter().copied(), 7, 5, style);
                    chart.draw_series(line).expect(DRAWS);
                } else {
                    let line = LineSeries::new(part.iter().copied(), style);
                    chart.draw_series(line).expect(DRAWS);
                }
            }
            if std::mem::take(&mut is_first) && !series.name.is_empty() {
                let nothing = LineSeries::new(std::iter::empty::<(f64, f64)>(), style);
                let key = move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], style);
                chart
                    .draw_series(nothing)
                    .expect(DRAWS)
                    .label(&series.name)
                    .legend(key);
            }
        }
        if self.series.iter().any(|series| !series.name.is_empty()) {
            chart
                .configure_series_labels()
                .position(self.legend_position())
                .background_style(plotters::style::WHITE.mix(0.85))
                .border_style(rgb(INK).mix(0.2))
                .label_font(text(15.0))
                .margin(8)
                .draw()
                .expect(DRAWS);
        }
    }

    /// The corner where fewest points are.
    fn legend_position(&self) -> SeriesLabelPosition {
        let shown: Vec<(f64, f64)> = self
            .series
            .iter()
            .flat_map(|series| series.points.iter().copied())
            .filter(|point| self.is_shown(*point))
            .map(|(x, y)| (x, if self.is_logarithmic { y.ln() } else { y }))
            .collect();
        let xs = extent(shown.iter().map(|point| point.0)).unwrap_or((0.0, 1.0));
        let ys = extent(shown.iter().map(|point| point.1)).unwrap_or((0.0, 1.0));
        let corners = [
            (SeriesLabelPosition::UpperRight, 1.0, 1.0),
            (SeriesLabelPosition::UpperLeft, 0.0, 1.0),
            (SeriesLabelPosition::LowerRight, 1.0, 0.0),
            (SeriesLabelPosition::LowerLeft, 0.0, 0.0),
        ];
        let crowd = |right: f64, top: f64| {
            let near = |&&(x, y): &&(f64, f64)| {
                let across = (x - xs.0) / (xs.1 - xs.0) - right;
                let up = (y - ys.0) / (ys.1 - ys.0) - top;
                across.abs() < 0.4 && up.abs() < 0.35
            };
            shown.iter().filter(near).count()
        };
        let best = corners
            .into_iter()
            .min_by_key(|(_, right, top)| crowd(*right, *top));
        best.expect("four corners").0
    }
}

impl Plot for Curves {
    fn svg(&self) -> String {
        let points = || {
            self.series
                .iter()
                .flat_map(|series| series.points.iter().copied())
        };
        let shown = || points().filter(|point| self.is_shown(*point));
        let (left, right) = extent(shown().map(|point| point.0)).unwrap_or((0.0, 1.0));
        let found = extent(shown().map(|point| point.1));
        let axes = match found {
            Some(_) => self.axes.clone(),
            None => Axes {
                title: format!("{} (no data)", self.axes.title).trim().to_owned(),
                ..self.axes.clone()
            },
        };
        let below = |_| String::new();
        if self.is_logarithmic {
            let (low, high) = found.unwrap_or((0.1, 1.0));
            // One number throughout is widened to both sides, which must stay positive.
            let (low, high) = self
                .y_range
                .unwrap_or((low.max(high * 1e-12) / 1.15, high * 1.15));
            let range = (low.max(f64::MIN_POSITIVE)..high).log_scale();
            return axes.draw(left..right, range, |chart| self.draw_series(chart), below);
        }
        let (low, high) = found.unwrap_or((0.0, 1.0));
        let room = 0.05 * (high - low);
        let (low, high) = self.y_range.unwrap_or((low - room, high + room));
        axes.draw(
            left..right,
            low..high,
            |chart| self.draw_series(chart),
            below,
        )
    }
}
