//! The workloads of `bench/README.md` in candle.
//!
//! Left out, since candle cannot: `tanh_sixth_derivative` and `wgan_gp_penalty` (second derivatives), `resnet50_step` (the
//! gradient of pooling whose stride is not its kernel).

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
    const fn workload(
        name: &'static str,
        size: usize,
        prepare: fn(usize) -> dezero_bench_harness::Work<Outcome>,
    ) -> Workload<Outcome> {
        Workload { name, size, prepare }
    }
    dezero_bench_harness::main(
        "0.11.1",
        &[
            workload("goldstein_price", 0, workloads::goldstein_price),
            workload("rosenbrock", 0, workloads::rosenbrock),
            workload("spiral_step", 0, workloads::spiral_step),
            workload("lstm_update", 0, workloads::lstm_update),
            workload("add_chain", 1_000_000, workloads::add_chain),
            workload("mlp_step", 100, workloads::mlp_step),
            workload("matmul_f32", 1024, workloads::matmul_f32),
            workload("matmul_f64", 1024, workloads::matmul_f64),
            workload("tanh_chain", 0, workloads::tanh_chain),
            workload("softmax_cross_entropy", 0, workloads::softmax_cross_entropy),
            workload("conv2d", 0, workloads::conv2d),
            workload("vgg16_forward", 0, networks::vgg16_forward),
            workload("resnet50_forward", 0, networks::resnet50_forward),
            workload("mnist_cnn_step", 0, networks::mnist_cnn_step),
        ],
    );
}
