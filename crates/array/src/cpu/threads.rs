//! Work split over threads.

use rayon::prelude::*;

/// Calls `task` with each number below `count`, on as many threads as there are.
///
/// The task is a trait object on purpose: rayon's machinery is compiled once and not once for each
/// kernel, which would take most of the crate's compile time.
pub(crate) fn for_each(count: usize, task: &(dyn Fn(usize) + Sync)) {
    (0..count).into_par_iter().for_each(task);
}
