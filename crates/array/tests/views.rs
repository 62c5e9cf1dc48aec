//! Views and strided kernels against a naive model, over random shapes and strides: empty,
//! zero-dimensional, and large enough for tiles and threads.

use dezero_array::random::RandomState;
use dezero_array::{Array, DType, Element, Index, Indices, Slice, size_of_shape};

/// An array as a shape and what lies at each position.
#[derive(Clone)]
struct Model {
    shape: Vec<usize>,
    elements: Vec<i64>,
}

impl Model {
    /// The model whose element at a position is that of `self` at `source(position)`.
    fn remap(&self, shape: &[usize], source: impl Fn(&[usize]) -> Vec<usize>) -> Model {
        let elements = positions(shape).map(|p| self.at(&source(&p))).collect();
        Model {
            shape: shape.to_vec(),
            elements,
        }
    }

    fn at(&self, position: &[usize]) -> i64 {
        self.elements[flat(&self.shape, position)]
    }
}

fn flat(shape: &[usize], position: &[usize]) -> usize {
    assert_eq!(shape.len(), position.len());
    shape
        .iter()
        .zip(position)
        .fold(0, |at, (&n, &i)| at * n + i)
}

fn positions(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    (0..size_of_shape(shape)).map(|mut i| {
        let mut position = vec![0; shape.len()];
        for axis in (0..shape.len()).rev() {
            position[axis] = i % shape[axis];
            i /= shape[axis];
        }
        position
    })
}

struct Dice(RandomState);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0.randint(0, n as i64) as usize
    }

    fn shape(&mut self, largest: usize) -> Vec<usize> {
        let ndim = self.below(5);
        (0..ndim)
            .map(|_| match self.below(12) {
                0 => 0,
                1 | 2 => 1,
                _ => 1 + self.below(largest),
            })
            .collect()
    }

    fn permutation(&mut self, n: usize) -> Vec<usize> {
        self.0.permutation(n).iter().map(|&i| i as usize).collect()
    }

    fn slice(&mut self, n: usize) -> Slice {
        let bound = |dice: &mut Dice| {
            (dice.below(4) > 0).then(|| dice.below(2 * n + 5) as isize - n as isize - 2)
        };
        let (start, stop) = (bound(self), bound(self));
        let step = [1, 1, 2, -1, -2, 3, -7][self.below(7)];
        Slice { start, stop, step }
    }

    /// A random view of `x` and the same of its model.
    fn step(&mut self, x: &Array, model: &Model) -> (Array, Model) {
        let shape = &model.shape[..];
        let ndim = shape.len();
        match self.below(7) {
            0 => {
                let axes = self.permutation(ndim);
                let permuted: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
                let source = |p: &[usize]| {
                    let mut source = vec![0; ndim];
                    axes.iter().zip(p).for_each(|(&axis, &i)| source[axis] = i);
                    source
                };
                (x.permute(&axes), model.remap(&permuted, source))
            }
            1 if ndim > 0 => {
                let axis = self.below(ndim);
                let source = |p: &[usize]| {
                    let mut source = p.to_vec();
                    source[axis] = shape[axis] - 1 - p[axis];
                    source
                };
                (x.flip(axis as isize), model.remap(shape, source))
            }
            2 => {
                let slices: Vec<Slice> = shape.iter().map(|&n| self.slice(n)).collect();
                // What Python walks, written out.
                let walked: Vec<Vec<usize>> = shape
                    .iter()
                    .zip(&slices)
                    .map(|(&n, slice)| walk(n as isize, slice))
                    .collect();
                let sliced: Vec<usize> = walked.iter().map(Vec::len).collect();
                let source = |p: &[usize]| p.iter().zip(&walked).map(|(&i, w)| w[i]).collect();
                let indices: Indices = slices.into_iter().map(Index::from).collect();
                (x.get(indices), model.remap(&sliced, source))
            }
            3 => {
                let axis = self.below(ndim + 1);
                let mut expanded = shape.to_vec();
                expanded.insert(axis, 1);
                let y = Model {
                    shape: expanded,
                    elements: model.elements.clone(),
                };
                (x.expand_dims(axis as isize), y)
            }
            4 => {
                let squeezed = shape.iter().copied().filter(|&n| n != 1).collect();
                let y = Model {
                    shape: squeezed,
                    elements: model.elements.clone(),
                };
                (x.squeeze(), y)
            }
            5 if ndim < 5 => {
                let mut wide = shape.to_vec();
                wide.iter_mut().filter(|n| **n == 1).for_each(|n| *n = 3);
                wide.insert(0, 2);
                let source = |p: &[usize]| {
                    let inner = p[1..].iter().zip(shape);
                    inner.map(|(&i, &n)| if n == 1 { 0 } else { i }).collect()
                };
                (x.broadcast_to(&wide), model.remap(&wide, source))
            }
            _ => {
                // Join two neighbours, split an axis in two, or lay everything out in a row.
                let mut shape = shape.to_vec();
                if ndim >= 2 && self.below(2) == 0 {
                    let axis = self.below(ndim - 1);
                    shape[axis] *= shape.remove(axis + 1);
                } else if let Some(axis) = shape.iter().position(|&n| n > 0 && n % 2 == 0) {
                    shape[axis] /= 2;
                    shape.insert(axis, 2);
                } else {
                    shape = vec![size_of_shape(&shape)];
                }
                let y = Model {
                    shape: shape.clone(),
                    elements: model.elements.clone(),
                };
                (x.reshape(shape), y)
            }
        }
    }
}

fn walk(n: isize, slice: &Slice) -> Vec<usize> {
    let place = |i: isize| if i < 0 { i + n } else { i };
    let mut walked = Vec::new();
    if slice.step > 0 {
        let mut i = slice.start.map_or(0, place).max(0);
        while i < slice.stop.map_or(n, place).min(n) {
            walked.push(i as usize);
            i += slice.step;
        }
    } else {
        let mut i = slice.start.map_or(n - 1, place).min(n - 1);
        while i > slice.stop.map_or(-1, place).max(-1) {
            walked.push(i as usize);
            i += slice.step;
        }
    }
    walked
}

fn numbered(shape: &[usize], dtype: DType) -> (Array, Model) {
    let elements: Vec<i64> = (0..size_of_shape(shape) as i64).collect();
    let model = Model {
        shape: shape.to_vec(),
        elements,
    };
    (
        Array::from_slice(&model.elements, shape).to_dtype(dtype),
        model,
    )
}

#[track_caller]
fn assert_same(x: &Array, model: &Model) {
    assert_eq!(x.shape(), model.shape);
    let y = x.to_dtype(DType::I64);
    assert_eq!(y.to_vec::<i64>(), model.elements);
    assert_eq!(y.copy().as_slice::<i64>().unwrap(), model.elements);
    let iterated: Vec<f64> = match x.dtype() {
        DType::F32 => x.iter::<f32>().map(|x| x.to_f64()).collect(),
        _ => x.iter::<i64>().map(|x| x.to_f64()).collect(),
    };
    let expected: Vec<f64> = model.elements.iter().map(|&x| x as f64).collect();
    assert_eq!(iterated, expected);
}

#[test]
fn random_views() {
    let mut dice = Dice(RandomState::new(1));
    for round in 0..2000 {
        let shape = dice.shape(6);
        let dtype = if round % 2 == 0 {
            DType::I64
        } else {
            DType::F32
        };
        let (mut x, mut model) = numbered(&shape, dtype);
        for _ in 0..6 {
            (x, model) = dice.step(&x, &model);
            if model.elements.len() > 5000 {
                break;
            }
            assert_same(&x, &model);
        }
    }
}

#[test]
fn reshape_is_a_view_where_strides_allow() {
    let x = numbered(&[4, 6, 5], DType::F32).0;
    let strides = |x: Array| x.strides().to_vec();
    assert_eq!(
        strides(x.get((.., .., 1..)).reshape([2, 2, 3, 2, 4])),
        [60, 30, 10, 5, 1]
    );
    assert_eq!(strides(x.transpose().reshape([5, 2, 3, 4])), [1, 15, 5, 30]);
    // Across a gap it has to copy.
    assert_eq!(strides(x.transpose().reshape([30, 4])), [4, 1]);
}

#[test]
fn large_copies() {
    let mut dice = Dice(RandomState::new(2));
    let shapes: [&[usize]; 7] = [
        &[700, 401],
        &[64, 64, 65],
        &[3, 200, 33, 17],
        &[2, 300_001],
        &[16, 16, 16, 16, 5],
        &[1, 513, 1, 513],
        &[257, 9, 130],
    ];
    for shape in shapes {
        for dtype in [DType::F32, DType::I64] {
            let (x, model) = numbered(shape, dtype);
            for _ in 0..4 {
                let axes = dice.permutation(shape.len());
                let permuted: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
                let source = |p: &[usize]| {
                    let mut source = vec![0; shape.len()];
                    axes.iter().zip(p).for_each(|(&axis, &i)| source[axis] = i);
                    source
                };
                let (y, model) = (x.permute(&axes), model.remap(&permuted, source));
                assert_same(&y, &model);
                // Backwards and with steps.
                let axis = dice.below(shape.len());
                let mut slices = vec![Slice::from(..); shape.len()];
                slices[axis] = slices[axis].with_step([-1, -2, 3][dice.below(3)]);
                let walked = walk(permuted[axis] as isize, &slices[axis]);
                let mut sliced = permuted.clone();
                sliced[axis] = walked.len();
                let source = |p: &[usize]| {
                    let mut source = p.to_vec();
                    source[axis] = walked[p[axis]];
                    source
                };
                let y = y.get(slices.into_iter().map(Index::from).collect::<Indices>());
                assert_same(&y, &model.remap(&sliced, source));
            }
        }
    }
}

/// Float sums depend on their order: on threads it must be that of the positions.
#[test]
fn scatter_sums_in_order_on_threads() {
    let mut rng = RandomState::new(3);
    for (rows, columns, n) in [(50, 256, 3000), (3, 70_000, 10), (1000, 3, 200_000)] {
        let indices: Vec<i64> = rng.randints(-(rows as i64), rows as i64, n);
        let values: Vec<f32> = rng.randn(n * columns).iter().map(|&x| x as f32).collect();
        let mut expected = vec![0.0f32; rows * columns];
        let mut last = vec![0.0f32; rows * columns];
        for (i, &index) in indices.iter().enumerate() {
            let row = index.rem_euclid(rows as i64) as usize;
            for j in 0..columns {
                expected[row * columns + j] += values[i * columns + j];
                last[row * columns + j] = values[i * columns + j];
            }
        }
        let index = Array::from_vec(indices, [n]);
        let values = Array::from_vec(values, [n, columns]);
        let zeros = Array::zeros([rows, columns], DType::F32);
        let mut x = zeros.clone();
        x.add_at(&index, &values);
        assert_eq!(x.to_vec::<f32>(), expected);
        let mut x = zeros.clone();
        x.take_add(&index, 0, &values);
        assert_eq!(x.to_vec::<f32>(), expected);
        let mut x = zeros.clone();
        x.set(&index, &values);
        assert_eq!(x.to_vec::<f32>(), last);
        // The same along the other axis.
        let mut x = zeros.transpose().copy();
        x.add_at((.., &index), &values.transpose());
        assert_eq!(x.transpose().to_vec::<f32>(), expected);
        // And the same sums, each column by itself.
        let mut x = zeros.clone();
        let index = index.expand_dims(1).broadcast_to([n, columns]);
        x.scatter_add(0, &index, &values);
        assert_eq!(x.to_vec::<f32>(), expected);
    }
}

#[test]
fn gather_on_every_axis() {
    let mut dice = Dice(RandomState::new(4));
    for _ in 0..500 {
        let mut shape = dice.shape(5);
        if shape.is_empty() || shape.contains(&0) {
            shape = vec![2, 3];
        }
        let (x, model) = numbered(&shape, DType::I64);
        let x = x.transpose().copy().transpose();
        let axis = dice.below(shape.len());
        let mut picked: Vec<usize> = shape.iter().map(|&n| dice.below(n + 1)).collect();
        picked[axis] = dice.below(7);
        let n = shape[axis] as i64;
        let index = dice.0.randints(-n, n, size_of_shape(&picked));
        let source = |p: &[usize]| {
            let mut source = p.to_vec();
            source[axis] = index[flat(&picked, p)].rem_euclid(n) as usize;
            source
        };
        let expected = model.remap(&picked, source);
        let index = Array::from_slice(&index, &picked);
        let y = x.gather(axis as isize, &index);
        assert_same(&y, &expected);

        let mut sum = vec![0; x.size()];
        for p in positions(&picked) {
            sum[flat(&shape, &source(&p))] += expected.at(&p) + 1;
        }
        let mut z = x.zeros_like();
        z.scatter_add(axis as isize, &index, &(y + 1));
        assert_eq!(z.to_vec::<i64>(), sum);
    }
}

#[test]
fn an_array_written_to_with_itself() {
    let mut x = Array::arange(0, 5, 1);
    let y = x.clone();
    x.set(1.., &y.get(..4));
    assert_eq!(x.to_vec::<i64>(), [0, 0, 1, 2, 3]);
    assert_eq!(y.to_vec::<i64>(), [0, 1, 2, 3, 4]);
    let backwards = x.flip(0);
    x.set(.., &backwards);
    assert_eq!(x.to_vec::<i64>(), [3, 2, 1, 0, 0]);
}

#[test]
fn empty_and_zero_dimensional() {
    let empty = Array::zeros([0, 3], DType::F64);
    assert_eq!(empty.get((.., [0, 2])).shape(), &[0, 2]);
    assert_eq!(empty.get(Vec::<i64>::new()).shape(), &[0, 3]);
    assert_eq!(empty.transpose().copy().shape(), &[3, 0]);
    assert_eq!(empty.sort(0).shape(), &[0, 3]);
    assert_eq!(empty.argsort(1).shape(), &[0, 3]);
    assert_eq!(empty.cumsum(0).shape(), &[0, 3]);
    assert_eq!(empty.reshape([3, -1]).shape(), &[3, 0]);
    assert_eq!(empty.roll(3, 0).shape(), &[0, 3]);
    assert_eq!(empty.flip(0).shape(), &[0, 3]);
    assert_eq!(empty.pad([(1, 0), (0, 0)], 2.0).to_vec::<f64>(), [2.0; 3]);
    assert_eq!(empty.repeat(2, 0).shape(), &[0, 3]);
    assert_eq!(empty.diagonal(0, 0, 1).shape(), &[0]);
    assert_eq!(empty.tril(0).shape(), &[0, 3]);
    assert_eq!(empty.unique().shape(), &[0]);
    assert_eq!(empty.iter::<f64>().count(), 0);
    assert_eq!(empty.nonzero()[1].shape(), &[0]);
    let mut x = empty.clone();
    x.add_at((.., 1), &Array::new(1.0));
    x.scatter_add(0, &Array::zeros([0, 3], DType::I64), &empty);
    assert_eq!(x.shape(), &[0, 3]);

    let scalar = Array::new(2.5);
    assert_eq!(scalar.get(()).item(), 2.5);
    assert_eq!(scalar.reshape([1, 1]).shape(), &[1, 1]);
    assert_eq!(scalar.iter::<f64>().copied().collect::<Vec<_>>(), [2.5]);
    assert_eq!(scalar.tile([2, 2]).to_vec::<f64>(), [2.5; 4]);
    let mut x = scalar.clone();
    x.set((), &Array::new(7.0));
    x.add_at((), &Array::new(1.0));
    assert_eq!((x.item(), scalar.item()), (8.0, 2.5));
    // A constant stays one value, whatever is picked of it.
    let ones = Array::ones([1000, 1000], DType::F32);
    assert_eq!(ones.get(([0, 5], ..)).strides(), &[0, 0]);
}

#[test]
fn shapes_whose_elements_cannot_be_counted_are_refused() {
    const HUGE: usize = 1 << (usize::BITS / 2);
    let number = Array::scalar(1.0);
    let empty = Array::zeros([0], DType::F64);
    let refused: [(&str, &dyn Fn() -> Array); 5] = [
        ("zeros", &|| Array::zeros([HUGE, HUGE], DType::F32)),
        ("zeros, empty", &|| {
            Array::zeros([0, HUGE, HUGE], DType::F32)
        }),
        ("broadcast_to", &|| number.broadcast_to([HUGE, HUGE])),
        ("broadcast_to, empty", &|| {
            empty.broadcast_to([HUGE, HUGE, 0])
        }),
        ("reshape, empty", &|| empty.reshape([0, HUGE, HUGE])),
    ];
    for (what, make) in refused {
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(make));
        let panic = made.err().unwrap_or_else(|| panic!("{what} made an array"));
        let message = panic.downcast_ref::<String>().expect("a message");
        assert!(
            message.contains("does not fit into memory"),
            "{what}: {message}"
        );
    }
}
