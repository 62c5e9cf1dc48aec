//! [`Plan`]: indices fitted to a shape.

use std::ops::Range;

use smallvec::SmallVec;

use super::{Index, Indices};
use crate::cpu::gather::{Places, Positions};
use crate::layout::size_of_shape;
use crate::views::Size;
use crate::{Array, DType, Shape, Strides, broadcast_shape};

/// An axis of the result that walks an axis of the array, or a new one.
struct Walk {
    axis: Option<usize>,
    start: usize,
    step: isize,
    len: usize,
}

/// Indices fitted to a shape, whatever the strides.
pub(super) struct Plan {
    walks: SmallVec<[Walk; 4]>,
    /// Positions that numbers fix.
    fixed: SmallVec<[(usize, usize); 4]>,
    /// Arrays of positions, with their axes.
    picked: SmallVec<[(usize, Array); 2]>,
    /// The shape that the arrays of positions broadcast to, if there are any, and how many walks
    /// stand before it in the result.
    pub(super) picked_shape: Option<(Shape, usize)>,
}

impl Indices {
    /// The indices fitted to `shape`.
    #[track_caller]
    pub(super) fn plan(&self, operation: &str, shape: &[usize]) -> Plan {
        let mut taken = 0;
        let mut ellipses = 0;
        for index in &self.0 {
            match index {
                Index::At(_) | Index::Slice(_) => taken += 1,
                Index::NewAxis => {}
                Index::Ellipsis => ellipses += 1,
                Index::Array(index) => match index.dtype() {
                    DType::I64 => taken += 1,
                    DType::Bool => taken += index.ndim(),
                    dtype => panic!(
                        "{operation}: an index array is int64 (positions) or bool (a mask), \
                         this one is {dtype}"
                    ),
                },
            }
        }
        if taken > shape.len() {
            panic!(
                "{operation}: {self:?} indexes {taken} axes, the array has {}: {shape:?}",
                shape.len()
            );
        }
        if ellipses > 1 {
            panic!("{operation}: {self:?} has more than one ellipsis");
        }
        let mut left_over = shape.len() - taken;
        let mut plan = Plan {
            walks: SmallVec::new(),
            fixed: SmallVec::new(),
            picked: SmallVec::new(),
            picked_shape: None,
        };
        let basic = self.is_basic();
        // Runs of numbers and arrays; more than one send the picked axes to the front.
        let mut runs = 0;
        let mut in_run = false;
        let mut before = 0;
        let mut axis = 0;
        for index in &self.0 {
            let picks = matches!(index, Index::At(_) | Index::Array(_));
            if picks && !in_run {
                runs += 1;
                before = plan.walks.len();
            }
            in_run = picks;
            match index {
                Index::At(i) => {
                    let at = checked_position(operation, *i, axis, shape);
                    plan.fixed.push((axis, at));
                    axis += 1;
                }
                Index::Slice(slice) => {
                    assert!(slice.step != 0, "{operation}: the step of a slice is zero");
                    let (start, len) = slice.resolve(shape[axis]);
                    let step = slice.step;
                    let axis_walked = Some(axis);
                    plan.walks.push(Walk {
                        axis: axis_walked,
                        start,
                        step,
                        len,
                    });
                    axis += 1;
                }
                Index::NewAxis => plan.walks.push(Walk {
                    axis: None,
                    start: 0,
                    step: 1,
                    len: 1,
                }),
                Index::Ellipsis => {
                    plan.walk_all(axis..axis + left_over, shape);
                    axis += left_over;
                    left_over = 0;
                }
                Index::Array(index) if index.dtype() == DType::Bool => {
                    let masked = &shape[axis..axis + index.ndim()];
                    if index.shape() != masked {
                        panic!(
                            "{operation}: a mask of shape {:?} on axes {axis}.. of {shape:?}, \
                             which have shape {masked:?}",
                            index.shape()
                        );
                    }
                    let places = index.nonzero();
                    let count = places.first().map_or(
                        usize::from(index.ndim() == 0 && index.item() != 0.0),
                        Array::len,
                    );
                    plan.pick(operation, &[count]);
                    for place in places {
                        plan.picked.push((axis, place));
                        axis += 1;
                    }
                }
                Index::Array(index) => {
                    if index.ndim() == 0 {
                        let at = checked_position(operation, item_i64(index), axis, shape);
                        plan.fixed.push((axis, at));
                    } else {
                        plan.pick(operation, index.shape());
                        plan.picked.push((axis, index.clone()));
                    }
                    axis += 1;
                }
            }
        }
        plan.walk_all(axis..axis + left_over, shape);
        if !basic && let Some((_, place)) = &mut plan.picked_shape {
            *place = if runs == 1 { before } else { 0 };
        }
        plan
    }
}

impl Plan {
    fn walk_all(&mut self, axes: Range<usize>, shape: &[usize]) {
        self.walks.extend(axes.map(|axis| Walk {
            axis: Some(axis),
            start: 0,
            step: 1,
            len: shape[axis],
        }));
    }

    /// Takes in the shape of one more array of positions.
    #[track_caller]
    fn pick(&mut self, operation: &str, shape: &[usize]) {
        let present = match &self.picked_shape {
            Some((present, _)) => present.clone(),
            None => Shape::new(),
        };
        match broadcast_shape(&present, shape) {
            Some(shape) => self.picked_shape = Some((shape, 0)),
            None => panic!(
                "{operation}: index arrays of shapes {:?} and {shape:?} do not broadcast",
                &present[..]
            ),
        }
    }

    /// Of the result.
    pub(super) fn shape(&self) -> Shape {
        let mut shape: Shape = self.walks.iter().map(|walk| walk.len).collect();
        if let Some((picked, place)) = &self.picked_shape {
            shape.insert_many(*place, picked.iter().copied());
        }
        shape
    }

    /// Where the first element lies, and the strides of the walks.
    pub(super) fn walk(&self, strides: &[isize]) -> (isize, Strides) {
        let mut start = 0;
        for &(axis, at) in &self.fixed {
            start += at as isize * strides[axis];
        }
        let mut steps = Strides::new();
        for walk in &self.walks {
            match walk.axis {
                Some(axis) => {
                    start += walk.start as isize * strides[axis];
                    steps.push(walk.step.wrapping_mul(strides[axis]));
                }
                None => steps.push(0),
            }
        }
        (start, steps)
    }

    /// The picked elements of an array with `strides`, for the kernels.
    #[track_caller]
    pub(super) fn places(&self, operation: &str, shape: &[usize], strides: &[isize]) -> Places {
        let (start, steps) = self.walk(strides);
        let lens: Shape = self.walks.iter().map(|walk| walk.len).collect();
        let (picked, place) = match &self.picked_shape {
            Some((picked, place)) => (&picked[..], *place),
            None => (&[][..], 0),
        };
        let positions = match &self.picked[..] {
            [(axis, array)] if array.shape() == picked => {
                positions(operation, array, *axis, shape, strides)
            }
            arrays => {
                let mut offsets = vec![0i64; size_of_shape(picked)];
                for (axis, array) in arrays {
                    let array = array.broadcast_to(picked);
                    add_offsets(operation, &mut offsets, &array, *axis, shape, strides);
                }
                Positions {
                    array: Array::from_slice(&offsets, picked),
                    scale: 1,
                }
            }
        };
        Places {
            start,
            outer: (
                Shape::from_slice(&lens[..place]),
                Strides::from_slice(&steps[..place]),
            ),
            positions,
            inner: (
                Shape::from_slice(&lens[place..]),
                Strides::from_slice(&steps[place..]),
            ),
        }
    }
}

/// Checked positions on `axis`, negative ones counted from the end.
#[track_caller]
pub(crate) fn positions(
    operation: &str,
    array: &Array,
    axis: usize,
    shape: &[usize],
    strides: &[isize],
) -> Positions {
    let array = array.to_contiguous();
    let n = shape[axis] as i64;
    let given = array.as_slice::<i64>().expect("contiguous");
    // Most often all are in range and none is negative; then they serve as they are.
    if given.iter().fold(true, |all, &i| all & (0 <= i) & (i < n)) {
        return Positions {
            array,
            scale: strides[axis],
        };
    }
    let mut offsets = vec![0i64; given.len()];
    add_offsets(operation, &mut offsets, &array, axis, shape, strides);
    Positions {
        array: Array::from_slice(&offsets, array.shape()),
        scale: 1,
    }
}

/// Adds what `positions` on `axis` contribute to `offsets`.
#[track_caller]
fn add_offsets(
    operation: &str,
    offsets: &mut [i64],
    positions: &Array,
    axis: usize,
    shape: &[usize],
    strides: &[isize],
) {
    let stride = strides[axis] as i64;
    for (offset, &i) in offsets.iter_mut().zip(positions.iter::<i64>()) {
        *offset += checked_position(operation, i as isize, axis, shape) as i64 * stride;
    }
}

/// The only element of an i64 array, exactly.
fn item_i64(index: &Array) -> isize {
    index.to_vec::<i64>()[0].to_isize()
}

/// The position that `i` names on an axis.
#[track_caller]
#[inline]
pub(crate) fn checked_position(operation: &str, i: isize, axis: usize, shape: &[usize]) -> usize {
    let n = shape[axis] as isize;
    let position = if i < 0 { i + n } else { i };
    if position < 0 || position >= n {
        out_of_range(operation, i, axis, shape);
    }
    position as usize
}

#[cold]
#[track_caller]
fn out_of_range(operation: &str, i: isize, axis: usize, shape: &[usize]) -> ! {
    panic!(
        "{operation}: index {i} is out of range for axis {axis} of {shape:?}, which has size {}",
        shape[axis]
    );
}
