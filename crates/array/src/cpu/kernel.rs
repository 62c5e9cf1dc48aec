//! Element-wise kernels: one tight loop for each operation and dtype, and one machinery, compiled
//! once, that brings operands of any strides to it.
//!
//! A kernel reads and writes elements that lie one after the other. Operands that do not are
//! brought together tile by tile, in a buffer small enough for the first-level cache.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;

use crate::cpu::nest::Nest;
use crate::cpu::simd::{self, Cost};
use crate::layout::{Layout, Shape, Strides};
use crate::{Array, DType, Element, broadcast_shape, match_dtype, size_of_shape};

/// Elements that are computed at a time where operands have to be brought together.
const TILE: usize = 512;
/// Elements of the last, incomplete vectors of an expensive kernel: computed as whole ones.
const PADDED: usize = 16;
/// From this size on, an operand with awkward strides is copied first: the copy goes by squares
/// where a tile would miss the cache at each element.
const COPY_FROM: usize = 1 << 14;

/// `out[i] = f(inputs[0][i], …)` for `i` below `n`.
type Call<const N: usize> = unsafe fn(f: *const u8, n: usize, inputs: [*const u8; N], out: *mut u8);

/// A function of the elements of `N` arrays, for dtypes that are known at run time only.
pub(crate) struct Kernel<'f, const N: usize> {
    call: Call<N>,
    f: *const u8,
    inputs: [DType; N],
    out: DType,
    cost: Cost,
    lifetime: PhantomData<&'f ()>,
}

// SAFETY: `f` points to a function that is `Sync`; the constructors ask for it.
unsafe impl<const N: usize> Sync for Kernel<'_, N> {}

impl<'f> Kernel<'f, 1> {
    #[inline(always)]
    pub(crate) fn new<T: Element, U: Element, F: Fn(T) -> U + Copy + Sync>(
        f: &'f F,
        cost: Cost,
    ) -> Self {
        unsafe fn call<T: Copy, U: Copy, F: Fn(T) -> U + Copy>(
            f: *const u8,
            n: usize,
            [x]: [*const u8; 1],
            out: *mut u8,
        ) {
            // SAFETY: promised by the callers in this module; `f` was an `F`.
            unsafe {
                let f = *f.cast::<F>();
                let (x, out) = (x.cast::<T>(), out.cast::<U>());
                // `move`: what is captured by reference lies in memory that the stores could change.
                simd::dispatch(
                    #[inline(always)]
                    move || {
                        for i in 0..n {
                            *out.add(i) = f(*x.add(i));
                        }
                    },
                )
            }
        }
        Kernel::of(call::<T, U, F>, f, [T::DTYPE], U::DTYPE, cost)
    }

    /// As [`Kernel::new`], but the elements for which `hard` holds get `exact`, one by one.
    #[inline(always)]
    pub(crate) fn with_exact<T, F, H, E>(functions: &'f (F, H, E), cost: Cost) -> Self
    where
        T: Element,
        F: Fn(T) -> T + Copy + Sync,
        H: Fn(T) -> bool + Copy + Sync,
        E: Fn(T) -> T + Copy + Sync,
    {
        unsafe fn call<T, F, H, E>(f: *const u8, n: usize, [x]: [*const u8; 1], out: *mut u8)
        where
            T: Copy,
            F: Fn(T) -> T + Copy,
            H: Fn(T) -> bool + Copy,
            E: Fn(T) -> T + Copy,
        {
            // SAFETY: as in `new`.
            unsafe {
                let (f, hard, exact) = *f.cast::<(F, H, E)>();
                let (x, out) = (x.cast::<T>(), out.cast::<T>());
                let any_hard = simd::dispatch(
                    #[inline(always)]
                    move || {
                        for i in 0..n {
                            *out.add(i) = f(*x.add(i));
                        }
                        let mut any_hard = false;
                        for i in 0..n {
                            any_hard |= hard(*x.add(i));
                        }
                        any_hard
                    },
                );
                if any_hard {
                    for i in 0..n {
                        if hard(*x.add(i)) {
                            *out.add(i) = exact(*x.add(i));
                        }
                    }
                }
            }
        }
        Kernel::of(call::<T, F, H, E>, functions, [T::DTYPE], T::DTYPE, cost)
    }
}

impl<'f> Kernel<'f, 2> {
    #[inline(always)]
    pub(crate) fn new<A: Element, B: Element, U: Element, F: Fn(A, B) -> U + Copy + Sync>(
        f: &'f F,
        cost: Cost,
    ) -> Self {
        unsafe fn call<A: Copy, B: Copy, U: Copy, F: Fn(A, B) -> U + Copy>(
            f: *const u8,
            n: usize,
            [x0, x1]: [*const u8; 2],
            out: *mut u8,
        ) {
            // SAFETY: promised by the callers in this module; `f` was an `F`.
            unsafe {
                let f = *f.cast::<F>();
                let (x0, x1, out) = (x0.cast::<A>(), x1.cast::<B>(), out.cast::<U>());
                simd::dispatch(
                    #[inline(always)]
                    move || {
                        for i in 0..n {
                            *out.add(i) = f(*x0.add(i), *x1.add(i));
                        }
                    },
                )
            }
        }
        Kernel::of(call::<A, B, U, F>, f, [A::DTYPE, B::DTYPE], U::DTYPE, cost)
    }
}

impl<'f> Kernel<'f, 3> {
    #[inline(always)]
    pub(crate) fn new<A: Element, B: Element, C: Element, U: Element, F>(
        f: &'f F,
        cost: Cost,
    ) -> Self
    where
        F: Fn(A, B, C) -> U + Copy + Sync,
    {
        unsafe fn call<A: Copy, B: Copy, C: Copy, U: Copy, F: Fn(A, B, C) -> U + Copy>(
            f: *const u8,
            n: usize,
            [x0, x1, x2]: [*const u8; 3],
            out: *mut u8,
        ) {
            // SAFETY: promised by the callers in this module; `f` was an `F`.
            unsafe {
                let f = *f.cast::<F>();
                let (x0, x1, x2) = (x0.cast::<A>(), x1.cast::<B>(), x2.cast::<C>());
                let out = out.cast::<U>();
                simd::dispatch(
                    #[inline(always)]
                    move || {
                        for i in 0..n {
                            *out.add(i) = f(*x0.add(i), *x1.add(i), *x2.add(i));
                        }
                    },
                )
            }
        }
        let inputs = [A::DTYPE, B::DTYPE, C::DTYPE];
        Kernel::of(call::<A, B, C, U, F>, f, inputs, U::DTYPE, cost)
    }
}

/// An operand, walked in the order of the result.
enum Input {
    /// One element after the other.
    Flat(*const u8),
    /// The same few elements again and again: a scalar, or the row that is added to every row.
    Periodic(*const u8, usize),
    Strided(*const u8, Nest<1>),
}

// SAFETY: the elements are only read, while the arrays they belong to are borrowed.
unsafe impl Sync for Input {}

struct Output(*mut u8);
// SAFETY: threads write disjoint ranges.
unsafe impl Sync for Output {}

/// Room for one tile of an input: a period and the tile after it.
type Buffer = MaybeUninit<[u64; 2 * TILE]>;

impl Input {
    fn new(x: &Array, shape: &[usize], strides: &[isize]) -> Input {
        let pointer = address(x);
        let nest = Nest::new(shape, [strides]);
        match *nest.axes() {
            [(1, _)] | [(_, [0])] => Input::Periodic(pointer, 1),
            [(_, [1])] => Input::Flat(pointer),
            [(_, [0]), (n, [1])] if n <= TILE => Input::Periodic(pointer, n),
            _ => Input::Strided(pointer, nest),
        }
    }
}

/// Where element `[0, …]` lies.
#[inline]
pub(crate) fn address(x: &Array) -> *const u8 {
    match_dtype!(x.dtype(), T => x.pointer::<T>().cast())
}

impl<'f, const N: usize> Kernel<'f, N> {
    #[inline(always)]
    fn of<F: Sync>(call: Call<N>, f: &'f F, inputs: [DType; N], out: DType, cost: Cost) -> Self {
        Kernel {
            call,
            f: (&raw const *f).cast(),
            inputs,
            out,
            cost,
            lifetime: PhantomData,
        }
    }

    /// The result for arrays that broadcast to one shape; `operation` is named in the panic where
    /// they do not.
    ///
    /// What all operands repeat is computed once, and operands of one dense order in memory give a
    /// result of this order.
    #[track_caller]
    pub(crate) fn apply(&self, operation: &str, xs: [&Array; N]) -> Array {
        assert!((0..N).all(|k| xs[k].dtype() == self.inputs[k]));
        let mut widest = xs[0];
        for x in &xs[1..] {
            if x.ndim() > widest.ndim() {
                widest = x;
            }
        }
        let shape = widest.shape();
        if xs
            .iter()
            .all(|x| x.is_contiguous() && is_whole_or_row(x.shape(), shape))
        {
            let inputs = xs.map(|x| match x.ndim() == shape.len() {
                true => Input::Flat(address(x)),
                false => Input::Periodic(address(x), x.size()),
            });
            return self.build(shape, &inputs);
        }
        let mut shape = Shape::from_slice(shape);
        for x in xs {
            let Some(both) = broadcast_shape(&shape, x.shape()) else {
                does_not_broadcast(operation, xs.map(Array::shape))
            };
            shape = both;
        }
        self.apply_strided(&shape, xs)
    }

    #[inline(never)]
    fn apply_strided(&self, shape: &[usize], xs: [&Array; N]) -> Array {
        if size_of_shape(shape) == 0 {
            return self.build(shape, &xs.map(|x| Input::Flat(address(x))));
        }
        let strides = xs.map(|x| broadcast_strides(x.shape(), x.strides(), shape));
        let repeats = |axis: usize| strides.iter().all(|strides| strides[axis] == 0);
        let core: Shape = (shape.iter().enumerate())
            .map(|(axis, &n)| if repeats(axis) { 1 } else { n })
            .collect();
        let size = size_of_shape(&core);
        // One dense order of all operands, apart from scalars: the order of the axes is all one.
        let scalar = |k: usize| strides[k].iter().all(|&s| s == 0);
        let first = (0..N).find(|&k| !scalar(k)).unwrap_or(0);
        let result = if (0..N).all(|k| scalar(k) || strides[k] == strides[first])
            && is_dense(&core, &strides[first])
        {
            let mut k = 0;
            let inputs = xs.map(|x| {
                k += 1;
                match scalar(k - 1) {
                    true => Input::Periodic(address(x), 1),
                    false => Input::Flat(address(x)),
                }
            });
            self.build(&core, &inputs)
                .with_layout(Layout::new(&core, &strides[first]), 0)
        } else {
            let mut copies = [const { None }; N];
            let mut k = 0;
            let inputs = xs.map(|x| {
                k += 1;
                let strides = &strides[k - 1];
                match Input::new(x, &core, strides) {
                    Input::Strided(_, nest) if size >= COPY_FROM && nest.steps()[0] > 1 => {
                        let own: Shape = (core.iter().zip(strides))
                            .map(|(&n, &s)| if s == 0 { 1 } else { n })
                            .collect();
                        let copy = x.with_layout(Layout::new(&own, strides), 0).copy();
                        let strides = broadcast_strides(&own, copy.strides(), &core);
                        Input::new(copies[k - 1].insert(copy), &core, &strides)
                    }
                    input => input,
                }
            });
            self.build(&core, &inputs)
        };
        if core[..] == *shape {
            result
        } else {
            result.broadcast_to(shape)
        }
    }

    #[inline]
    fn build(&self, shape: &[usize], inputs: &[Input; N]) -> Array {
        match_dtype!(self.out, U => Array::build(shape, |out: &mut [MaybeUninit<U>]| {
            // SAFETY: `out` is as long as the result; the inputs were made for `shape`.
            unsafe { self.run(out.len(), inputs, Output(out.as_mut_ptr().cast()), false) }
        }))
    }

    /// `x = f(x, others…)` in the memory of `x`, which is contiguous and not shared; the others
    /// broadcast to its shape.
    pub(crate) fn update(&self, x: &mut Array, others: &[&Array]) {
        assert!(N == others.len() + 1 && self.out == x.dtype());
        assert!(
            others
                .iter()
                .zip(&self.inputs[1..])
                .all(|(other, &dtype)| other.dtype() == dtype)
        );
        let size = x.size();
        let out = match_dtype!(self.out, U => x.as_mut_slice::<U>().as_mut_ptr().cast::<u8>());
        let inputs = std::array::from_fn(|k| match k {
            0 => Input::Flat(out),
            _ => {
                let other = others[k - 1];
                let strides = broadcast_strides(other.shape(), other.strides(), x.shape());
                Input::new(other, x.shape(), &strides)
            }
        });
        // SAFETY: the inputs were made for the shape of `x`, which has `size` elements.
        unsafe { self.run(size, &inputs, Output(out), true) }
    }

    /// # Safety
    /// The inputs have elements for a result of `size` elements, for which `out` has room;
    /// `in_place` if it is the first input.
    unsafe fn run(&self, size: usize, inputs: &[Input; N], out: Output, in_place: bool) {
        let out = &out;
        simd::for_each_block(size, self.cost, |range| {
            // SAFETY: promised by the caller; the ranges are disjoint.
            unsafe { self.block(range, inputs, out, in_place) }
        });
    }

    unsafe fn block(&self, range: Range<usize>, inputs: &[Input; N], out: &Output, in_place: bool) {
        let out_size = self.out.size();
        let flat = |input: &Input| matches!(input, Input::Flat(_));
        // SAFETY: promised by the caller of `run`.
        unsafe {
            if !in_place && inputs.iter().all(flat) {
                let pointers = std::array::from_fn(|k| match inputs[k] {
                    Input::Flat(x) => x.add(range.start * self.inputs[k].size()),
                    _ => unreachable!("all are flat"),
                });
                return self.tile(range.len(), pointers, out.0.add(range.start * out_size));
            }
            let mut buffers: [Buffer; N] = [const { Buffer::uninit() }; N];
            let mut result = Buffer::uninit();
            for k in 0..N {
                if let Input::Periodic(x, n) = inputs[k] {
                    let count = n + range.len().min(TILE);
                    repeat(
                        x,
                        n,
                        buffers[k].as_mut_ptr().cast(),
                        count,
                        self.inputs[k].size(),
                    );
                }
            }
            let mut start = range.start;
            while start < range.end {
                let n = TILE.min(range.end - start);
                let mut pointers = [std::ptr::null(); N];
                for k in 0..N {
                    let item = self.inputs[k].size();
                    let buffer = buffers[k].as_mut_ptr().cast::<u8>();
                    pointers[k] = match &inputs[k] {
                        Input::Flat(x) => x.add(start * item),
                        Input::Periodic(_, period) => {
                            buffer.add(start % period * item).cast_const()
                        }
                        Input::Strided(x, nest) => {
                            gather(*x, nest, start..start + n, buffer, item);
                            buffer.cast_const()
                        }
                    };
                }
                let out = out.0.add(start * out_size);
                if in_place {
                    // Written beside first: a loop whose output is its input would not be SIMD.
                    let result = result.as_mut_ptr().cast::<u8>();
                    self.tile(n, pointers, result);
                    std::ptr::copy_nonoverlapping(result, out, n * out_size);
                } else {
                    self.tile(n, pointers, out);
                }
                start += n;
            }
        }
    }

    /// Calls the loop; the last elements of an expensive one as part of whole vectors.
    #[inline]
    unsafe fn tile(&self, n: usize, inputs: [*const u8; N], out: *mut u8) {
        let rest = if self.cost == Cost::Heavy {
            n % PADDED
        } else {
            0
        };
        let whole = n - rest;
        // SAFETY: promised by the caller of `run`.
        unsafe {
            if whole > 0 {
                (self.call)(self.f, whole, inputs, out);
            }
            if rest > 0 {
                let mut padded = [[0u64; PADDED]; N];
                for k in 0..N {
                    let item = self.inputs[k].size();
                    let to = padded[k].as_mut_ptr().cast::<u8>();
                    let from = inputs[k].add(whole * item);
                    std::ptr::copy_nonoverlapping(from, to, rest * item);
                }
                let mut result = [0u64; PADDED];
                let pointers = std::array::from_fn(|k| padded[k].as_ptr().cast());
                (self.call)(self.f, PADDED, pointers, result.as_mut_ptr().cast());
                let item = self.out.size();
                let to = out.add(whole * item);
                std::ptr::copy_nonoverlapping(result.as_ptr().cast(), to, rest * item);
            }
        }
    }
}

#[cold]
#[track_caller]
fn does_not_broadcast<const N: usize>(operation: &str, shapes: [&[usize]; N]) -> ! {
    match shapes[..] {
        [x0, x1] => panic!("{operation}: shapes {x0:?} and {x1:?} do not broadcast"),
        _ => panic!("{operation}: shapes {shapes:?} do not broadcast"),
    }
}

/// Writes `count` elements: the `period` ones from `x` on, again and again.
unsafe fn repeat(x: *const u8, period: usize, out: *mut u8, count: usize, item: usize) {
    // SAFETY: promised by the caller; what is copied was written before.
    unsafe {
        match (period, item) {
            (1, 4) => {
                let out = std::slice::from_raw_parts_mut(out.cast::<u32>(), count);
                return out.fill(*x.cast::<u32>());
            }
            (1, 8) => {
                let out = std::slice::from_raw_parts_mut(out.cast::<u64>(), count);
                return out.fill(*x.cast::<u64>());
            }
            _ => {}
        }
        let (mut done, end) = ((period * item).min(count * item), count * item);
        std::ptr::copy_nonoverlapping(x, out, done);
        while done < end {
            let n = done.min(end - done);
            std::ptr::copy_nonoverlapping(out, out.add(done), n);
            done += n;
        }
    }
}

/// Writes the elements `range` of a strided operand one after the other.
unsafe fn gather(x: *const u8, nest: &Nest<1>, range: Range<usize>, out: *mut u8, item: usize) {
    unsafe fn typed<T: Copy>(x: *const T, nest: &Nest<1>, range: Range<usize>, out: *mut T) {
        let [step] = nest.steps();
        let first = range.start;
        nest.for_rows(range, |position, n, [offset]| {
            // SAFETY: promised by the caller of `gather`.
            unsafe {
                let (x, out) = (x.offset(offset), out.add(position - first));
                match step {
                    1 => std::ptr::copy_nonoverlapping(x, out, n),
                    0 => std::slice::from_raw_parts_mut(out, n).fill(*x),
                    _ => {
                        for i in 0..n {
                            *out.add(i) = *x.offset(i as isize * step);
                        }
                    }
                }
            }
        });
    }
    // SAFETY: promised by the caller.
    unsafe {
        match item {
            1 => typed::<u8>(x, nest, range, out),
            4 => typed::<u32>(x.cast(), nest, range, out.cast()),
            8 => typed::<u64>(x.cast(), nest, range, out.cast()),
            _ => unreachable!("an element has 1, 4 or 8 bytes"),
        }
    }
}

/// Whether a contiguous operand of `shape` fills a result of shape `whole`, or repeats short rows
/// of it.
#[inline]
fn is_whole_or_row(shape: &[usize], whole: &[usize]) -> bool {
    let is_row = || (1..=TILE).contains(&size_of_shape(shape));
    whole.ends_with(shape) && (shape.len() == whole.len() || is_row())
}

/// Whether the elements fill one stretch of memory from the start of the array on, in whatever
/// order of the axes.
fn is_dense(shape: &[usize], strides: &[isize]) -> bool {
    let mut axes: smallvec::SmallVec<[(isize, usize); 4]> = (strides.iter().zip(shape))
        .filter(|&(_, &n)| n != 1)
        .map(|(&s, &n)| (s, n))
        .collect();
    axes.sort_unstable();
    let mut expected = 1;
    axes.iter().all(|&(s, n)| {
        let fits = s == expected;
        expected *= n as isize;
        fits
    })
}

/// The strides of `shape`, `strides` repeated along new and size-1 axes to `to`.
fn broadcast_strides(shape: &[usize], strides: &[isize], to: &[usize]) -> Strides {
    let mut result = Strides::from_elem(0, to.len());
    let added = to.len() - shape.len();
    for (axis, (&n, &s)) in shape.iter().zip(strides).enumerate() {
        result[added + axis] = if n == 1 { 0 } else { s };
    }
    result
}
