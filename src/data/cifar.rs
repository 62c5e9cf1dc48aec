//! CIFAR-10 and CIFAR-100 from their binary files.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use dezero_array::npz::Archive;
use dezero_array::{Array, DType};

use super::folders::{cache_dir, search_path};
use super::tar_gz::{read_tar_gz, too_large};
use super::{ImageDataset, Split};
use crate::{Error, Result};

const SHAPE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = 3 * 32 * 32;

/// 60,000 photographs of 32 x 32 pixels in 10 classes: 50,000 for training and 10,000 for testing.
///
/// Samples are `f32` `[3, 32, 32]`, RGB from 0 to 1, and the class as `i64`; the classes are in
/// [`CIFAR10_CLASSES`].
///
/// Looked for in the folder that the environment variable `DEZERO_DATA` names and in `~/.cache/dezero`,
/// there and in `cifar-10/` below, is one of
/// - the folder `cifar-10-batches-bin` of the "binary version": `data_batch_1.bin` to
///   `data_batch_5.bin`, `test_batch.bin`,
/// - the archive that it comes in, `cifar-10-binary.tar.gz`,
/// - `cifar10.npz` with the arrays `x_train`, `y_train`, `x_test`, `y_test`; images of bytes,
///   `[n, 3, 32, 32]` or `[n, 32, 32, 3]`.
///
/// # Errors
/// [`Error::DatasetNotFound`], which says how to get the files, or what is wrong in one of them.
///
/// ```
/// use dezero::data::{Split, cifar10};
/// match cifar10(Split::Test) {
///     Ok(test) => assert_eq!(test.image_shape(), [3, 32, 32]),
///     Err(error) => println!("{error}"), // how to get the files
/// }
/// ```
pub fn cifar10(split: Split) -> Result<ImageDataset> {
    cifar10_in("", split)
}

/// [`cifar10`] from the folder `data_dir` or `data_dir/cifar-10`; if it is not there, from the usual
/// places. An empty path stands for no folder.
///
/// # Errors
/// Those of [`cifar10`].
pub fn cifar10_in(data_dir: impl AsRef<Path>, split: Split) -> Result<ImageDataset> {
    CIFAR10.load(data_dir.as_ref(), split, 0)
}

/// Which of the two labels of CIFAR-100 is the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cifar100Labels {
    /// 20 classes, such as fish.
    Coarse,
    /// 100 classes, such as trout.
    Fine,
}

/// 60,000 photographs of 32 x 32 pixels in 100 classes, in the form of [`cifar10`].
///
/// Looked for as that, in `cifar-100/`: `cifar-100-binary/train.bin` and `test.bin`,
/// `cifar-100-binary.tar.gz`, or `cifar100.npz`, whose labels are taken as they are.
///
/// # Errors
/// Those of [`cifar10`].
pub fn cifar100(split: Split, labels: Cifar100Labels) -> Result<ImageDataset> {
    cifar100_in("", split, labels)
}

/// [`cifar100`] from the folder `data_dir` or `data_dir/cifar-100`; if it is not there, from the
/// usual places. An empty path stands for no folder.
///
/// # Errors
/// Those of [`cifar10`].
pub fn cifar100_in(
    data_dir: impl AsRef<Path>,
    split: Split,
    labels: Cifar100Labels,
) -> Result<ImageDataset> {
    CIFAR100.load(data_dir.as_ref(), split, labels as usize)
}

/// The names of the classes of [`cifar10`].
pub const CIFAR10_CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

/// One of the two data sets.
struct Family {
    name: &'static str,
    folder: &'static str,
    /// Of the binary files, and their names.
    bin_folder: &'static str,
    files: [&'static [&'static str]; 2],
    archive: &'static str,
    npz: &'static str,
    /// How many classes each label byte of a record tells apart.
    classes: &'static [u8],
}

const CIFAR10: Family = Family {
    name: "CIFAR-10",
    folder: "cifar-10",
    bin_folder: "cifar-10-batches-bin",
    files: [
        &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
        ],
        &["test_batch.bin"],
    ],
    archive: "cifar-10-binary.tar.gz",
    npz: "cifar10.npz",
    classes: &[10],
};

const CIFAR100: Family = Family {
    name: "CIFAR-100",
    folder: "cifar-100",
    bin_folder: "cifar-100-binary",
    files: [&["train.bin"], &["test.bin"]],
    archive: "cifar-100-binary.tar.gz",
    npz: "cifar100.npz",
    classes: &[20, 100],
};

/// A batch file holds 10,000 records, CIFAR-100's training file 50,000: no record file is larger.
const LARGEST: u64 = 50_000 * (2 + PIXELS as u64);

impl Family {
    fn load(&self, data_dir: &Path, split: Split, label: usize) -> Result<ImageDataset> {
        let files = self.files[split as usize];
        let roots = search_path(data_dir);
        let folders = || {
            roots
                .iter()
                .flat_map(|root| [root.join(self.folder), root.clone()])
        };
        for folder in folders() {
            for folder in [folder.join(self.bin_folder), folder.clone()] {
                if files.iter().all(|name| folder.join(name).is_file()) {
                    let read = |name: &&str| read_file(&folder.join(name));
                    return self.dataset(files.iter().map(read), label);
                }
            }
            let archive = folder.join(self.archive);
            if archive.is_file() {
                let files = read_tar_gz(&archive, files, LARGEST)?;
                return self.dataset(files.into_iter().map(Ok), label);
            }
            let npz = folder.join(self.npz);
            if npz.is_file() {
                return self.read_npz(&npz, split, label);
            }
        }
        let cache = cache_dir().map_or_else(|| "the cache".into(), |c| c.display().to_string());
        Err(Error::DatasetNotFound {
            name: self.name.to_owned(),
            file: format!("{}/{}", self.bin_folder, files[0]),
            searched: folders().collect(),
            hint: format!(
                "To get it, fetch http://www.cs.toronto.edu/~kriz/{} (the \"binary version\") and put \
                 it, packed or unpacked, into {cache}/{}, or into a folder that the environment \
                 variable DEZERO_DATA names.",
                self.archive, self.folder
            ),
        })
    }

    /// Splits records into labels and pixels.
    fn dataset(
        &self,
        files: impl Iterator<Item = Result<(PathBuf, Vec<u8>)>>,
        label: usize,
    ) -> Result<ImageDataset> {
        let (mut labels, mut pixels) = (Vec::new(), Vec::new());
        for file in files {
            let (path, bytes) = file?;
            let record = self.classes.len() + PIXELS;
            if bytes.is_empty() || bytes.len() % record != 0 {
                let reason = format!(
                    "{} bytes are not a whole number of {} records of {record} bytes; is it truncated?",
                    bytes.len(),
                    self.name
                );
                return Err(Error::format(path, reason));
            }
            for (i, record) in bytes.chunks(record).enumerate() {
                let (classes, image) = record.split_at(self.classes.len());
                let class = classes[label];
                if class >= self.classes[label] {
                    let n = self.classes[label];
                    let reason = format!("record {i} has the class {class}; there are {n}");
                    return Err(Error::format(path, reason));
                }
                labels.push(class);
                pixels.extend_from_slice(image);
            }
        }
        Ok(ImageDataset::new(pixels, SHAPE, labels, 255))
    }

    fn read_npz(&self, path: &Path, split: Split, label: usize) -> Result<ImageDataset> {
        let [x_name, y_name] = match split {
            Split::Train => ["x_train", "y_train"],
            Split::Test => ["x_test", "y_test"],
        };
        let mut archive = Archive::open(path)?;
        let y = archive.read(y_name)?;
        let n = y.size();
        let last = self.classes[label] - 1;
        let labels = bytes(&y, last).map_err(|value| {
            Error::format(
                path,
                format!("{y_name} has a {value}; expected 0 to {last}"),
            )
        })?;
        // Only an array of the right shape is read at all.
        let headers = archive.headers()?;
        let shape = headers
            .iter()
            .find(|(name, _)| name == x_name)
            .map(|(_, h)| h.shape.to_vec());
        let channels_last = match shape.as_deref() {
            Some([m, 3, 32, 32]) if *m == n => false,
            Some([m, 32, 32, 3]) if *m == n => true,
            None => false, // the error is that of reading it
            Some(shape) => {
                let reason = format!(
                    "{x_name} has shape {shape:?}; expected [{n}, 3, 32, 32] or [{n}, 32, 32, 3], \
                     an image for each label"
                );
                return Err(Error::format(path, reason));
            }
        };
        let pixels = match archive.read_bytes(x_name)? {
            Some(pixels) => pixels,
            None => bytes(&archive.read(x_name)?, 255).map_err(|value| {
                let reason = format!("{x_name} has a {value}; expected bytes, 0 to 255");
                Error::format(path, reason)
            })?,
        };
        let pixels = match channels_last {
            true => pixels.chunks(PIXELS).flat_map(channels_first).collect(),
            false => pixels,
        };
        Ok(ImageDataset::new(pixels, SHAPE, labels, 255))
    }
}

/// The pixels of one image by channel.
fn channels_first(image: &[u8]) -> impl Iterator<Item = u8> {
    (0..3).flat_map(|c| image[c..].iter().step_by(3).copied())
}

/// The elements as bytes, or the first that is not an integer from 0 to `largest`.
fn bytes(x: &Array, largest: u8) -> Result<Vec<u8>, f64> {
    let byte = |x: f64| match x as u8 {
        b if f64::from(b) == x && b <= largest => Ok(b),
        _ => Err(x),
    };
    match x.dtype() {
        DType::I64 => x
            .to_vec::<i64>()
            .into_iter()
            .map(|x| byte(x as f64))
            .collect(),
        _ => x
            .to_dtype(DType::F64)
            .to_vec::<f64>()
            .into_iter()
            .map(byte)
            .collect(),
    }
}

fn read_file(path: &Path) -> Result<(PathBuf, Vec<u8>)> {
    let file = File::open(path).map_err(Error::io(path))?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::io(path))?;
    too_large(path, bytes.len() as u64, LARGEST)?;
    Ok((path.to_owned(), bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::data::Dataset;

    /// `n` records with these label bytes, whose pixels count up from the record's number.
    fn records(n: usize, labels: &[u8]) -> Vec<u8> {
        (0..n)
            .flat_map(|i| {
                let pixels = (0..PIXELS).map(move |p| ((i + p) % 256) as u8);
                labels.iter().map(move |l| l + i as u8).chain(pixels)
            })
            .collect()
    }

    fn tar_gz(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = Vec::new();
        for (name, contents) in files {
            let mut header = [0; 512];
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[124..136].copy_from_slice(format!("{:011o}\0", contents.len()).as_bytes());
            tar.extend(header);
            tar.extend(*contents);
            tar.resize(tar.len().next_multiple_of(512), 0);
        }
        tar.extend([0; 1024]);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&tar).unwrap();
        gzip.finish().unwrap()
    }

    fn check_two(data: &ImageDataset, labels: [u8; 2]) {
        assert_eq!(data.labels(), labels);
        let (x, t) = data.get(1);
        assert_eq!((x.shape(), t), (&[3, 32, 32][..], i64::from(labels[1])));
        assert_eq!(x.to_vec::<f32>()[..2], [1.0 / 255.0, 2.0 / 255.0]);
        assert_eq!(x.to_vec::<f32>()[1024], ((1 + 1024) % 256) as f32 / 255.0);
    }

    #[test]
    fn binary_files() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("cifar-10/cifar-10-batches-bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("test_batch.bin"), records(2, &[8])).unwrap();
        check_two(&cifar10_in(folder.path(), Split::Test).unwrap(), [8, 9]);
        check_two(&cifar10_in(&bin, Split::Test).unwrap(), [8, 9]);
        for i in 1..=5 {
            fs::write(bin.join(format!("data_batch_{i}.bin")), records(i, &[0])).unwrap();
        }
        let train = cifar10_in(folder.path(), Split::Train).unwrap();
        assert_eq!(
            train.labels(),
            [0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4]
        );
    }

    #[test]
    fn the_archive_as_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = tar_gz(&[
            ("cifar-100-binary/", &[]),
            ("cifar-100-binary/fine_label_names.txt", b"apple"),
            ("cifar-100-binary/test.bin", &records(2, &[18, 98])),
            ("cifar-100-binary/train.bin", &records(1, &[0, 0])),
        ]);
        let path = folder.path().join("cifar-100-binary.tar.gz");
        fs::write(&path, &bytes).unwrap();
        let load = |split, labels| cifar100_in(folder.path(), split, labels);
        check_two(
            &load(Split::Test, Cifar100Labels::Coarse).unwrap(),
            [18, 19],
        );
        check_two(&load(Split::Test, Cifar100Labels::Fine).unwrap(), [98, 99]);
        assert_eq!(load(Split::Train, Cifar100Labels::Fine).unwrap().len(), 1);
        // Wherever it is cut off, an error names it.
        for n in (1..bytes.len() - 40).step_by(7) {
            fs::write(&path, &bytes[..n]).unwrap();
            let error = load(Split::Train, Cifar100Labels::Fine)
                .unwrap_err()
                .to_string();
            assert!(error.contains("cifar-100-binary.tar.gz"), "{error}");
        }
        fs::write(&path, tar_gz(&[("a/test.bin", &[])])).unwrap();
        let error = load(Split::Train, Cifar100Labels::Fine).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("train.bin is not in the archive"),
            "{error}"
        );
    }

    #[test]
    fn npz_with_channels_first_or_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cifar10.npz");
        let raw = records(2, &[]);
        let pixels: Vec<i64> = raw.iter().map(|&p| i64::from(p)).collect();
        let x = Array::from_vec(pixels, [2, 3, 32, 32]);
        let y = Array::new([[3], [9]]);
        for x in [x.clone(), x.permute([0, 2, 3, 1]).copy()] {
            dezero_array::npz::save(&path, [("x_test", &x), ("y_test", &y)]).unwrap();
            check_two(&cifar10_in(folder.path(), Split::Test).unwrap(), [3, 9]);
        }
        let fails = |x: &Array, y: &Array, message: &str| {
            dezero_array::npz::save(&path, [("x_test", x), ("y_test", y)]).unwrap();
            let error = cifar10_in(folder.path(), Split::Test)
                .unwrap_err()
                .to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
            assert!(error.contains(message), "{error}");
        };
        fails(&x, &Array::new([3, 10]), "y_test has a 10; expected 0 to 9");
        fails(
            &x,
            &Array::new([3, 9, 1]),
            "x_test has shape [2, 3, 32, 32]; expected [3, 3, 32, 32]",
        );
        let above = Array::full([2, 3, 32, 32], 256_i64);
        fails(&above, &y, "x_test has a 256; expected bytes");
        let error = cifar10_in(folder.path(), Split::Train)
            .unwrap_err()
            .to_string();
        assert!(error.contains("y_train"), "{error}");
    }

    /// As NumPy writes bytes (tests/golden/cifar.py); then cut off and damaged everywhere.
    #[test]
    fn npz_of_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cifar10.npz");
        let sound = include_bytes!("../../tests/golden/cifar10.npz");
        fs::write(&path, sound).unwrap();
        check_two(&cifar10_in(folder.path(), Split::Test).unwrap(), [3, 9]);
        for at in (0..sound.len()).step_by(5) {
            fs::write(&path, &sound[..at]).unwrap();
            let error = cifar10_in(folder.path(), Split::Test).unwrap_err();
            assert!(error.to_string().contains("cifar10.npz"), "{error}");

            let mut damaged = sound.to_vec();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&path, &damaged).unwrap();
            // What the archive does not use may be damaged; whatever is read has two images.
            if let Ok(data) = cifar10_in(folder.path(), Split::Test) {
                check_two(&data, [3, 9]);
            }
        }
    }

    #[test]
    fn truncated_and_wrong_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test_batch.bin");
        let fails = |bytes: &[u8], message: &str| {
            fs::write(&path, bytes).unwrap();
            let error = cifar10_in(folder.path(), Split::Test).unwrap_err();
            assert!(
                matches!(&error, Error::Format { path: p, .. } if *p == path),
                "{error}"
            );
            assert!(error.to_string().contains(message), "{error}");
        };
        let sound = records(2, &[0]);
        fails(
            &sound[..6000],
            "6000 bytes are not a whole number of CIFAR-10 records of 3073 bytes",
        );
        fails(&[], "0 bytes are not a whole number");
        fails(&records(2, &[9]), "record 1 has the class 10; there are 10");
    }

    #[test]
    fn absent_files_say_how_to_get_them() {
        let family = Family {
            folder: "x",
            bin_folder: "x",
            archive: "x.tar.gz",
            npz: "x",
            files: [&["x"]; 2],
            ..CIFAR10
        };
        let error = family
            .load(Path::new(""), Split::Test, 0)
            .unwrap_err()
            .to_string();
        for part in [
            "CIFAR-10: no x/x",
            "http://www.cs.toronto.edu/~kriz/x.tar.gz",
            "DEZERO_DATA",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
