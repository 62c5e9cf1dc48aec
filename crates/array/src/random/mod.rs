//! Random numbers whose stream is NumPy's.
//!
//! [`RandomState`] is NumPy's generator of the same name (the one behind `np.random.seed`): the
//! Mersenne Twister MT19937 and, on top of it, the same arithmetic in the same order. A program
//! that draws the same things after the same seed gets the same numbers as its NumPy twin, to the
//! last bit, on any number of threads. (`standard_normal` takes a logarithm from the platform's C
//! library, as NumPy does: where two platforms' logarithms differ in the last bit, so do their
//! normal draws, there and here.)
//!
//! Code that is not given a generator uses the one shared by the whole process: [`seed`] fixes it,
//! [`with_default`] draws from it.
//!
//! ```
//! use dezero_array::random::RandomState;
//!
//! let mut rng = RandomState::new(0); // np.random.seed(0)
//! assert_eq!(rng.rand(2), [0.5488135039273248, 0.7151893663724195]); // np.random.rand(2)
//! assert_eq!(rng.permutation(5), [0, 2, 1, 4, 3]); // np.random.permutation(5)
//! ```

mod default_generator;
mod fill;
mod mt19937;
mod random_state;
mod state;

pub use default_generator::{seed, with_default};
pub use fill::Real;
pub use random_state::RandomState;
pub use state::{State, StateError};
