//! Where the largest and the smallest elements are.

use super::finish_shape;
use crate::cpu::nest::Nest;
use crate::layout::Layout;
use crate::number::Number;
use crate::{Array, Axes, DType, Shape, Strides, match_dtype};

impl Array {
    /// Where the largest element is, counted in row-major order: 0-d, i64. The first of several;
    /// the first NaN if there is one.
    ///
    /// # Panics
    /// If the array is empty.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([3, 7, 7]).argmax().item(), 1.0);
    /// ```
    #[track_caller]
    pub fn argmax(&self) -> Array {
        arg_extreme("argmax", &self.reshape([self.size()]), 0, false)
    }

    /// Where along `axis` the largest element is, as [`argmax`](Array::argmax).
    ///
    /// # Panics
    /// If `axis` is out of range or has size 0.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1, 9, 3], [4, 5, 6]]);
    /// assert_eq!(x.argmax_axis(1, false).to_vec::<i64>(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn argmax_axis(&self, axis: isize, keepdims: bool) -> Array {
        arg_extreme("argmax", self, axis, keepdims)
    }

    /// Where the smallest element is, as [`argmax`](Array::argmax).
    ///
    /// # Panics
    /// If the array is empty.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([7, 3, 3]).argmin().to_vec::<i64>(), [1]);
    /// ```
    #[track_caller]
    pub fn argmin(&self) -> Array {
        arg_extreme("argmin", &self.reshape([self.size()]), 0, false)
    }

    /// Where along `axis` the smallest element is, as [`argmax`](Array::argmax).
    ///
    /// # Panics
    /// If `axis` is out of range or has size 0.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([[7, 3], [1, 2]]).argmin_axis(1, false).to_vec::<i64>(), [1, 0]);
    /// ```
    #[track_caller]
    pub fn argmin_axis(&self, axis: isize, keepdims: bool) -> Array {
        arg_extreme("argmin", self, axis, keepdims)
    }
}

#[track_caller]
fn arg_extreme(operation: &str, x: &Array, axis: isize, keepdims: bool) -> Array {
    let axes = Axes::from(axis).resolve(operation, x.shape());
    let axis = axes[0];
    if x.shape()[axis] == 0 {
        panic!(
            "{operation}: no elements to choose from: shape {:?}, axis {axis}",
            x.shape()
        );
    }
    let integers;
    let x = if x.dtype() == DType::Bool {
        integers = x.to_dtype(DType::I64);
        &integers
    } else {
        x
    };
    let y = match_dtype!(numbers x.dtype(), T => if operation == "argmax" {
        best_index(x, axis, |best: T, x: T| x > best || (x.is_nan() && !best.is_nan()))
    } else {
        best_index(x, axis, |best: T, x: T| x < best || (x.is_nan() && !best.is_nan()))
    }, else unreachable!("not bool"));
    finish_shape(y, &axes, keepdims)
}

/// Index along `axis`, which gets size 1, of the first element that no other is better than.
fn best_index<T: Number>(x: &Array, axis: usize, better: impl Fn(T, T) -> bool) -> Array {
    let (mut shape, mut strides) = (
        Shape::from_slice(x.shape()),
        Strides::from_slice(x.strides()),
    );
    let (n, step) = (shape.remove(axis), strides.remove(axis));
    if step != 1 && x.size() >= 1 << 12 {
        // Neighbours in memory first: the copy goes tile by tile.
        let (mut moved, mut moved_strides) = (shape.clone(), strides.clone());
        moved.push(n);
        moved_strides.push(step);
        let rows = x.with_layout(Layout::new(&moved, &moved_strides), 0).copy();
        let y = best_index(&rows, moved.len() - 1, better);
        shape.insert(axis, 1);
        return y.reshape(shape);
    }
    let pointer = x.pointer::<T>();
    let nest = Nest::new(&shape, [&strides]);
    let [outer_step] = nest.steps();
    shape.insert(axis, 1);
    Array::build(&shape, |out| {
        nest.for_rows(0..out.len(), |position, results, [start]| {
            for (i, out) in out[position..position + results].iter_mut().enumerate() {
                // SAFETY: the offsets of the nest and of `axis` together lie within `x`.
                unsafe {
                    let row = pointer.offset(start + i as isize * outer_step);
                    let (mut best, mut index) = (*row, 0);
                    for j in 1..n {
                        let x = *row.offset(j as isize * step);
                        if better(best, x) {
                            (best, index) = (x, j as i64);
                        }
                    }
                    out.write(index);
                }
            }
        });
    })
}
