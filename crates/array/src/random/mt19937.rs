//! The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), word for word the reference implementation.

use crate::cpu::dispatch::dispatch;

/// Words in the state of MT19937.
pub(super) const N: usize = 624;
/// How far ahead the recurrence of MT19937 reads.
const M: usize = 397;

/// The raw twister, and nothing about distributions.
///
/// Written here because crates hide the words and the position, which a saved generator consists of
/// in NumPy's form too, and because whole blocks of words vectorise: a third of `rand_mt`'s time.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Mt19937 {
    pub(super) key: [u32; N],
    /// The next word to hand out; `N` when the block is used up.
    pub(super) pos: usize,
}

impl Mt19937 {
    /// `init_genrand` of the reference implementation.
    pub(super) fn from_seed(seed: u32) -> Self {
        let mut key = [seed; N];
        for i in 1..N {
            let last = key[i - 1];
            key[i] = (last ^ (last >> 30))
                .wrapping_mul(1_812_433_253)
                .wrapping_add(i as u32);
        }
        Mt19937 { key, pos: N }
    }

    /// `init_by_array` of the reference implementation. `words` is not empty.
    pub(super) fn from_words(words: &[u32]) -> Self {
        let Mt19937 { mut key, pos } = Self::from_seed(19_650_218);
        let mut i = 1;
        for j in 0..N.max(words.len()) {
            let j = j % words.len();
            let last = key[i - 1];
            key[i] = (key[i] ^ (last ^ (last >> 30)).wrapping_mul(1_664_525))
                .wrapping_add(words[j])
                .wrapping_add(j as u32);
            i += 1;
            if i == N {
                key[0] = key[N - 1];
                i = 1;
            }
        }
        for _ in 1..N {
            let last = key[i - 1];
            key[i] =
                (key[i] ^ (last ^ (last >> 30)).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i += 1;
            if i == N {
                key[0] = key[N - 1];
                i = 1;
            }
        }
        // At least one bit that counts is set, so that the state is never all zero.
        key[0] = 0x8000_0000;
        Mt19937 { key, pos }
    }

    /// Replaces the used-up block by the next one.
    #[inline(always)]
    fn twist(&mut self) {
        #[inline(always)]
        fn mix(upper: u32, lower: u32) -> u32 {
            let y = (upper & 0x8000_0000) | (lower & 0x7fff_ffff);
            (y >> 1) ^ ((y & 1).wrapping_neg() & 0x9908_b0df)
        }
        let key = &mut self.key;
        for i in 0..N - M {
            key[i] = key[i + M] ^ mix(key[i], key[i + 1]);
        }
        for i in N - M..N - 1 {
            key[i] = key[i + M - N] ^ mix(key[i], key[i + 1]);
        }
        key[N - 1] = key[M - 1] ^ mix(key[N - 1], key[0]);
        self.pos = 0;
    }

    #[inline]
    pub(super) fn next_u32(&mut self) -> u32 {
        if self.pos == N {
            self.twist();
        }
        let word = self.key[self.pos];
        self.pos += 1;
        temper(word)
    }

    #[inline]
    pub(super) fn next_u64(&mut self) -> u64 {
        let high = u64::from(self.next_u32());
        high << 32 | u64::from(self.next_u32())
    }

    /// A multiple of 2⁻⁵³ in [0, 1).
    #[inline]
    pub(super) fn next_f64(&mut self) -> f64 {
        let high = self.next_u32();
        unit(high, self.next_u32())
    }

    /// The same numbers as one [`next_f64`](Self::next_f64) for each element.
    pub(super) fn fill_f64(&mut self, out: &mut [f64]) {
        dispatch(
            #[inline(always)]
            || self.fill_blocks(out),
        );
    }

    #[inline(always)]
    fn fill_blocks(&mut self, mut out: &mut [f64]) {
        while !out.is_empty() {
            if self.pos == N {
                self.twist();
            }
            let pairs = out.len().min((N - self.pos) / 2);
            if pairs == 0 {
                // One word is left in this block; the pair's second is the first of the next.
                out[0] = self.next_f64();
                out = &mut out[1..];
                continue;
            }
            let (now, later) = out.split_at_mut(pairs);
            // In two loops, because each of them vectorises.
            let mut words = [0; N];
            let words = &mut words[..2 * pairs];
            for (word, &raw) in words.iter_mut().zip(&self.key[self.pos..]) {
                *word = temper(raw);
            }
            for (x, &[high, low]) in now.iter_mut().zip(words.as_chunks::<2>().0) {
                *x = unit(high, low);
            }
            self.pos += 2 * pairs;
            out = later;
        }
    }

    /// Uniform on `0..=max`: bits under a mask, drawn again while too large. NumPy's
    /// `random_interval`, and its legacy `randint`.
    #[inline]
    pub(super) fn interval(&mut self, max: u64) -> u64 {
        if max == 0 {
            return 0; // draws nothing
        }
        let mask = u64::MAX >> max.leading_zeros();
        loop {
            let value = match u32::try_from(max) {
                Ok(_) => u64::from(self.next_u32()),
                Err(_) => self.next_u64(),
            } & mask;
            if value <= max {
                return value;
            }
        }
    }
}

/// What MT19937 hands out for a word of its state.
#[inline(always)]
fn temper(mut word: u32) -> u32 {
    word ^= word >> 11;
    word ^= (word << 7) & 0x9d2c_5680;
    word ^= (word << 15) & 0xefc6_0000;
    word ^ (word >> 18)
}

/// 53 random bits as a number in [0, 1).
#[inline(always)]
fn unit(high: u32, low: u32) -> f64 {
    // By way of i32, for which every instruction set converts in vectors; both fit.
    let (a, b) = ((high >> 5) as i32, (low >> 6) as i32);
    (f64::from(a) * 67_108_864.0 + f64::from(b)) * (1.0 / 9_007_199_254_740_992.0)
}
