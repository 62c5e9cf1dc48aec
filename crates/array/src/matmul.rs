//! Matrix products by NumPy's rules.

use crate::array::View;
use crate::cpu::matmul as cpu;
use crate::cpu::tile::Plus;
use crate::{Array, DType, Shape, broadcast_shape, match_dtype};

/// What a product computes: `count` products of (m, k) by (k, n), and the shape of the result.
struct Product {
    batch: Shape,
    m: usize,
    k: usize,
    n: usize,
    shape: Shape,
}

impl Array {
    /// Matrix product, `numpy.matmul`.
    ///
    /// The last two axes are matrices, (m, k) by (k, n) gives (m, n); axes before them are batches
    /// and broadcast. A 1-d operand is a row on the left and a column on the right, and its axis
    /// is absent from the result. Mixed types promote; bools combine as "any of ands". Transposed
    /// views cost no copy.
    ///
    /// # Panics
    /// If an operand is zero-dimensional, the inner dimensions differ, or batches do not broadcast.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let a = Array::new([[1.0, 2.0], [3.0, 4.0]]);
    /// let x = Array::new([1.0, -1.0]);
    /// assert_eq!(a.matmul(&a).to_vec::<f64>(), [7.0, 10.0, 15.0, 22.0]);
    /// assert_eq!(a.matmul(&x).to_vec::<f64>(), [-1.0, -1.0]);
    /// ```
    #[track_caller]
    pub fn matmul(&self, other: &Array) -> Array {
        let product = Product::of("matmul", self, other);
        let dtype = self.dtype().promote(other.dtype());
        let (a, b) = (operand(self, dtype), operand(other, dtype));
        match_dtype!(dtype, T => Array::build::<T>(&product.shape, |out| {
            let c = out.as_mut_ptr().cast();
            // SAFETY: `out` has one element for each of the result.
            unsafe { product.run::<T>(c, Plus::Nothing, &a, &b) }
        }))
    }

    /// Adds the product of `a` and `b` to this array: `self += a.matmul(b)` without the temporary.
    ///
    /// # Panics
    /// As [`matmul`](Array::matmul), and if the product's shape or type is not this array's.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1.0, 2.0]]);
    /// let mut y = Array::new([[10.0]]);
    /// y.add_matmul(&x, &x.transpose());
    /// assert_eq!(y.to_vec::<f64>(), [15.0]);
    /// ```
    #[track_caller]
    pub fn add_matmul(&mut self, a: &Array, b: &Array) {
        let product = Product::of("add_matmul", a, b);
        let dtype = a.dtype().promote(b.dtype());
        if product.shape[..] != *self.shape() || dtype != self.dtype() {
            panic!(
                "add_matmul: the product is {dtype} {:?}, cannot be added to {} {:?}",
                &product.shape[..],
                self.dtype(),
                self.shape()
            );
        }
        let (a, b) = (operand(a, dtype), operand(b, dtype));
        match_dtype!(dtype, T => {
            let c = self.as_mut_slice::<T>().as_mut_ptr();
            // SAFETY: the result has this array's shape, and its elements are all set.
            unsafe { product.run::<T>(c, Plus::Result, &a, &b) }
        });
    }

    /// The affine map of a linear layer, `x.matmul(w) + b`, in one pass over the result.
    ///
    /// Shapes: x (…, in), w (in, out), b (out); the result is (…, out).
    ///
    /// # Panics
    /// If the shapes do not fit.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1.0, 2.0]]);
    /// let w = Array::new([[1.0, 0.0, 2.0], [0.0, 1.0, 2.0]]);
    /// let b = Array::new([0.5, 0.5, 0.5]);
    /// assert_eq!(x.linear(&w, Some(&b)).to_vec::<f64>(), [1.5, 2.5, 6.5]);
    /// ```
    #[track_caller]
    pub fn linear(&self, w: &Array, b: Option<&Array>) -> Array {
        if w.ndim() != 2 {
            panic!(
                "linear: the weight takes two axes, (in, out), got {:?}",
                w.shape()
            );
        }
        let product = Product::of("linear", self, w);
        let Some(b) = b else { return self.matmul(w) };
        if *b.shape() != [product.n] {
            panic!(
                "linear: the bias takes shape [{}] beside weight {:?}, got {:?}",
                product.n,
                w.shape(),
                b.shape()
            );
        }
        let dtype = self.dtype().promote(w.dtype()).promote(b.dtype());
        let (x, w) = (operand(self, dtype), operand(w, dtype));
        let b = operand(b, dtype).to_contiguous();
        match_dtype!(dtype, T => Array::build::<T>(&product.shape, |out| {
            let c = out.as_mut_ptr().cast();
            // SAFETY: `out` has one element for each of the result, and the bias one for each column.
            unsafe { product.run::<T>(c, Plus::Row(b.pointer()), &x, &w) }
        }))
    }
}

impl Product {
    #[track_caller]
    fn of(operation: &str, a: &Array, b: &Array) -> Product {
        let (x, y) = (a.shape(), b.shape());
        if x.is_empty() || y.is_empty() {
            panic!("{operation}: takes arrays of at least one axis, got {x:?} x {y:?}");
        }
        let (m, k) = match *x {
            [k] => (1, k),
            [.., m, k] => (m, k),
            [] => unreachable!(),
        };
        let (inner, n) = match *y {
            [k] => (k, 1),
            [.., k, n] => (k, n),
            [] => unreachable!(),
        };
        if k != inner {
            panic!("{operation}: inner dimensions differ: {x:?} x {y:?}");
        }
        let batches = (
            &x[..x.len().saturating_sub(2)],
            &y[..y.len().saturating_sub(2)],
        );
        let Some(batch) = broadcast_shape(batches.0, batches.1) else {
            panic!("{operation}: batch axes do not broadcast: {x:?} x {y:?}");
        };
        let mut shape = batch.clone();
        if x.len() > 1 {
            shape.push(m);
        }
        if y.len() > 1 {
            shape.push(n);
        }
        Product {
            batch,
            m,
            k,
            n,
            shape,
        }
    }

    /// Computes into `c`, row-major, the product plus `plus`.
    ///
    /// # Safety
    /// `c` has room for the result, and holds elements if they are added to; a row that is added is as long as a row of it.
    unsafe fn run<T: cpu::Multiply>(&self, c: *mut T, plus: Plus<T>, a: &Array, b: &Array) {
        let (m, k, n) = (self.m, self.k, self.n);
        let (a, b) = (a.view::<T>(), b.view::<T>());
        let (a_strides, b_strides) = (matrix_strides(&a, true), matrix_strides(&b, false));
        let job = cpu::Job {
            m,
            k,
            n,
            a_strides,
            b_strides,
            c_stride: n,
        };
        let operands = cpu::Operands {
            c,
            plus,
            a: a.pointer,
            b: b.pointer,
        };
        let count: usize = self.batch.iter().product();
        if count == 1 {
            // SAFETY: as promised by the caller.
            return unsafe { T::multiply(&job, operands, true) };
        }
        let ndim = self.batch.len();
        let a_batch = batch_strides(&a, &self.batch);
        let b_batch = batch_strides(&b, &self.batch);
        // A batch of matrices by one matrix is one product of all their rows.
        let rows_follow = (0..ndim).all(|i| {
            let rows: usize = self.batch[i + 1..].iter().product::<usize>() * m;
            b_batch[i] == 0 && a_batch[i] == a_strides.0 * rows as isize
        });
        if rows_follow {
            let job = cpu::Job {
                m: m * count,
                ..job
            };
            // SAFETY: as promised by the caller.
            return unsafe { T::multiply(&job, operands, true) };
        }
        let start = |strides: &[isize], mut i: usize| {
            let mut offset = 0;
            for axis in (0..ndim).rev() {
                offset += (i % self.batch[axis]) as isize * strides[axis];
                i /= self.batch[axis];
            }
            offset
        };
        cpu::for_each_batch(count, m * k * n, |i, parallel| {
            // SAFETY: products of a batch are written to places of their own.
            unsafe {
                let operands = operands.get();
                let operands = cpu::Operands {
                    c: operands.c.add(i * m * n),
                    plus: operands.plus,
                    a: operands.a.offset(start(&a_batch, i)),
                    b: operands.b.offset(start(&b_batch, i)),
                };
                T::multiply(&job, operands, parallel)
            }
        });
    }
}

/// `x` in the type of the product; backward-running views are copied, as kernels step forward.
fn operand(x: &Array, dtype: DType) -> Array {
    let x = x.to_dtype(dtype);
    if x.strides().iter().any(|&s| s < 0) {
        x.copy()
    } else {
        x
    }
}

/// Row and column strides; a vector is a row on the left and a column on the right.
fn matrix_strides<T>(x: &View<'_, T>, left: bool) -> (isize, isize) {
    match *x.strides {
        [s] if left => (0, s),
        [s] => (s, 0),
        [.., rows, columns] => (rows, columns),
        [] => unreachable!("checked by Product::of"),
    }
}

/// Strides of `x` along the axes of `batch`, 0 where it repeats.
fn batch_strides<T>(x: &View<'_, T>, batch: &[usize]) -> crate::Strides {
    let own = x.shape.len().saturating_sub(2);
    let mut strides = crate::Strides::from_elem(0, batch.len());
    let added = batch.len() - own;
    for i in 0..own {
        if x.shape[i] != 1 {
            strides[added + i] = x.strides[i];
        }
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(shape: &[usize], dtype: DType) -> Array {
        let size: usize = shape.iter().product();
        let values: Vec<i64> = (0..size as i64).map(|i| (i * 7 + 3) % 11 - 5).collect();
        Array::from_vec(values, shape).to_dtype(dtype)
    }

    /// The product of two matrices by its definition.
    fn reference(a: &Array, b: &Array) -> Vec<f64> {
        let (a64, b64) = (a.to_dtype(DType::F64), b.to_dtype(DType::F64));
        let (m, k, n) = (a.shape()[0], a.shape()[1], b.shape()[1]);
        let (a, b) = (a64.to_vec::<f64>(), b64.to_vec::<f64>());
        let mut c = vec![0.0; m * n];
        for i in 0..m {
            for j in 0..n {
                c[i * n + j] = (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum();
            }
        }
        c
    }

    #[test]
    fn every_layout_agrees_with_the_definition() {
        let sizes = [
            (1, 1, 1),
            (2, 3, 4),
            (30, 2, 10),
            (30, 10, 3),
            (1, 50, 70),
            (70, 50, 1),
            (33, 65, 47),
            (100, 130, 65),
            (7, 300, 40),
            (130, 1, 90),
            (9, 400, 100),
            (8, 3, 64),
            (600, 2, 300),
        ];
        for dtype in [DType::F32, DType::F64, DType::I64] {
            for (m, k, n) in sizes {
                let a = counting(&[m, k], dtype);
                let b = counting(&[k, n], dtype);
                let expected = reference(&a, &b);
                let a_lefts = [a.clone(), a.transpose().copy().transpose()];
                let b_rights = [b.clone(), b.transpose().copy().transpose()];
                for a in &a_lefts {
                    for b in &b_rights {
                        let c = a.matmul(b);
                        assert_eq!(c.shape(), [m, n]);
                        assert_eq!(c.dtype(), dtype);
                        assert_eq!(
                            c.to_dtype(DType::F64).to_vec::<f64>(),
                            expected,
                            "{dtype} {m}x{k}x{n}, strides {:?} {:?}",
                            a.strides(),
                            b.strides()
                        );
                        let mut twice = c.copy();
                        twice.add_matmul(a, b);
                        let doubled: Vec<f64> = expected.iter().map(|x| 2.0 * x).collect();
                        assert_eq!(twice.to_dtype(DType::F64).to_vec::<f64>(), doubled);
                    }
                }
            }
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        // Shared by rows and by columns, few rows, one, and rows by a large transposed matrix.
        let sizes = [
            (784, 2, 1000),
            (30, 100, 400),
            (2, 700, 800),
            (1, 1100, 1000),
            (9, 600, 500),
            (300, 400, 49),
        ];
        for (m, k, n) in sizes {
            let mut random = crate::random::RandomState::new(1);
            let mut matrix = |rows, columns| Array::randn_by(&mut random, [rows, columns]);
            let (a, b, turned) = (matrix(m, k), matrix(k, n), matrix(n, k));
            for dtype in [DType::F32, DType::F64] {
                let [a, b, turned] = [&a, &b, &turned].map(|x| x.to_dtype(dtype));
                let [one, two, three] = [1, 2, 3].map(|threads| {
                    crate::cpu::threads::limited(threads, || {
                        [a.matmul(&b), a.matmul(&turned.transpose())]
                    })
                });
                assert_eq!(one, two, "{m} {k} {n}");
                assert_eq!(one, three, "{m} {k} {n}");
            }
        }
    }

    #[test]
    fn batches_broadcast() {
        let a = counting(&[2, 1, 3, 4], DType::F64);
        let b = counting(&[5, 4, 6], DType::F64);
        let c = a.matmul(&b);
        assert_eq!(c.shape(), [2, 5, 3, 6]);
        let (a, b, c) = (a.to_vec::<f64>(), b.to_vec::<f64>(), c.to_vec::<f64>());
        for i in 0..2 {
            for j in 0..5 {
                let expected = reference(
                    &Array::from_slice(&a[i * 12..][..12], [3, 4]),
                    &Array::from_slice(&b[j * 24..][..24], [4, 6]),
                );
                assert_eq!(c[(i * 5 + j) * 18..][..18], expected);
            }
        }
    }

    #[test]
    fn a_batch_by_one_matrix() {
        let a = counting(&[3, 4, 5], DType::F32);
        let b = counting(&[5, 2], DType::F32);
        let rows = a.reshape([12, 5]).matmul(&b);
        assert_eq!(a.matmul(&b).shape(), [3, 4, 2]);
        assert_eq!(a.matmul(&b).to_vec::<f32>(), rows.to_vec::<f32>());
        let repeated = counting(&[4, 5], DType::F32).broadcast_to([3, 4, 5]);
        let one = repeated.matmul(&b);
        assert_eq!(one.to_vec::<f32>()[8..16], one.to_vec::<f32>()[..8]);
    }

    #[test]
    fn vectors() {
        let x = Array::new([1.0, 2.0, 3.0]);
        let a = counting(&[2, 3, 4], DType::F64);
        assert_eq!(x.matmul(&x).shape(), &[] as &[usize]);
        assert_eq!(x.matmul(&x).item(), 14.0);
        assert_eq!(x.matmul(&a).shape(), [2, 4]);
        assert_eq!(a.matmul(&Array::ones([4], DType::F64)).shape(), [2, 3]);
        let row = x.reshape([1, 3]);
        assert_eq!(x.matmul(&a).to_vec::<f64>(), row.matmul(&a).to_vec::<f64>());
    }

    #[test]
    fn empty_products() {
        let zeros = Array::zeros([3, 0], DType::F32).matmul(&Array::zeros([0, 2], DType::F32));
        assert_eq!(zeros.to_vec::<f32>(), [0.0; 6]);
        let none = Array::zeros([0, 3], DType::F32).matmul(&Array::zeros([3, 2], DType::F32));
        assert_eq!(none.shape(), [0, 2]);
        let batch = Array::zeros([0, 2, 3], DType::F32).matmul(&Array::zeros([3, 2], DType::F32));
        assert_eq!(batch.shape(), [0, 2, 2]);
        let dot = Array::zeros([0], DType::F64).matmul(&Array::zeros([0], DType::F64));
        assert_eq!(dot.item(), 0.0);
    }

    #[test]
    fn broadcast_scalars_and_mixed_types() {
        let ones = Array::ones([40, 50], DType::F32);
        let c = ones.matmul(&Array::full([50, 30], 2.0f64));
        assert_eq!(c.dtype(), DType::F64);
        assert!(c.to_vec::<f64>().iter().all(|&y| y == 100.0));
        let b = Array::new([[true, false], [false, false]]);
        assert_eq!(b.matmul(&b).to_vec::<bool>(), [true, false, false, false]);
        let i = Array::new([[1, 2]]);
        assert_eq!(i.matmul(&b).to_vec::<i64>(), [1, 0]);
    }

    #[test]
    fn linear_adds_the_bias() {
        let sizes = [
            (1, 1, 1),
            (1, 50, 70),
            (70, 50, 1),
            (9, 400, 100),
            (30, 800, 33),
            (60, 20, 10),
            (3, 0, 4),
            (0, 3, 4),
        ];
        for dtype in [DType::F32, DType::F64, DType::I64] {
            for (m, k, n) in sizes {
                let [w, b] = [&[k, n][..], &[n]].map(|shape| counting(shape, dtype));
                let x = counting(&[m, k], dtype);
                let (y, plain) = (x.linear(&w, Some(&b)), x.matmul(&w));
                assert_eq!(y.shape(), [m, n]);
                let [y, plain, b] = [y, plain, b].map(|x| x.to_dtype(DType::F64).to_vec::<f64>());
                for (i, (y, plain)) in y.iter().zip(plain).enumerate() {
                    assert_eq!(*y, plain + b[i % n], "{dtype} {m}x{k}x{n}");
                }
            }
        }
        // A batch of matrices.
        let x = counting(&[2, 3, 5], DType::F32);
        let [w, b] = [&[5, 4][..], &[4]].map(|shape| counting(shape, DType::F32));
        let rows = x.reshape([6, 5]).linear(&w, Some(&b));
        assert_eq!(x.linear(&w, Some(&b)), rows.reshape([2, 3, 4]));
    }

    #[test]
    #[should_panic(expected = "matmul: inner dimensions differ: [3, 4] x [5, 2]")]
    fn inner_dimensions() {
        Array::zeros([3, 4], DType::F32).matmul(&Array::zeros([5, 2], DType::F32));
    }

    #[test]
    #[should_panic(expected = "matmul: batch axes do not broadcast: [2, 3, 4] x [5, 4, 6]")]
    fn batch_axes() {
        Array::zeros([2, 3, 4], DType::F32).matmul(&Array::zeros([5, 4, 6], DType::F32));
    }

    #[test]
    #[should_panic(expected = "matmul: takes arrays of at least one axis, got [] x [3]")]
    fn scalars_do_not_multiply() {
        Array::scalar(1.0).matmul(&Array::zeros([3], DType::F64));
    }
}
