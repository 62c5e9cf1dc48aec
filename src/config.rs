//! Switches of the running thread: whether operations record, train or test, anomaly detection, and whether
//! anybody watches.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone, Copy)]
pub(crate) struct Config {
    pub(crate) records: bool,
    trains: bool,
    pub(crate) detects_anomaly: bool,
    pub(crate) is_watched: bool,
}

impl Config {
    /// Whether nobody looks on: neither anomaly detection nor [`watch`](crate::watch).
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        !self.detects_anomaly && !self.is_watched
    }
}

thread_local! {
    static CONFIG: Cell<Config> =
        const { Cell::new(Config { records: true, trains: true, detects_anomaly: false, is_watched: false }) };
}

/// Runs `body` under a changed configuration and restores the old one, also after a panic.
fn using<R>(change: impl FnOnce(&mut Config), body: impl FnOnce() -> R) -> R {
    struct Restore(Config);
    impl Drop for Restore {
        fn drop(&mut self) {
            CONFIG.set(self.0);
        }
    }
    let mut config = CONFIG.get();
    let _restore = Restore(config);
    change(&mut config);
    CONFIG.set(config);
    body()
}

/// Runs `body` without recording a graph: less memory and time where nobody calls `backward`.
///
/// ```
/// use dezero::{Variable, no_grad};
/// let x = Variable::new(2.0);
/// let y = no_grad(|| &x * &x);
/// assert!(!y.requires_grad());
/// ```
pub fn no_grad<R>(body: impl FnOnce() -> R) -> R {
    using(|config| config.records = false, body)
}

/// Runs `body` with recording on, also inside [`no_grad`].
pub fn enable_grad<R>(body: impl FnOnce() -> R) -> R {
    using(|config| config.records = true, body)
}

/// Runs `body` as a test of a model: dropout passes everything, batch norm uses its running
/// statistics.
///
/// ```
/// assert!(dezero::is_training());
/// dezero::test_mode(|| assert!(!dezero::is_training()));
/// ```
pub fn test_mode<R>(body: impl FnOnce() -> R) -> R {
    using(|config| config.trains = false, body)
}

/// Runs `body` with every operation's result and gradients checked: the first NaN or infinity
/// panics with the name of the operation and the line that recorded it.
///
/// It reads every array once more: for hunting, not for training.
pub fn detect_anomaly<R>(body: impl FnOnce() -> R) -> R {
    using(|config| config.detects_anomaly = true, body)
}

static KEEPS_INPUTS: AtomicBool = AtomicBool::new(false);

/// Whether the graph keeps every input of every function, in all threads, and not only what
/// backward reads: for programs that look at the graph, as pictures of it and the Python package do
/// ([`Creator::operands`](crate::Creator::operands)). It takes memory. Off at first.
pub fn keep_inputs(keep: bool) {
    KEEPS_INPUTS.store(keep, Ordering::Relaxed);
}

#[inline]
pub(crate) fn keeps_inputs() -> bool {
    KEEPS_INPUTS.load(Ordering::Relaxed)
}

/// Whether operations record the graph on this thread; see [`no_grad`].
#[inline]
pub fn is_recording() -> bool {
    CONFIG.get().records
}

/// Whether models train rather than being tested on this thread; see [`test_mode`].
#[inline]
pub fn is_training() -> bool {
    CONFIG.get().trains
}

/// All switches at one look.
#[inline]
pub(crate) fn current() -> Config {
    CONFIG.get()
}

/// Runs `body` with events of this thread reported to [`watch`](crate::watch).
pub(crate) fn watched<R>(body: impl FnOnce() -> R) -> R {
    using(|config| config.is_watched = true, body)
}

/// Runs `body` with recording on or off.
pub(crate) fn recording<R>(records: bool, body: impl FnOnce() -> R) -> R {
    using(|config| config.records = records, body)
}
