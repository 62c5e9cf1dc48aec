//! What the reductions do to each element, and to the results of parts.

use std::marker::PhantomData;

use crate::cpu::reduce::{Fold, lanes};
use crate::cpu::reduce_kernels;
use crate::number::{Float, Number};

macro_rules! fold {
    (
        $(#[$doc:meta])* $name:ident$(<$T:ident: $bound:path>)?, $Input:ty => $State:ty => $Output:ty;
        $start:expr; |$state:ident, $x:ident| $step:expr; |$a:ident, $b:ident| $merge:expr;
        |$last:ident| $finish:expr
    ) => {
        $(#[$doc])*
        pub(super) struct $name$(<$T>(PhantomData<$T>))?;
        impl$(<$T: $bound>)? Fold for $name$(<$T>)? {
            type Input = $Input;
            type State = $State;
            type Output = $Output;
            #[inline(always)]
            fn start() -> $State {
                $start
            }
            #[inline(always)]
            fn step($state: $State, $x: $Input) -> $State {
                $step
            }
            #[inline(always)]
            fn merge($a: $State, $b: $State) -> $State {
                $merge
            }
            #[inline(always)]
            fn finish($last: $State) -> $Output {
                $finish
            }
        }
    };
}

fold! {
    /// The product.
    Product<T: Number>, T => T => T;
    T::ONE; |state, x| state.mul(x); |a, b| a.mul(b); |state| state
}
fold! {
    /// The largest element; NaN if there is one.
    Max<T: Number>, T => T => T;
    T::LOWEST; |state, x| state.maximum(x); |a, b| a.maximum(b); |state| state
}
fold! {
    /// The smallest element; NaN if there is one.
    Min<T: Number>, T => T => T;
    T::HIGHEST; |state, x| state.minimum(x); |a, b| a.minimum(b); |state| state
}
fold! {
    /// Whether any element is true.
    Any, bool => bool => bool;
    false; |state, x| state | x; |a, b| a | b; |state| state
}
fold! {
    /// Whether all elements are true.
    All, bool => bool => bool;
    true; |state, x| state & x; |a, b| a & b; |state| state
}

/// The sum, and the sum of squares of the distances from a fixed number: in f64 where elements are
/// far apart in memory, in NumPy's pairwise order where they are neighbours.
macro_rules! sum_fold {
    ($($t:ty: $State:ty, $threads:literal $run:expr;)*) => {$(
        impl Fold for Sum<$t> {
            const RUNS_ON_THREADS: bool = $threads;
            type Input = $t;
            type State = $State;
            type Output = $t;
            #[inline(always)]
            fn start() -> $State {
                <$State>::default()
            }
            #[inline(always)]
            fn step(state: $State, x: $t) -> $State {
                Number::add(state, <$State>::from(x))
            }
            #[inline(always)]
            fn merge(a: $State, b: $State) -> $State {
                Number::add(a, b)
            }
            #[inline(always)]
            fn finish(state: $State) -> $t {
                state as $t
            }
            #[inline]
            fn run(x: &[$t]) -> $State {
                let run: fn(&[$t]) -> $State = $run;
                run(x)
            }
        }
    )*};
}
sum_fold! {
    i64: i64, false lanes::<Self>;
    f64: f64, true |x| reduce_kernels::sum(x);
    f32: f64, true |x| f64::from(reduce_kernels::sum(x));
}

/// The sum.
pub(super) struct Sum<T>(PhantomData<T>);

/// The sum of squares, as [`Sum`].
pub(super) struct SumOfSquares<T>(PhantomData<T>);

macro_rules! sum_of_squares_fold {
    ($($t:ty),*) => {$(
        impl Fold for SumOfSquares<$t> {
            const RUNS_ON_THREADS: bool = true;
            type Input = $t;
            type State = f64;
            type Output = $t;
            #[inline(always)]
            fn start() -> f64 {
                0.0
            }
            #[inline(always)]
            fn step(state: f64, x: $t) -> f64 {
                let x = f64::from(x);
                state + x * x
            }
            #[inline(always)]
            fn merge(a: f64, b: f64) -> f64 {
                a + b
            }
            #[inline(always)]
            fn finish(state: f64) -> $t {
                state as $t
            }
            #[inline]
            fn run(x: &[$t]) -> f64 {
                f64::from(reduce_kernels::sum_of_squares(x))
            }
        }
    )*};
}
sum_of_squares_fold!(f32, f64);

fold! {
    /// Whether no element is infinite or NaN.
    AllFinite<T: Float>, T => bool => bool;
    true; |state, x| state & x.is_finite(); |a, b| a & b; |state| state
}
