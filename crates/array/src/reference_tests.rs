//! Element-wise operations and reductions against a plain index-by-index reference, for random
//! shapes, orders, steps and broadcasts.

use crate::layout::{Layout, contiguous_strides};
use crate::{Array, DType, Element, Shape, Strides, broadcast_shape, match_dtype, size_of_shape};

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

#[test]
fn binary_operations() {
    type Op = (
        &'static str,
        fn(&Array, &Array) -> Array,
        fn(f64, f64) -> f64,
    );
    let operations: [Op; 12] = [
        ("add", |a, b| a.add(b), |a, b| a + b),
        ("sub", |a, b| a.sub(b), |a, b| a - b),
        ("mul", |a, b| a.mul(b), |a, b| a * b),
        ("div", |a, b| a.div(b), |a, b| a / b),
        ("maximum", |a, b| a.maximum(b), f64::max),
        ("minimum", |a, b| a.minimum(b), f64::min),
        ("less", |a, b| a.less(b), |a, b| f64::from(a < b)),
        ("equal", |a, b| a.equal(b), |a, b| f64::from(a == b)),
        (
            "greater_equal",
            |a, b| a.greater_equal(b),
            |a, b| f64::from(a >= b),
        ),
        (
            "logical_xor",
            |a, b| a.logical_xor(b),
            |a, b| f64::from((a != 0.0) != (b != 0.0)),
        ),
        (
            "tanh_grad",
            |a, b| a.tanh_grad(b),
            |y, gy| gy * (1.0 - y * y),
        ),
        (
            "silu_grad",
            |a, b| a.silu_grad(b),
            |x, gy| {
                let s = 1.0 / (1.0 + (-x).exp());
                gy * s * (1.0 + x * (1.0 - s))
            },
        ),
    ];
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    for round in 0..600 {
        let (name, operation, reference) = operations[round % operations.len()];
        let shape = random.shape();
        let other = partner(&mut random, &shape);
        let (mut shape0, mut shape1) = (shape.clone(), other);
        if random.one_in(2) {
            std::mem::swap(&mut shape0, &mut shape1);
        }
        let (dtype0, dtype1) = (random.dtype(), random.dtype());
        if dtype0 == DType::Bool && dtype1 == DType::Bool && matches!(name, "add" | "sub" | "mul") {
            continue;
        }
        let (x0, x1) = (random.array(&shape0, dtype0), random.array(&shape1, dtype1));
        let y = operation(&x0, &x1);
        let shape = broadcast_shape(&shape0, &shape1).unwrap();
        assert_eq!(y.shape(), &shape[..]);
        let expected: Vec<f64> = indices(&shape)
            .map(|i| reference(at(&x0, &i), at(&x1, &i)))
            .collect();
        let what = format!(
            "{name} {x0:?} {x1:?}",
            x0 = (x0.shape(), x0.strides()),
            x1 = (x1.shape(), x1.strides())
        );
        assert_near(&y, &expected, 1e-6, &what);
        let promoted = dtype0.promote(dtype1);
        let dtype = match name {
            "div" | "tanh_grad" | "silu_grad" => promoted.to_float(),
            "less" | "equal" | "greater_equal" | "logical_xor" => DType::Bool,
            _ => promoted,
        };
        assert_eq!(y.dtype(), dtype, "{what}");
    }
}

#[test]
fn in_place_operations() {
    let mut random = Random(7);
    for _ in 0..200 {
        let shape = random.shape();
        let other = partner(&mut random, &shape);
        let dtype = [DType::I64, DType::F32, DType::F64][random.below(3)];
        let mut x0 = random.array(&shape, dtype);
        if random.one_in(2) {
            x0 = x0.copy();
        }
        let x1 = random.array(&other, dtype);
        let shared = random.one_in(2).then(|| x0.clone());
        let before = list(&x0);
        let expected: Vec<f64> = indices(&shape).map(|i| at(&x0, &i) + at(&x1, &i)).collect();
        x0 += &x1;
        assert_near(&x0, &expected, 1e-6, "add_assign");
        if let Some(shared) = shared {
            assert_near(
                &shared,
                &before,
                0.0,
                "the clone of what add_assign changed",
            );
        }
    }
}

#[test]
fn unary_operations() {
    type Op = (&'static str, fn(&Array) -> Array, fn(f64) -> f64);
    let operations: [Op; 16] = [
        ("neg", |x| x.neg(), |x| -x),
        ("abs", |x| x.abs(), f64::abs),
        (
            "sign",
            |x| x.sign(),
            |x| if x == 0.0 { 0.0 } else { x.signum() },
        ),
        ("square", |x| x.square(), |x| x * x),
        ("relu", |x| x.relu(), |x| x.max(0.0)),
        ("exp", |x| x.exp(), f64::exp),
        ("sin", |x| x.sin(), f64::sin),
        ("tanh", |x| x.tanh(), f64::tanh),
        ("sigmoid", |x| x.sigmoid(), |x| 1.0 / (1.0 + (-x).exp())),
        ("softplus", |x| x.softplus(), |x| x.exp().ln_1p()),
        ("round", |x| x.round(), f64::round_ties_even),
        ("logical_not", |x| x.logical_not(), |x| f64::from(x == 0.0)),
        ("powf 3", |x| x.powf(3.0), |x| x * x * x),
        (
            "elu",
            |x| x.elu(0.5),
            |x| if x > 0.0 { x } else { 0.5 * x.exp_m1() },
        ),
        ("clip", |x| x.clip(-1.0, 1.0), |x| x.clamp(-1.0, 1.0)),
        ("to_dtype", |x| x.to_dtype(DType::F64), |x| x),
    ];
    let mut random = Random(99);
    for round in 0..600 {
        let (name, operation, reference) = operations[round % operations.len()];
        let shape = random.shape();
        let dtype = random.dtype();
        let x = random.array(&shape, dtype);
        let y = operation(&x);
        assert_eq!(y.shape(), &shape[..]);
        let expected: Vec<f64> = list(&x).into_iter().map(reference).collect();
        assert_near(
            &y,
            &expected,
            2e-6,
            &format!("{name} {dtype} {:?} {:?}", x.shape(), x.strides()),
        );
    }
}

#[test]
fn choices() {
    let mut random = Random(5);
    for _ in 0..200 {
        let shape = random.shape();
        let shapes = [(); 3].map(|()| partner(&mut random, &shape));
        let condition = random.array(&shapes[0], DType::Bool);
        let (x, y) = (
            random.array(&shapes[1], DType::F32),
            random.array(&shapes[2], DType::F64),
        );
        let chosen = Array::where_(&condition, &x, &y);
        let expected: Vec<f64> = indices(chosen.shape())
            .map(|i| {
                if at(&condition, &i) != 0.0 {
                    at(&x, &i)
                } else {
                    at(&y, &i)
                }
            })
            .collect();
        assert_near(&chosen, &expected, 0.0, "where");
    }
}

#[test]
fn reductions() {
    type Op = (
        &'static str,
        fn(&Array, &[isize], bool) -> Array,
        fn(&[f64]) -> f64,
    );
    fn mean(x: &[f64]) -> f64 {
        x.iter().sum::<f64>() / x.len() as f64
    }
    fn var(x: &[f64]) -> f64 {
        let m = mean(x);
        x.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / x.len() as f64
    }
    fn position(x: &[f64], better: fn(f64, f64) -> bool) -> f64 {
        let mut best = 0;
        for (i, &v) in x.iter().enumerate() {
            if better(v, x[best]) {
                best = i;
            }
        }
        best as f64
    }
    let operations: [Op; 10] = [
        ("sum", |x, a, k| x.sum_axis(a, k), |x| x.iter().sum()),
        ("mean", |x, a, k| x.mean_axis(a, k), mean),
        ("var", |x, a, k| x.var_axis(a, k), var),
        ("std", |x, a, k| x.std_axis(a, k), |x| var(x).sqrt()),
        (
            "max",
            |x, a, k| x.max_axis(a, k),
            |x| x.iter().copied().fold(f64::MIN, f64::max),
        ),
        (
            "min",
            |x, a, k| x.min_axis(a, k),
            |x| x.iter().copied().fold(f64::MAX, f64::min),
        ),
        (
            "all",
            |x, a, k| x.all_axis(a, k),
            |x| f64::from(x.iter().all(|&v| v != 0.0)),
        ),
        (
            "any",
            |x, a, k| x.any_axis(a, k),
            |x| f64::from(x.iter().any(|&v| v != 0.0)),
        ),
        (
            "argmax",
            |x, a, k| x.argmax_axis(a[0], k),
            |x| position(x, |a, b| a > b),
        ),
        (
            "argmin",
            |x, a, k| x.argmin_axis(a[0], k),
            |x| position(x, |a, b| a < b),
        ),
    ];
    let mut random = Random(31);
    for round in 0..1000 {
        let (name, operation, reference) = operations[round % operations.len()];
        let shape = random.shape();
        let x = {
            let dtype = random.dtype();
            random.array(&shape, dtype)
        };
        let mut axes: Vec<isize> = (0..shape.len() as isize)
            .filter(|_| random.one_in(2))
            .collect();
        if name.starts_with("arg") {
            if shape.is_empty() {
                continue;
            }
            axes = vec![random.below(shape.len()) as isize];
        }
        let count: usize = axes.iter().map(|&axis| shape[axis as usize]).product();
        if count == 0 && !matches!(name, "sum" | "all" | "any") {
            continue;
        }
        let keepdims = random.one_in(2);
        let y = operation(&x, &axes, keepdims);
        let reduced = |axis: usize| axes.contains(&(axis as isize));
        let kept_shape: Shape = (shape.iter().enumerate())
            .map(|(axis, &n)| if reduced(axis) { 1 } else { n })
            .collect();
        let mut groups = vec![Vec::new(); size_of_shape(&kept_shape)];
        let strides = contiguous_strides(&kept_shape);
        for index in indices(&shape) {
            let group: usize = (index.iter().enumerate())
                .map(|(axis, &i)| {
                    if reduced(axis) {
                        0
                    } else {
                        i * strides[axis] as usize
                    }
                })
                .sum();
            groups[group].push(at(&x, &index));
        }
        let expected: Vec<f64> = groups.iter().map(|group| reference(group)).collect();
        let negative: Vec<isize> = axes
            .iter()
            .map(|&axis| axis - shape.len() as isize)
            .collect();
        let what = format!(
            "{name} over {axes:?} of {} {:?} {:?}",
            x.dtype(),
            x.shape(),
            x.strides()
        );
        if keepdims {
            assert_eq!(y.shape(), &kept_shape[..], "{what}");
        } else {
            assert_eq!(y.ndim(), shape.len() - axes.len(), "{what}");
        }
        assert_near(&y, &expected, 2e-5, &what);
        assert_near(&operation(&x, &negative, keepdims), &expected, 2e-5, &what);
        if name == "sum" && keepdims {
            assert_near(&x.sum_to(&kept_shape), &expected, 2e-5, &what);
        }
    }
}

#[test]
fn reductions_do_not_depend_on_threads() {
    let mut random = Random(12);
    for (shape, axes) in [
        (vec![600_000], vec![0]),
        (vec![400, 1000], vec![0]),
        (vec![400, 1000], vec![1]),
        (vec![300_000, 2], vec![0]),
        (vec![2, 300_000], vec![1]),
        (vec![5, 300, 200], vec![0, 2]),
    ] {
        for dtype in [DType::F32, DType::F64] {
            let x = random.array(&shape, dtype).square();
            let [one, three] = [1, 3].map(|n| {
                crate::cpu::threads::limited(n, || {
                    let sum = x.sum_axis(&axes[..], false);
                    let prod = (&x / 100.0 + 1.0).prod_axis(&axes[..], false);
                    [list(&sum), list(&prod)]
                })
            });
            assert_eq!(one, three, "{shape:?} {axes:?}");
        }
    }
}

#[test]
fn nan_and_infinity() {
    let nan = f64::NAN;
    for size in [3, 40, 1000] {
        for place in [0, size / 2, size - 1] {
            let mut x = vec![1.0; size];
            x[place] = nan;
            let x = Array::from_vec(x, [size]);
            assert!(x.max().item().is_nan() && x.min().item().is_nan());
            assert_eq!(x.argmax().item(), place as f64);
            assert_eq!(x.argmin().item(), place as f64);
            assert!(!x.all_finite());
            assert!(x.maximum(&Array::new(0.0)).max().item().is_nan());
            assert!(Array::new(0.0).minimum(&x).max().item().is_nan());
            assert!(x.relu().max().item().is_nan());
            assert!(x.clip(0.0, 2.0).max().item().is_nan());
            assert_eq!(x.is_nan().sum().item(), 1.0);
        }
    }
    let infinite = Array::new([1.0, f64::INFINITY]);
    assert!(!infinite.all_finite());
    assert_eq!(infinite.is_inf().to_vec::<bool>(), [false, true]);
    assert_eq!(infinite.is_finite().to_vec::<bool>(), [true, false]);
    assert!(infinite.allclose(&infinite, 0.0, 0.0));
    assert!(!infinite.allclose(&Array::new([1.0, 3.0]), 1.0, 1.0));
    assert!(!Array::new(nan).allclose(&Array::new(nan), 1.0, 1.0));
    assert_eq!(
        Array::full([2], f64::NEG_INFINITY).max().item(),
        f64::NEG_INFINITY
    );
}

#[test]
fn integers_wrap() {
    let x = Array::new([i64::MAX, i64::MIN]);
    assert_eq!((&x + 1).to_vec::<i64>(), [i64::MIN, i64::MIN + 1]);
    assert_eq!((&x * 2).to_vec::<i64>(), [-2, 0]);
    assert_eq!((-&x).to_vec::<i64>(), [-i64::MAX, i64::MIN]);
    assert_eq!(x.sum().to_vec::<i64>(), [-1]);
    assert_eq!(
        Array::full([3], i64::MAX).sum().to_vec::<i64>(),
        [i64::MAX - 2]
    );
    assert_eq!(
        Array::new(3).pow(&Array::new([0, 1, 4])).to_vec::<i64>(),
        [1, 3, 81]
    );
}

#[test]
fn float32_sums_are_accurate() {
    let n = 1_000_000;
    let x = Array::from_vec(vec![0.1f32; n], [n]);
    let exact = f64::from(0.1f32) * n as f64;
    for sum in [
        x.sum(),
        x.reshape([n, 1]).sum_axis(0, false),
        x.reshape([n / 4, 4]).sum_axis(0, false).sum(),
        x.reshape([n / 400, 400]).sum_axis(0, false).sum(),
        x.reshape([400, n / 400]).sum_axis(1, false).sum(),
    ] {
        assert!((sum.item() / exact - 1.0).abs() < 2e-7, "{}", sum.item());
    }
}

#[test]
fn broadcast_operands_are_computed_once() {
    let ones = Array::ones([1000, 1000], DType::F64);
    let y = &ones * 2.0 + &ones;
    assert_eq!(y.strides(), &[0, 0]);
    assert_eq!(y.tanh().strides(), &[0, 0]);
    assert_eq!(y.sum().item(), 3e6);
    let row = Array::new([1.0, 2.0, 3.0]).broadcast_to([5, 3]);
    assert_eq!((&row * &row).strides(), &[0, 1]);
    assert_eq!(row.exp().strides(), &[0, 1]);
}

#[track_caller]
fn message_of(f: impl FnOnce() + std::panic::UnwindSafe) -> String {
    *std::panic::catch_unwind(f)
        .expect_err("a panic")
        .downcast::<String>()
        .expect("a message")
}

#[test]
fn mistakes_name_the_operation_and_the_shapes() {
    let x = Array::zeros([2, 3], DType::F32);
    let message = message_of(|| drop(&x + &Array::zeros([4], DType::F32)));
    assert_eq!(message, "add: shapes [2, 3] and [4] do not broadcast");
    let message = message_of(|| drop(x.sum_axis(3, false)));
    assert_eq!(message, "sum: axis 3 is out of range for shape [2, 3]");
    let message = message_of(|| drop(x.sum_axis([1, -1], false)));
    assert_eq!(
        message,
        "sum: axis -1 is repeated in [1, -1] for shape [2, 3]"
    );
    let message = message_of(|| drop(Array::zeros([0, 2], DType::F32).max_axis(0, false)));
    assert_eq!(
        message,
        "max: no elements to choose from: shape [0, 2], axes [0]"
    );
    let message = message_of(|| drop(x.sum_to([3, 3])));
    assert_eq!(message, "sum_to: [3, 3] does not broadcast to [2, 3]");
    let message = message_of(|| {
        let mut y = Array::zeros([3], DType::F32);
        y += &x;
    });
    assert_eq!(
        message,
        "add_assign: shape [2, 3] does not broadcast to [3]"
    );
}

#[test]
fn softmax_family() {
    let mut random = Random(41);
    for shape in [
        &[4][..],
        &[3, 5],
        &[2, 3, 4],
        &[40, 1000],
        &[1, 3000],
        &[7, 1],
        &[0, 3],
    ] {
        for axis in 0..shape.len() {
            for dtype in [DType::F32, DType::F64] {
                let x = random.array(shape, dtype) * 20.0;
                let gy = random.array(shape, dtype);
                let wide = x.to_dtype(DType::F64);
                let axis = axis as isize;
                let e = (&wide - wide.max_axis_or(axis)).exp();
                let y = &e / &e.sum_axis(axis, true);
                let near = |found: &Array, expected: &Array, what: &str| {
                    assert_eq!(found.dtype(), dtype);
                    assert_eq!(found.shape(), expected.shape());
                    assert_near(found, &list(expected), 1e-4, what);
                };
                near(&x.softmax(axis), &y, "softmax");
                let log = &wide - &wide.exp().sum_axis(axis, true).log();
                near(&x.log_softmax(axis), &log, "log_softmax");
                near(
                    &x.logsumexp(axis, true),
                    &wide.exp().sum_axis(axis, true).log(),
                    "logsumexp",
                );
                near(
                    &x.logsumexp((), false),
                    &wide.exp().sum().log(),
                    "logsumexp of all",
                );
                let y = y.to_dtype(dtype);
                let expected = &y * &(&gy - &(&gy * &y).sum_axis(axis, true));
                near(&y.softmax_grad(&gy, axis), &expected, "softmax_grad");
                let expected = &gy - &(y.log().exp() * gy.sum_axis(axis, true));
                near(
                    &y.log().log_softmax_grad(&gy, axis),
                    &expected,
                    "log_softmax_grad",
                );
            }
        }
    }
}

trait MaxOr {
    fn max_axis_or(&self, axis: isize) -> Array;
}

impl MaxOr for Array {
    /// The largest elements, or what there is where there are none.
    fn max_axis_or(&self, axis: isize) -> Array {
        if self.size() == 0 {
            self.clone()
        } else {
            self.max_axis(axis, true)
        }
    }
}

#[test]
fn softmax_cross_entropy_and_its_gradient() {
    let mut random = Random(3);
    for (n, classes) in [(1, 2), (5, 3), (30, 10), (100, 700), (3, 5000)] {
        for dtype in [DType::F32, DType::F64] {
            let x = random.array(&[n, classes], dtype) * 5.0;
            let labels: Vec<i64> = (0..n).map(|_| random.below(classes) as i64).collect();
            let t = Array::from_vec(labels.clone(), [n]);
            let log = x.to_dtype(DType::F64).log_softmax(1);
            let picked = labels.iter().enumerate();
            let expected = -picked
                .map(|(i, &l)| at(&log, &[i, l as usize]))
                .sum::<f64>()
                / n as f64;
            let (loss, y) = x.softmax_cross_entropy(&t);
            assert_near(&loss, &[expected], 1e-5, "loss");
            let gx = y.softmax_cross_entropy_grad(&t, &Array::scalar(3.0));
            assert_eq!((gx.dtype(), gx.shape()), (dtype, x.shape()));
            let expected: Vec<f64> = indices(&[n, classes])
                .map(|i| {
                    let hit = f64::from(labels[i[0]] == i[1] as i64);
                    (at(&log, &i).exp() - hit) * 3.0 / n as f64
                })
                .collect();
            assert_near(&gx, &expected, 1e-6, "gradient");
        }
    }
    let x = Array::zeros([2, 3], DType::F32);
    let message = message_of(|| drop(x.softmax_cross_entropy(&Array::new([0, 3]))));
    assert_eq!(
        message,
        "softmax_cross_entropy: label 3 is not one of 3 classes"
    );
}

#[test]
fn optimizer_steps() {
    let mut random = Random(17);
    for size in [1, 7, 600, 200_000] {
        for dtype in [DType::F32, DType::F64] {
            let numbers = |random: &mut Random| random.array(&[size], dtype).copy();
            let (x, g) = (numbers(&mut random), numbers(&mut random));
            let (m, v) = (numbers(&mut random), numbers(&mut random).square());
            let near = |found: &Array, expected: &Array, what: &str| {
                assert_eq!(found.dtype(), dtype, "{what}");
                assert_near(found, &list(expected), 1e-5, what);
            };
            for shared in [false, true] {
                let (x0, m0, v0) = (x.copy(), m.copy(), v.copy());
                let hold = shared.then(|| (x0.clone(), m0.clone()));
                let (mut x1, mut m1, mut v1) = (x0, m0, v0);
                x1.sgd_step(&g, 0.1);
                near(&x1, &(&x - &(&g * 0.1)), "sgd");
                let before = x1.copy();
                x1.momentum_step(&g, &mut m1, 0.1, 0.9, false);
                let m2 = &m * 0.9 + &g;
                near(&m1, &m2, "velocity");
                near(&x1, &(&before - &(&m2 * 0.1)), "momentum");
                let before = x1.copy();
                x1.momentum_step(&g, &mut m1, 0.1, 0.9, true);
                let m3 = &m2 * 0.9 + &g;
                let ahead = &g + &(&m3 * 0.9);
                near(&x1, &(&before - &(ahead * 0.1)), "nesterov");
                let before = x1.copy();
                let v2 = &v + &g.square();
                x1.adagrad_step(&g, &mut v1, 0.1, 0.5);
                near(&v1, &v2, "adagrad state");
                near(&x1, &(&before - &(&g * 0.1 / (v2.sqrt() + 0.5))), "adagrad");
                let before = x1.copy();
                let v3 = &v2 * 0.9 + &(g.square() * 0.1);
                x1.rmsprop_step(&g, &mut v1, 0.1, 0.9, 0.5);
                near(&x1, &(&before - &(&g * 0.1 / (v3.sqrt() + 0.5))), "rmsprop");
                let before = x1.copy();
                let mut u = Array::zeros([size], dtype);
                x1.adadelta_step(&g, &mut v1, &mut u, 1.0, 0.9, 0.5);
                let v4 = &v3 * 0.9 + &(g.square() * 0.1);
                let d = (0.5 / (&v4 + 0.5)).sqrt() * &g;
                near(&u, &(d.square() * 0.1), "adadelta state");
                near(&x1, &(&before - &d), "adadelta");
                let before = x1.copy();
                let step = crate::AdamStep {
                    step_size: 0.1,
                    beta1: 0.9,
                    beta2: 0.8,
                    epsilon: 0.5,
                    root_correction: 0.5,
                    decay: 0.99,
                };
                x1.adam_step(&g, &mut m1, &mut v1, step);
                let m4 = &m3 * 0.9 + &(&g * 0.1);
                let v5 = &v4 * 0.8 + &(g.square() * 0.2);
                near(&m1, &m4, "adam first moment");
                near(&v1, &v5, "adam second moment");
                let root = v5.sqrt() / 0.5 + 0.5;
                near(&x1, &(&before * 0.99 - &(m4 * 0.1 / root)), "adam");
                if let Some((x0, m0)) = hold {
                    assert_near(&x0, &list(&x), 0.0, "a clone of the parameter");
                    assert_near(&m0, &list(&m), 0.0, "a clone of the state");
                }
            }
        }
    }
}

#[test]
fn whole_powers_are_rounded_once() {
    let mut random = Random(77);
    for n in [3, 4, 5, 7, 10] {
        let x: Vec<f64> = (0..1000).map(|_| random.value(DType::F64) * 1.37).collect();
        let y = Array::from_vec(x.clone(), [1000])
            .powf(f64::from(n))
            .to_vec::<f64>();
        let mut off = 0;
        for (&x, &y) in x.iter().zip(&y) {
            let exact = x.powf(f64::from(n));
            assert!(
                (y - exact).abs() <= 2.3e-16 * exact.abs(),
                "{x}^{n} is {exact}, found {y}"
            );
            off += usize::from(y != exact);
        }
        assert!(
            off <= 2,
            "{off} of 1000 differ from the correctly rounded {n}th power"
        );
    }
    assert_eq!(
        Array::new([1e200, -1e200]).powf(3.0).to_vec::<f64>(),
        [f64::INFINITY, -f64::INFINITY]
    );
    assert_eq!(Array::new(1e308).powf(1.0).item(), 1e308);
    assert_eq!(
        Array::new([2.0, 0.0]).powf(-2.0).to_vec::<f64>(),
        [0.25, f64::INFINITY]
    );
    assert_eq!(Array::new([3, -2]).powf(3.0).to_vec::<i64>(), [27, -8]);
    assert_eq!(Array::new([4.0f32]).powf(0.5).to_vec::<f32>(), [2.0]);
    assert_eq!(
        Array::new([4.0, 9.0]).powf(1.5).to_vec::<f64>(),
        [8.0, 27.0]
    );
}

#[test]
fn large_angles_are_exact() {
    let x: Vec<f64> = (0..100)
        .map(|i| {
            if i % 7 == 0 {
                1e15 + f64::from(i)
            } else {
                f64::from(i)
            }
        })
        .collect();
    let y = Array::from_vec(x.clone(), [100]).sin().to_vec::<f64>();
    for (x, y) in x.iter().zip(y) {
        assert!((x.sin() - y).abs() < 1e-15, "sin {x}");
    }
    assert_eq!(Array::new(1e15).sin().item(), 1e15f64.sin());
    assert!(Array::new(f64::INFINITY).cos().item().is_nan());
}
