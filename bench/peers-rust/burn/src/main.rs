//! The workloads of `bench/README.md` in burn, on its flex backend.
//!
//! Left out, since burn cannot: `tanh_sixth_derivative` and `wgan_gp_penalty` (second derivatives).

mod networks;
mod workloads;

use burn::tensor::{DType, Tensor};
use dezero_bench_harness::{Number, Work, Workload};

/// A result, as one axis.
pub struct Outcome(Tensor<1>);

impl Outcome {
    pub fn of<const D: usize>(tensor: &Tensor<D>) -> Outcome {
        let n = tensor.shape().num_elements();
        Outcome(tensor.clone().reshape([n]))
    }
}

impl Number for Outcome {
    fn norm(&self) -> f64 {
        let x = self.0.clone().into_data().convert_dtype(DType::F64).try_into_vec::<f64>();
        match &x.expect("numbers")[..] {
            [x] => *x,
            x => x.iter().map(|x| x * x).sum::<f64>().sqrt(),
        }
    }
}

fn main() {
    const fn workload(name: &'static str, size: usize, prepare: fn(usize) -> Work<Outcome>) -> Workload<Outcome> {
        Workload { name, size, prepare }
    }
    dezero_bench_harness::main(
        "0.22.1 flex",
        &[
            workload("goldstein_price", 0, workloads::goldstein_price),
            workload("rosenbrock", 0, workloads::rosenbrock),
            workload("spiral_step", 0, workloads::spiral_step),
            workload("lstm_update", 0, workloads::lstm_update),
            workload("add_chain", 1_000_000, workloads::add_chain),
            workload("mlp_step", 100, workloads::mlp_step),
            workload("matmul_f32", 1024, |size| workloads::matmul(size, DType::F32)),
            workload("matmul_f64", 1024, |size| workloads::matmul(size, DType::F64)),
            workload("tanh_chain", 0, workloads::tanh_chain),
            workload("softmax_cross_entropy", 0, workloads::softmax_cross_entropy),
            workload("conv2d", 0, workloads::conv2d),
            workload("vgg16_forward", 0, networks::vgg16_forward),
            workload("resnet50_forward", 0, networks::resnet50_forward),
            workload("resnet50_step", 0, networks::resnet50_step),
            workload("mnist_cnn_step", 0, networks::mnist_cnn_step),
        ],
    );
}
