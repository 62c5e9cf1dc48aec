//! Arrays put together and taken apart: concatenate, stack, split, pad, repeat, tile, flip, roll.

use std::borrow::Borrow;
use std::mem::MaybeUninit;

use crate::cpu::copy::copy_strided;
use crate::layout::{Layout, contiguous_strides};
use crate::views::{IntoShape, Size, checked_axis};
use crate::{Array, Shape, Strides, match_dtype};

impl Array {
    /// The arrays one after the other along `axis`. Their dtypes are promoted to a common one.
    ///
    /// # Panics
    /// If there are no arrays, or their shapes differ beside `axis`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let (x0, x1) = (Array::new([[1, 2]]), Array::new([[3, 4], [5, 6]]));
    /// assert_eq!(Array::concatenate(&[&x0, &x1], 0).shape(), &[3, 2]);
    /// assert_eq!(Array::concatenate(&[x0.clone(), x0], 1).to_vec::<i64>(), [1, 2, 1, 2]);
    /// ```
    #[track_caller]
    pub fn concatenate<A: Borrow<Array>>(arrays: &[A], axis: isize) -> Array {
        let Some(first) = arrays.first().map(A::borrow) else {
            panic!("concatenate: takes at least one array");
        };
        let axis = checked_axis("concatenate", axis, first.ndim());
        let mut shape = Shape::from_slice(first.shape());
        let mut dtype = first.dtype();
        for (i, x) in arrays.iter().map(A::borrow).enumerate().skip(1) {
            let fits = x.ndim() == shape.len()
                && (0..shape.len()).all(|k| k == axis || x.shape()[k] == shape[k]);
            if !fits {
                panic!(
                    "concatenate: array {i} of shape {:?} does not fit array 0 of shape {:?}: \
                     takes equal sizes beside axis {axis}",
                    x.shape(),
                    first.shape()
                );
            }
            shape[axis] += x.shape()[axis];
            dtype = dtype.promote(x.dtype());
        }
        let strides = contiguous_strides(&shape);
        let parts: Vec<Array> = arrays.iter().map(|x| x.borrow().to_dtype(dtype)).collect();
        match_dtype!(dtype, T => Array::build(&shape, |out: &mut [MaybeUninit<T>]| {
            let mut at = 0;
            for x in &parts {
                if x.size() == 0 {
                    continue;
                }
                let start = at * strides[axis] as usize;
                at += x.shape()[axis];
                // SAFETY: the part's shape lies in `out` from `start` on, by the sum of sizes.
                unsafe {
                    let dst = out.as_mut_ptr().cast::<T>().add(start);
                    copy_strided(x.shape(), x.pointer::<T>(), x.strides(), dst, &strides);
                }
            }
        }))
    }

    /// Arrays of one shape along a new axis, which is `axis` of the result.
    ///
    /// # Panics
    /// If there are no arrays, or their shapes differ.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let (x0, x1) = (Array::new([1, 2, 3]), Array::new([4, 5, 6]));
    /// assert_eq!(Array::stack(&[&x0, &x1], 0).shape(), &[2, 3]);
    /// assert_eq!(Array::stack(&[&x0, &x1], -1).to_vec::<i64>(), [1, 4, 2, 5, 3, 6]);
    /// ```
    #[track_caller]
    pub fn stack<A: Borrow<Array>>(arrays: &[A], axis: isize) -> Array {
        let Some(first) = arrays.first().map(A::borrow) else {
            panic!("stack: takes at least one array");
        };
        let axis = checked_axis("stack", axis, first.ndim() + 1) as isize;
        let mut parts = Vec::with_capacity(arrays.len());
        for (i, x) in arrays.iter().map(A::borrow).enumerate() {
            if x.shape() != first.shape() {
                panic!(
                    "stack: array {i} has shape {:?}, array 0 has shape {:?}: takes equal shapes",
                    x.shape(),
                    first.shape()
                );
            }
            parts.push(x.expand_dims(axis));
        }
        Array::concatenate(&parts, axis)
    }

    /// Views of consecutive parts along `axis`: as many equal ones as a number says, or with cuts
    /// before the positions in an array, as `numpy.split`.
    ///
    /// # Panics
    /// If the axis does not divide equally, or a cut lies outside of it or before the last one.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::arange(0, 6, 1);
    /// assert_eq!(x.split(3, 0)[1].to_vec::<i64>(), [2, 3]);
    /// let parts = x.split([1, 4], 0);
    /// assert_eq!(parts.iter().map(|y| y.len()).collect::<Vec<_>>(), [1, 3, 2]);
    /// ```
    #[track_caller]
    pub fn split(&self, sections: impl Into<Sections>, axis: isize) -> Vec<Array> {
        let axis = checked_axis("split", axis, self.ndim());
        let n = self.shape()[axis];
        let cuts: Vec<usize> = match sections.into() {
            Sections::Equal(count) => {
                if !n.is_multiple_of(count) || count == 0 {
                    panic!(
                        "split: axis {axis} of {:?} does not divide into {count} equal parts",
                        self.shape()
                    );
                }
                (1..count).map(|i| i * (n / count)).collect()
            }
            Sections::At(cuts) => cuts,
        };
        let mut parts = Vec::with_capacity(cuts.len() + 1);
        let mut start = 0;
        for cut in cuts.iter().copied().chain([n]) {
            if cut < start || cut > n {
                panic!(
                    "split: the cuts {cuts:?} do not ascend from 0 to {n}, the size of axis \
                     {axis} of {:?}",
                    self.shape()
                );
            }
            parts.push(self.slice_axis(axis, start, cut - start));
            start = cut;
        }
        parts
    }

    /// `len` positions of `axis` from `start` on: a view.
    fn slice_axis(&self, axis: usize, start: usize, len: usize) -> Array {
        let mut shape = Shape::from_slice(self.shape());
        shape[axis] = len;
        let offset = if crate::size_of_shape(&shape) == 0 {
            0
        } else {
            start as isize * self.strides()[axis]
        };
        self.with_layout(Layout::new(&shape, self.strides()), offset)
    }

    /// With `before` and `after` elements of `value` added at the ends of each axis.
    ///
    /// # Panics
    /// If there is not one `(before, after)` for each axis.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let y = Array::new([[1, 2]]).pad([(1, 0), (0, 2)], 0.0);
    /// assert_eq!(y.shape(), &[2, 4]);
    /// assert_eq!(y.to_vec::<i64>(), [0, 0, 0, 0, 1, 2, 0, 0]);
    /// ```
    #[track_caller]
    pub fn pad(&self, widths: impl AsRef<[(usize, usize)]>, value: f64) -> Array {
        let widths = widths.as_ref();
        if widths.len() != self.ndim() {
            panic!(
                "pad: {} widths {widths:?} for the {} axes of {:?}",
                widths.len(),
                self.ndim(),
                self.shape()
            );
        }
        let mut shape = Shape::from_slice(self.shape());
        for (n, &(before, after)) in shape.iter_mut().zip(widths) {
            *n = n.saturating_add(before).saturating_add(after);
        }
        let mut y = Array::full_of(&shape[..], value, self.dtype());
        if self.size() == 0 {
            return y;
        }
        let strides = contiguous_strides(&shape);
        let start: isize = widths
            .iter()
            .zip(&strides)
            .map(|(&(before, _), &stride)| before as isize * stride)
            .sum();
        match_dtype!(self.dtype(), T => {
            let out = y.as_mut_slice::<T>().as_mut_ptr();
            // SAFETY: the shape lies in `y` from `start` on.
            unsafe {
                let dst = out.offset(start);
                copy_strided(self.shape(), self.pointer::<T>(), self.strides(), dst, &strides);
            }
        });
        y
    }

    /// Each slice along `axis` `n` times in a row, as `numpy.repeat`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 2]).repeat(3, 0).to_vec::<i64>(), [1, 1, 1, 2, 2, 2]);
    /// ```
    #[track_caller]
    pub fn repeat(&self, n: usize, axis: isize) -> Array {
        let axis = checked_axis("repeat", axis, self.ndim());
        let mut shape = Shape::from_slice(self.shape());
        shape.insert(axis + 1, n);
        let repeated = self.expand_dims(axis as isize + 1).broadcast_to(&shape);
        shape.remove(axis + 1);
        shape[axis] *= n;
        repeated.with_shape(&shape)
    }

    /// The array side by side `repeats[i]` times along axis `i`, as `numpy.tile`: where there are
    /// fewer numbers than axes they are for the last axes, where there are more, axes are added.
    ///
    /// # Panics
    /// If a number is negative.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 2]).tile(2).to_vec::<i64>(), [1, 2, 1, 2]);
    /// assert_eq!(Array::new([[1], [2]]).tile([2, 3]).shape(), &[4, 3]);
    /// ```
    #[track_caller]
    pub fn tile(&self, repeats: impl IntoShape) -> Array {
        let repeats = repeats.into_sizes();
        if repeats.iter().any(|&n| n < 0) {
            panic!("tile: {repeats:?} has a negative number of repeats");
        }
        let ndim = self.ndim().max(repeats.len());
        let (mut apart, mut repeated, mut joined) = (Shape::new(), Shape::new(), Shape::new());
        for axis in 0..ndim {
            let from_end = ndim - axis;
            let n = match self.ndim().checked_sub(from_end) {
                Some(i) => self.shape()[i],
                None => 1,
            };
            let times = match repeats.len().checked_sub(from_end) {
                Some(i) => repeats[i] as usize,
                None => 1,
            };
            apart.extend([1, n]);
            repeated.extend([times, n]);
            joined.push(times * n);
        }
        self.with_shape(&apart)
            .broadcast_to(&repeated)
            .with_shape(&joined)
    }

    /// In reverse order along `axis`: a view.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 2, 3]).flip(0).to_vec::<i64>(), [3, 2, 1]);
    /// ```
    #[track_caller]
    pub fn flip(&self, axis: isize) -> Array {
        let axis = checked_axis("flip", axis, self.ndim());
        let mut strides = Strides::from_slice(self.strides());
        let last = self.shape()[axis].saturating_sub(1) as isize * strides[axis];
        strides[axis] = -strides[axis];
        let offset = if self.size() == 0 { 0 } else { last };
        self.with_layout(Layout::new(self.shape(), &strides), offset)
    }

    /// Moved by `shift` positions along `axis`; what leaves at one end comes in at the other.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 2, 3, 4]).roll(1, 0).to_vec::<i64>(), [4, 1, 2, 3]);
    /// ```
    #[track_caller]
    pub fn roll(&self, shift: isize, axis: isize) -> Array {
        let axis = checked_axis("roll", axis, self.ndim());
        let n = self.shape()[axis];
        if self.size() == 0 {
            return self.clone();
        }
        let cut = (-shift).rem_euclid(n as isize) as usize;
        let parts = [
            self.slice_axis(axis, cut, n - cut),
            self.slice_axis(axis, 0, cut),
        ];
        Array::concatenate(&parts, axis as isize)
    }
}

/// How [`Array::split`] cuts: into a number of equal parts, or before given positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sections {
    /// As many parts of equal size.
    Equal(usize),
    /// Cuts before these positions, in ascending order.
    At(Vec<usize>),
}

macro_rules! sections_from {
    ($($t:ty),*) => {$(
        impl From<$t> for Sections {
            #[track_caller]
            fn from(count: $t) -> Sections {
                Sections::Equal(position(count.to_isize()))
            }
        }
    )*};
}
sections_from!(usize, i32, i64, isize);

impl<S: Size, const N: usize> From<[S; N]> for Sections {
    #[track_caller]
    fn from(cuts: [S; N]) -> Sections {
        Sections::from(&cuts[..])
    }
}

impl<S: Size> From<Vec<S>> for Sections {
    #[track_caller]
    fn from(cuts: Vec<S>) -> Sections {
        Sections::from(&cuts[..])
    }
}

impl<S: Size> From<&[S]> for Sections {
    #[track_caller]
    fn from(cuts: &[S]) -> Sections {
        let mut positions = Vec::with_capacity(cuts.len());
        for cut in cuts {
            positions.push(position(cut.to_isize()));
        }
        Sections::At(positions)
    }
}

#[track_caller]
fn position(n: isize) -> usize {
    if n < 0 {
        panic!("split: takes numbers of parts and positions, got {n}");
    }
    n as usize
}
