//! How every workload is timed.

use std::time::{Duration, Instant};

/// Work before the first sample, and the least length of a sample.
const WARM_UP: Duration = Duration::from_millis(300);
const SAMPLE: Duration = Duration::from_millis(10);

/// Seconds a run, one for each sample, smallest first.
pub fn time(work: &mut dyn FnMut(), seconds: f64) -> Vec<f64> {
    let start = Instant::now();
    let mut runs = 0u32;
    while runs == 0 || start.elapsed() < WARM_UP {
        work();
        runs += 1;
    }
    let one = start.elapsed().as_secs_f64() / f64::from(runs);
    if one > 2.0 {
        return vec![one]; // there are several rounds, and it ran before
    }
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
