//! Memory of array elements. Freed buffers are kept and reused: fresh pages cost
//! more than most kernels.

use std::alloc::{Layout as Allocation, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::Element;

/// Smaller buffers go straight to the allocator, whose own caches are good at them. With `--cfg exact_buffers` all do,
/// so that a sanitizer sees every access beyond an array (`.ci/sanitize`).
const POOLED_FROM: usize = if cfg!(exact_buffers) {
    usize::MAX
} else {
    1 << 12
};
/// Bytes that may wait for reuse; beyond it a freed buffer goes back to the system.
const POOL_LIMIT: usize = 1 << 30;
/// Size classes: four for each power of two, so that at most a quarter of a buffer is unused.
const CLASSES: usize = 4 * 64;
/// Where no buffer of a request's own class waits, one that is up to twice as large serves: what a network's first,
/// large images have left is not kept beside what its later, smaller ones need.
const LARGER_CLASSES: usize = 4;
/// Smaller requests get a buffer of their own class: nothing is to be gained.
const LARGER_FROM: usize = 1 << 19;

static POOL: [Mutex<Vec<Pooled>>; CLASSES] = [const { Mutex::new(Vec::new()) }; CLASSES];
static POOLED_BYTES: AtomicUsize = AtomicUsize::new(0);

struct Pooled(NonNull<u8>);
// SAFETY: a pooled pointer is owned by the pool alone; nobody else reads or writes it.
unsafe impl Send for Pooled {}

/// Uniquely owned bytes; sharing is done by the `Arc` around it.
#[derive(Debug)]
pub(crate) struct Buffer {
    pointer: NonNull<u8>,
    /// Allocated size: the request rounded up to its size class.
    capacity: usize,
}

// SAFETY: plain bytes, which belong to no thread.
unsafe impl Send for Buffer {}
// SAFETY: through a shared buffer elements are only read; who writes has made sure that it is unique.
unsafe impl Sync for Buffer {}

/// The smallest class that holds `bytes`.
fn class_of(bytes: usize) -> usize {
    let power = usize::BITS as usize - 1 - bytes.leading_zeros() as usize;
    let steps = (bytes - (1 << power)).div_ceil((1 << power) / 4);
    4 * power + steps
}

/// The size of the buffers of a class.
fn capacity_of(class: usize) -> usize {
    let power = class / 4;
    (1 << power) + class % 4 * ((1 << power) / 4)
}

impl Buffer {
    /// A buffer of at least `bytes` bytes with unspecified contents.
    pub(crate) fn uninit(bytes: usize) -> Buffer {
        if bytes < POOLED_FROM {
            let capacity = bytes.max(1);
            return Buffer {
                pointer: allocate(capacity),
                capacity,
            };
        }
        let class = class_of(bytes);
        let larger = if bytes < LARGER_FROM {
            0
        } else {
            LARGER_CLASSES
        };
        for (class, waiting) in POOL.iter().enumerate().skip(class).take(1 + larger) {
            if let Some(Pooled(pointer)) = waiting.lock().pop() {
                let capacity = capacity_of(class);
                POOLED_BYTES.fetch_sub(capacity, Ordering::Relaxed);
                return Buffer { pointer, capacity };
            }
        }
        let capacity = capacity_of(class);
        let pointer = allocate(capacity);
        Buffer { pointer, capacity }
    }

    pub(crate) fn as_ptr(&self) -> *const u8 {
        self.pointer.as_ptr()
    }

    /// Writing through it needs a unique `Buffer`.
    pub(crate) fn as_mut_ptr(&self) -> *mut u8 {
        self.pointer.as_ptr()
    }

    /// A buffer for `count` elements, for kernels to work in. At least 16 bytes aligned.
    pub(crate) fn scratch<T: Element>(count: usize) -> Buffer {
        Buffer::uninit(count.checked_mul(size_of::<T>()).expect("array too large"))
    }

    /// The elements of a [`scratch`](Buffer::scratch) buffer.
    pub(crate) fn elements<T: Element>(&self) -> *mut T {
        self.as_mut_ptr().cast()
    }
}

/// Large buffers start on a cache line; small ones keep to what `malloc` does fastest.
fn allocation(capacity: usize) -> Allocation {
    let align = if capacity < POOLED_FROM { 16 } else { 64 };
    Allocation::from_size_align(capacity, align).expect("array too large")
}

fn allocate(capacity: usize) -> NonNull<u8> {
    let layout = allocation(capacity);
    // SAFETY: `capacity` is not zero.
    let pointer = unsafe { alloc(layout) };
    NonNull::new(pointer).unwrap_or_else(|| handle_alloc_error(layout))
}

fn free(pointer: NonNull<u8>, capacity: usize) {
    // SAFETY: allocated by `allocate` with the same layout.
    unsafe { dealloc(pointer.as_ptr(), allocation(capacity)) }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.capacity < POOLED_FROM {
            return free(self.pointer, self.capacity);
        }
        let waiting = POOLED_BYTES.fetch_add(self.capacity, Ordering::Relaxed);
        if waiting + self.capacity > POOL_LIMIT {
            POOLED_BYTES.fetch_sub(self.capacity, Ordering::Relaxed);
            return free(self.pointer, self.capacity);
        }
        POOL[class_of(self.capacity)]
            .lock()
            .push(Pooled(self.pointer));
    }
}

/// Gives all memory that waits for reuse back to the system.
///
/// ```
/// drop(dezero_array::Array::zeros([1000, 1000], dezero_array::DType::F32));
/// dezero_array::release_pool();
/// ```
pub fn release_pool() {
    for (class, bucket) in POOL.iter().enumerate() {
        let buffers = std::mem::take(&mut *bucket.lock());
        for Pooled(pointer) in buffers {
            let capacity = capacity_of(class);
            POOLED_BYTES.fetch_sub(capacity, Ordering::Relaxed);
            free(pointer, capacity);
        }
    }
}

#[cfg(all(test, not(exact_buffers)))]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    /// Sizes that no other test of this crate asks for.
    #[test]
    fn a_waiting_buffer_serves_what_is_up_to_twice_smaller() {
        let large = Buffer::uninit(96 * MIB);
        let start = large.as_ptr();
        drop(large);
        let too_small = Buffer::uninit(40 * MIB);
        assert_ne!(too_small.as_ptr(), start);
        let served = Buffer::uninit(48 * MIB);
        assert_eq!(served.as_ptr(), start);
        assert_eq!(served.capacity, 96 * MIB);
        drop(served);
        assert_eq!(Buffer::uninit(96 * MIB).as_ptr(), start);
    }

    #[test]
    fn a_class_holds_what_falls_into_it() {
        for bytes in (1 << 12..1 << 14).chain([MIB - 1, MIB, MIB + 1, isize::MAX as usize / 2]) {
            let class = class_of(bytes);
            assert!(capacity_of(class) >= bytes, "{bytes}");
            assert!(capacity_of(class) / 5 <= bytes / 4, "{bytes}");
            assert!(capacity_of(class - 1) < bytes, "{bytes}");
        }
    }
}
