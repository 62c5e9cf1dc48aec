//! The state of a generator as NumPy shows it, and as bytes.

use super::RandomState;
use super::mt19937::{Mt19937, N};

/// All that decides what a [`RandomState`] draws next: what NumPy's `get_state()` returns.
///
/// ```
/// use dezero_array::random::{RandomState, State};
///
/// let mut rng = RandomState::new(0);
/// rng.randn(3);
/// let bytes = rng.get_state().to_bytes(); // into a checkpoint
/// let state = State::from_bytes(&bytes)?; // and out of it
/// let mut resumed = RandomState::new(1);
/// resumed.set_state(&state);
/// assert_eq!(resumed.randn(3), rng.randn(3));
/// # Ok::<(), dezero_array::random::StateError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct State(pub(super) RandomState);

/// Why some numbers are not the state of a generator.
///
/// ```
/// use dezero_array::random::{State, StateError};
///
/// assert_eq!(State::from_bytes(&[0; 3]), Err(StateError::Length { expected: 2512, found: 3 }));
/// assert_eq!(
///     State::from_bytes(&[0; 3]).unwrap_err().to_string(),
///     "generator state: 3 bytes instead of 2512"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The bytes are not as many as a state has.
    #[error("generator state: {found} bytes instead of {expected}")]
    Length {
        /// How many a state has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The key does not have 624 words.
    #[error("generator state: a key of {0} words instead of 624")]
    KeyLength(usize),
    /// Every bit that counts in the key is zero, and so would be every draw.
    #[error("generator state: the key is zero")]
    ZeroKey,
    /// The position is past the key's end.
    #[error("generator state: position {0} in a key of 624 words")]
    Position(usize),
    /// The flag that says whether a normal is kept is neither 0 nor 1.
    #[error("generator state: flag {0} where 0 or 1 was expected")]
    Flag(u32),
    /// The normal that was kept is infinite or NaN.
    #[error("generator state: the kept normal is {0}")]
    NotFinite(f64),
}

impl State {
    /// A state from its parts: `_, key, pos, has_gauss, cached_gaussian = np.random.get_state()`.
    ///
    /// ```
    /// use dezero_array::random::{RandomState, State, StateError};
    ///
    /// let state = RandomState::new(0).get_state();
    /// assert_eq!(State::new(state.key(), state.pos(), state.cached_gaussian()), Ok(state));
    /// assert_eq!(State::new(&[1; 624], 625, None), Err(StateError::Position(625)));
    /// ```
    ///
    /// # Errors
    /// If the key does not have 624 words, or is zero, `pos` is above 624, or the normal is not
    /// finite.
    pub fn new(key: &[u32], pos: usize, cached_gaussian: Option<f64>) -> Result<State, StateError> {
        let key: [u32; N] = key
            .try_into()
            .map_err(|_| StateError::KeyLength(key.len()))?;
        // The recurrence reads only the top bit of the first word.
        if key[0] >> 31 == 0 && key[1..].iter().all(|&word| word == 0) {
            return Err(StateError::ZeroKey);
        }
        if pos > N {
            return Err(StateError::Position(pos));
        }
        if let Some(x) = cached_gaussian.filter(|x| !x.is_finite()) {
            return Err(StateError::NotFinite(x));
        }
        Ok(State(RandomState {
            mt: Mt19937 { key, pos },
            cached_gaussian,
        }))
    }

    /// The 624 words of the twister.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// // np.random.RandomState(0).get_state()[1][:3]
    /// assert_eq!(RandomState::new(0).get_state().key()[..3], [0, 1, 1812433255]);
    /// ```
    #[must_use]
    pub fn key(&self) -> &[u32] {
        &self.0.mt.key
    }

    /// How many words of the key are used up.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let mut rng = RandomState::new(0);
    /// assert_eq!(rng.get_state().pos(), 624); // the first draw makes the first block
    /// rng.random_sample();
    /// assert_eq!(rng.get_state().pos(), 2);
    /// ```
    #[must_use]
    pub fn pos(&self) -> usize {
        self.0.mt.pos
    }

    /// The second normal of the pair drawn last, if it was not handed out.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let mut rng = RandomState::new(0);
    /// rng.standard_normal();
    /// let kept = rng.get_state().cached_gaussian();
    /// assert_eq!(kept, Some(rng.standard_normal()));
    /// assert_eq!(rng.get_state().cached_gaussian(), None);
    /// ```
    #[must_use]
    pub fn cached_gaussian(&self) -> Option<f64> {
        self.0.cached_gaussian
    }

    /// The state in 2512 bytes: the words of the key and the position as little-endian `u32`, a
    /// flag that is 1 if a normal is kept as another, and that normal as a little-endian `f64`.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// assert_eq!(RandomState::new(0).get_state().to_bytes().len(), 2512);
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let RandomState {
            mt,
            cached_gaussian,
        } = &self.0;
        let mut bytes: Vec<u8> = Vec::with_capacity(STATE_BYTES);
        bytes.extend(mt.key.iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend((mt.pos as u32).to_le_bytes());
        bytes.extend(u32::from(cached_gaussian.is_some()).to_le_bytes());
        bytes.extend(cached_gaussian.unwrap_or(0.0).to_le_bytes());
        bytes
    }

    /// A state from the bytes of [`to_bytes`](Self::to_bytes).
    ///
    /// ```
    /// use dezero_array::random::{RandomState, State};
    ///
    /// let state = RandomState::new(0).get_state();
    /// assert_eq!(State::from_bytes(&state.to_bytes()), Ok(state));
    /// ```
    ///
    /// # Errors
    /// If the bytes are not those of a state.
    pub fn from_bytes(bytes: &[u8]) -> Result<State, StateError> {
        let (words, gaussian) = match bytes.split_last_chunk::<8>() {
            Some(parts) if bytes.len() == STATE_BYTES => parts,
            _ => {
                return Err(StateError::Length {
                    expected: STATE_BYTES,
                    found: bytes.len(),
                });
            }
        };
        let words: Vec<u32> = words
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&word| u32::from_le_bytes(word))
            .collect();
        let gaussian = match words[N + 1] {
            0 => None,
            1 => Some(f64::from_le_bytes(*gaussian)),
            flag => return Err(StateError::Flag(flag)),
        };
        State::new(&words[..N], words[N] as usize, gaussian)
    }
}

/// Length of a state as bytes.
const STATE_BYTES: usize = 4 * (N + 2) + 8;
