//! Matrix products.

use dezero_array::Array;

use crate::apply::apply_one;
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::{AsVariable, Variable};

/// Operands of two or more axes each; vectors come as matrices.
struct MatMul;

impl Function for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [xs[0].matmul(&xs[1])].into()
    }

    fn multiply_adds(&self, xs: &[Array], ys: &[Array]) -> u64 {
        let inner = xs[0].shape().last().copied().unwrap_or(1);
        (ys[0].size() * inner) as u64
    }

    fn keeps(&self, needs_grad: &[bool]) -> Keep {
        Keep::factors(needs_grad)
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gy = context.gy(0);
        let gx0 = context
            .needs_grad(0)
            .then(|| gy.matmul(context.input(1).swap_axes(-1, -2)));
        let gx1 = context
            .needs_grad(1)
            .then(|| context.input(0).swap_axes(-1, -2).matmul(&gy));
        [gx0, gx1].into()
    }
}

impl Variable {
    /// Matrix product over the last two axes; axes before them are batches and broadcast. A
    /// one-dimensional operand is a row on the left and a column on the right, and its axis is
    /// missing from the result, as in NumPy.
    ///
    /// Shapes: (…, n, k) and (…, k, m) give (…, n, m).
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[1.0, 2.0], [3.0, 4.0]]);
    /// let v = Variable::new([1.0, 10.0]);
    /// assert_eq!(x.matmul(&v).data().to_vec::<f64>(), [21.0, 43.0]);
    /// ```
    ///
    /// # Panics
    /// If the inner sizes differ, the batches do not broadcast, or an operand is zero-dimensional.
    #[track_caller]
    pub fn matmul(&self, other: impl AsVariable) -> Variable {
        let (x0, x1) = (self, &other.as_variable());
        let (shape0, shape1) = (x0.shape(), x1.shape());
        let inner1 = shape1.len().saturating_sub(2);
        let (inner0, inner1) = (shape0.last(), shape1.get(inner1));
        if let (Some(inner0), Some(inner1)) = (inner0, inner1)
            && inner0 != inner1
        {
            let (shape0, shape1) = (&shape0[..], &shape1[..]);
            panic!("matmul: inner dimensions differ: {shape0:?} x {shape1:?}");
        }
        match (shape0.len(), shape1.len()) {
            (1, 1) => return x0.expand_dims(0).matmul(x1.expand_dims(1)).reshape(()),
            (1, 2..) => return x0.expand_dims(0).matmul(x1).squeeze_axis(-2),
            (2.., 1) => return x0.matmul(x1.expand_dims(1)).squeeze_axis(-1),
            _ => {}
        }
        if shape0.len() > 2 || shape1.len() > 2 {
            let batch0 = &shape0[..shape0.len().saturating_sub(2)];
            let batch1 = &shape1[..shape1.len().saturating_sub(2)];
            if batch0 != batch1
                && let Some(batch) = dezero_array::broadcast_shape(batch0, batch1)
            {
                // Recorded broadcasts sum the gradients of repeated operands.
                let repeated = |x: &Variable, shape: &[usize]| {
                    let mut full = batch.clone();
                    full.extend_from_slice(&shape[shape.len() - 2..]);
                    if x.requires_grad() {
                        x.broadcast_to(&full)
                    } else {
                        x.clone()
                    }
                };
                if shape0.len() >= 2 && shape1.len() >= 2 {
                    return apply_one(MatMul, &[&repeated(x0, &shape0), &repeated(x1, &shape1)]);
                }
            }
        }
        apply_one(MatMul, &[x0, x1])
    }
}

#[cfg(test)]
mod tests {
    use crate::gradient_check;

    const A: [[f64; 3]; 2] = [[1.0, -2.0, 0.5], [0.3, 4.0, -1.0]];
    const B: [[f64; 2]; 3] = [[0.7, 2.0], [-1.5, 0.1], [3.0, -0.4]];

    gradient_check!(matmul, |x0, x1| x0.matmul(x1), A, B);
    gradient_check!(matmul_transposed: matmul, |x0, x1| x0.transpose().matmul(x1.transpose()), A, B);
    gradient_check!(matmul_itself: matmul, |x| x.matmul(x.transpose()), A);
    gradient_check!(matmul_vectors: matmul, |x0, x1| x0.matmul(x1), [1.0, 2.0, 3.0], [0.5, -1.0, 2.0]);
    gradient_check!(matmul_row: matmul, |x0, x1| x0.matmul(x1), [1.0, 2.0, 3.0], B);
    gradient_check!(matmul_column: matmul, |x0, x1| x0.matmul(x1), A, [1.0, 2.0, 3.0]);
    gradient_check!(matmul_batch: matmul, |x0, x1| x0.matmul(x1), [A, A], [[B], [B], [B]]);
    gradient_check!(matmul_one_batched: matmul, |x0, x1| x0.matmul(x1), [A, A, A], B);
    gradient_check!(matmul_batched_column: matmul, |x0, x1| x0.matmul(x1), [A, A], [1.0, 2.0, 3.0]);
    gradient_check!(matmul_empty: matmul, |x0, x1| x0.matmul(x1),
        (dezero_array::Array::zeros([2, 0], dezero_array::DType::F64)),
        (dezero_array::Array::zeros([0, 3], dezero_array::DType::F64)));

    #[test]
    #[should_panic = "matmul: inner dimensions differ: [2, 3] x [2, 3]"]
    fn wrong_inner_sizes_are_named() {
        let x = crate::Variable::new(A);
        let _ = x.matmul(&x);
    }
}
