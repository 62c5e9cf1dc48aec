//! [`RandomState`]: what is drawn, one by one and as lists.

use std::fmt;
use std::hash::{BuildHasher, Hasher};

use super::State;
use super::mt19937::Mt19937;

/// A seedable generator with the stream of NumPy's `RandomState`.
///
/// Scalar draws and bulk draws continue one another as in NumPy: `rand(3)` gives the numbers of
/// three `random_sample()`. Two generators that are equal draw the same numbers for ever.
///
/// ```
/// use dezero_array::random::RandomState;
///
/// let mut a = RandomState::new(1984);
/// let mut b = a.clone();
/// assert_eq!(a.randn(10), b.randn(10));
/// assert_eq!(a, b);
/// ```
#[derive(Clone, PartialEq)]
pub struct RandomState {
    pub(super) mt: Mt19937,
    /// The second normal of the pair drawn last, not yet handed out.
    pub(super) cached_gaussian: Option<f64>,
}

impl fmt::Debug for RandomState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RandomState(MT19937)") // not its 624 words
    }
}

impl RandomState {
    /// The generator of `np.random.RandomState(seed)`.
    ///
    /// NumPy takes seeds below 2³²; a larger one here is its two halves as in
    /// `np.random.RandomState([seed & 0xffffffff, seed >> 32])`.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// assert_eq!(RandomState::new(42).random_sample(), 0.3745401188473625);
    /// ```
    #[must_use]
    pub fn new(seed: u64) -> Self {
        match u32::try_from(seed) {
            Ok(seed) => RandomState {
                mt: Mt19937::from_seed(seed),
                cached_gaussian: None,
            },
            Err(_) => Self::from_words(&[seed as u32, (seed >> 32) as u32]),
        }
    }

    /// The generator of `np.random.RandomState(words)`, seeded by any number of words.
    ///
    /// # Panics
    /// If `words` is empty.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// assert_eq!(RandomState::from_words(&[1, 2]), RandomState::new(1 + (2 << 32)));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn from_words(words: &[u32]) -> Self {
        assert!(
            !words.is_empty(),
            "RandomState::from_words: the seed must have at least one word"
        );
        RandomState {
            mt: Mt19937::from_words(words),
            cached_gaussian: None,
        }
    }

    /// A generator that no other run of the program repeats.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// assert_ne!(RandomState::from_entropy().rand(4), RandomState::from_entropy().rand(4));
    /// ```
    #[must_use]
    pub fn from_entropy() -> Self {
        // The standard library keys its hashers with 128 bits from the operating system.
        let hasher = std::hash::RandomState::new();
        let words: Vec<u32> = (0..4u64)
            .flat_map(|i| {
                let mut hash = hasher.build_hasher();
                hash.write_u64(i);
                let hash = hash.finish();
                [hash as u32, (hash >> 32) as u32]
            })
            .collect();
        Self::from_words(&words)
    }

    /// Starts again as [`RandomState::new(seed)`](Self::new) would.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let mut rng = RandomState::new(0);
    /// let x = rng.standard_normal();
    /// rng.seed(0);
    /// assert_eq!(rng.standard_normal(), x);
    /// ```
    pub fn seed(&mut self, seed: u64) {
        *self = Self::new(seed);
    }

    /// One number from the uniform distribution on [0, 1).
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// assert_eq!(RandomState::new(0).random_sample(), 0.5488135039273248);
    /// ```
    #[inline]
    pub fn random_sample(&mut self) -> f64 {
        self.mt.next_f64()
    }

    /// `n` numbers from the uniform distribution on [0, 1).
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// assert_eq!(RandomState::new(0).rand(2), [0.5488135039273248, 0.7151893663724195]);
    /// ```
    pub fn rand(&mut self, n: usize) -> Vec<f64> {
        let mut out = vec![0.0; n];
        self.fill_random_sample(&mut out);
        out
    }

    /// One number from the normal distribution with mean 0 and variance 1.
    ///
    /// Marsaglia's polar method: a point (x₁, x₂) uniform in the unit disc, r² = x₁² + x₂², gives
    /// the two numbers x₂√(−2 ln r² / r²) and x₁√(−2 ln r² / r²). The second is kept for the next
    /// call.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let x = RandomState::new(0).standard_normal();
    /// assert!((x - 1.764052345967664).abs() < 1e-15);
    /// ```
    pub fn standard_normal(&mut self) -> f64 {
        if let Some(x) = self.cached_gaussian.take() {
            return x;
        }
        loop {
            let x1 = 2.0 * self.mt.next_f64() - 1.0;
            let x2 = 2.0 * self.mt.next_f64() - 1.0;
            if in_disc(x1, x2) {
                let [first, second] = polar(x1, x2);
                self.cached_gaussian = Some(second);
                return first;
            }
        }
    }

    /// `n` numbers from the normal distribution with mean 0 and variance 1.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let x = RandomState::new(0).randn(2);
    /// assert!((x[1] - 0.4001572083672233).abs() < 1e-15);
    /// ```
    pub fn randn(&mut self, n: usize) -> Vec<f64> {
        let mut out = vec![0.0; n];
        self.fill_standard_normal(&mut out);
        out
    }

    /// One number from the uniform distribution on [`low`, `high`): low + (high − low)·u.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// assert_eq!(RandomState::new(0).uniform(-1.0, 1.0), 0.09762700785464951);
    /// ```
    ///
    /// # Panics
    /// If `high - low` is not finite.
    #[track_caller]
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        check_uniform(low, high);
        low + (high - low) * self.random_sample()
    }

    /// One number from the normal distribution with mean `mean` and standard deviation `std`.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let mut rng = RandomState::new(0);
    /// let x = rng.clone().standard_normal();
    /// assert_eq!(rng.normal(10.0, 0.5), 10.0 + 0.5 * x);
    /// ```
    ///
    /// # Panics
    /// If `std` is negative.
    #[track_caller]
    pub fn normal(&mut self, mean: f64, std: f64) -> f64 {
        check_normal(std);
        mean + std * self.standard_normal()
    }

    /// One integer from the uniform distribution on `low..high`.
    ///
    /// The stream is that of `np.random.randint(low, high)` where its default type has 64 bits.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// assert_eq!(RandomState::new(0).randint(0, 10), 5);
    /// ```
    ///
    /// # Panics
    /// If `low >= high`.
    #[track_caller]
    pub fn randint(&mut self, low: i64, high: i64) -> i64 {
        check_randint(low, high);
        self.integer(low, high)
    }

    /// `n` integers from the uniform distribution on `low..high`:
    /// `np.random.randint(low, high, n)`.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// assert_eq!(RandomState::new(0).randints(0, 10, 4), [5, 0, 3, 3]);
    /// ```
    ///
    /// # Panics
    /// If `low >= high`.
    #[track_caller]
    pub fn randints(&mut self, low: i64, high: i64, n: usize) -> Vec<i64> {
        check_randint(low, high);
        (0..n).map(|_| self.integer(low, high)).collect()
    }

    /// An integer of `low..high`, which is not empty.
    #[inline]
    fn integer(&mut self, low: i64, high: i64) -> i64 {
        // Wrapping, for a range wider than i64::MAX.
        let max = (high - 1).wrapping_sub(low) as u64;
        low.wrapping_add(self.mt.interval(max) as i64)
    }

    /// The numbers `0..n` in random order.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// assert_eq!(RandomState::new(0).permutation(5), [2, 0, 1, 3, 4]);
    /// ```
    pub fn permutation(&mut self, n: usize) -> Vec<i64> {
        let mut out: Vec<i64> = (0..n as i64).collect();
        self.shuffle(&mut out);
        out
    }

    /// Puts the elements of `x` in random order.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let mut x = ["a", "b", "c", "d", "e"];
    /// RandomState::new(0).shuffle(&mut x);
    /// assert_eq!(x, ["c", "a", "b", "d", "e"]);
    /// ```
    pub fn shuffle<T>(&mut self, x: &mut [T]) {
        for i in (1..x.len()).rev() {
            let j = self.mt.interval(i as u64) as usize;
            x.swap(i, j);
        }
    }

    /// `size` of the numbers `0..n`, each equally likely; each at most once unless `replace`.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// assert_eq!(RandomState::new(0).choice(5, 3, false), [2, 0, 1]);
    /// ```
    ///
    /// # Panics
    /// If `n` is 0 and `size` is not, or if `size > n` without `replace`.
    #[track_caller]
    pub fn choice(&mut self, n: usize, size: usize, replace: bool) -> Vec<i64> {
        if replace {
            assert!(
                n > 0 || size == 0,
                "choice: {size} draws from no numbers; n must be positive"
            );
            let max = (n as u64).wrapping_sub(1); // not used where n is 0
            return (0..size).map(|_| self.mt.interval(max) as i64).collect();
        }
        assert!(
            size <= n,
            "choice: {size} draws from {n} numbers without replacement; size must be at most {n}"
        );
        let mut out = self.permutation(n);
        out.truncate(size);
        out
    }

    /// `size` of the numbers `0..p.len()`, each drawn independently with the probabilities `p`:
    /// `np.random.choice(len(p), size, p=p)`.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// assert_eq!(RandomState::new(0).choice_weighted(&[0.1, 0.5, 0.4], 4), [1, 2, 2, 1]);
    /// ```
    ///
    /// # Panics
    /// If `p` is empty, has a negative or NaN entry, or does not sum to 1 (within 1.5e-8).
    #[track_caller]
    pub fn choice_weighted(&mut self, p: &[f64], size: usize) -> Vec<i64> {
        if let Some((i, p)) = p.iter().enumerate().find(|(_, p)| p.is_nan() || **p < 0.0) {
            panic!("choice_weighted: p[{i}] is {p}; probabilities must not be negative or NaN");
        }
        let mut cdf: Vec<f64> = Vec::with_capacity(p.len());
        let mut sum = 0.0;
        for p in p {
            sum += p;
            cdf.push(sum);
        }
        assert!(
            (sum - 1.0).abs() <= f64::EPSILON.sqrt(),
            "choice_weighted: {} probabilities sum to {sum}; they must sum to 1",
            p.len()
        );
        for c in &mut cdf {
            *c /= sum;
        }
        (0..size)
            .map(|_| {
                let u = self.random_sample();
                cdf.partition_point(|&c| c <= u) as i64
            })
            .collect()
    }

    /// `true` with probability `p`: `np.random.random_sample() < p`.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let mut rng = RandomState::new(0);
    /// assert!(!rng.bernoulli(0.5)); // 0.548… < 0.5
    /// assert!(rng.bernoulli(0.75)); // 0.715… < 0.75
    /// ```
    ///
    /// # Panics
    /// If `p` is not in [0, 1].
    #[track_caller]
    pub fn bernoulli(&mut self, p: f64) -> bool {
        check_bernoulli(p);
        self.random_sample() < p
    }

    /// What this generator will draw next, as a value that can be kept in a file.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let mut rng = RandomState::new(0);
    /// rng.randn(3);
    /// let state = rng.get_state();
    /// let x = rng.randn(3);
    /// rng.set_state(&state);
    /// assert_eq!(rng.randn(3), x);
    /// ```
    #[must_use]
    pub fn get_state(&self) -> State {
        State(self.clone())
    }

    /// Goes on from where [`get_state`](Self::get_state) was called.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let rng = RandomState::new(7);
    /// let mut other = RandomState::from_entropy();
    /// other.set_state(&rng.get_state());
    /// assert_eq!(other, rng);
    /// ```
    pub fn set_state(&mut self, state: &State) {
        self.clone_from(&state.0);
    }
}

/// Whether the polar method can use a point of the square.
#[inline(always)]
pub(super) fn in_disc(x1: f64, x2: f64) -> bool {
    let r2 = x1 * x1 + x2 * x2;
    (r2 < 1.0) & (r2 != 0.0)
}

/// The two normals of a point in the unit disc.
#[inline(always)]
pub(super) fn polar(x1: f64, x2: f64) -> [f64; 2] {
    let r2 = x1 * x1 + x2 * x2;
    let scale = (-2.0 * r2.ln() / r2).sqrt();
    [scale * x2, scale * x1]
}

#[track_caller]
pub(super) fn check_uniform(low: f64, high: f64) {
    assert!(
        (high - low).is_finite(),
        "uniform: the range {low} to {high} must be finite"
    );
}

#[track_caller]
pub(super) fn check_normal(std: f64) {
    assert!(
        std >= 0.0,
        "normal: the standard deviation is {std}; it must not be negative"
    );
}

#[track_caller]
fn check_randint(low: i64, high: i64) {
    assert!(
        low < high,
        "randint: no integer is in {low}..{high}; low must be less than high"
    );
}

#[track_caller]
pub(super) fn check_bernoulli(p: f64) {
    assert!(
        (0.0..=1.0).contains(&p),
        "bernoulli: the probability is {p}; it must be in [0, 1]"
    );
}
