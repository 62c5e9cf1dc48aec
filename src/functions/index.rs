//! Elements picked by position.

use dezero_array::{Array, Indices, Shape};

use super::unary::Unary;
use crate::apply::apply_unary;
use crate::function::Backward;
use crate::variable::Variable;

struct GetItem {
    indices: Indices,
    from: Shape,
}

impl Unary for GetItem {
    const NAME: &'static str = "get_item";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.get(&self.indices)
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        let (indices, to) = (self.indices.clone(), self.from.clone());
        apply_unary(GetItemGrad { indices, to }, &gy)
    }
}

/// Adds each element to its position in zeros; repeated positions add up.
struct GetItemGrad {
    indices: Indices,
    to: Shape,
}

impl Unary for GetItemGrad {
    const NAME: &'static str = "get_item_grad";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        let mut y = Array::zeros(&self.to, x.dtype());
        y.add_at(&self.indices, x);
        y
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        gy.get(&self.indices)
    }
}

struct Gather {
    axis: isize,
    index: Array,
    from: Shape,
}

impl Unary for Gather {
    const NAME: &'static str = "gather";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.gather(self.axis, &self.index)
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        let (index, to) = (self.index.clone(), self.from.clone());
        apply_unary(
            ScatterAdd {
                axis: self.axis,
                index,
                to,
            },
            &gy,
        )
    }
}

struct ScatterAdd {
    axis: isize,
    index: Array,
    to: Shape,
}

impl Unary for ScatterAdd {
    const NAME: &'static str = "scatter_add";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        let mut y = Array::zeros(&self.to, x.dtype());
        y.scatter_add(self.axis, &self.index, x);
        y
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        gy.gather(self.axis, &self.index)
    }
}

impl Variable {
    /// The elements that `indices` name, by NumPy's rules (`get_item` of the book): numbers, ranges,
    /// steps and new axes make a view; arrays of positions and masks pick.
    ///
    /// Gradients of positions picked more than once add up.
    ///
    /// ```
    /// use dezero::{Variable, s};
    /// let x = Variable::new([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.get((1, 0..2)).data().to_vec::<f64>(), [4.0, 5.0]);
    /// assert_eq!(x.get(s![.., ..;-1]).data().to_vec::<f64>(), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
    /// let y = x.get([0, 0, 1]).sum();
    /// y.backward();
    /// assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [2.0, 2.0, 2.0, 1.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there are more indices than axes, or a position is out of range.
    #[track_caller]
    pub fn get(&self, indices: impl Into<Indices>) -> Variable {
        apply_unary(
            GetItem {
                indices: indices.into(),
                from: self.shape(),
            },
            self,
        )
    }

    /// `y[i][j][k] = x[index[i][j][k]][j][k]` for axis 0, and likewise along the other axes
    /// (`torch.gather`). The result has the shape of `index`, an i64 array.
    ///
    /// ```
    /// use dezero::{Array, Variable};
    /// let x = Variable::new([[1.0, 2.0], [3.0, 4.0]]);
    /// let y = x.gather(1, &Array::new([[0, 0], [1, 0]]));
    /// assert_eq!(y.data().to_vec::<f64>(), [1.0, 1.0, 4.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis or a position is out of range, or the shapes do not fit.
    #[track_caller]
    pub fn gather(&self, axis: isize, index: &Array) -> Variable {
        apply_unary(
            Gather {
                axis,
                index: index.clone(),
                from: self.shape(),
            },
            self,
        )
    }

    /// Adds each element to the position along `axis` that `index` names, in zeros of `shape`:
    /// the gradient of [`gather`](Variable::gather).
    ///
    /// ```
    /// use dezero::{Array, Variable};
    /// let x = Variable::new([1.0, 2.0, 3.0]);
    /// let y = x.scatter_add(0, &Array::new([0, 2, 0]), [3]);
    /// assert_eq!(y.data().to_vec::<f64>(), [4.0, 0.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis or a position is out of range, or the shapes do not fit.
    #[track_caller]
    pub fn scatter_add(&self, axis: isize, index: &Array, shape: impl AsRef<[usize]>) -> Variable {
        let to = Shape::from_slice(shape.as_ref());
        apply_unary(
            ScatterAdd {
                axis,
                index: index.clone(),
                to,
            },
            self,
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::{Array, gradient_check, s};

    const X: [[f64; 3]; 4] = [
        [1.0, 2.0, -0.5],
        [0.3, -1.0, 4.0],
        [0.7, 2.5, 1.5],
        [3.0, 0.1, -2.0],
    ];

    gradient_check!(get, |x| x.get(1).pow(2), X);
    gradient_check!(get_slices: get, |x| x.get(s![1..4;2, ..;-1]).pow(2), X);
    gradient_check!(get_positions: get, |x| x.get([3, 0, 3, 3]).pow(2), X);
    gradient_check!(get_pairs: get, |x| x.get(([3, 0, 3], [1, 2, 1])).pow(2), X);
    gradient_check!(get_mixed: get, |x| x.get((1.., [2, 0, 2])).pow(2), X);
    gradient_check!(get_element: get, |x| x.get((2, -1)).pow(2), X);
    gradient_check!(
        gather,
        |x| x.gather(0, &Array::new([[3, 0, 0], [3, 1, 2]])).pow(2),
        X
    );
    gradient_check!(
        scatter_add,
        |x| x
            .scatter_add(
                1,
                &Array::new([[0, 0, 3], [1, 1, 1], [4, 2, 0], [0, 1, 2]]),
                [4, 5]
            )
            .pow(2),
        X
    );
}
