//! Pooling: one number for each window of each plane of an image.

use dezero_array::{Array, Pool2dParams};

use super::unary::Unary;
use crate::apply::apply_unary;
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::variable::Variable;

type Pair = (usize, usize);

/// Rows and columns of images.
#[track_caller]
fn image_of(operation: &str, x: &Variable) -> Pair {
    match x.shape()[..] {
        [_, _, rows, columns] => (rows, columns),
        ref shape => panic!("{operation}: takes four axes (N, C, H, W), got {shape:?}"),
    }
}

struct MaxPool2d {
    params: Pool2dParams,
    image: Pair,
    /// Where in its plane each maximum lies, known after forward.
    positions: Option<Array>,
}

impl Function for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        let (y, positions) = xs[0].max_pool2d(&self.params);
        self.positions = Some(positions);
        Outputs::from_iter([y])
    }

    fn keeps(&self, _needs_grad: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let positions = self.positions.clone().expect("set by forward");
        let image = self.image;
        apply_unary(ScatterPlanes { positions, image }, &context.gy(0)).into()
    }
}

/// Adds each number to its position in a plane of zeros.
struct ScatterPlanes {
    positions: Array,
    image: Pair,
}

impl Unary for ScatterPlanes {
    const NAME: &'static str = "scatter_planes";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.scatter_planes(&self.positions, self.image)
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        let (positions, image) = (self.positions.clone(), self.image);
        apply_unary(GatherPlanes { positions, image }, &gy)
    }
}

/// The numbers at positions of planes.
struct GatherPlanes {
    positions: Array,
    image: Pair,
}

impl Unary for GatherPlanes {
    const NAME: &'static str = "gather_planes";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        x.gather_planes(&self.positions)
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        let (positions, image) = (self.positions.clone(), self.image);
        apply_unary(ScatterPlanes { positions, image }, &gy)
    }
}

/// The windows that are averaged.
#[derive(Clone, Copy)]
enum Windows {
    Sliding(Pool2dParams, bool),
    Covering(Pair),
}

/// The mean of each window.
struct AveragePool {
    windows: Windows,
    image: Pair,
}

impl Unary for AveragePool {
    const NAME: &'static str = "avg_pool2d";

    #[track_caller]
    fn eval(&self, x: &Array) -> Array {
        match self.windows {
            Windows::Sliding(params, count_include_pad) => x.avg_pool2d(&params, count_include_pad),
            Windows::Covering(out) => x.adaptive_avg_pool2d(out),
        }
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        let AveragePool { windows, image } = *self;
        apply_unary(SpreadEvenly { windows, image }, &gy)
    }
}

/// The transpose of [`AveragePool`].
struct SpreadEvenly {
    windows: Windows,
    image: Pair,
}

impl Unary for SpreadEvenly {
    const NAME: &'static str = "avg_pool2d_grad";

    #[track_caller]
    fn eval(&self, gy: &Array) -> Array {
        match self.windows {
            Windows::Sliding(params, count_include_pad) => {
                gy.avg_pool2d_grad(self.image, &params, count_include_pad)
            }
            Windows::Covering(_) => gy.adaptive_avg_pool2d_grad(self.image),
        }
    }

    #[track_caller]
    fn backward(&self, _: &Backward<'_>, gy: Variable) -> Variable {
        let SpreadEvenly { windows, image } = *self;
        apply_unary(AveragePool { windows, image }, &gy)
    }
}

impl Variable {
    /// The largest number of each window (`pooling` of the book): (N, C, H, W) to (N, C, OH, OW) with
    /// OH = (H + 2 padding - dilation (KH - 1) - 1) / stride + 1, and OW likewise.
    ///
    /// Padding never wins. The gradient goes to the first of equal maxima.
    ///
    /// ```
    /// use dezero::Variable;
    /// use dezero::functions::Pool2dParams;
    /// let x = Variable::new([[[[1.0, 5.0, 2.0, 0.0], [2.0, 3.0, 4.0, 1.0]]]]);
    /// let y = x.max_pool2d(Pool2dParams::new((2, 2)));
    /// assert_eq!(y.data().to_vec::<f64>(), [5.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If there are not four axes, the window does not fit into the padded image, the padding is more than
    /// half a window, or stride, dilation or kernel is zero.
    #[track_caller]
    pub fn max_pool2d(&self, params: Pool2dParams) -> Variable {
        let image = image_of("max_pool2d", self);
        let positions = None;
        apply_unary(
            MaxPool2d {
                params,
                image,
                positions,
            },
            self,
        )
    }

    /// The mean of each window (`average_pooling` of the book): (N, C, H, W) to (N, C, OH, OW), as
    /// [`max_pool2d`](Variable::max_pool2d).
    ///
    /// Pixels of the padding are zeros; `count_include_pad` says whether they count in the divisor, as they
    /// do in the book and by default in PyTorch.
    ///
    /// ```
    /// use dezero::Variable;
    /// use dezero::functions::Pool2dParams;
    /// let x = Variable::new([[[[1.0, 5.0], [2.0, 4.0]]]]);
    /// assert_eq!(x.avg_pool2d(Pool2dParams::new((2, 2)), true).item(), 3.0);
    /// ```
    ///
    /// # Panics
    /// As [`max_pool2d`](Variable::max_pool2d), and if the variable is not float.
    #[track_caller]
    pub fn avg_pool2d(&self, params: Pool2dParams, count_include_pad: bool) -> Variable {
        let image = image_of("avg_pool2d", self);
        let windows = Windows::Sliding(params, count_include_pad);
        apply_unary(AveragePool { windows, image }, self)
    }

    /// The means of (OH, OW) = `output_size` windows that cover each plane: (N, C, H, W) to (N, C, OH, OW).
    ///
    /// Window i of an axis runs from ⌊i·H / OH⌋ to ⌈(i + 1)·H / OH⌉, as PyTorch's.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[[[1.0, 2.0, 3.0]]]]);
    /// assert_eq!(x.adaptive_avg_pool2d((1, 2)).data().to_vec::<f64>(), [1.5, 2.5]);
    /// ```
    ///
    /// # Panics
    /// If there are not four axes, the image has no pixels, or the variable is not float.
    #[track_caller]
    pub fn adaptive_avg_pool2d(&self, output_size: (usize, usize)) -> Variable {
        let image = image_of("adaptive_avg_pool2d", self);
        let windows = Windows::Covering(output_size);
        apply_unary(AveragePool { windows, image }, self)
    }

    /// The mean of each plane: (N, C, H, W) to (N, C).
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[[[1.0, 5.0], [2.0, 4.0]], [[0.0, 0.0], [0.0, 2.0]]]]);
    /// assert_eq!(x.global_avg_pool().data().to_vec::<f64>(), [3.0, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If there are not four axes.
    #[track_caller]
    pub fn global_avg_pool(&self) -> Variable {
        image_of("global_avg_pool", self);
        self.mean_axis([2, 3], false)
    }
}

#[cfg(test)]
mod tests {
    use dezero_array::Array;

    use crate::functions::Pool2dParams;
    use crate::{Variable, gradient_check};

    /// Numbers without ties, of both signs.
    fn array<const N: usize>(shape: [usize; N]) -> Array {
        let size = shape.iter().product();
        let numbers = (0..size).map(|i| (0.4 + 2.3 * i as f64).sin()).collect();
        Array::from_vec::<f64>(numbers, shape)
    }

    fn pool(
        kernel: (usize, usize),
        stride: (usize, usize),
        padding: (usize, usize),
    ) -> Pool2dParams {
        Pool2dParams {
            kernel,
            stride,
            padding,
            dilation: (1, 1),
        }
    }

    gradient_check!(
        max_pool2d,
        |x| x.max_pool2d(Pool2dParams::new((2, 2))).pow(2),
        (array([2, 2, 4, 3]))
    );
    gradient_check!(max_pool2d_overlap: max_pool2d, |x| x.pow(2).max_pool2d(pool((3, 2), (2, 1), (1, 0))).pow(3), (array([1, 2, 5, 4])));
    gradient_check!(max_pool2d_dilated: max_pool2d,
        |x| x.max_pool2d(Pool2dParams { dilation: (2, 1), ..pool((2, 3), (1, 2), (0, 1)) }).pow(2), (array([1, 2, 4, 5])));
    gradient_check!(
        avg_pool2d,
        |x| x.avg_pool2d(Pool2dParams::new((2, 3)), true).pow(2),
        (array([2, 2, 4, 3]))
    );
    gradient_check!(avg_pool2d_overlap: avg_pool2d, |x| x.avg_pool2d(pool((3, 4), (2, 3), (1, 2)), true).pow(2), (array([1, 2, 5, 6])));
    gradient_check!(avg_pool2d_without_padding: avg_pool2d, |x| x.avg_pool2d(pool((3, 4), (2, 3), (1, 2)), false).pow(2), (array([1, 2, 5, 6])));
    gradient_check!(
        adaptive_avg_pool2d,
        |x| x.adaptive_avg_pool2d((3, 2)).pow(2),
        (array([1, 2, 5, 3]))
    );
    gradient_check!(adaptive_avg_pool2d_larger: adaptive_avg_pool2d, |x| x.adaptive_avg_pool2d((3, 4)).pow(2), (array([1, 1, 2, 3])));
    gradient_check!(
        global_avg_pool,
        |x| x.global_avg_pool().pow(2),
        (array([2, 3, 2, 3]))
    );

    #[test]
    fn the_first_of_equal_maxima_has_the_gradient() {
        let x = Variable::new([[[[1.0, 7.0], [7.0, 7.0]]]]);
        x.max_pool2d(Pool2dParams::new((2, 2))).backward();
        assert_eq!(
            x.grad().unwrap().data().to_vec::<f64>(),
            [0.0, 1.0, 0.0, 0.0]
        );
    }

    #[test]
    #[should_panic = "max_pool2d: kernel (3, 3) with dilation (1, 1) is larger than image (2, 5) with padding (0, 0)"]
    fn refuses_a_window_larger_than_the_image() {
        Variable::new(array([1, 1, 2, 5])).max_pool2d(Pool2dParams::new((3, 3)));
    }

    #[test]
    #[should_panic = "avg_pool2d: stride (2, 0) has a zero"]
    fn refuses_a_stride_of_zero() {
        Variable::new(array([1, 1, 4, 4])).avg_pool2d(pool((2, 2), (2, 0), (0, 0)), true);
    }

    #[test]
    #[should_panic = "global_avg_pool: takes four axes (N, C, H, W), got [2, 3]"]
    fn refuses_what_is_not_an_image() {
        Variable::new(array([2, 3])).global_avg_pool();
    }
}
