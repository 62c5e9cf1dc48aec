//! Arrays from a rule: ranges, constants, random numbers.

use std::mem::MaybeUninit;

use crate::random::{RandomState, with_default};
use crate::{Array, DType, Element, match_dtype};

impl Array {
    /// Numbers from `start` up to and without `stop` (down to it if `step` is negative), as
    /// `numpy.arange`. The type of the numbers is the array's dtype.
    ///
    /// # Panics
    /// If `step` is zero or the length is not finite.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::arange(0, 10, 3).to_vec::<i64>(), [0, 3, 6, 9]);
    /// assert_eq!(Array::arange(1.0, 0.0, -0.5).to_vec::<f64>(), [1.0, 0.5]);
    /// ```
    #[track_caller]
    pub fn arange<N: Into<RangeNumber>>(start: N, stop: N, step: N) -> Array {
        match (start.into(), stop.into(), step.into()) {
            (RangeNumber::I64(start), RangeNumber::I64(stop), RangeNumber::I64(step)) => {
                assert!(step != 0, "arange: the step is zero");
                let distance = if step > 0 {
                    i128::from(stop) - i128::from(start)
                } else {
                    i128::from(start) - i128::from(stop)
                };
                let step_size = i128::from(step.unsigned_abs());
                let n = (distance.max(0) + step_size - 1) / step_size;
                let n = usize::try_from(n).unwrap_or(usize::MAX);
                Array::build(&[n], |out: &mut [MaybeUninit<i64>]| {
                    for (i, y) in out.iter_mut().enumerate() {
                        y.write(start + i as i64 * step);
                    }
                })
            }
            (RangeNumber::F32(start), RangeNumber::F32(stop), RangeNumber::F32(step)) => {
                // NumPy finds the second number in f64 and goes on from there in f32.
                let n = float_steps(start.into(), stop.into(), step.into());
                let delta = (f64::from(start) + f64::from(step)) as f32 - start;
                Array::build(&[n], |out: &mut [MaybeUninit<f32>]| {
                    for (i, y) in out.iter_mut().enumerate() {
                        y.write(start + i as f32 * delta);
                    }
                })
            }
            (start, stop, step) => {
                let (start, stop, step) = (start.to_f64(), stop.to_f64(), step.to_f64());
                let n = float_steps(start, stop, step);
                // As NumPy, whose step is the rounded difference of the first two numbers.
                let delta = (start + step) - start;
                Array::build(&[n], |out: &mut [MaybeUninit<f64>]| {
                    for (i, y) in out.iter_mut().enumerate() {
                        y.write(start + i as f64 * delta);
                    }
                })
            }
        }
    }

    /// `n` f64 numbers from `start` to `stop`, both included, as `numpy.linspace`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::linspace(0.0, 1.0, 5).to_vec::<f64>(), [0.0, 0.25, 0.5, 0.75, 1.0]);
    /// ```
    #[track_caller]
    pub fn linspace(start: f64, stop: f64, n: usize) -> Array {
        let gaps = n.saturating_sub(1) as f64;
        let delta = stop - start;
        let step = delta / gaps;
        Array::build(&[n], |out: &mut [MaybeUninit<f64>]| {
            for (i, y) in out.iter_mut().enumerate() {
                let i = i as f64;
                // As NumPy: where the step underflows, divide later.
                let along = match n {
                    1 => 0.0,
                    _ if step == 0.0 => i / gaps * delta,
                    _ => i * step,
                };
                y.write(along + start);
            }
            if let [_, .., last] = out {
                last.write(stop);
            }
        })
    }

    /// Zeros in the shape and dtype of this array.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 2]).zeros_like().to_vec::<i64>(), [0, 0]);
    /// ```
    pub fn zeros_like(&self) -> Array {
        Array::zeros(self.shape(), self.dtype())
    }

    /// Ones in the shape and dtype of this array.
    pub fn ones_like(&self) -> Array {
        Array::ones(self.shape(), self.dtype())
    }

    /// `value` in the shape and dtype of this array.
    pub fn full_like(&self, value: f64) -> Array {
        Array::full_of(self.shape(), value, self.dtype())
    }

    /// Uniform f64 numbers from [0, 1) by the generator of the process, as `numpy.random.rand`.
    ///
    /// ```
    /// use dezero_array::{Array, random};
    /// random::seed(0);
    /// assert_eq!(Array::rand([2]).to_vec::<f64>(), [0.5488135039273248, 0.7151893663724195]);
    /// ```
    #[track_caller]
    pub fn rand(shape: impl AsRef<[usize]>) -> Array {
        let mut x = Array::zeros(shape, DType::F64);
        fill_default(&mut x, RandomState::fill_random_sample::<f64>);
        x
    }

    /// Uniform f64 numbers from [0, 1) by a generator of one's own.
    #[track_caller]
    pub fn rand_by(rng: &mut RandomState, shape: impl AsRef<[usize]>) -> Array {
        let mut x = Array::zeros(shape, DType::F64);
        rng.fill_random_sample(x.as_mut_slice::<f64>());
        x
    }

    /// Normally distributed f64 numbers by the generator of the process, as `numpy.random.randn`.
    ///
    /// ```
    /// use dezero_array::{Array, random};
    /// random::seed(0);
    /// assert_eq!(Array::randn([1]).item(), 1.764052345967664);
    /// ```
    #[track_caller]
    pub fn randn(shape: impl AsRef<[usize]>) -> Array {
        let mut x = Array::zeros(shape, DType::F64);
        fill_default(&mut x, RandomState::fill_standard_normal::<f64>);
        x
    }

    /// Normally distributed f64 numbers by a generator of one's own.
    #[track_caller]
    pub fn randn_by(rng: &mut RandomState, shape: impl AsRef<[usize]>) -> Array {
        let mut x = Array::zeros(shape, DType::F64);
        rng.fill_standard_normal(x.as_mut_slice::<f64>());
        x
    }

    /// The numbers from 0 to `n` - 1 in random order (i64) by the generator of the process, as
    /// `numpy.random.permutation`.
    ///
    /// ```
    /// use dezero_array::{Array, random};
    /// random::seed(0);
    /// assert_eq!(Array::permutation(5).to_vec::<i64>(), [2, 0, 1, 3, 4]);
    /// ```
    #[track_caller]
    pub fn permutation(n: usize) -> Array {
        let mut x = Array::arange(0, n as i64, 1);
        fill_default(&mut x, RandomState::shuffle::<i64>);
        x
    }

    /// The numbers from 0 to `n` - 1 in random order (i64) by a generator of one's own.
    #[track_caller]
    pub fn permutation_by(rng: &mut RandomState, n: usize) -> Array {
        Array::from_vec(rng.permutation(n), [n])
    }

    /// For each class in this int64 array a row of `n` elements, 1 at the class and 0 elsewhere:
    /// shape `[…]` becomes `[…, n]`.
    ///
    /// # Panics
    /// If the array is not int64 or a class is not in `0..n`.
    ///
    /// ```
    /// use dezero_array::{Array, DType};
    /// let y = Array::new([2, 0]).one_hot(3, DType::F32);
    /// assert_eq!(y.to_vec::<f32>(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn one_hot(&self, n: usize, dtype: DType) -> Array {
        if self.dtype() != DType::I64 {
            panic!(
                "one_hot: the classes are an int64 array, this one is {}",
                self.dtype()
            );
        }
        let classes = self.to_contiguous();
        let classes = classes.as_slice::<i64>().expect("contiguous");
        for &class in classes {
            if class < 0 || class >= n as i64 {
                panic!("one_hot: class {class} is out of range for {n} classes");
            }
        }
        let mut shape = crate::Shape::from_slice(self.shape());
        shape.push(n);
        let mut y = Array::zeros(&shape[..], dtype);
        match_dtype!(dtype, T => {
            if y.size() > 0 {
                let y = y.as_mut_slice::<T>();
                for (row, &class) in y.chunks_exact_mut(n).zip(classes) {
                    row[class as usize] = T::from_i64(1);
                }
            }
        });
        y
    }
}

#[track_caller]
fn fill_default<T: Element>(x: &mut Array, fill: fn(&mut RandomState, &mut [T])) {
    let x = x.as_mut_slice::<T>();
    with_default(|rng| fill(rng, x));
}

/// How many numbers a floating-point range has.
#[track_caller]
fn float_steps(start: f64, stop: f64, step: f64) -> usize {
    assert!(step != 0.0, "arange: the step is zero");
    let n = ((stop - start) / step).ceil();
    if !n.is_finite() {
        panic!("arange: no finite number of steps of {step} from {start} to {stop}");
    }
    n.max(0.0) as usize
}

/// A number that bounds an [`arange`](Array::arange): floats keep their type, integers become i64.
#[derive(Clone, Copy, Debug)]
pub enum RangeNumber {
    /// Any integer.
    I64(i64),
    /// `f32`.
    F32(f32),
    /// `f64`.
    F64(f64),
}

impl RangeNumber {
    fn to_f64(self) -> f64 {
        match self {
            RangeNumber::I64(x) => x as f64,
            RangeNumber::F32(x) => x.into(),
            RangeNumber::F64(x) => x,
        }
    }
}

macro_rules! range_number {
    ($($t:ty => $variant:ident),*) => {$(
        impl From<$t> for RangeNumber {
            fn from(x: $t) -> RangeNumber {
                RangeNumber::$variant(x as _)
            }
        }
    )*};
}
range_number!(i32 => I64, i64 => I64, usize => I64, f32 => F32, f64 => F64);
