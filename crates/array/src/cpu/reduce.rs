//! Reductions over any axes of a strided array.

use crate::cpu::nest::Nest;
use crate::{Array, Element, Shape, Strides};

/// Folds elements into one value. The order of `step` and `merge` is fixed by the shape alone,
/// never by the number of threads.
pub(crate) trait Fold: Copy + Sync {
    type Input: Element;
    type State: Copy + Send + Sync;
    type Output: Element;
    fn start(self) -> Self::State;
    fn step(self, state: Self::State, x: Self::Input) -> Self::State;
    fn merge(self, a: Self::State, b: Self::State) -> Self::State;
    fn finish(self, state: Self::State) -> Self::Output;
}

/// Folds `x` over `axes` (ascending), which get size 1.
pub(crate) fn reduce<F: Fold>(fold: F, x: &Array, axes: &[usize]) -> Array {
    let mut shape = Shape::from_slice(x.shape());
    let mut inner: Vec<(isize, usize)> = Vec::new();
    let mut kept_strides = Strides::from_slice(x.strides());
    for &axis in axes {
        inner.push((x.strides()[axis], shape[axis]));
        shape[axis] = 1;
        kept_strides[axis] = 0;
    }
    inner.sort_unstable_by_key(|&(stride, _)| std::cmp::Reverse(stride.abs()));
    let inner_shape: Shape = inner.iter().map(|&(_, n)| n).collect();
    let inner_strides: Strides = inner.iter().map(|&(s, _)| s).collect();
    let count = crate::size_of_shape(&inner_shape);
    let nest = Nest::new(&inner_shape, [&inner_strides]);
    let [step] = nest.steps();
    let pointer = x.pointer::<F::Input>();
    Array::build(&shape, |out| {
        let kept = Nest::new(&shape, [&kept_strides]);
        let [kept_step] = kept.steps();
        kept.for_rows(0..out.len(), |position, n, [start]| {
            for i in 0..n {
                let start = start + i as isize * kept_step;
                let mut state = fold.start();
                nest.for_rows(0..count, |_, n, [offset]| {
                    // SAFETY: the offsets of both nests together lie within `x`.
                    unsafe {
                        let row = pointer.offset(start + offset);
                        let mut part = fold.start();
                        for j in 0..n {
                            part = fold.step(part, *row.offset(j as isize * step));
                        }
                        state = fold.merge(state, part);
                    }
                });
                out[position + i].write(fold.finish(state));
            }
        });
    })
}
