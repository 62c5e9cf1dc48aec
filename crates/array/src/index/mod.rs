//! NumPy's indexing: [`Indices`] says which elements, [`Array::get`] reads them, [`Array::set`]
//! and [`Array::add_at`] write them.

use crate::cpu::copy::update_strided;
use crate::cpu::gather::Places;
use crate::layout::{Layout, contiguous_strides, size_of_shape};
use crate::{Array, Element, Strides, broadcast_shape, match_dtype};

mod indices;
mod plan;

pub use indices::{Ellipsis, Index, Indices, NewAxis, Slice};
pub(crate) use plan::positions;

impl Array {
    /// The elements that `indices` name, as NumPy's `x[indices]`: a view where there are only
    /// numbers, slices, new axes and an ellipsis; a copy where there are arrays of positions or
    /// masks. See [`Indices`].
    ///
    /// # Panics
    /// If the indices do not fit the shape, or a position is out of range.
    ///
    /// ```
    /// use dezero_array::{Array, s};
    /// let x = Array::new([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.get(1).to_vec::<i64>(), [4, 5, 6]);
    /// assert_eq!(x.get((.., 1)).to_vec::<i64>(), [2, 5]);
    /// assert_eq!(x.get(([0, 1, 1], [2, 0, 0])).to_vec::<i64>(), [3, 4, 4]);
    /// let mask = Array::new([[true, false, false], [false, true, true]]);
    /// assert_eq!(x.get(mask).to_vec::<i64>(), [1, 5, 6]);
    /// ```
    #[track_caller]
    pub fn get(&self, indices: impl Into<Indices>) -> Array {
        let indices = indices.into();
        let plan = indices.plan("get", self.shape());
        let shape = plan.shape();
        if plan.picked_shape.is_none() {
            let (start, strides) = plan.walk(self.strides());
            let start = if size_of_shape(&shape) == 0 { 0 } else { start };
            return self.with_layout(Layout::new(&shape, &strides), start);
        }
        let places = plan.places("get", self.shape(), self.strides());
        gather(self, &shape, &places)
    }

    /// Writes `values` to the elements that `indices` name, as NumPy's `x[indices] = values`:
    /// `values` are cast to the array's dtype and broadcast. Where a position repeats, the last
    /// value stays.
    ///
    /// # Panics
    /// If the indices do not fit the shape, a position is out of range, or `values` do not
    /// broadcast.
    ///
    /// ```
    /// use dezero_array::{Array, s};
    /// let mut x = Array::new([[1, 2, 3], [4, 5, 6]]);
    /// x.set((.., 0), &Array::new(0));
    /// x.set(s![1, 1..], &Array::new([7, 8]));
    /// assert_eq!(x.to_vec::<i64>(), [0, 2, 3, 0, 7, 8]);
    /// ```
    #[track_caller]
    pub fn set(&mut self, indices: impl Into<Indices>, values: &Array) {
        let indices = indices.into();
        match_dtype!(self.dtype(), T => {
            update::<T>("set", self, &indices, values, |y, x| *y = x)
        })
    }

    /// Adds `values` to the elements that `indices` name, once for each time a position comes, as
    /// `numpy.add.at(x, indices, values)`: the gradient of [`get`](Array::get).
    ///
    /// # Panics
    /// As [`set`](Array::set), and if the array is of bools.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let mut x = Array::new([0.0, 0.0, 0.0]);
    /// x.add_at([0, 2, 2], &Array::new([1.0, 10.0, 100.0]));
    /// assert_eq!(x.to_vec::<f64>(), [1.0, 0.0, 110.0]);
    /// ```
    #[track_caller]
    pub fn add_at(&mut self, indices: impl Into<Indices>, values: &Array) {
        let indices = indices.into();
        match_dtype!(numbers self.dtype(), T => {
            update::<T>("add_at", self, &indices, values, |y, x| *y += x)
        }, else panic!("add_at: takes an array of numbers, this one is bool"))
    }
}

/// The elements at `places` as a new array of `shape`.
pub(crate) fn gather(x: &Array, shape: &[usize], places: &Places) -> Array {
    if x.size() > 1 && x.strides().iter().all(|&s| s == 0) {
        // All elements are one.
        let strides = Strides::from_elem(0, shape.len());
        return x.with_layout(Layout::new(shape, &strides), 0);
    }
    match_dtype!(x.dtype(), T => Array::build(shape, |out: &mut [std::mem::MaybeUninit<T>]| {
        // SAFETY: the positions were checked against the shape of `x`; `out` has the result's size.
        unsafe { places.gather(x.pointer::<T>(), out.as_mut_ptr().cast()) }
    }))
}

#[track_caller]
fn update<T: Element>(
    operation: &str,
    x: &mut Array,
    indices: &Indices,
    values: &Array,
    f: impl Fn(&mut T, T) + Sync,
) {
    let plan = indices.plan(operation, x.shape());
    let shape = plan.shape();
    let values = fitted_values(operation, x, &shape, values);
    let strides = contiguous_strides(x.shape());
    if plan.picked_shape.is_none() {
        let (start, steps) = plan.walk(&strides);
        if size_of_shape(&shape) == 0 {
            return;
        }
        let dst = x.as_mut_slice::<T>().as_mut_ptr();
        let src = values.pointer::<T>();
        // SAFETY: the positions were checked against the shape of `x`, whose elements are now
        // contiguous and its own, also not those of `values`.
        unsafe {
            update_strided(&shape, src, values.strides(), dst.offset(start), &steps, f);
        }
        return;
    }
    let places = plan.places(operation, x.shape(), &strides);
    let values = values.to_contiguous();
    let dst = x.as_mut_slice::<T>().as_mut_ptr();
    // SAFETY: as above; different positions in a contiguous array have different offsets.
    unsafe { places.scatter(dst, values.pointer::<T>(), f) }
}

/// `values` as `shape` and dtype of what they are written to.
#[track_caller]
fn fitted_values(operation: &str, x: &Array, shape: &[usize], values: &Array) -> Array {
    // NumPy lets values have leading axes of size 1 that the place has not.
    let extra = values.ndim().saturating_sub(shape.len());
    let (leading, own) = values.shape().split_at(extra);
    let fits = leading.iter().all(|&n| n == 1)
        && broadcast_shape(own, shape).is_some_and(|both| both[..] == *shape);
    if !fits {
        panic!(
            "{operation}: values of shape {:?} do not broadcast to {shape:?}, the shape of the \
             indexed elements of {:?}",
            values.shape(),
            x.shape()
        );
    }
    values
        .with_shape(own)
        .broadcast_to(shape)
        .to_dtype(x.dtype())
}

impl Array {
    /// Where the elements are not zero: for each axis a 1-d int64 array of positions, together in
    /// row-major order, as `numpy.nonzero`. None for a zero-dimensional array.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let places = Array::new([[0.0, 7.0], [5.0, 0.0]]).nonzero();
    /// assert_eq!(places[0].to_vec::<i64>(), [0, 1]);
    /// assert_eq!(places[1].to_vec::<i64>(), [1, 0]);
    /// ```
    pub fn nonzero(&self) -> Vec<Array> {
        let mut places = vec![Vec::<i64>::new(); self.ndim()];
        let shape = self.shape();
        match_dtype!(self.dtype(), T => {
            for (position, &x) in self.iter::<T>().enumerate() {
                if x == T::default() {
                    continue;
                }
                let mut rest = position;
                for axis in (0..shape.len()).rev() {
                    places[axis].push((rest % shape[axis]) as i64);
                    rest /= shape[axis];
                }
            }
        });
        places
            .iter()
            .map(|positions| Array::from_slice(positions, [positions.len()]))
            .collect()
    }
}
