//! Loops over strided operands: adjacent axes that lie evenly in all of them become one.

use std::ops::Range;

use smallvec::SmallVec;

/// The axes of `N` operands that are walked together, in row-major order.
///
/// It has at least one axis; the last is the inner loop.
pub(crate) struct Nest<const N: usize> {
    axes: SmallVec<[(usize, [isize; N]); 4]>,
}

impl<const N: usize> Nest<N> {
    /// `strides[k]` are those of operand `k`, broadcast to `shape`.
    pub(crate) fn new(shape: &[usize], strides: [&[isize]; N]) -> Nest<N> {
        let mut axes: SmallVec<[(usize, [isize; N]); 4]> = SmallVec::new();
        for (axis, &n) in shape.iter().enumerate() {
            if n == 1 {
                continue;
            }
            let steps = strides.map(|s| s[axis]);
            if let Some((outer, outer_steps)) = axes.last_mut()
                && (0..N).all(|k| outer_steps[k] == steps[k] * n as isize)
            {
                *outer *= n;
                *outer_steps = steps;
            } else {
                axes.push((n, steps));
            }
        }
        if axes.is_empty() {
            axes.push((1, [0; N]));
        }
        Nest { axes }
    }

    /// Length and strides of each axis, outermost first.
    pub(crate) fn axes(&self) -> &[(usize, [isize; N])] {
        &self.axes
    }

    /// Length of the inner loop.
    pub(crate) fn columns(&self) -> usize {
        self.axes[self.axes.len() - 1].0
    }

    /// Strides of the inner loop.
    pub(crate) fn steps(&self) -> [isize; N] {
        self.axes[self.axes.len() - 1].1
    }

    /// Calls `body(position, length, offsets)` for each inner loop that covers the elements
    /// `range` (counted in row-major order): `length` of them from `position` on, where the
    /// operands start at `offsets`.
    #[inline(always)]
    pub(crate) fn for_rows(
        &self,
        range: Range<usize>,
        mut body: impl FnMut(usize, usize, [isize; N]),
    ) {
        let (&(columns, steps), outer) = self.axes.split_last().expect("an axis");
        let mut offsets = [0isize; N];
        let mut index: SmallVec<[usize; 4]> = SmallVec::from_elem(0, outer.len());
        if range.start > 0 {
            let mut row = range.start / columns;
            for (axis, &(n, steps)) in outer.iter().enumerate().rev() {
                index[axis] = row % n;
                row /= n;
                for k in 0..N {
                    offsets[k] += index[axis] as isize * steps[k];
                }
            }
        }
        let mut position = range.start;
        let mut column = if position > 0 { position % columns } else { 0 };
        while position < range.end {
            let length = (columns - column).min(range.end - position);
            let mut starts = offsets;
            if column > 0 {
                for k in 0..N {
                    starts[k] += column as isize * steps[k];
                }
                column = 0;
            }
            body(position, length, starts);
            position += length;
            for (i, &(n, steps)) in index.iter_mut().zip(outer).rev() {
                *i += 1;
                for k in 0..N {
                    offsets[k] += steps[k];
                }
                if *i < n {
                    break;
                }
                for k in 0..N {
                    offsets[k] -= steps[k] * n as isize;
                }
                *i = 0;
            }
        }
    }
}
