//! Images in other sizes.

use dezero_array::{Array, DType};

use crate::variable::Variable;

/// The rows of a matrix are the weights with which `from` pixels of an axis make each of `to`.
fn interpolation(from: usize, to: usize, align_corners: bool, dtype: DType) -> Array {
    let mut weights = vec![0.0; to * from];
    for (i, row) in weights.chunks_exact_mut(from).enumerate() {
        let at = if align_corners {
            // The centres of the first and last pixels stay where they are.
            i as f64 * (from - 1) as f64 / (to - 1).max(1) as f64
        } else {
            // The edges do.
            ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0)
        };
        let left = (at as usize).min(from - 1);
        let right = (left + 1).min(from - 1);
        let part = at - left as f64;
        row[left] += 1.0 - part;
        row[right] += part;
    }
    Array::from_vec::<f64>(weights, [to, from]).to_dtype(dtype)
}

/// Rows and columns, of which there is at least one.
#[track_caller]
fn sizes(operation: &str, x: &Variable, to: (usize, usize)) -> (usize, usize) {
    let image = match x.shape()[..] {
        [_, _, rows, columns] => (rows, columns),
        ref shape => panic!("{operation}: takes four axes (N, C, H, W), got {shape:?}"),
    };
    if image.0 == 0 || image.1 == 0 || to.0 == 0 || to.1 == 0 {
        panic!("{operation}: neither image {image:?} nor output_size {to:?} may be without pixels");
    }
    image
}

impl Variable {
    /// Images of another size, each pixel the nearest of the old ones: (N, C, H, W) to (N, C, OH, OW) with
    /// (OH, OW) = `output_size`; pixel i comes from ⌊i·H / OH⌋.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[[[1.0, 2.0]]]]);
    /// let y = x.upsample_nearest((2, 4));
    /// assert_eq!(y.data().to_vec::<f64>(), [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If there are not four axes, or no pixels.
    #[track_caller]
    pub fn upsample_nearest(&self, output_size: (usize, usize)) -> Variable {
        let (rows, columns) = sizes("upsample_nearest", self, output_size);
        let nearest = |from: usize, to: usize| -> Array {
            let from_pixels = (0..to).map(|i| (i * from / to) as i64).collect();
            Array::from_vec::<i64>(from_pixels, [to])
        };
        let (to_rows, to_columns) = output_size;
        // Whole multiples, the common case, need no indices: each pixel is repeated.
        if to_rows.is_multiple_of(rows) && to_columns.is_multiple_of(columns) {
            let (n, c) = (self.shape()[0], self.shape()[1]);
            return self
                .reshape([n, c, rows, 1, columns, 1])
                .broadcast_to([n, c, rows, to_rows / rows, columns, to_columns / columns])
                .reshape([n, c, to_rows, to_columns]);
        }
        self.get((.., .., nearest(rows, to_rows)))
            .get((.., .., .., nearest(columns, to_columns)))
    }

    /// Images of another size, each pixel a mean of the four nearest, weighted by distance: (N, C, H, W)
    /// to (N, C, OH, OW) with (OH, OW) = `output_size`.
    ///
    /// With `align_corners` the centres of the corner pixels keep their places, without it their outer
    /// edges, as in PyTorch.
    ///
    /// ```
    /// use dezero::Variable;
    /// let x = Variable::new([[[[1.0, 2.0]]]]);
    /// let y = x.upsample_bilinear((1, 4), false);
    /// assert_eq!(y.data().to_vec::<f64>(), [1.0, 1.25, 1.75, 2.0]);
    /// let y = x.upsample_bilinear((1, 3), true);
    /// assert_eq!(y.data().to_vec::<f64>(), [1.0, 1.5, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If there are not four axes, or no pixels, or the variable is not float.
    #[track_caller]
    pub fn upsample_bilinear(&self, output_size: (usize, usize), align_corners: bool) -> Variable {
        let (rows, columns) = sizes("upsample_bilinear", self, output_size);
        let dtype = self.dtype();
        if !dtype.is_float() {
            panic!("upsample_bilinear: takes floats, got {dtype}");
        }
        // The weights are products of those along the two axes, so two matrix products do it.
        let over_rows = interpolation(rows, output_size.0, align_corners, dtype);
        let over_columns = interpolation(columns, output_size.1, align_corners, dtype);
        let x = self.matmul(over_columns.transpose());
        Variable::constant(over_rows).matmul(x)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Variable, gradient_check};

    const X: [[[[f64; 3]; 2]; 2]; 1] = [[
        [[1.0, 2.0, -0.5], [0.3, -1.0, 4.0]],
        [[0.7, 2.5, 1.5], [3.0, 0.1, -2.0]],
    ]];

    gradient_check!(upsample_nearest, |x| x.upsample_nearest((5, 4)).pow(2), X);
    gradient_check!(upsample_nearest_whole: upsample_nearest, |x| x.upsample_nearest((4, 9)).pow(2), X);
    gradient_check!(upsample_nearest_smaller: upsample_nearest, |x| x.upsample_nearest((1, 2)).pow(2), X);
    gradient_check!(
        upsample_bilinear,
        |x| x.upsample_bilinear((5, 4), false).pow(2),
        X
    );
    gradient_check!(upsample_bilinear_corners: upsample_bilinear, |x| x.upsample_bilinear((3, 5), true).pow(2), X);
    gradient_check!(upsample_bilinear_smaller: upsample_bilinear, |x| x.upsample_bilinear((1, 2), false).pow(2), X);

    #[test]
    #[should_panic = "upsample_nearest: neither image (2, 3) nor output_size (0, 4) may be without pixels"]
    fn refuses_a_size_without_pixels() {
        Variable::new(X).upsample_nearest((0, 4));
    }
}
