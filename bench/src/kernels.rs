//! Nanoseconds per element of single array operations: `dezero-bench kernels [names...]`.

use std::hint::black_box;

use dezero::{Array, DType};
use dezero_bench_harness::time;

type Operation = (&'static str, fn(&Array) -> Array);

const OPERATIONS: &[Operation] = &[
    ("exp", Array::exp),
    ("log", Array::log),
    ("log1p", Array::log1p),
    ("exp_m1", Array::exp_m1),
    ("tanh", Array::tanh),
    ("sigmoid", Array::sigmoid),
    ("softplus", Array::softplus),
    ("erf", Array::erf),
    ("sin", Array::sin),
    ("cos", Array::cos),
    ("tan", Array::tan),
    ("sqrt", Array::sqrt),
    ("pow 2.5", |x| x.powf(2.5)),
    ("add", |x| x + x),
    ("neg", |x| -x),
    ("sum", Array::sum),
    ("sum_of_squares", Array::sum_of_squares),
    ("max", Array::max),
    ("sum of rows", |x| x.reshape([-1, 50]).sum_axis(1, false)),
    ("sum of columns", |x| x.reshape([-1, 50]).sum_axis(0, false)),
];

const LENGTHS: [usize; 3] = [4_000_000, 4_000, 300];

/// Prints a line for each operation, type and length. Threads are those of the process.
pub fn run(names: &[String]) {
    for (name, operation) in OPERATIONS {
        if !names.is_empty() && !names.iter().any(|asked| asked == name) {
            continue;
        }
        for dtype in [DType::F32, DType::F64] {
            for len in LENGTHS {
                let x = Array::linspace(0.01, 4.0, len).to_dtype(dtype);
                let samples = time(&mut || drop(black_box(operation(black_box(&x)))), 0.1);
                let seconds = samples[samples.len() / 2];
                println!(
                    "{name:16} {dtype} {len:8}: {:7.3} ns an element, {:10.3} us",
                    seconds / len as f64 * 1e9,
                    seconds * 1e6
                );
            }
        }
    }
}
