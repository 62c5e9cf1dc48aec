//! Work split over threads.

use rayon::prelude::*;

/// Calls `task` with each number below `count`, on as many threads as there are.
///
/// The task is a trait object on purpose: rayon's machinery is compiled once and not once for each
/// kernel, which would take most of the crate's compile time.
pub(crate) fn for_each(count: usize, task: &(dyn Fn(usize) + Sync)) {
    if count == 1 {
        // Without the way into the pool of threads and back.
        return task(0);
    }
    (0..count).into_par_iter().for_each(task);
}

/// Calls `task` with the number and the elements of each chunk of `size`, the last one shorter.
pub(crate) fn for_each_chunk<T: Send>(
    x: &mut [T],
    size: usize,
    task: impl Fn(usize, &mut [T]) + Sync,
) {
    let (start, len) = (SendPointer(x.as_mut_ptr()), x.len());
    for_each(len.div_ceil(size), &|i| {
        let count = size.min(len - i * size);
        // SAFETY: chunks do not overlap, and `x` is borrowed meanwhile.
        task(i, unsafe {
            std::slice::from_raw_parts_mut(start.get().add(i * size), count)
        });
    });
}

/// A pointer that threads share; each writes to places of its own.
pub(crate) struct SendPointer<T>(pub(crate) *mut T);
// SAFETY: whoever shares one vouches that its uses are disjoint.
unsafe impl<T: Send> Send for SendPointer<T> {}
unsafe impl<T: Send> Sync for SendPointer<T> {}

impl<T> Clone for SendPointer<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for SendPointer<T> {}

impl<T> SendPointer<T> {
    pub(crate) fn get(self) -> *mut T {
        self.0
    }
}
