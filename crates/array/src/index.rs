//! NumPy's indexing: [`Indices`] says which elements, [`Array::get`] reads them, [`Array::set`]
//! and [`Array::add_at`] write them.

use std::fmt;
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use smallvec::SmallVec;

use crate::cpu::copy::update_strided;
use crate::cpu::gather::{Places, Positions};
use crate::layout::{Layout, contiguous_strides, size_of_shape};
use crate::views::Size;
use crate::{Array, DType, Element, Literal, Shape, Strides, broadcast_shape, match_dtype};

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
    fn resolve(&self, n: usize) -> (usize, usize) {
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
pub struct Indices(SmallVec<[Index; 2]>);

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

/// An axis of the result that walks an axis of the array, or a new one.
struct Walk {
    axis: Option<usize>,
    start: usize,
    step: isize,
    len: usize,
}

/// Indices fitted to a shape, whatever the strides.
struct Plan {
    walks: SmallVec<[Walk; 4]>,
    /// Positions that numbers fix.
    fixed: SmallVec<[(usize, usize); 4]>,
    /// Arrays of positions, with their axes.
    picked: SmallVec<[(usize, Array); 2]>,
    /// The shape that the arrays of positions broadcast to, if there are any, and how many walks
    /// stand before it in the result.
    picked_shape: Option<(Shape, usize)>,
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

    #[track_caller]
    fn plan(&self, operation: &str, shape: &[usize]) -> Plan {
        let mut taken = 0;
        let mut ellipses = 0;
        for index in &self.0 {
            match index {
                Index::At(_) | Index::Slice(_) => taken += 1,
                Index::NewAxis => {}
                Index::Ellipsis => ellipses += 1,
                Index::Array(index) => match index.dtype() {
                    DType::I64 => taken += 1,
                    DType::Bool => taken += index.ndim(),
                    dtype => panic!(
                        "{operation}: an index array is int64 (positions) or bool (a mask), \
                         this one is {dtype}"
                    ),
                },
            }
        }
        if taken > shape.len() {
            panic!(
                "{operation}: {self:?} indexes {taken} axes, the array has {}: {shape:?}",
                shape.len()
            );
        }
        if ellipses > 1 {
            panic!("{operation}: {self:?} has more than one ellipsis");
        }
        let mut left_over = shape.len() - taken;
        let mut plan = Plan {
            walks: SmallVec::new(),
            fixed: SmallVec::new(),
            picked: SmallVec::new(),
            picked_shape: None,
        };
        let basic = self.is_basic();
        // Runs of numbers and arrays; more than one send the picked axes to the front.
        let mut runs = 0;
        let mut in_run = false;
        let mut before = 0;
        let mut axis = 0;
        for index in &self.0 {
            let picks = matches!(index, Index::At(_) | Index::Array(_));
            if picks && !in_run {
                runs += 1;
                before = plan.walks.len();
            }
            in_run = picks;
            match index {
                Index::At(i) => {
                    let at = checked_position(operation, *i, axis, shape);
                    plan.fixed.push((axis, at));
                    axis += 1;
                }
                Index::Slice(slice) => {
                    assert!(slice.step != 0, "{operation}: the step of a slice is zero");
                    let (start, len) = slice.resolve(shape[axis]);
                    let step = slice.step;
                    let axis_walked = Some(axis);
                    plan.walks.push(Walk {
                        axis: axis_walked,
                        start,
                        step,
                        len,
                    });
                    axis += 1;
                }
                Index::NewAxis => plan.walks.push(Walk {
                    axis: None,
                    start: 0,
                    step: 1,
                    len: 1,
                }),
                Index::Ellipsis => {
                    plan.walk_all(axis..axis + left_over, shape);
                    axis += left_over;
                    left_over = 0;
                }
                Index::Array(index) if index.dtype() == DType::Bool => {
                    let masked = &shape[axis..axis + index.ndim()];
                    if index.shape() != masked {
                        panic!(
                            "{operation}: a mask of shape {:?} on axes {axis}.. of {shape:?}, \
                             which have shape {masked:?}",
                            index.shape()
                        );
                    }
                    let places = index.nonzero();
                    let count = places.first().map_or(
                        usize::from(index.ndim() == 0 && index.item() != 0.0),
                        Array::len,
                    );
                    plan.pick(operation, &[count]);
                    for place in places {
                        plan.picked.push((axis, place));
                        axis += 1;
                    }
                }
                Index::Array(index) => {
                    if index.ndim() == 0 {
                        let at = checked_position(operation, item_i64(index), axis, shape);
                        plan.fixed.push((axis, at));
                    } else {
                        plan.pick(operation, index.shape());
                        plan.picked.push((axis, index.clone()));
                    }
                    axis += 1;
                }
            }
        }
        plan.walk_all(axis..axis + left_over, shape);
        if !basic && let Some((_, place)) = &mut plan.picked_shape {
            *place = if runs == 1 { before } else { 0 };
        }
        plan
    }
}

/// The only element of an i64 array, exactly.
fn item_i64(index: &Array) -> isize {
    index.to_vec::<i64>()[0].to_isize()
}

/// The position that `i` names on an axis.
#[track_caller]
#[inline]
pub(crate) fn checked_position(operation: &str, i: isize, axis: usize, shape: &[usize]) -> usize {
    let n = shape[axis] as isize;
    let position = if i < 0 { i + n } else { i };
    if position < 0 || position >= n {
        out_of_range(operation, i, axis, shape);
    }
    position as usize
}

#[cold]
#[track_caller]
fn out_of_range(operation: &str, i: isize, axis: usize, shape: &[usize]) -> ! {
    panic!(
        "{operation}: index {i} is out of range for axis {axis} of {shape:?}, which has size {}",
        shape[axis]
    );
}

impl Plan {
    fn walk_all(&mut self, axes: Range<usize>, shape: &[usize]) {
        self.walks.extend(axes.map(|axis| Walk {
            axis: Some(axis),
            start: 0,
            step: 1,
            len: shape[axis],
        }));
    }

    /// Takes in the shape of one more array of positions.
    #[track_caller]
    fn pick(&mut self, operation: &str, shape: &[usize]) {
        let present = match &self.picked_shape {
            Some((present, _)) => present.clone(),
            None => Shape::new(),
        };
        match broadcast_shape(&present, shape) {
            Some(shape) => self.picked_shape = Some((shape, 0)),
            None => panic!(
                "{operation}: index arrays of shapes {:?} and {shape:?} do not broadcast",
                &present[..]
            ),
        }
    }

    fn shape(&self) -> Shape {
        let mut shape: Shape = self.walks.iter().map(|walk| walk.len).collect();
        if let Some((picked, place)) = &self.picked_shape {
            shape.insert_many(*place, picked.iter().copied());
        }
        shape
    }

    /// Where the first element lies, and the strides of the walks.
    fn walk(&self, strides: &[isize]) -> (isize, Strides) {
        let mut start = 0;
        for &(axis, at) in &self.fixed {
            start += at as isize * strides[axis];
        }
        let mut steps = Strides::new();
        for walk in &self.walks {
            match walk.axis {
                Some(axis) => {
                    start += walk.start as isize * strides[axis];
                    steps.push(walk.step.wrapping_mul(strides[axis]));
                }
                None => steps.push(0),
            }
        }
        (start, steps)
    }

    /// The picked elements of an array with `strides`, for the kernels.
    #[track_caller]
    fn places(&self, operation: &str, shape: &[usize], strides: &[isize]) -> Places {
        let (start, steps) = self.walk(strides);
        let lens: Shape = self.walks.iter().map(|walk| walk.len).collect();
        let (picked, place) = match &self.picked_shape {
            Some((picked, place)) => (&picked[..], *place),
            None => (&[][..], 0),
        };
        let positions = match &self.picked[..] {
            [(axis, array)] if array.shape() == picked => {
                positions(operation, array, *axis, shape, strides)
            }
            arrays => {
                let mut offsets = vec![0i64; size_of_shape(picked)];
                for (axis, array) in arrays {
                    let array = array.broadcast_to(picked);
                    add_offsets(operation, &mut offsets, &array, *axis, shape, strides);
                }
                Positions {
                    array: Array::from_slice(&offsets, picked),
                    scale: 1,
                }
            }
        };
        Places {
            start,
            outer: (
                Shape::from_slice(&lens[..place]),
                Strides::from_slice(&steps[..place]),
            ),
            positions,
            inner: (
                Shape::from_slice(&lens[place..]),
                Strides::from_slice(&steps[place..]),
            ),
        }
    }
}

/// Checked positions on `axis`, negative ones counted from the end.
#[track_caller]
pub(crate) fn positions(
    operation: &str,
    array: &Array,
    axis: usize,
    shape: &[usize],
    strides: &[isize],
) -> Positions {
    let array = array.to_contiguous();
    let n = shape[axis] as i64;
    let given = array.as_slice::<i64>().expect("contiguous");
    // Most often all are in range and none is negative; then they serve as they are.
    if given.iter().fold(true, |all, &i| all & (0 <= i) & (i < n)) {
        return Positions {
            array,
            scale: strides[axis],
        };
    }
    let mut offsets = vec![0i64; given.len()];
    add_offsets(operation, &mut offsets, &array, axis, shape, strides);
    Positions {
        array: Array::from_slice(&offsets, array.shape()),
        scale: 1,
    }
}

/// Adds what `positions` on `axis` contribute to `offsets`.
#[track_caller]
fn add_offsets(
    operation: &str,
    offsets: &mut [i64],
    positions: &Array,
    axis: usize,
    shape: &[usize],
    strides: &[isize],
) {
    let stride = strides[axis] as i64;
    for (offset, &i) in offsets.iter_mut().zip(positions.iter::<i64>()) {
        *offset += checked_position(operation, i as isize, axis, shape) as i64 * stride;
    }
}

impl Array {
    /// The elements that `indices` name, as NumPy's `x[indices]`: a view where there are only
    /// numbers, slices, new axes and an ellipsis; a copy where there are arrays of positions or
    /// masks. See [`Indices`].
    ///
    /// # Panics
    /// If the indices do not fit the shape, or a position is out of range.
    ///
    /// ```
    /// use dezero_array::{Array, s};
    /// let x = Array::new([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.get(1).to_vec::<i64>(), [4, 5, 6]);
    /// assert_eq!(x.get((.., 1)).to_vec::<i64>(), [2, 5]);
    /// assert_eq!(x.get(([0, 1, 1], [2, 0, 0])).to_vec::<i64>(), [3, 4, 4]);
    /// let mask = Array::new([[true, false, false], [false, true, true]]);
    /// assert_eq!(x.get(mask).to_vec::<i64>(), [1, 5, 6]);
    /// ```
    #[track_caller]
    pub fn get(&self, indices: impl Into<Indices>) -> Array {
        let indices = indices.into();
        let plan = indices.plan("get", self.shape());
        let shape = plan.shape();
        if plan.picked_shape.is_none() {
            let (start, strides) = plan.walk(self.strides());
            let start = if size_of_shape(&shape) == 0 { 0 } else { start };
            return self.with_layout(Layout::new(&shape, &strides), start);
        }
        let places = plan.places("get", self.shape(), self.strides());
        gather(self, &shape, &places)
    }

    /// Writes `values` to the elements that `indices` name, as NumPy's `x[indices] = values`:
    /// `values` are cast to the array's dtype and broadcast. Where a position repeats, the last
    /// value stays.
    ///
    /// # Panics
    /// If the indices do not fit the shape, a position is out of range, or `values` do not
    /// broadcast.
    ///
    /// ```
    /// use dezero_array::{Array, s};
    /// let mut x = Array::new([[1, 2, 3], [4, 5, 6]]);
    /// x.set((.., 0), &Array::new(0));
    /// x.set(s![1, 1..], &Array::new([7, 8]));
    /// assert_eq!(x.to_vec::<i64>(), [0, 2, 3, 0, 7, 8]);
    /// ```
    #[track_caller]
    pub fn set(&mut self, indices: impl Into<Indices>, values: &Array) {
        let indices = indices.into();
        match_dtype!(self.dtype(), T => {
            update::<T>("set", self, &indices, values, |y, x| *y = x)
        })
    }

    /// Adds `values` to the elements that `indices` name, once for each time a position comes, as
    /// `numpy.add.at(x, indices, values)`: the gradient of [`get`](Array::get).
    ///
    /// # Panics
    /// As [`set`](Array::set), and if the array is of bools.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let mut x = Array::new([0.0, 0.0, 0.0]);
    /// x.add_at([0, 2, 2], &Array::new([1.0, 10.0, 100.0]));
    /// assert_eq!(x.to_vec::<f64>(), [1.0, 0.0, 110.0]);
    /// ```
    #[track_caller]
    pub fn add_at(&mut self, indices: impl Into<Indices>, values: &Array) {
        let indices = indices.into();
        match_dtype!(numbers self.dtype(), T => {
            update::<T>("add_at", self, &indices, values, |y, x| *y += x)
        }, else panic!("add_at: takes an array of numbers, this one is bool"))
    }
}

/// The elements at `places` as a new array of `shape`.
pub(crate) fn gather(x: &Array, shape: &[usize], places: &Places) -> Array {
    if x.size() > 1 && x.strides().iter().all(|&s| s == 0) {
        // All elements are one.
        let strides = Strides::from_elem(0, shape.len());
        return x.with_layout(Layout::new(shape, &strides), 0);
    }
    match_dtype!(x.dtype(), T => Array::build(shape, |out: &mut [std::mem::MaybeUninit<T>]| {
        // SAFETY: the positions were checked against the shape of `x`; `out` has the result's size.
        unsafe { places.gather(x.pointer::<T>(), out.as_mut_ptr().cast()) }
    }))
}

#[track_caller]
fn update<T: Element>(
    operation: &str,
    x: &mut Array,
    indices: &Indices,
    values: &Array,
    f: impl Fn(&mut T, T) + Sync,
) {
    let plan = indices.plan(operation, x.shape());
    let shape = plan.shape();
    let values = fitted_values(operation, x, &shape, values);
    let strides = contiguous_strides(x.shape());
    if plan.picked_shape.is_none() {
        let (start, steps) = plan.walk(&strides);
        if size_of_shape(&shape) == 0 {
            return;
        }
        let dst = x.as_mut_slice::<T>().as_mut_ptr();
        let src = values.pointer::<T>();
        // SAFETY: the positions were checked against the shape of `x`, whose elements are now
        // contiguous and its own, also not those of `values`.
        unsafe {
            update_strided(&shape, src, values.strides(), dst.offset(start), &steps, f);
        }
        return;
    }
    let places = plan.places(operation, x.shape(), &strides);
    let values = values.to_contiguous();
    let dst = x.as_mut_slice::<T>().as_mut_ptr();
    // SAFETY: as above; different positions in a contiguous array have different offsets.
    unsafe { places.scatter(dst, values.pointer::<T>(), f) }
}

/// `values` as `shape` and dtype of what they are written to.
#[track_caller]
fn fitted_values(operation: &str, x: &Array, shape: &[usize], values: &Array) -> Array {
    // NumPy lets values have leading axes of size 1 that the place has not.
    let extra = values.ndim().saturating_sub(shape.len());
    let (leading, own) = values.shape().split_at(extra);
    let fits = leading.iter().all(|&n| n == 1)
        && broadcast_shape(own, shape).is_some_and(|both| both[..] == *shape);
    if !fits {
        panic!(
            "{operation}: values of shape {:?} do not broadcast to {shape:?}, the shape of the \
             indexed elements of {:?}",
            values.shape(),
            x.shape()
        );
    }
    values
        .with_shape(own)
        .broadcast_to(shape)
        .to_dtype(x.dtype())
}

impl Array {
    /// Where the elements are not zero: for each axis a 1-d int64 array of positions, together in
    /// row-major order, as `numpy.nonzero`. None for a zero-dimensional array.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let places = Array::new([[0.0, 7.0], [5.0, 0.0]]).nonzero();
    /// assert_eq!(places[0].to_vec::<i64>(), [0, 1]);
    /// assert_eq!(places[1].to_vec::<i64>(), [1, 0]);
    /// ```
    pub fn nonzero(&self) -> Vec<Array> {
        let mut places = vec![Vec::<i64>::new(); self.ndim()];
        let shape = self.shape();
        match_dtype!(self.dtype(), T => {
            for (position, &x) in self.iter::<T>().enumerate() {
                if x == T::default() {
                    continue;
                }
                let mut rest = position;
                for axis in (0..shape.len()).rev() {
                    places[axis].push((rest % shape[axis]) as i64);
                    rest /= shape[axis];
                }
            }
        });
        places
            .iter()
            .map(|positions| Array::from_slice(positions, [positions.len()]))
            .collect()
    }
}
