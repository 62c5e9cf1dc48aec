//! Times the workloads of `bench/README.md`: `dezero-bench [--json] [--seconds S] [names...]`.

mod workloads;

use std::time::{Duration, Instant};

use workloads::{WORKLOADS, Workload};

/// Work before the first sample, and the least length of a sample.
const WARM_UP: Duration = Duration::from_millis(300);
const SAMPLE: Duration = Duration::from_millis(10);

struct Options {
    json: bool,
    seconds: f64,
    names: Vec<String>,
}

fn main() {
    let options = match parse(std::env::args().skip(1)) {
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

/// Seconds a run, one for each sample, smallest first.
fn time(work: &mut dyn FnMut(), seconds: f64) -> Vec<f64> {
    let start = Instant::now();
    let mut runs = 0u32;
    while runs == 0 || start.elapsed() < WARM_UP {
        work();
        runs += 1;
    }
    let one = start.elapsed().as_secs_f64() / f64::from(runs);
    let repeats = (SAMPLE.as_secs_f64() / one).ceil().max(1.0) as u32;
    let mut samples = Vec::new();
    let start = Instant::now();
    while samples.len() < 3 || start.elapsed().as_secs_f64() < seconds {
        let sample = Instant::now();
        for _ in 0..repeats {
            work();
        }
        samples.push(sample.elapsed().as_secs_f64() / f64::from(repeats));
    }
    samples.sort_by(f64::total_cmp);
    samples
}

/// Resident memory of this process; 0 where the system does not tell.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok())
        .unwrap_or(0)
        * 4096
}
