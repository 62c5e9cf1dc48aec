//! The kernel under matrix products and convolutions: a small tile of the result, kept in
//! registers, is the product of a few rows and one or two vectors of columns.
//!
//! The columns are read through a table of offsets, one for each step of the inner dimension. A
//! packed panel has offsets 0, step, 2·step …; a convolution has the places of its taps in the
//! padded image, so that it needs no columns written out.

/// One tile: c (rows × width) = a (rows × k) · b (k × width).
pub(crate) struct Tile<T> {
    pub(crate) k: usize,
    pub(crate) a: *const T,
    /// Distance of the rows of `a`, and of the steps along k.
    pub(crate) a_strides: (isize, isize),
    pub(crate) b: *const T,
    /// Where step p of the columns starts, relative to `b`.
    pub(crate) b_offsets: *const usize,
    pub(crate) c: *mut T,
    /// Distance of the rows of `c`.
    pub(crate) c_stride: usize,
    /// Columns to write; the columns read are whole vectors.
    pub(crate) width: usize,
    pub(crate) plus: Plus<T>,
}

/// What a product is added to.
pub(crate) enum Plus<T> {
    Nothing,
    /// What the result's place holds.
    Result,
    /// One row, to every row of the product.
    Row(*const T),
}

impl<T> Clone for Plus<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Plus<T> {}

impl<T> Plus<T> {
    /// The result, if so.
    pub(crate) fn result_if(adds: bool) -> Plus<T> {
        if adds { Plus::Result } else { Plus::Nothing }
    }

    /// What is added from this column on.
    pub(crate) fn at_column(self, column: usize) -> Plus<T> {
        match self {
            Plus::Row(row) => Plus::Row(row.wrapping_add(column)),
            other => other,
        }
    }
}

type TileFn<T> = unsafe fn(&Tile<T>);

/// The tiles of one element type on one SIMD level.
pub(crate) struct Tiles<T: 'static> {
    /// Elements of a vector.
    pub(crate) lanes: usize,
    /// Heights, largest first, each with the kernels one and two vectors wide.
    by_height: &'static [(usize, [TileFn<T>; 2])],
}

impl<T> Tiles<T> {
    /// The height of the next tile where `rows` are left.
    #[inline]
    pub(crate) fn height(&self, rows: usize) -> usize {
        let fits = self.by_height.iter().find(|(height, _)| *height <= rows);
        fits.expect("a tile of one row").0
    }

    /// The largest height.
    #[inline]
    pub(crate) fn max_height(&self) -> usize {
        self.by_height[0].0
    }

    /// Computes a tile of `height` rows, one that [`height`](Tiles::height) gave.
    ///
    /// # Safety
    /// The pointers hold what the fields of `tile` say; `b` can be read in whole vectors, one or
    /// two as `width` needs.
    #[inline]
    pub(crate) unsafe fn run(&self, height: usize, tile: &Tile<T>) {
        debug_assert!(tile.width > 0 && tile.width <= 2 * self.lanes);
        let (_, kernels) = self
            .by_height
            .iter()
            .find(|(h, _)| *h == height)
            .expect("a height of the table");
        // SAFETY: as promised by the caller; the level was detected by `Real::tiles`.
        unsafe { kernels[usize::from(tile.width > self.lanes)](tile) }
    }
}

/// A floating-point type with tiles.
pub(crate) trait Real: Copy + 'static {
    /// The tiles for this machine.
    fn tiles() -> &'static Tiles<Self>;
}

/// A SIMD register of `LANES` numbers.
pub(super) trait Vector: Copy {
    type Scalar: Copy + 'static;
    const LANES: usize;
    unsafe fn splat(x: Self::Scalar) -> Self;
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: all bits zero is the number zero of both float types.
        unsafe { Self::splat(std::mem::zeroed()) }
    }
    unsafe fn load(from: *const Self::Scalar) -> Self;
    unsafe fn store(self, to: *mut Self::Scalar);
    /// The first `count` numbers; the others are zero.
    unsafe fn load_first(from: *const Self::Scalar, count: usize) -> Self;
    unsafe fn store_first(self, to: *mut Self::Scalar, count: usize);
    unsafe fn add(self, other: Self) -> Self;
    /// `self * b + c`
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
}

/// The tile of `H` rows and `W` vectors. Inlined into functions compiled for a SIMD level.
///
/// # Safety
/// As [`Tiles::run`].
#[inline(always)]
unsafe fn tile<V: Vector, const H: usize, const W: usize>(t: &Tile<V::Scalar>) {
    // SAFETY: all reads and writes lie where the caller promised.
    unsafe {
        let mut sums = [[V::zero(); W]; H];
        let (row, step) = t.a_strides;
        // One pointer for three rows: the processor's addressing adds one or two strides for free.
        let mut a = [t.a; 4];
        for (i, a) in a.iter_mut().enumerate() {
            *a = a.wrapping_offset(3 * i as isize * row);
        }
        for p in 0..t.k {
            let from = t.b.add(*t.b_offsets.add(p));
            let mut b = [V::zero(); W];
            for (j, b) in b.iter_mut().enumerate() {
                *b = V::load(from.add(j * V::LANES));
            }
            for i in 0..H {
                let x = V::splat(*a[i / 3].offset((i % 3) as isize * row));
                for j in 0..W {
                    sums[i][j] = x.mul_add(b[j], sums[i][j]);
                }
            }
            for a in &mut a {
                *a = a.wrapping_offset(step);
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            for (j, &sum) in sums.iter().enumerate() {
                let c = t.c.add(i * t.c_stride + j * V::LANES);
                let plus = match t.plus {
                    Plus::Nothing => None,
                    Plus::Result => Some(c.cast_const()),
                    Plus::Row(row) => Some(row.add(j * V::LANES)),
                };
                let count = t.width - j * V::LANES;
                if count >= V::LANES {
                    let sum = match plus {
                        Some(plus) => sum.add(V::load(plus)),
                        None => sum,
                    };
                    sum.store(c);
                } else {
                    let sum = match plus {
                        Some(plus) => sum.add(V::load_first(plus, count)),
                        None => sum,
                    };
                    sum.store_first(c, count);
                }
            }
        }
    }
}

macro_rules! tiles {
    ($name:ident, $vector:ty, $T:ty, [$($height:literal),*] $(, #[$feature:meta])?) => {
        static $name: Tiles<$T> = {
            $(#[$feature])?
            unsafe fn kernel<const H: usize, const W: usize>(t: &Tile<$T>) {
                // SAFETY: as promised by the caller of `Tiles::run`.
                unsafe { tile::<$vector, H, W>(t) }
            }
            Tiles {
                lanes: <$vector as Vector>::LANES,
                by_height: &[$(($height, [kernel::<$height, 1>, kernel::<$height, 2>])),*],
            }
        };
    };
}

/// Plain Rust for machines without the levels below; compilers make it NEON or SSE2.
#[derive(Clone, Copy)]
pub(super) struct Portable<T, const N: usize>([T; N]);

macro_rules! portable {
    ($T:ty, $lanes:literal) => {
        impl Vector for Portable<$T, $lanes> {
            type Scalar = $T;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn splat(x: $T) -> Self {
                Portable([x; $lanes])
            }
            #[inline(always)]
            unsafe fn load(from: *const $T) -> Self {
                // SAFETY: readable, as promised by the caller.
                unsafe { Portable(from.cast::<[$T; $lanes]>().read_unaligned()) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $T) {
                // SAFETY: writable, as promised by the caller.
                unsafe { to.cast::<[$T; $lanes]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn load_first(from: *const $T, count: usize) -> Self {
                let mut x = [0.0; $lanes];
                // SAFETY: `count` elements are readable.
                unsafe { std::ptr::copy_nonoverlapping(from, x.as_mut_ptr(), count) };
                Portable(x)
            }
            #[inline(always)]
            unsafe fn store_first(self, to: *mut $T, count: usize) {
                // SAFETY: `count` elements are writable.
                unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr(), to, count) };
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                Portable(std::array::from_fn(|i| self.0[i] + other.0[i]))
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // Fused only where that is one instruction and not a call.
                Portable(std::array::from_fn(|i| {
                    if cfg!(target_arch = "aarch64") {
                        self.0[i].mul_add(b.0[i], c.0[i])
                    } else {
                        self.0[i] * b.0[i] + c.0[i]
                    }
                }))
            }
        }
    };
}
portable!(f32, 4);
portable!(f64, 2);
#[cfg(target_arch = "aarch64")]
tiles!(PORTABLE_F32, Portable<f32, 4>, f32, [8, 4, 2, 1]);
#[cfg(target_arch = "aarch64")]
tiles!(PORTABLE_F64, Portable<f64, 2>, f64, [8, 4, 2, 1]);
#[cfg(not(target_arch = "aarch64"))]
tiles!(PORTABLE_F32, Portable<f32, 4>, f32, [4, 2, 1]);
#[cfg(not(target_arch = "aarch64"))]
tiles!(PORTABLE_F64, Portable<f64, 2>, f64, [4, 2, 1]);

// SAFETY of all in it: only inlined into functions compiled for the level of the registers, with pointers that the caller
// vouches for.
#[cfg(target_arch = "x86_64")]
#[expect(clippy::undocumented_unsafe_blocks, reason = "said once for all")]
mod x86;

impl Real for f32 {
    #[inline]
    fn tiles() -> &'static Tiles<f32> {
        #[cfg(target_arch = "x86_64")]
        if let Some(tiles) = x86::tiles_f32().next() {
            return tiles;
        }
        &PORTABLE_F32
    }
}

impl Real for f64 {
    #[inline]
    fn tiles() -> &'static Tiles<f64> {
        #[cfg(target_arch = "x86_64")]
        if let Some(tiles) = x86::tiles_f64().next() {
            return tiles;
        }
        &PORTABLE_F64
    }
}

/// The tiles of every level that this machine runs, for tests.
#[cfg(test)]
pub(super) fn all_tiles_f32() -> Vec<&'static Tiles<f32>> {
    let mut all = vec![&PORTABLE_F32];
    #[cfg(target_arch = "x86_64")]
    all.extend(x86::tiles_f32());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every height and width, both layouts of `a`, overwriting, adding to the result and to a row; nothing is
    /// written beyond the width.
    macro_rules! check {
        ($tiles:expr, $T:ty) => {
            let (tiles, k): (&Tiles<$T>, _) = ($tiles, 5);
            for &(height, _) in tiles.by_height {
                for width in 1..=2 * tiles.lanes {
                    let step = 2 * tiles.lanes + 3;
                    let a: Vec<$T> = (0..12 * k).map(|i| (i * 7 % 11) as $T - 5.0).collect();
                    let b: Vec<$T> = (0..k * step).map(|i| (i * 5 % 13) as $T - 6.0).collect();
                    let offsets: Vec<usize> = (0..k).map(|p| (k - 1 - p) * step).collect();
                    for a_strides in [(k as isize, 1), (1, 12)] {
                        let mut c = vec![1.0; height * step];
                        let mut t = Tile {
                            k,
                            a: a.as_ptr(),
                            a_strides,
                            b: b.as_ptr(),
                            b_offsets: offsets.as_ptr(),
                            c: c.as_mut_ptr(),
                            c_stride: step,
                            width,
                            plus: Plus::Nothing,
                        };
                        // SAFETY: the vectors are as long as the tile is large.
                        unsafe { tiles.run(height, &t) };
                        t.plus = Plus::Result;
                        // SAFETY: as before.
                        unsafe { tiles.run(height, &t) };
                        let mut biased = vec![1.0; height * step];
                        t.c = biased.as_mut_ptr();
                        t.plus = Plus::Row(a.as_ptr());
                        // SAFETY: as before; the row of `a` is as long as the tile is wide.
                        unsafe { tiles.run(height, &t) };
                        for (at, &found) in c.iter().enumerate() {
                            let (i, j) = (at / step, at % step);
                            let product = |p: usize| {
                                let at = i as isize * a_strides.0 + p as isize * a_strides.1;
                                a[at as usize] * b[offsets[p] + j]
                            };
                            let sum: $T = (0..k).map(product).sum();
                            let inside = j < width;
                            let expected = if inside { 2.0 * sum } else { 1.0 };
                            assert_eq!(found, expected, "{height} x {width} at ({i}, {j})");
                            let expected = if inside { sum + a[j] } else { 1.0 };
                            assert_eq!(biased[at], expected, "{height} x {width} at ({i}, {j})");
                        }
                    }
                }
            }
        };
    }

    #[test]
    fn every_tile_of_every_level() {
        for tiles in all_tiles_f32() {
            check!(tiles, f32);
        }
        check!(&PORTABLE_F64, f64);
        #[cfg(target_arch = "x86_64")]
        {
            for tiles in x86::tiles_f64() {
                check!(tiles, f64);
            }
        }
    }
}
