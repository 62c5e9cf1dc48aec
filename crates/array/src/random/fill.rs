//! Draws in bulk, into memory that is already there.

use super::random_state::{
    RandomState, check_bernoulli, check_normal, check_uniform, in_disc, polar,
};

/// An element type that draws can be written in: `f32` or `f64`.
///
/// Every draw is made in `f64` and then rounded, as `np.random.rand(n).astype(np.float32)` does. A
/// draw from [0, 1) may therefore be 1.0 as an `f32`.
///
/// ```
/// use dezero_array::random::{RandomState, Real};
///
/// fn noise<T: Real + Default>(n: usize) -> Vec<T> {
///     let mut out = vec![T::default(); n];
///     RandomState::new(0).fill_standard_normal(&mut out);
///     out
/// }
/// assert_eq!(noise::<f32>(1), [1.764052345967664_f64 as f32]);
/// ```
pub trait Real: Copy + sealed::FromDraw {}

impl Real for f32 {}
impl Real for f64 {}

mod sealed {
    pub trait FromDraw {
        fn from_draw(x: f64) -> Self;
    }
    impl FromDraw for f32 {
        #[inline(always)]
        fn from_draw(x: f64) -> f32 {
            x as f32
        }
    }
    impl FromDraw for f64 {
        #[inline(always)]
        fn from_draw(x: f64) -> f64 {
            x
        }
    }
}

/// Draws per step of a fill: small enough for the first-level cache.
const CHUNK: usize = 512;

impl RandomState {
    /// Fills `out` from the uniform distribution on [0, 1).
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let mut x = [0.0_f32; 2];
    /// RandomState::new(0).fill_random_sample(&mut x);
    /// assert_eq!(x, [0.5488135, 0.71518934]);
    /// ```
    pub fn fill_random_sample<T: Real>(&mut self, out: &mut [T]) {
        self.fill_map(out, |u| T::from_draw(u));
    }

    /// Fills `out` from the uniform distribution on [`low`, `high`).
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let mut x = [0.0; 1];
    /// RandomState::new(0).fill_uniform(&mut x, -1.0, 1.0);
    /// assert_eq!(x, [0.09762700785464951]);
    /// ```
    ///
    /// # Panics
    /// If `high - low` is not finite.
    #[track_caller]
    pub fn fill_uniform<T: Real>(&mut self, out: &mut [T], low: f64, high: f64) {
        check_uniform(low, high);
        let range = high - low;
        self.fill_map(out, |u| T::from_draw(low + range * u));
    }

    /// Fills `out` with truth values, each `true` with probability `p`: `np.random.rand(n) < p`.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let mut mask = [false; 4];
    /// RandomState::new(0).fill_bernoulli(&mut mask, 0.6);
    /// assert_eq!(mask, [true, false, false, true]);
    /// ```
    ///
    /// # Panics
    /// If `p` is not in [0, 1].
    #[track_caller]
    pub fn fill_bernoulli(&mut self, out: &mut [bool], p: f64) {
        check_bernoulli(p);
        self.fill_map(out, |u| u < p);
    }

    /// Fills `out` from the normal distribution with mean 0 and variance 1.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let mut x = [0.0; 3];
    /// RandomState::new(0).fill_standard_normal(&mut x);
    /// assert_eq!(x.as_slice(), RandomState::new(0).randn(3));
    /// ```
    pub fn fill_standard_normal<T: Real>(&mut self, out: &mut [T]) {
        self.fill_gaussian(out, |x| T::from_draw(x));
    }

    /// Fills `out` from the normal distribution with mean `mean` and standard deviation `std`.
    ///
    /// ```
    /// use dezero_array::random::RandomState;
    ///
    /// let mut x = [0.0; 2];
    /// RandomState::new(0).fill_normal(&mut x, 10.0, 0.5);
    /// assert_eq!(x[0], RandomState::new(0).normal(10.0, 0.5));
    /// ```
    ///
    /// # Panics
    /// If `std` is negative.
    #[track_caller]
    pub fn fill_normal<T: Real>(&mut self, out: &mut [T], mean: f64, std: f64) {
        check_normal(std);
        self.fill_gaussian(out, |x| T::from_draw(mean + std * x));
    }

    /// Fills `out` with `f` of a uniform draw each.
    fn fill_map<T>(&mut self, out: &mut [T], f: impl Fn(f64) -> T) {
        let mut draws = [0.0; CHUNK];
        for out in out.chunks_mut(CHUNK) {
            let draws = &mut draws[..out.len()];
            self.mt.fill_f64(draws);
            for (x, &u) in out.iter_mut().zip(&*draws) {
                *x = f(u);
            }
        }
    }

    /// Fills `out` with `f` of a normal draw each: what one
    /// [`standard_normal`](Self::standard_normal) for each element would give.
    fn fill_gaussian<T>(&mut self, mut out: &mut [T], f: impl Fn(f64) -> T) {
        if !out.is_empty()
            && let Some(x) = self.cached_gaussian.take()
        {
            out[0] = f(x);
            out = &mut out[1..];
        }
        let mut draws = [0.0; CHUNK];
        while out.len() > 1 {
            // No more points than are wanted: those outside the disc are made up for in the next
            // round, so that none is drawn that `standard_normal` would not have drawn.
            let draws = &mut draws[..out.len().min(CHUNK) & !1];
            self.mt.fill_f64(draws);
            let points = draws.as_chunks_mut::<2>().0;
            let mut inside = 0;
            for i in 0..points.len() {
                let [x1, x2] = points[i].map(|u| 2.0 * u - 1.0);
                // Moves the points inside to the front; a branch here is mispredicted a fifth of
                // the time.
                points[inside] = [x1, x2];
                inside += usize::from(in_disc(x1, x2));
            }
            let (now, later) = out.split_at_mut(2 * inside);
            for (pair, &[x1, x2]) in now.as_chunks_mut::<2>().0.iter_mut().zip(&*points) {
                *pair = polar(x1, x2).map(&f);
            }
            out = later;
        }
        if let [last] = out {
            *last = f(self.standard_normal());
        }
    }
}
