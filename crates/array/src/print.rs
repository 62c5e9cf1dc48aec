//! Printing as NumPy prints: the same layout, digits, padding and summaries.
//!
//! NumPy's `arrayprint.py` is the model. Each float shows the fewest digits that tell it from its
//! neighbours, at most `precision` after the point; all elements share one format.

use std::fmt;
use std::str::FromStr;

use crate::{Array, DType, Element};

/// Digits after the point, where the format string says nothing.
const PRECISION: usize = 8;
/// Lines are broken so that they stay within it.
const LINE_WIDTH: usize = 75;
/// Larger arrays show only the ends of their axes,
const THRESHOLD: usize = 1000;
/// this many elements at each.
const EDGE: usize = 3;

/// As NumPy's `str`. `{:.3}` shows at most three digits after the point.
///
/// ```
/// use dezero_array::Array;
/// let x = Array::new([[1.0, 2.5], [-3.0, 1.0 / 3.0]]);
/// assert_eq!(x.to_string(), "[[ 1.          2.5       ]\n [-3.          0.33333333]]");
/// assert_eq!(format!("{x:.2}"), "[[ 1.    2.5 ]\n [-3.    0.33]]");
/// ```
impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ndim() > 0 || f.precision().is_some() {
            return f.write_str(&text(self, f.precision(), " ", 0, LINE_WIDTH));
        }
        match self.dtype() {
            DType::F32 => f.write_str(&scalar(self.to_vec::<f32>()[0])),
            DType::F64 => f.write_str(&scalar(self.to_vec::<f64>()[0])),
            _ => f.write_str(&text(self, None, " ", 0, LINE_WIDTH)),
        }
    }
}

/// As NumPy's `repr`.
///
/// ```
/// use dezero_array::Array;
/// assert_eq!(format!("{:?}", Array::new([1.0f32, 2.5])), "array([1. , 2.5], dtype=float32)");
/// ```
impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PREFIX: &str = "array(";
        let mut repr = PREFIX.to_string();
        repr += &text(self, f.precision(), ", ", PREFIX.len(), LINE_WIDTH - 1);
        let mut extras = Vec::new();
        if (self.size() == 0 && self.shape() != [0]) || self.size() > THRESHOLD {
            extras.push(match self.shape() {
                [n] => format!("shape=({n},)"),
                shape => {
                    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
                    format!("shape=({})", sizes.join(", "))
                }
            });
        }
        if self.dtype() == DType::F32 || self.size() == 0 {
            extras.push(format!("dtype={}", self.dtype()));
        }
        if !extras.is_empty() {
            let extras = extras.join(", ");
            repr.push(',');
            let last_line = repr.len() - repr.rfind('\n').map_or(0, |i| i + 1);
            if last_line + extras.len() + 2 > LINE_WIDTH {
                repr.push('\n');
                repr += &" ".repeat(PREFIX.len());
            } else {
                repr.push(' ');
            }
            repr += &extras;
        }
        repr.push(')');
        f.write_str(&repr)
    }
}

/// NumPy's `array2string`.
fn text(
    array: &Array,
    precision: Option<usize>,
    separator: &'static str,
    indent: usize,
    width: usize,
) -> String {
    if array.size() == 0 {
        return "[]".to_string();
    }
    let summarised = array.size() > THRESHOLD;
    let shown = |&n: &usize| if summarised { n.min(2 * EDGE) } else { n };
    let page = Page {
        elements: elements(array, precision.unwrap_or(PRECISION), summarised),
        shown: array.shape().iter().map(shown).collect(),
        elided: array.shape().iter().map(|n| *n > shown(n)).collect(),
        separator,
    };
    page.nested(0, 0, indent + 1, width)
}

/// The texts of the elements to show, in row-major order.
fn elements(array: &Array, precision: usize, summarised: bool) -> Vec<String> {
    match array.dtype() {
        DType::Bool => {
            let texts = if array.ndim() == 0 {
                ["False", "True"]
            } else {
                ["False", " True"]
            };
            corners::<bool>(array, summarised)
                .into_iter()
                .map(|x| texts[usize::from(x)].to_string())
                .collect()
        }
        DType::I64 => {
            let texts = corners::<i64>(array, summarised).into_iter();
            let texts: Vec<String> = texts.map(|x| x.to_string()).collect();
            let width = texts.iter().map(String::len).max().unwrap_or(0);
            texts.iter().map(|text| format!("{text:>width$}")).collect()
        }
        DType::F32 => floats(&corners::<f32>(array, summarised), precision),
        DType::F64 => floats(&corners::<f64>(array, summarised), precision),
    }
}

/// The elements at the ends of all axes; without a summary, all elements.
fn corners<T: Element>(array: &Array, summarised: bool) -> Vec<T> {
    let view = array.view::<T>();
    let mut offsets = vec![0isize];
    for (&n, &stride) in view.shape.iter().zip(view.strides) {
        let elided = summarised && n > 2 * EDGE;
        let shown = (0..n).filter(|i| !elided || *i < EDGE || *i >= n - EDGE);
        let along: Vec<isize> = shown.map(|i| i as isize * stride).collect();
        offsets = offsets
            .iter()
            .flat_map(|offset| along.iter().map(move |step| offset + step))
            .collect();
    }
    // SAFETY: each offset is that of an index inside the shape.
    let element = |offset| unsafe { *view.pointer.offset(offset) };
    offsets.into_iter().map(element).collect()
}

/// The elements' texts and how they nest.
struct Page {
    elements: Vec<String>,
    /// Number of items shown along each axis,
    shown: Vec<usize>,
    /// and whether there are more.
    elided: Vec<bool>,
    separator: &'static str,
}

impl Page {
    /// The part from element `first` on along `axis` and those inside it. Lines after the first
    /// start with `indent` spaces.
    fn nested(&self, axis: usize, first: usize, indent: usize, width: usize) -> String {
        let Some(&n) = self.shown.get(axis) else {
            return self.elements[first].clone();
        };
        let step: usize = self.shown[axis + 1..].iter().product();
        let axes_left = self.shown.len() - axis;
        let margin = " ".repeat(indent);
        let gap = |i| self.elided[axis] && i == EDGE;
        let mut out = String::new();
        if axes_left == 1 {
            // Room for the separator or the bracket after an element.
            let width = width.saturating_sub(1);
            let mut line = margin.clone();
            let mut push = |line: &mut String, word: &str| {
                if line.len() + word.len() > width && line.len() > indent {
                    out.push_str(line.trim_end());
                    out.push('\n');
                    line.truncate(indent);
                }
                line.push_str(word);
            };
            for i in 0..n {
                if gap(i) {
                    push(&mut line, "...");
                    line.push_str(self.separator);
                }
                push(&mut line, &self.elements[first + i]);
                if i + 1 < n {
                    line.push_str(self.separator);
                }
            }
            out.push_str(&line);
        } else {
            let end = self.separator.trim_end().to_owned() + &"\n".repeat(axes_left - 1);
            for i in 0..n {
                if gap(i) {
                    out += &margin;
                    out += "...";
                    out += &end;
                }
                out += &margin;
                out += &self.nested(
                    axis + 1,
                    first + i * step,
                    indent + 1,
                    width.saturating_sub(1),
                );
                if i + 1 < n {
                    out += &end;
                }
            }
        }
        format!("[{}]", &out[indent..])
    }
}

/// What printing needs of f32 and f64.
trait Real: Element + FromStr + fmt::Display + fmt::LowerExp {
    /// Single numbers from here on are printed with exponents.
    const LARGE: f64;
    /// Whether numbers whose sizes lie between `min` and `max` are printed with exponents.
    fn need_exponent(min: Self, max: Self) -> bool;
    fn is_finite(self) -> bool;
    fn is_nan(self) -> bool;
    fn abs(self) -> Self;
}

macro_rules! real {
    ($($t:ty, $large:literal, $large_alone:literal);*) => {$(
        impl Real for $t {
            const LARGE: f64 = $large_alone;
            fn need_exponent(min: Self, max: Self) -> bool {
                max >= $large || min < 0.0001 || max / min > 1000.0
            }
            fn is_finite(self) -> bool {
                <$t>::is_finite(self)
            }
            fn is_nan(self) -> bool {
                <$t>::is_nan(self)
            }
            fn abs(self) -> Self {
                <$t>::abs(self)
            }
        }
    )*};
}
// NumPy's thresholds: for arrays, 10 to the number of digits that are sure, at most 1e8.
real!(f32, 1e6, 1e6; f64, 1e8, 1e16);

/// All elements in their common format.
fn floats<T: Real>(elements: &[T], precision: usize) -> Vec<String> {
    let finite = || elements.iter().copied().filter(|x| x.is_finite());
    let sizes = || finite().map(T::abs).filter(|x| *x != T::default());
    let min = sizes().reduce(|a, b| if b < a { b } else { a });
    let max = sizes().reduce(|a, b| if b > a { b } else { a });
    let exponent = matches!((min, max), (Some(min), Some(max)) if T::need_exponent(min, max));

    // Each number as the text before the point, after it, and its exponent.
    let mut parts: Vec<(String, String, i32)> = finite()
        .map(|x| {
            if exponent {
                scientific(x, precision)
            } else {
                positional(x, precision)
            }
        })
        .collect();
    let digits = |exponent: i32| exponent.unsigned_abs().to_string().len().max(2);
    let exponent_width = parts.iter().map(|part| digits(part.2)).max().unwrap_or(0);
    let mut right = parts.iter().map(|part| part.1.len()).max().unwrap_or(0);
    let mut left = parts.iter().map(|part| part.0.len()).max().unwrap_or(0);
    if exponent {
        // With exponents, all show the same number of digits.
        let shared = right;
        parts = finite().map(|x| fixed_scientific(x, shared)).collect();
        right += "e+".len() + exponent_width;
    }
    if parts.len() < elements.len() {
        let negative = |x: &T| !x.is_nan() && !x.is_finite() && *x < T::default();
        let longest = if elements.iter().any(negative) { 4 } else { 3 };
        left = left.max(longest - (right + 1).min(longest));
    }

    let mut parts = parts.into_iter();
    let format = |x: &T| {
        if !x.is_finite() {
            return format!("{:>width$}", non_finite(*x), width = left + right + 1);
        }
        let (whole, fraction, power) = parts.next().expect("one for each finite element");
        if exponent {
            let sign = if power < 0 { '-' } else { '+' };
            let power = power.unsigned_abs();
            format!("{whole:>left$}.{fraction}e{sign}{power:0exponent_width$}")
        } else {
            format!("{whole:>left$}.{fraction:<right$}")
        }
    };
    elements.iter().map(format).collect()
}

/// The shortest text of `x`, rounded to `precision` digits after the point if it has more.
fn positional<T: Real>(x: T, precision: usize) -> (String, String, i32) {
    let shortest = x.to_string();
    let digits = shortest.find('.').map_or(0, |i| shortest.len() - i - 1);
    let rounded = format!("{x:.*}", digits.min(precision));
    let text = settle_tie(x, digits <= precision, shortest, rounded);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    (
        whole.to_owned(),
        fraction.trim_end_matches('0').to_owned(),
        0,
    )
}

/// As [`positional`], with an exponent.
fn scientific<T: Real>(x: T, precision: usize) -> (String, String, i32) {
    let shortest = format!("{x:e}");
    let digits = split_exponent(&shortest).1.len();
    let rounded = format!("{x:.*e}", digits.min(precision));
    let text = settle_tie(x, digits <= precision, shortest, rounded);
    let (whole, fraction, exponent) = split_exponent(&text);
    (whole, fraction.trim_end_matches('0').to_owned(), exponent)
}

/// Exactly `digits` digits after the point.
fn fixed_scientific<T: Real>(x: T, digits: usize) -> (String, String, i32) {
    split_exponent(&format!("{x:.digits$e}"))
}

/// Rust's `shortest` text of `x`, or `x` `rounded` to the same or fewer digits.
///
/// Where two numbers of that length are equally near, the shortest is the one above; NumPy takes
/// the even one, as rounding does. Rounding may miss `x` where the float below is nearer than
/// the one above.
fn settle_tie<T: Real>(x: T, same_digits: bool, shortest: String, rounded: String) -> String {
    if same_digits && rounded.parse().ok() != Some(x) {
        shortest
    } else {
        rounded
    }
}

fn split_exponent(text: &str) -> (String, String, i32) {
    let (mantissa, exponent) = text.split_once('e').expect("formatted with an exponent");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.parse().expect("a small integer");
    (whole.to_owned(), fraction.to_owned(), exponent)
}

fn non_finite<T: Real>(x: T) -> &'static str {
    if x.is_nan() {
        "nan"
    } else if x < T::default() {
        "-inf"
    } else {
        "inf"
    }
}

/// A number alone, as NumPy and Python print it: all its digits.
fn scalar<T: Real>(x: T) -> String {
    let size = x.to_f64().abs();
    if !x.is_finite() {
        return non_finite(x).to_string();
    }
    if size == 0.0 || (1e-4..T::LARGE).contains(&size) {
        let (whole, fraction, _) = positional(x, usize::MAX);
        let fraction = if fraction.is_empty() { "0" } else { &fraction };
        return format!("{whole}.{fraction}");
    }
    let (whole, fraction, exponent) = scientific(x, usize::MAX);
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    let exponent = exponent.unsigned_abs();
    format!("{whole}{point}{fraction}e{sign}{exponent:02}")
}
