//! [`Dataset`], and datasets made of others.

use dezero_array::Array;

use super::{Labelled, Sample, Transform};

/// Which part of a data set: the one to learn from or the one to judge by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// To learn from.
    Train,
    /// Held out, to judge by.
    Test,
}

/// Numbered samples.
///
/// `len` and `get` are all that a dataset must supply:
///
/// ```
/// use dezero::Array;
/// use dezero::data::{DataLoader, Dataset};
///
/// struct Squares;
///
/// impl Dataset for Squares {
///     type Sample = (f64, f64);
///     fn len(&self) -> usize {
///         5
///     }
///     fn get(&self, index: usize) -> (f64, f64) {
///         (index as f64, (index * index) as f64)
///     }
/// }
///
/// let batches: Vec<(Array, Array)> = DataLoader::new(Squares, 2).iter().collect();
/// assert_eq!(batches.len(), 3);
/// assert_eq!(batches[1].1.to_vec::<f64>(), [4.0, 9.0]);
/// assert_eq!(batches[2].1.to_vec::<f64>(), [16.0]); // what is left
/// ```
///
/// Where loading can fail, the sample is a `Result<(x, t), E>`, and so is the batch.
pub trait Dataset {
    /// What one index gives; its [`Batch`](Sample::Batch) is what a loader gives.
    type Sample: Sample;

    /// The number of samples.
    fn len(&self) -> usize;

    /// Sample `index`.
    ///
    /// # Panics
    /// If `index` is not less than [`len`](Dataset::len).
    fn get(&self, index: usize) -> Self::Sample;

    /// The samples `indices` in one piece. Override it where that is quicker than one by one.
    ///
    /// ```
    /// use dezero::data::{Dataset, Split, spiral};
    /// let (x, t) = spiral(Split::Train).batch(&[7, 7, 0]);
    /// assert_eq!((x.shape(), t.shape()), (&[3, 2][..], &[3][..]));
    /// ```
    fn batch(&self, indices: &[usize]) -> <Self::Sample as Sample>::Batch {
        Sample::collate(indices.iter().map(|&i| self.get(i)))
    }

    /// Whether there is no sample.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The dataset with `transform` applied to each sample as it is loaded.
    ///
    /// ```
    /// use dezero::data::Dataset;
    /// let doubled = vec![1.0, 2.0].map_sample(|x: f64| 2.0 * x);
    /// assert_eq!(doubled.get(1), 4.0);
    /// ```
    fn map_sample<F>(self, transform: F) -> MapSample<Self, F>
    where
        Self: Sized,
        F: Transform<Self::Sample, Output: Sample>,
    {
        MapSample {
            dataset: self,
            transform,
        }
    }

    /// The dataset with `transform` applied to the input of each sample as it is loaded.
    ///
    /// ```
    /// use dezero::data::{Dataset, Flatten, Split, digits};
    /// let flat = digits(Split::Train).map_x(Flatten);
    /// assert_eq!(flat.get(0).0.shape(), &[64]);
    /// ```
    fn map_x<F>(self, transform: F) -> MapX<Self, F>
    where
        Self: Sized,
        Self::Sample: Labelled,
        F: Transform<<Self::Sample as Labelled>::X, Output: Sample>,
    {
        MapX {
            dataset: self,
            transform,
        }
    }

    /// The dataset with `transform` applied to the target of each sample as it is loaded.
    ///
    /// ```
    /// use dezero::data::{Dataset, Split, digits};
    /// let even = digits(Split::Train).map_t(|t: i64| t % 2);
    /// assert_eq!(even.get(3).1, digits(Split::Train).get(3).1 % 2);
    /// ```
    fn map_t<F>(self, transform: F) -> MapT<Self, F>
    where
        Self: Sized,
        Self::Sample: Labelled,
        F: Transform<<Self::Sample as Labelled>::T, Output: Sample>,
    {
        MapT {
            dataset: self,
            transform,
        }
    }

    /// The samples `indices` of this dataset, in that order.
    ///
    /// # Panics
    /// If an index is not less than [`len`](Dataset::len).
    ///
    /// ```
    /// use dezero::data::{Dataset, Split, digits};
    /// let first_hundred = digits(Split::Train).subset(0..100);
    /// assert_eq!(first_hundred.len(), 100);
    /// ```
    #[track_caller]
    fn subset(self, indices: impl IntoIterator<Item = usize>) -> Subset<Self>
    where
        Self: Sized,
    {
        let indices: Vec<usize> = indices.into_iter().collect();
        let len = self.len();
        if let Some(i) = indices.iter().find(|&&i| i >= len) {
            panic!("subset: index {i} is out of bounds for a dataset of {len} samples");
        }
        Subset {
            dataset: self,
            indices,
        }
    }
}

/// Forwards everything to what a pointer points to.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<D: Dataset + ?Sized> Dataset for $pointer {
            type Sample = D::Sample;

            fn len(&self) -> usize {
                (**self).len()
            }

            fn get(&self, index: usize) -> Self::Sample {
                (**self).get(index)
            }

            fn batch(&self, indices: &[usize]) -> <Self::Sample as Sample>::Batch {
                (**self).batch(indices)
            }
        }
    )*};
}
forward!(&D, Box<D>, std::sync::Arc<D>);

impl<S: Sample + Clone> Dataset for Vec<S> {
    type Sample = S;

    fn len(&self) -> usize {
        self.as_slice().len()
    }

    #[track_caller]
    fn get(&self, index: usize) -> S {
        self[index].clone()
    }
}

/// See [`Dataset::map_sample`].
#[derive(Clone, Debug)]
pub struct MapSample<D, F> {
    dataset: D,
    transform: F,
}

impl<D: Dataset, F: Transform<D::Sample, Output: Sample>> Dataset for MapSample<D, F> {
    type Sample = F::Output;

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Self::Sample {
        self.transform.apply(self.dataset.get(index))
    }
}

/// See [`Dataset::map_x`].
#[derive(Clone, Debug)]
pub struct MapX<D, F> {
    dataset: D,
    transform: F,
}

impl<D, F> Dataset for MapX<D, F>
where
    D: Dataset<Sample: Labelled<T: Sample>>,
    F: Transform<<D::Sample as Labelled>::X, Output: Sample>,
{
    type Sample = <D::Sample as Labelled>::With<F::Output, <D::Sample as Labelled>::T>;

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Self::Sample {
        let sample = self.dataset.get(index);
        sample.map_pair(|x, t| (self.transform.apply(x), t))
    }
}

/// See [`Dataset::map_t`].
#[derive(Clone, Debug)]
pub struct MapT<D, F> {
    dataset: D,
    transform: F,
}

impl<D, F> Dataset for MapT<D, F>
where
    D: Dataset<Sample: Labelled<X: Sample>>,
    F: Transform<<D::Sample as Labelled>::T, Output: Sample>,
{
    type Sample = <D::Sample as Labelled>::With<<D::Sample as Labelled>::X, F::Output>;

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Self::Sample {
        let sample = self.dataset.get(index);
        sample.map_pair(|x, t| (x, self.transform.apply(t)))
    }
}

/// See [`Dataset::subset`].
#[derive(Clone, Debug)]
pub struct Subset<D> {
    dataset: D,
    indices: Vec<usize>,
}

impl<D: Dataset> Dataset for Subset<D> {
    type Sample = D::Sample;

    fn len(&self) -> usize {
        self.indices.len()
    }

    #[track_caller]
    fn get(&self, index: usize) -> D::Sample {
        self.dataset.get(self.indices[index])
    }

    #[track_caller]
    fn batch(&self, indices: &[usize]) -> <D::Sample as Sample>::Batch {
        let indices: Vec<usize> = indices.iter().map(|&i| self.indices[i]).collect();
        self.dataset.batch(&indices)
    }
}

/// Inputs and targets that lie in memory as two arrays, one row a sample.
///
/// Sample `i` is `(x[i], t[i])`; a batch is gathered in one pass.
///
/// ```
/// use dezero::Array;
/// use dezero::data::{ArrayDataset, Dataset};
///
/// let xor = ArrayDataset::new(
///     Array::new([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
///     Array::new([0, 1, 1, 0]),
/// );
/// let (x, t) = xor.batch(&[3, 1]);
/// assert_eq!(x.to_vec::<f64>(), [1.0, 1.0, 0.0, 1.0]);
/// assert_eq!(t.to_vec::<i64>(), [0, 1]);
/// ```
#[derive(Clone)]
pub struct ArrayDataset {
    x: Array,
    t: Array,
}

impl ArrayDataset {
    /// The dataset of inputs `x` and targets `t`.
    ///
    /// # Panics
    /// If one of them has no axis, or if their first axes differ.
    #[track_caller]
    pub fn new(x: Array, t: Array) -> ArrayDataset {
        match (x.shape().first(), t.shape().first()) {
            (Some(n), Some(m)) if n == m => {}
            _ => panic!(
                "ArrayDataset: the inputs are {:?} and the targets {:?}; \
                 the first axes must have the same length, one row a sample",
                x.shape(),
                t.shape()
            ),
        }
        ArrayDataset { x, t }
    }

    /// All inputs, one row a sample.
    pub fn x(&self) -> &Array {
        &self.x
    }

    /// All targets, one row a sample.
    pub fn t(&self) -> &Array {
        &self.t
    }
}

impl std::fmt::Debug for ArrayDataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (x, t) = (self.x.shape(), self.t.shape());
        write!(f, "ArrayDataset(x: {x:?}, t: {t:?})") // not its elements
    }
}

impl Dataset for ArrayDataset {
    type Sample = (Array, Array);

    fn len(&self) -> usize {
        self.x.len()
    }

    #[track_caller]
    fn get(&self, index: usize) -> (Array, Array) {
        let (x, t) = self.batch(&[index]);
        (x.reshape(&x.shape()[1..]), t.reshape(&t.shape()[1..]))
    }

    #[track_caller]
    fn batch(&self, indices: &[usize]) -> (Array, Array) {
        let n = self.x.len();
        if let Some(i) = indices.iter().find(|&&i| i >= n) {
            panic!("batch: index {i} is out of bounds for a dataset of {n} samples");
        }
        let rows: Vec<i64> = indices.iter().map(|&i| i as i64).collect();
        let rows = Array::from_vec(rows, [indices.len()]);
        (self.x.take(&rows, 0), self.t.take(&rows, 0))
    }
}
