//! Rows of arrays: gathering and stacking them.

use dezero_array::{Array, Element, match_dtype};

/// The rows `indices` of a contiguous array.
#[track_caller]
pub(super) fn take_rows(x: &Array, indices: &[usize]) -> Array {
    let n = x.len();
    if let Some(i) = indices.iter().find(|&&i| i >= n) {
        panic!("batch: index {i} is out of bounds for a dataset of {n} samples");
    }
    match_dtype!(x.dtype(), T => take::<T>(x, indices))
}

fn take<T: Element>(x: &Array, indices: &[usize]) -> Array {
    let row: usize = x.shape()[1..].iter().product();
    let from = x.as_slice::<T>().expect("contiguous");
    let mut elements: Vec<T> = Vec::with_capacity(indices.len() * row);
    for &i in indices {
        elements.extend_from_slice(&from[i * row..(i + 1) * row]);
    }
    Array::from_vec(elements, [&[indices.len()], &x.shape()[1..]].concat())
}

/// Arrays of one shape and type along a new first axis.
pub(super) fn stack_rows(rows: &[Array]) -> Array {
    match_dtype!(rows[0].dtype(), T => stack::<T>(rows))
}

fn stack<T: Element>(rows: &[Array]) -> Array {
    let mut elements: Vec<T> = Vec::with_capacity(rows.len() * rows[0].size());
    for x in rows {
        let x = x.to_contiguous();
        elements.extend_from_slice(x.as_slice::<T>().expect("contiguous"));
    }
    Array::from_vec(elements, [&[rows.len()], rows[0].shape()].concat())
}
