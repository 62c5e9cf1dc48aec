//! Loops compiled once for each SIMD level and chosen at run time, and split over threads when they are long.
//!
//! The loop bodies are plain Rust: what turns them into AVX-512 or AVX2 is that the closure is inlined into a
//! function compiled for that level. So **a closure handed to these functions must be inlined**: write
//! `#[inline(always)] |x| ...` when it calls anything from [`vector_math`](super::vector_math).
//!
//! No kernel uses a fused multiply-add: every level, every machine and every thread count gives the same bits.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::threads;

pub(crate) use super::dispatch::dispatch;

/// How much work one element is, which decides the length from which threads pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// A few instructions: bound by memory (`+`, `max`, a copy).
    Cheap,
    /// A function from `vector_math`: bound by arithmetic (`exp`, `tanh`).
    Heavy,
}

impl Cost {
    /// Shortest length that is worth waking a second thread for.
    const fn parallel_from(self) -> usize {
        match self {
            Cost::Cheap => 1 << 17,
            Cost::Heavy => 1 << 15,
        }
    }

    /// Length of the pieces that threads take.
    const fn block(self) -> usize {
        match self {
            Cost::Cheap => 1 << 15,
            Cost::Heavy => 1 << 12,
        }
    }
}

/// One input of a binary kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand<'a, T> {
    Slice(&'a [T]),
    Scalar(T),
}

/// Calls `body` on disjoint ranges that cover `0..len`, on several threads when `len` is large.
pub(crate) fn for_each_block(len: usize, cost: Cost, body: impl Fn(Range<usize>) + Sync) {
    if len < cost.parallel_from() || threads::count() == 1 {
        return body(0..len);
    }
    let block = cost.block();
    threads::for_each(len.div_ceil(block), &|i| {
        body(i * block..len.min((i + 1) * block))
    });
}

/// A pointer that threads may share, because each touches its own range.
struct Disjoint<T>(*mut T);

// SAFETY: only used by this module, which hands every range to one thread.
unsafe impl<T: Send> Sync for Disjoint<T> {}

impl<T> Disjoint<T> {
    fn new(x: &mut [T]) -> Self {
        Disjoint(x.as_mut_ptr())
    }

    /// # Safety
    /// `range` lies within the slice given to `new`, which is still borrowed, and overlaps no other live range.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    unsafe fn slice(&self, range: Range<usize>) -> &mut [T] {
        // SAFETY: promised by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(range.start), range.len()) }
    }
}

/// Elements handled together at the end of a heavy loop: a multiple of every vector width.
const TAIL: usize = 16;

/// What a kernel reads, element by element.
trait Source: Copy {
    type Item: Copy;
    /// The last elements, padded to `TAIL`.
    type Tail: Source<Item = Self::Item>;

    /// # Safety
    /// `i` is below the length that the kernel was checked for.
    unsafe fn at(self, i: usize) -> Self::Item;

    /// The elements from `start` on, fewer than `TAIL` but at least one, then copies of the last one.
    fn tail(self, start: usize) -> Self::Tail;

    fn part(self, range: Range<usize>) -> Self;
}

impl<T: Copy> Source for &[T] {
    type Item = T;
    type Tail = [T; TAIL];

    #[inline(always)]
    unsafe fn at(self, i: usize) -> T {
        // SAFETY: promised by the caller.
        unsafe { *self.get_unchecked(i) }
    }

    #[inline(always)]
    fn tail(self, start: usize) -> [T; TAIL] {
        let rest = &self[start..];
        let mut padded = [rest[rest.len() - 1]; TAIL];
        padded[..rest.len()].copy_from_slice(rest);
        padded
    }

    #[inline(always)]
    fn part(self, range: Range<usize>) -> Self {
        &self[range]
    }
}

impl<T: Copy> Source for [T; TAIL] {
    type Item = T;
    type Tail = Self;

    #[inline(always)]
    unsafe fn at(self, i: usize) -> T {
        self[i]
    }

    #[inline(always)]
    fn tail(self, _: usize) -> Self {
        self
    }

    #[inline(always)]
    fn part(self, _: Range<usize>) -> Self {
        self
    }
}

/// The same value at every index.
#[derive(Clone, Copy)]
struct Repeat<T>(T);

impl<T: Copy> Source for Repeat<T> {
    type Item = T;
    type Tail = Self;

    #[inline(always)]
    unsafe fn at(self, _: usize) -> T {
        self.0
    }

    #[inline(always)]
    fn tail(self, _: usize) -> Self {
        self
    }

    #[inline(always)]
    fn part(self, _: Range<usize>) -> Self {
        self
    }
}

macro_rules! source_for_tuple {
    ($($S:ident $i:tt),+) => {
        impl<$($S: Source),+> Source for ($($S,)+) {
            type Item = ($($S::Item,)+);
            type Tail = ($($S::Tail,)+);

            #[inline(always)]
            unsafe fn at(self, i: usize) -> Self::Item {
                // SAFETY: promised by the caller.
                unsafe { ($(self.$i.at(i),)+) }
            }

            #[inline(always)]
            fn tail(self, start: usize) -> Self::Tail {
                ($(self.$i.tail(start),)+)
            }

            #[inline(always)]
            fn part(self, range: Range<usize>) -> Self {
                ($(self.$i.part(range.clone()),)+)
            }
        }
    };
}

source_for_tuple!(A 0, B 1);
source_for_tuple!(A 0, B 1, C 2);

/// `out[i] = f(source[i])`; the callers have checked that `source` is as long as `out`.
#[inline(always)]
fn fill<S: Source + Sync, U: Copy + Send>(
    source: S,
    out: &mut [MaybeUninit<U>],
    cost: Cost,
    f: impl Fn(S::Item) -> U + Copy + Sync,
) {
    let len = out.len();
    let shared = Disjoint::new(out);
    for_each_block(len, cost, |range| {
        // SAFETY: for_each_block gives disjoint ranges within `0..len`.
        let out = unsafe { shared.slice(range.clone()) };
        let source = source.part(range);
        dispatch(
            #[inline(always)]
            || fill_block(source, out, cost, f),
        );
    });
}

#[inline(always)]
fn fill_block<S: Source, U: Copy>(
    source: S,
    out: &mut [MaybeUninit<U>],
    cost: Cost,
    f: impl Fn(S::Item) -> U,
) {
    let len = out.len();
    let whole = if cost == Cost::Heavy {
        len - len % TAIL
    } else {
        len
    };
    for (i, o) in out[..whole].iter_mut().enumerate() {
        // SAFETY: `i < len`, the length of `source`.
        o.write(f(unsafe { source.at(i) }));
    }
    if whole < len {
        let source = source.tail(whole);
        let mut padded = [MaybeUninit::uninit(); TAIL];
        for (i, o) in padded.iter_mut().enumerate() {
            // SAFETY: `i < TAIL`.
            o.write(f(unsafe { source.at(i) }));
        }
        out[whole..].copy_from_slice(&padded[..len - whole]);
    }
}

/// `x[i] = f(x[i], source[i])`; the callers have checked that `source` is as long as `x`.
#[inline(always)]
fn update<T: Copy + Send, S: Source + Sync>(
    x: &mut [T],
    source: S,
    cost: Cost,
    f: impl Fn(T, S::Item) -> T + Copy + Sync,
) {
    let len = x.len();
    let shared = Disjoint::new(x);
    for_each_block(len, cost, |range| {
        // SAFETY: for_each_block gives disjoint ranges within `0..len`.
        let x = unsafe { shared.slice(range.clone()) };
        let source = source.part(range);
        dispatch(
            #[inline(always)]
            || update_block(x, source, cost, f),
        );
    });
}

#[inline(always)]
fn update_block<T: Copy, S: Source>(
    x: &mut [T],
    source: S,
    cost: Cost,
    f: impl Fn(T, S::Item) -> T,
) {
    let len = x.len();
    let whole = if cost == Cost::Heavy {
        len - len % TAIL
    } else {
        len
    };
    for (i, v) in x[..whole].iter_mut().enumerate() {
        // SAFETY: `i < len`, the length of `source`.
        *v = f(*v, unsafe { source.at(i) });
    }
    if whole < len {
        let source = source.tail(whole);
        let mut padded = (&*x).tail(whole);
        for (i, v) in padded.iter_mut().enumerate() {
            // SAFETY: `i < TAIL`.
            *v = f(*v, unsafe { source.at(i) });
        }
        x[whole..].copy_from_slice(&padded[..len - whole]);
    }
}

/// `out[i] = f(x[i])`.
pub(crate) fn map<T: Copy + Sync, U: Copy + Send>(
    x: &[T],
    out: &mut [MaybeUninit<U>],
    cost: Cost,
    f: impl Fn(T) -> U + Copy + Sync,
) {
    assert_eq!(x.len(), out.len());
    fill(x, out, cost, f);
}

/// `x[i] = f(x[i])`.
pub(crate) fn map_in_place<T: Copy + Send>(
    x: &mut [T],
    cost: Cost,
    f: impl Fn(T) -> T + Copy + Sync,
) {
    update(
        x,
        Repeat(()),
        cost,
        #[inline(always)]
        move |v, ()| f(v),
    );
}

/// `out[i] = f(x0[i], x1[i])`, where either may be one value for all.
pub(crate) fn zip<A: Copy + Send + Sync, B: Copy + Send + Sync, U: Copy + Send>(
    x0: Operand<'_, A>,
    x1: Operand<'_, B>,
    out: &mut [MaybeUninit<U>],
    cost: Cost,
    f: impl Fn(A, B) -> U + Copy + Sync,
) {
    match (x0, x1) {
        (Operand::Slice(x0), Operand::Slice(x1)) => {
            assert_eq!((x0.len(), x1.len()), (out.len(), out.len()));
            fill(
                (x0, x1),
                out,
                cost,
                #[inline(always)]
                move |(a, b)| f(a, b),
            );
        }
        (Operand::Slice(x0), Operand::Scalar(b)) => {
            assert_eq!(x0.len(), out.len());
            fill(
                (x0, Repeat(b)),
                out,
                cost,
                #[inline(always)]
                move |(a, b)| f(a, b),
            );
        }
        (Operand::Scalar(a), Operand::Slice(x1)) => {
            assert_eq!(x1.len(), out.len());
            fill(
                (Repeat(a), x1),
                out,
                cost,
                #[inline(always)]
                move |(a, b)| f(a, b),
            );
        }
        (Operand::Scalar(a), Operand::Scalar(b)) => out.fill(MaybeUninit::new(f(a, b))),
    }
}

/// `x0[i] = f(x0[i], x1[i])`, where `x1` may be one value for all.
pub(crate) fn zip_in_place<T: Copy + Send, B: Copy + Sync + Send>(
    x0: &mut [T],
    x1: Operand<'_, B>,
    cost: Cost,
    f: impl Fn(T, B) -> T + Copy + Sync,
) {
    match x1 {
        Operand::Slice(x1) => {
            assert_eq!(x1.len(), x0.len());
            update(x0, x1, cost, f);
        }
        Operand::Scalar(b) => update(x0, Repeat(b), cost, f),
    }
}
