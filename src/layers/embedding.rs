//! [`Embedding`]: a table of vectors.

use dezero_array::DType;

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
    use dezero_array::Array;

    #[test]
    fn only_the_rows_that_were_looked_up_get_gradients() {
        let embedding = Embedding::new(3, 2);
        embedding.forward(Array::new([2, 0, 2])).sum().backward();
        let gw = embedding.w().grad().unwrap().data();
        assert_eq!(gw.to_vec::<f32>(), [1.0, 1.0, 0.0, 0.0, 2.0, 2.0]);
    }
}
