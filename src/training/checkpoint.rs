//! [`Checkpoint`] and [`Checkpoints`]: a training in a file, and the folder of such files.

use std::fs;
use std::path::{Path, PathBuf};

use dezero_array::{Array, ErrorKind, npz, remove_leftovers};

use super::folder_lock::FolderLock;
use super::{Resumable, StateReader};
use crate::error::{Error, Result};
use crate::weights::{Mismatch, entry_name};

/// What a file of another layout would be told by.
const VERSION: u64 = 1;

/// Names under which a checkpoint keeps what it says of itself.
const OWN: &str = "checkpoint";

/// All that a training needs to go on bit for bit, part by part. The file is an `.npz`, whose entries are
/// `model/l1/W`, `optimizer/l1/W/m`, … each with a checksum; NumPy reads it too.
///
/// ```
/// use dezero::optimizers::Adam;
/// use dezero::training::{Checkpoint, ProcessRandom};
/// use dezero::{Parameter, Variable};
/// # let folder = std::env::temp_dir().join(format!("dezero-checkpoint-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("checkpoint.npz");
/// let mut model = Parameter::new([1.0, 2.0]);
/// let mut optimizer = Adam::new(0.1).setup(&model);
/// let mut step = 0_u64;
/// let mut train = |model: &Parameter, step: &mut u64| {
///     model.clear_grad();
///     model.square().sum().backward();
///     optimizer.update();
///     *step += 1;
/// };
/// train(&model, &mut step);
/// Checkpoint::new(step).with("model", &model).with("random", &ProcessRandom).save(&path)?;
///
/// train(&model, &mut step);
/// let checkpoint = Checkpoint::load(&path)?;
/// checkpoint.restore("model", &mut model)?;
/// assert_eq!(checkpoint.step(), 1);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), dezero::Error>(())
/// ```
#[derive(Debug)]
pub struct Checkpoint {
    step: u64,
    parts: Vec<Part>,
    /// The file it came from.
    path: Option<PathBuf>,
    passed_over: Vec<Error>,
}

#[derive(Debug)]
struct Part {
    name: String,
    state: Vec<(String, Array)>,
}

impl Checkpoint {
    /// A checkpoint without parts, after so many steps.
    pub fn new(step: u64) -> Checkpoint {
        Checkpoint {
            step,
            parts: Vec::new(),
            path: None,
            passed_over: Vec::new(),
        }
    }

    /// Adds what `part` remembers now. Arrays are not copied.
    ///
    /// # Panics
    /// If there is a part of this name, or the name has a slash, is empty or is `checkpoint`.
    #[track_caller]
    #[must_use]
    pub fn with(mut self, name: &str, part: &(impl Resumable + ?Sized)) -> Checkpoint {
        let is_free = self.parts.iter().all(|part| part.name != name);
        if !is_free || name.is_empty() || name.contains('/') || name == OWN {
            panic!("Checkpoint: {name:?} cannot name a part, or does so already");
        }
        self.parts.push(Part {
            name: name.to_owned(),
            state: part.state(),
        });
        self
    }

    /// The number of steps before it.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Names of the parts.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| &*part.name)
    }

    /// Where it was read from.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Why later checkpoints of the folder could not be read: see [`Checkpoints::latest`].
    pub fn passed_over(&self) -> &[Error] {
        &self.passed_over
    }

    /// Brings `part` to where it was.
    ///
    /// # Errors
    /// If the checkpoint has no part of this name, or it is of another model, optimizer or loader. The part is then
    /// as it was.
    pub fn restore(&self, name: &str, part: &mut (impl Resumable + ?Sized)) -> Result<()> {
        let error = |mismatch: Mismatch| Error::Weights {
            path: self.path.clone().unwrap_or_default(),
            mismatch: mismatch.within(name),
        };
        let Some(found) = self.parts.iter().find(|part| part.name == name) else {
            return Err(error(Mismatch::Names {
                missing: vec![String::new()],
                unexpected: Vec::new(),
            }));
        };
        part.set_state(found.state.clone()).map_err(error)
    }

    /// Writes it to an `.npz` file, which is replaced as a whole.
    ///
    /// # Errors
    /// If the file cannot be written; what was there is then still there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let own = |name: &str, n: u64| (entry_name(OWN, name), Array::scalar(n as i64));
        let mut entries = vec![own("version", VERSION), own("step", self.step)];
        for (i, Part { name, state }) in self.parts.iter().enumerate() {
            entries.push(own(&entry_name("parts", name), i as u64));
            let state = state.iter();
            entries.extend(state.map(|(entry, array)| (entry_name(name, entry), array.clone())));
        }
        let entries = entries.iter().map(|(name, array)| (name, array));
        Ok(npz::save(path, entries)?)
    }

    /// Reads what [`save`](Checkpoint::save) wrote.
    ///
    /// # Errors
    /// If the file cannot be read, is broken, or is no checkpoint of this version.
    pub fn load(path: impl AsRef<Path>) -> Result<Checkpoint> {
        let path = path.as_ref();
        let mut reader = StateReader::new(npz::load(path)?);
        let no_checkpoint =
            |mismatch| Error::format(path, format!("not a checkpoint of a training: {mismatch}"));
        let version = reader.count(&entry_name(OWN, "version"));
        let version = version.map_err(no_checkpoint)?;
        if version != VERSION {
            return Err(Error::Version {
                path: path.to_owned(),
                found: version,
                expected: VERSION,
            });
        }
        let step = reader.count(&entry_name(OWN, "step"));
        let step = step.map_err(no_checkpoint)?;
        let (mut numbered, mut rest) = (Vec::new(), Vec::new());
        let heading = entry_name(OWN, "parts/");
        for (name, array) in reader.rest() {
            match name.strip_prefix(&heading) {
                Some(part) if array.ndim() == 0 => {
                    let state = Vec::new();
                    let name = part.to_owned();
                    numbered.push((array.item() as u64, Part { name, state }));
                }
                _ => rest.push((name, array)),
            }
        }
        numbered.sort_by_key(|(number, _)| *number);
        let mut parts: Vec<Part> = numbered.into_iter().map(|(_, part)| part).collect();
        for (name, array) in rest {
            let (of, entry) = name.split_once('/').unwrap_or((&name, ""));
            match parts.iter_mut().find(|part| part.name == of) {
                Some(part) => part.state.push((entry.to_owned(), array)),
                None => {
                    let reason = format!("{name} belongs to no part of the checkpoint");
                    return Err(Error::format(path, reason));
                }
            }
        }
        Ok(Checkpoint {
            step,
            parts,
            path: Some(path.to_owned()),
            passed_over: Vec::new(),
        })
    }
}

/// A folder of checkpoints: the last few, and the best.
///
/// ```
/// use dezero::Parameter;
/// use dezero::training::{Checkpoint, Checkpoints};
/// # let folder = std::env::temp_dir().join(format!("dezero-checkpoints-{}", std::process::id()));
/// let model = Parameter::new([1.0]);
/// let checkpoints = Checkpoints::open(&folder)?.keep_last(2);
/// for step in [10, 20, 30] {
///     checkpoints.save(&Checkpoint::new(step).with("model", &model))?;
/// }
/// assert_eq!(checkpoints.steps()?, [20, 30]);
/// assert_eq!(checkpoints.latest()?.unwrap().step(), 30);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), dezero::Error>(())
/// ```
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    keep_last: usize,
    _lock: FolderLock,
}

impl Checkpoints {
    /// Opens the folder, or makes it. Files that a killed save left half-written are removed.
    ///
    /// # Errors
    /// If the folder cannot be made or written to, or another process works with it.
    pub fn open(folder: impl AsRef<Path>) -> Result<Checkpoints> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let lock = FolderLock::take(folder)?;
        remove_leftovers(folder)?;
        Ok(Checkpoints {
            folder: folder.to_owned(),
            keep_last: 3,
            _lock: lock,
        })
    }

    /// Sets how many are kept besides the best (3).
    ///
    /// # Panics
    /// If none.
    #[track_caller]
    #[must_use]
    pub fn keep_last(mut self, n: usize) -> Checkpoints {
        assert!(n > 0, "Checkpoints: at least one must be kept");
        self.keep_last = n;
        self
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes `checkpoint-00000030.npz`, then removes those that are too many. Checkpoints of later steps, which
    /// this training did not resume from, go too.
    ///
    /// # Errors
    /// If the file cannot be written; then nothing is removed.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<PathBuf> {
        let path = self.path_of(checkpoint.step);
        checkpoint.save(&path)?;
        let steps = self.steps()?;
        let (now_and_before, later): (Vec<u64>, Vec<u64>) =
            steps.iter().partition(|&&step| step <= checkpoint.step);
        let too_many = now_and_before.len().saturating_sub(self.keep_last);
        for &step in now_and_before[..too_many].iter().chain(&later) {
            let path = self.path_of(step);
            fs::remove_file(&path).map_err(Error::io(&path))?;
        }
        Ok(path)
    }

    /// Writes `best.npz`, which stays until there is a better one.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save_best(&self, checkpoint: &Checkpoint) -> Result<PathBuf> {
        let path = self.folder.join("best.npz");
        checkpoint.save(&path)?;
        Ok(path)
    }

    /// Reads `best.npz`, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn best(&self) -> Result<Option<Checkpoint>> {
        let path = self.folder.join("best.npz");
        match path.try_exists().map_err(Error::io(&path))? {
            true => Checkpoint::load(path).map(Some),
            false => Ok(None),
        }
    }

    /// Steps of the checkpoints in the folder, from the earliest to the latest.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn steps(&self) -> Result<Vec<u64>> {
        let mut steps = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(Error::io(&self.folder))? {
            let name = entry.map_err(Error::io(&self.folder))?.file_name();
            let step = name
                .to_str()
                .and_then(|name| name.strip_prefix("checkpoint-")?.strip_suffix(".npz"));
            steps.extend(step.and_then(|step| step.parse::<u64>().ok()));
        }
        steps.sort_unstable();
        steps.dedup();
        Ok(steps)
    }

    /// Reads the latest checkpoint that is sound. [`passed_over`](Checkpoint::passed_over) tells of later ones that
    /// are not.
    ///
    /// # Errors
    /// If there are checkpoints but none is sound, one cannot be read for another reason than its contents, or is of
    /// another version.
    pub fn latest(&self) -> Result<Option<Checkpoint>> {
        let mut broken = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            match Checkpoint::load(self.path_of(step)) {
                Ok(mut checkpoint) => {
                    checkpoint.passed_over = broken;
                    return Ok(Some(checkpoint));
                }
                Err(error) if is_broken(&error) => broken.push(error),
                Err(error) => return Err(error),
            }
        }
        if broken.is_empty() {
            return Ok(None);
        }
        Err(Error::NoSoundCheckpoint {
            folder: self.folder.clone(),
            broken,
        })
    }

    fn path_of(&self, step: u64) -> PathBuf {
        self.folder.join(format!("checkpoint-{step:08}.npz"))
    }
}

/// Whether the bytes are wrong, rather than that they cannot be had.
fn is_broken(error: &Error) -> bool {
    match error {
        Error::Array(error) => match error.kind() {
            ErrorKind::Io(error) => error.raw_os_error().is_none(),
            _ => true,
        },
        Error::Format { .. } => true,
        _ => false,
    }
}
