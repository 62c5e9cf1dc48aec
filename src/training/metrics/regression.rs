//! Metrics of regressions: [`MeanAbsoluteError`], [`MeanSquaredError`].

use dezero_array::{Array, DType};

use super::{Mean, Metric, mean_metric};

macro_rules! of_differences {
    ($(#[$doc:meta])* $Metric:ident, $name:literal, $sum:expr) => {
        $(#[$doc])*
        ///
        /// Shapes: y and t the same, floats or integers. The mean is over all elements, in float64.
        #[derive(Clone, Debug, Default)]
        pub struct $Metric {
            mean: Mean,
        }

        impl $Metric {
            /// An error of nothing yet.
            pub fn new() -> $Metric {
                $Metric::default()
            }
        }

        mean_metric!($Metric, mean);

        impl Metric for $Metric {
            fn name(&self) -> &str {
                $name
            }

            #[track_caller]
            fn update(&mut self, y: &Array, t: &Array) {
                if y.shape() != t.shape() {
                    panic!(
                        "{}: predictions of shape {:?} for targets of shape {:?}",
                        stringify!($Metric),
                        y.shape(),
                        t.shape()
                    );
                }
                let sum: fn(Array) -> Array = $sum;
                let difference = y.to_dtype(DType::F64) - t.to_dtype(DType::F64);
                self.mean.add_sum(sum(difference).item(), y.size());
            }

            fn value(&self) -> f64 {
                self.mean.value()
            }

            fn reset(&mut self) {
                self.mean.reset();
            }
        }
    };
}
of_differences!(
    /// The mean of |y - t|.
    ///
    /// ```
    /// use dezero::Array;
    /// use dezero::training::metrics::{MeanAbsoluteError, Metric};
    /// let mut error = MeanAbsoluteError::new();
    /// error.update(&Array::new([1.0, 2.0]), &Array::new([1.5, 0.0]));
    /// assert_eq!(error.value(), 1.25);
    /// ```
    MeanAbsoluteError, "mean absolute error", |d| d.abs().sum()
);
of_differences!(
    /// The mean of (y - t)². (The loss [`mean_squared_error`](crate::functions::mean_squared_error) divides by the
    /// number of rows only, as in the book.)
    MeanSquaredError, "mean squared error", |d| d.sum_of_squares()
);
