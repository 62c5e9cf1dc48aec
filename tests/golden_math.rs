//! Values, gradients and gradients of gradients against PyTorch's; see tests/golden/README.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dezero::{Array, DType, Variable, functions, grad_with};
use dezero_array::npz;

/// The arrays of one theme, and which of its cases were compared.
struct Golden {
    theme: &'static str,
    arrays: BTreeMap<String, Array>,
    cases: BTreeSet<String>,
    /// How far numbers may be off, relative to themselves.
    tolerance: f64,
}

impl Golden {
    fn load(theme: &'static str) -> Golden {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let arrays: BTreeMap<String, Array> = npz::load(folder.join(format!("{theme}.npz")))
            .unwrap()
            .into_iter()
            .collect();
        let cases = arrays
            .keys()
            .map(|key| key.split('/').next().unwrap().to_owned())
            .collect();
        Golden {
            theme,
            arrays,
            cases,
            tolerance: 1e-10,
        }
    }

    fn array(&self, case: &str, key: &str) -> Array {
        let key = format!("{case}/{key}");
        self.arrays
            .get(&key)
            .unwrap_or_else(|| panic!("{}.npz has no {key}", self.theme))
            .clone()
    }

    fn number(&self, case: &str, key: &str) -> f64 {
        self.array(case, key).item()
    }

    #[track_caller]
    fn expect_close(&self, case: &str, key: &str, found: &Array) {
        let expected = self.array(case, key);
        assert_eq!(
            found.shape(),
            expected.shape(),
            "{}/{case}/{key}",
            self.theme
        );
        for (i, (a, b)) in found
            .to_vec::<f64>()
            .iter()
            .zip(expected.to_vec::<f64>())
            .enumerate()
        {
            // The absolute part is for numbers that should be 0 and are the rest of a cancellation.
            assert!(
                (a - b).abs() <= self.tolerance * b.abs() + 1e-14,
                "{}/{case}/{key}, element {i}: {a} for {b}",
                self.theme
            );
        }
    }

    /// Holds `f` against the case, as far as it goes: value, first and second derivatives.
    #[track_caller]
    fn check(&mut self, case: &str, inputs: &[&str], f: impl Fn(&[Variable]) -> Variable) {
        self.cases.remove(case);
        let xs: Vec<Variable> = inputs
            .iter()
            .map(|key| Variable::new(self.array(case, key)))
            .collect();
        let leaves: Vec<&Variable> = xs.iter().collect();
        let y = f(&xs);
        self.expect_close(case, "y", &y.data());
        if !self.arrays.contains_key(&format!("{case}/gy")) {
            return;
        }
        let gy = Variable::constant(self.array(case, "gy"));
        let differentiable = grad_with(&[&y], &leaves, Some(&[&gy]), true);
        for gxs in [
            &grad_with(&[&y], &leaves, Some(&[&gy]), false),
            &differentiable,
        ] {
            for (key, gx) in inputs.iter().zip(gxs) {
                self.expect_close(case, &format!("g{key}"), &gx.as_ref().expect(case).data());
            }
        }
        if !self.arrays.contains_key(&format!("{case}/v{}", inputs[0])) {
            return;
        }
        let mut sum = Variable::constant(0.0);
        for (key, gx) in inputs.iter().zip(&differentiable) {
            let v = self.array(case, &format!("v{key}"));
            sum = sum + (gx.as_ref().expect(case) * v).sum();
        }
        for (i, ggx) in grad_with(&[&sum], &leaves, None, false).iter().enumerate() {
            let zeros = || Array::zeros(xs[i].shape(), DType::F64);
            let ggx = ggx.as_ref().map_or_else(zeros, Variable::data);
            self.expect_close(case, &format!("gg{}", inputs[i]), &ggx);
        }
    }

    /// Fails unless every case of the file was compared.
    #[track_caller]
    fn finish(self) {
        assert!(
            self.cases.is_empty(),
            "{}.npz: not compared: {:?}",
            self.theme,
            self.cases
        );
    }
}

#[test]
fn elementwise() {
    let mut golden = Golden::load("elementwise");
    let binary: [(&str, fn(&Variable, &Variable) -> Variable); 11] = [
        ("add", |x0, x1| x0 + x1),
        ("sub", |x0, x1| x0 - x1),
        ("mul", |x0, x1| x0 * x1),
        ("div", |x0, x1| x0 / x1),
        ("add_broadcast", |x0, x1| x0 + x1),
        ("mul_broadcast", |x0, x1| x0 * x1),
        ("div_broadcast", |x0, x1| x0 / x1),
        ("maximum", |x0, x1| functions::maximum(x0, x1)),
        ("maximum_broadcast", |x0, x1| functions::maximum(x0, x1)),
        ("maximum_tie", |x0, x1| functions::maximum(x0, x1)),
        ("minimum", |x0, x1| functions::minimum(x0, x1)),
    ];
    for (case, f) in binary {
        golden.check(case, &["x0", "x1"], |xs| f(&xs[0], &xs[1]));
    }
    for case in ["where", "where_broadcast"] {
        let mask = golden.array(case, "mask");
        golden.check(case, &["x0", "x1"], |xs| {
            functions::where_(&mask, &xs[0], &xs[1])
        });
    }
    golden.check("pow_variable_exponent", &["x", "p"], |xs| xs[0].pow(&xs[1]));
    for case in [
        "pow_-1.5",
        "pow_-1.0",
        "pow_0.5",
        "pow_2.0",
        "pow_3.0",
        "pow_2_at_zero",
    ] {
        let p = golden.number(case, "p");
        golden.check(case, &["x"], |xs| xs[0].pow(p));
    }
    let (low, high) = (golden.number("clip", "min"), golden.number("clip", "max"));
    golden.check("clip", &["x"], |xs| xs[0].clip(low, high));
    for case in ["leaky_relu", "leaky_relu_at_zero"] {
        let slope = golden.number(case, "slope");
        golden.check(case, &["x"], |xs| xs[0].leaky_relu(slope));
    }
    for case in ["elu", "elu_alpha", "elu_far"] {
        let alpha = golden.number(case, "alpha");
        golden.check(case, &["x"], |xs| xs[0].elu(alpha));
    }
    for case in ["softmax_axis0", "softmax_axis1", "softmax_far"] {
        let axis = golden.number(case, "axis") as isize;
        golden.check(case, &["x"], |xs| xs[0].softmax(axis));
    }
    for case in ["log_softmax_axis0", "log_softmax_axis1", "log_softmax_far"] {
        let axis = golden.number(case, "axis") as isize;
        golden.check(case, &["x"], |xs| xs[0].log_softmax(axis));
    }
    let unary: [(&str, fn(&Variable) -> Variable); 28] = [
        ("neg", |x| -x),
        ("exp", |x| x.exp()),
        ("log", |x| x.log()),
        ("sqrt", |x| x.sqrt()),
        ("sin", |x| x.sin()),
        ("cos", |x| x.cos()),
        ("sin_large", |x| x.sin()),
        ("cos_large", |x| x.cos()),
        ("tan", |x| x.tan()),
        ("tanh", |x| x.tanh()),
        ("tanh_far", |x| x.tanh()),
        ("abs", |x| x.abs()),
        ("abs_at_zero", |x| x.abs()),
        ("sigmoid", |x| x.sigmoid()),
        ("sigmoid_far", |x| x.sigmoid()),
        ("relu", |x| x.relu()),
        ("relu_at_zero", |x| x.relu()),
        ("softplus", |x| x.softplus()),
        ("softplus_far", |x| x.softplus()),
        ("silu", |x| x.silu()),
        ("silu_far", |x| x.silu()),
        ("gelu_erf", |x| x.gelu()),
        ("gelu_erf_far", |x| x.gelu()),
        ("gelu_tanh", |x| x.gelu_tanh()),
        ("gelu_tanh_far", |x| x.gelu_tanh()),
        ("pow_2.0", |x| x.square()),
        ("pow_0.5", |x| x.sqrt()),
        ("pow_-1.0", |x| x.reciprocal()),
    ];
    for (case, f) in unary {
        golden.check(case, &["x"], |xs| f(&xs[0]));
    }
    golden.finish();
}

#[test]
fn losses() {
    let mut golden = Golden::load("losses");
    for case in ["mean_squared_error", "mean_squared_error_1d"] {
        golden.check(case, &["x0", "x1"], |xs| {
            functions::mean_squared_error(&xs[0], &xs[1])
        });
    }
    for case in ["softmax_cross_entropy", "softmax_cross_entropy_far"] {
        let t = golden.array(case, "t");
        golden.check(case, &["x"], |xs| {
            functions::softmax_cross_entropy(&xs[0], &t)
        });
    }
    // PyTorch's mean is over all elements, ours over the rows.
    let per_row = |x: &Variable| x.len() as f64 / x.size() as f64;
    for case in [
        "sigmoid_cross_entropy",
        "sigmoid_cross_entropy_mean",
        "sigmoid_cross_entropy_far",
    ] {
        let t = golden.array(case, "t");
        golden.check(case, &["x"], |xs| {
            let scale = if case.ends_with("mean") {
                per_row(&xs[0])
            } else {
                1.0
            };
            functions::sigmoid_cross_entropy(&xs[0], &t) * scale
        });
    }
    // PyTorch adds 1e-12 to denominators in its second derivative of this loss.
    golden.tolerance = 1e-9;
    for case in ["binary_cross_entropy", "binary_cross_entropy_mean"] {
        let t = golden.array(case, "t");
        golden.check(case, &["p"], |xs| {
            let scale = if case.ends_with("mean") {
                per_row(&xs[0])
            } else {
                1.0
            };
            functions::binary_cross_entropy(&xs[0], &t) * scale
        });
    }
    golden.tolerance = 1e-10;
    for case in ["huber_1.0", "huber_0.7", "huber_mean"] {
        let delta = golden.number(case, "delta");
        golden.check(case, &["x0", "x1"], |xs| {
            let scale = if case.ends_with("mean") {
                per_row(&xs[0])
            } else {
                1.0
            };
            functions::huber(&xs[0], &xs[1], delta) * scale
        });
    }
    for case in ["layer_norm_3d", "layer_norm_two_axes"] {
        let eps = golden.number(case, "eps");
        golden.check(case, &["x", "gamma", "beta"], |xs| {
            functions::layer_norm(&xs[0], &xs[1], &xs[2], eps)
        });
    }
    let ids = golden.array("embed_id", "i");
    golden.check("embed_id", &["W"], |xs| {
        functions::embed_id(&xs[0], &ids).square()
    });
    golden.finish();
}
