//! Order: sorting along an axis, and the distinct elements.

use std::cmp::Ordering;

use crate::cpu::copy::{Shared, for_ranges};
use crate::views::checked_axis;
use crate::{Array, Element, match_dtype};

/// Ascending, NaN last, as NumPy sorts.
#[inline]
fn compare<T: Element>(x: &T, y: &T) -> Ordering {
    x.partial_cmp(y).unwrap_or_else(|| {
        // NaN is the only element that differs from itself.
        #[allow(clippy::eq_op)]
        (x != x).cmp(&(y != y))
    })
}

impl Array {
    /// Each line of elements along `axis` in ascending order, NaN last. Stable.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[3, 1, 2], [0, 9, 5]]);
    /// assert_eq!(x.sort(1).to_vec::<i64>(), [1, 2, 3, 0, 5, 9]);
    /// assert_eq!(x.sort(0).to_vec::<i64>(), [0, 1, 2, 3, 9, 5]);
    /// ```
    #[track_caller]
    pub fn sort(&self, axis: isize) -> Array {
        let axis = checked_axis("sort", axis, self.ndim()) as isize;
        let mut lines = self.move_axis(axis, -1).copy();
        match_dtype!(self.dtype(), T => {
            for_each_line(lines.len_of_last(), lines.as_mut_slice::<T>(), |line| {
                line.sort_by(compare);
            });
        });
        lines.move_axis(-1, axis).to_contiguous()
    }

    /// The positions (int64) that sort each line of elements along `axis`; equal elements keep
    /// their order, NaN comes last.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([0.3, 0.1, 0.3, 0.2]).argsort(0).to_vec::<i64>(), [1, 3, 0, 2]);
    /// ```
    #[track_caller]
    pub fn argsort(&self, axis: isize) -> Array {
        let axis = checked_axis("argsort", axis, self.ndim()) as isize;
        let lines = self.move_axis(axis, -1).to_contiguous();
        let n = lines.len_of_last();
        let mut order = Array::zeros(lines.shape(), crate::DType::I64);
        match_dtype!(self.dtype(), T => {
            let elements = lines.as_slice::<T>().expect("contiguous");
            let order = order.as_mut_slice::<i64>();
            let start = Shared::new(order.as_ptr());
            for_each_line(n, order, |line| {
                // SAFETY: `line` is a part of `order`.
                let position = unsafe { line.as_ptr().offset_from(start.get()) } as usize;
                let elements = &elements[position..position + n];
                for (i, position) in line.iter_mut().enumerate() {
                    *position = i as i64;
                }
                line.sort_by(|&i, &j| compare(&elements[i as usize], &elements[j as usize]));
            });
        });
        order.move_axis(-1, axis).to_contiguous()
    }

    /// The distinct elements in ascending order along one axis, as `numpy.unique`; one NaN at most.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([[3, 1], [1, 3]]).unique().to_vec::<i64>(), [1, 3]);
    /// ```
    pub fn unique(&self) -> Array {
        match_dtype!(self.dtype(), T => {
            let mut elements = self.to_vec::<T>();
            elements.sort_by(compare);
            elements.dedup_by(|x, y| compare(x, y) == Ordering::Equal);
            Array::from_slice(&elements, [elements.len()])
        })
    }

    fn len_of_last(&self) -> usize {
        self.shape()[self.ndim() - 1]
    }
}

/// Calls `body` with each `n` elements.
fn for_each_line<T: Element>(n: usize, elements: &mut [T], body: impl Fn(&mut [T]) + Sync) {
    if elements.is_empty() {
        return;
    }
    let start = Shared::new(elements.as_mut_ptr());
    // Sorting takes many times as long as moving.
    let bytes = 16 * size_of_val(elements);
    for_ranges(elements.len() / n, bytes, |range| {
        for i in range {
            // SAFETY: line `i` is inside `elements`, and no other thread has it.
            body(unsafe { std::slice::from_raw_parts_mut(start.get().add(i * n), n) });
        }
    });
}
