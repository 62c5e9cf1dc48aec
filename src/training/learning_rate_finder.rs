//! [`LearningRateFinder`]: the loss at ever larger learning rates.

use std::path::Path;

use dezero_array::Array;

use super::page::{Chart, Page, Series};
use super::{ProcessRandom, Resumable};
use crate::data::{DataLoader, Dataset, Sample};
use crate::error::Result;
use crate::layers::Layer;
use crate::optimizers::{Optimizer, Rule};
use crate::variable::Variable;
use crate::{no_grad, test_mode};

/// Finds a learning rate by training a little with ever larger ones (Smith, *Cyclical Learning Rates for Training Neural
/// Networks*, 2017). Model, optimizer, loader and random numbers are then as they were before; only weights that were
/// still to be drawn have been drawn.
///
/// ```
/// use dezero::Variable;
/// use dezero::data::{DataLoader, Split, digits};
/// use dezero::functions::softmax_cross_entropy;
/// use dezero::models::Mlp;
/// use dezero::optimizers::Adam;
/// use dezero::training::LearningRateFinder;
///
/// let mut loader = DataLoader::new(digits(Split::Train).flatten(), 50).shuffle(true);
/// let model = Mlp::new([64, 10]).activation(Variable::relu);
/// let mut optimizer = Adam::new(0.1).setup(&model);
/// let found = LearningRateFinder::new(1e-6, 10.0).steps(80).run(
///     &model,
///     &mut optimizer,
///     &mut loader,
///     |x, t| softmax_cross_entropy(model.forward(x), t),
/// );
/// assert!((1e-4..1.0).contains(&found.suggestion()));
/// ```
#[derive(Clone, Debug)]
pub struct LearningRateFinder {
    low: f64,
    high: f64,
    steps: usize,
}

/// What a [`LearningRateFinder`] found.
#[derive(Clone, Debug)]
pub struct LearningRates {
    rates: Vec<f64>,
    losses: Vec<f64>,
    smoothed: Vec<f64>,
}

impl LearningRateFinder {
    /// From `low` to `high`, each step by the same factor.
    ///
    /// # Panics
    /// Unless 0 < `low` < `high`.
    #[track_caller]
    pub fn new(low: f64, high: f64) -> LearningRateFinder {
        if !(low > 0.0 && low < high && high.is_finite()) {
            panic!("LearningRateFinder: from {low} to {high} is no range of learning rates");
        }
        LearningRateFinder {
            low,
            high,
            steps: 100,
        }
    }

    /// Sets the number of steps (100).
    ///
    /// # Panics
    /// If less than 2.
    #[track_caller]
    #[must_use]
    pub fn steps(mut self, steps: usize) -> LearningRateFinder {
        assert!(steps >= 2, "LearningRateFinder: takes at least 2 steps");
        self.steps = steps;
        self
    }

    /// Trains on batches of the loader, over again where it ends, until the smoothed loss is four times its lowest value
    /// or NaN.
    ///
    /// # Panics
    /// If the loader is empty.
    #[track_caller]
    pub fn run<R: Rule, D>(
        &self,
        model: &dyn Layer,
        optimizer: &mut Optimizer<R>,
        loader: &mut DataLoader<D>,
        loss: impl Fn(&Array, &Array) -> Variable,
    ) -> LearningRates
    where
        D: Dataset,
        D::Sample: Sample<Batch = (Array, Array)>,
    {
        assert!(
            !loader.is_empty(),
            "LearningRateFinder: the loader is empty"
        );
        let before = (loader.state(), ProcessRandom.state());
        if let Some((x, t)) = loader.iter().next() {
            no_grad(|| test_mode(|| loss(&x, &t))); // draws what is still to be drawn
        }
        let drawn = (model.state(), optimizer.state());
        let found = self.measure(optimizer, loader, loss);
        let fits = "it was taken from the same thing";
        { model }.set_state(drawn.0).expect(fits);
        optimizer.set_state(drawn.1).expect(fits);
        loader.set_state(before.0).expect(fits);
        ProcessRandom.set_state(before.1).expect(fits);
        model.clear_grads();
        found
    }

    fn measure<R: Rule, D>(
        &self,
        optimizer: &mut Optimizer<R>,
        loader: &DataLoader<D>,
        loss: impl Fn(&Array, &Array) -> Variable,
    ) -> LearningRates
    where
        D: Dataset,
        D::Sample: Sample<Batch = (Array, Array)>,
    {
        let mut found = LearningRates {
            rates: Vec::new(),
            losses: Vec::new(),
            smoothed: Vec::new(),
        };
        // A mean over about a twentieth of the steps.
        let keep = 1.0 - 1.0 / (self.steps as f64 / 20.0).max(1.5);
        let (mut mean, mut weight, mut lowest) = (0.0, 0.0, f64::INFINITY);
        let factor = (self.high / self.low).ln() / (self.steps - 1) as f64;
        let epochs = std::iter::repeat_with(|| loader.iter()).flatten();
        for (i, (x, t)) in epochs.take(self.steps).enumerate() {
            let rate = self.low * (factor * i as f64).exp();
            optimizer.set_lr(rate);
            let loss = loss(&x, &t);
            let value = loss.item();
            if !value.is_finite() {
                break;
            }
            mean = keep * mean + (1.0 - keep) * value;
            weight = keep * weight + (1.0 - keep);
            let smoothed: f64 = mean / weight;
            found.rates.push(rate);
            found.losses.push(value);
            found.smoothed.push(smoothed);
            lowest = smoothed.min(lowest);
            if smoothed > 4.0 * lowest && i > 0 {
                break;
            }
            optimizer.clear_grads();
            loss.backward();
            optimizer.update();
        }
        found
    }
}

impl LearningRates {
    /// The rates that were tried.
    pub fn rates(&self) -> &[f64] {
        &self.rates
    }

    /// The loss of the batch at each of them.
    pub fn losses(&self) -> &[f64] {
        &self.losses
    }

    /// Where the smoothed loss falls fastest before its lowest point; NaN where nothing could be measured.
    pub fn suggestion(&self) -> f64 {
        let lowest = self.place_of_lowest();
        // Over a few steps to each side: single ones are noise.
        let reach = (self.rates.len() / 20).max(1);
        let slope = |i: usize| {
            let (a, b) = (
                i.saturating_sub(reach),
                (i + reach).min(self.rates.len() - 1),
            );
            let run = self.rates[b].ln() - self.rates[a].ln();
            (self.smoothed[b] - self.smoothed[a]) / run
        };
        let steepest = (0..lowest).min_by(|&a, &b| slope(a).total_cmp(&slope(b)));
        let at = self.rates.as_slice().get(steepest.unwrap_or(0));
        at.copied().unwrap_or(f64::NAN)
    }

    /// Where the smoothed loss is lowest: above this it gets worse. NaN where nothing could be measured.
    pub fn lowest(&self) -> f64 {
        let at = self.rates.as_slice().get(self.place_of_lowest());
        at.copied().unwrap_or(f64::NAN)
    }

    fn place_of_lowest(&self) -> usize {
        let places = 0..self.smoothed.len();
        let lowest = places.min_by(|&a, &b| self.smoothed[a].total_cmp(&self.smoothed[b]));
        lowest.unwrap_or(0)
    }

    /// Writes a page with the curve, one file that needs no other.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_html(&self, path: impl AsRef<Path>) -> Result<()> {
        let points = |y: &[f64]| self.rates.iter().copied().zip(y.iter().copied()).collect();
        let series = |name: &str, y: &[f64]| Series {
            name: name.to_owned(),
            points: points(y),
            smooth: false,
        };
        let suggestion = self.suggestion();
        let marks = match suggestion.is_nan() {
            true => Vec::new(),
            false => vec![(format!("{suggestion:.2e}"), suggestion)],
        };
        let chart = Chart {
            title: "Loss".to_owned(),
            x: "learning rate".to_owned(),
            log_x: true,
            series: vec![
                series("smoothed", &self.smoothed),
                series("of a batch", &self.losses),
            ],
            marks,
            ..Chart::default()
        };
        let page = Page {
            title: "Learning rates".to_owned(),
            subtitle: format!(
                "falls fastest at {suggestion:.2e}, lowest at {:.2e}",
                self.lowest()
            ),
            charts: vec![chart],
            ..Page::default()
        };
        page.write(path.as_ref())
    }
}
