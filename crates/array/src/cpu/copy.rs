//! Strided copies.

use std::mem::MaybeUninit;

use crate::array::View;
use crate::{Array, match_dtype};

/// A contiguous copy of any array.
pub(crate) fn contiguous(x: &Array) -> Array {
    match_dtype!(x.dtype(), T => Array::build(x.shape(), |out: &mut [MaybeUninit<T>]| {
        copy_into(x.view::<T>(), out);
    }))
}

/// Writes the elements of `x` in row-major order.
fn copy_into<T: Copy>(x: View<'_, T>, out: &mut [MaybeUninit<T>]) {
    let Some((&columns, outer)) = x.shape.split_last() else {
        // SAFETY: a zero-dimensional view has one element.
        out[0].write(unsafe { *x.pointer });
        return;
    };
    if out.is_empty() {
        return;
    }
    let stride = x.strides[x.strides.len() - 1];
    let mut index = crate::Shape::from_elem(0, outer.len());
    let mut offset = 0isize;
    for row in out.chunks_exact_mut(columns) {
        // SAFETY: `offset` and the row after it lie inside the view.
        unsafe {
            let from = x.pointer.offset(offset);
            if stride == 1 {
                std::ptr::copy_nonoverlapping(from, row.as_mut_ptr().cast(), columns);
            } else {
                for (j, y) in row.iter_mut().enumerate() {
                    y.write(*from.offset(j as isize * stride));
                }
            }
        }
        for axis in (0..outer.len()).rev() {
            index[axis] += 1;
            offset += x.strides[axis];
            if index[axis] < outer[axis] {
                break;
            }
            offset -= x.strides[axis] * outer[axis] as isize;
            index[axis] = 0;
        }
    }
}
