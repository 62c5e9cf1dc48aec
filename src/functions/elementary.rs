//! Functions of each element: exponentials, logarithms, trigonometry, roots.

use dezero_array::Array;

use super::unary::Unary;
use crate::function::{Backward, Keep, apply_one};
use crate::variable::Variable;

struct Log;

impl Unary for Log {
    const NAME: &'static str = "log";
    const KEEP: Keep = Keep::INPUTS;

    fn eval(&self, x: &Array) -> Array {
        x.log()
    }

    fn backward(&self, context: &Backward<'_>, gy: Variable) -> Variable {
        gy / context.input(0)
    }
}

impl Variable {
    /// Natural logarithm of each element.
    #[track_caller]
    pub fn log(&self) -> Variable {
        apply_one(Log, &[self])
    }
}

#[cfg(test)]
mod tests {
    use crate::gradient_check;

    gradient_check!(log, |x| x.log(), [0.3, 1.0, 5.0]);
}
