//! [`Array`]: a header (shape, strides, dtype) over shared storage.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use crate::buffer::Buffer;
use crate::layout::{Layout, size_of_shape};
use crate::{DType, Device, Element, Literal, Shape, match_dtype};

/// An n-dimensional array of one [`DType`].
///
/// A clone is O(1): it shares the elements, which are copied when one of the sharers writes.
/// `reshape` of a contiguous array, `transpose`, `broadcast_to` and basic slices are views.
///
/// ```
/// use dezero_array::Array;
/// let x = Array::new([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
/// assert_eq!(x.shape(), &[2, 3]);
/// assert_eq!(x.transpose().to_vec::<f64>(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// ```
#[derive(Clone)]
pub struct Array {
    storage: Storage,
    layout: Layout,
    dtype: DType,
}

#[derive(Clone)]
enum Storage {
    /// One value for all elements, in the header: scalars and their broadcasts allocate nothing.
    Inline(u64),
    /// Element `[0, 0, …]` lies `offset` elements into the buffer.
    Shared { buffer: Arc<Buffer>, offset: usize },
}

/// A typed, read-only look at an array for kernels: where element `[0, …]` lies, and the layout.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, T> {
    pub(crate) pointer: *const T,
    pub(crate) shape: &'a [usize],
    pub(crate) strides: &'a [isize],
}

// SAFETY: a `View` only reads elements that its array, borrowed for 'a, keeps alive.
unsafe impl<T: Sync> Send for View<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for View<'_, T> {}

impl Array {
    /// An array from a number, a nested literal or nested vectors.
    ///
    /// # Panics
    /// Where nested vectors are ragged.
    ///
    /// ```
    /// use dezero_array::{Array, DType};
    /// assert_eq!(Array::new([[1, 2], [3, 4]]).dtype(), DType::I64);
    /// assert_eq!(Array::new(vec![vec![1.0f32], vec![2.0]]).shape(), &[2, 1]);
    /// assert_eq!(Array::new(3.0).ndim(), 0);
    /// ```
    #[track_caller]
    pub fn new<L: Literal>(literal: L) -> Array {
        let mut shape = Shape::new();
        literal.push_shape(&mut shape);
        let mut elements = Vec::with_capacity(size_of_shape(&shape));
        literal.push_elements(&mut elements);
        Array::from_vec(elements, &shape[..])
    }

    /// A zero-dimensional array.
    #[inline]
    pub fn scalar<T: Element>(value: T) -> Array {
        Array {
            storage: Storage::inline(value),
            layout: Layout::D0,
            dtype: T::DTYPE,
        }
    }

    /// A zero-dimensional array of `dtype` that holds `value`, rounded or truncated to it.
    #[inline]
    pub fn scalar_of(value: f64, dtype: DType) -> Array {
        match_dtype!(dtype, T => Array::scalar(T::from_f64(value)))
    }

    /// An array of `shape` from its elements in row-major order.
    ///
    /// # Panics
    /// If the number of elements does not fit the shape.
    #[track_caller]
    pub fn from_vec<T: Element>(elements: Vec<T>, shape: impl AsRef<[usize]>) -> Array {
        Array::from_slice(&elements, shape)
    }

    /// An array of `shape` from a copy of its elements in row-major order.
    ///
    /// # Panics
    /// If the number of elements does not fit the shape.
    #[track_caller]
    pub fn from_slice<T: Element>(elements: &[T], shape: impl AsRef<[usize]>) -> Array {
        let shape = shape.as_ref();
        let size = checked_size(shape, T::DTYPE);
        if size != elements.len() {
            panic!(
                "from_vec: shape {shape:?} takes {size} elements, got {}",
                elements.len()
            );
        }
        Array::build(shape, |out: &mut [MaybeUninit<T>]| {
            // SAFETY: same length; `MaybeUninit<T>` has the layout of `T`.
            unsafe {
                std::ptr::copy_nonoverlapping(elements.as_ptr(), out.as_mut_ptr().cast(), size)
            }
        })
    }

    /// An array of `shape` whose elements are all `value`; O(1) until it is written to.
    #[track_caller]
    pub fn full<T: Element>(shape: impl AsRef<[usize]>, value: T) -> Array {
        let shape = shape.as_ref();
        checked_size(shape, T::DTYPE);
        let layout = Layout::new(shape, &crate::Strides::from_elem(0, shape.len()));
        Array {
            storage: Storage::inline(value),
            layout,
            dtype: T::DTYPE,
        }
    }

    /// An array of `shape` and `dtype` whose elements are all `value`; O(1) until it is written to.
    #[track_caller]
    pub fn full_of(shape: impl AsRef<[usize]>, value: f64, dtype: DType) -> Array {
        match_dtype!(dtype, T => Array::full(shape, T::from_f64(value)))
    }

    /// Zeros; O(1) until it is written to.
    #[track_caller]
    pub fn zeros(shape: impl AsRef<[usize]>, dtype: DType) -> Array {
        Array::full_of(shape, 0.0, dtype)
    }

    /// Ones; O(1) until it is written to.
    #[track_caller]
    pub fn ones(shape: impl AsRef<[usize]>, dtype: DType) -> Array {
        Array::full_of(shape, 1.0, dtype)
    }

    /// A contiguous array whose elements `fill` writes, every one of them.
    ///
    /// This is how kernels make their results: one element stays in the header, more come from
    /// the pool of buffers.
    #[track_caller]
    pub(crate) fn build<T: Element>(
        shape: &[usize],
        fill: impl FnOnce(&mut [MaybeUninit<T>]),
    ) -> Array {
        let size = checked_size(shape, T::DTYPE);
        let layout = Layout::contiguous(shape);
        if size == 1 {
            let mut value = MaybeUninit::<T>::uninit();
            fill(std::slice::from_mut(&mut value));
            // SAFETY: `fill` writes every element.
            let storage = Storage::inline(unsafe { value.assume_init() });
            return Array {
                storage,
                layout,
                dtype: T::DTYPE,
            };
        }
        let buffer = Buffer::uninit(size * size_of::<T>());
        // SAFETY: the buffer is new, so unique, aligned, and has room for `size` elements.
        fill(unsafe { std::slice::from_raw_parts_mut(buffer.as_mut_ptr().cast(), size) });
        let storage = Storage::Shared {
            buffer: Arc::new(buffer),
            offset: 0,
        };
        Array {
            storage,
            layout,
            dtype: T::DTYPE,
        }
    }

    /// The same elements under another layout, starting `offset` elements after the present
    /// start. The caller vouches that every element lies inside the buffer.
    #[inline]
    pub(crate) fn with_layout(&self, layout: Layout, offset: isize) -> Array {
        let storage = match &self.storage {
            Storage::Inline(value) => Storage::Inline(*value),
            Storage::Shared {
                buffer,
                offset: start,
            } => Storage::Shared {
                buffer: buffer.clone(),
                offset: start
                    .checked_add_signed(offset)
                    .expect("view before its buffer"),
            },
        };
        Array {
            storage,
            layout,
            dtype: self.dtype,
        }
    }

    /// Sizes of the axes.
    #[inline]
    pub fn shape(&self) -> &[usize] {
        self.layout.shape()
    }

    /// Whether both arrays lie in the same memory: one is a view of the other, or both are of a third. False for
    /// arrays of one element and for constants that nobody wrote to, which take no memory.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1.0, 2.0], [3.0, 4.0]]);
    /// assert!(x.transpose().shares_memory(&x));
    /// assert!(!(&x + 1.0).shares_memory(&x));
    /// ```
    pub fn shares_memory(&self, other: &Array) -> bool {
        match (&self.storage, &other.storage) {
            (Storage::Shared { buffer, .. }, Storage::Shared { buffer: other, .. }) => {
                Arc::ptr_eq(buffer, other)
            }
            _ => false,
        }
    }

    /// Whether both arrays are the same elements of the same memory in the same order; else as
    /// [`shares_memory`](Array::shares_memory).
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1.0, 2.0], [3.0, 4.0]]);
    /// assert!(x.clone().is_same_view(&x));
    /// assert!(!x.transpose().is_same_view(&x));
    /// assert!(!x.get(0).is_same_view(&x.get(1)));
    /// ```
    pub fn is_same_view(&self, other: &Array) -> bool {
        let start = |x: &Array| match &x.storage {
            Storage::Shared { offset, .. } => Some(*offset),
            _ => None,
        };
        self.shares_memory(other)
            && start(self) == start(other)
            && self.shape() == other.shape()
            && self.strides() == other.strides()
            && self.dtype() == other.dtype()
    }

    /// Distances between neighbours along each axis, in elements.
    #[inline]
    pub fn strides(&self) -> &[isize] {
        self.layout.strides()
    }

    /// Number of axes.
    #[inline]
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements.
    #[inline]
    pub fn size(&self) -> usize {
        size_of_shape(self.shape())
    }

    /// Bytes that all elements take: those of a view too, though it shares them.
    pub fn nbytes(&self) -> usize {
        self.size() * self.dtype.itemsize()
    }

    /// Size of the first axis.
    ///
    /// # Panics
    /// If the array is zero-dimensional.
    #[track_caller]
    #[allow(clippy::len_without_is_empty)] // NumPy's `len`; emptiness is `size() == 0`
    pub fn len(&self) -> usize {
        *self
            .shape()
            .first()
            .expect("len: a zero-dimensional array has no length")
    }

    /// Type of the elements.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where the elements live.
    #[inline]
    pub fn device(&self) -> Device {
        Device::Cpu
    }

    /// Whether the elements lie one after the other in row-major order.
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        match self.storage {
            Storage::Inline(_) => self.size() <= 1,
            Storage::Shared { .. } => self.layout.is_contiguous(),
        }
    }

    /// Whether nobody else shares the elements, so that a write copies nothing.
    #[inline]
    pub(crate) fn is_unique(&self) -> bool {
        match &self.storage {
            Storage::Inline(_) => true,
            Storage::Shared { buffer, .. } => {
                let is_unique = Arc::strong_count(buffer) == 1;
                // Who shared them until now, on another thread, is done with reading them.
                fence(Ordering::Acquire);
                is_unique
            }
        }
    }

    /// A typed look for kernels.
    #[inline]
    pub(crate) fn view<T: Element>(&self) -> View<'_, T> {
        View {
            pointer: self.pointer(),
            shape: self.shape(),
            strides: self.strides(),
        }
    }

    #[inline]
    pub(crate) fn pointer<T: Element>(&self) -> *const T {
        assert_eq!(T::DTYPE, self.dtype);
        match &self.storage {
            Storage::Inline(value) => (value as *const u64).cast(),
            // SAFETY: `offset` is inside the buffer, or one past its end where the array is empty.
            Storage::Shared { buffer, offset } => unsafe {
                buffer.as_ptr().cast::<T>().add(*offset)
            },
        }
    }

    /// The elements as a slice, if they lie one after the other (see [`to_contiguous`]).
    ///
    /// # Panics
    /// If `T` is not the array's dtype.
    ///
    /// [`to_contiguous`]: Array::to_contiguous
    #[track_caller]
    #[inline]
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        self.expect_dtype::<T>("as_slice");
        // SAFETY: contiguous, so the `size` elements from `pointer` on are this array's.
        self.is_contiguous()
            .then(|| unsafe { std::slice::from_raw_parts(self.pointer(), self.size()) })
    }

    /// The elements for writing, in row-major order. Copies first where they are shared or not
    /// contiguous.
    ///
    /// # Panics
    /// If `T` is not the array's dtype.
    #[track_caller]
    pub fn as_mut_slice<T: Element>(&mut self) -> &mut [T] {
        self.expect_dtype::<T>("as_mut_slice");
        if !self.is_contiguous() || !self.is_unique() {
            *self = self.copy();
        }
        let size = self.size();
        let pointer: *mut T = match &mut self.storage {
            Storage::Inline(value) => (value as *mut u64).cast(),
            // SAFETY: `offset` is inside the buffer.
            Storage::Shared { buffer, offset } => unsafe {
                buffer.as_mut_ptr().cast::<T>().add(*offset)
            },
        };
        // SAFETY: contiguous and unique, as made sure above; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(pointer, size) }
    }

    /// The elements in row-major order.
    ///
    /// # Panics
    /// If `T` is not the array's dtype.
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Vec<T> {
        self.expect_dtype::<T>("to_vec");
        self.to_contiguous()
            .as_slice::<T>()
            .expect("contiguous")
            .to_vec()
    }

    /// The array itself if contiguous, otherwise a contiguous copy.
    pub fn to_contiguous(&self) -> Array {
        if self.is_contiguous() {
            self.clone()
        } else {
            self.copy()
        }
    }

    /// A contiguous array with elements of its own.
    pub fn copy(&self) -> Array {
        crate::cpu::copy::contiguous(self)
    }

    /// The only element, as f64.
    ///
    /// # Panics
    /// If the array does not have exactly one element.
    #[track_caller]
    #[inline]
    pub fn item(&self) -> f64 {
        if self.size() != 1 {
            panic!(
                "item: takes an array with one element, got shape {:?}",
                self.shape()
            );
        }
        // SAFETY: there is one element, and it lies at `pointer`.
        match_dtype!(self.dtype, T => unsafe { *self.pointer::<T>() }.to_f64())
    }

    #[track_caller]
    #[inline]
    fn expect_dtype<T: Element>(&self, operation: &str) {
        if self.dtype != T::DTYPE {
            wrong_dtype(operation, self.dtype, T::DTYPE);
        }
    }
}

impl Storage {
    #[inline]
    fn inline<T: Element>(value: T) -> Storage {
        const { assert!(size_of::<T>() <= size_of::<u64>()) };
        let mut bits = 0u64;
        // SAFETY: `bits` has room for a `T` and is aligned for it.
        unsafe { (&raw mut bits).cast::<T>().write(value) };
        Storage::Inline(bits)
    }
}

#[cold]
#[track_caller]
fn wrong_dtype(operation: &str, found: DType, asked: DType) -> ! {
    panic!("{operation}: the array is {found}, asked for {asked}; cast it with `to_dtype` first");
}

/// The number of elements of `shape`, if an array of it can exist. Every array's shape went through it, so that products
/// of sizes do not overflow, with or without the empty axes.
#[track_caller]
#[inline]
pub(crate) fn checked_size(shape: &[usize], dtype: DType) -> usize {
    let bytes = shape
        .iter()
        .try_fold(dtype.size(), |bytes, &n| bytes.checked_mul(n.max(1)));
    match bytes {
        Some(bytes) if bytes <= isize::MAX as usize => size_of_shape(shape),
        _ => panic!("an array of shape {shape:?} does not fit into memory"),
    }
}
