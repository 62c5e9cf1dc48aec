//! Indexing, writing, order, creation and joining against what NumPy gives: golden/indexing.txt,
//! made by the script beside it.

// Here a range may run backwards, or be empty on purpose.
#![allow(clippy::reversed_empty_ranges)]

use std::collections::BTreeMap;

use dezero_array::{Array, DType, Ellipsis, Indices, NewAxis, s};

const GOLDEN: &str = include_str!("golden/indexing.txt");

struct Golden {
    dtype: DType,
    shape: Vec<usize>,
    elements: Vec<f64>,
}

fn golden() -> BTreeMap<&'static str, Golden> {
    let mut cases = BTreeMap::new();
    for line in GOLDEN.lines() {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let dtype = match fields[1] {
            "int64" => DType::I64,
            "float64" => DType::F64,
            "float32" => DType::F32,
            "bool" => DType::Bool,
            other => panic!("dtype {other}"),
        };
        let sizes = fields[2].split(',').filter(|n| !n.is_empty());
        let shape = sizes.map(|n| n.parse().unwrap()).collect();
        let elements = fields[3]
            .split_whitespace()
            .map(|x| x.parse().unwrap())
            .collect();
        let golden = Golden {
            dtype,
            shape,
            elements,
        };
        assert!(cases.insert(fields[0], golden).is_none());
    }
    cases
}

/// Compares, and ticks the name off.
struct Check(BTreeMap<&'static str, Golden>);

impl Check {
    #[track_caller]
    fn same(&mut self, name: &str, y: Array) {
        let golden = self.0.remove(name);
        let golden = golden.unwrap_or_else(|| panic!("no golden case {name:?}"));
        assert_eq!(y.dtype(), golden.dtype, "{name}: dtype");
        assert_eq!(y.shape(), golden.shape, "{name}: shape");
        let elements = y.to_dtype(DType::F64).to_vec::<f64>();
        let bits = |x: &f64| if x.is_nan() { u64::MAX } else { x.to_bits() };
        assert_eq!(
            elements.iter().map(bits).collect::<Vec<_>>(),
            golden.elements.iter().map(bits).collect::<Vec<_>>(),
            "{name}: {elements:?} != {:?}",
            golden.elements
        );
    }

    fn same_get(&mut self, name: &str, x: &Array, indices: impl Into<Indices>) {
        let indices = indices.into();
        let y = x.get(&indices);
        assert_eq!(indices.result_shape(x.shape())[..], *y.shape(), "{name}");
        self.same(name, y);
    }

    fn same_written(
        &mut self,
        name: &str,
        x: &Array,
        indices: impl Into<Indices>,
        values: impl Into<Array>,
    ) {
        let (indices, values) = (indices.into(), values.into());
        let mut y = x.clone();
        y.set(&indices, &values);
        self.same(&format!("set {name}"), y);
        let mut y = x.clone();
        y.add_at(&indices, &values);
        self.same(&format!("add {name}"), y);
        // Values of another dtype are cast, and a transposed target is written in its own order.
        let mut y = x.transpose().copy().transpose();
        y.set(&indices, &values.to_dtype(DType::F32));
        let mut expected = x.clone();
        expected.set(&indices, &values);
        assert_eq!(y.to_vec::<i64>(), expected.to_vec::<i64>(), "{name}");
    }
}

fn range(n: i64, shape: &[usize]) -> Array {
    Array::arange(0, n, 1).reshape(shape)
}

#[test]
fn as_numpy() {
    let check = &mut Check(golden());
    let x = &range(120, &[2, 3, 4, 5]);
    let before = x.to_vec::<i64>();
    let m23 = &Array::new([[true, false, true], [false, true, false]]);
    let m34 = &Array::from_vec((0..12).map(|i| i % 5 == 0).collect::<Vec<_>>(), [3, 4]);
    let m2 = &Array::new([false, true]);
    let m4 = &Array::new([true, false, true, true]);
    let sevenths = &Array::from_vec((0..120).map(|i| i % 7 == 0).collect::<Vec<_>>(), x.shape());

    check.same_get("int", x, 1);
    check.same_get("ints", x, (1, -1, 0));
    check.same_get("steps", x, s![..;-1, 1.., ..;2, 3..0;-2]);
    check.same_get("out-of-range slices", x, (5.., -9..2, 2..1, ..99));
    check.same_get("ellipsis", x, (Ellipsis, 0));
    check.same_get("empty ellipsis", x, s![0, 1, Ellipsis, 2, 3]);
    check.same_get("new axes", x, (NewAxis, 0, Ellipsis, NewAxis, 2, NewAxis));
    check.same_get("one array", x, [1, 0, 1]);
    check.same_get("array on axis 1", x, (.., [0, 2]));
    check.same_get("matrix of positions", x, (.., [[0, 2], [1, 1]]));
    check.same_get("negative positions", x, s![[-1, 0], ..;-1]);
    check.same_get("int, slice, array", x, (0, .., [0, 1]));
    check.same_get("slice, int, array", x, (.., 0, [0, 1]));
    check.same_get("array, slice, array", x, ([0, 1], .., [0, 1]));
    check.same_get("arrays side by side", x, (.., [0, 1], [0, 2]));
    check.same_get("arrays that broadcast", x, (.., [[0], [1]], [0, 2, 3]));
    check.same_get(
        "arrays apart that broadcast",
        x,
        ([[0], [1]], .., [0, 2, 3]),
    );
    check.same_get("array, int", x, (.., [0, 1], 0));
    check.same_get("int after slice after array", x, (.., [0, 1], .., 0));
    check.same_get("array in the end", x, (Ellipsis, [0, 1]));
    check.same_get("new axis before", x, (NewAxis, [0, 1]));
    check.same_get("new axis between", x, ([0, 1], NewAxis, [0, 2]));
    check.same_get("int, new axis, array", x, (0, NewAxis, [1, 2]));
    check.same_get("array, ellipsis, array", x, ([0, 1], Ellipsis, [0, 2]));
    check.same_get(
        "array, empty ellipsis, array",
        x,
        s![[0, 1], [0, 2], Ellipsis, [1, 2], [0, 0]],
    );
    check.same_get(
        "array, empty ellipsis, int",
        x,
        s![[0, 1], [0, 2], [1, 2], Ellipsis, 0],
    );
    check.same_get("leading ellipsis", x, (Ellipsis, 0, [0, 1]));
    check.same_get("zero-dimensional array", x, (Array::new(1), .., [0, 1]));
    check.same_get("zero-dimensional array alone", x, (.., Array::new(1)));
    check.same_get("strided rest", x, s![..;-1, [0, 2, 0], 1..3, ..;-2]);
    check.same_get("no positions", x, (.., Vec::<i64>::new()));
    check.same_get("mask", x, m23);
    check.same_get("mask on axes 1 and 2", x, (.., m34));
    check.same_get("mask after int", x, (0, m34));
    check.same_get("mask, slice, mask", x, (m2, .., m4));
    check.same_get("mask of all", x, sevenths);
    check.same_get("mask and array", x, (m2, [0, 2, 1]));
    check.same_get("mask beside mask", x, (.., [true, true, true], m4));
    check.same_get("scalar mask true", x, Array::new(true));
    check.same_get("scalar mask false", x, Array::new(false));
    check.same_get("empty mask", x, [false, false]);
    check.same_get("transposed", &x.transpose(), ([4, 0], .., 1));
    check.same("take", x.take(&Array::new([[3, 0], [1, 1]]), 2));
    // -x[:, :1] % 4, with Python's %.
    let keys: Vec<i64> = x
        .get((.., 0..1))
        .iter::<i64>()
        .map(|x| (-x).rem_euclid(4))
        .collect();
    let order = Array::from_vec(keys, [2, 1, 4, 5]).argsort(2);
    check.same("take_along_axis", x.take_along_axis(&order, 2));

    let thousands = |n, shape: &[usize]| range(n, shape) * 1000;
    let i4 = Array::new([1, 1, 0, -1]);
    check.same_written("int", x, 1, 1000);
    check.same_written("slices", x, s![.., ..;-1, 1..3, ..;2], thousands(3, &[3]));
    check.same_written("column", x, (Ellipsis, 0), range(12, &[3, 4]));
    check.same_written("rows", x, &i4, thousands(5, &[5]));
    check.same_written("rows of their own", x, &i4, thousands(240, &[4, 3, 4, 5]));
    check.same_written(
        "array on axis 2",
        x,
        (.., .., &i4),
        thousands(20, &[1, 1, 4, 5]),
    );
    check.same_written(
        "array, slice, array",
        x,
        ([0, 1, 1], .., [1, 1, 0]),
        thousands(15, &[3, 1, 5]),
    );
    check.same_written("mask", x, m23, thousands(60, &[3, 4, 5]));
    check.same_written("mask of all", x, sevenths, -5);
    check.same_written("everything", x, Ellipsis, thousands(5, &[5]));
    let mut y = x.clone();
    y.set(0, &range(5, &[1, 1, 1, 1, 5]));
    check.same("set extra leading axes", y);

    let nan = f64::NAN;
    let f = Array::new([
        [3.0, nan, -1.0, 2.5],
        [nan, nan, 0.0, -0.0],
        [7.0, 1.0, 7.0, 1.0],
    ]);
    check.same("sort", f.sort(1));
    check.same("sort axis 0", f.sort(0));
    check.same("argsort", f.argsort(1));
    check.same("argsort axis 0", f.argsort(0));
    check.same("unique", f.abs().unique());
    check.same("cumsum", x.cumsum(1));
    check.same("cumprod", f.get(2..).cumprod(1));
    check.same("cumsum bool", m34.cumsum(0));

    check.same("arange", Array::arange(-3, 11, 4));
    check.same("arange down", Array::arange(5, -5, -3));
    check.same("arange empty", Array::arange(5, 1, 2));
    check.same("arange float", Array::arange(0.1, 2.0, 0.3));
    check.same("arange float 32", Array::arange(0.1f32, 2.0, 0.3));
    check.same("arange overshoot", Array::arange(1.0, 1.3, 0.1));
    check.same("linspace", Array::linspace(-1.3, 2.1, 7));
    check.same("linspace one", Array::linspace(2.0, 3.0, 1));
    check.same("linspace none", Array::linspace(2.0, 3.0, 0));
    check.same("eye", Array::eye(3, DType::F64));

    let parts = [x.clone(), x.get((.., ..1)), x.get((.., ..0))];
    check.same("concatenate", Array::concatenate(&parts, 1));
    check.same("stack", Array::stack(&[x, &-x], -2));
    check.same("split", x.split([1, 1, 3], 2)[2].clone());
    check.same("pad", x.get((0, 0)).pad([(1, 2), (0, 3)], 9.0));
    check.same("repeat", x.repeat(2, 2));
    check.same("tile", x.get((0, 0)).tile([2, 1, 3]));
    check.same("tile fewer", x.tile(2));
    check.same("flip", x.flip(2));
    check.same("roll", x.roll(-7, 3));
    check.same("diag of vector", Array::new([1, 2, 3]).diag(-2));
    check.same("diag of matrix", x.get((0, 0)).diag(2));
    check.same("diagonal", x.diagonal(-1, 3, 1));
    check.same("tril", x.tril(-1));
    check.same("triu", x.triu(2));

    assert!(
        check.0.is_empty(),
        "not checked: {:?}",
        check.0.keys().collect::<Vec<_>>()
    );
    assert_eq!(
        x.to_vec::<i64>(),
        before,
        "x is shared with what was written to"
    );
}
