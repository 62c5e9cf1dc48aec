//! The windows that a filter sees, as an array, and back.

use dezero_array::{Array, Conv2dParams};

use super::unary::Unary;
use crate::apply::apply_unary;
use crate::function::Backward;
use crate::variable::Variable;

struct Im2Col {
    kernel: (usize, usize),
    params: Conv2dParams,
    image: (usize, usize),
}

impl Unary for Im2Col {
    const NAME: &'static str = "im2col";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.im2col(self.kernel, &self.params)
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        gy.col2im(self.image, self.params)
    }
}

struct Col2Im {
    image: (usize, usize),
    params: Conv2dParams,
    kernel: (usize, usize),
}

impl Unary for Col2Im {
    const NAME: &'static str = "col2im";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.col2im(self.image, &self.params)
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        gy.im2col(self.kernel, self.params)
    }
}

impl Variable {
    /// The windows that a filter of `kernel` (rows, columns) sees on its way over images: (N, C, H, W) to
    /// (N, C, KH, KW, OH, OW). Pixels of the padding are zero; the groups of `params` play no role.
    ///
    /// ```
    /// use dezero::functions::Conv2dParams;
    /// use dezero::Variable;
    /// let x = Variable::new([[[[1.0, 2.0, 3.0]]]]);
    /// let y = x.im2col((1, 2), Conv2dParams::default());
    /// assert_eq!(y.shape()[..], [1, 1, 1, 2, 1, 2]);
    /// assert_eq!(y.data().to_vec::<f64>(), [1.0, 2.0, 2.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If there are not four axes, or the kernel does not fit.
    #[track_caller]
    pub fn im2col(&self, kernel: (usize, usize), params: Conv2dParams) -> Variable {
        let image = match self.shape()[..] {
            [_, _, rows, columns] => (rows, columns),
            ref shape => panic!("im2col: takes four axes (N, C, H, W), got {shape:?}"),
        };
        apply_unary(
            Im2Col {
                kernel,
                params,
                image,
            },
            self,
        )
    }

    /// Adds windows (N, C, KH, KW, OH, OW) up to images (N, C, H, W) with (H, W) = `image`: the
    /// transpose of [`im2col`](Variable::im2col).
    ///
    /// ```
    /// use dezero::functions::Conv2dParams;
    /// use dezero::Variable;
    /// let x = Variable::new([[[[1.0, 2.0, 3.0]]]]);
    /// let params = Conv2dParams::default();
    /// let y = x.im2col((1, 2), params).col2im((1, 3), params);
    /// assert_eq!(y.data().to_vec::<f64>(), [1.0, 4.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the windows do not come from such images.
    #[track_caller]
    pub fn col2im(&self, image: (usize, usize), params: Conv2dParams) -> Variable {
        let kernel = match self.shape()[..] {
            [_, _, rows, columns, _, _] => (rows, columns),
            ref shape => panic!("col2im: takes six axes (N, C, KH, KW, OH, OW), got {shape:?}"),
        };
        apply_unary(
            Col2Im {
                image,
                params,
                kernel,
            },
            self,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample_images::{images as array, params};
    use crate::gradient_check;

    gradient_check!(
        im2col,
        |x| x.im2col((3, 2), params((2, 1), (1, 0), (1, 2), 1)).pow(2),
        (array([2, 2, 4, 5], 0.1))
    );
    gradient_check!(
        col2im,
        |x| x.col2im((4, 3), params((2, 1), (1, 0), (1, 1), 1)).pow(2),
        (array([1, 2, 3, 2, 2, 2], 0.1))
    );
}
