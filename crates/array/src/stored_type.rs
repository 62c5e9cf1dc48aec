//! Element types of files, and reading them into ours.

use std::io::{self, Read};

use crate::error::ErrorKind;
use crate::{Array, DType, Element, Shape};

/// An element type that a file can hold; narrower ones are widened to a [`DType`] when read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredType {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    Bf16,
    F32,
    F64,
}

use StoredType::*;

/// Elements are decoded through a buffer of this size, a multiple of every element's.
const CHUNK: usize = 1 << 16;

impl StoredType {
    /// The type of the array that holds the elements.
    pub(crate) fn dtype(self) -> DType {
        match self {
            Bool => DType::Bool,
            I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64 => DType::I64,
            F16 | Bf16 | F32 => DType::F32,
            F64 => DType::F64,
        }
    }

    pub(crate) fn size(self) -> usize {
        match self {
            Bool | I8 | U8 => 1,
            I16 | U16 | F16 | Bf16 => 2,
            I32 | U32 | F32 => 4,
            I64 | U64 | F64 => 8,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Bool => "bool",
            I8 => "int8",
            I16 => "int16",
            I32 => "int32",
            I64 => "int64",
            U8 => "uint8",
            U16 => "uint16",
            U32 => "uint32",
            U64 => "uint64",
            F16 => "float16",
            Bf16 => "bfloat16",
            F32 => "float32",
            F64 => "float64",
        }
    }

    /// The shape and the bytes it takes in the file, if an array of it can exist here.
    pub(crate) fn checked_shape(self, shape: &[u64]) -> Result<(Shape, u64), ErrorKind> {
        let too_large = || ErrorKind::TooLarge {
            shape: shape.to_vec(),
        };
        // Axes of size 0 count as 1, so that no partial product of an empty shape overflows.
        let element = self.size().max(self.dtype().size()) as u64;
        shape
            .iter()
            .try_fold(element, |bytes, &n| bytes.checked_mul(n.max(1)))
            .filter(|&bytes| bytes <= isize::MAX as u64)
            .ok_or_else(too_large)?;
        let count: u64 = shape.iter().product();
        let shape = shape.iter().map(|&n| n as usize).collect();
        Ok((shape, count * self.size() as u64))
    }

    /// Reads a row-major array of `shape`. Allocates `reserve` bytes at most before they are read.
    pub(crate) fn read(
        self,
        reader: &mut dyn Read,
        shape: &Shape,
        big_endian: bool,
        reserve: u64,
    ) -> Result<Array, ErrorKind> {
        macro_rules! read {
            ($t:ty => $element:ty, $convert:expr) => {
                self.read_as(reader, shape, reserve, |mut bytes| -> $element {
                    if big_endian {
                        bytes.reverse();
                    }
                    $convert(<$t>::from_le_bytes(bytes))
                })
            };
        }
        match self {
            Bool => self.read_as(reader, shape, reserve, |[byte]: [u8; 1]| byte != 0),
            I8 => read!(i8 => i64, i64::from),
            I16 => read!(i16 => i64, i64::from),
            I32 => read!(i32 => i64, i64::from),
            I64 => read!(i64 => i64, |x| x),
            U8 => read!(u8 => i64, i64::from),
            U16 => read!(u16 => i64, i64::from),
            U32 => read!(u32 => i64, i64::from),
            U64 => {
                let array = read!(u64 => i64, |x| x as i64)?;
                let elements = array.as_slice::<i64>().expect("contiguous");
                match elements.iter().find(|&&x| x < 0) {
                    None => Ok(array),
                    Some(&x) => Err(ErrorKind::OutOfRange {
                        value: x as u64,
                        dtype: DType::I64,
                    }),
                }
            }
            F16 => read!(u16 => f32, f16_to_f32),
            Bf16 => read!(u16 => f32, bf16_to_f32),
            F32 => read!(f32 => f32, |x| x),
            F64 => read!(f64 => f64, |x| x),
        }
    }

    fn read_as<const N: usize, T: Element>(
        self,
        reader: &mut dyn Read,
        shape: &Shape,
        reserve: u64,
        decode: impl Fn([u8; N]) -> T,
    ) -> Result<Array, ErrorKind> {
        let count = crate::size_of_shape(shape);
        let reserve = usize::try_from(reserve).unwrap_or(usize::MAX);
        let mut elements = Vec::<T>::with_capacity(count.min(reserve / size_of::<T>()));
        let mut chunk = vec![0; CHUNK.min(count * N)];
        while elements.len() < count {
            let wanted = ((count - elements.len()) * N).min(CHUNK);
            let found = read_full(reader, &mut chunk[..wanted])?;
            if found < wanted {
                return Err(ErrorKind::Length {
                    shape: shape.clone(),
                    what: self.name(),
                    expected: (count * N) as u64,
                    found: (elements.len() * N + found) as u64,
                });
            }
            let (items, _) = chunk[..wanted].as_chunks::<N>();
            elements.extend(items.iter().map(|&bytes| decode(bytes)));
        }
        Ok(Array::from_vec(elements, shape))
    }
}

/// The value of a float16, which float32 holds exactly. By hand, as the next one: the crate `half` takes as long to
/// compile as the reader of zip files.
fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let rest = u32::from(bits & 0x7fff);
    let magnitude = match rest >> 10 {
        // Subnormal: so many times 2⁻²⁴.
        0 => (rest as f32 * 2f32.powi(-24)).to_bits(),
        // Infinite or NaN.
        31 => rest << 13 | f32::INFINITY.to_bits(),
        // The exponent counts from -127 instead of -15.
        _ => (rest << 13) + (112 << 23),
    };
    f32::from_bits(sign | magnitude)
}

/// The value of a bfloat16, the upper half of a float32.
fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Reads until `buffer` is full or the reader ends; how many bytes that were.
pub(crate) fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Writes the elements in row-major order, little-endian.
pub(crate) fn write_elements(array: &Array, writer: &mut dyn io::Write) -> io::Result<()> {
    fn write<T: Element, const N: usize>(
        array: &Array,
        writer: &mut dyn io::Write,
        encode: impl Fn(T) -> [u8; N],
    ) -> io::Result<()> {
        let array = array.to_contiguous();
        let elements = array.as_slice::<T>().expect("contiguous");
        let mut bytes = Vec::with_capacity(CHUNK.min(elements.len() * N));
        for chunk in elements.chunks(CHUNK / N) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|&x| encode(x)));
            writer.write_all(&bytes)?;
        }
        Ok(())
    }
    match array.dtype() {
        DType::Bool => write(array, writer, |x: bool| [u8::from(x)]),
        DType::I64 => write(array, writer, i64::to_le_bytes),
        DType::F32 => write(array, writer, f32::to_le_bytes),
        DType::F64 => write(array, writer, f64::to_le_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widens_every_number_of_16_bits() {
        let same = |x: f32, y: f32| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan());
        for bits in 0..=u16::MAX {
            let expected = half::f16::from_bits(bits).to_f32();
            assert!(same(f16_to_f32(bits), expected), "float16 {bits:#x}");
            let expected = half::bf16::from_bits(bits).to_f32();
            assert!(same(bf16_to_f32(bits), expected), "bfloat16 {bits:#x}");
        }
    }
}
