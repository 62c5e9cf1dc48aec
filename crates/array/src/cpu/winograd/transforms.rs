//! The transforms of the algorithm, for each SIMD level.

use super::group::{Group, PITCH};
use super::{IN, OUT};
use crate::cpu::tile::{Portable, Tiles, Vector};

/// The transforms, compiled for one SIMD level.
pub(super) struct Level {
    pub(super) lanes: usize,
    /// (nine planes of weights, length of a plane, result, distance of its points)
    pub(super) filter: unsafe fn(*const f32, usize, *mut f32, usize),
    /// (pixels, tiles, result, distance of its points)
    pub(super) input: unsafe fn(&Group, usize, *mut f32, usize),
    /// (sums, distance of their points, tiles, bias, outputs)
    pub(super) output: unsafe fn(*const f32, usize, usize, f32, &mut Group),
    /// (strip of pixels, its columns, its pitch, tiles, result, distance of its points)
    pub(super) pixels: unsafe fn(*const f32, usize, usize, usize, *mut f32, usize),
    /// (strip of the output's gradient, and as above)
    pub(super) gradients: unsafe fn(*const f32, usize, usize, usize, *mut f32, usize),
    /// (sums, distance of their points, nine planes of weights, length of a plane)
    pub(super) weights: unsafe fn(*const f32, usize, *mut f32, usize),
}

macro_rules! level {
    ($name:ident, $V:ty $(, #[$feature:meta])?) => {
        // SAFETY of all: the caller promises what the transform asks for; a `Level` is chosen with the tiles of this machine.
        #[expect(clippy::undocumented_unsafe_blocks, reason = "said once for all")]
        static $name: Level = {
            $(#[$feature])?
            unsafe fn filter(w: *const f32, length: usize, to: *mut f32, pitch: usize) {
                unsafe { filter_transform::<$V>(w, length, to, pitch) }
            }
            $(#[$feature])?
            unsafe fn input(group: &Group, count: usize, to: *mut f32, pitch: usize) {
                unsafe { input_transform::<$V>(group, count, to, pitch) }
            }
            $(#[$feature])?
            unsafe fn output(
                from: *const f32,
                pitch: usize,
                count: usize,
                bias: f32,
                group: &mut Group,
            ) {
                unsafe { output_transform::<$V>(from, pitch, count, bias, group) }
            }
            $(#[$feature])?
            unsafe fn pixels(
                x: *const f32,
                columns: usize,
                pitch: usize,
                count: usize,
                to: *mut f32,
                points: usize,
            ) {
                unsafe {
                    strip_transform::<$V, IN>(x, columns, pitch, count, to, points, #[inline(always)] |x| b(x))
                }
            }
            $(#[$feature])?
            unsafe fn gradients(
                x: *const f32,
                columns: usize,
                pitch: usize,
                count: usize,
                to: *mut f32,
                points: usize,
            ) {
                unsafe {
                    strip_transform::<$V, OUT>(x, columns, pitch, count, to, points, #[inline(always)] |x| a_transposed(x))
                }
            }
            $(#[$feature])?
            unsafe fn weights(from: *const f32, points: usize, to: *mut f32, length: usize) {
                unsafe { weight_transform::<$V>(from, points, to, length) }
            }
            Level {
                lanes: <$V as Vector>::LANES,
                filter,
                input,
                output,
                pixels,
                gradients,
                weights,
            }
        };
    };
}
level!(PORTABLE, Portable<f32, 4>);
#[cfg(target_arch = "x86_64")]
level!(V4, std::arch::x86_64::__m512, #[target_feature(enable = "avx512f")]);
#[cfg(target_arch = "x86_64")]
level!(V3, std::arch::x86_64::__m256, #[target_feature(enable = "avx2,fma")]);

impl Level {
    /// The level that tiles were compiled for.
    pub(super) fn of(tiles: &Tiles<f32>) -> &'static Level {
        match tiles.lanes {
            #[cfg(target_arch = "x86_64")]
            16 => &V4,
            #[cfg(target_arch = "x86_64")]
            8 => &V3,
            _ => &PORTABLE,
        }
    }
}

/// The one-dimensional transform `f` along both axes of a square read by `load`.
#[inline(always)]
unsafe fn both_axes<V: Vector, const I: usize, const O: usize>(
    load: impl Fn(usize, usize) -> V,
    f: impl Fn([V; I]) -> [V; O] + Copy,
) -> [[V; O]; O] {
    // SAFETY: registers only.
    unsafe {
        let zero = V::zero();
        let mut half = [[zero; I]; O];
        for j in 0..I {
            let mut column = [zero; I];
            for (i, x) in column.iter_mut().enumerate() {
                *x = load(i, j);
            }
            for (half, x) in half.iter_mut().zip(f(column)) {
                half[j] = x;
            }
        }
        let mut whole = [[zero; O]; O];
        for (whole, half) in whole.iter_mut().zip(half) {
            *whole = f(half);
        }
        whole
    }
}

/// k·x + y
#[inline(always)]
unsafe fn axpy<V: Vector<Scalar = f32>>(k: f32, x: V, y: V) -> V {
    // SAFETY: registers only.
    unsafe { V::splat(k).mul_add(x, y) }
}

/// Bᵀ
#[inline(always)]
unsafe fn b<V: Vector<Scalar = f32>>([x0, x1, x2, x3, x4, x5]: [V; IN]) -> [V; IN] {
    // SAFETY: registers only.
    unsafe {
        let (p, q) = (axpy(-4.0, x2, x4), axpy(-4.0, x1, x3));
        let (r, s) = (axpy(-1.0, x2, x4), axpy(-1.0, x1, x3));
        [
            axpy(4.0, x0, axpy(-5.0, x2, x4)),
            p.add(q),
            axpy(-1.0, q, p),
            axpy(2.0, s, r),
            axpy(-2.0, s, r),
            axpy(4.0, x1, axpy(-5.0, x3, x5)),
        ]
    }
}

/// Aᵀ
#[inline(always)]
unsafe fn a<V: Vector<Scalar = f32>>([x0, x1, x2, x3, x4, x5]: [V; IN]) -> [V; OUT] {
    // SAFETY: registers only.
    unsafe {
        let (p, q) = (x1.add(x2), axpy(-1.0, x2, x1));
        let (r, s) = (x3.add(x4), axpy(-1.0, x4, x3));
        [
            x0.add(p).add(r),
            axpy(2.0, s, q),
            axpy(4.0, r, p),
            axpy(8.0, s, q).add(x5),
        ]
    }
}

/// G
#[inline(always)]
unsafe fn g<V: Vector<Scalar = f32>>([x0, x1, x2]: [V; 3]) -> [V; IN] {
    // SAFETY: registers only.
    unsafe {
        let zero = V::zero();
        let p = axpy(-1.0 / 6.0, x0.add(x2), zero);
        let q = axpy(1.0 / 24.0, x0, axpy(1.0 / 6.0, x2, zero));
        [
            axpy(0.25, x0, zero),
            axpy(-1.0 / 6.0, x1, p),
            axpy(1.0 / 6.0, x1, p),
            axpy(1.0 / 12.0, x1, q),
            axpy(-1.0 / 12.0, x1, q),
            x2,
        ]
    }
}

/// A
#[inline(always)]
unsafe fn a_transposed<V: Vector<Scalar = f32>>([x0, x1, x2, x3]: [V; OUT]) -> [V; IN] {
    // SAFETY: registers only.
    unsafe {
        let (p, q) = (x0.add(x2), x1.add(x3));
        let r = axpy(4.0, x2, x0);
        let s = axpy(4.0, x3, x1);
        [
            x0,
            p.add(q),
            axpy(-1.0, q, p),
            axpy(2.0, s, r),
            axpy(-2.0, s, r),
            x3,
        ]
    }
}

/// Gᵀ
#[inline(always)]
unsafe fn g_transposed<V: Vector<Scalar = f32>>([x0, x1, x2, x3, x4, x5]: [V; IN]) -> [V; 3] {
    // SAFETY: registers only.
    unsafe {
        let zero = V::zero();
        let (p, q) = (x1.add(x2), axpy(-1.0, x1, x2));
        let (r, s) = (x3.add(x4), axpy(-1.0, x4, x3));
        let p = axpy(-1.0 / 6.0, p, zero);
        [
            axpy(0.25, x0, axpy(1.0 / 24.0, r, p)),
            axpy(1.0 / 6.0, q, axpy(1.0 / 12.0, s, zero)),
            axpy(1.0 / 6.0, r, p).add(x5),
        ]
    }
}

#[inline(always)]
unsafe fn filter_transform<V: Vector<Scalar = f32>>(
    w: *const f32,
    length: usize,
    to: *mut f32,
    pitch: usize,
) {
    for at in (0..length).step_by(V::LANES) {
        // SAFETY: planes of `length`, a multiple of the lanes.
        unsafe {
            let u: [[V; IN]; IN] = both_axes(
                #[inline(always)]
                |i, j| V::load(w.add((i * 3 + j) * length + at)),
                #[inline(always)]
                |x| g(x),
            );
            for (point, u) in u.as_flattened().iter().enumerate() {
                u.store(to.add(point * pitch + at));
            }
        }
    }
}

#[inline(always)]
unsafe fn input_transform<V: Vector<Scalar = f32>>(
    group: &Group,
    count: usize,
    to: *mut f32,
    pitch: usize,
) {
    let x = group.values.as_ptr();
    for at in (0..count).step_by(V::LANES) {
        // SAFETY: a group has room for a vector beyond the last tile, and so does the result.
        unsafe {
            let v: [[V; IN]; IN] = both_axes(
                #[inline(always)]
                |i, j| V::load(x.add((i * IN + j) * PITCH + at)),
                #[inline(always)]
                |x| b(x),
            );
            for (point, v) in v.as_flattened().iter().enumerate() {
                v.store(to.add(point * pitch + at));
            }
        }
    }
}

#[inline(always)]
unsafe fn output_transform<V: Vector<Scalar = f32>>(
    from: *const f32,
    pitch: usize,
    count: usize,
    bias: f32,
    group: &mut Group,
) {
    let y = group.values.as_mut_ptr();
    for at in (0..count).step_by(V::LANES) {
        // SAFETY: the sums have room for a vector beyond the last tile, and so does a group.
        unsafe {
            let out: [[V; OUT]; OUT] = both_axes(
                #[inline(always)]
                |i, j| V::load(from.add((i * IN + j) * pitch + at)),
                #[inline(always)]
                |x| a(x),
            );
            for (i, out) in out.iter().enumerate() {
                for (j, out) in out.iter().enumerate() {
                    let out = out.add(V::splat(bias));
                    out.store(y.add((i * IN + j) * PITCH + at));
                }
            }
        }
    }
}

/// Transforms the tiles of a strip, vectors of channels at a time.
#[inline(always)]
unsafe fn strip_transform<V: Vector<Scalar = f32>, const I: usize>(
    x: *const f32,
    columns: usize,
    pitch: usize,
    count: usize,
    to: *mut f32,
    points: usize,
    f: impl Fn([V; I]) -> [V; IN] + Copy,
) {
    for tile in 0..count {
        for at in (0..pitch).step_by(V::LANES) {
            // SAFETY: pixels of the strip; the pitch is a multiple of the lanes.
            unsafe {
                let v: [[V; IN]; IN] = both_axes(
                    #[inline(always)]
                    |i, j| V::load(x.add((i * columns + tile * OUT + j) * pitch + at)),
                    f,
                );
                for (point, v) in v.as_flattened().iter().enumerate() {
                    v.store(to.add(point * points + tile * pitch + at));
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn weight_transform<V: Vector<Scalar = f32>>(
    from: *const f32,
    points: usize,
    to: *mut f32,
    length: usize,
) {
    for at in (0..length).step_by(V::LANES) {
        // SAFETY: rows of `length`, a multiple of the lanes.
        unsafe {
            let w: [[V; 3]; 3] = both_axes(
                #[inline(always)]
                |i, j| V::load(from.add((i * IN + j) * points + at)),
                #[inline(always)]
                |x| g_transposed(x),
            );
            for (tap, w) in w.as_flattened().iter().enumerate() {
                w.store(to.add(tap * length + at));
            }
        }
    }
}
