//! Values, gradients and gradients of gradients against PyTorch's; see tests/golden/README.md.

#![allow(clippy::type_complexity)] // tables of cases

mod golden;

use dezero::{Variable, functions};
use golden::Golden;

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
