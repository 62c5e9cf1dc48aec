//! Functions that choose among elements: maximum, minimum, clip, where.

use dezero_array::{Array, DType, broadcast_shape};

use super::arithmetic::broadcast_operands;
use super::unary::Unary;
use crate::apply::{apply_one, apply_unary};
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::{AsVariable, Variable};

/// How much of the gradient goes to the first of two operands: all where it won, half at a tie.
///
/// `lost` tells whether it is beyond the other one, `lost_or_tied` also where both are equal; at
/// NaN neither holds and the gradient goes on, as NaN did.
fn share(lost: &Array, lost_or_tied: &Array, gy: &Variable) -> Array {
    let dtype = gy.dtype().to_float();
    1.0 - (lost.to_dtype(dtype) + lost_or_tied.to_dtype(dtype)) * 0.5
}

/// The larger or the smaller of two.
struct Extreme {
    largest: bool,
}

impl Function for Extreme {
    fn name(&self) -> &'static str {
        if self.largest { "maximum" } else { "minimum" }
    }

    #[track_caller]
    #[inline]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let y = if self.largest {
            xs[0].maximum(&xs[1])
        } else {
            xs[0].minimum(&xs[1])
        };
        [y].into()
    }

    fn keeps(&self, _needs_grad: &[bool]) -> Keep {
        Keep::INPUTS
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gy = context.gy(0);
        let part = |x: &Array, other: &Array| {
            let (low, high) = if self.largest { (x, other) } else { (other, x) };
            &gy * share(&low.less(high), &low.less_equal(high), &gy)
        };
        let (x0, x1) = (context.input_data(0), context.input_data(1));
        let gx0 = context.needs_grad(0).then(|| part(x0, x1));
        let gx1 = context.needs_grad(1).then(|| part(x1, x0));
        [gx0, gx1].into()
    }
}

/// The larger of each pair of elements, broadcast; NaN where one is NaN.
///
/// The gradient goes to the larger element; at a tie each gets half.
///
/// ```
/// use dezero::{Variable, functions};
/// let (x0, x1) = (Variable::new([1.0, 5.0, 2.0]), Variable::new([3.0, 4.0, 2.0]));
/// let y = functions::maximum(&x0, &x1);
/// assert_eq!(y.data().to_vec::<f64>(), [3.0, 5.0, 2.0]);
/// y.backward();
/// assert_eq!(x0.grad().unwrap().data().to_vec::<f64>(), [0.0, 1.0, 0.5]);
/// ```
///
/// # Panics
/// If the shapes do not broadcast.
#[track_caller]
pub fn maximum(x0: impl AsVariable, x1: impl AsVariable) -> Variable {
    let (x0, x1) = broadcast_operands("maximum", &x0.as_variable(), &x1.as_variable());
    apply_one(Extreme { largest: true }, &[&x0, &x1])
}

/// The smaller of each pair of elements, broadcast; NaN where one is NaN.
///
/// The gradient goes to the smaller element; at a tie each gets half.
///
/// ```
/// use dezero::{Variable, functions};
/// let y = functions::minimum(&Variable::new([1.0, 5.0]), 3.0);
/// assert_eq!(y.data().to_vec::<f64>(), [1.0, 3.0]);
/// ```
///
/// # Panics
/// If the shapes do not broadcast.
#[track_caller]
pub fn minimum(x0: impl AsVariable, x1: impl AsVariable) -> Variable {
    let (x0, x1) = broadcast_operands("minimum", &x0.as_variable(), &x1.as_variable());
    apply_one(Extreme { largest: false }, &[&x0, &x1])
}

struct Clip {
    low: f64,
    high: f64,
}

impl Unary for Clip {
    const NAME: &'static str = "clip";
    const KEEP: Keep = Keep::INPUTS;

    #[inline]
    fn eval(&self, x: &Array) -> Array {
        x.clip(self.low, self.high)
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        let x = context.input_data(0);
        let inside = x
            .greater_equal(self.low)
            .logical_and(x.less_equal(self.high));
        where_(inside, gy, 0)
    }
}

impl Variable {
    /// Each element moved into [`low`, `high`]: min(max(x, low), high).
    ///
    /// The gradient passes where x lies inside, the bounds included, and is 0 outside.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([-3.0, 0.5, 3.0]);
    /// let y = x.clip(-1.0, 1.0);
    /// y.backward();
    /// assert_eq!(y.data().to_vec::<f64>(), [-1.0, 0.5, 1.0]);
    /// assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [0.0, 1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If `low` is above `high`, or one of them is NaN.
    #[track_caller]
    pub fn clip(&self, low: f64, high: f64) -> Variable {
        if low.is_nan() || high.is_nan() || low > high {
            panic!("clip: takes low <= high, got low {low} and high {high}");
        }
        apply_unary(Clip { low, high }, self)
    }
}

/// `condition` is bool; it may be smaller than the result, which it broadcasts to.
struct Where {
    condition: Array,
}

impl Function for Where {
    fn name(&self) -> &'static str {
        "where"
    }

    #[track_caller]
    #[inline]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [Array::where_(&self.condition, &xs[0], &xs[1])].into()
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let gy = context.gy(0);
        let gx0 = context
            .needs_grad(0)
            .then(|| where_(&self.condition, &gy, 0));
        let gx1 = context
            .needs_grad(1)
            .then(|| where_(&self.condition, 0, &gy));
        [gx0, gx1].into()
    }
}

/// The elements of `x0` where `condition` holds (is not 0), those of `x1` elsewhere; all three
/// broadcast.
///
/// The gradient goes to the element that was taken; what was not taken gets 0, also where it is
/// infinite or NaN.
///
/// ```
/// use dezero::{Variable, functions};
/// let x = Variable::new([-4.0, 4.0]);
/// let y = functions::where_(x.data().greater(0.0), &x, 0.0);
/// y.backward();
/// assert_eq!(y.data().to_vec::<f64>(), [0.0, 4.0]);
/// assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [0.0, 1.0]);
/// ```
///
/// # Panics
/// If the shapes do not broadcast.
#[track_caller]
pub fn where_(condition: impl AsVariable, x0: impl AsVariable, x1: impl AsVariable) -> Variable {
    let condition = condition.as_variable().data().to_dtype(DType::Bool);
    let (x0, x1) = (x0.as_variable(), x1.as_variable());
    let (shape0, shape1) = (x0.shape(), x1.shape());
    let shape = broadcast_shape(&shape0, &shape1)
        .and_then(|shape| broadcast_shape(&shape, condition.shape()));
    let Some(shape) = shape else {
        panic!(
            "where: condition {:?}, x0 {:?} and x1 {:?} do not broadcast",
            condition.shape(),
            &shape0[..],
            &shape1[..]
        );
    };
    let dtype = x0.dtype().promote(x1.dtype());
    let brought = |x: Variable| {
        if x.requires_grad() {
            x.brought_to(&shape, dtype)
        } else {
            x
        }
    };
    apply_one(Where { condition }, &[&brought(x0), &brought(x1)])
}

#[cfg(test)]
mod tests {
    use dezero_array::{Array, DType};

    use crate::{Variable, functions, gradient_check};

    const X0: [[f64; 3]; 2] = [[1.0, -2.0, 0.5], [0.0, 3.0, 1.5]];
    const X1: [[f64; 3]; 2] = [[0.7, -1.0, 2.0], [0.4, -3.0, 1.0]];
    const MASK: [[bool; 3]; 2] = [[true, false, false], [false, true, true]];

    gradient_check!(maximum, |x0, x1| functions::maximum(x0, x1) * x0, X0, X1);
    gradient_check!(maximum_broadcast: maximum, |x0, x1| functions::maximum(x0, x1) * x1, X0, [[0.2], [0.7]]);
    gradient_check!(maximum_constant: maximum, |x| functions::maximum(0.6, x) * x, X0);
    gradient_check!(maximum_shared: maximum, |x| functions::maximum(x, x) * x, X0);
    gradient_check!(maximum_empty: maximum, |x| functions::maximum(x, 1.0), (Array::zeros([0, 2], DType::F64)));
    gradient_check!(minimum, |x0, x1| functions::minimum(x0, x1) * x0, X0, X1);
    gradient_check!(minimum_broadcast: minimum, |x0, x1| functions::minimum(x0, x1) * x1, X0, [0.2, 0.7, 0.6]);
    gradient_check!(clip, |x| x.clip(-1.0, 1.2) * x, X0);
    gradient_check!(clip_scalar: clip, |x| x.clip(f64::NEG_INFINITY, 1.2) * x, 0.3);
    gradient_check!(
        where_,
        |x0, x1| functions::where_(Array::new(MASK), x0, x1) * x0,
        X0,
        X1
    );
    gradient_check!(where_broadcast: where_, |x0, x1| functions::where_(Array::new(MASK), x0, x1) * x1, [0.2, 0.7, 0.6], 1.5);
    gradient_check!(where_small_condition: where_, |x| functions::where_(Array::new([[true], [false]]), x, 2.0) * x, X0);

    #[test]
    fn ties_share_the_gradient() {
        for tied in [functions::maximum, functions::minimum] {
            let (x0, x1) = (Variable::new([1.0, 2.0]), Variable::new([1.0, 2.0]));
            tied(x0.clone(), x1.clone()).backward();
            assert_eq!(x0.grad().unwrap().data().to_vec::<f64>(), [0.5, 0.5]);
            assert_eq!(x1.grad().unwrap().data().to_vec::<f64>(), [0.5, 0.5]);
        }
    }

    #[test]
    fn what_where_did_not_take_gets_no_gradient() {
        let (x0, x1) = (
            Variable::new([f64::NAN, 4.0]),
            Variable::new([1.0, f64::INFINITY]),
        );
        let y = functions::where_(Array::new([false, true]), &x0, &x1);
        y.backward();
        assert_eq!(y.data().to_vec::<f64>(), [1.0, 4.0]);
        assert_eq!(x0.grad().unwrap().data().to_vec::<f64>(), [0.0, 1.0]);
        assert_eq!(x1.grad().unwrap().data().to_vec::<f64>(), [1.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "clip: takes low <= high, got low 2 and high 1")]
    fn refuses_bounds_out_of_order() {
        Variable::new(0.0).clip(2.0, 1.0);
    }

    #[test]
    #[should_panic(expected = "where: condition [2], x0 [3] and x1 [] do not broadcast")]
    fn refuses_shapes_that_do_not_broadcast() {
        functions::where_(Array::new([true, false]), Array::new([1.0, 2.0, 3.0]), 0.0);
    }
}
