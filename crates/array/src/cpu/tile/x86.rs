//! Registers of x86-64, and the tiles of its SIMD levels.

use std::arch::x86_64::*;

use super::{Tile, Tiles, Vector, tile};

macro_rules! vector {
    ($V:ty, $T:ty, $lanes:literal, $mask:expr, [$splat:ident, $load:ident, $store:ident,
        $load_first:ident, $store_first:ident, $add:ident, $mul_add:ident]) => {
        impl Vector for $V {
            type Scalar = $T;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn splat(x: $T) -> Self {
                unsafe { $splat(x) }
            }
            #[inline(always)]
            unsafe fn load(from: *const $T) -> Self {
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $T) {
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn load_first(from: *const $T, count: usize) -> Self {
                unsafe { $load_first(from, $mask(count)) }
            }
            #[inline(always)]
            unsafe fn store_first(self, to: *mut $T, count: usize) {
                unsafe { $store_first(to, $mask(count), self) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                unsafe { $mul_add(self, b, c) }
            }
        }
    };
}

#[inline(always)]
unsafe fn load_first_16(from: *const f32, mask: __mmask16) -> __m512 {
    unsafe { _mm512_maskz_loadu_ps(mask, from) }
}
#[inline(always)]
unsafe fn load_first_8(from: *const f64, mask: __mmask8) -> __m512d {
    unsafe { _mm512_maskz_loadu_pd(mask, from) }
}
#[inline(always)]
unsafe fn mask_8(count: usize) -> __m256i {
    unsafe {
        let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lane)
    }
}
#[inline(always)]
unsafe fn mask_4(count: usize) -> __m256i {
    unsafe {
        let lane = _mm256_setr_epi64x(0, 1, 2, 3);
        _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), lane)
    }
}

vector!(
    __m512,
    f32,
    16,
    |count: usize| ((1u32 << count) - 1) as __mmask16,
    [
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        load_first_16,
        _mm512_mask_storeu_ps,
        _mm512_add_ps,
        _mm512_fmadd_ps
    ]
);
vector!(
    __m512d,
    f64,
    8,
    |count: usize| ((1u32 << count) - 1) as __mmask8,
    [
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        load_first_8,
        _mm512_mask_storeu_pd,
        _mm512_add_pd,
        _mm512_fmadd_pd
    ]
);
vector!(
    __m256,
    f32,
    8,
    mask_8,
    [
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_maskload_ps,
        _mm256_maskstore_ps,
        _mm256_add_ps,
        _mm256_fmadd_ps
    ]
);
vector!(
    __m256d,
    f64,
    4,
    mask_4,
    [
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_maskload_pd,
        _mm256_maskstore_pd,
        _mm256_add_pd,
        _mm256_fmadd_pd
    ]
);

// AVX-512 has 32 registers: 24 sums, two vectors of columns and one number. AVX2 has 16.
tiles!(V4_F32, __m512, f32, [12, 8, 4, 2, 1], #[target_feature(enable = "avx512f")]);
tiles!(V4_F64, __m512d, f64, [12, 8, 4, 2, 1], #[target_feature(enable = "avx512f")]);
tiles!(V3_F32, __m256, f32, [6, 4, 2, 1], #[target_feature(enable = "avx2,fma")]);
tiles!(V3_F64, __m256d, f64, [6, 4, 2, 1], #[target_feature(enable = "avx2,fma")]);

/// The levels of this machine, best first.
pub(super) fn tiles_f32() -> impl Iterator<Item = &'static Tiles<f32>> {
    let v4 = is_x86_feature_detected!("avx512f").then_some(&V4_F32);
    v4.into_iter().chain(has_v3().then_some(&V3_F32))
}

pub(super) fn tiles_f64() -> impl Iterator<Item = &'static Tiles<f64>> {
    let v4 = is_x86_feature_detected!("avx512f").then_some(&V4_F64);
    v4.into_iter().chain(has_v3().then_some(&V3_F64))
}

fn has_v3() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}
