//! Layer normalisation and its first-order gradients, each in few passes over a row that stays in
//! the cache.

use std::mem::MaybeUninit;

use crate::cpu::reduce_kernels::{sum, sum_columns, sum_map, sum_zip};
use crate::cpu::simd::dispatch;
use crate::cpu::threads;
use crate::cpu::vector_math::Real;
use crate::{Array, Element, Shape, match_dtype};

/// Elements from which threads share the rows.
const PARALLEL_FROM: usize = 1 << 16;
/// Rows whose contributions to the gradients of gamma and beta are added before they meet those of
/// other rows. It depends on nothing, so that threads do not change a bit.
const STRIP: usize = 32;

/// How many rows of `size` elements a thread takes at a time: all, where there are few.
fn rows_of_a_task(size: usize, columns: usize) -> usize {
    let elements = if size < PARALLEL_FROM {
        size
    } else {
        PARALLEL_FROM / 8
    };
    elements.div_ceil(columns).max(1)
}

/// Calls `body(i, row)` for each row of `out`.
fn for_each_row<T: Send>(
    out: &mut [MaybeUninit<T>],
    columns: usize,
    body: impl Fn(usize, &mut [MaybeUninit<T>]) + Sync,
) {
    let rows = rows_of_a_task(out.len(), columns);
    threads::for_each_chunk(out, rows * columns, |strip, out| {
        for (i, row) in out.chunks_exact_mut(columns).enumerate() {
            body(strip * rows + i, row);
        }
    });
}

/// Mean and 1 / √(variance + eps) of a row.
fn statistics<T: Real>(x: &[T], eps: T) -> (T, T) {
    let n = T::from_f64(x.len() as f64);
    let mean = sum(x) / n;
    let variance = sum_map(
        x,
        #[inline(always)]
        |x| (x - mean) * (x - mean),
    ) / n;
    (mean, T::ONE / (variance + eps).sqrt())
}

fn normalize<T: Real>(
    x: &[T],
    gamma: &[T],
    beta: &[T],
    (mean, scale): (T, T),
    out: &mut [MaybeUninit<T>],
) {
    dispatch(
        #[inline(always)]
        || {
            let parameters = gamma.iter().zip(beta);
            for ((out, &x), (&gamma, &beta)) in out.iter_mut().zip(x).zip(parameters) {
                out.write((x - mean) * scale * gamma + beta);
            }
        },
    );
}

/// (g - mean(g) - x̂ mean(g x̂)) scale with g = gy gamma, x̂ = (x - mean) scale.
fn gradient<T: Real>(
    x: &[T],
    gy: &[T],
    gamma: &[T],
    (mean, scale): (T, T),
    out: &mut [MaybeUninit<T>],
) {
    let n = T::from_f64(x.len() as f64);
    dispatch(
        #[inline(always)]
        || {
            for ((out, &gy), &gamma) in out.iter_mut().zip(gy).zip(gamma) {
                out.write(gy * gamma);
            }
        },
    );
    // SAFETY: written just now.
    let g = unsafe { &mut *(out as *mut [MaybeUninit<T>] as *mut [T]) };
    let g_mean = sum(g) / n;
    let along = sum_zip(
        g,
        x,
        #[inline(always)]
        |g, x| g * (x - mean),
    ) * scale
        / n;
    dispatch(
        #[inline(always)]
        || {
            for (g, &x) in g.iter_mut().zip(x) {
                *g = (*g - g_mean - (x - mean) * scale * along) * scale;
            }
        },
    );
}

/// Operands as contiguous arrays of one float type, and the length of a normalised row.
struct Operands {
    arrays: Vec<Array>,
    columns: usize,
}

impl Operands {
    /// `x` comes first, `gamma` second.
    #[track_caller]
    fn new(operation: &str, arrays: &[&Array]) -> Operands {
        let (x, gamma) = (arrays[0].shape(), arrays[1].shape());
        if gamma.is_empty() || !x.ends_with(gamma) {
            panic!("{operation}: gamma {gamma:?} must have the shape of the last axes of x {x:?}");
        }
        let dtype = arrays
            .iter()
            .fold(arrays[0].dtype(), |dtype, x| dtype.promote(x.dtype()));
        let dtype = dtype.to_float();
        Operands {
            columns: arrays[1].size(),
            arrays: arrays
                .iter()
                .map(|x| x.to_dtype(dtype).to_contiguous())
                .collect(),
        }
    }

    fn slice<T: Element>(&self, i: usize) -> &[T] {
        self.arrays[i].as_slice().expect("contiguous")
    }
}

#[track_caller]
fn expect_shape(operation: &str, name: &str, x: &Array, shape: &[usize]) {
    if x.shape() != shape {
        panic!(
            "{operation}: {name} must have shape {shape:?}, got {:?}",
            x.shape()
        );
    }
}

impl Array {
    /// `(x - mean) / √(variance + eps) * gamma + beta`, where mean and variance are those of the
    /// last axes, as many as `gamma` has; and for the gradients the mean and 1 / √(variance + eps)
    /// of each row, where these axes have size 1.
    ///
    /// # Panics
    /// If `gamma` and `beta` do not both have the shape of the last axes.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1.0, 3.0]]);
    /// let (y, mean, _) = x.layer_norm(&Array::new([1.0, 2.0]), &Array::new([0.0, 1.0]), 0.0);
    /// assert_eq!(y.to_vec::<f64>(), [-1.0, 3.0]);
    /// assert_eq!(mean.item(), 2.0);
    /// ```
    #[track_caller]
    pub fn layer_norm(&self, gamma: &Array, beta: &Array, eps: f64) -> (Array, Array, Array) {
        let operands = Operands::new("layer_norm", &[self, gamma, beta]);
        expect_shape("layer_norm", "beta", beta, gamma.shape());
        let kept = self.ndim() - gamma.ndim();
        let shape: Shape = (0..self.ndim())
            .map(|axis| if axis < kept { self.shape()[axis] } else { 1 })
            .collect();
        let columns = operands.columns;
        match_dtype!(floats operands.arrays[0].dtype(), T => {
            let [x, gamma, beta] = [0, 1, 2].map(|i| operands.slice::<T>(i));
            let eps = <T as Real>::from_f64(eps);
            let row = |i: usize| &x[i * columns..(i + 1) * columns];
            // Both statistics of a row side by side.
            let rows = x.len().checked_div(columns).unwrap_or(0);
            let mut pairs = vec![(T::default(), T::default()); rows];
            let at_a_time = rows_of_a_task(x.len(), columns.max(1));
            threads::for_each_chunk(&mut pairs, at_a_time, |strip, pairs| {
                for (i, pair) in pairs.iter_mut().enumerate() {
                    *pair = statistics(row(strip * at_a_time + i), eps);
                }
            });
            let y = Array::build::<T>(self.shape(), |out| {
                if columns > 0 {
                    for_each_row(out, columns, |i, out| {
                        normalize(row(i), gamma, beta, pairs[i], out);
                    });
                }
            });
            if rows == 0 {
                let none = Array::zeros(&shape, T::DTYPE);
                return (y, none.clone(), none);
            }
            let (means, scales): (Vec<T>, Vec<T>) = pairs.into_iter().unzip();
            (y, Array::from_slice(&means, &shape), Array::from_slice(&scales, &shape))
        }, else unreachable!("a float"))
    }

    /// The gradient of [`layer_norm`](Array::layer_norm) by `x`, from what that returned:
    /// `(g - mean(g) - x̂ mean(g x̂)) scale` with `g = gy gamma` and `x̂ = (x - mean) scale`.
    ///
    /// # Panics
    /// If the shapes are not those of `layer_norm`.
    #[track_caller]
    pub fn layer_norm_grad(&self, gy: &Array, gamma: &Array, mean: &Array, scale: &Array) -> Array {
        let operands = Operands::new("layer_norm_grad", &[self, gamma, gy, mean, scale]);
        expect_shape("layer_norm_grad", "gy", gy, self.shape());
        expect_shape("layer_norm_grad", "scale", scale, mean.shape());
        let columns = operands.columns;
        if self.size() == 0 {
            return operands.arrays[2].clone();
        }
        assert_eq!(
            mean.size() * columns,
            self.size(),
            "layer_norm_grad: mean of other rows"
        );
        match_dtype!(floats operands.arrays[0].dtype(), T => {
            let [x, gamma, gy, mean, scale] = [0, 1, 2, 3, 4].map(|i| operands.slice::<T>(i));
            Array::build::<T>(self.shape(), |out| {
                for_each_row(out, columns, |i, out| {
                    let range = i * columns..(i + 1) * columns;
                    gradient(&x[range.clone()], &gy[range], gamma, (mean[i], scale[i]), out);
                });
            })
        }, else unreachable!("a float"))
    }

    /// The gradient of [`layer_norm`](Array::layer_norm) by `gamma`, in whose shape it is: the sum
    /// of `gy (x - mean) scale` over the rows. (That by `beta` is `gy.sum_to(beta.shape())`.)
    ///
    /// # Panics
    /// If the shapes are not those of `layer_norm`.
    #[track_caller]
    pub fn layer_norm_grad_gamma(
        &self,
        gy: &Array,
        gamma: &Array,
        mean: &Array,
        scale: &Array,
    ) -> Array {
        let operands = Operands::new("layer_norm_grad_gamma", &[self, gamma, gy, mean, scale]);
        expect_shape("layer_norm_grad_gamma", "gy", gy, self.shape());
        expect_shape("layer_norm_grad_gamma", "scale", scale, mean.shape());
        let columns = operands.columns;
        if self.size() == 0 {
            return Array::zeros(gamma.shape(), operands.arrays[0].dtype());
        }
        assert_eq!(
            mean.size() * columns,
            self.size(),
            "layer_norm_grad_gamma: mean of other rows"
        );
        match_dtype!(floats operands.arrays[0].dtype(), T => {
            let [x, gy, mean, scale] = [0, 2, 3, 4].map(|i| operands.slice::<T>(i));
            let strip = |(s, (x, gy)): (usize, (&[T], &[T]))| {
                let mut total = vec![T::default(); columns];
                let rows = x.chunks_exact(columns).zip(gy.chunks_exact(columns));
                for (i, (x, gy)) in rows.enumerate() {
                    let (mean, scale) = (mean[s * STRIP + i], scale[s * STRIP + i]);
                    dispatch(#[inline(always)] || {
                        for ((total, &x), &gy) in total.iter_mut().zip(x).zip(gy) {
                            *total += gy * ((x - mean) * scale);
                        }
                    });
                }
                total
            };
            let size = STRIP * columns;
            let totals: Vec<Vec<T>> = if x.len() < PARALLEL_FROM {
                x.chunks(size).zip(gy.chunks(size)).enumerate().map(strip).collect()
            } else {
                threads::map(x.len().div_ceil(size), |i| {
                    let range = i * size..((i + 1) * size).min(x.len());
                    strip((i, (&x[range.clone()], &gy[range])))
                })
            };
            let totals = totals.concat();
            Array::build::<T>(gamma.shape(), |out| sum_columns(&totals, out))
        }, else unreachable!("a float"))
    }
}

#[cfg(test)]
mod tests {
    use crate::Array;
    use crate::random::RandomState;

    /// By the formulas, with whole arrays.
    #[test]
    fn agrees_with_the_formulas() {
        let mut random = RandomState::new(5);
        for shape in [
            &[1usize, 1][..],
            &[7, 33],
            &[300, 70],
            &[2, 3, 4],
            &[5],
            &[9, 8192],
        ] {
            let mut draw =
                |shape: &[usize]| Array::from_vec(random.randn(shape.iter().product()), shape);
            let last = &shape[shape.len() - 1..];
            let (x, gy) = (draw(shape), draw(shape));
            let (gamma, beta) = (draw(last), draw(last));
            let (y, mean, scale) = x.layer_norm(&gamma, &beta, 1e-3);
            let expected_mean = x.mean_axis(-1, true);
            let expected_scale = (x.var_axis(-1, true) + 1e-3).sqrt().reciprocal();
            let normalized = (&x - &expected_mean) * &expected_scale;
            assert!(mean.allclose(&expected_mean, 1e-13, 1e-15));
            assert!(scale.allclose(&expected_scale, 1e-13, 0.0));
            assert!(y.allclose(&(&normalized * &gamma + &beta), 1e-12, 1e-13));
            let g = &gy * &gamma;
            let along = (&g * &normalized).mean_axis(-1, true);
            let gx = (&g - g.mean_axis(-1, true) - &normalized * along) * &expected_scale;
            assert!(
                x.layer_norm_grad(&gy, &gamma, &mean, &scale)
                    .allclose(&gx, 1e-11, 1e-12)
            );
            let g_gamma = x.layer_norm_grad_gamma(&gy, &gamma, &mean, &scale);
            assert!(g_gamma.allclose(&(&gy * normalized).sum_to(last), 1e-11, 1e-12));
        }
    }

    #[test]
    #[should_panic(
        expected = "layer_norm: gamma [2] must have the shape of the last axes of x [2, 3]"
    )]
    fn refuses_shapes_that_do_not_fit() {
        let gamma = Array::new([1.0, 2.0]);
        Array::zeros([2, 3], crate::DType::F64).layer_norm(&gamma, &gamma, 0.0);
    }
}
