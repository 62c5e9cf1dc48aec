//! Reductions: many elements to one, over all or some axes.

use crate::variable::Variable;

impl Variable {
    /// Sum of all elements, zero-dimensional.
    #[track_caller]
    pub fn sum(&self) -> Variable {
        self.sum_to([])
    }
}

#[cfg(test)]
mod tests {
    use crate::gradient_check;

    gradient_check!(sum, |x| x.sum(), [[1.0, 2.0], [0.5, -1.0], [3.0, 4.0]]);
}
