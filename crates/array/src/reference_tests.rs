//! Element-wise operations, reductions and what is fused of them against a plain index-by-index reference, for random
//! shapes, orders, steps and broadcasts.

mod elementwise;
mod mistakes;
mod optimizers;
mod reductions;
mod softmax;

use crate::layout::{Layout, contiguous_strides};
use crate::{Array, DType, Element, Shape, Strides, match_dtype, size_of_shape};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 16
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn value(&mut self, dtype: DType) -> f64 {
        match dtype {
            DType::Bool => self.below(2) as f64,
            DType::I64 => self.below(19) as f64 - 9.0,
            DType::F32 | DType::F64 => self.below(4001) as f64 / 1000.0 - 2.0,
        }
    }

    fn dtype(&mut self) -> DType {
        [DType::Bool, DType::I64, DType::F32, DType::F64][self.below(4)]
    }

    fn shape(&mut self) -> Shape {
        // Now and then long enough for threads, rows narrower and wider than a strip, and empty.
        match self.below(20) {
            0 => [300, 700].as_slice().into(),
            1 => [70_000, 3].as_slice().into(),
            2 => [200_000].as_slice().into(),
            3 => [2, 300, 41, 9].as_slice().into(),
            4 => [3, 0, 2].as_slice().into(),
            _ => {
                let ndim = self.below(5);
                (0..ndim)
                    .map(|_| [1, 2, 3, 5, 8, 40][self.below(6)])
                    .collect()
            }
        }
    }

    /// An array of `shape` over memory in some order, with gaps, backwards, or repeating.
    fn array(&mut self, shape: &[usize], dtype: DType) -> Array {
        let ndim = shape.len();
        let mut order: Vec<usize> = (0..ndim).collect();
        if self.one_in(2) {
            for i in (1..ndim).rev() {
                order.swap(i, self.below(i + 1));
            }
        }
        let plain = self.one_in(3);
        let mut strides = Strides::from_elem(0, ndim);
        let (mut length, mut start) = (1usize, 0usize);
        for &axis in order.iter().rev() {
            let n = shape[axis];
            if !plain && self.one_in(5) {
                continue;
            }
            let step = if plain || !self.one_in(4) { 1 } else { 2 };
            strides[axis] = (length * step) as isize;
            if !plain && self.one_in(5) {
                start += length * step * n.saturating_sub(1);
                strides[axis] = -strides[axis];
            }
            length *= step * n.max(1);
        }
        let base: Vec<f64> = (0..length).map(|_| self.value(dtype)).collect();
        match_dtype!(dtype, T => {
            let base: Vec<T> = base.iter().map(|&v| T::from_f64(v)).collect();
            Array::from_vec(base, [length])
        })
        .with_layout(Layout::new(shape, &strides), start as isize)
    }
}

/// All indices of `shape`, in row-major order.
fn indices(shape: &[usize]) -> impl Iterator<Item = Shape> {
    let strides = contiguous_strides(shape);
    let shape = Shape::from_slice(shape);
    (0..size_of_shape(&shape)).map(move |i| {
        (shape.iter().zip(&strides))
            .map(|(&n, &s)| i / s as usize % n)
            .collect()
    })
}

/// One element, broadcast.
fn at(x: &Array, index: &[usize]) -> f64 {
    let added = index.len() - x.ndim();
    let offset: isize = (x.shape().iter().zip(x.strides()).enumerate())
        .map(|(axis, (&n, &s))| {
            if n == 1 {
                0
            } else {
                index[added + axis] as isize * s
            }
        })
        .sum();
    // SAFETY: a valid index of the array.
    match_dtype!(x.dtype(), T => unsafe { *x.pointer::<T>().offset(offset) }.to_f64())
}

/// The array by index, whatever its layout.
fn list(x: &Array) -> Vec<f64> {
    indices(x.shape()).map(|index| at(x, &index)).collect()
}

#[track_caller]
fn assert_near(found: &Array, expected: &[f64], tolerance: f64, what: &str) {
    let found = list(found);
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (&a, &b)) in found.iter().zip(expected).enumerate() {
        let same = a == b || (a.is_nan() && b.is_nan());
        assert!(
            same || (a - b).abs() <= tolerance * b.abs().max(1.0),
            "{what}: element {i} is {a}, expected {b}"
        );
    }
}

/// A shape that broadcasts with `shape`.
fn partner(random: &mut Random, shape: &[usize]) -> Shape {
    let from = if random.one_in(3) {
        random.below(shape.len() + 1)
    } else {
        0
    };
    shape[from..]
        .iter()
        .map(|&n| if random.one_in(4) { 1 } else { n })
        .collect()
}

#[track_caller]
fn message_of(f: impl FnOnce() + std::panic::UnwindSafe) -> String {
    *std::panic::catch_unwind(f)
        .expect_err("a panic")
        .downcast::<String>()
        .expect("a message")
}
