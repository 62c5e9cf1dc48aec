//! Printing as NumPy does.

use std::fmt;

use crate::Array;

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "array(shape={:?}, dtype={})", self.shape(), self.dtype())
    }
}
