//! The workloads of `bench/README.md` in candle.
//!
//! Left out, since candle cannot: `resnet50_step` (the gradient of pooling whose stride is not its kernel).

mod networks;
mod workloads;

use dezero_bench_harness::{Number, Workload};

/// A result; its errors are the workload's.
pub struct Outcome(candle_core::Tensor);

impl Number for Outcome {
    fn norm(&self) -> f64 {
        let norm = || -> candle_core::Result<f64> {
            let x = self.0.to_dtype(candle_core::DType::F64)?.flatten_all()?;
            match x.elem_count() {
                1 => x.get(0)?.to_scalar(),
                _ => x.sqr()?.sum_all()?.sqrt()?.to_scalar(),
            }
        };
        norm().expect("a result can be read")
    }
}

fn main() {
    dezero_bench_harness::main(
        "0.11.1",
        &[
            Workload::new("goldstein_price", workloads::goldstein_price),
            Workload::new("rosenbrock", workloads::rosenbrock),
            Workload::new("tanh_sixth_derivative", workloads::tanh_sixth_derivative),
            Workload::new("spiral_step", workloads::spiral_step),
            Workload::new("wgan_gp_penalty", workloads::wgan_gp_penalty),
            Workload::new("lstm_update", workloads::lstm_update),
            Workload::new("lstm_sequence", workloads::lstm_sequence),
            Workload::sized("add_chain", 1_000_000, workloads::add_chain),
            Workload::sized("mlp_step", 100, workloads::mlp_step),
            Workload::sized("matmul_f32", 1024, workloads::matmul_f32),
            Workload::sized("matmul_f64", 1024, workloads::matmul_f64),
            Workload::new("tanh_chain", workloads::tanh_chain),
            Workload::sized("elementwise_chain", 1_000_000, workloads::elementwise_chain),
            Workload::new("softmax_cross_entropy", workloads::softmax_cross_entropy),
            Workload::new("conv2d", workloads::conv2d),
            Workload::new("vgg16_forward", networks::vgg16_forward),
            Workload::new("resnet50_forward", networks::resnet50_forward),
            Workload::new("mnist_cnn_step", networks::mnist_cnn_step),
        ],
    );
}
