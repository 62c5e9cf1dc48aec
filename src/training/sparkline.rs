//! [`Sparkline`]: the course of a figure in a few characters.

use std::fmt;

/// Characters of the line.
const CELLS: usize = 16;
/// Means kept at most; then each two of them become one.
const MOST: usize = 4 * CELLS;

/// The course of a figure, however many values it has: ▇▅▄▃▂▂▁▁.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sparkline {
    /// Means of `every` values each.
    means: Vec<f64>,
    every: usize,
    /// What the next mean is made of.
    sum: f64,
    count: usize,
}

impl Default for Sparkline {
    fn default() -> Sparkline {
        Sparkline {
            means: Vec::new(),
            every: 1,
            sum: 0.0,
            count: 0,
        }
    }
}

impl Sparkline {
    pub(super) fn push(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
        if self.count < self.every {
            return;
        }
        self.means.push(self.sum / self.count as f64);
        (self.sum, self.count) = (0.0, 0);
        if self.means.len() == MOST {
            let pairs = self.means.as_chunks::<2>().0;
            self.means = pairs.iter().map(|[a, b]| (a + b) / 2.0).collect();
            self.every *= 2;
        }
    }

    pub(super) fn to_numbers(&self) -> Vec<f64> {
        let own = [self.every as f64, self.sum, self.count as f64];
        own.into_iter().chain(self.means.iter().copied()).collect()
    }

    pub(super) fn from_numbers(numbers: &[f64]) -> Option<Sparkline> {
        match *numbers {
            [every, sum, count, ref means @ ..]
                if every >= 1.0 && (0.0..every).contains(&count) && means.len() < MOST =>
            {
                Some(Sparkline {
                    means: means.to_vec(),
                    every: every as usize,
                    sum,
                    count: count as usize,
                })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Sparkline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.means.len();
        let cells = n.min(CELLS);
        let means: Vec<f64> = (0..cells)
            .map(|i| {
                let means = &self.means[i * n / cells..(i + 1) * n / cells];
                means.iter().sum::<f64>() / means.len() as f64
            })
            .collect();
        let finite = means.iter().copied().filter(|x| x.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(x), high.max(x))
        });
        for x in means {
            let share = if high > low {
                (x - low) / (high - low)
            } else {
                0.0
            };
            let cell = match x.is_finite() {
                true => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][(share * 7.99) as usize],
                false => '!',
            };
            write!(f, "{cell}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_falls_with_the_figure_however_long() {
        for n in [1, 3, 16, 17, 64, 1000, 12_345] {
            let mut line = Sparkline::default();
            for i in 0..n {
                line.push(1.0 / (1.0 + f64::from(i)));
                let again = Sparkline::from_numbers(&line.to_numbers()).unwrap();
                assert_eq!(again, line);
            }
            let text: Vec<char> = line.to_string().chars().collect();
            assert!(
                text.len() <= CELLS && text.is_sorted_by(|a, b| a >= b),
                "{text:?}"
            );
            assert_eq!(text.last(), Some(&'▁'));
            assert!(n == 1 || text[0] == '█');
        }
    }

    #[test]
    fn numbers_that_are_none_stand_out() {
        let mut line = Sparkline::default();
        for x in [1.0, f64::NAN, 2.0, f64::INFINITY] {
            line.push(x);
        }
        assert_eq!(line.to_string(), "▁!█!");
        assert_eq!(Sparkline::default().to_string(), "");
        assert_eq!(Sparkline::from_numbers(&[1.0, 0.0]), None);
        assert_eq!(Sparkline::from_numbers(&[0.0, 0.0, 0.0]), None);
    }
}
