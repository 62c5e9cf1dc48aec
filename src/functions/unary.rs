//! [`Unary`]: functions of one input and one output.

use dezero_array::Array;

use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::Variable;

/// A function of one input and one output, with less to write than a [`Function`].
pub(crate) trait Unary: Send + Sync + 'static {
    const NAME: &'static str;
    /// What `backward` reads.
    const KEEP: Keep = Keep::NOTHING;

    /// What was set besides the input; see [`Function::setting`].
    fn setting(&self) -> String {
        String::new()
    }

    #[track_caller]
    fn eval(&self, x: &Array) -> Array;

    /// The gradient of the input. `gy` is given away: in place, where nobody else sees it, by the
    /// operators that take a variable by value.
    #[track_caller]
    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable;
}

impl<U: Unary> Function for U {
    fn name(&self) -> &'static str {
        U::NAME
    }

    fn setting(&self) -> String {
        Unary::setting(self)
    }

    #[track_caller]
    #[inline]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [self.eval(&xs[0])].into()
    }

    fn keeps(&self, _needs_grad: &[bool]) -> Keep {
        U::KEEP
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        Unary::backward(self, context, context.take_gy()).into()
    }
}

/// The same value under another node.
pub(crate) struct Identity;

impl Unary for Identity {
    const NAME: &'static str = "identity";

    fn eval(&self, x: &Array) -> Array {
        x.clone()
    }

    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        gy
    }
}
