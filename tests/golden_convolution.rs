//! Convolutions, pooling, resampling and normalisation against PyTorch's; see tests/golden/README.md.

mod golden;

use dezero::functions::{self, Conv1dParams, Conv2dParams, Pool2dParams};
use dezero::layers::{BatchNorm, Layer};
use dezero::{Array, Variable, test_mode};
use golden::Golden;

impl Golden {
    fn size(&self, case: &str, key: &str) -> usize {
        self.number(case, key) as usize
    }

    fn pair(&self, case: &str, key: &str) -> (usize, usize) {
        let sizes = self.array(case, key).to_vec::<i64>();
        (sizes[0] as usize, sizes[1] as usize)
    }

    fn conv2d_params(&self, case: &str) -> Conv2dParams {
        Conv2dParams {
            stride: self.pair(case, "stride"),
            padding: self.pair(case, "padding"),
            dilation: self.pair(case, "dilation"),
            groups: self.size(case, "groups"),
        }
    }

    fn pool2d_params(&self, case: &str) -> Pool2dParams {
        Pool2dParams {
            kernel: self.pair(case, "kernel_size"),
            stride: self.pair(case, "stride"),
            padding: self.pair(case, "padding"),
            dilation: (1, 1),
        }
    }
}

const WITH_BIAS: &[&str] = &["x", "W", "b"];
const WITHOUT_BIAS: &[&str] = &["x", "W"];

#[test]
fn convolution() {
    let mut golden = Golden::load("convolution");
    for (case, inputs) in [
        ("conv2d", WITH_BIAS),
        ("conv2d_stride_padding", WITH_BIAS),
        ("conv2d_no_bias_1x1", WITHOUT_BIAS),
        ("conv2d_dilation", WITH_BIAS),
        ("conv2d_groups", WITH_BIAS),
        ("conv2d_depthwise", WITH_BIAS),
        ("conv2d_remainder", WITH_BIAS),
        ("conv2d_all", WITH_BIAS),
    ] {
        let params = golden.conv2d_params(case);
        golden.check(case, inputs, |xs| {
            functions::conv2d(&xs[0], &xs[1], xs.get(2), params)
        });
    }
    for (case, inputs) in [
        ("conv_transpose2d", WITH_BIAS),
        ("conv_transpose2d_stride_padding", WITH_BIAS),
        ("conv_transpose2d_output_padding", WITHOUT_BIAS),
        ("conv_transpose2d_groups_dilation", WITH_BIAS),
    ] {
        let (params, size) = (golden.conv2d_params(case), golden.pair(case, "outsize"));
        golden.check(case, inputs, |xs| {
            functions::conv_transpose2d(&xs[0], &xs[1], xs.get(2), Some(size), params)
        });
    }
    for case in ["conv1d", "conv1d_all"] {
        let params = Conv1dParams {
            stride: golden.size(case, "stride"),
            padding: golden.size(case, "padding"),
            dilation: golden.size(case, "dilation"),
            groups: golden.size(case, "groups"),
        };
        golden.check(case, WITH_BIAS, |xs| {
            functions::conv1d(&xs[0], &xs[1], xs.get(2), params)
        });
    }
    for case in ["max_pool2d", "max_pool2d_overlap", "max_pool2d_padding"] {
        let params = golden.pool2d_params(case);
        golden.check(case, &["x"], |xs| xs[0].square().max_pool2d(params));
    }
    let params = golden.pool2d_params("max_pool2d_negative");
    golden.check("max_pool2d_negative", &["x"], |xs| xs[0].max_pool2d(params));
    for case in ["avg_pool2d", "avg_pool2d_overlap", "avg_pool2d_padding"] {
        let params = golden.pool2d_params(case);
        golden.check(case, &["x"], |xs| xs[0].square().avg_pool2d(params, true));
    }
    let params = golden.pool2d_params("avg_pool2d_exclude_pad");
    golden.check("avg_pool2d_exclude_pad", &["x"], |xs| {
        xs[0].avg_pool2d(params, false)
    });
    for case in [
        "adaptive_avg_pool2d_1x1",
        "adaptive_avg_pool2d_3x2",
        "adaptive_avg_pool2d_7x6",
    ] {
        let size = golden.pair(case, "output_size");
        golden.check(case, &["x"], |xs| xs[0].square().adaptive_avg_pool2d(size));
    }
    for size in ["5x9", "1x2"] {
        let case = &format!("upsample_nearest_{size}");
        let to = golden.pair(case, "output_size");
        golden.check(case, &["x"], |xs| xs[0].upsample_nearest(to));
        for (case, corners) in [
            ("upsample_bilinear", false),
            ("upsample_bilinear_corners", true),
        ] {
            golden.check(&format!("{case}_{size}"), &["x"], |xs| {
                xs[0].upsample_bilinear(to, corners)
            });
        }
    }
    let (kernel, params) = (
        golden.pair("im2col", "kernel_size"),
        Conv2dParams {
            stride: golden.pair("im2col", "stride"),
            padding: golden.pair("im2col", "padding"),
            ..Default::default()
        },
    );
    golden.check("im2col", &["x"], |xs| xs[0].im2col(kernel, params));
    golden.finish();
}

/// The layer's running statistics after one call are PyTorch's too.
fn running_statistics(golden: &Golden, case: &str) {
    let layer = BatchNorm::new()
        .dtype(dezero::DType::F64)
        .eps(golden.number(case, "eps"))
        .momentum(golden.number(case, "momentum"));
    let x = golden.array(case, "x");
    test_mode(|| layer.forward(&x));
    let given = |buffer: &str, key: &str| {
        let (_, buffer) = layer
            .named_buffers()
            .into_iter()
            .find(|(name, _)| name == buffer)
            .unwrap();
        buffer.set_data(golden.array(case, key));
        buffer
    };
    let (mean, var) = (given("avg_mean", "mean"), given("avg_var", "var"));
    layer.forward(&x);
    golden.expect_close(case, "new_mean", &mean.data());
    golden.expect_close(case, "new_var", &var.data());
}

#[test]
fn normalization() {
    const INPUTS: &[&str] = &["x", "gamma", "beta"];
    let mut golden = Golden::load("normalization");
    for case in ["batch_norm_train_2d", "batch_norm_train_4d"] {
        let eps = golden.number(case, "eps");
        golden.check(case, INPUTS, |xs| {
            functions::batch_norm(&xs[0], &xs[1], &xs[2], eps).0
        });
        running_statistics(&golden, case);
    }
    let case = "batch_norm_eval_4d";
    let eps = golden.number(case, "eps");
    let [mean, var]: [Array; 2] = ["mean", "var"].map(|key| golden.array(case, key));
    golden.check(case, INPUTS, |xs| -> Variable {
        functions::fixed_batch_norm(&xs[0], &xs[1], &xs[2], &mean, &var, eps)
    });
    for case in ["group_norm_2", "group_norm_4"] {
        let (groups, eps) = (golden.size(case, "groups"), golden.number(case, "eps"));
        golden.check(case, INPUTS, |xs| {
            functions::group_norm(&xs[0], groups, &xs[1], &xs[2], eps)
        });
    }
    golden.finish();
}
