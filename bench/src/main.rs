//! Times the workloads of `bench/README.md`: `dezero-bench [--json] [--seconds S] [names...]`; or single operations:
//! `dezero-bench kernels [names...]`.

mod kernels;
mod timing;
mod workloads;

use timing::{resident_bytes, time};
use workloads::{WORKLOADS, Workload};

struct Options {
    json: bool,
    seconds: f64,
    names: Vec<String>,
}

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if_eq("kernels").is_some() {
        return kernels::run(&arguments.collect::<Vec<_>>());
    }
    let options = match parse(arguments) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("dezero-bench: {message}");
            std::process::exit(2);
        }
    };
    let base = resident_bytes();
    for (name, workload) in WORKLOADS {
        if !options.names.is_empty() && !options.names.iter().any(|asked| asked == name) {
            continue;
        }
        let (samples, bytes_per_node) = match workload {
            Workload::Step(prepare) => (time(&mut *prepare(), options.seconds), None),
            Workload::Chain(run) => {
                let bytes = run();
                let mut again = || {
                    run();
                };
                (time(&mut again, options.seconds), Some(bytes))
            }
        };
        let (median, best) = (samples[samples.len() / 2] * 1e3, samples[0] * 1e3);
        let bytes = bytes_per_node.map_or(String::new(), |bytes| match options.json {
            true => format!(", \"bytes_per_node\": {bytes:.0}"),
            false => format!("  {bytes:.0} bytes a node"),
        });
        if options.json {
            let base = base as f64 / f64::from(1 << 20);
            println!(
                "{{\"name\": \"{name}\", \"ms\": {median:.6}, \"best_ms\": {best:.6}, \"base_mb\": {base:.1}{bytes}}}"
            );
        } else {
            println!("{name:24} {median:12.4} ms  (best {best:.4}){bytes}");
        }
    }
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        json: false,
        seconds: 2.0,
        names: Vec::new(),
    };
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => options.json = true,
            "--seconds" => {
                let seconds = arguments.next().ok_or("--seconds takes a number")?;
                options.seconds = seconds
                    .parse()
                    .map_err(|_| format!("not a number of seconds: {seconds}"))?;
            }
            name if WORKLOADS.iter().any(|(known, _)| *known == name) => {
                options.names.push(argument);
            }
            unknown => {
                let known: Vec<&str> = WORKLOADS.iter().map(|(name, _)| *name).collect();
                return Err(format!(
                    "unknown workload {unknown}; known: {}",
                    known.join(" ")
                ));
            }
        }
    }
    Ok(options)
}
