//! Weights in files: named parameters and buffers to and from `.npz` and `.safetensors`.
//!
//! Files are read completely and held against the model before anything in it changes.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use dezero_array::{Array, DType, Shape, npz, safetensors};

use crate::error::{Error, Result};
use crate::layers::{Layer, Leaf, Visitor};
use crate::parameter::{Buffer, Parameter, ShapePattern};

/// Why weights do not fit a model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The names differ.
    Names {
        /// Names that the model has and the weights lack.
        missing: Vec<String>,
        /// Names that the weights have and the model lacks.
        unexpected: Vec<String>,
    },
    /// A parameter or a buffer has another shape.
    Shape {
        /// Its name.
        name: String,
        /// The model's shape, as far as it is known.
        expected: ShapePattern,
        /// The shape of the weights.
        found: Shape,
    },
    /// Integers or truth values for a parameter, which holds floats.
    DType {
        /// Its name.
        name: String,
        /// The model's type.
        expected: DType,
        /// The type of the weights.
        found: DType,
    },
    /// A number that cannot be: a position behind the end, the state of no random generator.
    Value {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Mismatch {
    pub(crate) fn value(name: &str, reason: impl Into<String>) -> Mismatch {
        Mismatch::Value {
            name: name.to_owned(),
            reason: reason.into(),
        }
    }

    /// An error unless `array` has so many axes, none or one, and this type.
    pub(crate) fn check(
        name: &str,
        array: &Array,
        axes: usize,
        dtype: DType,
    ) -> std::result::Result<(), Mismatch> {
        if array.ndim() != axes {
            let expected = if axes == 0 {
                ShapePattern::from(&[][..])
            } else {
                ShapePattern::from([None])
            };
            return Err(Mismatch::Shape {
                name: name.to_owned(),
                expected,
                found: Shape::from_slice(array.shape()),
            });
        }
        if array.dtype() != dtype {
            return Err(Mismatch::DType {
                name: name.to_owned(),
                expected: dtype,
                found: array.dtype(),
            });
        }
        Ok(())
    }

    /// The same about one part of a whole: `W` of `model` is `model/W`.
    pub(crate) fn within(mut self, part: &str) -> Mismatch {
        let names: Vec<&mut String> = match &mut self {
            Mismatch::Names {
                missing,
                unexpected,
            } => missing.iter_mut().chain(unexpected).collect(),
            Mismatch::Shape { name, .. }
            | Mismatch::DType { name, .. }
            | Mismatch::Value { name, .. } => vec![name],
        };
        for name in names {
            *name = entry_name(part, name);
        }
        self
    }
}

/// The name of what is remembered of a part; of a part that is one value, the part's.
pub(crate) fn entry_name(part: &str, name: &str) -> String {
    match (part, name) {
        ("", name) => name.to_owned(),
        (part, "") => part.to_owned(),
        (part, name) => format!("{part}/{name}"),
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Names {
                missing,
                unexpected,
            } => {
                f.write_str("the names are not those of the model:")?;
                if !missing.is_empty() {
                    write!(f, " missing {}", list(missing))?;
                }
                if !unexpected.is_empty() {
                    let and = if missing.is_empty() { "" } else { ";" };
                    write!(f, "{and} unexpected {}", list(unexpected))?;
                }
                Ok(())
            }
            Mismatch::Shape {
                name,
                expected,
                found,
            } => write!(
                f,
                "{name}: expected shape {expected}, found {:?}",
                &found[..]
            ),
            Mismatch::DType {
                name,
                expected,
                found,
            } => write!(f, "{name}: expected {expected}, found {found}"),
            Mismatch::Value { name, reason } => write!(f, "{name}: {reason}"),
        }
    }
}

/// The first names of many.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A place in a model that a file holds a value for.
enum Place {
    Parameter(Parameter),
    Buffer(Buffer),
}

impl Place {
    fn get(&self) -> Option<Array> {
        match self {
            Place::Parameter(parameter) => parameter.get().map(|variable| variable.data()),
            Place::Buffer(buffer) => buffer.get(),
        }
    }

    fn pattern(&self) -> ShapePattern {
        match self {
            Place::Parameter(parameter) => parameter.pattern(),
            Place::Buffer(buffer) => buffer.pattern(),
        }
    }

    fn dtype(&self) -> DType {
        match self {
            Place::Parameter(parameter) => parameter.dtype(),
            Place::Buffer(buffer) => buffer.dtype(),
        }
    }
}

pub(crate) struct Slot {
    name: String,
    place: Place,
}

/// Everything that a layer saves, in order of declaration; what is shared, once.
pub(crate) fn slots(visit: impl FnOnce(&mut Visitor<'_>)) -> Vec<Slot> {
    let (mut slots, mut seen) = (Vec::new(), HashSet::new());
    visit(&mut Visitor::new(&mut |name, leaf| {
        let (key, place) = match leaf {
            Leaf::Parameter(parameter) => (parameter.key(), Place::Parameter(parameter.clone())),
            Leaf::Buffer(buffer) => (buffer.key(), Place::Buffer(buffer.clone())),
            Leaf::State(_) => return,
        };
        if seen.insert(key) {
            let name = name.to_owned();
            slots.push(Slot { name, place });
        }
    }));
    slots
}

#[track_caller]
pub(crate) fn collect(slots: &[Slot]) -> Vec<(String, Array)> {
    let mut weights = Vec::with_capacity(slots.len());
    for Slot { name, place } in slots {
        match place.get() {
            Some(array) => weights.push((name.clone(), array)),
            None => panic!(
                "weights: {name} has no value yet (shape {}): call the model once before",
                place.pattern()
            ),
        }
    }
    weights
}

/// Values that fit their places, converted to the types there.
pub(crate) struct Plan<'a>(Vec<(&'a Slot, Array)>);

/// Holds weights against the places they are for.
pub(crate) fn plan(
    slots: &[Slot],
    weights: Vec<(String, Array)>,
) -> std::result::Result<Plan<'_>, Mismatch> {
    let mut weights: HashMap<String, Array> = weights.into_iter().collect();
    let missing: Vec<String> = slots
        .iter()
        .filter(|slot| !weights.contains_key(&slot.name))
        .map(|slot| slot.name.clone())
        .collect();
    if !missing.is_empty() || weights.len() > slots.len() {
        for slot in slots {
            weights.remove(&slot.name);
        }
        let mut unexpected: Vec<String> = weights.into_keys().collect();
        unexpected.sort();
        return Err(Mismatch::Names {
            missing,
            unexpected,
        });
    }
    let mut plan = Vec::with_capacity(slots.len());
    for slot in slots {
        // Two places of one name, in a layer visited by hand, would share the value.
        let array = weights[&slot.name].clone();
        let (expected, dtype) = (slot.place.pattern(), slot.place.dtype());
        if !expected.matches(array.shape()) {
            return Err(Mismatch::Shape {
                name: slot.name.clone(),
                expected,
                found: Shape::from_slice(array.shape()),
            });
        }
        if dtype.is_float() != array.dtype().is_float() {
            return Err(Mismatch::DType {
                name: slot.name.clone(),
                expected: dtype,
                found: array.dtype(),
            });
        }
        plan.push((slot, array.to_dtype(dtype)));
    }
    Ok(Plan(plan))
}

impl Plan<'_> {
    #[track_caller]
    pub(crate) fn carry_out(self) {
        for (slot, array) in self.0 {
            match &slot.place {
                Place::Parameter(parameter) => parameter.initialize(array),
                Place::Buffer(buffer) => buffer.set_data(array),
            }
        }
    }
}

/// The formats that weights are stored in.
#[derive(Clone, Copy)]
enum Format {
    Npz,
    Safetensors,
}

fn format_of(path: &Path) -> Result<Format> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("npz") => Ok(Format::Npz),
        Some("safetensors") => Ok(Format::Safetensors),
        _ => Err(Error::format(
            path,
            "weights are stored as .npz or .safetensors; the name ends otherwise",
        )),
    }
}

/// Reads named arrays from an `.npz` or a `.safetensors` file, for instance to rename or transpose
/// the weights of another framework before [`assign`].
///
/// # Errors
/// If the file cannot be read or is broken, or its name ends otherwise.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<(String, Array)>> {
    let path = path.as_ref();
    Ok(match format_of(path)? {
        Format::Npz => npz::load(path)?,
        Format::Safetensors => safetensors::load(path)?,
    })
}

/// Writes named arrays to an `.npz` or a `.safetensors` file, which is replaced as a whole.
///
/// # Errors
/// If the file cannot be written, two arrays have one name, or the file's name ends otherwise.
pub fn write(path: impl AsRef<Path>, weights: &[(String, Array)]) -> Result<()> {
    let path = path.as_ref();
    let weights = weights.iter().map(|(name, array)| (name, array));
    match format_of(path)? {
        Format::Npz => npz::save(path, weights)?,
        Format::Safetensors => safetensors::save(path, weights)?,
    }
    Ok(())
}

/// Gives a layer the weights that were read from `path`, as
/// [`load_weights`](Layer::load_weights) does.
///
/// # Errors
/// If they do not fit; the layer is then as it was.
pub fn assign(layer: &dyn Layer, weights: Vec<(String, Array)>, path: &Path) -> Result<()> {
    let slots = slots(|visitor| layer.visit(visitor));
    match plan(&slots, weights) {
        Ok(plan) => {
            plan.carry_out();
            Ok(())
        }
        Err(mismatch) => Err(Error::Weights {
            path: path.to_owned(),
            mismatch,
        }),
    }
}
