//! [`dispatch`]: code compiled for several SIMD levels, of which the machine's widest runs.

/// Runs `f` compiled for the widest SIMD level of this machine. What is not inlined into `f`, and
/// a closure that is not `#[inline(always)]` itself, stays at the level of the whole program.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn dispatch<R>(f: impl FnOnce() -> R) -> R {
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
    fn v4<R>(f: impl FnOnce() -> R) -> R {
        f()
    }
    #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
    fn v3<R>(f: impl FnOnce() -> R) -> R {
        f()
    }
    match Level::of_machine() {
        // SAFETY: the level says that the machine has what the function is compiled for.
        Level::V4 => unsafe { v4(f) },
        // SAFETY: as above.
        Level::V3 => unsafe { v3(f) },
        Level::Unknown | Level::Plain => f(),
    }
}

/// Runs `f`: other processors have one level.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn dispatch<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// The levels of x86-64 by their usual names.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
#[repr(u8)]
enum Level {
    /// Nobody has asked the processor yet.
    Unknown,
    /// SSE2.
    Plain,
    /// AVX2.
    V3,
    /// AVX-512.
    V4,
}

#[cfg(target_arch = "x86_64")]
impl Level {
    #[inline(always)]
    fn of_machine() -> Level {
        use std::sync::atomic::{AtomicU8, Ordering};

        // Kept as one byte: a dozen features are looked up one by one.
        static LEVEL: AtomicU8 = AtomicU8::new(Level::Unknown as u8);
        const LEVELS: [Level; 4] = [Level::Unknown, Level::Plain, Level::V3, Level::V4];
        match LEVELS[usize::from(LEVEL.load(Ordering::Relaxed) & 3)] {
            Level::Unknown => {
                let level = Level::detect();
                LEVEL.store(level as u8, Ordering::Relaxed);
                level
            }
            level => level,
        }
    }

    #[cold]
    fn detect() -> Level {
        macro_rules! has {
            ($($feature:tt),*) => {$(is_x86_feature_detected!($feature))&&*};
        }
        let v3 = has!("avx2", "fma", "bmi1", "bmi2", "lzcnt", "popcnt");
        let v4 = has!("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl");
        match (v3, v4) {
            (true, true) => Level::V4,
            (true, false) => Level::V3,
            (false, _) => Level::Plain,
        }
    }
}
