//! Softmax and its relatives, each as few passes over memory.

use std::mem::MaybeUninit;

use crate::cpu::softmax as kernels;
use crate::cpu::vector_math::Real;
use crate::layout::Layout;
use crate::{Array, Axes, DType, Element, Shape, Strides, match_dtype};

/// The array with `axis` and the last axis exchanged: a view.
fn swap_with_last(x: &Array, axis: usize) -> Array {
    let mut shape = Shape::from_slice(x.shape());
    let mut strides = Strides::from_slice(x.strides());
    let last = shape.len() - 1;
    shape.swap(axis, last);
    strides.swap(axis, last);
    x.with_layout(Layout::new(&shape, &strides), 0)
}

/// `kernel(rows, columns, result)` of the rows of `x` along `axis`.
fn map_rows<T: Element>(
    x: &Array,
    axis: usize,
    kernel: impl Fn(&[T], usize, &mut [MaybeUninit<T>]),
) -> Array {
    let rows = swap_with_last(x, axis).to_contiguous();
    let elements = rows.as_slice::<T>().expect("contiguous");
    let y = Array::build(rows.shape(), |out| kernel(elements, x.shape()[axis], out));
    swap_with_last(&y, axis)
}

/// `kernel(rows0, rows1, columns, result)` of the rows of `x0` and `x1` along `axis`.
fn zip_rows<T: Element>(
    x0: &Array,
    x1: &Array,
    axis: usize,
    kernel: impl Fn(&[T], &[T], usize, &mut [MaybeUninit<T>]),
) -> Array {
    let [rows0, rows1] = [x0, x1].map(|x| swap_with_last(x, axis).to_contiguous());
    let elements0 = rows0.as_slice::<T>().expect("contiguous");
    let elements1 = rows1.as_slice::<T>().expect("contiguous");
    let columns = x0.shape()[axis];
    let y = Array::build(rows0.shape(), |out| {
        kernel(elements0, elements1, columns, out)
    });
    swap_with_last(&y, axis)
}

fn log_softmax_rows<T: Element + Real>(x: &[T], columns: usize, out: &mut [MaybeUninit<T>]) {
    if out.is_empty() {
        return;
    }
    let lse = Array::build(&[out.len() / columns], |out| {
        kernels::logsumexp(x, columns, out)
    });
    kernels::log_softmax(x, lse.as_slice().expect("contiguous"), columns, out);
}

#[track_caller]
fn one_axis(operation: &str, x: &Array, axis: isize) -> usize {
    Axes::from(axis).resolve(operation, x.shape())[0]
}

#[track_caller]
fn same_shape(operation: &str, x0: &Array, x1: &Array) {
    if x0.shape() != x1.shape() {
        panic!(
            "{operation}: shapes {:?} and {:?} differ",
            x0.shape(),
            x1.shape()
        );
    }
}

impl Array {
    /// `e^x / sum(e^x)` along `axis`: positive numbers that sum to 1.
    ///
    /// # Panics
    /// If `axis` is out of range.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let y = Array::new([[0.0, 0.0], [1.0, 1.0]]).softmax(1);
    /// assert_eq!(y.to_vec::<f64>(), [0.5; 4]);
    /// ```
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Array {
        let axis = one_axis("softmax", self, axis);
        match_dtype!(floats self.dtype(), T => map_rows::<T>(self, axis, kernels::softmax::<T>),
            else map_rows::<f64>(&self.to_dtype(DType::F64), axis, kernels::softmax::<f64>))
    }

    /// The gradient of `y = softmax(x, axis)` by its output: `y * (gy - sum(gy * y))`.
    ///
    /// # Panics
    /// If `axis` is out of range, or the shapes differ.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let y = Array::new([0.5, 0.5]);
    /// assert_eq!(y.softmax_grad(&Array::new([1.0, 0.0]), 0).to_vec::<f64>(), [0.25, -0.25]);
    /// ```
    #[track_caller]
    pub fn softmax_grad(&self, gy: &Array, axis: isize) -> Array {
        let axis = one_axis("softmax_grad", self, axis);
        same_shape("softmax_grad", self, gy);
        let dtype = self.dtype().promote(gy.dtype()).to_float();
        let (y, gy) = (self.to_dtype(dtype), gy.to_dtype(dtype));
        match_dtype!(floats dtype, T => zip_rows::<T>(&y, &gy, axis, kernels::softmax_grad::<T>),
            else unreachable!("a float"))
    }

    /// `x - log(sum(e^x))` along `axis`: the logarithm of [`softmax`](Array::softmax), accurate
    /// where that is tiny.
    ///
    /// # Panics
    /// If `axis` is out of range.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let y = Array::new([0.0, 0.0]).log_softmax(0);
    /// assert_eq!(y.to_vec::<f64>(), [-(2f64.ln()); 2]);
    /// ```
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Array {
        let axis = one_axis("log_softmax", self, axis);
        match_dtype!(floats self.dtype(), T => map_rows::<T>(self, axis, log_softmax_rows::<T>),
            else map_rows::<f64>(&self.to_dtype(DType::F64), axis, log_softmax_rows::<f64>))
    }

    /// The gradient of `y = log_softmax(x, axis)` by its output: `gy - e^y * sum(gy)`.
    ///
    /// # Panics
    /// If `axis` is out of range, or the shapes differ.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let y = Array::new([0.0, 0.0]).log_softmax(0);
    /// let gx = y.log_softmax_grad(&Array::new([1.0, 0.0]), 0);
    /// assert!(gx.allclose(&Array::new([0.5, -0.5]), 1e-12, 0.0));
    /// ```
    #[track_caller]
    pub fn log_softmax_grad(&self, gy: &Array, axis: isize) -> Array {
        let axis = one_axis("log_softmax_grad", self, axis);
        same_shape("log_softmax_grad", self, gy);
        let dtype = self.dtype().promote(gy.dtype()).to_float();
        let (y, gy) = (self.to_dtype(dtype), gy.to_dtype(dtype));
        match_dtype!(floats dtype, T => {
            zip_rows::<T>(&y, &gy, axis, kernels::log_softmax_grad::<T>)
        }, else unreachable!("a float"))
    }

    /// `log(sum(e^x))` over `axes`, without overflow. The axes vanish from the shape or, with
    /// `keepdims`, get size 1.
    ///
    /// # Panics
    /// If an axis is out of range or repeated.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let y = Array::new([[1000.0, 1000.0]]).logsumexp(1, false);
    /// assert_eq!(y.to_vec::<f64>(), [1000.0 + 2f64.ln()]);
    /// ```
    #[track_caller]
    pub fn logsumexp(&self, axes: impl Into<Axes>, keepdims: bool) -> Array {
        let axes = axes.into().resolve("logsumexp", self.shape());
        let x = self.to_dtype(self.dtype().to_float());
        // The reduced axes last, as one.
        let kept = (0..x.ndim()).filter(|axis| !axes.contains(axis));
        let order: Shape = kept.chain(axes.iter().copied()).collect();
        let rows = x.permute(&order).to_contiguous();
        let columns: usize = axes.iter().map(|&axis| x.shape()[axis]).product();
        let shape: Shape = (x.shape().iter().enumerate())
            .filter(|(axis, _)| keepdims || !axes.contains(axis))
            .map(|(axis, &n)| if axes.contains(&axis) { 1 } else { n })
            .collect();
        match_dtype!(floats x.dtype(), T => {
            let elements = rows.as_slice::<T>().expect("contiguous");
            Array::build(&shape, |out| kernels::logsumexp(elements, columns, out))
        }, else unreachable!("a float"))
    }

    /// The mean over the rows of `-log(softmax(x))[t]`, for scores `[n, classes]` and labels `[n]`
    /// (integers); and `softmax(x)`, which
    /// [`softmax_cross_entropy_grad`](Array::softmax_cross_entropy_grad) takes.
    ///
    /// # Panics
    /// If the shapes do not fit, the labels are not integers, or one is not a class.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let (loss, y) = Array::new([[0.0, 0.0]]).softmax_cross_entropy(&Array::new([1]));
    /// assert_eq!(loss.item(), 2f64.ln());
    /// assert_eq!(y.to_vec::<f64>(), [0.5, 0.5]);
    /// ```
    #[track_caller]
    pub fn softmax_cross_entropy(&self, t: &Array) -> (Array, Array) {
        let x = self.to_dtype(self.dtype().to_float()).to_contiguous();
        let labels = labels("softmax_cross_entropy", &x, t);
        let classes = x.shape()[1];
        match_dtype!(floats x.dtype(), T => {
            let elements = x.as_slice::<T>().expect("contiguous");
            let mut losses = vec![T::default(); labels.len()];
            let y = Array::build(x.shape(), |out| {
                kernels::cross_entropy(elements, &labels, classes, &mut losses, out)
            });
            (Array::from_vec(losses, [labels.len()]).mean(), y)
        }, else unreachable!("a float"))
    }

    /// The gradient of [`softmax_cross_entropy`](Array::softmax_cross_entropy) by `x`, from the
    /// softmax `y` that it found and the gradient `gy` (0-d) of the loss: `(y - onehot(t)) * gy / n`.
    ///
    /// # Panics
    /// If the shapes do not fit, the labels are not integers, or one is not a class.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let (x, t) = (Array::new([[0.0, 0.0]]), Array::new([1]));
    /// let (_, y) = x.softmax_cross_entropy(&t);
    /// let gx = y.softmax_cross_entropy_grad(&t, &Array::new(1.0));
    /// assert!(gx.allclose(&Array::new([[0.5, -0.5]]), 1e-12, 0.0));
    /// ```
    #[track_caller]
    pub fn softmax_cross_entropy_grad(&self, t: &Array, gy: &Array) -> Array {
        let y = self.to_dtype(self.dtype().to_float()).to_contiguous();
        let labels = labels("softmax_cross_entropy_grad", &y, t);
        let factor = gy.item() / labels.len() as f64;
        match_dtype!(floats y.dtype(), T => {
            let elements = y.as_slice::<T>().expect("contiguous");
            let (factor, classes) = (<T as Element>::from_f64(factor), y.shape()[1]);
            Array::build(y.shape(), |out| {
                kernels::cross_entropy_grad(elements, &labels, factor, classes, out)
            })
        }, else unreachable!("a float"))
    }
}

/// The labels of the rows of `x`, each a column of it.
#[track_caller]
fn labels(operation: &str, x: &Array, t: &Array) -> Vec<usize> {
    let fits = x.ndim() == 2 && t.ndim() == 1 && x.shape()[0] == t.shape()[0];
    if !fits {
        panic!(
            "{operation}: takes scores [n, classes] and labels [n], got {:?} and {:?}",
            x.shape(),
            t.shape()
        );
    }
    if t.dtype() != DType::I64 {
        panic!(
            "{operation}: labels are integers (int64), got {}",
            t.dtype()
        );
    }
    let classes = x.shape()[1];
    let labels = t.to_vec::<i64>();
    for &label in &labels {
        if label < 0 || label as usize >= classes {
            panic!("{operation}: label {label} is not one of {classes} classes");
        }
    }
    labels.into_iter().map(|label| label as usize).collect()
}
