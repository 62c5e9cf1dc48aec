//! Embedding: rows of a matrix by number.

use dezero_array::{Array, DType, Shape};

use super::unary::Unary;
use crate::apply::apply_unary;
use crate::function::Backward;
use crate::variable::{AsVariable, Variable};

struct EmbedId {
    ids: Array,
    words: usize,
}

impl Unary for EmbedId {
    const NAME: &'static str = "embed_id";

    #[inline]
    fn eval(&self, w: &Array) -> Array {
        w.take(&self.ids, 0)
    }

    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        apply_unary(
            EmbedIdGrad {
                ids: self.ids.clone(),
                words: self.words,
            },
            &gy,
        )
    }
}

/// Adds the rows of gy where the rows of W came from: linear, as `embed_id` is in W, and each is
/// the gradient of the other.
struct EmbedIdGrad {
    ids: Array,
    words: usize,
}

impl Unary for EmbedIdGrad {
    const NAME: &'static str = "embed_id_grad";

    fn eval(&self, gy: &Array) -> Array {
        let mut shape = Shape::from_slice(&[self.words]);
        shape.extend_from_slice(&gy.shape()[self.ids.ndim()..]);
        let mut g_weight = Array::zeros(shape, gy.dtype());
        g_weight.take_add(&self.ids, 0, gy);
        g_weight
    }

    fn backward(&self, _: &Backward<'_>, gg_weight: Variable) -> Variable {
        embed_id(&gg_weight, &self.ids)
    }
}

/// Rows of `w` by number: an embedding.
///
/// Shapes: W (words, size), ids of any shape, int64; the result is (…ids, size). The gradients of
/// a row that is taken several times add up.
///
/// ```
/// use dezero::{Array, Variable, functions};
/// let w = Variable::new([[0.0, 0.1], [1.0, 1.1], [2.0, 2.1]]);
/// let y = functions::embed_id(&w, &Array::new([2, 0, 2]));
/// y.backward();
/// assert_eq!(y.data().to_vec::<f64>(), [2.0, 2.1, 0.0, 0.1, 2.0, 2.1]);
/// assert_eq!(w.grad().unwrap().data().to_vec::<f64>(), [1.0, 1.0, 0.0, 0.0, 2.0, 2.0]);
/// ```
///
/// # Panics
/// If `ids` is not int64, or one of them is not the number of a row.
#[track_caller]
pub fn embed_id(w: impl AsVariable, ids: impl AsVariable) -> Variable {
    let (w, ids) = (w.as_variable(), ids.as_variable().data());
    let words = match w.shape()[..] {
        [words, ..] => words,
        [] => panic!("embed_id: W takes shape (words, size), got a scalar"),
    };
    if ids.dtype() != DType::I64 {
        panic!("embed_id: the ids must be int64, got {}", ids.dtype());
    }
    let ids = ids.to_contiguous();
    let numbers = ids.as_slice::<i64>().expect("contiguous");
    if let Some(id) = numbers.iter().find(|&&id| id < 0 || id >= words as i64) {
        panic!(
            "embed_id: id {id} is not in 0..{words}, the rows of W {:?}",
            &w.shape()[..]
        );
    }
    apply_unary(EmbedId { ids, words }, &w)
}

#[cfg(test)]
mod tests {
    use dezero_array::{Array, DType};

    use crate::{functions, gradient_check};

    const W: [[f64; 2]; 4] = [[0.1, -2.0], [1.5, 0.3], [-0.7, 2.2], [0.0, 0.4]];

    gradient_check!(
        embed_id,
        |w| functions::embed_id(w * w, Array::new([[1, 3, 1], [0, 1, 3]])),
        W
    );
    gradient_check!(embed_id_one: embed_id, |w| functions::embed_id(w, Array::new(2)), W);
    gradient_check!(embed_id_none: embed_id, |w| functions::embed_id(w, Array::zeros([0], DType::I64)), W);

    #[test]
    #[should_panic(expected = "embed_id: id 4 is not in 0..4, the rows of W [4, 2]")]
    fn refuses_ids_out_of_range() {
        functions::embed_id(Array::new(W), Array::new([0, 4]));
    }

    #[test]
    #[should_panic(expected = "embed_id: id -1 is not in 0..4")]
    fn refuses_negative_ids() {
        functions::embed_id(Array::new(W), Array::new([-1]));
    }
}
