//! Three arms of a spiral: the book's first classification problem.

use dezero_array::Array;
use dezero_array::random::RandomState;

use super::{ArrayDataset, Split};

/// 300 points in the plane, 100 on each of three arms; the target is the arm.
///
/// `x` is `f32` `[300, 2]`, `t` is `i64` `[300]`, in random order. Point `i` of arm `j` lies at
/// radius `r = i / 100` and angle `4j + 4r + 0.2 randn()`. The generator is seeded with 1984 for
/// [`Split::Train`] and 2020 for [`Split::Test`], so that these are the book's points.
///
/// ```
/// use dezero::data::{Dataset, Split, spiral};
/// let train = spiral(Split::Train);
/// let (x, t) = train.get(0);
/// assert_eq!(x.to_vec::<f32>(), [-0.13981389, -0.0072165737]);
/// assert_eq!(t.item(), 1.0);
/// ```
pub fn spiral(split: Split) -> ArrayDataset {
    draw_spiral(&mut RandomState::new(match split {
        Split::Train => 1984,
        Split::Test => 2020,
    }))
}

/// The points of [`spiral`], drawn from `random`.
///
/// The book's `Spiral` seeds the generator of the process, and what the program draws afterwards
/// goes on from there. A program that wants the book's losses does the same:
///
/// ```
/// use dezero::data::draw_spiral;
/// use dezero::random;
///
/// random::seed(1984);
/// let train_set = random::with_default(draw_spiral);
/// ```
pub fn draw_spiral(random: &mut RandomState) -> ArrayDataset {
    const POINTS: usize = 100;
    const ARMS: usize = 3;
    let mut x: Vec<[f32; 2]> = Vec::with_capacity(ARMS * POINTS);
    let mut t: Vec<i64> = Vec::with_capacity(ARMS * POINTS);
    for j in 0..ARMS {
        for i in 0..POINTS {
            let rate = i as f64 / POINTS as f64;
            let radius = 1.0 * rate;
            let theta = j as f64 * 4.0 + 4.0 * rate + random.standard_normal() * 0.2;
            x.push([(radius * theta.sin()) as f32, (radius * theta.cos()) as f32]);
            t.push(j as i64);
        }
    }
    let order = random.permutation(ARMS * POINTS);
    let x: Vec<f32> = order.iter().flat_map(|&i| x[i as usize]).collect();
    let t: Vec<i64> = order.iter().map(|&i| t[i as usize]).collect();
    ArrayDataset::new(
        Array::from_vec(x, [ARMS * POINTS, 2]),
        Array::from_vec(t, [ARMS * POINTS]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    /// Numbers of the book's `get_spiral`, run with NumPy.
    #[test]
    fn the_points_are_the_books() {
        #[rustfmt::skip]
        let train = [
            -0.13981389, -0.0072165737, 0.37049392, 0.5820947, 0.022119455, -0.2690924,
            -0.18852998, -0.37530845, 0.025064953, 0.07597202,
        ];
        #[rustfmt::skip]
        let test = [
            0.13246453, 0.13620993, -0.31427157, 0.24745378, -0.30743748, 0.18730241,
            -0.00030857557, 0.029998412, -0.166629, 0.033686437,
        ];
        for (split, x, t, x_sum, t_sum) in [
            (
                Split::Train,
                train,
                [1, 1, 2, 2, 0],
                -2867.8735687018197,
                46301,
            ),
            (
                Split::Test,
                test,
                [0, 1, 1, 0, 1],
                415.22478152676194,
                43931,
            ),
        ] {
            let data = spiral(split);
            let (some_x, some_t) = data.batch(&[0, 1, 150, 298, 299]);
            assert_eq!(some_x.to_vec::<f32>(), x);
            assert_eq!(some_t.to_vec::<i64>(), t);
            let xs = data.x().to_vec::<f32>();
            let weighted = xs.iter().enumerate().map(|(i, &x)| i as f64 * f64::from(x));
            assert!((weighted.sum::<f64>() - x_sum).abs() < 1e-9);
            let ts = data.t().to_vec::<i64>();
            assert_eq!((0..).zip(ts).map(|(i, t)| i * t).sum::<i64>(), t_sum);
        }
    }

    #[test]
    fn the_generator_goes_on_where_the_books_does() {
        let mut random = RandomState::new(2020);
        draw_spiral(&mut random);
        assert_eq!(random.permutation(5), [1, 3, 0, 4, 2]);
    }
}
