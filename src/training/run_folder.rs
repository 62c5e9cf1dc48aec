//! [`RunFolder`]: what a training leaves behind, to look at now and later.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use dezero_array::{Array, write_atomically};
use serde_json::{Map, Value, json};

use super::folder_lock::FolderLock;
use super::tensorboard::{EventWriter, now};
use super::{Checkpoints, Resumable, StateReader};
use crate::data::Image;
use crate::error::{Error, Result};
use crate::layers::Layer;
use crate::weights::Mismatch;

/// The folder of one training:
///
/// | file | what |
/// | --- | --- |
/// | `metrics.jsonl` | a line for each step and each epoch |
/// | `events.out.tfevents.*` | the same for TensorBoard, with histograms and images |
/// | `config.json` | the settings that the program gives |
/// | `environment.json` | version, machine and command line of each session |
/// | `checkpoints/` | what a training resumes from |
/// | `report.html` | made by a [`Report`](super::Report) |
///
/// A line of `metrics.jsonl` is `{"event":"step","epoch":1,"step":12,"seconds":3.4,"loss":0.5}`; "step" counts the
/// batches so far. JSON has no NaN and no infinity: they are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`, which
/// Python's `float` reads.
///
/// It is [`Resumable`]: a checkpoint holds how much was written, and a resumed training goes on from there, so that what
/// a killed process did after its last checkpoint is in the files once.
///
/// ```
/// use dezero::training::{RunFolder, json};
/// # let folder = std::env::temp_dir().join(format!("dezero-run-{}", std::process::id()));
/// let mut run = RunFolder::create(&folder)?;
/// run.write_config(&json!({"lr": 0.1, "batch_size": 32}))?;
/// for step in 1..=3 {
///     run.log_step(1, step, &[("loss", 1.0 / step as f64)])?;
/// }
/// run.log_epoch(1, 3, &[("test accuracy", 0.9)])?;
/// let text = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
/// assert_eq!(text.lines().count(), 4);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), dezero::Error>(())
/// ```
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    metrics: File,
    /// Length of `metrics.jsonl`.
    written: u64,
    last_step: u64,
    events: EventWriter,
    start: Instant,
    /// Seconds of earlier sessions.
    before: f64,
    _lock: FolderLock,
}

/// Keys of a line that are not figures.
pub(super) const OWN_KEYS: [&str; 4] = ["event", "epoch", "step", "seconds"];

impl RunFolder {
    /// A new run in a folder that is empty or is made.
    ///
    /// # Errors
    /// If there is something in the folder, or it cannot be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<RunFolder> {
        let path = path.as_ref();
        fs::create_dir_all(path).map_err(Error::io(path))?;
        for entry in fs::read_dir(path).map_err(Error::io(path))? {
            let name = entry.map_err(Error::io(path))?.file_name();
            if name != ".lock" {
                return Err(Error::RunFolderExists {
                    folder: path.to_owned(),
                });
            }
        }
        RunFolder::open(path)
    }

    /// The run in a folder, to go on with: restore it from a checkpoint, as the other parts, or
    /// [`start_over`](Self::start_over) where there is none yet.
    ///
    /// # Errors
    /// If there is no run, another process works with it, or it cannot be written to.
    pub fn resume(path: impl AsRef<Path>) -> Result<RunFolder> {
        let path = path.as_ref();
        if !path.join("metrics.jsonl").exists() {
            return Err(Error::NoRun {
                folder: path.to_owned(),
            });
        }
        RunFolder::open(path)
    }

    fn open(path: &Path) -> Result<RunFolder> {
        let lock = FolderLock::take(path)?;
        dezero_array::remove_leftovers(path)?;
        let metrics_path = path.join("metrics.jsonl");
        let mut options = OpenOptions::new();
        let metrics = options.create(true).append(true).open(&metrics_path);
        let metrics = metrics.map_err(Error::io(&metrics_path))?;
        let written = metrics.metadata().map_err(Error::io(&metrics_path))?.len();
        let run = RunFolder {
            path: path.to_owned(),
            metrics,
            written,
            last_step: 0,
            events: EventWriter::create(path)?,
            start: Instant::now(),
            before: 0.0,
            _lock: lock,
        };
        run.write_environment()?;
        Ok(run)
    }

    /// Empties `metrics.jsonl`: the training begins again.
    ///
    /// # Errors
    /// If the files cannot be written.
    pub fn start_over(&mut self) -> Result<()> {
        self.go_back(0, 0)
    }

    fn go_back(&mut self, written: u64, last_step: u64) -> Result<()> {
        if written < self.written {
            let path = self.path.join("metrics.jsonl");
            self.metrics.set_len(written).map_err(Error::io(path))?;
            self.written = written;
        }
        self.last_step = last_step;
        self.events.resume_after(last_step)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoints of the run.
    ///
    /// # Errors
    /// Those of [`Checkpoints::open`].
    pub fn checkpoints(&self) -> Result<Checkpoints> {
        Checkpoints::open(self.path.join("checkpoints"))
    }

    /// Seconds of training so far, those of earlier sessions included.
    pub fn seconds(&self) -> f64 {
        self.before + self.start.elapsed().as_secs_f64()
    }

    /// Writes the settings of the program to `config.json`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_config(&self, config: &Value) -> Result<()> {
        write_json(&self.path.join("config.json"), config)
    }

    /// Adds this session to `environment.json`.
    fn write_environment(&self) -> Result<()> {
        let path = self.path.join("environment.json");
        let earlier = fs::read(&path).ok();
        let earlier = earlier.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut sessions: Vec<Value> = earlier.unwrap_or_default();
        sessions.push(environment());
        write_json(&path, &Value::Array(sessions))
    }

    /// Logs figures of the step that was number `step`, from 1.
    ///
    /// # Errors
    /// If the files cannot be written.
    ///
    /// # Panics
    /// If a figure is called `event`, `epoch`, `step` or `seconds`.
    #[track_caller]
    pub fn log_step(&mut self, epoch: usize, step: u64, figures: &[(&str, f64)]) -> Result<()> {
        self.log("step", epoch, step, figures)
    }

    /// Logs figures of a whole epoch, which ended with step number `step`.
    ///
    /// # Errors
    /// If the files cannot be written.
    ///
    /// # Panics
    /// If a figure is called `event`, `epoch`, `step` or `seconds`.
    #[track_caller]
    pub fn log_epoch(&mut self, epoch: usize, step: u64, figures: &[(&str, f64)]) -> Result<()> {
        self.log("epoch", epoch, step, figures)
    }

    #[track_caller]
    fn log(&mut self, event: &str, epoch: usize, step: u64, figures: &[(&str, f64)]) -> Result<()> {
        let mut line = Map::new();
        line.insert("event".to_owned(), json!(event));
        line.insert("epoch".to_owned(), json!(epoch));
        line.insert("step".to_owned(), json!(step));
        let milliseconds = (self.seconds() * 1e3).round();
        line.insert("seconds".to_owned(), json!(milliseconds / 1e3));
        for (name, value) in figures {
            if OWN_KEYS.contains(name) {
                panic!(
                    "RunFolder: a figure cannot be called {name:?}, which the lines have already"
                );
            }
            line.insert((*name).to_owned(), number(*value));
        }
        let mut line = Value::Object(line).to_string();
        line.push('\n');
        let written = self.metrics.write_all(line.as_bytes());
        written.map_err(Error::io(self.path.join("metrics.jsonl")))?;
        self.written += line.len() as u64;
        self.last_step = step;
        let tags: Vec<String> = figures
            .iter()
            .map(|(name, _)| format!("{event}/{name}"))
            .collect();
        let values = figures.iter().map(|(_, value)| *value);
        let scalars: Vec<(&str, f64)> = tags.iter().map(|tag| &**tag).zip(values).collect();
        self.events.scalars(step, &scalars)
    }

    /// Histograms of a model's weights, and of its gradients where it has any, for TensorBoard.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn log_model(&mut self, step: u64, model: &dyn Layer) -> Result<()> {
        for (name, parameter) in model.named_params() {
            let Some(x) = parameter.get() else { continue };
            let histogram = |kind: &str| format!("{kind}/{name}");
            self.events
                .histogram(step, &histogram("weights"), &x.data())?;
            if let Some(gradient) = x.grad() {
                let tag = histogram("gradients");
                self.events.histogram(step, &tag, &gradient.data())?;
            }
        }
        Ok(())
    }

    /// An image, for TensorBoard.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn log_image(&mut self, step: u64, name: &str, image: &Image) -> Result<()> {
        self.events.image(step, &format!("images/{name}"), image)
    }

    /// The event file of this session, for histograms of your own.
    pub fn events(&mut self) -> &mut EventWriter {
        &mut self.events
    }
}

impl Resumable for RunFolder {
    fn state(&self) -> Vec<(String, Array)> {
        vec![
            ("written".to_owned(), Array::scalar(self.written as i64)),
            ("last_step".to_owned(), Array::scalar(self.last_step as i64)),
            ("seconds".to_owned(), Array::scalar(self.seconds())),
        ]
    }

    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
        let mut state = StateReader::new(state);
        let (written, last_step) = (state.count("written")?, state.count("last_step")?);
        let before = state.float("seconds")?;
        state.finish()?;
        self.go_back(written, last_step)
            .map_err(|error| Mismatch::value("written", error.to_string()))?;
        (self.before, self.start) = (before, Instant::now());
        Ok(())
    }
}

/// A number of JSON, or a string where JSON has none.
fn number(x: f64) -> Value {
    match x {
        x if x.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        x => json!(x),
    }
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).expect("a value is JSON");
    write_atomically(path, |file| Ok(writeln!(file, "{text}")?))?;
    Ok(())
}

fn environment() -> Value {
    let arguments = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    json!({
        "started": now(),
        "dezero": env!("CARGO_PKG_VERSION"),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "cpu": cpu(),
        "threads": std::thread::available_parallelism().map_or(1, usize::from),
        "optimized": !cfg!(debug_assertions),
        "process": std::process::id(),
        "arguments": arguments.collect::<Vec<_>>(),
    })
}

/// The processor's name, where Linux tells it.
fn cpu() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
