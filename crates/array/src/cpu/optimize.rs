//! One step of an optimizer: parameter, gradient and state in one pass over memory.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use crate::cpu::kernel::address;
use crate::cpu::simd::{self, Cost};
use crate::{Array, DType, Element, match_dtype};

/// Elements that are computed at a time.
const TILE: usize = 512;

type Call<const S: usize> = unsafe fn(
    f: *const u8,
    n: usize,
    parameter: *const u8,
    gradient: *const u8,
    out: *mut u8,
    states: [*mut u8; S],
);

/// `(parameter, states) = f(parameter, gradient, states)`, element by element. What nobody else
/// shares is written in place, a shared parameter into fresh memory in the same pass. All arrays
/// have one shape and dtype.
#[inline(always)]
pub(crate) fn take<T: Element, F, const S: usize>(
    f: F,
    parameter: &mut Array,
    gradient: &Array,
    states: [&mut Array; S],
) where
    F: Fn(T, T, [T; S]) -> (T, [T; S]) + Copy + Sync,
{
    Step::new::<T, F>(&f).apply(parameter, gradient, states);
}

/// The loop of one update rule, for a dtype that is known at run time only.
struct Step<'f, const S: usize> {
    call: Call<S>,
    f: *const u8,
    dtype: DType,
    lifetime: PhantomData<&'f ()>,
}

// SAFETY: `f` points to a function that is `Sync`; `new` asks for it.
unsafe impl<const S: usize> Sync for Step<'_, S> {}

/// Pointers that threads share, each for a range of its own.
struct Pointers<const S: usize> {
    parameter: *const u8,
    gradient: *const u8,
    out: *mut u8,
    states: [*mut u8; S],
}

// SAFETY: see above.
unsafe impl<const S: usize> Sync for Pointers<S> {}

impl<'f, const S: usize> Step<'f, S> {
    #[inline(always)]
    fn new<T: Element, F>(f: &'f F) -> Self
    where
        F: Fn(T, T, [T; S]) -> (T, [T; S]) + Copy + Sync,
    {
        unsafe fn call<T: Element, F: Fn(T, T, [T; S]) -> (T, [T; S]) + Copy, const S: usize>(
            f: *const u8,
            n: usize,
            parameter: *const u8,
            gradient: *const u8,
            out: *mut u8,
            states: [*mut u8; S],
        ) {
            // SAFETY: `apply` passes pointers to `n` elements of `T`; `f` was an `F`.
            unsafe {
                let f = *f.cast::<F>();
                let (parameter, gradient) = (parameter.cast::<T>(), gradient.cast::<T>());
                let (out, states) = (out.cast::<T>(), states.map(|state| state.cast::<T>()));
                simd::dispatch(
                    #[inline(always)]
                    move || {
                        for i in 0..n {
                            let mut state = [T::default(); S];
                            for k in 0..S {
                                state[k] = *states[k].add(i);
                            }
                            let (p, state) = f(*parameter.add(i), *gradient.add(i), state);
                            *out.add(i) = p;
                            for k in 0..S {
                                *states[k].add(i) = state[k];
                            }
                        }
                    },
                )
            }
        }
        let f = (&raw const *f).cast();
        Step {
            call: call::<T, F, S>,
            f,
            dtype: T::DTYPE,
            lifetime: PhantomData,
        }
    }

    fn apply(&self, parameter: &mut Array, gradient: &Array, states: [&mut Array; S]) {
        match_dtype!(self.dtype, T => {
            let gradient = gradient.to_contiguous();
            let states = states.map(|state| state.as_mut_slice::<T>().as_mut_ptr().cast::<u8>());
            let size = gradient.size();
            if parameter.is_unique() && parameter.is_contiguous() {
                let out = parameter.as_mut_slice::<T>().as_mut_ptr().cast::<u8>();
                let gradient = address(&gradient);
                let pointers = Pointers { parameter: out, gradient, out, states };
                // SAFETY: each points to `size` elements.
                unsafe { self.run(size, &pointers) };
            } else {
                let old = parameter.to_contiguous();
                *parameter = Array::build(old.shape(), |out: &mut [MaybeUninit<T>]| {
                    let out = out.as_mut_ptr().cast();
                    let (parameter, gradient) = (address(&old), address(&gradient));
                    let pointers = Pointers { parameter, gradient, out, states };
                    // SAFETY: as above.
                    unsafe { self.run(size, &pointers) };
                });
            }
        })
    }

    /// # Safety
    /// The pointers are to `size` elements each.
    unsafe fn run(&self, size: usize, pointers: &Pointers<S>) {
        let item = self.dtype.size();
        simd::for_each_block(size, Cost::Cheap, |range| {
            let mut start = range.start;
            // Written beside first: a loop whose output is its input would not be SIMD.
            let mut beside = [MaybeUninit::<u64>::uninit(); TILE];
            let beside = beside.as_mut_ptr().cast::<u8>();
            while start < range.end {
                let n = TILE.min(range.end - start);
                let at = start * item;
                // SAFETY: promised by the caller; the ranges are disjoint.
                unsafe {
                    let states = pointers.states.map(|state| state.add(at));
                    let (parameter, gradient) =
                        (pointers.parameter.add(at), pointers.gradient.add(at));
                    (self.call)(self.f, n, parameter, gradient, beside, states);
                    std::ptr::copy_nonoverlapping(beside, pointers.out.add(at), n * item);
                }
                start += n;
            }
        });
    }
}
