//! Reductions: many elements to one, over all or some axes, and running sums.
//!
//! `axes` is a number, several numbers, or `()` for all axes; negative ones count from the end. With
//! `keepdims` the reduced axes stay with size 1.

use dezero_array::{Array, Axes, Shape};

use super::shape::axis_of;
use super::unary::Unary;
use crate::apply::apply_unary;
use crate::function::{Backward, Keep};
use crate::variable::Variable;

/// Which axes are reduced, and the shape that a result has with them kept.
struct Reduction {
    axes: Axes,
    keepdims: bool,
    from: Shape,
    kept: Shape,
}

impl Reduction {
    #[track_caller]
    fn new(operation: &str, x: &Variable, axes: Axes, keepdims: bool) -> Reduction {
        let from = x.shape();
        let mut kept = from.clone();
        for axis in axes.resolve(operation, &from) {
            kept[axis] = 1;
        }
        Reduction {
            axes,
            keepdims,
            from,
            kept,
        }
    }

    /// How many elements make one.
    fn count(&self) -> usize {
        let ones = self.from.iter().zip(&self.kept);
        ones.filter(|(_, kept)| **kept == 1)
            .map(|(n, _)| n)
            .product()
    }

    /// A result, or its gradient, in the shape of the input.
    #[track_caller]
    fn spread(&self, y: &Variable) -> Variable {
        y.reshape(&self.kept).broadcast_to(&self.from)
    }
}

struct Sum(Reduction);

impl Unary for Sum {
    const NAME: &'static str = "sum";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.sum_axis(self.0.axes.clone(), self.0.keepdims)
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        self.0.spread(&gy)
    }
}

/// The largest or smallest elements; those that tie share the gradient evenly.
struct Extreme<const MAX: bool>(Reduction);

impl<const MAX: bool> Unary for Extreme<MAX> {
    const NAME: &'static str = if MAX { "max" } else { "min" };
    const KEEP: Keep = Keep::INPUTS.and(Keep::OUTPUTS);

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        let (axes, keepdims) = (self.0.axes.clone(), self.0.keepdims);
        if MAX {
            x.max_axis(axes, keepdims)
        } else {
            x.min_axis(axes, keepdims)
        }
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        let (x, y) = (context.input(0).data(), context.output(0).data());
        let is_extreme = x.equal(y.reshape(&self.0.kept)).to_dtype(y.dtype());
        let count = is_extreme.sum_axis(self.0.axes.clone(), true);
        if !y.dtype().is_float() && is_extreme.sum().item() == count.size() as f64 {
            // Nothing ties: the gradients of integers stay integers.
            return self.0.spread(&gy) * is_extreme;
        }
        self.0.spread(&gy) * (is_extreme / count)
    }
}

struct LogSumExp(Reduction);

impl Unary for LogSumExp {
    const NAME: &'static str = "logsumexp";
    const KEEP: Keep = Keep::INPUTS.and(Keep::OUTPUTS);

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        let axes = self.0.axes.clone();
        let max = x.max_axis(axes.clone(), true);
        // An infinite maximum would turn x - max into NaN.
        let max = Array::where_(&max.is_finite(), &max, 0.0);
        let sum = (x - &max).exp().sum_axis(axes, true);
        let y = sum.log() + max;
        if self.0.keepdims {
            return y;
        }
        y.reshape(x.sum_axis(self.0.axes.clone(), false).shape())
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        // ∂y/∂x = exp(x - y): the softmax
        let softmax = (context.input(0) - self.0.spread(&context.output(0))).exp();
        self.0.spread(&gy) * softmax
    }
}

struct Norm(Reduction);

impl Unary for Norm {
    const NAME: &'static str = "norm";
    const KEEP: Keep = Keep::INPUTS.and(Keep::OUTPUTS);

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.square()
            .sum_axis(self.0.axes.clone(), self.0.keepdims)
            .sqrt()
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        // x / y, and 0 where the norm is 0
        let y = context.output(0);
        let zeros = y.data().equal(0.0).to_dtype(y.dtype());
        let scaled = gy / (y + Variable::constant(zeros));
        self.0.spread(&scaled) * context.input(0)
    }
}

struct CumSum {
    axis: isize,
    /// From the end to the start: the gradient of a running sum.
    reverse: bool,
}

impl Unary for CumSum {
    const NAME: &'static str = "cumsum";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        if self.reverse {
            x.flip(self.axis).cumsum(self.axis).flip(self.axis)
        } else {
            x.cumsum(self.axis)
        }
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        apply_unary(
            CumSum {
                axis: self.axis,
                reverse: !self.reverse,
            },
            &gy,
        )
    }
}

impl Variable {
    /// Sum of all elements, zero-dimensional.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.sum().item(), 10.0);
    /// ```
    #[track_caller]
    pub fn sum(&self) -> Variable {
        self.sum_axis((), false)
    }

    /// Sum over some axes.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.sum_axis(0, false).data().to_vec::<f64>(), [4.0, 6.0]);
    /// assert_eq!(x.sum_axis(-1, true).shape()[..], [2, 1]);
    /// ```
    ///
    /// # Panics
    /// If an axis is out of range or repeated.
    #[track_caller]
    pub fn sum_axis(&self, axes: impl Into<Axes>, keepdims: bool) -> Variable {
        apply_unary(
            Sum(Reduction::new("sum", self, axes.into(), keepdims)),
            self,
        )
    }

    /// Mean of all elements, zero-dimensional (`average` of the book).
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([1.0, 2.0, 6.0]);
    /// assert_eq!(x.mean().item(), 3.0);
    /// ```
    #[track_caller]
    pub fn mean(&self) -> Variable {
        self.mean_axis((), false)
    }

    /// Mean over some axes. Of no elements it is NaN.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[1.0, 3.0], [2.0, 6.0]]);
    /// assert_eq!(x.mean_axis(1, false).data().to_vec::<f64>(), [2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis is out of range or repeated.
    #[track_caller]
    pub fn mean_axis(&self, axes: impl Into<Axes>, keepdims: bool) -> Variable {
        let reduction = Reduction::new("mean", self, axes.into(), keepdims);
        let count = reduction.count();
        apply_unary(Sum(reduction), self) / count as f64
    }

    /// Variance of all elements: the mean squared distance from the mean (ddof 0, as NumPy).
    ///
    /// ```
    /// use dezero::Variable;
    /// assert_eq!(Variable::new([1.0, 3.0]).var().item(), 1.0);
    /// ```
    #[track_caller]
    pub fn var(&self) -> Variable {
        self.var_axis((), false)
    }

    /// Variance over some axes: the mean squared distance from the mean (ddof 0, as NumPy).
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[1.0, 3.0], [2.0, 6.0]]);
    /// assert_eq!(x.var_axis(1, false).data().to_vec::<f64>(), [1.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis is out of range or repeated.
    #[track_caller]
    pub fn var_axis(&self, axes: impl Into<Axes>, keepdims: bool) -> Variable {
        let axes = axes.into();
        let centred = self - self.mean_axis(axes.clone(), true);
        (&centred * &centred).mean_axis(axes, keepdims)
    }

    /// Standard deviation of all elements, the root of [`var`](Variable::var). The gradient where all are equal is taken as 0.
    ///
    /// ```
    /// use dezero::Variable;
    /// assert_eq!(Variable::new([1.0, 3.0]).std().item(), 1.0);
    /// ```
    #[track_caller]
    pub fn std(&self) -> Variable {
        self.std_axis((), false)
    }

    /// Standard deviation over some axes, the root of [`var_axis`](Variable::var_axis). The gradient where all elements are equal
    /// is taken as 0.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[1.0, 3.0], [2.0, 6.0]]);
    /// assert_eq!(x.std_axis(1, false).data().to_vec::<f64>(), [1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis is out of range or repeated.
    #[track_caller]
    pub fn std_axis(&self, axes: impl Into<Axes>, keepdims: bool) -> Variable {
        let axes = axes.into();
        let count = Reduction::new("std", self, axes.clone(), keepdims).count();
        let centred = self - self.mean_axis(axes.clone(), true);
        centred.norm_axis(axes, keepdims) / (count as f64).sqrt()
    }

    /// Largest element, zero-dimensional. Elements that tie share the gradient evenly.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([3.0, 7.0, 7.0]);
    /// let y = x.max();
    /// y.backward();
    /// assert_eq!(y.item(), 7.0);
    /// assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [0.0, 0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If there is no element.
    #[track_caller]
    pub fn max(&self) -> Variable {
        self.max_axis((), false)
    }

    /// Largest elements over some axes. Elements that tie share the gradient evenly.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[1.0, 5.0], [3.0, 4.0]]);
    /// assert_eq!(x.max_axis(1, false).data().to_vec::<f64>(), [5.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis is out of range or repeated, or has no elements.
    #[track_caller]
    pub fn max_axis(&self, axes: impl Into<Axes>, keepdims: bool) -> Variable {
        let reduction = Reduction::new("max", self, axes.into(), keepdims);
        apply_unary(Extreme::<true>(reduction), self)
    }

    /// Smallest element, zero-dimensional. Elements that tie share the gradient evenly.
    ///
    /// ```
    /// use dezero::Variable;
    /// assert_eq!(Variable::new([3.0, 7.0]).min().item(), 3.0);
    /// ```
    ///
    /// # Panics
    /// If there is no element.
    #[track_caller]
    pub fn min(&self) -> Variable {
        self.min_axis((), false)
    }

    /// Smallest elements over some axes. Elements that tie share the gradient evenly.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[1.0, 5.0], [3.0, 4.0]]);
    /// assert_eq!(x.min_axis(0, false).data().to_vec::<f64>(), [1.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis is out of range or repeated, or has no elements.
    #[track_caller]
    pub fn min_axis(&self, axes: impl Into<Axes>, keepdims: bool) -> Variable {
        let reduction = Reduction::new("min", self, axes.into(), keepdims);
        apply_unary(Extreme::<false>(reduction), self)
    }

    /// log Σ exp x over some axes, without overflow; its gradient is the softmax.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[1000.0, 1000.0]]);
    /// assert_eq!(x.logsumexp(1, false).item(), 1000.0 + 2f64.ln());
    /// ```
    ///
    /// # Panics
    /// If an axis is out of range or repeated.
    #[track_caller]
    pub fn logsumexp(&self, axes: impl Into<Axes>, keepdims: bool) -> Variable {
        apply_unary(
            LogSumExp(Reduction::new("logsumexp", self, axes.into(), keepdims)),
            self,
        )
    }

    /// Euclidean norm √Σx² of all elements. The gradient at the origin is taken as 0.
    ///
    /// ```
    /// use dezero::Variable;
    /// assert_eq!(Variable::new([3.0, 4.0]).norm().item(), 5.0);
    /// ```
    #[track_caller]
    pub fn norm(&self) -> Variable {
        self.norm_axis((), false)
    }

    /// Euclidean norm √Σx² over some axes. The gradient at the origin is taken as 0.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[3.0, 4.0], [5.0, 12.0]]);
    /// assert_eq!(x.norm_axis(1, false).data().to_vec::<f64>(), [5.0, 13.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis is out of range or repeated.
    #[track_caller]
    pub fn norm_axis(&self, axes: impl Into<Axes>, keepdims: bool) -> Variable {
        apply_unary(
            Norm(Reduction::new("norm", self, axes.into(), keepdims)),
            self,
        )
    }

    /// Running sums along an axis.
    ///
    /// ```
    /// use dezero::Variable;
    /// assert_eq!(Variable::new([1.0, 2.0, 3.0]).cumsum(0).data().to_vec::<f64>(), [1.0, 3.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn cumsum(&self, axis: isize) -> Variable {
        axis_of("cumsum", axis, self.ndim());
        apply_unary(
            CumSum {
                axis,
                reverse: false,
            },
            self,
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::gradient_check;

    const X: [[[f64; 3]; 2]; 2] = [
        [[1.0, 2.0, -0.5], [0.3, -1.0, 4.0]],
        [[0.7, 2.5, 1.5], [3.0, 0.1, -2.0]],
    ];

    gradient_check!(sum, |x| x.sum().pow(2), X);
    gradient_check!(sum_axis, |x| x.sum_axis([0, -1], false).pow(2), X);
    gradient_check!(sum_axis_kept: sum_axis, |x| x.sum_axis(1, true).pow(2), X);
    gradient_check!(sum_empty: sum, |x| x.sum(), (dezero_array::Array::zeros([0, 3], dezero_array::DType::F64)));
    gradient_check!(sum_scalar: sum, |x| x.sum().pow(3), 2.0);
    gradient_check!(mean, |x| x.mean().pow(2), X);
    gradient_check!(mean_axis, |x| x.mean_axis([0, 2], true).pow(2), X);
    gradient_check!(var, |x| x.var(), X);
    gradient_check!(var_axis, |x| x.var_axis([0, 1], false), X);
    gradient_check!(std, |x| x.std(), X);
    gradient_check!(std_axis, |x| x.std_axis([0, -1], true), X);
    gradient_check!(max, |x| x.max().pow(2), X);
    gradient_check!(max_axis, |x| x.max_axis(-1, false).pow(2), X);
    gradient_check!(max_axes: max_axis, |x| x.max_axis([0, 2], true).pow(2), X);
    gradient_check!(min, |x| x.min().pow(2), X);
    gradient_check!(min_axis, |x| x.min_axis(0, false).pow(2), X);
    gradient_check!(logsumexp, |x| x.logsumexp(1, false), X);
    gradient_check!(logsumexp_all: logsumexp, |x| x.logsumexp((), true), X);
    gradient_check!(norm, |x| x.norm(), X);
    gradient_check!(norm_axis, |x| x.norm_axis([1, 2], true), X);
    gradient_check!(cumsum, |x| x.cumsum(-1).pow(2), X);
    gradient_check!(cumsum_first: cumsum, |x| x.cumsum(0).pow(2), X);

    #[test]
    fn ties_share_the_gradient_evenly() {
        let x = crate::Variable::new([[2.0, 5.0, 5.0], [1.0, 1.0, 1.0]]);
        x.max_axis(1, false).backward();
        let third = 1.0 / 3.0;
        let expected = [0.0, 0.5, 0.5, third, third, third];
        assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), expected);
    }

    #[test]
    fn logsumexp_neither_overflows_nor_loses_infinity() {
        let x = crate::Variable::new([[1000.0, 1000.0], [f64::NEG_INFINITY, f64::NEG_INFINITY]]);
        let y = x.logsumexp(1, false).data().to_vec::<f64>();
        assert_eq!(y, [1000.0 + 2f64.ln(), f64::NEG_INFINITY]);
    }

    #[test]
    fn the_norm_of_zero_has_gradient_zero() {
        let x = crate::Variable::new([0.0, 0.0]);
        x.norm().backward();
        assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [0.0, 0.0]);
    }
}
