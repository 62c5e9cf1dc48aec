//! The generator shared by the whole process.

use std::cell::RefCell;

use parking_lot::ReentrantMutex;

use super::RandomState;

/// The generator of the process. The lock may be taken twice by one thread, so that a draw inside
/// `with_default` is reported rather than waited for.
static DEFAULT: ReentrantMutex<RefCell<Option<RandomState>>> =
    ReentrantMutex::new(RefCell::new(None));

/// Seeds the generator of the process: `np.random.seed(seed)`.
///
/// ```
/// use dezero_array::random;
///
/// random::seed(0);
/// assert_eq!(random::with_default(|rng| rng.random_sample()), 0.5488135039273248);
/// ```
///
/// # Panics
/// If called inside [`with_default`].
#[track_caller]
pub fn seed(seed: u64) {
    let default = DEFAULT.lock();
    let Ok(mut rng) = default.try_borrow_mut() else {
        panic_nested("seed")
    };
    *rng = Some(RandomState::new(seed));
}

/// Draws from the generator of the process, which other threads wait for meanwhile.
///
/// It starts from entropy unless [`seed`] was called. Where several threads draw, which of them
/// gets which numbers is up to the scheduler: a program that is to be repeatable draws from one
/// thread or gives each its own [`RandomState`].
///
/// ```
/// use dezero_array::random;
///
/// random::seed(42);
/// let (x, order) = random::with_default(|rng| (rng.randn(3), rng.permutation(10)));
/// random::seed(42);
/// assert_eq!(random::with_default(|rng| rng.randn(3)), x);
/// assert_eq!(random::with_default(|rng| rng.permutation(10)), order);
/// ```
///
/// # Panics
/// If called inside another `with_default`.
#[track_caller]
pub fn with_default<R>(draw: impl FnOnce(&mut RandomState) -> R) -> R {
    let default = DEFAULT.lock();
    let Ok(mut rng) = default.try_borrow_mut() else {
        panic_nested("with_default")
    };
    draw(rng.get_or_insert_with(RandomState::from_entropy))
}

#[cold]
#[track_caller]
fn panic_nested(name: &str) -> ! {
    panic!("{name}: called inside with_default; draw from the generator that it was given instead");
}
