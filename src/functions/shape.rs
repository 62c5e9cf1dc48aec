//! Shapes: the same elements in other places, and the types of elements.

use dezero_array::{Array, DType, Shape};

use super::unary::Unary;
use crate::function::{Backward, apply_one};
use crate::variable::Variable;

struct Reshape {
    from: Shape,
    to: Shape,
}

impl Unary for Reshape {
    const NAME: &'static str = "reshape";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.reshape(&self.to)
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        gy.reshape(&self.from)
    }
}

struct BroadcastTo {
    from: Shape,
    to: Shape,
}

impl Unary for BroadcastTo {
    const NAME: &'static str = "broadcast_to";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.broadcast_to(&self.to)
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        gy.sum_to(&self.from)
    }
}

struct SumTo {
    from: Shape,
    to: Shape,
}

impl Unary for SumTo {
    const NAME: &'static str = "sum_to";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.sum_to(&self.to)
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        gy.broadcast_to(&self.from)
    }
}

struct ToDType {
    from: DType,
    to: DType,
}

impl Unary for ToDType {
    const NAME: &'static str = "to_dtype";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.to_dtype(self.to)
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        // The gradient of an integer is fractional where what follows is: it stays as it is.
        if self.from.is_float() {
            gy.to_dtype(self.from)
        } else {
            gy
        }
    }
}

impl Variable {
    /// The same elements in row-major order under another shape.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[track_caller]
    pub fn reshape(&self, shape: impl AsRef<[usize]>) -> Variable {
        let (from, to) = (self.shape(), Shape::from_slice(shape.as_ref()));
        if from == to {
            return self.clone();
        }
        apply_one(Reshape { from, to }, &[self])
    }

    /// The elements repeated along new and size-1 axes to `shape`, by NumPy's rule.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl AsRef<[usize]>) -> Variable {
        let (from, to) = (self.shape(), Shape::from_slice(shape.as_ref()));
        if from == to {
            return self.clone();
        }
        apply_one(BroadcastTo { from, to }, &[self])
    }

    /// Sums to `shape`, the inverse of [`broadcast_to`](Variable::broadcast_to): every axis that a
    /// broadcast from `shape` repeated is summed.
    ///
    /// # Panics
    /// If `shape` does not broadcast to the variable's shape.
    #[track_caller]
    pub fn sum_to(&self, shape: impl AsRef<[usize]>) -> Variable {
        let (from, to) = (self.shape(), Shape::from_slice(shape.as_ref()));
        if from == to {
            return self.clone();
        }
        apply_one(SumTo { from, to }, &[self])
    }

    /// The elements converted to another type. Gradients come back in the type of the input.
    #[track_caller]
    pub fn to_dtype(&self, dtype: DType) -> Variable {
        let from = self.dtype();
        if from == dtype {
            return self.clone();
        }
        apply_one(ToDType { from, to: dtype }, &[self])
    }
}

#[cfg(test)]
mod tests {
    use crate::gradient_check;

    gradient_check!(
        reshape,
        |x| x.reshape([3, 2]),
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    );
    gradient_check!(
        broadcast_to,
        |x| x.broadcast_to([2, 3, 2]),
        [[1.0], [-2.0], [0.5]]
    );
    gradient_check!(
        sum_to,
        |x| x.sum_to([3, 1]),
        [[[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]]]
    );
    gradient_check!(
        to_dtype,
        |x| x.to_dtype(dezero_array::DType::F64),
        [1.0, 2.0]
    );
}
