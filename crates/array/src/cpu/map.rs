//! `y = f(x)`, element by element.

use crate::cpu::kernel::Kernel;
use crate::cpu::simd::Cost;
use crate::cpu::vector_math::Real;
use crate::{Array, Element};

/// `f` of each element; the result has the shape of `x`.
#[inline(always)]
pub(crate) fn map<T: Element, U: Element>(
    x: &Array,
    cost: Cost,
    f: impl Fn(T) -> U + Copy + Sync,
) -> Array {
    if x.ndim() == 0 {
        return Array::scalar(f(only(x)));
    }
    Kernel::<1>::new::<T, U, _>(&f, cost).apply("map", [x])
}

/// A trigonometric `f`, which holds for moderate angles, and `exact` for the others.
#[inline(always)]
pub(crate) fn map_angles<T: Element + Real>(
    x: &Array,
    f: impl Fn(T) -> T + Copy + Sync,
    exact: impl Fn(T) -> T + Copy + Sync,
) -> Array {
    let hard = |angle: T| angle.abs() >= T::TRIG_MAX;
    if x.ndim() == 0 {
        let angle = only(x);
        return Array::scalar(if hard(angle) { exact(angle) } else { f(angle) });
    }
    Kernel::with_exact::<T, _, _, _>(&(f, hard, exact), Cost::Heavy).apply("map", [x])
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
    (x.shape().iter().zip(x.strides()))
        .all(repeats)
        .then(|| only(x))
}
