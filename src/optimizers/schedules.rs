//! Schedules: the learning rate as a function of the epoch, or of whatever is counted.

use std::f64::consts::PI;

/// The learning rate at each epoch, or iteration; it remembers nothing, so that training can be
/// resumed anywhere.
///
/// ```
/// use dezero::Parameter;
/// use dezero::optimizers::{CosineSchedule, Schedule, Sgd, WarmUp};
/// let schedule = WarmUp::new(CosineSchedule::new(0.1, 90), 10);
/// let mut optimizer = Sgd::new(0.1).setup(&Parameter::new([1.0]));
/// for epoch in 0..100 {
///     optimizer.set_lr(schedule.lr(epoch));
///     // train …
/// }
/// assert!(optimizer.lr() < 1e-4);
/// ```
pub trait Schedule {
    /// The learning rate at `epoch`, from 0.
    fn lr(&self, epoch: usize) -> f64;
}

/// A number is the schedule that stays there.
impl Schedule for f64 {
    fn lr(&self, _: usize) -> f64 {
        *self
    }
}

impl<S: Schedule + ?Sized> Schedule for Box<S> {
    fn lr(&self, epoch: usize) -> f64 {
        (**self).lr(epoch)
    }
}

/// base · gamma^⌊epoch / step_size⌋.
#[derive(Clone, Debug)]
pub struct StepSchedule {
    base: f64,
    step_size: usize,
    gamma: f64,
}

impl StepSchedule {
    /// Starts at `base`, multiplied by `gamma` every `step_size` epochs.
    ///
    /// # Panics
    /// If `step_size` is 0.
    #[track_caller]
    pub fn new(base: f64, step_size: usize, gamma: f64) -> StepSchedule {
        if step_size == 0 {
            panic!("StepSchedule: step_size is 0, must be at least 1");
        }
        StepSchedule {
            base,
            step_size,
            gamma,
        }
    }
}

impl Schedule for StepSchedule {
    fn lr(&self, epoch: usize) -> f64 {
        self.base * self.gamma.powf((epoch / self.step_size) as f64)
    }
}

/// `base`, multiplied by `gamma` at each of some epochs.
#[derive(Clone, Debug)]
pub struct MultiStepSchedule {
    base: f64,
    milestones: Vec<usize>,
    gamma: f64,
}

impl MultiStepSchedule {
    /// Starts at `base`, multiplied by `gamma` from each of `milestones` on.
    pub fn new(base: f64, milestones: impl Into<Vec<usize>>, gamma: f64) -> MultiStepSchedule {
        MultiStepSchedule {
            base,
            milestones: milestones.into(),
            gamma,
        }
    }
}

impl Schedule for MultiStepSchedule {
    fn lr(&self, epoch: usize) -> f64 {
        let passed = self.milestones.iter().filter(|&&at| at <= epoch).count();
        self.base * self.gamma.powf(passed as f64)
    }
}

/// base · gamma^epoch.
#[derive(Clone, Debug)]
pub struct ExponentialSchedule {
    base: f64,
    gamma: f64,
}

impl ExponentialSchedule {
    /// Starts at `base`, multiplied by `gamma` every epoch.
    pub fn new(base: f64, gamma: f64) -> ExponentialSchedule {
        ExponentialSchedule { base, gamma }
    }
}

impl Schedule for ExponentialSchedule {
    fn lr(&self, epoch: usize) -> f64 {
        self.base * self.gamma.powf(epoch as f64)
    }
}

/// Half a cosine from `base` down to `minimum`: minimum + (base - minimum) (1 + cos(π epoch / length)) / 2.
/// From `length` on it stays at the minimum.
#[derive(Clone, Debug)]
pub struct CosineSchedule {
    base: f64,
    length: usize,
    minimum: f64,
}

impl CosineSchedule {
    /// From `base` to 0 in `length` epochs.
    pub fn new(base: f64, length: usize) -> CosineSchedule {
        CosineSchedule {
            base,
            length,
            minimum: 0.0,
        }
    }

    /// Sets where it ends (0).
    #[must_use]
    pub fn minimum(mut self, minimum: f64) -> CosineSchedule {
        self.minimum = minimum;
        self
    }
}

impl Schedule for CosineSchedule {
    fn lr(&self, epoch: usize) -> f64 {
        if epoch >= self.length {
            return self.minimum;
        }
        let angle = PI * epoch as f64 / self.length as f64;
        self.minimum + (self.base - self.minimum) * (1.0 + angle.cos()) / 2.0
    }
}

/// A linear rise to the start of another schedule, which follows.
#[derive(Clone, Debug)]
pub struct WarmUp<S> {
    then: S,
    steps: usize,
    start_factor: f64,
}

impl<S: Schedule> WarmUp<S> {
    /// Rises for `steps` epochs from 0 to the first learning rate of `then`, a schedule or a number.
    pub fn new(then: S, steps: usize) -> WarmUp<S> {
        WarmUp {
            then,
            steps,
            start_factor: 0.0,
        }
    }

    /// Sets the share of that learning rate to start from (0).
    #[must_use]
    pub fn start_factor(mut self, start_factor: f64) -> WarmUp<S> {
        self.start_factor = start_factor;
        self
    }
}

impl<S: Schedule> Schedule for WarmUp<S> {
    fn lr(&self, epoch: usize) -> f64 {
        if epoch >= self.steps {
            return self.then.lr(epoch - self.steps);
        }
        let share = epoch as f64 / self.steps as f64;
        self.then.lr(0) * (self.start_factor + (1.0 - self.start_factor) * share)
    }
}
