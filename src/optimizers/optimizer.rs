//! [`Optimizer`]: a rule, the parameters it updates, and what it remembers of each.

use std::collections::HashMap;
use std::path::Path;

use dezero_array::{Array, DType, Shape};
use smallvec::SmallVec;

use super::Hook;
use crate::error::{Error, Result};
use crate::layers::Layer;
use crate::parameter::Parameter;
use crate::weights::{self, Mismatch, entry_name};

/// How one parameter is updated: what tells an optimizer from another.
pub trait Rule {
    /// The name in files of states: `adam`.
    fn name(&self) -> &'static str;

    /// Names of the arrays that are remembered for each parameter; they start as zeros.
    fn states(&self) -> &'static [&'static str] {
        &[]
    }

    /// The learning rate.
    fn learning_rate(&self) -> f64;

    /// Sets the learning rate.
    fn set_learning_rate(&mut self, learning_rate: f64);

    /// Updates a parameter in place.
    fn update(&self, x: &mut Array, step: Step<'_>);
}

/// What a [`Rule`] updates a parameter by.
pub struct Step<'a> {
    /// The gradient, of the parameter's shape.
    pub gradient: &'a Array,
    /// The arrays that [`Rule::states`] names, in that order.
    pub states: &'a mut [Array],
    /// Number of this update of the parameter, from 1.
    pub t: u64,
}

impl<R: Rule + ?Sized> Rule for Box<R> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn states(&self) -> &'static [&'static str] {
        (**self).states()
    }

    fn learning_rate(&self) -> f64 {
        (**self).learning_rate()
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        (**self).set_learning_rate(learning_rate);
    }

    fn update(&self, x: &mut Array, step: Step<'_>) {
        (**self).update(x, step);
    }
}

/// Updates the parameters of a model by a [`Rule`]. Parameters without a gradient stay as they are.
///
/// ```
/// use dezero::layers::Linear;
/// use dezero::optimizers::{Adam, ClipGrad};
/// use dezero::{Array, DType};
/// let model = Linear::new(1);
/// let mut optimizer = Adam::new(0.01).setup(&model).with_hook(ClipGrad::new(1.0));
/// let x = Array::ones([4, 3], DType::F32);
/// let loss = |x: &Array| (model.forward(x) - 1.0).square().sum();
/// let first = loss(&x).item();
/// for _ in 0..10 {
///     optimizer.clear_grads();
///     loss(&x).backward();
///     optimizer.update();
/// }
/// assert!(loss(&x).item() < first);
/// ```
pub struct Optimizer<R> {
    rule: R,
    slots: Vec<Slot>,
    hooks: Vec<Box<dyn Hook>>,
}

struct Slot {
    name: String,
    parameter: Parameter,
    t: u64,
    /// Empty before the first update.
    states: SmallVec<[Array; 2]>,
}

impl<R: Rule> Optimizer<R> {
    /// An optimizer of all parameters of `model`, also of those that get their value later.
    pub fn new(rule: R, model: &dyn Layer) -> Optimizer<R> {
        let named = model.named_params().into_iter();
        let slots = named.map(|(name, parameter)| Slot {
            name,
            parameter,
            t: 0,
            states: SmallVec::new(),
        });
        Optimizer {
            rule,
            slots: slots.collect(),
            hooks: Vec::new(),
        }
    }

    /// Adds a hook, which sees the parameters and their gradients before every update, after the
    /// hooks that were added earlier.
    pub fn add_hook(&mut self, hook: impl Hook + 'static) {
        self.hooks.push(Box::new(hook));
    }

    /// [`add_hook`](Optimizer::add_hook) in a chain.
    #[must_use]
    pub fn with_hook(mut self, hook: impl Hook + 'static) -> Optimizer<R> {
        self.add_hook(hook);
        self
    }

    /// Updates every parameter that has a gradient, once.
    pub fn update(&mut self) {
        if !self.hooks.is_empty() {
            let with_gradient: Vec<Parameter> = self
                .slots
                .iter()
                .filter(|slot| slot.parameter.get().is_some_and(|x| x.grad().is_some()))
                .map(|slot| slot.parameter.clone())
                .collect();
            for hook in &self.hooks {
                hook.before_update(&with_gradient);
            }
        }
        for slot in &mut self.slots {
            let Some(x) = slot.parameter.get() else {
                continue;
            };
            let Some(gradient) = x.grad() else { continue };
            let gradient = gradient.data();
            slot.t += 1;
            x.update_data(|x| {
                if slot.states.is_empty() {
                    let zeros = || Array::zeros(x.shape(), x.dtype());
                    slot.states = self.rule.states().iter().map(|_| zeros()).collect();
                }
                let step = Step {
                    gradient: &gradient,
                    states: &mut slot.states,
                    t: slot.t,
                };
                self.rule.update(x, step);
            });
        }
    }

    /// Forgets the gradients of the parameters.
    pub fn clear_grads(&self) {
        for slot in &self.slots {
            if let Some(x) = slot.parameter.get() {
                x.clear_grad();
            }
        }
    }

    /// The learning rate.
    pub fn lr(&self) -> f64 {
        self.rule.learning_rate()
    }

    /// Sets the learning rate, for instance to that of a [`Schedule`](super::Schedule).
    pub fn set_lr(&mut self, lr: f64) {
        self.rule.set_learning_rate(lr);
    }

    /// The rule.
    pub fn rule(&self) -> &R {
        &self.rule
    }

    /// The parameters with their names.
    pub fn named_params(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        let slots = self.slots.iter();
        slots.map(|slot| (slot.name.as_str(), &slot.parameter))
    }

    /// What the optimizer remembers, by name: the learning rate as `adam/lr`; and for each parameter
    /// that was updated the number of its updates and the arrays of the rule, as `l1/W/t`, `l1/W/m`.
    pub fn state(&self) -> Vec<(String, Array)> {
        let mut state = vec![(self.lr_name(), Array::scalar(self.lr()))];
        for slot in self.slots.iter().filter(|slot| slot.t > 0) {
            state.push((entry_name(&slot.name, "t"), Array::scalar(slot.t as i64)));
            for (name, array) in self.rule.states().iter().zip(&slot.states) {
                state.push((entry_name(&slot.name, name), array.clone()));
            }
        }
        state
    }

    fn lr_name(&self) -> String {
        format!("{}/lr", self.rule.name())
    }

    /// Writes what the optimizer remembers to an `.npz` or a `.safetensors` file, so that training
    /// goes on as if it had not stopped: save the model's weights beside it.
    ///
    /// # Errors
    /// If the file cannot be written, or its name ends otherwise.
    pub fn save_state(&self, path: impl AsRef<Path>) -> Result<()> {
        weights::write(path, &self.state())
    }

    /// Reads what [`save_state`](Optimizer::save_state) wrote, with the learning rate.
    ///
    /// # Errors
    /// If the file cannot be read or is broken, or is of another rule or another model. The
    /// optimizer is then as it was.
    pub fn load_state(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let state = weights::read(path)?;
        self.set_state(state).map_err(|mismatch| Error::Weights {
            path: path.to_owned(),
            mismatch,
        })
    }

    /// Takes over what [`state`](Optimizer::state) gave.
    ///
    /// # Errors
    /// If it is of another rule or another model. The optimizer is then as it was.
    pub fn set_state(&mut self, state: Vec<(String, Array)>) -> std::result::Result<(), Mismatch> {
        let mut state: HashMap<String, Array> = state.into_iter().collect();
        let mut missing = Vec::new();
        let lr_name = self.lr_name();
        let lr = match state.remove(&lr_name) {
            Some(lr) => Some(number(&lr_name, &lr, DType::F64)?),
            None => {
                missing.push(lr_name);
                None
            }
        };
        let mut loaded = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            let t_name = entry_name(&slot.name, "t");
            let Some(t) = state.remove(&t_name) else {
                // It was never updated; its arrays, if there are any, are unexpected below.
                loaded.push((0, SmallVec::new()));
                continue;
            };
            let t = number(&t_name, &t, DType::I64)?;
            let (pattern, dtype) = (slot.parameter.pattern(), slot.parameter.dtype());
            let mut arrays: SmallVec<[Array; 2]> = SmallVec::new();
            for name in self.rule.states() {
                let name = entry_name(&slot.name, name);
                let Some(array) = state.remove(&name) else {
                    missing.push(name);
                    continue;
                };
                if !pattern.matches(array.shape()) {
                    return Err(Mismatch::Shape {
                        name,
                        expected: pattern,
                        found: Shape::from_slice(array.shape()),
                    });
                }
                if !array.dtype().is_float() {
                    return Err(Mismatch::DType {
                        name,
                        expected: dtype,
                        found: array.dtype(),
                    });
                }
                arrays.push(array.to_dtype(dtype));
            }
            loaded.push((t as u64, arrays));
        }
        let mut unexpected: Vec<String> = state.into_keys().collect();
        let (Some(lr), true, true) = (lr, missing.is_empty(), unexpected.is_empty()) else {
            unexpected.sort();
            return Err(Mismatch::Names {
                missing,
                unexpected,
            });
        };
        self.set_lr(lr);
        for (slot, (t, states)) in self.slots.iter_mut().zip(loaded) {
            slot.t = t;
            slot.states = states;
        }
        Ok(())
    }
}

/// The only element of an array of a file.
fn number(name: &str, array: &Array, dtype: DType) -> std::result::Result<f64, Mismatch> {
    Mismatch::check(name, array, 0, dtype)?;
    Ok(array.item())
}
