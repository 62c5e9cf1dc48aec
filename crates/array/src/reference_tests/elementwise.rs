//! Element-wise operations.

use super::{Random, assert_near, at, indices, list, partner};
use crate::{Array, DType, broadcast_shape};

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
