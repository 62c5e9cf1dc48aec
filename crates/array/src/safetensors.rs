//! The safetensors format for several named arrays.
//!
//! Elements that no [`DType`] has are widened when read: smaller and unsigned integers to int64,
//! float16 and bfloat16 to float32.

use std::borrow::{Borrow, Cow};
use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use ::safetensors::tensor::{SafeTensorError, View};
use ::safetensors::{Dtype, SafeTensors};

use crate::error::ErrorKind;
use crate::stored_type::{StoredType, write_elements};
use crate::{Array, DType, Error, write_atomically};

/// Reads all arrays of a `.safetensors` file, in the order of their data.
///
/// # Errors
/// If the file cannot be read, is not a sound safetensors file, or has elements of a type that is
/// neither bool, an integer nor a float. The error names the file and the array.
///
/// ```no_run
/// for (name, array) in dezero_array::safetensors::load("model.safetensors")? {
///     println!("{name}: {:?}", array.shape());
/// }
/// # Ok::<(), dezero_array::Error>(())
/// ```
pub fn load(path: impl AsRef<Path>) -> Result<Vec<(String, Array)>, Error> {
    let path = path.as_ref();
    let load = || from_bytes(&fs::read(path)?);
    load().map_err(|error: Error| error.in_file(path))
}

/// Writes named arrays to a `.safetensors` file. The file is replaced as a whole
/// ([`write_atomically`]).
///
/// # Errors
/// If the file cannot be written or two arrays have one name.
pub fn save<N: AsRef<str>, A: Borrow<Array>>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (N, A)>,
) -> Result<(), Error> {
    write_atomically(path, |file| Ok(file.write_all(&to_bytes(arrays)?)?))
}

/// Reads all arrays from the bytes of a `.safetensors` file.
///
/// # Errors
/// As [`load`].
///
/// ```
/// use dezero_array::{Array, safetensors};
/// let bytes = safetensors::to_bytes([("l1/W", Array::new([[1.0f32, 2.0]]))])?;
/// let arrays = safetensors::from_bytes(&bytes)?;
/// assert_eq!(arrays[0].0, "l1/W");
/// assert_eq!(arrays[0].1.shape(), &[1, 2]);
/// # Ok::<(), dezero_array::Error>(())
/// ```
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<(String, Array)>, Error> {
    // The crate checks that the data of all tensors lie inside the file, side by side.
    let file = SafeTensors::deserialize(bytes).map_err(kind_of)?;
    let names = file.names();
    let mut tensors: Vec<_> = names
        .into_iter()
        .map(|name| Ok((name, file.tensor(name).map_err(kind_of)?)))
        .collect::<Result<_, ErrorKind>>()?;
    tensors.sort_by_key(|(name, tensor)| (tensor.data().as_ptr().addr(), *name));
    tensors
        .into_iter()
        .map(|(name, tensor)| {
            let read = || {
                let stored = stored_type(tensor.dtype())?;
                let shape: Vec<u64> = tensor.shape().iter().map(|&n| n as u64).collect();
                let (shape, _) = stored.checked_shape(&shape)?;
                stored.read(&mut tensor.data(), &shape, false, u64::MAX)
            };
            match read() {
                Ok(array) => Ok((name.to_owned(), array)),
                Err(kind) => Err(Error::from(kind).in_entry(Some(name))),
            }
        })
        .collect()
}

/// The bytes of a `.safetensors` file.
///
/// # Errors
/// If two arrays have one name.
pub fn to_bytes<N: AsRef<str>, A: Borrow<Array>>(
    arrays: impl IntoIterator<Item = (N, A)>,
) -> Result<Vec<u8>, Error> {
    let mut names = HashSet::new();
    let mut tensors = Vec::new();
    for (name, array) in arrays {
        let (name, array) = (name.as_ref(), array.borrow());
        if !names.insert(name.to_owned()) {
            return Err(Error::from(ErrorKind::DuplicateName).in_entry(Some(name)));
        }
        tensors.push((name.to_owned(), Tensor(array.clone())));
    }
    Ok(::safetensors::serialize(tensors, None).map_err(kind_of)?)
}

struct Tensor(Array);

impl View for Tensor {
    fn dtype(&self) -> Dtype {
        match self.0.dtype() {
            DType::Bool => Dtype::BOOL,
            DType::I64 => Dtype::I64,
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
        }
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        write_elements(&self.0, &mut bytes).expect("a Vec takes all bytes");
        bytes.into()
    }

    fn data_len(&self) -> usize {
        self.0.size() * self.0.dtype().size()
    }
}

fn stored_type(dtype: Dtype) -> Result<StoredType, ErrorKind> {
    Ok(match dtype {
        Dtype::BOOL => StoredType::Bool,
        Dtype::I8 => StoredType::I8,
        Dtype::I16 => StoredType::I16,
        Dtype::I32 => StoredType::I32,
        Dtype::I64 => StoredType::I64,
        Dtype::U8 => StoredType::U8,
        Dtype::U16 => StoredType::U16,
        Dtype::U32 => StoredType::U32,
        Dtype::U64 => StoredType::U64,
        Dtype::F16 => StoredType::F16,
        Dtype::BF16 => StoredType::Bf16,
        Dtype::F32 => StoredType::F32,
        Dtype::F64 => StoredType::F64,
        other => {
            return Err(ErrorKind::UnsupportedType {
                found: other.to_string(),
            });
        }
    })
}

fn kind_of(error: SafeTensorError) -> ErrorKind {
    ErrorKind::Safetensors(error.to_string())
}
