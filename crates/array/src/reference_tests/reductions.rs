//! Reductions.

use super::{Random, assert_near, at, indices, list};
use crate::layout::contiguous_strides;
use crate::{Array, DType, Shape, size_of_shape};

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
