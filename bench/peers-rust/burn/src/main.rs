//! The workloads of `bench/README.md` in burn, on its flex backend.
//!
//! Left out, since burn cannot: `tanh_sixth_derivative` and `wgan_gp_penalty` (second derivatives).

mod networks;
mod recurrent;
mod workloads;

use burn::tensor::{DType, Tensor};
use dezero_bench_harness::{Number, Workload};

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
    dezero_bench_harness::main(
        "0.22.1 flex",
        &[
            Workload::new("goldstein_price", workloads::goldstein_price),
            Workload::new("rosenbrock", workloads::rosenbrock),
            Workload::new("spiral_step", workloads::spiral_step),
            Workload::new("lstm_update", recurrent::lstm_update),
            Workload::new("lstm_sequence", recurrent::lstm_sequence),
            Workload::sized("add_chain", 1_000_000, workloads::add_chain),
            Workload::sized("mlp_step", 100, workloads::mlp_step),
            Workload::sized("matmul_f32", 1024, |size| workloads::matmul(size, DType::F32)),
            Workload::sized("matmul_f64", 1024, |size| workloads::matmul(size, DType::F64)),
            Workload::new("tanh_chain", workloads::tanh_chain),
            Workload::sized("elementwise_chain", 1_000_000, workloads::elementwise_chain),
            Workload::new("softmax_cross_entropy", workloads::softmax_cross_entropy),
            Workload::new("conv2d", workloads::conv2d),
            Workload::new("vgg16_forward", networks::vgg16_forward),
            Workload::new("resnet50_forward", networks::resnet50_forward),
            Workload::new("resnet50_step", networks::resnet50_step),
            Workload::new("mnist_cnn_step", networks::mnist_cnn_step),
        ],
    );
}
