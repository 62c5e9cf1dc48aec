//! [`Interrupt`]: Ctrl-C as a wish, not an end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

/// Catches Ctrl-C (and the signal by which systems end a process), so that a training can save and leave. The second
/// Ctrl-C ends the process at once.
///
/// ```
/// use dezero::training::Interrupt;
/// let interrupt = Interrupt::catch();
/// for step in 0..3 {
///     // train …
///     if interrupt.is_requested() {
///         break; // and save a checkpoint
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
    handlers: Vec<SigId>,
}

impl Interrupt {
    /// Catches from now on, until this is dropped.
    pub fn catch() -> Interrupt {
        let requested = Arc::new(AtomicBool::new(false));
        let mut handlers = Vec::new();
        for signal in [SIGINT, SIGTERM] {
            let mut add = |handler: io::Result<SigId>| handlers.extend(handler);
            // In this order: the first signal finds the flag down, raises it and does not end the process.
            add(flag::register_conditional_default(
                signal,
                requested.clone(),
            ));
            add(flag::register(signal, requested.clone()));
        }
        Interrupt {
            requested,
            handlers,
        }
    }

    /// Whether somebody wants the process to end.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        for handler in self.handlers.drain(..) {
            low_level::unregister(handler);
        }
    }
}
