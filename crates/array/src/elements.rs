//! [`Elements`]: an array's elements one after the other, without a copy.

use std::marker::PhantomData;

use crate::cpu::nest::Nest;
use crate::{Array, Element, Shape};

/// Iterator over the elements of an [`Array`] in row-major order; see [`Array::iter`].
pub struct Elements<'a, T> {
    /// The next element, unless none remain.
    next: *const T,
    remaining: usize,
    /// Elements that remain in the present row, and their distance.
    in_row: usize,
    step: isize,
    /// Where the present row lies among the rows.
    row: *const T,
    index: Shape,
    nest: Nest<1>,
    array: PhantomData<&'a T>,
}

// SAFETY: it only reads elements that its array, borrowed for 'a, keeps alive.
unsafe impl<T: Sync> Send for Elements<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Elements<'_, T> {}

impl Array {
    /// The elements in row-major order, whatever the strides, without a copy.
    ///
    /// # Panics
    /// If `T` is not the array's dtype.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1, 2], [3, 4]]).transpose();
    /// assert_eq!(x.iter::<i64>().copied().collect::<Vec<_>>(), [1, 3, 2, 4]);
    /// ```
    #[track_caller]
    pub fn iter<T: Element>(&self) -> Elements<'_, T> {
        if T::DTYPE != self.dtype() {
            panic!(
                "iter: the array is {}, asked for {}; cast it with `to_dtype` first",
                self.dtype(),
                T::DTYPE
            );
        }
        let nest = Nest::new(self.shape(), [self.strides()]);
        let pointer = self.pointer::<T>();
        Elements {
            next: pointer,
            remaining: self.size(),
            in_row: nest.columns(),
            step: nest.steps()[0],
            row: pointer,
            index: Shape::from_elem(0, nest.axes().len() - 1),
            nest,
            array: PhantomData,
        }
    }
}

impl<'a, T> Iterator for Elements<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        if self.remaining == 0 {
            return None;
        }
        if self.in_row == 0 {
            self.next_row();
        }
        let element = self.next;
        self.remaining -= 1;
        self.in_row -= 1;
        self.next = element.wrapping_offset(self.step);
        // SAFETY: elements remain, and `element` is the next of them.
        Some(unsafe { &*element })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl<T> ExactSizeIterator for Elements<'_, T> {}

impl<T> Elements<'_, T> {
    fn next_row(&mut self) {
        for (i, &(n, [step])) in self.index.iter_mut().zip(self.nest.axes()).rev() {
            *i += 1;
            self.row = self.row.wrapping_offset(step);
            if *i < n {
                break;
            }
            self.row = self.row.wrapping_offset(-step * n as isize);
            *i = 0;
        }
        self.next = self.row;
        self.in_row = self.nest.columns();
    }
}
