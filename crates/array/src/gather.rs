//! Elements by positions along one axis: [`Array::take`], [`Array::gather`] and
//! [`Array::scatter_add`].

use std::mem::MaybeUninit;

use crate::cpu::copy::{Shared, for_ranges};
use crate::cpu::gather::{Places, Positions};
use crate::cpu::nest::Nest;
use crate::index::{gather, positions};
use crate::layout::contiguous_strides;
use crate::views::checked_axis;
use crate::{Array, DType, Shape, Strides, broadcast_shape, match_dtype};

impl Array {
    /// The slices at `indices` along `axis`, as `numpy.take`: the axis gives way to the axes of
    /// `indices`. Negative positions count from the end.
    ///
    /// # Panics
    /// If `indices` is not int64 or a position is out of range.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let words = Array::new([[0.0, 0.1], [1.0, 1.1], [2.0, 2.1]]);
    /// let y = words.take(&Array::new([[2, 0], [0, 0]]), 0);
    /// assert_eq!(y.shape(), &[2, 2, 2]);
    /// assert_eq!(y.get((0, 0)).to_vec::<f64>(), [2.0, 2.1]);
    /// ```
    #[track_caller]
    pub fn take(&self, indices: &Array, axis: isize) -> Array {
        let axis = checked_axis("take", axis, self.ndim());
        let positions = checked_index("take", indices, axis, self.shape(), self.strides());
        let mut shape = Shape::from_slice(&self.shape()[..axis]);
        shape.extend_from_slice(indices.shape());
        shape.extend_from_slice(&self.shape()[axis + 1..]);
        gather(
            self,
            &shape,
            &places_along(self.shape(), self.strides(), axis, positions),
        )
    }

    /// Adds `src` to the slices at `indices` along `axis`, once for each time a position comes:
    /// the gradient of [`take`](Array::take), whose result's shape `src` has.
    ///
    /// # Panics
    /// If the shapes do not fit or a position is out of range.
    #[track_caller]
    pub fn take_add(&mut self, indices: &Array, axis: isize, src: &Array) {
        let axis = checked_axis("take_add", axis, self.ndim());
        let strides = contiguous_strides(self.shape());
        let positions = checked_index("take_add", indices, axis, self.shape(), &strides);
        let mut shape = Shape::from_slice(&self.shape()[..axis]);
        shape.extend_from_slice(indices.shape());
        shape.extend_from_slice(&self.shape()[axis + 1..]);
        if src.shape() != &shape[..] {
            panic!(
                "take_add: {:?} with indices {:?} on axis {axis} takes a source of shape \
                 {shape:?}, got {:?}",
                self.shape(),
                indices.shape(),
                src.shape()
            );
        }
        let places = places_along(self.shape(), &strides, axis, positions);
        let src = src.to_dtype(self.dtype()).to_contiguous();
        match_dtype!(numbers self.dtype(), T => {
            let dst = self.as_mut_slice::<T>().as_mut_ptr();
            // SAFETY: the positions are checked, different ones have different offsets, and the
            // elements are this array's own.
            unsafe { places.scatter(dst, src.pointer::<T>(), |y: &mut T, x: T| *y += x) }
        }, else panic!("take_add: takes an array of numbers, this one is bool"));
    }

    /// `y[i, j, …] = x[index[i, j, …], j, …]` for axis 0 and so on, as `torch.gather`: `index`
    /// has as many axes as the array, and is no longer than it along the other axes; the result
    /// has the shape of `index`.
    ///
    /// # Panics
    /// If the shapes do not fit, `index` is not int64, or a position is out of range.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let logits = Array::new([[0.1, 0.9], [0.7, 0.3]]);
    /// let labels = Array::new([[1], [0]]);
    /// assert_eq!(logits.gather(1, &labels).to_vec::<f64>(), [0.9, 0.7]);
    /// ```
    #[track_caller]
    pub fn gather(&self, axis: isize, index: &Array) -> Array {
        let axis = checked_axis("gather", axis, self.ndim());
        expect_gathering("gather", self.shape(), axis, index);
        let positions = checked_index("gather", index, axis, self.shape(), self.strides());
        let strides = without(self.strides(), axis);
        match_dtype!(self.dtype(), T => {
            Array::build(index.shape(), |out: &mut [MaybeUninit<T>]| {
                let nest = Nest::new(index.shape(), [&strides]);
                let [step] = nest.steps();
                let src = Shared::new(self.pointer::<T>());
                let bytes = size_of_val(out);
                let out = Shared::new(out.as_mut_ptr());
                let scale = positions.scale;
                let positions = positions.as_slice();
                let size = positions.len();
                if size == 0 {
                    return;
                }
                for_ranges(size, bytes, |range| {
                    nest.for_rows(range, |position, n, [at]| {
                        for (j, &i) in positions[position..position + n].iter().enumerate() {
                            // SAFETY: the positions are checked; ranges are apart.
                            unsafe {
                                let from = src.get().offset(at + j as isize * step + i as isize * scale);
                                (*out.get().add(position + j)).write(*from);
                            }
                        }
                    });
                });
            })
        })
    }

    /// `x[index[i, j, …], j, …] += src[i, j, …]` for axis 0 and so on, as `torch.scatter_add_`:
    /// the gradient of [`gather`](Array::gather). Repeated positions accumulate.
    ///
    /// # Panics
    /// If the shapes do not fit (`src` may be larger than `index`), `index` is not int64, a
    /// position is out of range, or the array is of bools.
    ///
    /// ```
    /// use dezero_array::{Array, DType};
    /// let mut x = Array::zeros([2, 3], DType::F64);
    /// x.scatter_add(1, &Array::new([[0, 0], [2, 1]]), &Array::new([[1.0, 2.0], [3.0, 4.0]]));
    /// assert_eq!(x.to_vec::<f64>(), [3.0, 0.0, 0.0, 0.0, 4.0, 3.0]);
    /// ```
    #[track_caller]
    pub fn scatter_add(&mut self, axis: isize, index: &Array, src: &Array) {
        let axis = checked_axis("scatter_add", axis, self.ndim());
        expect_gathering("scatter_add", self.shape(), axis, index);
        let covers = src.ndim() == index.ndim()
            && src.shape().iter().zip(index.shape()).all(|(n, m)| n >= m);
        if !covers {
            panic!(
                "scatter_add: the source {:?} is smaller than the index {:?}",
                src.shape(),
                index.shape()
            );
        }
        let own_strides = contiguous_strides(self.shape());
        let positions = checked_index("scatter_add", index, axis, self.shape(), &own_strides);
        let scale = positions.scale;
        let positions = positions.as_slice();
        if positions.is_empty() {
            return;
        }
        let strides = without(&own_strides, axis);
        let src = src.to_dtype(self.dtype());
        let nest = Nest::new(index.shape(), [&strides, src.strides()]);
        let [step, src_step] = nest.steps();
        match_dtype!(numbers self.dtype(), T => {
            let dst = self.as_mut_slice::<T>().as_mut_ptr();
            let from = src.pointer::<T>();
            nest.for_rows(0..positions.len(), |position, n, [at, src_at]| {
                for (j, &i) in positions[position..position + n].iter().enumerate() {
                    let j = j as isize;
                    // SAFETY: the positions are checked; `src` covers `index`.
                    unsafe {
                        *dst.offset(at + j * step + i as isize * scale) += *from.offset(src_at + j * src_step);
                    }
                }
            });
        }, else panic!("scatter_add: takes an array of numbers, this one is bool"));
    }

    /// As [`gather`](Array::gather), where the other axes of `indices` and of the array broadcast
    /// together: `numpy.take_along_axis`, which takes what [`argsort`](Array::argsort) gives.
    ///
    /// # Panics
    /// If the shapes do not fit, `indices` is not int64, or a position is out of range.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[3, 1, 2], [9, 7, 8]]);
    /// let sorted = x.take_along_axis(&x.argsort(1), 1);
    /// assert_eq!(sorted.to_vec::<i64>(), [1, 2, 3, 7, 8, 9]);
    /// ```
    #[track_caller]
    pub fn take_along_axis(&self, indices: &Array, axis: isize) -> Array {
        let axis = checked_axis("take_along_axis", axis, self.ndim());
        let mut own = Shape::from_slice(self.shape());
        let mut others = Shape::from_slice(indices.shape());
        let mut common = None;
        if self.ndim() == indices.ndim() {
            (own[axis], others[axis]) = (1, 1);
            common = broadcast_shape(&own, &others);
        }
        let Some(mut common) = common else {
            panic!(
                "take_along_axis: indices {:?} do not broadcast with {:?} beside axis {axis}",
                indices.shape(),
                self.shape()
            );
        };
        common[axis] = self.shape()[axis];
        let x = self.broadcast_to(&common);
        common[axis] = indices.shape()[axis];
        x.gather(axis as isize, &indices.broadcast_to(&common))
    }
}

/// The strides with that of `axis` replaced by 0: the positions say where to go along it.
fn without(strides: &[isize], axis: usize) -> Strides {
    let mut strides = Strides::from_slice(strides);
    strides[axis] = 0;
    strides
}

#[track_caller]
fn expect_gathering(operation: &str, shape: &[usize], axis: usize, index: &Array) {
    let fits = index.ndim() == shape.len()
        && (0..shape.len()).all(|i| i == axis || index.shape()[i] <= shape[i]);
    if !fits {
        panic!(
            "{operation}: the index {:?} takes as many axes as {shape:?}, no longer than they \
             beside axis {axis}",
            index.shape()
        );
    }
}

/// Checked positions on `axis`.
#[track_caller]
fn checked_index(
    operation: &str,
    indices: &Array,
    axis: usize,
    shape: &[usize],
    strides: &[isize],
) -> Positions {
    if indices.dtype() != DType::I64 {
        panic!(
            "{operation}: the index is an int64 array, this one is {}",
            indices.dtype()
        );
    }
    positions(operation, indices, axis, shape, strides)
}

fn places_along(shape: &[usize], strides: &[isize], axis: usize, positions: Positions) -> Places {
    let part = |range: std::ops::Range<usize>| {
        (
            Shape::from_slice(&shape[range.clone()]),
            Strides::from_slice(&strides[range]),
        )
    };
    Places {
        start: 0,
        outer: part(0..axis),
        positions,
        inner: part(axis + 1..shape.len()),
    }
}
