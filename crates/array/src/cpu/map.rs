//! `y = f(x)`, element by element.

use crate::cpu::simd::{self, Cost};
use crate::layout::{Layout, Shape, Strides};
use crate::{Array, Element};

/// `f` of each element; the result has the shape of `x`, and its order in memory where that is
/// dense. Repeated elements of a broadcast `x` are computed once.
#[inline(always)]
pub(crate) fn map<T: Element, U: Element>(
    x: &Array,
    cost: Cost,
    f: impl Fn(T) -> U + Copy + Sync,
) -> Array {
    if x.ndim() == 0 {
        return Array::scalar(f(only(x)));
    }
    match x.as_slice::<T>() {
        Some(elements) => Array::build(x.shape(), |out| simd::map(elements, out, cost, f)),
        None => map_strided(x, cost, f),
    }
}

#[inline(never)]
fn map_strided<T: Element, U: Element>(
    x: &Array,
    cost: Cost,
    f: impl Fn(T) -> U + Copy + Sync,
) -> Array {
    if let Some(value) = uniform::<T>(x) {
        return Array::full(x.shape(), f(value));
    }
    let core = without_repeats(x);
    let core = if is_dense(core.shape(), core.strides()) {
        core
    } else {
        core.copy()
    };
    // SAFETY: dense, so the elements of `core` are the `size` elements from its start on.
    let elements = unsafe { std::slice::from_raw_parts(core.pointer::<T>(), core.size()) };
    Array::build(core.shape(), |out| simd::map(elements, out, cost, f))
        .with_layout(Layout::new(core.shape(), core.strides()), 0)
        .broadcast_to(x.shape())
}

/// As [`map`], with `exact(x)` where `hard(x)` holds: see [`simd::map_or_exact`].
#[inline(always)]
pub(crate) fn map_or_exact<T: Element, U: Element>(
    x: &Array,
    f: impl Fn(T) -> U + Copy + Sync,
    hard: impl Fn(T) -> bool + Copy + Sync,
    exact: impl Fn(T) -> U + Copy + Sync,
) -> Array {
    if let Some(value) = uniform::<T>(x) {
        let y = if hard(value) { exact(value) } else { f(value) };
        return Array::full(x.shape(), y);
    }
    let core = x.to_contiguous();
    let elements = core.as_slice::<T>().expect("contiguous");
    Array::build(x.shape(), |out| {
        simd::map_or_exact(elements, out, f, hard, exact);
    })
}

/// The first element, of an array that has one.
#[inline(always)]
pub(crate) fn only<T: Element>(x: &Array) -> T {
    debug_assert!(x.size() > 0);
    // SAFETY: the array is not empty, so there is an element at its start.
    unsafe { *x.pointer::<T>() }
}

/// The value that all elements share by construction: of one element, or of a broadcast one.
#[inline]
pub(crate) fn uniform<T: Element>(x: &Array) -> Option<T> {
    let repeats = |(&n, &s): (&usize, &isize)| n == 1 || (s == 0 && n > 0);
    x.shape()
        .iter()
        .zip(x.strides())
        .all(repeats)
        .then(|| only(x))
}

/// The array with size 1 along the axes that only repeat elements.
fn without_repeats(x: &Array) -> Array {
    let shape: Shape = (x.shape().iter().zip(x.strides()))
        .map(|(&n, &s)| if s == 0 && n > 1 { 1 } else { n })
        .collect();
    x.with_layout(Layout::new(&shape, x.strides()), 0)
}

/// Whether the elements fill one stretch of memory from the start of the array on, in whatever
/// order of the axes.
pub(crate) fn is_dense(shape: &[usize], strides: &[isize]) -> bool {
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
#[inline]
pub(crate) fn broadcast_strides(shape: &[usize], strides: &[isize], to: &[usize]) -> Strides {
    let mut result = Strides::from_elem(0, to.len());
    let added = to.len() - shape.len();
    for (axis, (&n, &s)) in shape.iter().zip(strides).enumerate() {
        result[added + axis] = if n == 1 { 0 } else { s };
    }
    result
}
