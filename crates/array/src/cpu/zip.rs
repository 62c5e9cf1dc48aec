//! `y = f(x0, x1)` and `y = f(x0, x1, x2)`, element by element, with broadcasting.

use crate::cpu::kernel::Kernel;
use crate::cpu::map::only;
use crate::cpu::simd::Cost;
use crate::{Array, Element};

/// `f` of each pair of elements. `operation` names it in the panic for shapes that do not broadcast.
#[inline(always)]
#[track_caller]
pub(crate) fn zip<A: Element, B: Element, U: Element>(
    operation: &str,
    x0: &Array,
    x1: &Array,
    cost: Cost,
    f: impl Fn(A, B) -> U + Copy + Sync,
) -> Array {
    if x0.ndim() == 0 && x1.ndim() == 0 {
        return Array::scalar(f(only(x0), only(x1)));
    }
    Kernel::<2>::new::<A, B, U, _>(&f, cost).apply(operation, [x0, x1])
}

/// `f` of each triple of elements.
#[inline(always)]
#[track_caller]
pub(crate) fn zip3<A: Element, B: Element, C: Element, U: Element>(
    operation: &str,
    xs: [&Array; 3],
    cost: Cost,
    f: impl Fn(A, B, C) -> U + Copy + Sync,
) -> Array {
    Kernel::<3>::new::<A, B, C, U, _>(&f, cost).apply(operation, xs)
}

/// `x0 = f(x0, x1)` in the memory of `x0`, for which [`writes_in_place`] holds.
#[inline(always)]
pub(crate) fn zip_in_place<A: Element, B: Element>(
    x0: &mut Array,
    x1: &Array,
    cost: Cost,
    f: impl Fn(A, B) -> A + Copy + Sync,
) {
    Kernel::<2>::new::<A, B, A, _>(&f, cost).update(x0, &[x1]);
}

/// Whether `x` can take the result of an operation with an operand of `shape` in its own memory.
pub(crate) fn writes_in_place(x: &Array, shape: &[usize]) -> bool {
    x.is_unique()
        && x.is_contiguous()
        && shape.len() <= x.ndim()
        && (shape.iter().rev().zip(x.shape().iter().rev())).all(|(&n, &m)| n == m || n == 1)
}
