//! Work split over threads: the caller takes part, beside helpers that wait for work.
//!
//! Pools of crates hand work to threads of their own and put the caller to sleep: two wake-ups, which cost more than
//! many of our kernels take, and much more on a busy machine. Here a caller that finds no helper awake
//! just does all the work.
//!
//! The number of threads is `DEZERO_NUM_THREADS` (or `RAYON_NUM_THREADS`, which many Rust programs know),
//! otherwise that of the cores. Tasks that split work themselves do so on one thread. Where several threads of the
//! program call at once, one gets the helpers.

use std::any::Any;
use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use smallvec::SmallVec;

/// How long a thread looks out for work, or for the end of it, before it sleeps.
const PATIENCE: Duration = Duration::from_micros(100);
/// Parts of each thread's share of a job: more than one, as threads are not equally fast.
const PARTS: usize = 8;

thread_local! {
    /// Threads for work that this thread splits; 0 stands for all. A task has one.
    static THREADS: Cell<usize> = const { Cell::new(0) };
}

/// The number of threads that work is split over.
pub(crate) fn count() -> usize {
    static ALL: OnceLock<usize> = OnceLock::new();
    match THREADS.get() {
        0 => *ALL.get_or_init(|| {
            let wanted = |name| std::env::var(name).ok()?.parse().ok().filter(|&n| n > 0);
            let cores = || thread::available_parallelism().map_or(1, |n| n.get());
            let wanted = wanted("DEZERO_NUM_THREADS").or_else(|| wanted("RAYON_NUM_THREADS"));
            wanted.unwrap_or_else(cores)
        }),
        threads => threads,
    }
}

/// Calls `f` with so many threads for the work that it splits.
pub(crate) fn limited<R>(threads: usize, f: impl FnOnce() -> R) -> R {
    struct Reset(usize);
    impl Drop for Reset {
        fn drop(&mut self) {
            THREADS.set(self.0);
        }
    }
    let _reset = Reset(THREADS.replace(threads));
    f()
}

/// Calls `task` with each number below `count`, on as many threads as there are.
///
/// # Panics
/// If a task does; the others are done before.
pub(crate) fn for_each(count: usize, task: &(dyn Fn(usize) + Sync)) {
    let threads = self::count().min(count);
    if threads <= 1 {
        return (0..count).for_each(task);
    }
    // Another thread has the helpers, if this lock is taken.
    let owner = POOL.owner.try_lock().filter(|_| has_helpers());
    let Some(_owner) = owner else {
        return limited(1, || (0..count).for_each(task));
    };
    // SAFETY: the task lives until this function returns, and no helper calls it after the last number is done, for which
    // this function waits.
    let task = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static _>(task) };
    let start = |share: usize| share * count / threads;
    let job = Arc::new(Job {
        task,
        part: (count / (PARTS * threads)).max(1),
        shares: (0..threads)
            .map(|share| (AtomicUsize::new(start(share)), start(share + 1)))
            .collect(),
        left: AtomicUsize::new(count),
        joined: AtomicUsize::new(1),
        panic: Mutex::new(None),
        caller: thread::current(),
    });
    POOL.offer(&job, threads - 1);
    limited(1, || job.work(0));
    let done = || job.left.load(Ordering::Acquire) == 0;
    if !wait_a_little(done) {
        while !done() {
            thread::park();
        }
    }
    let panic = job.panic.lock().take();
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

/// Whether this is the process that started the helpers. One that was forked from it has none, and what they had
/// locked at that moment stays locked in it.
fn has_helpers() -> bool {
    static PROCESS: OnceLock<u32> = OnceLock::new();
    let process = std::process::id();
    *PROCESS.get_or_init(|| process) == process
}

/// Calls `task` with ranges of at least `least` numbers that cover all below `count`.
pub(crate) fn for_each_range(count: usize, least: usize, task: &(dyn Fn(Range<usize>) + Sync)) {
    let least = least.max(1);
    for_each(count.div_ceil(least), &|i| {
        task(i * least..((i + 1) * least).min(count));
    });
}

/// Calls `task` with the number and the elements of each chunk of `size`, the last one shorter.
pub(crate) fn for_each_chunk<T: Send>(
    x: &mut [T],
    size: usize,
    task: impl Fn(usize, &mut [T]) + Sync,
) {
    let (start, len) = (SendPointer(x.as_mut_ptr()), x.len());
    for_each(len.div_ceil(size), &|i| {
        let count = size.min(len - i * size);
        // SAFETY: chunks do not overlap, and `x` is borrowed meanwhile.
        task(i, unsafe {
            std::slice::from_raw_parts_mut(start.get().add(i * size), count)
        });
    });
}

/// What `f` gives for each number below `count`.
pub(crate) fn map<R: Send>(count: usize, f: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let mut results: Vec<Option<R>> = (0..count).map(|_| None).collect();
    for_each_chunk(&mut results, 1, |i, result| result[0] = Some(f(i)));
    let all = results.into_iter();
    all.map(|result| result.expect("every task ran")).collect()
}

/// What is to be done, and how far it is.
struct Job {
    task: &'static (dyn Fn(usize) + Sync),
    /// The next number of each thread's share, and its end. Whoever is through with its own takes of the others'. So
    /// a thread meets in one job after the other what its caches hold.
    shares: SmallVec<[(AtomicUsize, usize); 4]>,
    /// Numbers that a thread takes at a time.
    part: usize,
    /// Numbers whose task has not ended.
    left: AtomicUsize,
    /// How many threads work on it, or did.
    joined: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    caller: Thread,
}

impl Job {
    /// Takes part, unless there are enough threads.
    fn join(&self) {
        let own = self.joined.fetch_add(1, Ordering::Relaxed);
        if own < self.shares.len() {
            self.work(own);
        }
    }

    /// Works until nothing is left, from the share `own` on.
    fn work(&self, own: usize) {
        let (others, first) = self.shares.split_at(own);
        for (next, end) in first.iter().chain(others) {
            loop {
                let start = next.fetch_add(self.part, Ordering::Relaxed);
                if start >= *end {
                    break;
                }
                self.run(start..(start + self.part).min(*end));
            }
        }
    }

    fn run(&self, part: Range<usize>) {
        let taken = part.len();
        let run = AssertUnwindSafe(|| part.for_each(self.task));
        if let Err(panic) = catch_unwind(run) {
            let mut first = self.panic.lock();
            match *first {
                None => *first = Some(panic),
                // Its drop could panic in turn, and leave the caller without the others' end.
                Some(_) => std::mem::forget(panic),
            }
        }
        // After this the caller may return: nothing of the task is touched again.
        if self.left.fetch_sub(taken, Ordering::AcqRel) == taken {
            self.caller.unpark();
        }
    }
}

/// The helpers, and the job that they are offered.
struct Pool {
    owner: Mutex<()>,
    /// How many jobs there were.
    jobs: AtomicUsize,
    offer: Mutex<Offer>,
    offered: Condvar,
}

struct Offer {
    job: Option<Arc<Job>>,
    helpers: usize,
}

static POOL: Pool = Pool {
    owner: Mutex::new(()),
    jobs: AtomicUsize::new(0),
    offer: Mutex::new(Offer {
        job: None,
        helpers: 0,
    }),
    offered: Condvar::new(),
};

impl Pool {
    /// Offers a job to at least so many helpers.
    fn offer(&'static self, job: &Arc<Job>, helpers: usize) {
        let mut offer = self.offer.lock();
        while offer.helpers < helpers {
            let seen = self.jobs.load(Ordering::Relaxed);
            let builder = thread::Builder::new().name("dezero".into());
            if builder.spawn(move || self.help(seen)).is_err() {
                break; // the caller can do it alone
            }
            offer.helpers += 1;
        }
        offer.job = Some(job.clone());
        self.jobs.fetch_add(1, Ordering::Release);
        drop(offer);
        self.offered.notify_all();
    }

    /// What a helper does; `seen` is the number of jobs that it knows of.
    fn help(&self, mut seen: usize) {
        THREADS.set(1);
        loop {
            let is_new = || self.jobs.load(Ordering::Acquire) != seen;
            wait_a_little(is_new);
            let mut offer = self.offer.lock();
            while self.jobs.load(Ordering::Acquire) == seen {
                self.offered.wait(&mut offer);
            }
            seen = self.jobs.load(Ordering::Acquire);
            let job = offer.job.clone();
            drop(offer);
            if let Some(job) = job {
                job.join();
            }
        }
    }
}

/// Looks for a while whether `ready` holds; says whether it did.
fn wait_a_little(ready: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    loop {
        for _ in 0..64 {
            if ready() {
                return true;
            }
            std::hint::spin_loop();
        }
        if start.elapsed() > PATIENCE {
            return false;
        }
    }
}

/// A pointer that threads share; each writes to places of its own.
pub(crate) struct SendPointer<T>(pub(crate) *mut T);
// SAFETY: whoever shares one vouches that its uses are disjoint.
unsafe impl<T: Send> Send for SendPointer<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SendPointer<T> {}

impl<T> Clone for SendPointer<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for SendPointer<T> {}

impl<T> SendPointer<T> {
    pub(crate) fn get(self) -> *mut T {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 3, 7] {
            for count in [0, 1, 2, 3, 100, 10_000] {
                let calls: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                limited(threads, || {
                    for_each(count, &|i| {
                        // A task that is alone may split its work.
                        assert!(count == 1 || self::count() == 1);
                        for_each(3, &|_| {
                            calls[i].fetch_add(1, Ordering::Relaxed);
                        });
                    })
                });
                assert!(calls.iter().all(|calls| calls.load(Ordering::Relaxed) == 3));
            }
        }
    }

    #[test]
    fn ranges_and_results_come_in_their_places() {
        limited(3, || {
            assert_eq!(
                map(1000, |i| i * i),
                (0..1000).map(|i| i * i).collect::<Vec<_>>()
            );
            let sum = AtomicUsize::new(0);
            for_each_range(1001, 10, &|range| {
                assert!(range.len() == 10 || range == (1000..1001));
                sum.fetch_add(range.sum(), Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 1000 * 1001 / 2);
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_spares_the_pool() {
        for _ in 0..20 {
            let result = catch_unwind(|| {
                limited(4, || for_each(100, &|i| assert!(i != 57, "task {i}")));
            });
            let message = result.expect_err("a task panics");
            assert_eq!(message.downcast_ref::<String>().unwrap(), "task 57");
        }
        assert_eq!(limited(4, || map(10, |i| i)).len(), 10);
    }

    #[test]
    fn a_panic_whose_payload_panics_leaves_nobody_waiting() {
        struct Payload;
        impl Drop for Payload {
            fn drop(&mut self) {
                panic!("once more");
            }
        }
        let all_panic = || limited(3, || for_each(100, &|_| std::panic::panic_any(Payload)));
        std::mem::forget(catch_unwind(all_panic).expect_err("every task panics"));
        assert_eq!(limited(3, || map(10, |i| i)).len(), 10);
    }

    #[test]
    fn threads_that_call_at_once_all_get_their_work_done() {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let sum = AtomicUsize::new(0);
                        limited(3, || {
                            for_each(50, &|i| {
                                sum.fetch_add(i, Ordering::Relaxed);
                            })
                        });
                        assert_eq!(sum.into_inner(), 49 * 25);
                    }
                });
            }
        });
    }
}
