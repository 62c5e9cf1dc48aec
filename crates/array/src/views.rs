//! Views: other shapes over the same elements.

use smallvec::SmallVec;

use crate::array::checked_size;
use crate::layout::{Layout, contiguous_strides, size_of_shape};
use crate::{Array, Shape, Strides};

/// Whole numbers that name a shape or axes: one, or an array, slice or vector of them, of type
/// `usize`, `isize`, `i32` or `i64`. Negative axes count from the end; in [`reshape`], -1 stands
/// for the one size that follows from the others.
///
/// [`reshape`]: Array::reshape
///
/// ```
/// use dezero_array::{Array, DType};
/// let x = Array::zeros([2, 6], DType::F64);
/// assert_eq!(x.reshape([3, -1]).shape(), &[3, 4]);
/// assert_eq!(x.reshape(12).shape(), &[12]);
/// assert_eq!(x.reshape(vec![x.len(), 2, 3]).shape(), &[2, 2, 3]);
/// ```
pub trait IntoShape {
    /// The numbers.
    fn into_sizes(self) -> SmallVec<[isize; 4]>;
}

/// A type of the numbers in an [`IntoShape`].
pub trait Size: Copy {
    /// The number; sizes beyond `isize::MAX` become it.
    fn to_isize(self) -> isize;
}

macro_rules! size {
    ($($t:ty),*) => {$(
        impl Size for $t {
            #[inline]
            fn to_isize(self) -> isize {
                isize::try_from(self).unwrap_or(isize::MAX)
            }
        }
        impl IntoShape for $t {
            #[inline]
            fn into_sizes(self) -> SmallVec<[isize; 4]> {
                SmallVec::from_slice(&[self.to_isize()])
            }
        }
    )*};
}
size!(usize, isize, i32, i64);

/// The shape of a zero-dimensional array.
impl IntoShape for () {
    fn into_sizes(self) -> SmallVec<[isize; 4]> {
        SmallVec::new()
    }
}

macro_rules! sizes {
    ($([$($generics:tt)*] $t:ty),*) => {$(
        impl<S: Size, $($generics)*> IntoShape for $t {
            #[inline]
            fn into_sizes(self) -> SmallVec<[isize; 4]> {
                self.iter().map(|&n| n.to_isize()).collect()
            }
        }
    )*};
}
sizes!([const N: usize] [S; N], [const N: usize] &[S; N], [] &[S], [] Vec<S>, [] &Vec<S>);

impl<S: Size, const N: usize> IntoShape for SmallVec<[S; N]>
where
    [S; N]: smallvec::Array<Item = S>,
{
    fn into_sizes(self) -> SmallVec<[isize; 4]> {
        self[..].into_sizes()
    }
}

impl<S: Size, const N: usize> IntoShape for &SmallVec<[S; N]>
where
    [S; N]: smallvec::Array<Item = S>,
{
    fn into_sizes(self) -> SmallVec<[isize; 4]> {
        self[..].into_sizes()
    }
}

/// The axis that `axis` names among `ndim`.
#[track_caller]
#[inline]
pub(crate) fn checked_axis(operation: &str, axis: isize, ndim: usize) -> usize {
    let counted = if axis < 0 { axis + ndim as isize } else { axis };
    if counted < 0 || counted >= ndim as isize {
        wrong_axis(operation, axis, ndim);
    }
    counted as usize
}

#[cold]
#[track_caller]
fn wrong_axis(operation: &str, axis: isize, ndim: usize) -> ! {
    if ndim == 0 {
        panic!("{operation}: axis {axis} of a zero-dimensional array, which has none");
    }
    panic!(
        "{operation}: axis {axis} is out of range for {ndim} axes: takes -{ndim} to {}",
        ndim - 1
    );
}

impl Array {
    /// The same elements, in row-major order, under another shape. A view wherever the strides
    /// allow it, otherwise a copy. One size may be -1: it follows from the others.
    ///
    /// # Panics
    /// If the number of elements differs.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.reshape([-1, 2]).shape(), &[3, 2]);
    /// assert_eq!(x.transpose().reshape(6).to_vec::<i64>(), [1, 4, 2, 5, 3, 6]);
    /// ```
    #[track_caller]
    pub fn reshape(&self, shape: impl IntoShape) -> Array {
        let sizes = shape.into_sizes();
        let mut known = Some(1usize);
        let mut inferred = None;
        let mut valid = true;
        for (axis, &n) in sizes.iter().enumerate() {
            if n >= 0 {
                known = known.and_then(|known| known.checked_mul(n as usize));
            } else {
                valid &= n == -1 && inferred.is_none();
                inferred = Some(axis);
            }
        }
        let size = self.size();
        let mut shape: Shape = sizes.iter().map(|&n| n as usize).collect();
        match (inferred, known) {
            _ if !valid => panic!(
                "reshape: {sizes:?} is no shape: one size may be -1, the others are not negative"
            ),
            (None, known) if known == Some(size) => {}
            (Some(axis), Some(known)) if known > 0 && size.is_multiple_of(known) => {
                shape[axis] = size / known;
            }
            (None, _) => panic!(
                "reshape: {:?} has {size} elements, {sizes:?} takes {}",
                self.shape(),
                known.map_or("too many".to_string(), |n| n.to_string())
            ),
            (Some(_), _) => panic!(
                "reshape: {:?} has {size} elements, which do not divide into {sizes:?}",
                self.shape()
            ),
        }
        checked_size(&shape, self.dtype());
        self.with_shape(&shape)
    }

    /// `reshape` after its checks.
    pub(crate) fn with_shape(&self, shape: &[usize]) -> Array {
        debug_assert_eq!(size_of_shape(shape), self.size());
        if self.is_contiguous() {
            return self.with_layout(Layout::contiguous(shape), 0);
        }
        match regrouped_strides(self.shape(), self.strides(), shape) {
            Some(strides) => self.with_layout(Layout::new(shape, &strides), 0),
            None => self.copy().with_layout(Layout::contiguous(shape), 0),
        }
    }

    /// The elements in row-major order along one axis; a view where the strides allow it.
    pub fn flatten(&self) -> Array {
        self.with_shape(&[self.size()])
    }

    /// The same as [`flatten`](Array::flatten): arrays are copied on write, so a view is safe.
    pub fn ravel(&self) -> Array {
        self.flatten()
    }

    /// The axes in reverse order: a view.
    ///
    /// ```
    /// use dezero_array::{Array, DType};
    /// assert_eq!(Array::zeros([2, 3, 4], DType::F32).transpose().shape(), &[4, 3, 2]);
    /// ```
    pub fn transpose(&self) -> Array {
        let shape: Shape = self.shape().iter().rev().copied().collect();
        let strides: Strides = self.strides().iter().rev().copied().collect();
        self.with_layout(Layout::new(&shape, &strides), 0)
    }

    /// The axes in the order `axes`, as `numpy.transpose(x, axes)`: a view whose axis `i` is axis
    /// `axes[i]` of this array.
    ///
    /// # Panics
    /// Unless `axes` names each axis once.
    ///
    /// ```
    /// use dezero_array::{Array, DType};
    /// let x = Array::zeros([2, 3, 4], DType::F32);
    /// assert_eq!(x.permute([1, 2, 0]).shape(), &[3, 4, 2]);
    /// assert_eq!(x.permute([0, -1, 1]).shape(), &[2, 4, 3]);
    /// ```
    #[track_caller]
    pub fn permute(&self, axes: impl IntoShape) -> Array {
        let axes = axes.into_sizes();
        let mut seen: SmallVec<[bool; 8]> = SmallVec::from_elem(false, self.ndim());
        let mut shape = Shape::new();
        let mut strides = Strides::new();
        for &axis in &axes {
            let axis = checked_axis("permute", axis, self.ndim());
            seen[axis] = true;
            shape.push(self.shape()[axis]);
            strides.push(self.strides()[axis]);
        }
        if axes.len() != self.ndim() || seen.contains(&false) {
            panic!(
                "permute: {axes:?} does not name each of the {} axes of {:?} once",
                self.ndim(),
                self.shape()
            );
        }
        self.with_layout(Layout::new(&shape, &strides), 0)
    }

    /// Two axes exchanged: a view.
    #[track_caller]
    pub fn swap_axes(&self, axis0: isize, axis1: isize) -> Array {
        let axis0 = checked_axis("swap_axes", axis0, self.ndim());
        let axis1 = checked_axis("swap_axes", axis1, self.ndim());
        let mut shape = Shape::from_slice(self.shape());
        let mut strides = Strides::from_slice(self.strides());
        shape.swap(axis0, axis1);
        strides.swap(axis0, axis1);
        self.with_layout(Layout::new(&shape, &strides), 0)
    }

    /// One axis moved to another place, the others in their order: a view.
    ///
    /// ```
    /// use dezero_array::{Array, DType};
    /// let images = Array::zeros([8, 28, 24, 3], DType::F32);
    /// assert_eq!(images.move_axis(-1, 1).shape(), &[8, 3, 28, 24]);
    /// ```
    #[track_caller]
    pub fn move_axis(&self, from: isize, to: isize) -> Array {
        let from = checked_axis("move_axis", from, self.ndim());
        let to = checked_axis("move_axis", to, self.ndim());
        let mut shape = Shape::from_slice(self.shape());
        let mut strides = Strides::from_slice(self.strides());
        let n = shape.remove(from);
        shape.insert(to, n);
        let stride = strides.remove(from);
        strides.insert(to, stride);
        self.with_layout(Layout::new(&shape, &strides), 0)
    }

    /// Without its axes of size 1: a view.
    ///
    /// ```
    /// use dezero_array::{Array, DType};
    /// assert_eq!(Array::zeros([1, 3, 1], DType::F32).squeeze().shape(), &[3]);
    /// ```
    pub fn squeeze(&self) -> Array {
        let mut shape = Shape::from_slice(self.shape());
        shape.retain(|n| *n != 1);
        self.with_shape(&shape)
    }

    /// Without one axis, which has size 1: a view.
    ///
    /// # Panics
    /// If the axis has another size.
    #[track_caller]
    pub fn squeeze_axis(&self, axis: isize) -> Array {
        let counted = checked_axis("squeeze_axis", axis, self.ndim());
        if self.shape()[counted] != 1 {
            panic!(
                "squeeze_axis: axis {axis} of {:?} has size {}, takes an axis of size 1",
                self.shape(),
                self.shape()[counted]
            );
        }
        let mut shape = Shape::from_slice(self.shape());
        shape.remove(counted);
        self.with_shape(&shape)
    }

    /// With a new axis of size 1 at `axis` of the result: a view.
    ///
    /// ```
    /// use dezero_array::{Array, DType};
    /// let x = Array::zeros([2, 3], DType::F32);
    /// assert_eq!(x.expand_dims(0).shape(), &[1, 2, 3]);
    /// assert_eq!(x.expand_dims(-1).shape(), &[2, 3, 1]);
    /// ```
    #[track_caller]
    pub fn expand_dims(&self, axis: isize) -> Array {
        let axis = checked_axis("expand_dims", axis, self.ndim() + 1);
        let mut shape = Shape::from_slice(self.shape());
        shape.insert(axis, 1);
        let mut strides = Strides::from_slice(self.strides());
        strides.insert(axis, 0);
        self.with_layout(Layout::new(&shape, &strides), 0)
    }

    /// The array repeated along new and size-1 axes to `shape`, by NumPy's rule: a view.
    ///
    /// # Panics
    /// If the shapes do not broadcast, or the elements of `shape` were more than memory could hold.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1.0], [2.0]]).broadcast_to([2, 3]);
    /// assert_eq!(x.to_vec::<f64>(), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl AsRef<[usize]>) -> Array {
        let shape = shape.as_ref();
        if shape == self.shape() {
            return self.clone();
        }
        let fits = self.ndim() <= shape.len()
            && self
                .shape()
                .iter()
                .rev()
                .zip(shape.iter().rev())
                .all(|(&n, &m)| n == m || n == 1);
        if !fits {
            panic!(
                "broadcast_to: {:?} does not broadcast to {shape:?}",
                self.shape()
            );
        }
        checked_size(shape, self.dtype());
        let added = shape.len() - self.ndim();
        let mut strides = Strides::from_elem(0, shape.len());
        for (axis, (&n, &stride)) in self.shape().iter().zip(self.strides()).enumerate() {
            strides[added + axis] = if n == 1 { 0 } else { stride };
        }
        self.with_layout(Layout::new(shape, &strides), 0)
    }
}

/// The strides under which the same elements have the shape `new`, if there are such.
///
/// Both shapes split into groups with equal numbers of elements; within a group the old axes must
/// lie as one.
fn regrouped_strides(old: &[usize], old_strides: &[isize], new: &[usize]) -> Option<Strides> {
    if old.contains(&0) {
        return Some(contiguous_strides(new));
    }
    let (old, old_strides): (Shape, Strides) = old
        .iter()
        .zip(old_strides)
        .filter(|&(&n, _)| n != 1)
        .map(|(&n, &s)| (n, s))
        .unzip();
    let mut strides = Strides::from_elem(0, new.len());
    let (mut i, mut j) = (0, 0);
    while i < old.len() && j < new.len() {
        let (i0, j0) = (i, j);
        let (mut n, mut m) = (old[i], new[j]);
        (i, j) = (i + 1, j + 1);
        while n != m {
            if n < m {
                n *= old[i];
                i += 1;
            } else {
                m *= new[j];
                j += 1;
            }
        }
        if (i0..i - 1).any(|k| old_strides[k] != old_strides[k + 1] * old[k + 1] as isize) {
            return None;
        }
        let mut stride = old_strides[i - 1];
        for k in (j0..j).rev() {
            strides[k] = stride;
            stride *= new[k] as isize;
        }
    }
    Some(strides)
}
