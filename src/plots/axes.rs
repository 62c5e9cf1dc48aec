//! Axes with a title, labels and a grid, by `plotters`.

use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::{
    Cartesian2d, DrawingArea, IntoDrawingArea, IntoFont, RGBColor, SVGBackend,
};
use plotters::style::{Color, TextStyle};

use super::colors::{GRID, INK, Rgb};

/// Writing to a string cannot fail.
pub(super) const DRAWS: &str = "strings grow";

pub(super) fn rgb([r, g, b]: Rgb) -> RGBColor {
    RGBColor(r, g, b)
}

pub(super) fn text(size: f64) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&rgb(INK))
}

/// What all plots with axes have.
#[derive(Clone, Debug)]
pub(super) struct Axes {
    pub(super) title: String,
    pub(super) x_label: String,
    pub(super) y_label: String,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) grid: bool,
}

/// The part of the picture inside of the axes, in pixels.
pub(super) type Inside = (Range<i32>, Range<i32>);

type Chart<'a, X, Y> = ChartContext<
    'a,
    SVGBackend<'a>,
    Cartesian2d<<X as AsRangedCoord>::CoordDescType, <Y as AsRangedCoord>::CoordDescType>,
>;

impl Axes {
    pub(super) fn new(title: &str) -> Axes {
        Axes {
            title: title.to_owned(),
            x_label: String::new(),
            y_label: String::new(),
            width: 640,
            height: 420,
            grid: true,
        }
    }

    /// The axes with what `draw` draws between them; `below` makes SVG elements that lie below all.
    pub(super) fn draw<X, Y>(
        &self,
        x: X,
        y: Y,
        draw: impl FnOnce(&mut Chart<'_, X, Y>),
        below: impl FnOnce(Inside) -> String,
    ) -> String
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let mut svg = String::new();
        let inside;
        {
            let area: DrawingArea<SVGBackend<'_>, Shift> =
                SVGBackend::with_string(&mut svg, (self.width, self.height)).into_drawing_area();
            let mut builder = ChartBuilder::on(&area);
            builder
                .margin(12)
                .margin_right(22)
                .x_label_area_size(if self.x_label.is_empty() { 28 } else { 46 })
                .y_label_area_size(if self.y_label.is_empty() { 46 } else { 66 });
            if !self.title.is_empty() {
                builder.caption(&self.title, text(20.0));
            }
            let mut chart = builder.build_cartesian_2d(x, y).expect(DRAWS);
            let (columns, rows) = chart.plotting_area().get_pixel_range();
            inside = (columns, rows);
            let mut mesh = chart.configure_mesh();
            mesh.light_line_style(RGBColor(255, 255, 255).mix(0.0))
                .bold_line_style(rgb(GRID).mix(if self.grid { 1.0 } else { 0.0 }))
                .axis_style(rgb(INK))
                .label_style(text(14.0))
                .axis_desc_style(text(16.0))
                .x_labels(8)
                .y_labels(7)
                .x_desc(&self.x_label)
                .y_desc(&self.y_label)
                .x_label_formatter(&|x| number(*x))
                .y_label_formatter(&|y| number(*y));
            mesh.draw().expect(DRAWS);
            drop(mesh);
            draw(&mut chart);
            area.present().expect(DRAWS);
        }
        with_ground(&svg, &below(inside))
    }
}

/// The picture on white, with `below` between the two.
pub(super) fn with_ground(svg: &str, below: &str) -> String {
    let (head, rest) = svg.split_once('>').expect("an svg element");
    format!("{head}>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{below}{rest}")
}

/// A number at an axis: short, and without the noise of its last digits.
pub(super) fn number(x: f64) -> String {
    let size = x.abs();
    if size != 0.0 && !(1e-3..1e5).contains(&size) {
        return format!("{x:e}");
    }
    let rounded = format!("{x:.4}");
    let rounded = rounded.trim_end_matches('0').trim_end_matches('.');
    if rounded == "-0" {
        String::from("0")
    } else {
        rounded.to_owned()
    }
}

/// The smallest and largest of the finite numbers, a little apart if they are the same; `None` without any.
pub(super) fn extent(numbers: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = numbers.filter(|x| x.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
        (low.min(x), high.max(x))
    });
    if low > high {
        return None;
    }
    // Numbers that differ by rounding alone are one number.
    let least = 1e-9 * low.abs().max(high.abs());
    if high - low > least {
        return Some((low, high));
    }
    let half = if low == 0.0 { 0.5 } else { low.abs() / 2.0 };
    Some((low - half, high + half))
}
