//! [`Embedding`]: a table of vectors.

use dezero_array::{Array, DType};

use super::layer::module;
use super::{Initializer, Layer, Module};
use crate::functions;
use crate::parameter::Parameter;
use crate::variable::{AsVariable, Variable};

/// Rows of a table by number (`EmbedID` of the book).
///
/// Shapes: ids of any shape, int64; the result is (…ids, size). Parameter: `W` (words, size), drawn
/// from the standard normal distribution.
///
/// ```
/// use dezero::Array;
/// use dezero::layers::Embedding;
/// let embedding = Embedding::new(100, 8);
/// assert_eq!(&embedding.forward(Array::new([[1, 2, 3]])).shape()[..], &[1, 3, 8]);
/// ```
#[derive(Debug, Layer)]
pub struct Embedding {
    #[layer(name = "W")]
    w: Parameter,
}

impl Embedding {
    /// A table of `words` vectors of `size` numbers, in float32.
    pub fn new(words: usize, size: usize) -> Embedding {
        let draw = Initializer::Normal(1.0).draw([words, size], words, size, DType::F32);
        Embedding {
            w: Parameter::new(draw),
        }
    }

    /// A table whose first numbers are those of `w`, (words, size), in its type: vectors that were trained elsewhere.
    ///
    /// ```
    /// use dezero::Array;
    /// use dezero::layers::Embedding;
    /// let embedding = Embedding::from_array(Array::new([[0.0, 1.0], [2.0, 3.0]]));
    /// let y = embedding.forward(Array::new([1, 0]));
    /// assert_eq!(y.data().to_vec::<f64>(), [2.0, 3.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If `w` has not two axes, or does not hold floats.
    #[track_caller]
    pub fn from_array(w: impl Into<Array>) -> Embedding {
        let w = w.into();
        if w.ndim() != 2 {
            panic!(
                "Embedding: the table must have shape (words, size), got {:?}",
                w.shape()
            );
        }
        Embedding {
            w: Parameter::new(w),
        }
    }

    /// Sets the type of the table, which keeps the numbers that were drawn, rounded as they are to float32.
    ///
    /// ```
    /// use dezero::layers::Embedding;
    /// use dezero::{Array, DType};
    /// let embedding = Embedding::new(100, 8).dtype(DType::F64);
    /// assert_eq!(embedding.forward(Array::new([5])).dtype(), DType::F64);
    /// ```
    ///
    /// # Panics
    /// If `dtype` is not a floating-point type.
    #[track_caller]
    #[must_use]
    pub fn dtype(self, dtype: DType) -> Embedding {
        self.to_dtype(dtype);
        self
    }

    /// The table, (words, size).
    pub fn w(&self) -> &Parameter {
        &self.w
    }

    /// Looks the vectors up.
    ///
    /// # Panics
    /// If `ids` is not int64 or holds a number that no row has.
    #[track_caller]
    pub fn forward(&self, ids: impl AsVariable) -> Variable {
        functions::embed_id(&self.w, ids)
    }
}

module!(Embedding);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_rows_that_were_looked_up_get_gradients() {
        let embedding = Embedding::new(3, 2);
        embedding.forward(Array::new([2, 0, 2])).sum().backward();
        let gw = embedding.w().grad().unwrap().data();
        assert_eq!(gw.to_vec::<f32>(), [1.0, 1.0, 0.0, 0.0, 2.0, 2.0]);
    }

    #[test]
    fn the_table_has_the_type_that_was_set() {
        let embedding = Embedding::new(3, 2);
        let drawn = embedding.w().data().to_vec::<f32>();
        let embedding = embedding.dtype(DType::F64);
        let kept: Vec<f64> = drawn.into_iter().map(f64::from).collect();
        assert_eq!(embedding.w().data().to_vec::<f64>(), kept);
        let y = embedding.forward(Array::new([1]));
        y.sum().backward();
        assert_eq!(embedding.w().grad().unwrap().dtype(), DType::F64);
    }

    #[test]
    #[should_panic(expected = "Embedding: the table must have shape (words, size), got [2]")]
    fn refuses_a_table_of_one_axis() {
        let _ = Embedding::from_array(Array::new([1.0, 2.0]));
    }
}
