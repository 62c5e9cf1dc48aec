//! NumPy's file format for one array, `.npy`.
//!
//! Reads versions 1 to 3, either byte order, C and Fortran order. Elements that no
//! [`DType`] has are widened: smaller and unsigned integers to int64, float16 to float32.
//! Writes what `numpy.save` writes, byte for byte.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use crate::error::{ErrorKind, excerpt};
use crate::stored_type::{StoredType, read_full, write_elements};
use crate::{Array, DType, Error, Shape, write_atomically};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// The header of a plain array takes some 128 bytes; nothing that we read comes near this.
const LONGEST_HEADER: usize = 1 << 16;
/// NumPy's own limit.
const MOST_AXES: usize = 64;

/// What an array is, without its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Sizes of the axes.
    pub shape: Shape,
    /// The type that the elements have once read.
    pub dtype: DType,
}

/// The header as the file has it.
pub(crate) struct FullHeader {
    pub(crate) shape: Shape,
    pub(crate) stored: StoredType,
    /// Bytes of all elements.
    pub(crate) bytes: u64,
    big_endian: bool,
    fortran_order: bool,
}

/// Reads an array from a `.npy` file.
///
/// # Errors
/// If the file cannot be read, or is not one whole `.npy` array of numbers or bools.
///
/// ```no_run
/// let x = dezero_array::npy::load("x.npy")?;
/// # Ok::<(), dezero_array::Error>(())
/// ```
pub fn load(path: impl AsRef<Path>) -> Result<Array, Error> {
    let path = path.as_ref();
    let load = || {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        read_whole(&mut BufReader::new(file), length).map_err(Error::from)
    };
    load().map_err(|error| error.in_file(path))
}

/// Writes an array to a `.npy` file that `numpy.load` reads. The file is replaced as a whole
/// ([`write_atomically`]).
///
/// # Errors
/// If the file cannot be written.
pub fn save(path: impl AsRef<Path>, array: &Array) -> Result<(), Error> {
    write_atomically(path, |file| write(file, array))
}

/// Reads an array from the bytes of a `.npy` file.
///
/// # Errors
/// If the bytes are not one whole `.npy` array of numbers or bools.
///
/// ```
/// use dezero_array::{Array, npy};
/// let bytes = npy::to_bytes(&Array::new([[1.5f32, 2.0], [3.0, 4.0]]));
/// assert_eq!(npy::from_bytes(&bytes)?.shape(), &[2, 2]);
/// # Ok::<(), dezero_array::Error>(())
/// ```
pub fn from_bytes(bytes: &[u8]) -> Result<Array, Error> {
    Ok(read_whole(&mut &bytes[..], bytes.len() as u64)?)
}

/// The bytes of a `.npy` file.
pub fn to_bytes(array: &Array) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, array).expect("a Vec takes all bytes");
    bytes
}

/// Reads one array from a reader, and nothing beyond it.
///
/// # Errors
/// If the reader fails, or what it gives is not a `.npy` array of numbers or bools.
pub fn read(reader: &mut impl Read) -> Result<Array, Error> {
    let (header, _) = read_header(reader)?;
    // How much will come is unknown: memory is taken as data arrives.
    Ok(read_elements(reader, &header, 0)?)
}

/// Writes one array as `numpy.save` does.
///
/// # Errors
/// If the writer fails.
pub fn write(writer: &mut impl Write, array: &Array) -> Result<(), Error> {
    writer.write_all(&header_bytes(array))?;
    Ok(write_elements(array, writer)?)
}

/// The number of bytes that [`write`] writes.
pub(crate) fn written_length(array: &Array) -> u64 {
    (header_bytes(array).len() + array.size() * array.dtype().size()) as u64
}

fn read_whole(reader: &mut dyn Read, length: u64) -> Result<Array, ErrorKind> {
    let (header, start) = read_header(reader)?;
    header.expect_length(length.saturating_sub(start))?;
    read_elements(reader, &header, u64::MAX)
}

impl FullHeader {
    /// Checks that `found` bytes of elements are as many as the shape takes.
    pub(crate) fn expect_length(&self, found: u64) -> Result<(), ErrorKind> {
        if found == self.bytes {
            return Ok(());
        }
        Err(ErrorKind::Length {
            shape: self.shape.clone(),
            what: self.stored.name(),
            expected: self.bytes,
            found,
        })
    }

    /// Whether the file's bytes are the elements.
    pub(crate) fn is_bytes_in_order(&self) -> bool {
        self.stored == StoredType::U8 && (!self.fortran_order || self.shape.len() < 2)
    }

    pub(crate) fn public(&self) -> Header {
        Header {
            shape: self.shape.clone(),
            dtype: self.stored.dtype(),
        }
    }
}

pub(crate) fn read_elements(
    reader: &mut dyn Read,
    header: &FullHeader,
    reserve: u64,
) -> Result<Array, ErrorKind> {
    if !header.fortran_order {
        return header
            .stored
            .read(reader, &header.shape, header.big_endian, reserve);
    }
    let reversed = header.shape.iter().rev().copied().collect();
    let array = header
        .stored
        .read(reader, &reversed, header.big_endian, reserve)?;
    Ok(array.transpose().to_contiguous())
}

/// Reads a header, up to the first element; also the number of bytes read.
pub(crate) fn read_header(reader: &mut dyn Read) -> Result<(FullHeader, u64), ErrorKind> {
    let mut start = [0; 12];
    let found = read_full(reader, &mut start[..8])?;
    if !start[..found.min(6)].starts_with(&MAGIC[..found.min(6)]) {
        return Err(ErrorKind::Format {
            expected: "a npy array",
            found: excerpt(&start[..found]),
        });
    }
    let truncated = |found: usize| ErrorKind::Truncated {
        found: found as u64,
    };
    if found < 8 {
        return Err(truncated(found));
    }
    let length_bytes = match start[6..8] {
        [1, 0] => 2,
        [2 | 3, 0] => 4,
        _ => {
            return Err(ErrorKind::Header {
                expected: "version 1.0, 2.0 or 3.0",
                found: format!("{}.{}", start[6], start[7]),
            });
        }
    };
    let text_start = 8 + length_bytes;
    let found = 8 + read_full(reader, &mut start[8..text_start])?;
    if found < text_start {
        return Err(truncated(found));
    }
    let length = u32::from_le_bytes(start[8..].try_into().expect("4 bytes")) as usize;
    if length > LONGEST_HEADER {
        return Err(ErrorKind::Header {
            expected: "at most 65536 bytes of header",
            found: length.to_string(),
        });
    }
    let mut text = vec![0; length];
    let found = read_full(reader, &mut text)?;
    if found < length {
        return Err(truncated(text_start + found));
    }
    let header = parse_header(&text)?;
    Ok((header, (text_start + length) as u64))
}

/// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
fn parse_header(text: &[u8]) -> Result<FullHeader, ErrorKind> {
    let mut parser = Parser { rest: text };
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    parser.expect(b'{', "{")?;
    while !parser.eat(b'}') {
        let key = parser.string()?;
        parser.expect(b':', ":")?;
        match key {
            b"descr" => descr = Some(parser.type_name()?),
            b"fortran_order" => fortran_order = Some(parser.truth()?),
            b"shape" => shape = Some(parser.sizes()?),
            other => {
                return Err(ErrorKind::Header {
                    expected: "one of the keys descr, fortran_order, shape",
                    found: excerpt(other),
                });
            }
        }
        if !parser.eat(b',') {
            parser.expect(b'}', ", or }")?;
            break;
        }
    }
    if let [_, ..] = parser.peek() {
        return Err(parser.error("nothing after }"));
    }
    let missing = |expected| ErrorKind::Header {
        expected,
        found: "none".to_string(),
    };
    let (stored, big_endian) = descr.ok_or_else(|| missing("a key descr"))?;
    let shape = shape.ok_or_else(|| missing("a key shape"))?;
    let (shape, bytes) = stored.checked_shape(&shape)?;
    Ok(FullHeader {
        shape,
        stored,
        bytes,
        big_endian,
        fortran_order: fortran_order.ok_or_else(|| missing("a key fortran_order"))?,
    })
}

/// The few forms of Python literals that headers have.
struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn peek(&mut self) -> &'a [u8] {
        self.rest = self.rest.trim_ascii_start();
        self.rest
    }

    fn error(&self, expected: &'static str) -> ErrorKind {
        ErrorKind::Header {
            expected,
            found: excerpt(self.rest),
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek().first() == Some(&byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), ErrorKind> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(self.error(expected))
        }
    }

    fn string(&mut self) -> Result<&'a [u8], ErrorKind> {
        let &[quote @ (b'\'' | b'"'), ref rest @ ..] = self.peek() else {
            return Err(self.error("a string"));
        };
        let Some(end) = rest.iter().position(|&byte| byte == quote) else {
            return Err(self.error("the end of a string"));
        };
        self.rest = &rest[end + 1..];
        Ok(&rest[..end])
    }

    fn type_name(&mut self) -> Result<(StoredType, bool), ErrorKind> {
        if self.peek().first() == Some(&b'[') {
            // A list of fields: a structured type.
            return Err(ErrorKind::UnsupportedType {
                found: excerpt(self.rest),
            });
        }
        let name = self.string()?;
        let (order, kind) = match name {
            [order @ (b'<' | b'>' | b'|' | b'='), kind @ ..] => (*order, kind),
            kind => (b'=', kind),
        };
        let stored = match kind {
            b"b1" | b"?" => StoredType::Bool,
            b"i1" => StoredType::I8,
            b"i2" => StoredType::I16,
            b"i4" => StoredType::I32,
            b"i8" => StoredType::I64,
            b"u1" => StoredType::U8,
            b"u2" => StoredType::U16,
            b"u4" => StoredType::U32,
            b"u8" => StoredType::U64,
            b"f2" => StoredType::F16,
            b"f4" => StoredType::F32,
            b"f8" => StoredType::F64,
            _ => {
                return Err(ErrorKind::UnsupportedType {
                    found: excerpt(name),
                });
            }
        };
        Ok((stored, order == b'>'))
    }

    fn truth(&mut self) -> Result<bool, ErrorKind> {
        for (name, value) in [(&b"True"[..], true), (b"False", false)] {
            if let Some(rest) = self.peek().strip_prefix(name) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(self.error("True or False"))
    }

    fn sizes(&mut self) -> Result<Vec<u64>, ErrorKind> {
        self.expect(b'(', "( of a shape")?;
        let mut sizes = Vec::new();
        while !self.eat(b')') {
            if sizes.len() == MOST_AXES {
                return Err(self.error("at most 64 axes"));
            }
            sizes.push(self.size()?);
            if !self.eat(b',') {
                self.expect(b')', ", or )")?;
                break;
            }
        }
        Ok(sizes)
    }

    fn size(&mut self) -> Result<u64, ErrorKind> {
        let rest = self.peek();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let size = std::str::from_utf8(&rest[..digits]).expect("digits");
        let size = size
            .parse()
            .map_err(|_| self.error("the size of an axis"))?;
        self.rest = &rest[digits..];
        // Python 2 wrote long integers with an L.
        self.rest = self.rest.strip_prefix(b"L").unwrap_or(self.rest);
        Ok(size)
    }
}

/// The magic, version, length and header, padded so that the elements start at a multiple of 64.
fn header_bytes(array: &Array) -> Vec<u8> {
    let descr = match array.dtype() {
        DType::Bool => "|b1",
        DType::I64 => "<i8",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
    };
    let shape = match array.shape() {
        [n] => format!("({n},)"),
        shape => {
            let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
            format!("({})", sizes.join(", "))
        }
    };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // NumPy leaves room for the first axis to grow to 21 digits.
    let first_digits = array.shape().first().map_or(21, |n| n.to_string().len());
    text.extend(std::iter::repeat_n(' ', 21 - first_digits));
    let version_1 = (10 + text.len() + 1).next_multiple_of(64) - 10;
    let (mut bytes, length) = if version_1 <= usize::from(u16::MAX) {
        let mut bytes = [MAGIC, &[1, 0][..]].concat();
        bytes.extend((version_1 as u16).to_le_bytes());
        (bytes, version_1)
    } else {
        let length = (12 + text.len() + 1).next_multiple_of(64) - 12;
        let mut bytes = [MAGIC, &[2, 0][..]].concat();
        bytes.extend((length as u32).to_le_bytes());
        (bytes, length)
    };
    text.extend(std::iter::repeat_n(' ', length - 1 - text.len()));
    bytes.extend(text.into_bytes());
    bytes.push(b'\n');
    bytes
}
