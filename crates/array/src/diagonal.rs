//! Diagonals and triangles of matrices.

use crate::layout::Layout;
use crate::views::checked_axis;
use crate::{Array, DType, Element, Shape, Strides, match_dtype};

impl Array {
    /// The identity matrix of size `n`.
    ///
    /// ```
    /// use dezero_array::{Array, DType};
    /// assert_eq!(Array::eye(2, DType::F64).to_vec::<f64>(), [1.0, 0.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn eye(n: usize, dtype: DType) -> Array {
        Array::ones([n], dtype).diag(0)
    }

    /// The diagonal of the matrices that axes `axis0` and `axis1` span, as the last axis of a
    /// view; `offset` diagonals above the main one.
    ///
    /// # Panics
    /// If the axes are the same one.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.diagonal(0, 0, 1).to_vec::<i64>(), [1, 5]);
    /// assert_eq!(x.diagonal(1, 0, 1).to_vec::<i64>(), [2, 6]);
    /// assert_eq!(x.diagonal(-1, 0, 1).to_vec::<i64>(), [4]);
    /// ```
    #[track_caller]
    pub fn diagonal(&self, offset: isize, axis0: isize, axis1: isize) -> Array {
        let axis0 = checked_axis("diagonal", axis0, self.ndim());
        let axis1 = checked_axis("diagonal", axis1, self.ndim());
        if axis0 == axis1 {
            panic!("diagonal: takes two axes, got axis {axis0} twice");
        }
        let mut shape = Shape::from_slice(self.shape());
        let mut strides = Strides::from_slice(self.strides());
        let down = offset.min(0).unsigned_abs();
        let right = offset.max(0).unsigned_abs();
        let rows = shape[axis0].saturating_sub(down);
        let columns = shape[axis1].saturating_sub(right);
        let start = down as isize * strides[axis0] + right as isize * strides[axis1];
        let step = strides[axis0] + strides[axis1];
        for axis in [axis0.max(axis1), axis0.min(axis1)] {
            shape.remove(axis);
            strides.remove(axis);
        }
        shape.push(rows.min(columns));
        strides.push(step);
        let start = if crate::size_of_shape(&shape) == 0 {
            0
        } else {
            start
        };
        self.with_layout(Layout::new(&shape, &strides), start)
    }

    /// Of a 1-d array, the square matrix with it on the diagonal `offset` above the main one and
    /// zeros elsewhere; of a matrix, that diagonal; as `numpy.diag`.
    ///
    /// # Panics
    /// If the array has neither one axis nor two.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 2]).diag(0).to_vec::<i64>(), [1, 0, 0, 2]);
    /// assert_eq!(Array::new([7]).diag(-1).to_vec::<i64>(), [0, 0, 7, 0]);
    /// ```
    #[track_caller]
    pub fn diag(&self, offset: isize) -> Array {
        match *self.shape() {
            [n] => {
                let size = n + offset.unsigned_abs();
                let mut y = Array::zeros([size, size], self.dtype());
                let first = if offset < 0 {
                    offset.unsigned_abs() * size
                } else {
                    offset as usize
                };
                match_dtype!(self.dtype(), T => {
                    if n > 0 {
                        let diagonal = y.as_mut_slice::<T>()[first..].iter_mut().step_by(size + 1);
                        for (y, &x) in diagonal.zip(self.iter::<T>()) {
                            *y = x;
                        }
                    }
                });
                y
            }
            [_, _] => self.diagonal(offset, 0, 1),
            _ => panic!("diag: takes one axis or two, got shape {:?}", self.shape()),
        }
    }

    /// With zeros above the diagonal `offset` above the main one, in the matrices that the last
    /// two axes span.
    ///
    /// # Panics
    /// If the array has fewer than two axes.
    ///
    /// ```
    /// use dezero_array::{Array, DType};
    /// let mask = Array::ones([2, 2], DType::I64).tril(0);
    /// assert_eq!(mask.to_vec::<i64>(), [1, 0, 1, 1]);
    /// ```
    #[track_caller]
    pub fn tril(&self, offset: isize) -> Array {
        let columns = columns("tril", self);
        let mut y = self.copy();
        match_dtype!(self.dtype(), T => for_each_row::<T>(&mut y, columns, |row, i| {
            let kept = (i as isize).saturating_add(offset).saturating_add(1);
            let kept = kept.clamp(0, row.len() as isize) as usize;
            row[kept..].fill(T::default());
        }));
        y
    }

    /// With zeros below the diagonal `offset` above the main one, in the matrices that the last
    /// two axes span.
    ///
    /// # Panics
    /// If the array has fewer than two axes.
    ///
    /// ```
    /// use dezero_array::{Array, DType};
    /// assert_eq!(Array::ones([2, 2], DType::I64).triu(1).to_vec::<i64>(), [0, 1, 0, 0]);
    /// ```
    #[track_caller]
    pub fn triu(&self, offset: isize) -> Array {
        let columns = columns("triu", self);
        let mut y = self.copy();
        match_dtype!(self.dtype(), T => for_each_row::<T>(&mut y, columns, |row, i| {
            let cleared = (i as isize).saturating_add(offset).clamp(0, row.len() as isize);
            row[..cleared as usize].fill(T::default());
        }));
        y
    }
}

#[track_caller]
fn columns(operation: &str, x: &Array) -> usize {
    match *x.shape() {
        [.., _, columns] => columns,
        _ => panic!(
            "{operation}: takes at least two axes, got shape {:?}",
            x.shape()
        ),
    }
}

/// Calls `body` with each row of the matrices of a contiguous array, and its number in its matrix.
fn for_each_row<T: Element>(y: &mut Array, columns: usize, body: impl Fn(&mut [T], usize)) {
    if y.size() == 0 {
        return;
    }
    let rows = y.shape()[y.ndim() - 2];
    for (i, row) in y.as_mut_slice::<T>().chunks_exact_mut(columns).enumerate() {
        body(row, i % rows);
    }
}
