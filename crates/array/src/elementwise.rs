//! Functions of one, two or three arrays, element by element.
//!
//! None of them is `#[inline]`: their kernels are compiled here, once, and not in every crate that calls them.

use crate::cpu::map::{map, map_angles, only, uniform};
use crate::cpu::simd::Cost;
use crate::cpu::vector_math;
use crate::cpu::zip::{writes_in_place, zip, zip_in_place};
use crate::number::{Float, Number};
use crate::{Array, DType, Element, match_dtype};

/// `$body` of each element as a float array: ints and bools become f64.
macro_rules! float_map {
    ($array:expr, $cost:expr, $T:ident, $x:ident => $body:expr) => {{
        let array: &Array = $array;
        match_dtype!(floats array.dtype(), $T => map::<$T, $T>(
            array, $cost, #[inline(always)] move |$x| $body,
        ), else map::<f64, f64>(
            &array.to_dtype(DType::F64), $cost, #[inline(always)] move |$x| {
                #[allow(dead_code)] // not every body names the type
                type $T = f64;
                $body
            },
        ))
    }};
}

/// Arithmetic on two elements of one type.
trait Binary {
    const NAME: &str;
    fn eval<T: Number>(x0: T, x1: T) -> T;
    /// The result for two bools, where it is a bool.
    const BOOL: Option<fn(bool, bool) -> bool> = None;
}

macro_rules! binary {
    ($($op:ident $name:literal $eval:ident $($bool:expr)?;)*) => {$(
        struct $op;
        impl Binary for $op {
            const NAME: &str = $name;
            #[inline(always)]
            fn eval<T: Number>(x0: T, x1: T) -> T {
                x0.$eval(x1)
            }
            $(const BOOL: Option<fn(bool, bool) -> bool> = Some($bool);)?
        }
    )*};
}
binary! {
    Add "add" add |a, b| a | b;
    Sub "sub" sub;
    Mul "mul" mul |a, b| a & b;
    Maximum "maximum" maximum |a, b| a | b;
    Minimum "minimum" minimum |a, b| a & b;
}

#[inline]
#[track_caller]
fn binary<O: Binary>(x0: &Array, x1: &Array) -> Array {
    if x0.dtype() == x1.dtype() {
        match_dtype!(numbers x0.dtype(), T => {
            return zip::<T, T, T>(
                O::NAME, x0, x1, Cost::Cheap,
                #[inline(always)] |a, b| O::eval(a, b),
            );
        }, else ());
    }
    binary_mixed::<O>(x0, x1)
}

#[inline(never)]
#[track_caller]
fn binary_mixed<O: Binary>(x0: &Array, x1: &Array) -> Array {
    let dtype = x0.dtype().promote(x1.dtype());
    if dtype == DType::Bool {
        let Some(eval) = O::BOOL else {
            panic!(
                "{}: not defined for bool arrays; cast them with `to_dtype`",
                O::NAME
            )
        };
        return zip::<bool, bool, bool>(O::NAME, x0, x1, Cost::Cheap, eval);
    }
    binary::<O>(&x0.to_dtype(dtype), &x1.to_dtype(dtype))
}

#[track_caller]
fn binary_assign<O: Binary>(x0: &mut Array, x1: &Array) {
    if x0.ndim() == 0 && x1.ndim() == 0 {
        if x0.dtype() == x1.dtype() {
            match_dtype!(numbers x0.dtype(), T => {
                *x0 = Array::scalar(O::eval::<T>(only(x0), only(x1)));
                return;
            }, else ());
        }
        *x0 = binary::<O>(x0, x1);
        return;
    }
    let dtype = x0.dtype().promote(x1.dtype());
    if dtype == x0.dtype() && dtype != DType::Bool && writes_in_place(x0, x1.shape()) {
        if x1.dtype() != dtype {
            return binary_assign::<O>(x0, &x1.to_dtype(dtype));
        }
        return match_dtype!(numbers dtype, T => zip_in_place::<T, T>(
            x0, x1, Cost::Cheap,
            #[inline(always)] |a, b| O::eval(a, b),
        ), else unreachable!("numbers only"));
    }
    let y = binary::<O>(x0, x1);
    if y.shape() != x0.shape() {
        panic!(
            "{}_assign: shape {:?} does not broadcast to {:?}",
            O::NAME,
            x1.shape(),
            x0.shape()
        );
    }
    *x0 = y;
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $name:ident $op:ident;)*) => {
        impl Array {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, other: &Array) -> Array {
                binary::<$op>(self, other)
            }
        )*}
    };
}
binary_methods! {
    /// `self + other`, broadcast. Integers wrap; bools: logical or.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([[1.0, 2.0], [3.0, 4.0]]).add(&Array::new([10.0, 20.0]));
    /// assert_eq!(x.to_vec::<f64>(), [11.0, 22.0, 13.0, 24.0]);
    /// ```
    add Add;
    /// `self - other`, broadcast. Integers wrap.
    ///
    /// # Panics
    /// If the shapes do not broadcast, or both are bool.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([3, 5]).sub(&Array::new(1));
    /// assert_eq!(x.to_vec::<i64>(), [2, 4]);
    /// ```
    sub Sub;
    /// `self * other`, broadcast. Integers wrap; bools: logical and.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([3, 5]).mul(&Array::new([2, -1]));
    /// assert_eq!(x.to_vec::<i64>(), [6, -5]);
    /// ```
    mul Mul;
    /// The larger of each pair of elements, broadcast; NaN where one is NaN.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([1.0, 5.0]).maximum(&Array::new(2.0));
    /// assert_eq!(x.to_vec::<f64>(), [2.0, 5.0]);
    /// ```
    maximum Maximum;
    /// The smaller of each pair of elements, broadcast; NaN where one is NaN.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([1.0, 5.0]).minimum(&Array::new(2.0));
    /// assert_eq!(x.to_vec::<f64>(), [1.0, 2.0]);
    /// ```
    minimum Minimum;
}

impl Array {
    /// `self / other`, broadcast. Integers divide as f64.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, 3]).div(&Array::new(2)).to_vec::<f64>(), [0.5, 1.5]);
    /// ```
    #[track_caller]
    pub fn div(&self, other: &Array) -> Array {
        if self.dtype() == other.dtype() {
            match_dtype!(floats self.dtype(), T => {
                return zip::<T, T, T>(
                    "div", self, other, Cost::Cheap,
                    #[inline(always)] |a, b| a.div(b),
                );
            }, else ());
        }
        let dtype = self.dtype().promote(other.dtype()).to_float();
        self.to_dtype(dtype).div(&other.to_dtype(dtype))
    }

    /// `self` to the power `exponent`, broadcast.
    ///
    /// # Panics
    /// If the shapes do not broadcast, or an integer is raised to a negative integer.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let x = Array::new([1, 2, 3]);
    /// assert_eq!(x.pow(&Array::new(2)).to_vec::<i64>(), [1, 4, 9]);
    /// ```
    #[track_caller]
    pub fn pow(&self, exponent: &Array) -> Array {
        let dtype = self.dtype().promote(exponent.dtype()).promote(DType::I64);
        let (x, c) = (self.to_dtype(dtype), exponent.to_dtype(dtype));
        match_dtype!(floats dtype, T => {
            if let Some(value) = uniform::<T>(&c)
                && c.ndim() <= x.ndim()
            {
                return x.powf(value.to_f64());
            }
            zip::<T, T, T>("pow", &x, &c, Cost::Heavy, Float::powf)
        }, else {
            if c.less(0).any().item() != 0.0 {
                panic!("pow: an integer to a negative power; cast to a float with `to_dtype`");
            }
            zip::<i64, i64, i64>("pow", &x, &c, Cost::Cheap, |a, b| a.power(b as u64))
        })
    }

    /// Each element to the power `exponent`; integers stay integers where `exponent` is a whole
    /// number that is not negative.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1.5, -3.0]).powf(2.0).to_vec::<f64>(), [2.25, 9.0]);
    /// ```
    pub fn powf(&self, exponent: f64) -> Array {
        let whole = || exponent.fract() == 0.0 && exponent.abs() <= 64.0;
        if !self.dtype().is_float() && whole() && exponent >= 0.0 {
            let n = exponent as u64;
            return map(&self.to_dtype(DType::I64), Cost::Cheap, move |x: i64| {
                x.power(n)
            });
        }
        if exponent == 2.0 {
            return self.square();
        }
        if exponent == 0.5 {
            return self.sqrt();
        }
        if exponent == -1.0 {
            return self.reciprocal();
        }
        let n = exponent as u64;
        if whole() && exponent >= 0.0 {
            // A known exponent unrolls, and the loop over the elements becomes SIMD.
            return match n {
                0 => Array::ones(self.shape(), self.dtype()),
                1 => self.clone(),
                3 => float_map!(self, Cost::Heavy, T, x => Float::powi(x, 3)),
                4 => float_map!(self, Cost::Heavy, T, x => Float::powi(x, 4)),
                _ => float_map!(self, Cost::Heavy, T, x => Float::powi(x, n)),
            };
        }
        float_map!(self, Cost::Heavy, T, x => Float::powf(x, <T as Element>::from_f64(exponent)))
    }

    /// Adds `other`, broadcast to the shape of `self`: in the memory of `self` where nobody else
    /// shares it, otherwise in one pass into fresh memory. `self` takes the wider dtype.
    ///
    /// # Panics
    /// If `other` does not broadcast to the shape of `self`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let mut x = Array::new([1.0, 2.0]);
    /// x.add_assign(&Array::new(1.0));
    /// assert_eq!(x.to_vec::<f64>(), [2.0, 3.0]);
    /// ```
    #[track_caller]
    pub fn add_assign(&mut self, other: &Array) {
        binary_assign::<Add>(self, other);
    }

    /// Subtracts `other` in place, as [`add_assign`](Array::add_assign) adds.
    ///
    /// # Panics
    /// If `other` does not broadcast to the shape of `self`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let mut x = Array::new([3, 5]);
    /// x.sub_assign(&Array::new(1));
    /// assert_eq!(x.to_vec::<i64>(), [2, 4]);
    /// ```
    #[track_caller]
    pub fn sub_assign(&mut self, other: &Array) {
        binary_assign::<Sub>(self, other);
    }

    /// Multiplies by `other` in place, as [`add_assign`](Array::add_assign) adds.
    ///
    /// # Panics
    /// If `other` does not broadcast to the shape of `self`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let mut x = Array::new([3, 5]);
    /// x.mul_assign(&Array::new(2));
    /// assert_eq!(x.to_vec::<i64>(), [6, 10]);
    /// ```
    #[track_caller]
    pub fn mul_assign(&mut self, other: &Array) {
        binary_assign::<Mul>(self, other);
    }

    /// Divides by `other` in place, as [`add_assign`](Array::add_assign) adds; integers become f64.
    ///
    /// # Panics
    /// If `other` does not broadcast to the shape of `self`.
    ///
    /// ```
    /// use dezero_array::Array;
    /// let mut x = Array::new([3, 5]);
    /// x.div_assign(&Array::new(2));
    /// assert_eq!(x.to_vec::<f64>(), [1.5, 2.5]);
    /// ```
    #[track_caller]
    pub fn div_assign(&mut self, other: &Array) {
        if self.dtype() == other.dtype() && writes_in_place(self, other.shape()) {
            match_dtype!(floats self.dtype(), T => {
                return zip_in_place::<T, T>(
                    self, other, Cost::Cheap,
                    #[inline(always)] |a, b| a.div(b),
                );
            }, else ());
        }
        let y = self.div(other);
        if y.shape() != self.shape() {
            panic!(
                "div_assign: shape {:?} does not broadcast to {:?}",
                other.shape(),
                self.shape()
            );
        }
        *self = y;
    }

    /// The elements as another dtype: floats truncate to integers, and are true as bools unless 0.
    /// Cheap where the dtype is the same already.
    ///
    /// ```
    /// use dezero_array::{Array, DType};
    /// assert_eq!(Array::new([1.7, -1.7]).to_dtype(DType::I64).to_vec::<i64>(), [1, -1]);
    /// ```
    pub fn to_dtype(&self, dtype: DType) -> Array {
        if dtype == self.dtype() {
            return self.clone();
        }
        match_dtype!(self.dtype(), T => match_dtype!(dtype, U => map::<T, U>(
            self, Cost::Cheap,
            cast,
        )))
    }
}

/// Integers go exactly where they can; the rest goes through f64, which holds all of it.
#[inline(always)]
fn cast<T: Element, U: Element>(x: T) -> U {
    if T::DTYPE.is_float() {
        U::from_f64(x.to_f64())
    } else {
        U::from_i64(x.to_i64())
    }
}

macro_rules! float_methods {
    ($($(#[$doc:meta])* $name:ident $cost:ident $T:ident $x:ident => $body:expr;)*) => {
        impl Array {$(
            $(#[$doc])*
            pub fn $name(&self) -> Array {
                float_map!(self, Cost::$cost, $T, $x => $body)
            }
        )*}
    };
}
float_methods! {
    /// `e` to each element; integers become f64, as in all functions with fractional results.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([0.0, 1.0]).exp().to_vec::<f64>(), [1.0, std::f64::consts::E]);
    /// ```
    exp Heavy T x => Float::exp(x);
    /// `e` to each element, minus 1, exact near 0.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([0.0, 1e-20]).exp_m1().to_vec::<f64>(), [0.0, 1e-20]);
    /// ```
    exp_m1 Heavy T x => Float::exp_m1(x);
    /// Natural logarithm of each element.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1.0, 0.0]).log().to_vec::<f64>(), [0.0, f64::NEG_INFINITY]);
    /// ```
    log Heavy T x => Float::log(x);
    /// Natural logarithm of 1 plus each element, exact near 0.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([0.0, 1e-20]).log1p().to_vec::<f64>(), [0.0, 1e-20]);
    /// ```
    log1p Heavy T x => Float::log1p(x);
    /// Square root of each element.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([4, 9]).sqrt().to_vec::<f64>(), [2.0, 3.0]);
    /// ```
    sqrt Cheap T x => Float::sqrt(x);
    /// 1 divided by each element.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([4.0, -2.0]).reciprocal().to_vec::<f64>(), [0.25, -0.5]);
    /// ```
    reciprocal Cheap T x => T::ONE.div(x);
    /// Hyperbolic tangent of each element.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([0.0, 100.0]).tanh().to_vec::<f64>(), [0.0, 1.0]);
    /// ```
    tanh Heavy T x => Float::tanh(x);
    /// `1 / (1 + e^-x)` of each element, without overflow.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([0.0, -1e3, 1e3]).sigmoid().to_vec::<f64>(), [0.5, 0.0, 1.0]);
    /// ```
    sigmoid Heavy T x => Float::sigmoid(x);
    /// The error function of each element.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([0.0, 10.0]).erf().to_vec::<f64>(), [0.0, 1.0]);
    /// ```
    erf Heavy T x => Float::erf(x);
    /// `log(1 + e^x)` of each element, without overflow.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([0.0, 1e3]).softplus().to_vec::<f64>(), [2f64.ln(), 1e3]);
    /// ```
    softplus Heavy T x => Float::softplus(x);
    /// The largest integer not above each element.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1.5, -1.5]).floor().to_vec::<f64>(), [1.0, -2.0]);
    /// ```
    floor Cheap T x => Float::floor(x);
    /// The smallest integer not below each element.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1.5, -1.5]).ceil().to_vec::<f64>(), [2.0, -1.0]);
    /// ```
    ceil Cheap T x => Float::ceil(x);
    /// The nearest integer of each element, halves to the even one.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([0.5, 1.5, 2.6]).round().to_vec::<f64>(), [0.0, 2.0, 3.0]);
    /// ```
    round Cheap T x => Float::round(x);
}

macro_rules! angle_methods {
    ($($(#[$doc:meta])* $name:ident $exact:ident;)*) => {
        impl Array {$(
            $(#[$doc])*
            pub fn $name(&self) -> Array {
                match_dtype!(floats self.dtype(), T => map_angles::<T>(
                    self,
                    #[inline(always)] |x| vector_math::$name(x),
                    |x| vector_math::Real::$exact(x),
                ), else self.to_dtype(DType::F64).$name())
            }
        )*}
    };
}
angle_methods! {
    /// Sine of each element, in radians.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([0.0, 1.0]).sin().to_vec::<f64>(), [0.0, 1f64.sin()]);
    /// ```
    sin exact_sin;
    /// Cosine of each element, in radians.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([0.0, 1.0]).cos().to_vec::<f64>(), [1.0, 1f64.cos()]);
    /// ```
    cos exact_cos;
    /// Tangent of each element, in radians.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([0.0, 1.0]).tan().to_vec::<f64>(), [0.0, 1f64.tan()]);
    /// ```
    tan exact_tan;
}

/// `$body` of each element of an array of numbers; bools become i64.
macro_rules! number_methods {
    ($($(#[$doc:meta])* $name:ident $T:ident $x:ident => $body:expr;)*) => {
        impl Array {$(
            $(#[$doc])*
            pub fn $name(&self) -> Array {
                match_dtype!(numbers self.dtype(), $T => map::<$T, $T>(
                    self, Cost::Cheap, #[inline(always)] |$x| $body,
                ), else self.to_dtype(DType::I64).$name())
            }
        )*}
    };
}
number_methods! {
    /// Each element with the other sign; bools become integers.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, -2]).neg().to_vec::<i64>(), [-1, 2]);
    /// ```
    neg T x => Number::neg(x);
    /// The magnitude of each element.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1, -2]).abs().to_vec::<i64>(), [1, 2]);
    /// ```
    abs T x => Number::abs(x);
    /// -1, 0 or 1 by the sign of each element; NaN stays.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([7.0, -2.0, 0.0]).sign().to_vec::<f64>(), [1.0, -1.0, 0.0]);
    /// ```
    sign T x => Number::sign(x);
    /// Each element times itself.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([3, -2]).square().to_vec::<i64>(), [9, 4]);
    /// ```
    square T x => x.mul(x);
    /// Each element, or 0 if that is larger.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([3.0, -2.0]).relu().to_vec::<f64>(), [3.0, 0.0]);
    /// ```
    relu T x => Number::relu(x);
}

macro_rules! float_tests {
    ($($(#[$doc:meta])* $name:ident $test:path, $otherwise:literal;)*) => {
        impl Array {$(
            $(#[$doc])*
            pub fn $name(&self) -> Array {
                match_dtype!(floats self.dtype(), T => map::<T, bool>(
                    self, Cost::Cheap, $test,
                ), else Array::full(self.shape(), $otherwise))
            }
        )*}
    };
}
float_tests! {
    /// Whether each element is NaN.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1.0, f64::NAN]).is_nan().to_vec::<bool>(), [false, true]);
    /// ```
    is_nan Number::is_nan, false;
    /// Whether each element is neither infinite nor NaN.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1.0, f64::INFINITY]).is_finite().to_vec::<bool>(), [true, false]);
    /// ```
    is_finite Float::is_finite, true;
    /// Whether each element is infinite.
    ///
    /// ```
    /// use dezero_array::Array;
    /// assert_eq!(Array::new([1.0, f64::INFINITY]).is_inf().to_vec::<bool>(), [false, true]);
    /// ```
    is_inf Float::is_inf, false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasts_and_keeps_weak_scalars_weak() {
        let x = Array::new([[1.0f32, 2.0], [3.0, 4.0]]);
        let y = &x.transpose() * &Array::new([10.0f32, 1.0]) - 1.0;
        assert_eq!(y.dtype(), DType::F32);
        assert_eq!(y.to_vec::<f32>(), [9.0, 2.0, 19.0, 3.0]);
        assert_eq!((Array::new([1, 2]) * 0.5).to_vec::<f64>(), [0.5, 1.0]);
        assert_eq!((1 - Array::new([1, 2])).to_vec::<i64>(), [0, -1]);
        let mut z = Array::zeros([2, 2], DType::F32);
        z += &x;
        z += &x;
        assert_eq!(z.to_vec::<f32>(), [2.0, 4.0, 6.0, 8.0]);
        assert_eq!(z.sum_to([2, 1]).to_vec::<f32>(), [6.0, 14.0]);
    }
}
