//! Reading and writing blocks at listed places: what integer-array indexing, `take` and `scatter`
//! come down to.

use std::ops::Range;

use super::copy::{Shared, copy_strided, for_ranges};
use super::nest::Nest;
use super::threads;
use crate::layout::size_of_shape;
use crate::{Array, Shape, Strides};

/// Elements of an array, in the order of an index's result: for each place of `outer`, for each of
/// `positions`, for each place of `inner`.
pub(crate) struct Places {
    /// Where the first element lies, in elements.
    pub(crate) start: isize,
    pub(crate) outer: (Shape, Strides),
    pub(crate) positions: Positions,
    pub(crate) inner: (Shape, Strides),
}

/// Contiguous int64 positions, and how many elements they are apart.
pub(crate) struct Positions {
    pub(crate) array: Array,
    pub(crate) scale: isize,
}

impl Positions {
    pub(crate) fn as_slice(&self) -> &[i64] {
        self.array.as_slice().expect("contiguous")
    }
}

impl Places {
    fn outer_offsets(&self) -> Vec<isize> {
        let size = size_of_shape(&self.outer.0);
        let mut offsets = Vec::with_capacity(size);
        let nest = Nest::new(&self.outer.0, [&self.outer.1]);
        let [step] = nest.steps();
        nest.for_rows(0..size, |_, n, [at]| {
            offsets.extend((0..n as isize).map(|i| self.start + at + i * step));
        });
        offsets
    }

    /// Copies the elements to `dst`, one after the other.
    ///
    /// # Safety
    /// The places lie in memory around `src` that may be read; `dst` has room for all.
    pub(crate) unsafe fn gather<T: Copy>(&self, src: *const T, dst: *mut T) {
        let block = size_of_shape(&self.inner.0);
        let outer = self.outer_offsets();
        let (positions, scale) = (self.positions.as_slice(), self.positions.scale);
        let blocks = outer.len() * positions.len();
        if blocks * block == 0 {
            return;
        }
        let nest = Nest::new(&self.inner.0, [&self.inner.1]);
        let contiguous = nest.axes().len() == 1 && (nest.steps() == [1] || block == 1);
        let block_strides = crate::layout::contiguous_strides(&self.inner.0);
        let (src, dst) = (Shared::new(src), Shared::new(dst));
        for_ranges(blocks, blocks * block * size_of::<T>(), |range| {
            let mut position = range.start;
            while position < range.end {
                let (o, k) = (position / positions.len(), position % positions.len());
                let n = (positions.len() - k).min(range.end - position);
                // SAFETY: inside the memory that the caller vouches for.
                unsafe {
                    let src = src.get().offset(outer[o]);
                    let mut dst = dst.get().add(position * block);
                    let positions = &positions[k..k + n];
                    if block == 1 {
                        for (k, &at) in positions.iter().enumerate() {
                            *dst.add(k) = *src.offset(at as isize * scale);
                        }
                    } else {
                        for &at in positions {
                            let from = src.offset(at as isize * scale);
                            if contiguous {
                                std::ptr::copy_nonoverlapping(from, dst, block);
                            } else {
                                let (shape, strides) = &self.inner;
                                copy_strided(shape, from, strides, dst, &block_strides);
                            }
                            dst = dst.add(block);
                        }
                    }
                }
                position += n;
            }
        });
    }

    /// Calls `f(&mut dst[place], src[i])` for the places in their order, which a place that comes
    /// more than once sees on any number of threads.
    ///
    /// # Safety
    /// The places lie in memory around `dst` that nobody else touches, and those with different
    /// positions are different; `src` has all the elements, one after the other.
    pub(crate) unsafe fn scatter<T: Copy>(
        &self,
        dst: *mut T,
        src: *const T,
        f: impl Fn(&mut T, T) + Sync,
    ) {
        let block = size_of_shape(&self.inner.0);
        let outer = self.outer_offsets();
        let positions = self.positions.as_slice();
        let blocks = outer.len() * positions.len();
        if blocks * block == 0 {
            return;
        }
        let (src, dst) = (Shared::new(src), Shared::new(dst));
        let bytes = blocks * block * size_of::<T>();
        let count = positions.len();
        // SAFETY: as the caller vouches; `owned` keeps the places of threads apart.
        let run = |o: usize, owned: Range<i64>| unsafe {
            self.scatter_blocks(
                dst.get().offset(outer[o]),
                src.get().add(o * count * block),
                owned,
                &f,
            );
        };
        let everything = i64::MIN..i64::MAX;
        let threads = threads::count();
        if outer.len() >= threads || block < 16 {
            // Places under different outer offsets are different.
            return for_ranges(outer.len(), bytes, |range| {
                for o in range {
                    run(o, everything.clone());
                }
            });
        }
        // Each thread looks through all positions and serves those in a range of its own, so that
        // repeated places are served in order and by one thread.
        let pieces = if bytes < super::copy::PARALLEL_FROM {
            1
        } else {
            threads as i64
        };
        let low = *positions.iter().min().expect("not empty");
        let high = *positions.iter().max().expect("not empty");
        let width = (high - low) / pieces + 1;
        for o in 0..outer.len() {
            if pieces == 1 {
                run(o, everything.clone());
            } else {
                threads::for_each(pieces as usize, &|i| {
                    let i = i as i64;
                    run(o, low + i * width..low + (i + 1) * width);
                });
            }
        }
    }

    /// `scatter` for one outer place, of the positions in `owned`.
    unsafe fn scatter_blocks<T: Copy>(
        &self,
        dst: *mut T,
        src: *const T,
        owned: Range<i64>,
        f: &impl Fn(&mut T, T),
    ) {
        let block = size_of_shape(&self.inner.0);
        let nest = Nest::new(&self.inner.0, [&self.inner.1]);
        let [step] = nest.steps();
        for (k, position) in self.positions.as_slice().iter().enumerate() {
            if !owned.contains(position) {
                continue;
            }
            let offset = *position as isize * self.positions.scale;
            // SAFETY: inside the memory that the caller of `scatter` vouches for.
            unsafe {
                let (dst, src) = (dst.offset(offset), src.add(k * block));
                if block == 1 {
                    f(&mut *dst, *src);
                    continue;
                }
                nest.for_rows(0..block, |position, n, [at]| {
                    let (dst, src) = (dst.offset(at), src.add(position));
                    if step == 1 {
                        let row = std::slice::from_raw_parts_mut(dst, n);
                        for (y, &x) in row.iter_mut().zip(std::slice::from_raw_parts(src, n)) {
                            f(y, x);
                        }
                    } else {
                        for j in 0..n {
                            f(&mut *dst.offset(j as isize * step), *src.add(j));
                        }
                    }
                });
            }
        }
    }
}
