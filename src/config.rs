//! Switches of the running thread: whether operations record, train or test, anomaly detection, and whether
//! anybody watches.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone, Copy)]
#[repr(align(8))] // one word, read and written at once
pub(crate) struct Config {
    pub(crate) records: bool,
    trains: bool,
    anomaly: Anomaly,
    pub(crate) is_watched: bool,
    replays: bool,
}

impl Config {
    /// Whether nobody looks on: neither anomaly detection nor [`watch`](crate::watch).
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        !self.detects_anomaly() && !self.is_watched
    }

    #[inline]
    pub(crate) fn detects_anomaly(self) -> bool {
        self.anomaly != Anomaly::Pass
    }
}

/// What happens where a result is NaN or infinite.
#[derive(Clone, Copy, PartialEq)]
enum Anomaly {
    Pass,
    Panic,
    /// Unwinds, without a word, to `find_anomaly`.
    Find,
}

/// What unwinds to [`find_anomaly`].
struct Found(String);

thread_local! {
    static CONFIG: Cell<Config> =
        const { Cell::new(Config { records: true, trains: true, anomaly: Anomaly::Pass, is_watched: false, replays: false }) };
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
    using(|config| config.anomaly = Anomaly::Panic, body)
}

/// Runs `body` as [`detect_anomaly`] does, and gives back what it finds instead of panicking: the message with the
/// operation and its line. What comes after it in `body` does not run.
///
/// ```
/// use dezero::{Variable, find_anomaly};
/// let x = Variable::new(-1.0);
/// let found = find_anomaly(|| x.sqrt().backward()).unwrap();
/// assert!(found.contains("forward of sqrt"), "{found}");
/// assert_eq!(find_anomaly(|| x.exp().backward()), None);
/// ```
pub fn find_anomaly(body: impl FnOnce()) -> Option<String> {
    let run = || using(|config| config.anomaly = Anomaly::Find, body);
    let payload = catch_unwind(AssertUnwindSafe(run)).err()?;
    match payload.downcast::<Found>() {
        Ok(found) => Some(found.0),
        Err(panic) => resume_unwind(panic),
    }
}

/// Reports an anomaly, as this thread asked for.
#[track_caller]
pub(crate) fn anomaly(message: String) -> ! {
    match CONFIG.get().anomaly {
        Anomaly::Find => resume_unwind(Box::new(Found(message))),
        _ => panic!("anomaly: {message}"),
    }
}

/// What `payload` unwinds to [`find_anomaly`] with, to say more about it.
pub(crate) fn found_anomaly(payload: &(dyn std::any::Any + Send)) -> Option<&str> {
    payload.downcast_ref::<Found>().map(|found| &*found.0)
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
#[inline]
pub(crate) fn recording<R>(records: bool, body: impl FnOnce() -> R) -> R {
    using(|config| config.records = records, body)
}

/// Runs `body` as a [`checkpoint`](crate::functions::checkpoint()) does the second time: recorded, in the mode that
/// it was in at first, and without side effects.
pub(crate) fn replaying<R>(trains: bool, body: impl FnOnce() -> R) -> R {
    let replay = |config: &mut Config| {
        config.records = true;
        config.trains = trains;
        config.replays = true;
    };
    using(replay, body)
}

/// Whether a block is computed a second time, so that running statistics shall not move again.
pub(crate) fn is_replaying() -> bool {
    CONFIG.get().replays
}
