//! [`Resumable`]: what a checkpoint keeps of each part of a training, so that it goes on bit for bit.

use std::collections::{BTreeMap, HashSet};

use dezero_array::random::{self, State as RandomBits};
use dezero_array::{Array, DType, Shape};

use crate::data::{DataLoader, Dataset, LoaderPosition, SeqDataLoader};
use crate::layers::{Layer, Leaf, Visitor};
use crate::optimizers::{Optimizer, Rule};
use crate::variable::Variable;
use crate::weights::Mismatch;

/// A part of a training that remembers something from one step to the next.
///
/// Models, optimizers, loaders, metrics and plain numbers are resumable; schedules remember nothing. Write it
/// for a part of your own as named arrays of float64 and int64, which hold any number exactly:
///
/// ```
/// use dezero::Array;
/// use dezero::training::{Resumable, StateReader};
/// use dezero::weights::Mismatch;
///
/// struct Best {
///     value: f64,
///     step: u64,
/// }
///
/// impl Resumable for Best {
///     fn state(&self) -> Vec<(String, Array)> {
///         vec![
///             ("value".to_owned(), Array::scalar(self.value)),
///             ("step".to_owned(), Array::scalar(self.step as i64)),
///         ]
///     }
///     fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
///         let mut state = StateReader::new(state);
///         *self = Best { value: state.float("value")?, step: state.count("step")? };
///         state.finish()
///     }
/// }
///
/// let mut best = Best { value: 0.0, step: 0 };
/// best.set_state(Best { value: 0.1 + 0.2, step: 7 }.state()).unwrap();
/// assert_eq!((best.value, best.step), (0.1 + 0.2, 7));
/// ```
pub trait Resumable {
    /// All that decides how it goes on, by name.
    fn state(&self) -> Vec<(String, Array)>;

    /// Takes over what [`state`](Resumable::state) gave.
    ///
    /// # Errors
    /// If it is not the state of such a part. The part is then as it was.
    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch>;
}

/// Takes a state apart; each entry is asked for once, and none may be left.
#[derive(Debug)]
pub struct StateReader(BTreeMap<String, Array>);

impl StateReader {
    /// A reader of what [`Resumable::state`] gave.
    pub fn new(state: Vec<(String, Array)>) -> StateReader {
        StateReader(state.into_iter().collect())
    }

    /// The entry of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn array(&mut self, name: &str) -> Result<Array, Mismatch> {
        self.0.remove(name).ok_or_else(|| Mismatch::Names {
            missing: vec![name.to_owned()],
            unexpected: Vec::new(),
        })
    }

    /// The entry of this name, if there is one.
    pub fn take(&mut self, name: &str) -> Option<Array> {
        self.0.remove(name)
    }

    /// The elements of an entry of one axis.
    ///
    /// # Errors
    /// If there is none, or it has more axes or another type.
    pub fn floats(&mut self, name: &str) -> Result<Vec<f64>, Mismatch> {
        let array = expect(name, self.array(name)?, 1, DType::F64)?;
        Ok(array.to_vec())
    }

    /// The elements of an entry of one axis, none of them negative.
    ///
    /// # Errors
    /// If there is none, or it has more axes, another type, or negative numbers.
    pub fn counts(&mut self, name: &str) -> Result<Vec<u64>, Mismatch> {
        let array = expect(name, self.array(name)?, 1, DType::I64)?;
        array.iter::<i64>().map(|&n| count(name, n)).collect()
    }

    /// The only number of an entry.
    ///
    /// # Errors
    /// If there is none, or it has axes or another type.
    pub fn float(&mut self, name: &str) -> Result<f64, Mismatch> {
        Ok(expect(name, self.array(name)?, 0, DType::F64)?.item())
    }

    /// The only number of an entry, not negative.
    ///
    /// # Errors
    /// If there is none, or it has axes, another type, or is negative.
    pub fn count(&mut self, name: &str) -> Result<u64, Mismatch> {
        let array = expect(name, self.array(name)?, 0, DType::I64)?;
        count(name, array.to_vec::<i64>()[0])
    }

    /// What is left, in the order of the names.
    pub fn rest(self) -> impl Iterator<Item = (String, Array)> {
        self.0.into_iter()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// If entries are left that nobody asked for.
    pub fn finish(self) -> Result<(), Mismatch> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Mismatch::Names {
            missing: Vec::new(),
            unexpected: self.0.into_keys().collect(),
        })
    }
}

fn expect(name: &str, array: Array, axes: usize, dtype: DType) -> Result<Array, Mismatch> {
    Mismatch::check(name, &array, axes, dtype)?;
    Ok(array)
}

fn count(name: &str, n: i64) -> Result<u64, Mismatch> {
    u64::try_from(n).map_err(|_| Mismatch::value(name, format!("{n} is negative")))
}

macro_rules! counters {
    ($($t:ty),*) => {$(
        /// A counter of your own loop.
        impl Resumable for $t {
            fn state(&self) -> Vec<(String, Array)> {
                vec![(String::new(), Array::scalar(*self as i64))]
            }

            fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
                let mut state = StateReader::new(state);
                let n = state.count("")?;
                state.finish()?;
                *self = n as $t;
                Ok(())
            }
        }
    )*};
}
counters!(u64, usize);

/// A number of your own loop.
impl Resumable for f64 {
    fn state(&self) -> Vec<(String, Array)> {
        vec![(String::new(), Array::scalar(*self))]
    }

    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
        let mut state = StateReader::new(state);
        let x = state.float("")?;
        state.finish()?;
        *self = x;
        Ok(())
    }
}

/// The random generator of the process, from which weights, shuffling and dropout are drawn.
///
/// ```standalone_crate
/// use dezero::random;
/// use dezero::training::{ProcessRandom, Resumable};
/// random::seed(0);
/// let state = ProcessRandom.state();
/// let x = random::with_default(|random| random.randn(3));
/// ProcessRandom.set_state(state).unwrap();
/// assert_eq!(random::with_default(|random| random.randn(3)), x);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessRandom;

impl Resumable for ProcessRandom {
    fn state(&self) -> Vec<(String, Array)> {
        random_state(&random::with_default(|random| random.get_state()))
    }

    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
        let mut state = StateReader::new(state);
        let bits = read_random(&mut state, "")?;
        state.finish()?;
        random::with_default(|random| random.set_state(&bits));
        Ok(())
    }
}

/// NumPy's parts of the state: `key` (624), `pos`, and `gauss` (0 or 1).
fn random_state(bits: &RandomBits) -> Vec<(String, Array)> {
    let key: Vec<i64> = bits.key().iter().copied().map(i64::from).collect();
    let gauss: Vec<f64> = bits.cached_gaussian().into_iter().collect();
    let (words, normals) = ([key.len()], [gauss.len()]);
    vec![
        ("key".to_owned(), Array::from_vec(key, words)),
        ("pos".to_owned(), Array::scalar(bits.pos() as i64)),
        ("gauss".to_owned(), Array::from_vec(gauss, normals)),
    ]
}

fn read_random(state: &mut StateReader, under: &str) -> Result<RandomBits, Mismatch> {
    let key_name = format!("{under}key");
    let words = state.counts(&key_name)?;
    let key: Option<Vec<u32>> = words.iter().map(|&word| u32::try_from(word).ok()).collect();
    let key = key.ok_or_else(|| Mismatch::value(&key_name, "a word is beyond 32 bits"))?;
    let pos = state.count(&format!("{under}pos"))? as usize;
    let gauss = state.floats(&format!("{under}gauss"))?;
    RandomBits::new(&key, pos, gauss.first().copied())
        .map_err(|error| Mismatch::value(&key_name, error.to_string()))
}

/// Marks a parameter or buffer that gets its value later, at the first call.
const NO_VALUE: &str = " (no value yet)";

/// Parameters, buffers, and the states of recurrent layers. What has no value yet must then have none in the model
/// that takes the state over: it is drawn at the first call, as it would have been.
///
/// A recurrent state comes back without the graph that computed it: save after an update, where that graph is cut.
impl<L: Layer + ?Sized> Resumable for L {
    fn state(&self) -> Vec<(String, Array)> {
        let (mut state, mut seen) = (Vec::new(), HashSet::new());
        self.visit(&mut Visitor::new(&mut |name, leaf| {
            if !seen.insert(name.to_owned()) {
                return;
            }
            let array = match leaf {
                Leaf::Parameter(x) => x.get().map(Variable::data),
                Leaf::Buffer(x) => x.get(),
                Leaf::State(x) => match x.get() {
                    Some(x) => Some(x.data()),
                    None => return,
                },
            };
            state.push(match array {
                Some(array) => (name.to_owned(), array),
                None => (format!("{name}{NO_VALUE}"), Array::zeros([0], DType::I64)),
            });
        }));
        state
    }

    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
        let given: BTreeMap<String, Array> = state.into_iter().collect();
        let (mut missing, mut wrong, mut met) = (Vec::new(), None, HashSet::new());
        self.visit(&mut Visitor::new(&mut |name, leaf| {
            let (expected, dtype, has_value) = match leaf {
                Leaf::Parameter(x) => (x.pattern(), x.dtype(), x.get().is_some()),
                Leaf::Buffer(x) => (x.pattern(), x.dtype(), x.get().is_some()),
                Leaf::State(_) => {
                    met.insert(name.to_owned()); // of any shape, or none
                    return;
                }
            };
            let Some(array) = given.get(name) else {
                let mark = format!("{name}{NO_VALUE}");
                if has_value || !given.contains_key(&mark) {
                    missing.push(name.to_owned());
                }
                met.insert(mark);
                return;
            };
            met.insert(name.to_owned());
            let name = name.to_owned();
            if !expected.matches(array.shape()) {
                let found = Shape::from_slice(array.shape());
                wrong.get_or_insert(Mismatch::Shape {
                    name,
                    expected,
                    found,
                });
            } else if dtype != array.dtype() {
                let (expected, found) = (dtype, array.dtype());
                wrong.get_or_insert(Mismatch::DType {
                    name,
                    expected,
                    found,
                });
            }
        }));
        let unexpected = given.keys().filter(|name| !met.contains(*name));
        let unexpected: Vec<String> = unexpected.cloned().collect();
        if !missing.is_empty() || !unexpected.is_empty() {
            return Err(Mismatch::Names {
                missing,
                unexpected,
            });
        }
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        self.visit(&mut Visitor::new(
            &mut |name, leaf| match (leaf, given.get(name)) {
                (Leaf::Parameter(x), Some(array)) => x.initialize(array.clone()),
                (Leaf::Buffer(x), Some(array)) => x.set_data(array.clone()),
                (Leaf::State(x), Some(array)) => x.set(Variable::constant(array.clone())),
                (Leaf::State(x), None) => x.reset(),
                (_, None) => {}
            },
        ));
        Ok(())
    }
}

impl<R: Rule> Resumable for Optimizer<R> {
    fn state(&self) -> Vec<(String, Array)> {
        Optimizer::state(self)
    }

    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
        Optimizer::set_state(self, state)
    }
}

/// Where in its epoch the loader is, and the random numbers that the epoch's order came from. The next epoch begun
/// from `&loader` is then the rest of the epoch that was interrupted.
impl<D: Dataset> Resumable for DataLoader<D> {
    fn state(&self) -> Vec<(String, Array)> {
        position_state(&self.position())
    }

    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
        let position = read_position(state)?;
        self.set_position(position)
            .map_err(|reason| Mismatch::value("samples", reason))
    }
}

impl<D: Dataset> Resumable for SeqDataLoader<D> {
    fn state(&self) -> Vec<(String, Array)> {
        position_state(&self.position())
    }

    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
        let position = read_position(state)?;
        self.set_position(position)
            .map_err(|reason| Mismatch::value("samples", reason))
    }
}

fn position_state(position: &LoaderPosition) -> Vec<(String, Array)> {
    let mut state = vec![
        ("samples".to_owned(), Array::scalar(position.samples as i64)),
        (
            "batch_size".to_owned(),
            Array::scalar(position.batch_size as i64),
        ),
        (
            "epochs".to_owned(),
            Array::scalar(i64::from(position.epochs)),
        ),
    ];
    let mut add = |under: &str, bits: &RandomBits| {
        let entries = random_state(bits).into_iter();
        state.extend(entries.map(|(name, array)| (format!("{under}/{name}"), array)));
    };
    if let Some(bits) = &position.own_random {
        add("random", bits);
    }
    if let Some((next, bits)) = &position.within {
        add("epoch", bits);
        state.push(("next".to_owned(), Array::scalar(*next as i64)));
    }
    state
}

fn read_position(state: Vec<(String, Array)>) -> Result<LoaderPosition, Mismatch> {
    let has = |name: &str| state.iter().any(|(other, _)| other == name);
    let (has_own, is_within) = (has("random/key"), has("next"));
    let mut state = StateReader::new(state);
    let position = LoaderPosition {
        samples: state.count("samples")? as usize,
        batch_size: state.count("batch_size")? as usize,
        epochs: u32::try_from(state.count("epochs")?)
            .map_err(|_| Mismatch::value("epochs", "beyond 32 bits"))?,
        own_random: has_own
            .then(|| read_random(&mut state, "random/"))
            .transpose()?,
        within: match is_within {
            true => Some((
                state.count("next")? as usize,
                read_random(&mut state, "epoch/")?,
            )),
            false => None,
        },
    };
    state.finish()?;
    Ok(position)
}
