//! [`Indices`]: what stands between the brackets.

use std::fmt;
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use smallvec::SmallVec;

use crate::views::Size;
use crate::{Array, DType, Literal, Shape};

/// A range with a step, as Python's `start:stop:step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// First position; negative counts from the end; `None` is the end where the walk begins.
    pub start: Option<isize>,
    /// Position before which to stop; `None` walks to the end.
    pub stop: Option<isize>,
    /// Distance between positions; negative walks backwards. Not zero.
    pub step: isize,
}

impl Slice {
    /// The same slice with another step.
    ///
    /// # Panics
    /// If `step` is zero.
    #[track_caller]
    pub fn with_step(self, step: isize) -> Slice {
        assert!(step != 0, "slice: the step is zero");
        Slice { step, ..self }
    }

    /// First position and number of positions on an axis of size `n`, by Python's rules.
    pub(super) fn resolve(&self, n: usize) -> (usize, usize) {
        let n = n as isize;
        let (low, high) = if self.step > 0 { (0, n) } else { (-1, n - 1) };
        let clip = |i: isize| (if i < 0 { i.saturating_add(n) } else { i }).clamp(low, high);
        let backwards = self.step < 0;
        let start = self.start.map_or(if backwards { high } else { low }, clip);
        let stop = self.stop.map_or(if backwards { low } else { high }, clip);
        let distance = if backwards {
            start - stop
        } else {
            stop - start
        };
        if distance <= 0 {
            return (0, 0);
        }
        let len = (distance as usize - 1) / self.step.unsigned_abs() + 1;
        (start as usize, len)
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(start) = self.start {
            write!(f, "{start}")?;
        }
        f.write_str(":")?;
        if let Some(stop) = self.stop {
            write!(f, "{stop}")?;
        }
        if self.step != 1 {
            write!(f, ":{}", self.step)?;
        }
        Ok(())
    }
}

/// An index that adds an axis of size 1, as `numpy.newaxis`.
#[derive(Clone, Copy, Debug)]
pub struct NewAxis;

/// An index that takes all axes that the other indices leave over, as Python's `...`.
#[derive(Clone, Copy, Debug)]
pub struct Ellipsis;

/// One entry of [`Indices`].
#[derive(Clone)]
pub enum Index {
    /// One position; negative counts from the end. The axis disappears.
    At(isize),
    /// A range of positions.
    Slice(Slice),
    /// A new axis of size 1.
    NewAxis,
    /// All axes that the other entries leave over.
    Ellipsis,
    /// Positions in an i64 array of any shape, or a bool array whose true places are taken.
    Array(Array),
}

/// Which elements of an array: what stands between the brackets in NumPy's `x[1, 2:5, ..., [0, 3]]`.
///
/// Made from a number, a range, an array of positions or a mask, from a tuple of them, or by the
/// macro [`s!`](crate::s), which knows steps too. It follows NumPy's rules, also in where the axes
/// of index arrays land: where the first of them stands if they stand side by side (numbers
/// count), otherwise in front.
///
/// ```
/// use dezero_array::{Array, Ellipsis, NewAxis, s};
/// let x = Array::arange(0, 24, 1).reshape([2, 3, 4]);
/// assert_eq!(x.get(1).shape(), &[3, 4]);
/// assert_eq!(x.get((1, 0..2)).shape(), &[2, 4]);
/// assert_eq!(x.get((Ellipsis, -1)).shape(), &[2, 3]);
/// assert_eq!(x.get(s![.., NewAxis, ..;-1, 1..;2]).shape(), &[2, 1, 3, 2]);
/// assert_eq!(x.get((.., [2, 0, 0, 1])).shape(), &[2, 4, 4]);
/// assert_eq!(x.get((1, 2, 3)).item(), 23.0);
/// ```
#[derive(Clone, Default)]
pub struct Indices(pub(super) SmallVec<[Index; 2]>);

macro_rules! index_from {
    ($([$($generics:tt)*] $t:ty, $x:ident => $index:expr;)*) => {$(
        impl<$($generics)*> From<$t> for Index {
            #[track_caller]
            fn from($x: $t) -> Index {
                $index
            }
        }
        impl<$($generics)*> From<$t> for Indices {
            #[track_caller]
            fn from(x: $t) -> Indices {
                Indices(SmallVec::from_iter([Index::from(x)]))
            }
        }
    )*};
}
index_from! {
    [] i32, x => Index::At(x.to_isize());
    [] i64, x => Index::At(x.to_isize());
    [] isize, x => Index::At(x);
    [] usize, x => Index::At(x.to_isize());
    [] Slice, x => Index::Slice(x);
    [] NewAxis, _x => Index::NewAxis;
    [] Ellipsis, _x => Index::Ellipsis;
    [] RangeFull, x => Index::Slice(x.into());
    [S: Size] Range<S>, x => Index::Slice(x.into());
    [S: Size] RangeFrom<S>, x => Index::Slice(x.into());
    [S: Size] RangeTo<S>, x => Index::Slice(x.into());
    [S: Size] RangeInclusive<S>, x => Index::Slice(x.into());
    [S: Size] RangeToInclusive<S>, x => Index::Slice(x.into());
    [] Array, x => Index::Array(x);
    [] &Array, x => Index::Array(x.clone());
    [L: Literal, const N: usize] [L; N], x => Index::Array(Array::new(x));
    [L: Literal] Vec<L>, x => Index::Array(Array::new(x));
    [L: Literal] &[L], x => Index::Array(Array::new(x));
}

macro_rules! slice_from {
    ($([$($generics:tt)*] $t:ty, $x:ident => $start:expr, $stop:expr;)*) => {$(
        impl<$($generics)*> From<$t> for Slice {
            fn from($x: $t) -> Slice {
                Slice { start: $start, stop: $stop, step: 1 }
            }
        }
    )*};
}
slice_from! {
    [] RangeFull, _x => None, None;
    [S: Size] Range<S>, x => Some(x.start.to_isize()), Some(x.end.to_isize());
    [S: Size] RangeFrom<S>, x => Some(x.start.to_isize()), None;
    [S: Size] RangeTo<S>, x => None, Some(x.end.to_isize());
    [S: Size] RangeInclusive<S>, x => Some(x.start().to_isize()), after(x.end().to_isize());
    [S: Size] RangeToInclusive<S>, x => None, after(x.end.to_isize());
}

/// The stop of a slice that includes `last`.
fn after(last: isize) -> Option<isize> {
    (last != -1).then(|| last.saturating_add(1))
}

impl From<()> for Indices {
    fn from(_: ()) -> Indices {
        Indices::default()
    }
}

impl From<Index> for Indices {
    fn from(index: Index) -> Indices {
        Indices(SmallVec::from_iter([index]))
    }
}

impl From<Vec<Index>> for Indices {
    fn from(indices: Vec<Index>) -> Indices {
        Indices(indices.into())
    }
}

impl From<&Indices> for Indices {
    fn from(indices: &Indices) -> Indices {
        indices.clone()
    }
}

impl FromIterator<Index> for Indices {
    fn from_iter<I: IntoIterator<Item = Index>>(indices: I) -> Indices {
        Indices(indices.into_iter().collect())
    }
}

macro_rules! indices_from_tuple {
    ($($($T:ident $x:ident),+;)*) => {$(
        impl<$($T: Into<Index>),+> From<($($T,)+)> for Indices {
            #[track_caller]
            fn from(($($x,)+): ($($T,)+)) -> Indices {
                Indices(SmallVec::from_iter([$($x.into()),+]))
            }
        }
    )*};
}
indices_from_tuple! {
    A a;
    A a, B b;
    A a, B b, C c;
    A a, B b, C c, D d;
    A a, B b, C c, D d, E e;
    A a, B b, C c, D d, E e, F f;
}

/// [`Indices`] in the spirit of `ndarray`'s `s!`: numbers, ranges, `range;step`, `NewAxis`,
/// `Ellipsis`, and arrays of positions or masks.
///
/// ```
/// use dezero_array::{Array, s};
/// let x = Array::arange(0, 6, 1);
/// assert_eq!(x.get(s![..;-1]).to_vec::<i64>(), [5, 4, 3, 2, 1, 0]);
/// assert_eq!(x.get(s![1..-1;2]).to_vec::<i64>(), [1, 3]);
/// assert_eq!(x.get(s![NewAxis, ..2]).shape(), &[1, 2]);
/// assert_eq!(x.get(s![[3, 3, 0]]).to_vec::<i64>(), [3, 3, 0]);
/// ```
#[macro_export]
macro_rules! s {
    (@ [$($done:expr,)*]) => {
        <$crate::Indices as ::core::iter::FromIterator<$crate::Index>>::from_iter([$($done),*])
    };
    (@ [$($done:expr,)*] NewAxis $(, $($rest:tt)*)?) => {
        $crate::s!(@ [$($done,)* $crate::Index::NewAxis,] $($($rest)*)?)
    };
    (@ [$($done:expr,)*] Ellipsis $(, $($rest:tt)*)?) => {
        $crate::s!(@ [$($done,)* $crate::Index::Ellipsis,] $($($rest)*)?)
    };
    (@ [$($done:expr,)*] $range:expr ; $step:expr $(, $($rest:tt)*)?) => {
        $crate::s!(@ [
            $($done,)*
            $crate::Index::Slice($crate::Slice::from($range).with_step($step)),
        ] $($($rest)*)?)
    };
    (@ [$($done:expr,)*] $index:expr $(, $($rest:tt)*)?) => {
        $crate::s!(@ [$($done,)* $crate::Index::from($index),] $($($rest)*)?)
    };
    ($($indices:tt)*) => {
        $crate::s!(@ [] $($indices)*)
    };
}

/// In Python's notation; arrays by dtype and shape.
impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Index::At(i) => write!(f, "{i}"),
            Index::Slice(slice) => write!(f, "{slice}"),
            Index::NewAxis => f.write_str("None"),
            Index::Ellipsis => f.write_str("..."),
            Index::Array(index) => write!(f, "{}{:?}", index.dtype(), index.shape()),
        }
    }
}

/// In Python's notation: `[1, 2:5, ..., int64[4]]`.
impl fmt::Debug for Indices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl Indices {
    /// The shape of `x.get(self)` for an `x` of `shape`.
    ///
    /// # Panics
    /// If the indices do not fit the shape.
    ///
    /// ```
    /// use dezero_array::s;
    /// assert_eq!(&s![0, .., [1, 1, 0]].result_shape(&[2, 5, 3])[..], &[3, 5]);
    /// ```
    #[track_caller]
    pub fn result_shape(&self, shape: &[usize]) -> Shape {
        self.plan("get", shape).shape()
    }

    /// Whether the result is a view: there are no arrays of positions and no masks.
    pub fn is_basic(&self) -> bool {
        !self.0.iter().any(|index| match index {
            Index::Array(index) => index.ndim() > 0 || index.dtype() == DType::Bool,
            _ => false,
        })
    }
}
