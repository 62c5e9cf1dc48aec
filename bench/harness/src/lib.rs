//! What the Rust programs share that are compared: the numbers that everybody starts from, the timing and the command
//! line. `bench/peers/peer.py` is the same in Python.

mod memory;
mod networks;
mod numbers;
mod timing;

use std::io::BufRead;
use std::sync::Mutex;

pub use memory::resident_bytes;
pub use networks::{Bottleneck, VGG16_LINEAR, resnet50_blocks, vgg16_blocks};
pub use numbers::{UNIT, fill, labels, weight};
pub use timing::time;

/// A result of a workload, of which one number is compared.
pub trait Number {
    /// The number itself if there is one, otherwise the Euclidean norm.
    fn norm(&self) -> f64;
}

/// What is timed; it gives what is compared.
pub type Work<R> = Box<dyn FnMut() -> Vec<R>>;

/// A workload of `bench/README.md`.
pub struct Workload<R> {
    name: &'static str,
    prepare: Prepare<R>,
}

/// Prepares what is not timed.
enum Prepare<R> {
    Plain(fn() -> Work<R>),
    /// With the usual size: the 100 of `mlp_step@100`.
    Sized(usize, fn(usize) -> Work<R>),
}

impl<R> Workload<R> {
    pub const fn new(name: &'static str, prepare: fn() -> Work<R>) -> Workload<R> {
        let prepare = Prepare::Plain(prepare);
        Workload { name, prepare }
    }

    pub const fn sized(
        name: &'static str,
        usual: usize,
        prepare: fn(usize) -> Work<R>,
    ) -> Workload<R> {
        let prepare = Prepare::Sized(usual, prepare);
        Workload { name, prepare }
    }
}

/// Figures that a workload adds to its first line.
static EXTRA: Mutex<Vec<(&str, f64)>> = Mutex::new(Vec::new());

/// Adds a figure to the first line of the workload, once.
pub fn record(name: &'static str, value: f64) {
    let mut extra = EXTRA.lock().expect("no panic while it is held");
    if extra.iter().all(|(known, _)| *known != name) {
        extra.push((name, value));
    }
}

struct Options {
    list: bool,
    serve: bool,
    seconds: f64,
    names: Vec<String>,
}

/// `PROGRAM [--serve] [--seconds S] NAME[@SIZE]...`: measures each workload (all, if none is named) and prints JSON lines.
/// With `--serve` it measures once for each line `go` of standard input, and goes on to the next workload at another.
/// `PROGRAM --list` names the version and the workloads.
/// Threads come from `RAYON_NUM_THREADS`.
pub fn main<R: Number>(version: &str, workloads: &[Workload<R>]) {
    let options = parse(std::env::args().skip(1)).unwrap_or_else(|message| fail(&message));
    let base = resident_bytes();
    let mb = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let all = || workloads.iter().map(|workload| workload.name.to_owned());
    if options.list {
        let names: Vec<String> = all().collect();
        println!("{{\"version\": \"{version}\", \"workloads\": {names:?}}}");
        return;
    }
    let names = if options.names.is_empty() {
        all().collect()
    } else {
        options.names
    };
    for asked in names {
        let (name, size) = asked
            .split_once('@')
            .map_or((&asked[..], None), |(name, size)| (name, Some(size)));
        let Some(workload) = workloads.iter().find(|workload| workload.name == name) else {
            fail(&format!(
                "unknown workload {name}; known: {}",
                all().collect::<Vec<_>>().join(" ")
            ));
        };
        EXTRA.lock().expect("no panic while it is held").clear();
        let mut work = match (&workload.prepare, size) {
            (Prepare::Plain(prepare), None) => prepare(),
            (Prepare::Sized(usual, prepare), None) => prepare(*usual),
            (Prepare::Sized(_, prepare), Some(size)) => match size.parse() {
                Ok(size) => prepare(size),
                Err(_) => fail(&format!("not a size: {asked}")),
            },
            (Prepare::Plain(_), Some(_)) => fail(&format!("{name} has no size: {asked}")),
        };
        memory::forget_peak();
        // Twice: what a first step changes shows in the second.
        let numbers: Vec<f64> = (0..2)
            .flat_map(|_| work())
            .map(|result| result.norm())
            .collect();
        let extra: String = EXTRA
            .lock()
            .expect("no panic while it is held")
            .iter()
            .map(|(name, value)| format!(", \"{name}\": {value:.0}"))
            .collect();
        println!(
            "{{\"name\": \"{name}\", \"numbers\": {numbers:?}, \"base_mb\": {:.1}{extra}}}",
            mb(base)
        );
        while !options.serve || go() {
            let samples = time(&mut || drop(work()), options.seconds);
            let (median, best) = (samples[samples.len() / 2] * 1e3, samples[0] * 1e3);
            let peak = mb(memory::peak_bytes().saturating_sub(base));
            println!("{{\"ms\": {median:.6}, \"best_ms\": {best:.6}, \"peak_mb\": {peak:.1}}}");
            if !options.serve {
                break;
            }
        }
    }
}

/// Whether the next line of standard input asks for another measurement.
fn go() -> bool {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).is_ok() && line == "go\n"
}

fn fail(message: &str) -> ! {
    eprintln!("{message}");
    std::process::exit(2);
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        list: false,
        serve: false,
        seconds: 1.0,
        names: Vec::new(),
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => options.list = true,
            "--serve" => options.serve = true,
            "--seconds" => {
                let seconds = arguments.next().ok_or("--seconds takes a number")?;
                options.seconds = seconds
                    .parse()
                    .map_err(|_| format!("not a number of seconds: {seconds}"))?;
            }
            option if option.starts_with("--") => return Err(format!("unknown option {option}")),
            _ => options.names.push(argument),
        }
    }
    Ok(options)
}
