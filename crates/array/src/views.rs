//! Views: other shapes over the same elements.

use crate::layout::{Layout, size_of_shape};
use crate::{Array, Shape, Strides};

impl Array {
    /// The same elements under another shape; a view where the array is contiguous.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[track_caller]
    pub fn reshape(&self, shape: impl AsRef<[usize]>) -> Array {
        let shape = shape.as_ref();
        if size_of_shape(shape) != self.size() {
            panic!(
                "reshape: {:?} has {} elements, {shape:?} takes {}",
                self.shape(),
                self.size(),
                size_of_shape(shape)
            );
        }
        if self.strides().iter().all(|&s| s == 0) && self.size() > 1 {
            return self.with_layout(Layout::new(shape, &Strides::from_elem(0, shape.len())), 0);
        }
        self.to_contiguous()
            .with_layout(Layout::contiguous(shape), 0)
    }

    /// The axes in reverse order: a view.
    pub fn transpose(&self) -> Array {
        let shape: Shape = self.shape().iter().rev().copied().collect();
        let strides: Strides = self.strides().iter().rev().copied().collect();
        self.with_layout(Layout::new(&shape, &strides), 0)
    }

    /// The array repeated along new and size-1 axes to `shape`, by NumPy's rule: a view.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl AsRef<[usize]>) -> Array {
        let shape = shape.as_ref();
        if shape == self.shape() {
            return self.clone();
        }
        let fits = self.ndim() <= shape.len()
            && self
                .shape()
                .iter()
                .rev()
                .zip(shape.iter().rev())
                .all(|(&n, &m)| n == m || n == 1);
        if !fits {
            panic!(
                "broadcast_to: {:?} does not broadcast to {shape:?}",
                self.shape()
            );
        }
        let added = shape.len() - self.ndim();
        let mut strides = Strides::from_elem(0, shape.len());
        for (axis, (&n, &stride)) in self.shape().iter().zip(self.strides()).enumerate() {
            strides[added + axis] = if n == 1 { 0 } else { stride };
        }
        self.with_layout(Layout::new(shape, &strides), 0)
    }
}
