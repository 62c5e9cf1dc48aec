//! `y = f(x0, x1)`, element by element, with broadcasting.

use std::mem::MaybeUninit;

use crate::cpu::map::{broadcast_strides, is_dense, only, uniform};
use crate::cpu::nest::Nest;
use crate::cpu::simd::{self, Cost, Operand};
use crate::layout::{Layout, Shape};
use crate::{Array, Element, broadcast_shape, size_of_shape};

/// From this size on, an operand with awkward strides is copied first: the copy goes tile by tile
/// where the loop here would miss the cache at each element.
const COPY_FROM: usize = 1 << 14;

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
    if x1.ndim() == 0
        && let Some(elements) = x0.as_slice::<A>()
    {
        let pair = (Operand::Slice(elements), Operand::Scalar(only(x1)));
        return Array::build(x0.shape(), |out| simd::zip(pair.0, pair.1, out, cost, f));
    }
    if x0.ndim() == 0
        && let Some(elements) = x1.as_slice::<B>()
    {
        let pair = (Operand::Scalar(only(x0)), Operand::Slice(elements));
        return Array::build(x1.shape(), |out| simd::zip(pair.0, pair.1, out, cost, f));
    }
    if x0.shape() == x1.shape()
        && let (Some(a), Some(b)) = (x0.as_slice::<A>(), x1.as_slice::<B>())
    {
        let pair = (Operand::Slice(a), Operand::Slice(b));
        return Array::build(x0.shape(), |out| simd::zip(pair.0, pair.1, out, cost, f));
    }
    let Some(shape) = broadcast_shape(x0.shape(), x1.shape()) else {
        does_not_broadcast(operation, x0.shape(), x1.shape())
    };
    zip_broadcast(&shape, x0, x1, cost, f)
}

#[cold]
#[track_caller]
pub(crate) fn does_not_broadcast(operation: &str, shape0: &[usize], shape1: &[usize]) -> ! {
    panic!("{operation}: shapes {shape0:?} and {shape1:?} do not broadcast")
}

#[inline(never)]
fn zip_broadcast<A: Element, B: Element, U: Element>(
    shape: &[usize],
    x0: &Array,
    x1: &Array,
    cost: Cost,
    f: impl Fn(A, B) -> U + Copy + Sync,
) -> Array {
    if size_of_shape(shape) == 0 {
        return Array::build::<U>(shape, |_| ());
    }
    let value0 = uniform::<A>(x0);
    let value1 = uniform::<B>(x1);
    if let (Some(a), Some(b)) = (value0, value1) {
        return Array::full(shape, f(a, b));
    }
    let strides0 = broadcast_strides(x0.shape(), x0.strides(), shape);
    let strides1 = broadcast_strides(x1.shape(), x1.strides(), shape);
    // Axes along which both operands repeat are computed once.
    let core: Shape = (shape.iter().zip(strides0.iter().zip(&strides1)))
        .map(|(&n, steps)| if steps == (&0, &0) { 1 } else { n })
        .collect();
    let whole = |result: Array| {
        if core[..] == *shape {
            result
        } else {
            result.broadcast_to(shape)
        }
    };
    let size = size_of_shape(&core);
    // Both in one order, dense: the order of the axes does not matter.
    if (strides0 == strides1 || value0.is_some() || value1.is_some())
        && let strides = if value0.is_some() {
            &strides1
        } else {
            &strides0
        }
        && is_dense(&core, strides)
    {
        let operand0 = match value0 {
            Some(value) => Operand::Scalar(value),
            // SAFETY: dense, so the elements are the `size` ones from the start on.
            None => Operand::Slice(unsafe { std::slice::from_raw_parts(x0.pointer(), size) }),
        };
        let operand1 = match value1 {
            Some(value) => Operand::Scalar(value),
            // SAFETY: as above.
            None => Operand::Slice(unsafe { std::slice::from_raw_parts(x1.pointer(), size) }),
        };
        let result = Array::build(&core, |out| simd::zip(operand0, operand1, out, cost, f));
        return whole(result.with_layout(Layout::new(&core, strides), 0));
    }
    let nest = Nest::new(&core, [&strides0, &strides1]);
    if size >= COPY_FROM {
        let awkward = nest.steps().map(|step| step != 0 && step != 1);
        let copied = |x: &Array, strides: &[isize]| {
            let own: Shape = (core.iter().zip(strides))
                .map(|(&n, &s)| if s == 0 { 1 } else { n })
                .collect();
            x.with_layout(Layout::new(&own, strides), 0).copy()
        };
        if awkward[0] {
            return whole(zip_broadcast(&core, &copied(x0, &strides0), x1, cost, f));
        }
        if awkward[1] {
            return whole(zip_broadcast(&core, x0, &copied(x1, &strides1), cost, f));
        }
    }
    let (pointer0, pointer1) = (Shared(x0.pointer::<A>()), Shared(x1.pointer::<B>()));
    whole(Array::build(&core, |out| {
        // SAFETY: the nest's offsets stay within the operands, which are read only.
        unsafe { zip_nest(&nest, pointer0, pointer1, out, cost, f) }
    }))
}

#[derive(Clone, Copy)]
pub(crate) struct Shared<T>(pub(crate) *const T);
// SAFETY: only read, while the array it came from is borrowed.
unsafe impl<T: Sync> Send for Shared<T> {}
unsafe impl<T: Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    #[inline(always)]
    pub(crate) fn get(self) -> *const T {
        self.0
    }
}

#[derive(Clone, Copy)]
pub(crate) struct SharedMut<T>(pub(crate) *mut T);
// SAFETY: users hand disjoint ranges to threads.
unsafe impl<T: Send> Send for SharedMut<T> {}
unsafe impl<T: Send> Sync for SharedMut<T> {}

impl<T> SharedMut<T> {
    #[inline(always)]
    pub(crate) fn get(self) -> *mut T {
        self.0
    }
}

/// # Safety
/// The operands have an element at every offset of `nest`, and `out` is as long as the nest.
#[inline(always)]
unsafe fn zip_nest<A: Element, B: Element, U: Element>(
    nest: &Nest<2>,
    x0: Shared<A>,
    x1: Shared<B>,
    out: &mut [MaybeUninit<U>],
    cost: Cost,
    f: impl Fn(A, B) -> U + Copy + Sync,
) {
    let size = out.len();
    let out = SharedMut(out.as_mut_ptr().cast::<U>());
    simd::for_each_block(size, cost, |range| {
        simd::dispatch(
            #[inline(always)]
            || {
                let steps = nest.steps();
                nest.for_rows(range, |position, n, [offset0, offset1]| {
                    // SAFETY: promised by the caller; the ranges of the blocks are disjoint.
                    unsafe {
                        let (x0, x1) = (x0.get().offset(offset0), x1.get().offset(offset1));
                        let out = out.get().add(position);
                        match steps {
                            [1, 1] => {
                                for i in 0..n {
                                    *out.add(i) = f(*x0.add(i), *x1.add(i));
                                }
                            }
                            [1, 0] => {
                                let b = *x1;
                                for i in 0..n {
                                    *out.add(i) = f(*x0.add(i), b);
                                }
                            }
                            [0, 1] => {
                                let a = *x0;
                                for i in 0..n {
                                    *out.add(i) = f(a, *x1.add(i));
                                }
                            }
                            [s0, s1] => {
                                for i in 0..n {
                                    let at = i as isize;
                                    *out.add(i) = f(*x0.offset(at * s0), *x1.offset(at * s1));
                                }
                            }
                        }
                    }
                });
            },
        )
    });
}

/// Whether `x` can take the result of an operation with an operand of `shape` in its own memory.
pub(crate) fn writes_in_place(x: &Array, shape: &[usize]) -> bool {
    x.is_unique()
        && x.is_contiguous()
        && shape.len() <= x.ndim()
        && (shape.iter().rev().zip(x.shape().iter().rev())).all(|(&n, &m)| n == m || n == 1)
}

/// `x0 = f(x0, x1)` in the memory of `x0`, for which [`writes_in_place`] holds.
#[inline]
pub(crate) fn zip_in_place<A: Element, B: Element>(
    x0: &mut Array,
    x1: &Array,
    cost: Cost,
    f: impl Fn(A, B) -> A + Copy + Sync,
) {
    if x0.size() == 0 {
        return;
    }
    if let Some(value) = uniform(x1) {
        return simd::zip_in_place(x0.as_mut_slice(), Operand::Scalar(value), cost, f);
    }
    if x0.shape() == x1.shape()
        && let Some(b) = x1.as_slice::<B>()
    {
        return simd::zip_in_place(x0.as_mut_slice(), Operand::Slice(b), cost, f);
    }
    let strides1 = broadcast_strides(x1.shape(), x1.strides(), x0.shape());
    let strides0 = crate::layout::contiguous_strides(x0.shape());
    let nest = Nest::new(x0.shape(), [&strides0, &strides1]);
    let [_, step1] = nest.steps();
    if x0.size() >= COPY_FROM && step1 != 0 && step1 != 1 {
        return zip_in_place(x0, &x1.copy(), cost, f);
    }
    let x1 = Shared(x1.pointer::<B>());
    let elements: &mut [A] = x0.as_mut_slice();
    let size = elements.len();
    let x0 = SharedMut(elements.as_mut_ptr());
    simd::for_each_block(size, cost, |range| {
        simd::dispatch(
            #[inline(always)]
            || {
                nest.for_rows(range, |position, n, [_, offset1]| {
                    // SAFETY: `position` runs over `x0`, the offsets over `x1`; blocks are disjoint.
                    unsafe {
                        let x0 = x0.get().add(position);
                        let x1 = x1.get().offset(offset1);
                        match step1 {
                            1 => {
                                for i in 0..n {
                                    *x0.add(i) = f(*x0.add(i), *x1.add(i));
                                }
                            }
                            step => {
                                for i in 0..n {
                                    *x0.add(i) = f(*x0.add(i), *x1.offset(i as isize * step));
                                }
                            }
                        }
                    }
                });
            },
        )
    });
}
