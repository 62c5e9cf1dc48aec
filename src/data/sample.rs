//! [`Sample`]: what a dataset gives, and how several make a batch.

use dezero_array::Array;

/// One example of a dataset, which knows how to make a batch of several.
///
/// | sample | batch |
/// | --- | --- |
/// | `Array` of shape `s` | `Array` of shape `[n, ..s]` |
/// | a number or `bool` | `Array` of shape `[n]` |
/// | `(A, B)`, `(A, B, C)` | the batches of `A`, `B`, `C` |
/// | `Result<S, E>` | `Result` of the batch of `S`, or the first error |
/// | `String`, [`Image`](super::Image) | `Vec` |
///
/// ```
/// use dezero::Array;
/// use dezero::data::Sample;
///
/// let samples = [(Array::new([1.0, 2.0]), 0), (Array::new([3.0, 4.0]), 1)];
/// let (x, t) = <(Array, i64)>::collate(samples.into_iter());
/// assert_eq!((x.shape(), t.shape()), (&[2, 2][..], &[2][..]));
/// ```
pub trait Sample: Sized {
    /// Several of them.
    type Batch;

    /// The batch of `samples`, in their order.
    ///
    /// # Panics
    /// Where there is no sample, or where they do not fit together.
    fn collate(samples: impl Iterator<Item = Self>) -> Self::Batch;
}

impl Sample for Array {
    type Batch = Array;

    fn collate(samples: impl Iterator<Item = Self>) -> Array {
        let samples: Vec<Array> = samples.collect();
        let Some(first) = samples.first() else {
            panic!("collate: a batch takes at least one sample")
        };
        for (i, x) in samples.iter().enumerate() {
            if x.shape() != first.shape() || x.dtype() != first.dtype() {
                panic!(
                    "collate: sample 0 is {} {:?} but sample {i} is {} {:?}",
                    first.dtype(),
                    first.shape(),
                    x.dtype(),
                    x.shape()
                );
            }
        }
        Array::stack(&samples, 0)
    }
}

macro_rules! scalar_samples {
    ($($type:ty as $element:ty),*) => {$(
        impl Sample for $type {
            type Batch = Array;

            fn collate(samples: impl Iterator<Item = Self>) -> Array {
                let elements: Vec<$element> = samples.map(|x| x as $element).collect();
                let shape = [elements.len()];
                Array::from_vec(elements, shape)
            }
        }
    )*};
}
scalar_samples!(
    f32 as f32,
    f64 as f64,
    i64 as i64,
    i32 as i64,
    u8 as i64,
    usize as i64,
    bool as bool
);

impl<A: Sample, B: Sample> Sample for (A, B) {
    type Batch = (A::Batch, B::Batch);

    fn collate(samples: impl Iterator<Item = Self>) -> Self::Batch {
        let (a, b): (Vec<A>, Vec<B>) = samples.unzip();
        (A::collate(a.into_iter()), B::collate(b.into_iter()))
    }
}

impl<A: Sample, B: Sample, C: Sample> Sample for (A, B, C) {
    type Batch = (A::Batch, B::Batch, C::Batch);

    fn collate(samples: impl Iterator<Item = Self>) -> Self::Batch {
        let (a, (b, c)): (Vec<A>, (Vec<B>, Vec<C>)) = samples.map(|(a, b, c)| (a, (b, c))).unzip();
        (
            A::collate(a.into_iter()),
            B::collate(b.into_iter()),
            C::collate(c.into_iter()),
        )
    }
}

impl<S: Sample, E> Sample for Result<S, E> {
    type Batch = Result<S::Batch, E>;

    fn collate(samples: impl Iterator<Item = Self>) -> Self::Batch {
        // Stops loading at the first error.
        let samples = samples.collect::<Result<Vec<S>, E>>()?;
        Ok(S::collate(samples.into_iter()))
    }
}

impl Sample for String {
    type Batch = Vec<String>;

    fn collate(samples: impl Iterator<Item = Self>) -> Self::Batch {
        samples.collect()
    }
}

/// A sample of an input `x` and a target `t`: a pair, or the `Result` of one.
///
/// It lets [`map_x`](super::Dataset::map_x) and [`map_t`](super::Dataset::map_t) work on both.
pub trait Labelled {
    /// The input.
    type X;
    /// The target.
    type T;
    /// The same with another input and target.
    type With<X: Sample, T: Sample>: Sample;

    /// Replaces input and target.
    fn map_pair<X: Sample, T: Sample>(
        self,
        f: impl FnOnce(Self::X, Self::T) -> (X, T),
    ) -> Self::With<X, T>;
}

impl<X0, T0> Labelled for (X0, T0) {
    type X = X0;
    type T = T0;
    type With<X: Sample, T: Sample> = (X, T);

    fn map_pair<X: Sample, T: Sample>(self, f: impl FnOnce(X0, T0) -> (X, T)) -> (X, T) {
        f(self.0, self.1)
    }
}

impl<S: Labelled, E> Labelled for Result<S, E> {
    type X = S::X;
    type T = S::T;
    type With<X: Sample, T: Sample> = Result<S::With<X, T>, E>;

    fn map_pair<X: Sample, T: Sample>(
        self,
        f: impl FnOnce(S::X, S::T) -> (X, T),
    ) -> Self::With<X, T> {
        self.map(|pair| pair.map_pair(f))
    }
}
