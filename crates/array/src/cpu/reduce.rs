//! Reductions over any axes of a strided array.
//!
//! A [`Fold`] says how elements become one value; its few loops are compiled for each of them, and
//! the machinery that brings them to any shape is compiled once. The work is cut by the shape
//! alone, never by the number of threads, so the bits of a result do not depend on the machine.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::threads;
use smallvec::SmallVec;

use crate::cpu::kernel::address;
use crate::cpu::nest::Nest;
use crate::cpu::simd;
use crate::layout::contiguous_strides;
use crate::{Array, DType, Element, Shape, Strides, match_dtype};

/// Folds elements into one value.
pub(crate) trait Fold {
    type Input: Element;
    /// At most eight bytes.
    type State: Copy;
    type Output: Element;
    /// Whether `run` itself hands long runs to threads.
    const RUNS_ON_THREADS: bool = false;
    fn start() -> Self::State;
    fn step(state: Self::State, x: Self::Input) -> Self::State;
    fn merge(a: Self::State, b: Self::State) -> Self::State;
    fn finish(state: Self::State) -> Self::Output;

    /// Folds elements that lie one after the other.
    fn run(x: &[Self::Input]) -> Self::State {
        lanes::<Self>(x)
    }
}

/// Elements from which threads share the work.
const PARALLEL_FROM: usize = 1 << 17;
/// Elements in one piece of work.
const PIECE: usize = 1 << 16;
/// Independent states of a contiguous run.
const LANES: usize = 32;
/// Columns whose states are kept at hand while the rows pass by.
const STRIP: usize = 256;
/// Shorter rows are taken several at once, as one row, ...
const NARROW: usize = 32;
/// ... if there are many: fewer are added one after the other, which gives NumPy's digits.
const NARROW_FROM: usize = 1 << 10;

/// [`Fold::run`] with independent states for neighbouring elements, so that it is not bound by the
/// latency of one.
#[inline(always)]
pub(crate) fn lanes<F: Fold + ?Sized>(x: &[F::Input]) -> F::State {
    if x.len() < LANES {
        let mut state = F::start();
        for &v in x {
            state = F::step(state, v);
        }
        return state;
    }
    simd::dispatch(
        #[inline(always)]
        move || {
            let mut states = [F::start(); LANES];
            let mut chunks = x.chunks_exact(LANES);
            for chunk in &mut chunks {
                for (state, &v) in states.iter_mut().zip(chunk) {
                    *state = F::step(*state, v);
                }
            }
            for (state, &v) in states.iter_mut().zip(chunks.remainder()) {
                *state = F::step(*state, v);
            }
            let mut state = F::start();
            for s in states {
                state = F::merge(state, s);
            }
            state
        },
    )
}

/// A state of any [`Fold`].
#[derive(Clone, Copy)]
struct State(u64);

impl State {
    fn of<S: Copy>(state: S) -> State {
        const { assert!(size_of::<S>() <= size_of::<u64>()) };
        let mut bits = 0u64;
        // SAFETY: `bits` has room for an `S`, and is aligned for it.
        unsafe { (&raw mut bits).cast::<S>().write(state) };
        State(bits)
    }

    /// # Safety
    /// Made from an `S`.
    unsafe fn to<S: Copy>(self) -> S {
        // SAFETY: promised by the caller.
        unsafe { (&raw const self.0).cast::<S>().read() }
    }
}

/// States of neighbouring results, one after the other; of type `Fold::State`.
type States = [MaybeUninit<u64>; STRIP];

/// The loops of one [`Fold`], for dtypes that are known at run time only.
struct Loops {
    input: DType,
    output: DType,
    runs_on_threads: bool,
    run: unsafe fn(x: *const u8, n: usize) -> State,
    run_strided: unsafe fn(x: *const u8, step: isize, n: usize) -> State,
    merge: unsafe fn(State, State) -> State,
    finish: unsafe fn(State, out: *mut u8),
    start_strip: unsafe fn(states: *mut u8, width: usize),
    /// The states take `rows` rows, whose elements lie `step` apart.
    fold_strip: unsafe fn(
        states: *mut u8,
        width: usize,
        x: *const u8,
        step: isize,
        row_step: isize,
        rows: usize,
    ),
    merge_strip: unsafe fn(states: *mut u8, others: *const u8, width: usize),
    finish_strip: unsafe fn(states: *const u8, width: usize, out: *mut u8, step: isize),
}

impl Loops {
    fn of<F: Fold>() -> Loops {
        Loops {
            input: F::Input::DTYPE,
            output: F::Output::DTYPE,
            runs_on_threads: F::RUNS_ON_THREADS,
            run: run::<F>,
            run_strided: run_strided::<F>,
            merge: merge::<F>,
            finish: finish::<F>,
            start_strip: start_strip::<F>,
            fold_strip: fold_strip::<F>,
            merge_strip: merge_strip::<F>,
            finish_strip: finish_strip::<F>,
        }
    }
}

// These eight are the `Loops` of a fold: `Work` calls them with states that they made, elements of `F::Input` and room for
// `F::Output`.

unsafe fn run<F: Fold>(x: *const u8, n: usize) -> State {
    // SAFETY: as said above.
    State::of(F::run(unsafe { std::slice::from_raw_parts(x.cast(), n) }))
}

unsafe fn run_strided<F: Fold>(x: *const u8, step: isize, n: usize) -> State {
    let x = x.cast::<F::Input>();
    let mut state = F::start();
    for i in 0..n as isize {
        // SAFETY: as said above.
        state = F::step(state, unsafe { *x.offset(i * step) });
    }
    State::of(state)
}

unsafe fn merge<F: Fold>(a: State, b: State) -> State {
    // SAFETY: as said above.
    State::of(unsafe { F::merge(a.to(), b.to()) })
}

unsafe fn finish<F: Fold>(state: State, out: *mut u8) {
    // SAFETY: as said above.
    unsafe { out.cast::<F::Output>().write(F::finish(state.to())) }
}

unsafe fn start_strip<F: Fold>(states: *mut u8, width: usize) {
    let states = states.cast::<F::State>();
    for j in 0..width {
        // SAFETY: as said above.
        unsafe { states.add(j).write(F::start()) };
    }
}

unsafe fn fold_strip<F: Fold>(
    states: *mut u8,
    width: usize,
    x: *const u8,
    step: isize,
    row_step: isize,
    rows: usize,
) {
    let x = x.cast::<F::Input>();
    // SAFETY: as said above.
    let states = unsafe { std::slice::from_raw_parts_mut(states.cast::<F::State>(), width) };
    if step != 1 {
        for i in 0..rows as isize {
            for (j, state) in states.iter_mut().enumerate() {
                // SAFETY: as said above.
                let x = unsafe { *x.offset(i * row_step + j as isize * step) };
                *state = F::step(*state, x);
            }
        }
        return;
    }
    simd::dispatch(
        #[inline(always)]
        move || {
            if width < NARROW && row_step == width as isize && rows >= NARROW_FROM {
                // SAFETY: as said above; the rows lie one after the other.
                let x = unsafe { std::slice::from_raw_parts(x, rows * width) };
                return narrow::<F>(x, states);
            }
            for i in 0..rows as isize {
                // SAFETY: as said above.
                let row = unsafe { std::slice::from_raw_parts(x.offset(i * row_step), width) };
                for (state, &v) in states.iter_mut().zip(row) {
                    *state = F::step(*state, v);
                }
            }
        },
    );
}

/// `states[j]` takes column `j` of the matrix `x`, which has few columns: whole groups of rows
/// are taken as one row.
#[inline(always)]
fn narrow<F: Fold>(x: &[F::Input], states: &mut [F::State]) {
    const WIDE: usize = 2 * NARROW;
    let width = states.len();
    let group = WIDE / width * width;
    let mut wide = [F::start(); WIDE];
    let mut groups = x.chunks_exact(group);
    for chunk in &mut groups {
        for (state, &v) in wide[..group].iter_mut().zip(chunk) {
            *state = F::step(*state, v);
        }
    }
    for (state, &v) in wide.iter_mut().zip(groups.remainder()) {
        *state = F::step(*state, v);
    }
    for (i, &other) in wide[..group].iter().enumerate() {
        let state = &mut states[i % width];
        *state = F::merge(*state, other);
    }
}

unsafe fn merge_strip<F: Fold>(states: *mut u8, others: *const u8, width: usize) {
    let (states, others) = (states.cast::<F::State>(), others.cast::<F::State>());
    for j in 0..width {
        // SAFETY: as said above.
        unsafe { *states.add(j) = F::merge(*states.add(j), *others.add(j)) };
    }
}

unsafe fn finish_strip<F: Fold>(states: *const u8, width: usize, out: *mut u8, step: isize) {
    let (states, out) = (states.cast::<F::State>(), out.cast::<F::Output>());
    for j in 0..width {
        // SAFETY: as said above.
        unsafe {
            out.offset(j as isize * step)
                .write(F::finish(*states.add(j)))
        };
    }
}

/// Folds `x` over `axes` (ascending), which get size 1.
pub(crate) fn reduce<F: Fold>(x: &Array, axes: &[usize]) -> Array {
    assert_eq!(x.dtype(), F::Input::DTYPE);
    if axes.len() == x.ndim()
        && let Some(elements) = x.as_slice::<F::Input>()
        && (elements.len() < PARALLEL_FROM || F::RUNS_ON_THREADS)
    {
        let value = F::finish(F::run(elements));
        return Array::full(Shape::from_elem(1, x.ndim()), value);
    }
    reduce_strided(&Loops::of::<F>(), x, axes)
}

/// Axes as (size, stride in x, stride in the result).
type AxisList = SmallVec<[(usize, isize, isize); 4]>;

/// Merges neighbouring axes that lie evenly.
fn collapse(axes: AxisList) -> AxisList {
    let mut collapsed = AxisList::new();
    for (n, s, t) in axes {
        if let Some((outer, outer_s, outer_t)) = collapsed.last_mut()
            && *outer_s == s * n as isize
            && *outer_t == t * n as isize
        {
            *outer *= n;
            (*outer_s, *outer_t) = (s, t);
        } else {
            collapsed.push((n, s, t));
        }
    }
    collapsed
}

#[inline(never)]
fn reduce_strided(loops: &Loops, x: &Array, axes: &[usize]) -> Array {
    let mut shape = Shape::from_slice(x.shape());
    for &axis in axes {
        shape[axis] = 1;
    }
    // Axes that repeat elements of a broadcast array and stay are computed once.
    let mut core = shape.clone();
    let mut kept = AxisList::new();
    let mut reduced = AxisList::new();
    for (axis, (&n, &s)) in x.shape().iter().zip(x.strides()).enumerate() {
        if n == 1 {
            continue;
        }
        if axes.contains(&axis) {
            reduced.push((n, s, 0));
        } else if s == 0 && n > 1 {
            core[axis] = 1;
        } else {
            kept.push((n, s, axis as isize));
        }
    }
    let out_strides = contiguous_strides(&core);
    for (_, _, t) in &mut kept {
        *t = out_strides[*t as usize];
    }
    // The order in memory, outermost first.
    kept.sort_by_key(|&(_, s, _)| std::cmp::Reverse(s.abs()));
    reduced.sort_by_key(|&(_, s, _)| std::cmp::Reverse(s.abs()));
    let kept = collapse(kept);
    let reduced = collapse(reduced);
    let rows_inside = match (kept.last(), reduced.last()) {
        (Some(k), Some(r)) => r.1.abs() <= k.1.abs(),
        (None, _) => true,
        (_, None) => false,
    };
    let nest = {
        let sizes: Shape = reduced.iter().map(|axis| axis.0).collect();
        let strides: Strides = reduced.iter().map(|axis| axis.1).collect();
        Nest::new(&sizes, [&strides])
    };
    let count = reduced.iter().map(|axis| axis.0).product();
    let result = match_dtype!(loops.output, U => {
        Array::build(&core, |out: &mut [MaybeUninit<U>]| {
            if out.is_empty() {
                return;
            }
            let work = Work { loops, x: address(x), out: out.as_mut_ptr().cast(), count, nest };
            if rows_inside || count == 0 {
                work.rows(&kept);
            } else {
                work.columns(&kept);
            }
        })
    });
    if core[..] == *shape {
        result
    } else {
        result.broadcast_to(&shape[..])
    }
}

struct Work<'a> {
    loops: &'a Loops,
    x: *const u8,
    out: *mut u8,
    /// Elements that go into one result.
    count: usize,
    /// The reduced axes.
    nest: Nest<1>,
}

// SAFETY: `x` is only read, and each place of `out` is written once, by one thread.
unsafe impl Sync for Work<'_> {}

/// The nest of kept axes: strides in `x` and in the result.
fn kept_nest(kept: &[(usize, isize, isize)]) -> Nest<2> {
    let sizes: Shape = kept.iter().map(|axis| axis.0).collect();
    let strides: Strides = kept.iter().map(|axis| axis.1).collect();
    let out_strides: Strides = kept.iter().map(|axis| axis.2).collect();
    Nest::new(&sizes, [&strides, &out_strides])
}

impl Work<'_> {
    /// Where an element lies.
    fn element(&self, offset: isize) -> *const u8 {
        // SAFETY: the offsets of kept and reduced axes together lie within `x`.
        unsafe { self.x.offset(offset * self.loops.input.size() as isize) }
    }

    /// Where a result lies.
    fn result(&self, offset: isize) -> *mut u8 {
        // SAFETY: the offsets of the kept axes lie within the result.
        unsafe { self.out.offset(offset * self.loops.output.size() as isize) }
    }

    fn merge(&self, a: State, b: State) -> State {
        // SAFETY: states of these loops.
        unsafe { (self.loops.merge)(a, b) }
    }

    /// Merges as a balanced tree.
    fn merge_all(&self, states: &[State]) -> State {
        match states {
            [state] => *state,
            _ => {
                let (left, right) = states.split_at(states.len() / 2);
                self.merge(self.merge_all(left), self.merge_all(right))
            }
        }
    }

    /// The elements of one result lie closer than the results: fold them one result at a time.
    fn rows(&self, kept: &[(usize, isize, isize)]) {
        let results: usize = kept.iter().map(|axis| axis.0).product();
        let kept = kept_nest(kept);
        let [x_step, out_step] = kept.steps();
        let some = |range: Range<usize>| {
            kept.for_rows(range, |_, n, [x_start, out_start]| {
                for i in 0..n as isize {
                    let state = self.one(x_start + i * x_step, 0..self.count);
                    // SAFETY: a state of these loops, and the place of its result.
                    unsafe { (self.loops.finish)(state, self.result(out_start + i * out_step)) }
                }
            });
        };
        let size = results * self.count;
        let whole = results == 1 && self.loops.runs_on_threads && self.nest.axes().len() == 1;
        if size < PARALLEL_FROM || whole {
            some(0..results);
        } else if results >= 8 {
            let piece = (PIECE / self.count).max(1);
            threads::for_each(results.div_ceil(piece), &|i| {
                some(i * piece..results.min((i + 1) * piece));
            });
        } else {
            // Few long results: split each.
            kept.for_rows(0..results, |_, n, [x_start, out_start]| {
                for i in 0..n as isize {
                    let states: Vec<State> = threads::map(self.count.div_ceil(PIECE), |piece| {
                        let end = self.count.min((piece + 1) * PIECE);
                        self.one(x_start + i * x_step, piece * PIECE..end)
                    });
                    let state = self.merge_all(&states);
                    // SAFETY: as above.
                    unsafe { (self.loops.finish)(state, self.result(out_start + i * out_step)) }
                }
            });
        }
    }

    /// Folds the elements `range` of the result that starts at `start`.
    fn one(&self, start: isize, range: Range<usize>) -> State {
        let [step] = self.nest.steps();
        if let [(_, [1])] = self.nest.axes() {
            let row = self.element(start + range.start as isize);
            // SAFETY: the row lies within `x`.
            return unsafe { (self.loops.run)(row, range.len()) };
        }
        let mut state = None;
        self.nest.for_rows(range, |_, n, [offset]| {
            let row = self.element(start + offset);
            // SAFETY: the row lies within `x`.
            let part = unsafe {
                if step == 1 || n == 1 {
                    (self.loops.run)(row, n)
                } else {
                    (self.loops.run_strided)(row, step, n)
                }
            };
            state = Some(match state {
                Some(state) => self.merge(state, part),
                None => part,
            });
        });
        // SAFETY: no elements are read.
        state.unwrap_or_else(|| unsafe { (self.loops.run)(self.x, 0) })
    }

    /// The results lie closer than the elements of one: a strip of results takes element after
    /// element.
    fn columns(&self, kept: &[(usize, isize, isize)]) {
        let (&(columns, step, out_step), outer) = kept.split_last().expect("a kept axis");
        let outer_count: usize = outer.iter().map(|axis| axis.0).product();
        let outer = kept_nest(outer);
        let strips = columns.div_ceil(STRIP);
        let widest = columns.min(STRIP);
        let units = strips * outer_count;
        let size = columns * outer_count * self.count;
        // Few strips of many elements are cut into pieces, for the threads.
        let pieces = if size < PARALLEL_FROM || units >= 8 {
            1
        } else {
            self.count.div_ceil((PIECE / widest).max(1))
        };
        let piece = self.count.div_ceil(pieces);
        let [row_step] = self.nest.steps();
        let strip = |unit: usize, states: &mut States, part: usize| {
            let width = STRIP.min(columns - (unit % strips) * STRIP);
            let first = ((unit % strips) * STRIP) as isize;
            let mut starts = [0; 2];
            let index = unit / strips;
            outer.for_rows(index..index + 1, |_, _, offsets| starts = offsets);
            let states = states.as_mut_ptr().cast::<u8>();
            // SAFETY: `states` has room for `width` states, the rows lie within `x`.
            unsafe {
                (self.loops.start_strip)(states, width);
                let range = part * piece..self.count.min((part + 1) * piece);
                self.nest.for_rows(range, |_, n, [offset]| {
                    let x = self.element(starts[0] + first * step + offset);
                    (self.loops.fold_strip)(states, width, x, step, row_step, n);
                });
            }
            (width, self.result(starts[1] + first * out_step))
        };
        if pieces == 1 {
            let one = |unit: usize| {
                let mut states: States = [const { MaybeUninit::uninit() }; STRIP];
                let (width, out) = strip(unit, &mut states, 0);
                // SAFETY: the states were started, `out` is the place of the first result.
                unsafe { (self.loops.finish_strip)(states.as_ptr().cast(), width, out, out_step) }
            };
            if size < PARALLEL_FROM {
                (0..units).for_each(one);
            } else {
                let least = (PIECE / (widest * self.count)).max(1);
                threads::for_each_range(units, least, &|range| range.for_each(one));
            }
            return;
        }
        for unit in 0..units {
            let mut parts: Vec<States> = threads::map(pieces, |part| {
                let mut states: States = [const { MaybeUninit::uninit() }; STRIP];
                strip(unit, &mut states, part);
                states
            });
            let (states, others) = parts.split_first_mut().expect("at least one piece");
            let mut empty: States = [const { MaybeUninit::uninit() }; STRIP];
            // Only where the results lie: past the last piece there are no rows.
            let (width, out) = strip(unit, &mut empty, pieces);
            // SAFETY: the states were started, `out` is the place of the first result.
            unsafe {
                for other in others {
                    let states = states.as_mut_ptr().cast();
                    (self.loops.merge_strip)(states, other.as_ptr().cast(), width);
                }
                (self.loops.finish_strip)(states.as_ptr().cast(), width, out, out_step);
            }
        }
    }
}
