//! [`Trainer`]: the loop that most trainings are, over the parts of this module.

use dezero_array::random::{self, State as RandomBits};
use dezero_array::{Array, DType};

use super::metrics::{Mean, Metric};
use super::{
    Checkpoint, Checkpoints, EarlyStopping, GradientAccumulation, Interrupt, ProcessRandom,
    Progress, RunFolder,
};
use crate::data::{DataLoader, Dataset, Sample};
use crate::error::{Error, Result};
use crate::layers::Layer;
use crate::optimizers::{Optimizer, Rule, Schedule};
use crate::variable::Variable;
use crate::{find_anomaly, no_grad, test_mode};

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done.
    Finished,
    /// The figure that was watched no longer got better.
    StoppedEarly,
    /// Ctrl-C: a checkpoint was saved, if there is a run folder.
    Interrupted,
}

/// Trains a model on batches of inputs and targets.
///
/// What a batch is worth is a function of yours, which gives the loss and the predictions, so that nothing about a
/// model is hidden. With a [`RunFolder`] everything is logged and checkpoints are made, and a training whose
/// folder has a checkpoint goes on from it, bit for bit as if it had never stopped.
///
/// ```
/// use dezero::data::{DataLoader, Split, digits};
/// use dezero::functions::softmax_cross_entropy;
/// use dezero::models::Mlp;
/// use dezero::optimizers::Adam;
/// use dezero::training::metrics::Accuracy;
/// use dezero::training::{EarlyStopping, Outcome, Trainer};
///
/// let mut train = DataLoader::new(digits(Split::Train).flatten(), 32).shuffle(true);
/// let mut test = DataLoader::new(digits(Split::Test).flatten(), 360);
/// let model = Mlp::new([32, 10]);
/// let mut trainer = Trainer::new(&model, Adam::new(0.01).setup(&model), |x, t| {
///     let y = model.forward(x);
///     (softmax_cross_entropy(&y, t), y)
/// })
/// .metric(Accuracy::new())
/// .watch("test accuracy", EarlyStopping::maximize().patience(3))
/// .quiet();
/// let outcome = trainer.fit(&mut train, Some(&mut test), 3)?;
/// assert_eq!(outcome, Outcome::Finished);
/// assert!(trainer.figure("test accuracy").unwrap() > 0.6);
/// # Ok::<(), dezero::Error>(())
/// ```
///
/// # NaN
///
/// If the loss or a gradient is NaN or infinite, [`fit`](Trainer::fit) ends before the update with
/// [`Error::NotFinite`], which names the operation that gave it and the line that called it: the batch is computed
/// again with the same random numbers in [anomaly mode](crate::detect_anomaly).
pub struct Trainer<'a, R, F> {
    model: &'a dyn Layer,
    optimizer: Optimizer<R>,
    forward: F,
    schedule: Option<(Box<dyn Schedule + 'a>, Each)>,
    metrics: Vec<Box<dyn Metric + 'a>>,
    accumulation: GradientAccumulation,
    watched: Option<(String, EarlyStopping)>,
    run: Option<RunFolder>,
    checkpoint_every: u64,
    keep_last: usize,
    is_quiet: bool,
    /// Steps and epochs done.
    step: u64,
    epoch: usize,
    loss: Mean,
    /// Of the last epoch.
    figures: Vec<(String, f64)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Each {
    Step,
    Epoch,
}

impl<'a, R, F> Trainer<'a, R, F>
where
    R: Rule,
    F: Fn(&Array, &Array) -> (Variable, Variable),
{
    /// A trainer of `model`. `forward` gives the loss (a scalar, the mean over the batch) and the predictions for the
    /// metrics.
    pub fn new(model: &'a dyn Layer, optimizer: Optimizer<R>, forward: F) -> Self {
        Trainer {
            model,
            optimizer,
            forward,
            schedule: None,
            metrics: Vec::new(),
            accumulation: GradientAccumulation::new(1, model),
            watched: None,
            run: None,
            checkpoint_every: u64::MAX,
            keep_last: 3,
            is_quiet: false,
            step: 0,
            epoch: 0,
            loss: Mean::new(),
            figures: Vec::new(),
        }
    }

    /// Counts a metric, over training and test data.
    #[must_use]
    pub fn metric(mut self, metric: impl Metric + 'a) -> Self {
        self.metrics.push(Box::new(metric));
        self
    }

    /// Sets the learning rate of each epoch.
    #[must_use]
    pub fn schedule(mut self, schedule: impl Schedule + 'a) -> Self {
        self.schedule = Some((Box::new(schedule), Each::Epoch));
        self
    }

    /// Sets the learning rate of each step.
    #[must_use]
    pub fn schedule_by_step(mut self, schedule: impl Schedule + 'a) -> Self {
        self.schedule = Some((Box::new(schedule), Each::Step));
        self
    }

    /// Updates once for so many batches, and with what is left at the end of an epoch.
    ///
    /// # Panics
    /// If 0.
    #[track_caller]
    #[must_use]
    pub fn accumulate(mut self, batches: usize) -> Self {
        self.accumulation = GradientAccumulation::new(batches, self.model);
        self
    }

    /// Watches a figure of the epochs, such as `test accuracy` or `loss`: its best epoch is saved as
    /// `checkpoints/best.npz`, and the training stops when the patience is used up.
    #[must_use]
    pub fn watch(mut self, figure: &str, stopping: EarlyStopping) -> Self {
        self.watched = Some((figure.to_owned(), stopping));
        self
    }

    /// Logs to a run folder and saves checkpoints there, one after each epoch.
    #[must_use]
    pub fn run_folder(mut self, run: RunFolder) -> Self {
        self.run = Some(run);
        self
    }

    /// Saves a checkpoint after every so many steps too.
    ///
    /// # Panics
    /// If 0.
    #[track_caller]
    #[must_use]
    pub fn checkpoint_every(mut self, steps: u64) -> Self {
        assert!(steps > 0, "Trainer: checkpoints every 0 steps");
        self.checkpoint_every = steps;
        self
    }

    /// Sets how many checkpoints are kept besides the best (3).
    #[must_use]
    pub fn keep_last(mut self, n: usize) -> Self {
        self.keep_last = n;
        self
    }

    /// Writes no progress.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.is_quiet = true;
        self
    }

    /// Trains until `epochs` epochs are done, those before a resumption included. Ctrl-C ends it after the step that is
    /// under way.
    ///
    /// # Errors
    /// If the run folder cannot be written, its checkpoint is of something else, or the loss or a gradient is NaN or
    /// infinite.
    ///
    /// # Panics
    /// If a figure is watched that there is not.
    #[track_caller]
    pub fn fit<D, E>(
        &mut self,
        train: &mut DataLoader<D>,
        mut test: Option<&mut DataLoader<E>>,
        epochs: usize,
    ) -> Result<Outcome>
    where
        D: Dataset,
        D::Sample: Sample<Batch = (Array, Array)>,
        E: Dataset,
        E::Sample: Sample<Batch = (Array, Array)>,
    {
        let interrupt = Interrupt::catch();
        let items = train.dataset().len();
        let mut progress = match self.is_quiet {
            true => Progress::quiet(epochs, items),
            false => Progress::new(epochs, items),
        };
        let checkpoints = match &self.run {
            Some(run) => Some(run.checkpoints()?.keep_last(self.keep_last)),
            None => None,
        };
        if let Some(checkpoints) = &checkpoints {
            let test = test.as_deref_mut();
            self.resume(checkpoints, &mut progress, train, test)?;
        }
        while self.epoch < epochs {
            if self
                .watched
                .as_ref()
                .is_some_and(|(_, stopping)| stopping.should_stop())
            {
                return Ok(Outcome::StoppedEarly);
            }
            for (x, t) in &*train {
                self.step(&x, &t, &mut progress)?;
                let is_due = self.step.is_multiple_of(self.checkpoint_every);
                let is_last = interrupt.is_requested();
                if let Some(checkpoints) = &checkpoints
                    && (is_due || is_last)
                {
                    checkpoints.save(&self.checkpoint(&progress, train, test.as_deref()))?;
                }
                if is_last {
                    let saved = match &checkpoints {
                        Some(_) => "; a checkpoint is saved",
                        None => "",
                    };
                    progress.note(&format!("interrupted after step {}{saved}", self.step));
                    return Ok(Outcome::Interrupted);
                }
            }
            if self.accumulation.is_pending() {
                self.update()?;
            }
            let is_best = self.finish_epoch(&mut progress, test.as_deref())?;
            if let Some(checkpoints) = &checkpoints {
                let checkpoint = self.checkpoint(&progress, train, test.as_deref());
                if is_best {
                    checkpoints.save_best(&checkpoint)?;
                }
                checkpoints.save(&checkpoint)?;
            }
        }
        Ok(Outcome::Finished)
    }

    /// The loss and the metrics over a loader, in test mode: `loss`, `accuracy`, …
    pub fn evaluate<D>(&mut self, loader: &DataLoader<D>) -> Vec<(String, f64)>
    where
        D: Dataset,
        D::Sample: Sample<Batch = (Array, Array)>,
    {
        let mut loss_mean = Mean::new();
        self.metrics.iter_mut().for_each(|metric| metric.reset());
        for (x, t) in loader {
            let (loss, y) = no_grad(|| test_mode(|| (self.forward)(&x, &t)));
            loss_mean.add(loss.item(), examples(&t));
            for metric in &mut self.metrics {
                metric.update(&y.data(), &t);
            }
        }
        let mut figures = vec![("loss".to_owned(), loss_mean.value())];
        figures.extend(self.metric_values());
        self.metrics.iter_mut().for_each(|metric| metric.reset());
        figures
    }

    /// A figure of the last epoch, such as `loss` or `test accuracy`.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let figure = self.figures.iter().find(|(other, _)| other == name);
        figure.map(|(_, value)| *value)
    }

    /// The folder of the run.
    pub fn run(&self) -> Option<&RunFolder> {
        self.run.as_ref()
    }

    /// The optimizer.
    pub fn optimizer(&self) -> &Optimizer<R> {
        &self.optimizer
    }

    /// Epochs done.
    pub fn epochs(&self) -> usize {
        self.epoch
    }

    /// Steps done: one for each batch.
    pub fn steps(&self) -> u64 {
        self.step
    }

    fn metric_values(&self) -> Vec<(String, f64)> {
        let metrics = self.metrics.iter();
        metrics
            .map(|metric| (metric.name().to_owned(), metric.value()))
            .collect()
    }

    fn step(&mut self, x: &Array, t: &Array, progress: &mut Progress) -> Result<()> {
        if let Some((schedule, each)) = &self.schedule {
            let at = match each {
                Each::Step => self.step as usize,
                Each::Epoch => self.epoch,
            };
            self.optimizer.set_lr(schedule.lr(at));
        }
        let before = random::with_default(|random| random.get_state());
        let (loss, y) = (self.forward)(x, t);
        let value = loss.item();
        if !value.is_finite() {
            return Err(self.not_finite("the loss", &before, x, t));
        }
        let n = examples(t);
        self.accumulation.backward(&loss, n);
        self.model.detach_state();
        let gradient_norm = gradient_norm(self.model).map(|x| x / self.accumulation.weight());
        if let Err(parameter) = &gradient_norm {
            let what = format!("the gradient of {parameter}");
            return Err(self.not_finite(&what, &before, x, t));
        }
        if self.accumulation.is_due() {
            self.update()?;
        }
        self.step += 1;
        self.loss.add(value, n);
        for metric in &mut self.metrics {
            metric.update(&y.data(), t);
        }
        let metrics = self.metric_values();
        let shown: Vec<(&str, f64)> = metrics.iter().map(|(name, v)| (&**name, *v)).collect();
        progress.show(&shown);
        progress.step(n, &[("loss", value)]);
        if let Some(run) = &mut self.run {
            let figures = [
                ("loss", value),
                ("learning rate", self.optimizer.lr()),
                ("gradient norm", gradient_norm.unwrap_or(f64::NAN)),
            ];
            run.log_step(self.epoch + 1, self.step, &figures)?;
        }
        Ok(())
    }

    fn update(&mut self) -> Result<()> {
        self.accumulation.update(&mut self.optimizer);
        Ok(())
    }

    /// Ends an epoch, and tells whether it is the best.
    fn finish_epoch<E>(
        &mut self,
        progress: &mut Progress,
        test: Option<&DataLoader<E>>,
    ) -> Result<bool>
    where
        E: Dataset,
        E::Sample: Sample<Batch = (Array, Array)>,
    {
        let mut figures = vec![("loss".to_owned(), self.loss.value())];
        figures.extend(self.metric_values());
        if let Some(test) = test {
            let found = self.evaluate(test).into_iter();
            figures.extend(found.map(|(name, value)| (format!("test {name}"), value)));
        }
        self.loss.reset();
        self.metrics.iter_mut().for_each(|metric| metric.reset());
        self.epoch += 1;
        self.figures = figures;
        let figures: Vec<(&str, f64)> =
            self.figures.iter().map(|(name, v)| (&**name, *v)).collect();
        progress.finish_epoch(&figures[1..]); // the loss is its own
        if let Some(run) = &mut self.run {
            run.log_epoch(self.epoch, self.step, &figures)?;
            run.log_model(self.step, self.model)?;
        }
        let Some((name, stopping)) = &mut self.watched else {
            return Ok(false);
        };
        match figures.iter().find(|(other, _)| other == name) {
            Some((_, value)) => Ok(stopping.observe(*value)),
            None => {
                let names: Vec<&str> = figures.iter().map(|(name, _)| *name).collect();
                panic!("Trainer: watches {name:?}, but the epochs have {names:?}")
            }
        }
    }

    fn checkpoint<D: Dataset, E: Dataset>(
        &self,
        progress: &Progress,
        train: &DataLoader<D>,
        test: Option<&DataLoader<E>>,
    ) -> Checkpoint {
        let mut checkpoint = Checkpoint::new(self.step)
            .with("model", self.model)
            .with("optimizer", &self.optimizer)
            .with("train", train)
            .with("random", &ProcessRandom)
            .with("accumulation", &self.accumulation)
            .with("loss", &self.loss)
            .with("progress", progress)
            .with("step", &self.step)
            .with("epoch", &self.epoch);
        for (i, metric) in self.metrics.iter().enumerate() {
            checkpoint = checkpoint.with(&format!("metric{i}"), &**metric);
        }
        if let Some(test) = test {
            checkpoint = checkpoint.with("test", test);
        }
        if let Some((_, stopping)) = &self.watched {
            checkpoint = checkpoint.with("stopping", stopping);
        }
        if let Some(run) = &self.run {
            checkpoint = checkpoint.with("run", run);
        }
        checkpoint
    }

    /// Goes to the latest sound checkpoint, if there is one.
    fn resume<D: Dataset, E: Dataset>(
        &mut self,
        checkpoints: &Checkpoints,
        progress: &mut Progress,
        train: &mut DataLoader<D>,
        test: Option<&mut DataLoader<E>>,
    ) -> Result<()> {
        let Some(checkpoint) = checkpoints.latest()? else {
            return match &mut self.run {
                Some(run) => run.start_over(),
                None => Ok(()),
            };
        };
        checkpoint.restore("model", &mut { self.model })?;
        checkpoint.restore("optimizer", &mut self.optimizer)?;
        checkpoint.restore("train", train)?;
        checkpoint.restore("accumulation", &mut self.accumulation)?;
        checkpoint.restore("loss", &mut self.loss)?;
        checkpoint.restore("progress", progress)?;
        checkpoint.restore("step", &mut self.step)?;
        checkpoint.restore("epoch", &mut self.epoch)?;
        for (i, metric) in self.metrics.iter_mut().enumerate() {
            checkpoint.restore(&format!("metric{i}"), &mut **metric)?;
        }
        if let Some(test) = test {
            checkpoint.restore("test", test)?;
        }
        if let Some((_, stopping)) = &mut self.watched {
            checkpoint.restore("stopping", stopping)?;
        }
        if let Some(run) = &mut self.run {
            checkpoint.restore("run", run)?;
        }
        checkpoint.restore("random", &mut ProcessRandom)?;
        for error in checkpoint.passed_over() {
            progress.note(&format!("passed over: {error}"));
        }
        progress.note(&format!("resumed after step {}", self.step));
        Ok(())
    }

    /// Computes the batch again, with the same random numbers, to find where it went wrong.
    fn not_finite(&self, what: &str, before: &RandomBits, x: &Array, t: &Array) -> Error {
        random::with_default(|random| random.set_state(before));
        let found = find_anomaly(|| (self.forward)(x, t).0.backward());
        let cause = found.unwrap_or_else(|| {
            let params = self.model.named_params().into_iter();
            let broken = params.filter_map(|(name, x)| Some((name, x.get()?.data())));
            let mut broken = broken.filter(|(_, x)| !x.all_finite());
            match broken.next() {
                Some((name, _)) => format!("the parameter {name} is not finite itself"),
                None => "computed again, it is finite".to_owned(),
            }
        });
        self.model.clear_grads();
        Error::NotFinite {
            step: self.step + 1,
            what: what.to_owned(),
            cause,
        }
    }
}

impl<R, F> std::fmt::Debug for Trainer<'_, R, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Trainer(after {} epochs and {} steps)",
            self.epoch, self.step
        )
    }
}

/// Examples of a batch with these targets.
fn examples(t: &Array) -> usize {
    t.shape().first().copied().unwrap_or(1)
}

/// The norm of all gradients together, or the name of a parameter whose gradient is not finite.
fn gradient_norm(model: &dyn Layer) -> std::result::Result<f64, String> {
    let mut sum = 0.0;
    for (name, parameter) in model.named_params() {
        let Some(gradient) = parameter.get().and_then(Variable::grad) else {
            continue;
        };
        let gradient = gradient.data();
        let squares = gradient.sum_of_squares().item();
        // The square of a large float32 may be infinite where the number is not.
        sum += match squares.is_finite() {
            true => squares,
            false if gradient.all_finite() => gradient.to_dtype(DType::F64).sum_of_squares().item(),
            false => return Err(name),
        };
    }
    Ok(sum.sqrt())
}
