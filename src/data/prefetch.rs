//! Batches loaded ahead on threads, handed out in order.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};

use super::plan::Plan;
use super::{Dataset, Sample};

/// Batches that a worker may be ahead of the reader.
const AHEAD: usize = 2;

/// The reader's end. Dropping it stops the workers and waits for them.
pub(super) struct Prefetch<B> {
    shared: Arc<Shared<B>>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared<B> {
    state: Mutex<State<B>>,
    /// A batch was loaded.
    loaded: Condvar,
    /// The reader took a batch, or left.
    taken: Condvar,
}

struct State<B> {
    /// The first batch that no worker has taken on.
    next: usize,
    /// Batches taken on by workers, but not by the reader, stay below this.
    limit: usize,
    /// What is loaded, or the panic of its worker.
    ready: BTreeMap<usize, thread::Result<B>>,
}

pub(super) fn prefetch<D>(
    dataset: Arc<D>,
    plan: Plan,
    workers: usize,
    first: usize,
) -> Prefetch<<D::Sample as Sample>::Batch>
where
    D: Dataset + Send + Sync + 'static,
    <D::Sample as Sample>::Batch: Send + 'static,
{
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            next: first,
            limit: first + workers * AHEAD,
            ready: BTreeMap::new(),
        }),
        loaded: Condvar::new(),
        taken: Condvar::new(),
    });
    let plan = Arc::new(plan);
    let workers = (0..workers)
        .map(|_| {
            let (dataset, plan, shared) = (dataset.clone(), plan.clone(), shared.clone());
            let name = "dezero-data".to_owned();
            thread::Builder::new()
                .name(name)
                .spawn(move || work(&*dataset, &plan, &shared))
                .expect("the system gives a thread")
        })
        .collect();
    Prefetch { shared, workers }
}

fn work<D: Dataset>(dataset: &D, plan: &Plan, shared: &Shared<<D::Sample as Sample>::Batch>) {
    loop {
        let batch = {
            let mut state = shared.state.lock();
            while state.next >= state.limit && state.next < plan.batches {
                shared.taken.wait(&mut state);
            }
            if state.next >= plan.batches {
                return;
            }
            state.next += 1;
            state.next - 1
        };
        // The dataset is the reader's again only through the panic that the reader gets.
        let loaded = catch_unwind(AssertUnwindSafe(|| plan.load(dataset, batch)));
        shared.state.lock().ready.insert(batch, loaded);
        shared.loaded.notify_all();
    }
}

impl<B> Prefetch<B> {
    /// Waits for batch number `batch`; each is taken once, in order.
    pub(super) fn take(&mut self, batch: usize) -> B {
        let mut state = self.shared.state.lock();
        let loaded = loop {
            match state.ready.remove(&batch) {
                Some(loaded) => break loaded,
                None => self.shared.loaded.wait(&mut state),
            }
        };
        state.limit += 1;
        drop(state);
        self.shared.taken.notify_one();
        loaded.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl<B> Drop for Prefetch<B> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.next = usize::MAX; // nothing more to take on
        drop(state);
        self.shared.taken.notify_all();
        for worker in self.workers.drain(..) {
            // Its panics were caught and handed over, or nobody asked for that batch.
            let _ = worker.join();
        }
    }
}

impl<B> std::fmt::Debug for Prefetch<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prefetch({} workers)", self.workers.len())
    }
}
