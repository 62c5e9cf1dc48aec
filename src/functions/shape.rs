//! Shapes: the same elements in other places, and the types of elements.

use std::any::Any;

use dezero_array::{Array, DType, IntoShape, Shape};
use smallvec::SmallVec;

use super::unary::Unary;
use crate::apply::apply_unary;
use crate::function::Backward;
use crate::variable::Variable;

struct Reshape {
    from: Shape,
    /// -1 where a size follows from the others.
    to: SmallVec<[isize; 4]>,
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

struct Permute {
    axes: SmallVec<[isize; 4]>,
}

impl Unary for Permute {
    const NAME: &'static str = "transpose";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.permute(&self.axes)
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        let mut inverse: SmallVec<[usize; 4]> = SmallVec::from_elem(0, self.axes.len());
        for (i, &axis) in self.axes.iter().enumerate() {
            inverse[axis as usize] = i;
        }
        gy.permute(inverse)
    }
}

struct BroadcastTo {
    from: Shape,
    to: Shape,
    /// Whether a function of two operands asked for it, and not the program.
    is_implied: bool,
}

/// Whether `function` only brings an operand to the shape or type of the other one, which the program
/// that is differentiated does not name.
pub(crate) fn is_implied(function: &dyn Any) -> bool {
    let stretch = function.downcast_ref::<BroadcastTo>();
    stretch.is_some_and(|stretch| stretch.is_implied) || function.is::<ToDType>()
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
    /// The same elements in row-major order under another shape. One size may be -1: it follows
    /// from the others.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.reshape([-1, 2]).shape()[..], [3, 2]);
    /// ```
    ///
    /// # Panics
    /// If the number of elements differs.
    #[track_caller]
    pub fn reshape(&self, shape: impl IntoShape) -> Variable {
        apply_unary(
            Reshape {
                to: shape.into_sizes(),
                from: self.shape(),
            },
            self,
        )
    }

    /// All elements in one axis, in row-major order.
    ///
    /// ```
    /// use dezero::Variable;
    /// assert_eq!(Variable::new([[1.0, 2.0], [3.0, 4.0]]).flatten().shape()[..], [4]);
    /// ```
    #[track_caller]
    pub fn flatten(&self) -> Variable {
        self.reshape(-1)
    }

    /// The axes in reverse order; a matrix transposed. A view.
    ///
    /// ```
    /// use dezero::Variable;
    /// assert_eq!(Variable::new([[1.0, 2.0, 3.0]]).transpose().shape()[..], [3, 1]);
    /// ```
    #[track_caller]
    pub fn transpose(&self) -> Variable {
        let axes: Vec<usize> = (0..self.ndim()).rev().collect();
        self.permute(axes)
    }

    /// The axes in another order: axis `i` of the result is axis `axes[i]`. A view.
    ///
    /// ```
    /// use dezero::{Array, DType, Variable};
    /// let x = Variable::new(Array::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.permute([1, 2, 0]).shape()[..], [3, 4, 2]);
    /// ```
    ///
    /// # Panics
    /// If `axes` is not an order of all axes.
    #[track_caller]
    pub fn permute(&self, axes: impl IntoShape) -> Variable {
        let ndim = self.ndim() as isize;
        let axes = axes.into_sizes();
        let axes = axes
            .into_iter()
            .map(|axis| if axis < 0 { axis + ndim } else { axis });
        apply_unary(
            Permute {
                axes: axes.collect(),
            },
            self,
        )
    }

    /// Exchanges two axes; negative ones count from the end. A view.
    ///
    /// ```
    /// use dezero::{Array, DType, Variable};
    /// let x = Variable::new(Array::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.swap_axes(0, -1).shape()[..], [4, 3, 2]);
    /// ```
    ///
    /// # Panics
    /// If an axis is out of range.
    #[track_caller]
    pub fn swap_axes(&self, axis0: isize, axis1: isize) -> Variable {
        let ndim = self.ndim();
        let (axis0, axis1) = (
            axis_of("swap_axes", axis0, ndim),
            axis_of("swap_axes", axis1, ndim),
        );
        let mut axes: Vec<usize> = (0..ndim).collect();
        axes.swap(axis0, axis1);
        self.permute(axes)
    }

    /// Moves an axis to another place and leaves the order of the others. A view.
    ///
    /// ```
    /// use dezero::{Array, DType, Variable};
    /// let x = Variable::new(Array::zeros([2, 3, 4], DType::F32));
    /// assert_eq!(x.move_axis(0, -1).shape()[..], [3, 4, 2]);
    /// ```
    ///
    /// # Panics
    /// If an axis is out of range.
    #[track_caller]
    pub fn move_axis(&self, from: isize, to: isize) -> Variable {
        let ndim = self.ndim();
        let (from, to) = (
            axis_of("move_axis", from, ndim),
            axis_of("move_axis", to, ndim),
        );
        let mut axes: Vec<usize> = (0..ndim).filter(|&axis| axis != from).collect();
        axes.insert(to, from);
        self.permute(axes)
    }

    /// A new axis of size 1 at `axis`; negative ones count from the end of the result.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([1.0, 2.0]);
    /// assert_eq!(x.expand_dims(0).shape()[..], [1, 2]);
    /// assert_eq!(x.expand_dims(-1).shape()[..], [2, 1]);
    /// ```
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn expand_dims(&self, axis: isize) -> Variable {
        let mut shape = self.shape();
        let axis = axis_of("expand_dims", axis, shape.len() + 1);
        shape.insert(axis, 1);
        self.reshape(&shape)
    }

    /// Without the axes of size 1.
    ///
    /// ```
    /// use dezero::{Array, DType, Variable};
    /// let x = Variable::new(Array::zeros([1, 3, 1], DType::F32));
    /// assert_eq!(x.squeeze().shape()[..], [3]);
    /// ```
    #[track_caller]
    pub fn squeeze(&self) -> Variable {
        let shape: Shape = self.shape().into_iter().filter(|&n| n != 1).collect();
        self.reshape(&shape)
    }

    /// Without one axis, whose size is 1.
    ///
    /// ```
    /// use dezero::{Array, DType, Variable};
    /// let x = Variable::new(Array::zeros([1, 3, 1], DType::F32));
    /// assert_eq!(x.squeeze_axis(-1).shape()[..], [1, 3]);
    /// ```
    ///
    /// # Panics
    /// If the axis is out of range or its size is not 1.
    #[track_caller]
    pub fn squeeze_axis(&self, axis: isize) -> Variable {
        let mut shape = self.shape();
        let axis = axis_of("squeeze_axis", axis, shape.len());
        if shape[axis] != 1 {
            panic!(
                "squeeze_axis: axis {axis} of shape {:?} has not size 1",
                &shape[..]
            );
        }
        shape.remove(axis);
        self.reshape(&shape)
    }

    /// The elements repeated along new and size-1 axes to `shape`, by NumPy's rule.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([1.0, 2.0]);
    /// let y = x.broadcast_to([3, 2]);
    /// y.backward();
    /// assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [3.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl AsRef<[usize]>) -> Variable {
        let (from, to) = (self.shape(), Shape::from_slice(shape.as_ref()));
        if from == to {
            return self.clone();
        }
        let is_implied = false;
        apply_unary(
            BroadcastTo {
                from,
                to,
                is_implied,
            },
            self,
        )
    }

    /// The variable in the shape and type that it takes beside another operand.
    #[track_caller]
    pub(crate) fn brought_to(&self, shape: &[usize], dtype: DType) -> Variable {
        let x = self.to_dtype(dtype);
        let (from, to) = (x.shape(), Shape::from_slice(shape));
        if from == to {
            return x;
        }
        let is_implied = true;
        apply_unary(
            BroadcastTo {
                from,
                to,
                is_implied,
            },
            &x,
        )
    }

    /// Sums to `shape`, the inverse of [`broadcast_to`](Variable::broadcast_to): every axis that a
    /// broadcast from `shape` repeated is summed.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.sum_to([2]).data().to_vec::<f64>(), [4.0, 6.0]);
    /// assert_eq!(x.sum_to([2, 1]).data().to_vec::<f64>(), [3.0, 7.0]);
    /// ```
    ///
    /// # Panics
    /// If `shape` does not broadcast to the variable's shape.
    #[track_caller]
    pub fn sum_to(&self, shape: impl AsRef<[usize]>) -> Variable {
        let (from, to) = (self.shape(), Shape::from_slice(shape.as_ref()));
        if from == to {
            return self.clone();
        }
        apply_unary(SumTo { from, to }, self)
    }

    /// The elements converted to another type. Gradients come back in the type of the input.
    ///
    /// ```
    /// use dezero::{DType, Variable};
    /// let x = Variable::new([1.5, 2.5]);
    /// let y = x.to_dtype(DType::F32);
    /// y.backward();
    /// assert_eq!((y.dtype(), x.grad().unwrap().dtype()), (DType::F32, DType::F64));
    /// ```
    #[track_caller]
    pub fn to_dtype(&self, dtype: DType) -> Variable {
        let from = self.dtype();
        if from == dtype {
            return self.clone();
        }
        apply_unary(ToDType { from, to: dtype }, self)
    }
}

/// The axis that `axis` names among `ndim`; negative ones count from the end.
#[track_caller]
pub(crate) fn axis_of(operation: &str, axis: isize, ndim: usize) -> usize {
    let counted = if axis < 0 { axis + ndim as isize } else { axis };
    if counted < 0 || counted >= ndim as isize {
        panic!("{operation}: axis {axis} is out of range for {ndim} axes");
    }
    counted as usize
}

#[cfg(test)]
mod tests {
    use crate::gradient_check;

    const MATRIX: [[f64; 3]; 2] = [[1.0, -2.0, 0.5], [0.0, 3.0, 1.5]];
    const BLOCK: [[[f64; 2]; 3]; 1] = [[[1.0, -2.0], [0.5, 0.0], [3.0, 1.5]]];

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
    gradient_check!(flatten, |x| x.flatten() * x.flatten(), MATRIX);
    gradient_check!(transpose, |x| x.transpose().matmul(x), MATRIX);
    gradient_check!(permute, |x| x.permute([2, 0, 1]).square(), BLOCK);
    gradient_check!(swap_axes, |x| x.swap_axes(0, -1).square(), BLOCK);
    gradient_check!(move_axis, |x| x.move_axis(0, -1).square(), BLOCK);
    gradient_check!(expand_dims, |x| x.expand_dims(1) * x, MATRIX);
    gradient_check!(squeeze, |x| x.squeeze().square(), [[[1.0], [-2.0], [0.5]]]);
    gradient_check!(
        squeeze_axis,
        |x| x.squeeze_axis(1) * x,
        [[[1.0, -2.0]], [[0.5, 3.0]]]
    );
}
