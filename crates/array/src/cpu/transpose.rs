//! The transpose of a matrix, in squares that go through registers.

/// Writes `to[j · to_stride + i] = from[i · from_stride + j]` for `rows` rows i and `columns`
/// columns j.
///
/// # Safety
/// The matrix can be read at `from` and its transpose written at `to`.
pub(super) unsafe fn transpose<T: Copy>(
    from: *const T,
    from_stride: usize,
    rows: usize,
    columns: usize,
    to: *mut T,
    to_stride: usize,
) {
    // Sixteen columns at a time: whole cache lines are read, and the lines written stay cached.
    for start in (0..columns).step_by(16) {
        let end = (start + 16).min(columns);
        let fours = if size_of::<T>() == 4 {
            (rows / 4 * 4, start + (end - start) / 4 * 4)
        } else {
            (0, start)
        };
        // SAFETY: indices below `rows` and `columns`.
        unsafe {
            for i in (0..fours.0).step_by(4) {
                for j in (start..fours.1).step_by(4) {
                    square::<4>(
                        from.add(i * from_stride + j).cast(),
                        from_stride,
                        to.add(j * to_stride + i).cast(),
                        to_stride,
                    );
                }
            }
            for i in 0..rows {
                for j in if i < fours.0 { fours.1 } else { start }..end {
                    *to.add(j * to_stride + i) = *from.add(i * from_stride + j);
                }
            }
        }
    }
}

/// The first `ROWS` rows of the transpose of 4x4 numbers.
///
/// # Safety
/// The numbers can be read at `from`, and these rows written at `to`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) unsafe fn square<const ROWS: usize>(
    from: *const f32,
    from_stride: usize,
    to: *mut f32,
    to_stride: usize,
) {
    use std::arch::x86_64::{_MM_TRANSPOSE4_PS, _mm_loadu_ps, _mm_storeu_ps};
    // SAFETY: SSE is part of x86-64; the numbers lie where the caller promised.
    unsafe {
        let mut a = _mm_loadu_ps(from);
        let mut b = _mm_loadu_ps(from.add(from_stride));
        let mut c = _mm_loadu_ps(from.add(2 * from_stride));
        let mut d = _mm_loadu_ps(from.add(3 * from_stride));
        _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
        for (i, row) in [a, b, c, d].into_iter().take(ROWS).enumerate() {
            _mm_storeu_ps(to.add(i * to_stride), row);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(super) unsafe fn square<const ROWS: usize>(
    from: *const f32,
    from_stride: usize,
    to: *mut f32,
    to_stride: usize,
) {
    for j in 0..ROWS {
        for i in 0..4 {
            // SAFETY: the numbers lie where the caller promised.
            unsafe { *to.add(j * to_stride + i) = *from.add(i * from_stride + j) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{square, transpose};

    #[test]
    fn rows_of_a_square() {
        let from: Vec<f32> = (0..32).map(|i| i as f32).collect();
        let mut to = [-1.0; 15];
        // SAFETY: rows of 7 and of 5 numbers.
        unsafe { square::<2>(from.as_ptr(), 7, to.as_mut_ptr(), 5) };
        let rest = [-1.0; 5];
        assert_eq!(to[..5], [0.0, 7.0, 14.0, 21.0, -1.0]);
        assert_eq!(to[5..10], [1.0, 8.0, 15.0, 22.0, -1.0]);
        assert_eq!(to[10..], rest);
    }

    #[test]
    fn every_remainder() {
        for (rows, columns) in [(1, 1), (4, 4), (7, 5), (3, 37), (18, 16), (9, 33)] {
            let (from_stride, to_stride) = (columns + 3, rows + 2);
            let from: Vec<f32> = (0..rows * from_stride).map(|i| i as f32).collect();
            let wide: Vec<f64> = from.iter().map(|&x| f64::from(x)).collect();
            let mut to = vec![-1.0f32; columns * to_stride];
            let mut wide_to = vec![-1.0f64; columns * to_stride];
            // SAFETY: the vectors are as long as the matrices.
            unsafe {
                let to = to.as_mut_ptr();
                transpose(from.as_ptr(), from_stride, rows, columns, to, to_stride);
                let to = wide_to.as_mut_ptr();
                transpose(wide.as_ptr(), from_stride, rows, columns, to, to_stride);
            }
            for (at, (&x, &wide)) in to.iter().zip(&wide_to).enumerate() {
                let (j, i) = (at / to_stride, at % to_stride);
                let inside = i < rows;
                let expected = if inside {
                    from[i * from_stride + j]
                } else {
                    -1.0
                };
                assert_eq!((x, wide), (expected, f64::from(expected)), "({i}, {j})");
            }
        }
    }
}
