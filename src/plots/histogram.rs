//! [`Histogram`]: how often numbers occur.

use dezero_array::{Array, DType};
use plotters::element::Rectangle;
use plotters::style::Color;

use super::Plot;
use super::axes::{Axes, DRAWS, extent, rgb};
use super::colors::color;

/// How many numbers lie in each of many intervals of equal width; those that are not finite are left out, and
/// counted in the title.
///
/// ```
/// use dezero::plots::{Histogram, Plot};
/// let svg = Histogram::new("Weights", [0.1, 0.2, 0.2, 0.7]).labels("weight", "count").svg();
/// assert!(svg.contains("Weights"));
/// ```
#[derive(Clone, Debug)]
pub struct Histogram {
    axes: Axes,
    values: Vec<f64>,
    bins: Option<usize>,
}

impl Histogram {
    /// The histogram of all numbers of an array of any shape.
    pub fn new(title: &str, values: impl Into<Array>) -> Histogram {
        let values = values.into();
        let values = values.to_dtype(DType::F64).reshape([values.size()]);
        Histogram {
            axes: Axes::new(title),
            values: values.to_vec(),
            bins: None,
        }
    }

    /// What the axes show.
    #[must_use]
    pub fn labels(mut self, x: &str, y: &str) -> Histogram {
        (self.axes.x_label, self.axes.y_label) = (x.to_owned(), y.to_owned());
        self
    }

    /// Into how many intervals the numbers are sorted; unless it is set, about the root of their number.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    #[must_use]
    pub fn bins(mut self, bins: usize) -> Histogram {
        if bins == 0 {
            panic!("Histogram: takes at least one bin");
        }
        self.bins = Some(bins);
        self
    }

    /// The intervals' ends, one more than intervals, and how many numbers lie in each.
    fn count(&self) -> (Vec<f64>, Vec<usize>) {
        let finite: Vec<f64> = self
            .values
            .iter()
            .copied()
            .filter(|x| x.is_finite())
            .collect();
        let (low, high) = extent(finite.iter().copied()).unwrap_or((0.0, 1.0));
        let bins = (finite.len() as f64).sqrt().ceil().clamp(10.0, 60.0) as usize;
        let bins = self.bins.unwrap_or(bins);
        let width = (high - low) / bins as f64;
        let mut counts = vec![0; bins];
        for x in finite {
            // The last interval has its upper end too.
            counts[(((x - low) / width) as usize).min(bins - 1)] += 1;
        }
        ((0..=bins).map(|i| low + i as f64 * width).collect(), counts)
    }
}

impl Plot for Histogram {
    fn svg(&self) -> String {
        let (ends, counts) = self.count();
        let missing = self.values.iter().filter(|x| !x.is_finite()).count();
        let mut axes = self.axes.clone();
        if self.values.len() == missing {
            axes.title += " (no data)";
        } else if missing > 0 {
            axes.title += &format!(" (without {missing} that are not finite)");
        }
        let highest = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let (left, right) = (ends[0], ends[counts.len()]);
        axes.draw(
            left..right,
            0.0..highest * 1.05,
            |chart| {
                let bars = counts.iter().enumerate().filter(|(_, count)| **count > 0);
                let bars = bars.map(|(i, count)| {
                    let mut bar = Rectangle::new(
                        [(ends[i], 0.0), (ends[i + 1], *count as f64)],
                        rgb(color(0)).filled(),
                    );
                    bar.set_margin(0, 0, 0, 1);
                    bar
                });
                chart.draw_series(bars).expect(DRAWS);
            },
            |_| String::new(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_every_number_once() {
        let histogram = Histogram::new("", [0.0, 1.0, 1.0, 3.9, 4.0, f64::NAN]).bins(4);
        let (ends, counts) = histogram.count();
        assert_eq!(ends, [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(counts, [1, 2, 0, 2]);
        let constant = Histogram::new("", vec![7.0; 5]).bins(3).count();
        assert_eq!(constant.1, [0, 5, 0]);
        assert_eq!(
            Histogram::new("", Vec::<f64>::new())
                .count()
                .1
                .iter()
                .sum::<usize>(),
            0
        );
    }
}
