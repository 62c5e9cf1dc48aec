//! Shape and strides of an array, in elements. Up to two axes stay inline, so that the arrays of a
//! scalar or matrix program allocate nothing for their header.

use smallvec::SmallVec;

/// A shape: sizes of the axes. Four axes fit without an allocation.
pub type Shape = SmallVec<[usize; 4]>;
/// Strides of the axes, in elements; negative where a slice runs backwards.
pub type Strides = SmallVec<[isize; 4]>;

#[derive(Clone, Debug)]
pub(crate) enum Layout {
    D0,
    D1([usize; 1], [isize; 1]),
    D2([usize; 2], [isize; 2]),
    Dn(Box<(Shape, Strides)>),
}

impl Layout {
    /// Row-major (C order) layout of `shape`.
    #[inline]
    pub(crate) fn contiguous(shape: &[usize]) -> Layout {
        match *shape {
            [] => Layout::D0,
            [n] => Layout::D1([n], [1]),
            [n, m] => Layout::D2([n, m], [m as isize, 1]),
            _ => {
                let strides = contiguous_strides(shape);
                Layout::Dn(Box::new((Shape::from_slice(shape), strides)))
            }
        }
    }

    #[inline]
    pub(crate) fn new(shape: &[usize], strides: &[isize]) -> Layout {
        debug_assert_eq!(shape.len(), strides.len());
        match (shape, strides) {
            ([], []) => Layout::D0,
            (&[n], &[s]) => Layout::D1([n], [s]),
            (&[n, m], &[s, t]) => Layout::D2([n, m], [s, t]),
            _ => Layout::Dn(Box::new((
                Shape::from_slice(shape),
                Strides::from_slice(strides),
            ))),
        }
    }

    #[inline]
    pub(crate) fn shape(&self) -> &[usize] {
        match self {
            Layout::D0 => &[],
            Layout::D1(shape, _) => shape,
            Layout::D2(shape, _) => shape,
            Layout::Dn(both) => &both.0,
        }
    }

    #[inline]
    pub(crate) fn strides(&self) -> &[isize] {
        match self {
            Layout::D0 => &[],
            Layout::D1(_, strides) => strides,
            Layout::D2(_, strides) => strides,
            Layout::Dn(both) => &both.1,
        }
    }

    /// Whether the elements lie one after the other in row-major order (axes of size 1 do not
    /// matter; an empty array is contiguous).
    #[inline]
    pub(crate) fn is_contiguous(&self) -> bool {
        match *self {
            Layout::D0 => true,
            Layout::D1([n], [s]) => s == 1 || n <= 1,
            Layout::D2([n, m], [s, t]) => {
                n == 0 || m == 0 || ((t == 1 || m == 1) && (s == m as isize || n == 1))
            }
            Layout::Dn(ref both) => {
                let mut expected = 1;
                let mut contiguous = true;
                for (&n, &s) in both.0.iter().zip(&both.1).rev() {
                    if n == 0 {
                        return true;
                    }
                    contiguous &= n == 1 || s == expected;
                    expected *= n as isize;
                }
                contiguous
            }
        }
    }
}

/// Number of elements of a shape.
#[inline]
pub fn size_of_shape(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Strides of a row-major array of `shape`.
pub(crate) fn contiguous_strides(shape: &[usize]) -> Strides {
    let mut strides: Strides = SmallVec::from_elem(1, shape.len());
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i] as isize;
    }
    strides
}

/// The shape that `a` and `b` broadcast to by NumPy's rule, or `None` where they do not.
///
/// ```
/// use dezero_array::broadcast_shape;
/// assert_eq!(broadcast_shape(&[2, 1], &[3]).unwrap().as_slice(), &[2, 3]);
/// assert!(broadcast_shape(&[2], &[3]).is_none());
/// ```
pub fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Shape> {
    let ndim = a.len().max(b.len());
    let mut shape = Shape::from_elem(1, ndim);
    for i in 0..ndim {
        let from_end = ndim - i;
        let n = if from_end <= a.len() {
            a[a.len() - from_end]
        } else {
            1
        };
        let m = if from_end <= b.len() {
            b[b.len() - from_end]
        } else {
            1
        };
        shape[i] = match (n, m) {
            (n, m) if n == m => n,
            (1, m) => m,
            (n, 1) => n,
            _ => return None,
        };
    }
    Some(shape)
}
