//! [`Progress`]: how far a training is, on one line.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use dezero_array::Array;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::sparkline::Sparkline;
use super::{Resumable, StateReader};
use crate::table;
use crate::weights::Mismatch;

/// Shows how far a training is: epoch, the means of its figures, items a second, time left, and the course of the
/// first figure, which is usually the loss.
///
/// On a terminal the line is rewritten while an epoch runs, and stays when it ends. Elsewhere, in a
/// file or a log, one plain line is written at the end of each epoch. It goes to standard error, so that
/// what the program itself prints can be piped.
///
/// ```
/// use dezero::Progress;
///
/// let mut progress = Progress::new(2, 100); // epochs, items in each
/// for epoch in 0..2 {
///     for batch in 0..4 {
///         let loss = 1.0 / (1 + batch) as f64;
///         progress.step(25, &[("loss", loss)]);
///     }
///     assert!((progress.mean("loss") - 0.5208333333).abs() < 1e-9);
///     progress.finish_epoch(&[("test accuracy", 0.98)]);
/// }
/// // epoch 2/2  loss 0.5208  test accuracy 0.9800  1,234,567 items/s  0 s left
/// ```
pub struct Progress {
    epochs: usize,
    items: usize,
    /// Epochs that have ended.
    epoch: usize,
    /// Items of this epoch so far.
    done: usize,
    /// Weighted sums of this epoch's figures, in the order of their first appearance.
    sums: Vec<(String, f64, usize)>,
    /// Figures that are shown as they are.
    shown: Vec<(String, f64)>,
    /// The first figure, step by step.
    course: Sparkline,
    /// Items that an earlier process had done: of the whole, and of this epoch.
    before: (usize, usize),
    start: Instant,
    epoch_start: Instant,
    last_step: Instant,
    last_draw: Option<Instant>,
    output: Output,
}

enum Output {
    Terminal(ProgressBar),
    Lines(Box<dyn Write + Send>),
    Quiet,
}

/// Cells of the bar.
const BAR: usize = 12;

/// Often enough for the eye, and nothing beside the work.
const BETWEEN_DRAWS: Duration = Duration::from_millis(100);

impl Progress {
    /// Progress through `epochs` epochs of `items` items each, on standard error.
    #[must_use]
    pub fn new(epochs: usize, items: usize) -> Progress {
        if io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(ProgressStyle::with_template("{wide_msg}").expect("a sound template"));
            Progress::onto(epochs, items, Output::Terminal(bar))
        } else {
            Progress::to_writer(epochs, items, io::stderr())
        }
    }

    /// Progress as plain lines to `writer`.
    ///
    /// ```
    /// use dezero::Progress;
    /// let mut progress = Progress::to_writer(1, 10, Vec::new());
    /// progress.step(10, &[("loss", 0.5)]);
    /// progress.finish_epoch(&[]);
    /// ```
    #[must_use]
    pub fn to_writer(epochs: usize, items: usize, writer: impl Write + Send + 'static) -> Progress {
        Progress::onto(epochs, items, Output::Lines(Box::new(writer)))
    }

    /// Progress that is only counted: nothing is written.
    #[must_use]
    pub fn quiet(epochs: usize, items: usize) -> Progress {
        Progress::onto(epochs, items, Output::Quiet)
    }

    /// Writes a line of the program's own above the progress.
    pub fn note(&mut self, text: &str) {
        match &mut self.output {
            Output::Terminal(bar) => bar.println(text),
            Output::Lines(writer) => drop(writeln!(writer, "{text}").and_then(|()| writer.flush())),
            Output::Quiet => {}
        }
    }

    fn onto(epochs: usize, items: usize, output: Output) -> Progress {
        let now = Instant::now();
        Progress {
            epochs,
            items,
            epoch: 0,
            done: 0,
            sums: Vec::new(),
            shown: Vec::new(),
            course: Sparkline::default(),
            before: (0, 0),
            start: now,
            epoch_start: now,
            last_step: now,
            last_draw: None,
            output,
        }
    }

    /// `items` more items are done, with these figures as their means.
    pub fn step(&mut self, items: usize, figures: &[(&str, f64)]) {
        self.done += items;
        if let Some((_, value)) = figures.first() {
            self.course.push(*value);
        }
        for &(name, value) in figures {
            let value = value * items as f64;
            match self.sums.iter_mut().find(|(n, ..)| n == name) {
                Some((_, sum, weight)) => {
                    *sum += value;
                    *weight += items;
                }
                None => self.sums.push((name.to_owned(), value, items)),
            }
        }
        self.last_step = Instant::now();
        if let Output::Terminal(bar) = &self.output
            && self
                .last_draw
                .is_none_or(|t| self.last_step - t >= BETWEEN_DRAWS)
        {
            bar.set_message(self.line(&[]));
            self.last_draw = Some(self.last_step);
        }
    }

    /// Shows these figures in the lines until the epoch ends, as they are: metrics that are means already.
    pub fn show(&mut self, figures: &[(&str, f64)]) {
        self.shown.clear();
        let figures = figures.iter();
        self.shown
            .extend(figures.map(|&(name, value)| (name.to_owned(), value)));
    }

    /// The mean of a figure over the items of this epoch so far; NaN where there is none.
    pub fn mean(&self, name: &str) -> f64 {
        let sum = self.sums.iter().find(|(n, ..)| n == name);
        sum.map_or(f64::NAN, |(_, sum, weight)| sum / *weight as f64)
    }

    /// Ends the epoch, with figures that belong to it as a whole.
    pub fn finish_epoch(&mut self, figures: &[(&str, f64)]) {
        let line = self.line(figures);
        if let Output::Terminal(bar) = &self.output {
            bar.set_message("");
        }
        // A log that cannot be written must not end the training.
        self.note(&line);
        self.epoch += 1;
        self.done = 0;
        self.before.1 = 0;
        self.sums.clear();
        self.shown.clear();
        self.epoch_start = Instant::now();
        self.last_step = self.epoch_start;
        self.last_draw = None;
    }

    fn line(&self, more: &[(&str, f64)]) -> String {
        let mut line = format!("epoch {}/{}", self.epoch + 1, self.epochs);
        if more.is_empty() && self.done < self.items {
            if let Output::Terminal(_) = self.output {
                line += "  ";
                line += &bar(self.done as f64 / self.items as f64);
            }
            let percent = 100 * self.done / self.items;
            write!(line, "  {percent:2} %").expect("a string takes it");
        }
        let means = self
            .sums
            .iter()
            .map(|(name, sum, weight)| (&**name, sum / *weight as f64));
        let shown = self.shown.iter().map(|(name, value)| (&**name, *value));
        let shown = shown.filter(|(name, _)| more.iter().all(|(other, _)| other != name));
        for (name, value) in means.chain(shown).chain(more.iter().copied()) {
            write!(line, "  {name} {}", figure(value)).expect("a string takes it");
        }
        let seconds = (self.last_step - self.epoch_start).as_secs_f64();
        if self.done > self.before.1 && seconds > 0.0 {
            let rate = (self.done - self.before.1) as f64 / seconds;
            write!(line, "  {} items/s", thousands(rate)).expect("a string takes it");
            let done = self.epoch * self.items + self.done.min(self.items);
            let left = (self.epochs * self.items).saturating_sub(done) as f64;
            let here = done.saturating_sub(self.before.0) as f64;
            let left = self.start.elapsed().as_secs_f64() * left / here;
            write!(line, "  {} left", duration(left)).expect("a string takes it");
        }
        if let Output::Terminal(_) = self.output {
            write!(line, "  {}", self.course).expect("a string takes it");
        }
        line
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Output::Terminal(bar) = &self.output {
            bar.finish_and_clear();
        }
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Progress({})", self.line(&[]))
    }
}

/// The means of this epoch so far, and the course.
impl Resumable for Progress {
    fn state(&self) -> Vec<(String, Array)> {
        let mut state = vec![
            ("epoch".to_owned(), Array::scalar(self.epoch as i64)),
            ("done".to_owned(), Array::scalar(self.done as i64)),
            ("course".to_owned(), Array::new(self.course.to_numbers())),
        ];
        for (i, (name, sum, weight)) in self.sums.iter().enumerate() {
            let sum = Array::new([*sum, *weight as f64]);
            state.push((format!("figures/{i}/{name}"), sum));
        }
        state
    }

    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
        let mut state = StateReader::new(state);
        let (epoch, done) = (
            state.count("epoch")? as usize,
            state.count("done")? as usize,
        );
        let course = Sparkline::from_numbers(&state.floats("course")?)
            .ok_or_else(|| Mismatch::value("course", "not the course of a figure"))?;
        let mut sums = Vec::new();
        for (name, sum) in state.rest() {
            let numbered = name.strip_prefix("figures/").and_then(|name| {
                let (number, name) = name.split_once('/')?;
                Some((number.parse::<usize>().ok()?, name.to_owned()))
            });
            match (numbered, &sum.to_vec::<f64>()[..]) {
                (Some((number, figure)), &[sum, weight]) => {
                    sums.push((number, (figure, sum, weight as usize)));
                }
                _ => return Err(Mismatch::value(&name, "not the mean of a figure")),
            }
        }
        sums.sort_by_key(|(number, _)| *number);
        self.sums = sums.into_iter().map(|(_, sum)| sum).collect();
        (self.epoch, self.done, self.course) = (epoch, done, course);
        self.before = (epoch * self.items + done.min(self.items), done);
        Ok(())
    }
}

/// A bar of which `share` is filled, to an eighth of a cell.
fn bar(share: f64) -> String {
    let eighths = (share.clamp(0.0, 1.0) * 8.0 * BAR as f64) as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(['▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8 - 1]);
    }
    let filled = eighths.div_ceil(8);
    format!("▕{bar}{}▏", " ".repeat(BAR - filled))
}

/// Four decimals, or four digits of what would be all zeros or all digits.
fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0.0000".to_owned(),
        v if (1e-3..1e5).contains(&v) => format!("{value:.4}"),
        v if v.is_finite() => format!("{value:.3e}"),
        _ => value.to_string(),
    }
}

fn thousands(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    table::grouped(format_args!("{value:.0}"))
}

fn duration(seconds: f64) -> String {
    let s = seconds.round() as u64; // saturates where there is no telling
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn one_line_an_epoch_with_means_over_items() {
        let log = Log::default();
        let mut progress = Progress::to_writer(2, 40, log.clone());
        for _ in 0..2 {
            progress.step(30, &[("loss", 1.0), ("accuracy", 0.5)]);
            std::thread::sleep(Duration::from_millis(5));
            progress.step(10, &[("loss", 3.0), ("accuracy", 0.9)]);
            assert_eq!(progress.mean("loss"), 1.5);
            progress.finish_epoch(&[("test accuracy", 0.75)]);
        }
        assert!(progress.mean("loss").is_nan());
        let text = String::from_utf8(log.0.lock().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        let figures = "  loss 1.5000  accuracy 0.6000  test accuracy 0.7500  ";
        assert!(
            lines[0].starts_with(&format!("epoch 1/2{figures}")),
            "{text}"
        );
        assert!(
            lines[1].starts_with(&format!("epoch 2/2{figures}")),
            "{text}"
        );
        assert!(lines[1].ends_with(" items/s  0 s left"), "{text}");
    }

    #[test]
    fn time_left_is_that_of_the_items_left() {
        let mut progress = Progress::to_writer(4, 10, io::sink());
        progress.start -= Duration::from_secs(100);
        progress.epoch_start -= Duration::from_secs(100);
        progress.last_step -= Duration::from_secs(100);
        progress.step(5, &[("loss", 1e-7)]);
        let line = progress.line(&[]);
        // 5 of 40 items in 100 seconds.
        assert_eq!(
            line,
            "epoch 1/4  50 %  loss 1.000e-7  0.05 items/s  11 min 40 s left"
        );
    }

    #[test]
    fn a_resumed_epoch_goes_on_with_its_means_and_its_own_time() {
        let mut progress = Progress::quiet(4, 10);
        progress.step(10, &[("loss", 9.0)]);
        progress.finish_epoch(&[]);
        progress.step(5, &[("loss", 1.0), ("accuracy", 0.25)]);
        let mut resumed = Progress::to_writer(4, 10, io::sink());
        resumed.set_state(progress.state()).unwrap();
        resumed.start -= Duration::from_secs(100);
        resumed.epoch_start -= Duration::from_secs(100);
        resumed.last_step -= Duration::from_secs(100);
        resumed.step(3, &[("loss", 2.0), ("accuracy", 0.5)]);
        let line = resumed.line(&[]);
        // 3 of the 25 items that were left, in 100 seconds.
        let expected =
            "epoch 2/4  80 %  loss 1.3750  accuracy 0.3438  0.03 items/s  12 min 13 s left";
        assert_eq!(line, expected);
        resumed.set_state(vec![]).unwrap_err();
        assert_eq!(resumed.line(&[]), expected);
    }

    #[test]
    fn bars() {
        assert_eq!(bar(0.0), format!("▕{}▏", " ".repeat(12)));
        assert_eq!(bar(0.26), format!("▕███{}▏", "         "));
        assert_eq!(bar(0.99), format!("▕{}▉▏", "█".repeat(11)));
        assert_eq!(bar(1.5), format!("▕{}▏", "█".repeat(12)));
    }

    #[test]
    fn numbers_to_read() {
        assert_eq!(thousands(1_234_567.4), "1,234,567");
        assert_eq!(
            (thousands(999.0), thousands(1000.0)),
            ("999".into(), "1,000".into())
        );
        assert_eq!(duration(59.4), "59 s");
        assert_eq!(duration(3600.0 * 5.0 + 61.0), "5 h 01 min");
        assert_eq!(figure(f64::NAN), "NaN");
        assert_eq!(figure(-123456.0), "-1.235e5");
        assert_eq!(figure(0.0), "0.0000");
    }
}
