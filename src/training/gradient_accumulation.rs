//! [`GradientAccumulation`]: one update of several batches.

use dezero_array::Array;

use super::{Resumable, StateReader};
use crate::layers::Layer;
use crate::optimizers::{Optimizer, Rule};
use crate::parameter::Parameter;
use crate::variable::Variable;
use crate::weights::Mismatch;
use crate::{BackwardOptions, Shape};

/// Adds up the gradients of several batches before each update: a batch as large as memory does not hold at once.
///
/// The losses are means over examples; each weighs as many as its batch has, so that one update of batches of 32, 32
/// and 16 is, up to rounding, that of one batch of 80.
///
/// ```
/// use dezero::optimizers::Sgd;
/// use dezero::training::GradientAccumulation;
/// use dezero::{Parameter, Variable};
/// let x = Parameter::new(0.0);
/// let mut optimizer = Sgd::new(0.5).setup(&x);
/// let mut accumulation = GradientAccumulation::new(2, &x);
/// for target in [1.0, 2.0, 3.0, 5.0] {
///     let loss = (&x - target).square();
///     accumulation.backward(&loss, 1);
///     if accumulation.is_due() {
///         accumulation.update(&mut optimizer);
///     }
/// }
/// assert_eq!(x.item(), 4.0); // 1.5 after two targets, then their mean 4
/// ```
#[derive(Debug)]
pub struct GradientAccumulation {
    batches: usize,
    params: Vec<(String, Parameter)>,
    /// Batches since the last update.
    pending: usize,
    /// Examples in them.
    examples: usize,
}

impl GradientAccumulation {
    /// An update every `batches` batches.
    ///
    /// # Panics
    /// If 0.
    #[track_caller]
    pub fn new(batches: usize, model: &dyn Layer) -> GradientAccumulation {
        assert!(
            batches > 0,
            "GradientAccumulation: takes at least one batch"
        );
        GradientAccumulation {
            batches,
            params: model.named_params(),
            pending: 0,
            examples: 0,
        }
    }

    /// Adds the gradients of a loss, the mean over `examples`. The first after an update replaces what was there.
    #[track_caller]
    pub fn backward(&mut self, loss: &Variable, examples: usize) {
        if self.pending == 0 {
            self.clear_grads();
        }
        if self.batches == 1 {
            loss.backward(); // nothing to weigh, and the bits of a plain loop
        } else {
            let weight = loss.data().full_like(examples as f64);
            loss.backward_with(BackwardOptions::new().seed(weight));
        }
        self.pending += 1;
        self.examples += examples;
    }

    /// Whether as many batches are in as an update takes.
    pub fn is_due(&self) -> bool {
        self.pending >= self.batches
    }

    /// Whether there are gradients that no update has used, as may be at the end of an epoch.
    pub fn is_pending(&self) -> bool {
        self.pending > 0
    }

    /// What the gradients so far are larger by than their mean.
    pub(super) fn weight(&self) -> f64 {
        match self.batches {
            1 => 1.0,
            _ => self.examples as f64,
        }
    }

    /// Makes the sums means. The gradients are then what an optimizer takes; [`update`](Self::update) does this too.
    pub fn finish(&mut self) {
        if self.batches > 1 && self.pending > 0 {
            let scale = 1.0 / self.examples as f64;
            for x in self.params.iter().filter_map(|(_, x)| x.get()) {
                if let Some(gradient) = x.grad() {
                    x.set_grad(gradient.data() * scale);
                }
            }
        }
        (self.pending, self.examples) = (0, 0);
    }

    /// Updates the parameters.
    pub fn update<R: Rule>(&mut self, optimizer: &mut Optimizer<R>) {
        self.finish();
        optimizer.update();
    }

    fn clear_grads(&self) {
        for x in self.params.iter().filter_map(|(_, x)| x.get()) {
            x.clear_grad();
        }
    }
}

/// The gradients that wait for an update are part of the state.
impl Resumable for GradientAccumulation {
    fn state(&self) -> Vec<(String, Array)> {
        let mut state = vec![
            ("pending".to_owned(), Array::scalar(self.pending as i64)),
            ("examples".to_owned(), Array::scalar(self.examples as i64)),
        ];
        if self.pending > 0 {
            let gradients = self.params.iter().filter_map(|(name, x)| {
                let gradient = x.get()?.grad()?.data();
                Some((format!("gradient/{name}"), gradient))
            });
            state.extend(gradients);
        }
        state
    }

    fn set_state(&mut self, state: Vec<(String, Array)>) -> Result<(), Mismatch> {
        let mut state = StateReader::new(state);
        let (pending, examples) = (state.count("pending")?, state.count("examples")?);
        let mut gradients = Vec::new();
        for (name, parameter) in &self.params {
            let name = format!("gradient/{name}");
            let Some(gradient) = state.take(&name) else {
                continue;
            };
            match parameter.get() {
                Some(x) if x.shape() == Shape::from_slice(gradient.shape()) => {
                    gradients.push((x, gradient));
                }
                _ => {
                    return Err(Mismatch::Shape {
                        name,
                        expected: parameter.pattern(),
                        found: Shape::from_slice(gradient.shape()),
                    });
                }
            }
        }
        state.finish()?;
        self.clear_grads();
        for (x, gradient) in gradients {
            x.set_grad(gradient);
        }
        (self.pending, self.examples) = (pending as usize, examples as usize);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataLoader, Split, digits};
    use crate::functions::softmax_cross_entropy;
    use crate::layers::Linear;
    use crate::optimizers::Sgd;
    use crate::{DType, no_grad};

    #[test]
    fn several_batches_are_one_large_one() {
        let first = Linear::new(10).dtype(DType::F64);
        no_grad(|| first.forward(Array::zeros([1, 64], DType::F64)));
        let train = |batch_size: usize, batches: usize, stop: bool| {
            let model = Linear::new(10).dtype(DType::F64);
            model.copy_weights(&first);
            let mut optimizer = Sgd::new(0.5).setup(&model);
            let mut accumulation = GradientAccumulation::new(batches, &model);
            let loader = DataLoader::new(digits(Split::Train).flatten(), batch_size);
            // 1,437 samples: the last batch of both is smaller.
            for (x, t) in &loader {
                let x = x.to_dtype(DType::F64);
                let loss = softmax_cross_entropy(model.forward(&x), &t);
                accumulation.backward(&loss, t.len());
                if stop && accumulation.is_pending() {
                    let state = accumulation.state();
                    model.clear_grads();
                    accumulation = GradientAccumulation::new(batches, &model);
                    accumulation.set_state(state).unwrap();
                }
                if accumulation.is_due() {
                    accumulation.update(&mut optimizer);
                }
            }
            if accumulation.is_pending() {
                accumulation.update(&mut optimizer);
            }
            model.weights()
        };
        let large = train(300, 1, false);
        let small = train(100, 3, false);
        for ((name, x), (_, y)) in large.iter().zip(&small) {
            assert!(x.allclose(y, 1e-12, 1e-12), "{name}");
        }
        for ((name, x), (_, y)) in small.iter().zip(train(100, 3, true)) {
            assert_eq!(*x, y, "{name}");
        }
    }
}
