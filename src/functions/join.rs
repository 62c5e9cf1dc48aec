//! Several tensors joined to one, one taken apart, and one repeated or padded.

use dezero_array::{Array, Sections, Shape};

use super::shape::axis_of;
use super::unary::Unary;
use crate::apply::{apply, apply_unary};
use crate::function::{Backward, Function, Gradients, Outputs};
use crate::variable::Variable;

struct Concatenate {
    axis: usize,
    /// Where along the axis each input but the first starts.
    starts: Vec<usize>,
}

impl Function for Concatenate {
    fn name(&self) -> &'static str {
        "concatenate"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let y = Array::concatenate(xs, self.axis as isize);
        let mut start = 0;
        for x in &xs[..xs.len() - 1] {
            start += x.shape()[self.axis];
            self.starts.push(start);
        }
        [y].into()
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        split(&context.gy(0), self.starts.clone(), self.axis as isize).into()
    }
}

struct Split {
    sections: Sections,
    axis: isize,
}

impl Function for Split {
    fn name(&self) -> &'static str {
        "split"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        xs[0].split(self.sections.clone(), self.axis).into()
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gys: Vec<Variable> = (0..context.outputs()).map(|i| context.gy(i)).collect();
        concatenate(&gys.iter().collect::<Vec<_>>(), self.axis).into()
    }
}

/// `before` and `after` elements of a constant at both ends of each axis; negative for a crop.
struct Pad {
    widths: Vec<(usize, usize)>,
    value: f64,
}

impl Unary for Pad {
    const NAME: &'static str = "pad";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.pad(&self.widths, self.value)
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        apply_unary(
            Crop {
                widths: self.widths.clone(),
            },
            &gy,
        )
    }
}

/// The inverse of [`Pad`].
struct Crop {
    widths: Vec<(usize, usize)>,
}

impl Unary for Crop {
    const NAME: &'static str = "crop";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        let kept = x.shape().iter().zip(&self.widths);
        let slices =
            kept.map(|(&n, &(before, after))| dezero_array::Index::from(before..n - after));
        x.get(slices.collect::<dezero_array::Indices>())
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        apply_unary(
            Pad {
                widths: self.widths.clone(),
                value: 0.0,
            },
            &gy,
        )
    }
}

/// Joins `xs` along an axis that they have; the other sizes agree.
///
/// ```
/// use dezero::{Variable, functions};
/// let (a, b) = (Variable::new([[1.0, 2.0]]), Variable::new([[3.0, 4.0], [5.0, 6.0]]));
/// assert_eq!(functions::concatenate(&[&a, &b], 0).shape()[..], [3, 2]);
/// ```
///
/// # Panics
/// If there is nothing to join, the axis is out of range, or the other sizes differ.
#[track_caller]
pub fn concatenate(xs: &[&Variable], axis: isize) -> Variable {
    let Some(first) = xs.first() else {
        panic!("concatenate: needs at least one variable")
    };
    let axis = axis_of("concatenate", axis, first.ndim());
    let concatenate = Concatenate {
        axis,
        starts: Vec::new(),
    };
    apply(concatenate, xs).remove(0)
}

/// Joins `xs`, all of one shape, along a new axis.
///
/// ```
/// use dezero::{Variable, functions};
/// let (a, b) = (Variable::new([1.0, 2.0]), Variable::new([3.0, 4.0]));
/// assert_eq!(functions::stack(&[&a, &b], 1).data().to_vec::<f64>(), [1.0, 3.0, 2.0, 4.0]);
/// ```
///
/// # Panics
/// If there is nothing to join, the axis is out of range, or the shapes differ.
#[track_caller]
pub fn stack(xs: &[&Variable], axis: isize) -> Variable {
    let Some(first) = xs.first() else {
        panic!("stack: needs at least one variable")
    };
    let shape = first.shape();
    for (i, x) in xs.iter().enumerate() {
        if x.shape() != shape {
            let other = x.shape();
            panic!(
                "stack: item 0 has shape {:?}, item {i} has {:?}",
                &shape[..],
                &other[..]
            );
        }
    }
    let axis = axis_of("stack", axis, shape.len() + 1) as isize;
    let expanded: Vec<Variable> = xs.iter().map(|x| x.expand_dims(axis)).collect();
    concatenate(&expanded.iter().collect::<Vec<_>>(), axis)
}

/// Takes `x` apart along an axis: into a number of equal sections, or before the given positions.
///
/// ```
/// use dezero::{Variable, functions};
/// let x = Variable::new([1.0, 2.0, 3.0, 4.0, 5.0]);
/// let parts = functions::split(&x, [2, 3], 0);
/// assert_eq!(parts.iter().map(Variable::size).collect::<Vec<_>>(), [2, 1, 2]);
/// ```
///
/// # Panics
/// If the axis is out of range, or does not divide into that many equal sections.
#[track_caller]
pub fn split(x: &Variable, sections: impl Into<Sections>, axis: isize) -> Vec<Variable> {
    apply(
        Split {
            sections: sections.into(),
            axis,
        },
        &[x],
    )
    .into_vec()
}

impl Variable {
    /// Adds `widths[i].0` elements before and `widths[i].1` after axis `i`, all of the given value.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([1.0, 2.0]).pad([(1, 2)], 0.0);
    /// assert_eq!(x.data().to_vec::<f64>(), [0.0, 1.0, 2.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there is not one pair for each axis.
    #[track_caller]
    pub fn pad(&self, widths: impl AsRef<[(usize, usize)]>, value: f64) -> Variable {
        apply_unary(
            Pad {
                widths: widths.as_ref().to_vec(),
                value,
            },
            self,
        )
    }

    /// Each element `n` times in a row along an axis.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([1.0, 2.0]).repeat(2, 0);
    /// assert_eq!(x.data().to_vec::<f64>(), [1.0, 1.0, 2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn repeat(&self, n: usize, axis: isize) -> Variable {
        let mut shape: Shape = self.shape();
        let axis = axis_of("repeat", axis, shape.len());
        let apart = self.expand_dims(axis as isize + 1);
        shape.insert(axis + 1, n);
        let repeated = apart.broadcast_to(&shape);
        shape.remove(axis + 1);
        shape[axis] *= n;
        repeated.reshape(&shape)
    }
}

#[cfg(test)]
mod tests {
    use crate::{functions, gradient_check};

    gradient_check!(
        concatenate,
        |x0, x1, x2| functions::concatenate(&[x0, x1, x2], 1).pow(2),
        [[1.0, 2.0], [3.0, 4.0]],
        [[5.0], [6.0]],
        [[0.5, 1.5, 2.5], [-1.0, -2.0, -3.0]]
    );
    gradient_check!(concatenate_with_itself: concatenate, |x| functions::concatenate(&[x, x], -1).pow(3), [1.0, 2.0]);
    gradient_check!(
        stack,
        |x0, x1| functions::stack(&[x0, x1], 1).pow(2),
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
        [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]
    );
    gradient_check!(
        split,
        |x| {
            let parts = functions::split(x, [1, 3], 1);
            parts[0].sum().pow(2) + parts[1].pow(2).sum() * parts[2].sum()
        },
        [[1.0, 2.0, 3.0, 4.0, 5.0], [0.1, 0.2, 0.3, 0.4, 0.5]]
    );
    gradient_check!(split_unused: split, |x| functions::split(x, 2, 0)[1].pow(3), [[1.0, 2.0], [3.0, 4.0]]);
    gradient_check!(
        pad,
        |x| x.pad([(1, 0), (2, 3)], 0.5).pow(2),
        [[1.0, 2.0], [3.0, 4.0]]
    );
    gradient_check!(repeat, |x| x.repeat(3, 0).pow(2), [[1.0, 2.0], [3.0, 4.0]]);
}
