//! [`Axes`]: which axes a reduction goes over.

use crate::Shape;

/// The axes of a reduction: one (`1`, `-1`), several (`[0, 2]`), or all (`()` or `None`).
///
/// Negative axes count from the end.
///
/// ```
/// use dezero_array::Array;
/// let x = Array::new([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(x.sum_axis(0, false).to_vec::<f64>(), [4.0, 6.0]);
/// assert_eq!(x.sum_axis([0, -1], false).item(), 10.0);
/// assert_eq!(x.sum_axis((), true).shape(), &[1, 1]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes(Option<smallvec::SmallVec<[isize; 4]>>);

impl Axes {
    /// Every axis.
    pub const ALL: Axes = Axes(None);

    /// The axes for an array of `shape`, in ascending order, counted from the start.
    ///
    /// # Panics
    /// If an axis is out of range or given twice; `operation` is named in the message.
    ///
    /// ```
    /// use dezero_array::Axes;
    /// assert_eq!(Axes::from([-1, 0]).resolve("sum", &[2, 3, 4])[..], [0, 2]);
    /// ```
    #[track_caller]
    pub fn resolve(&self, operation: &str, shape: &[usize]) -> Shape {
        let Some(axes) = &self.0 else {
            return (0..shape.len()).collect();
        };
        let mut resolved = Shape::new();
        for &axis in axes {
            let counted = if axis < 0 {
                axis + shape.len() as isize
            } else {
                axis
            };
            if counted < 0 || counted >= shape.len() as isize {
                panic!("{operation}: axis {axis} is out of range for shape {shape:?}");
            }
            if resolved.contains(&(counted as usize)) {
                panic!("{operation}: axis {axis} is repeated in {axes:?} for shape {shape:?}");
            }
            resolved.push(counted as usize);
        }
        resolved.sort_unstable();
        resolved
    }
}

macro_rules! axes_from_integers {
    ($($t:ty),*) => {$(
        impl From<$t> for Axes {
            fn from(axis: $t) -> Axes {
                Axes::from([axis])
            }
        }
        impl<const N: usize> From<[$t; N]> for Axes {
            fn from(axes: [$t; N]) -> Axes {
                Axes::from(&axes[..])
            }
        }
        impl<const N: usize> From<&[$t; N]> for Axes {
            fn from(axes: &[$t; N]) -> Axes {
                Axes::from(&axes[..])
            }
        }
        impl From<&[$t]> for Axes {
            fn from(axes: &[$t]) -> Axes {
                Axes(Some(axes.iter().map(|&axis| axis as isize).collect()))
            }
        }
        impl From<Vec<$t>> for Axes {
            fn from(axes: Vec<$t>) -> Axes {
                Axes::from(&axes[..])
            }
        }
        impl From<&Vec<$t>> for Axes {
            fn from(axes: &Vec<$t>) -> Axes {
                Axes::from(&axes[..])
            }
        }
    )*};
}
axes_from_integers!(i32, isize, usize);

impl From<()> for Axes {
    fn from((): ()) -> Axes {
        Axes::ALL
    }
}

impl<A: Into<Axes>> From<Option<A>> for Axes {
    fn from(axes: Option<A>) -> Axes {
        axes.map_or(Axes::ALL, A::into)
    }
}

impl From<&Axes> for Axes {
    fn from(axes: &Axes) -> Axes {
        axes.clone()
    }
}
