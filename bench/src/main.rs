//! Times the workloads of `bench/README.md` (`dezero-bench [--serve] [--seconds S] [NAME[@SIZE]...]`) or single operations
//! (`dezero-bench kernels [NAME...]`).

mod kernels;
mod workloads;

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    match arguments.next_if_eq("kernels") {
        Some(_) => kernels::run(&arguments.collect::<Vec<_>>()),
        None => dezero_bench_harness::main(env!("CARGO_PKG_VERSION"), workloads::WORKLOADS),
    }
}
