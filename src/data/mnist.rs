//! MNIST and Fashion-MNIST from their idx files.

use std::path::{Path, PathBuf};

use super::folders::{cache_dir, search_path};
use super::idx::read_expected;
use super::{ImageDataset, Split};
use crate::{Error, Result};

/// 70,000 handwritten digits of 28 x 28 pixels: 60,000 for training and 10,000 for testing.
///
/// Samples are `f32` `[1, 28, 28]` from 0 (paper) to 1 (ink) and the digit, as `i64`.
///
/// The files `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
/// `t10k-labels-idx1-ubyte`, each as it is or with `.gz`, are looked for in the folder that the
/// environment variable `DEZERO_DATA` names and in `~/.cache/dezero`, there and in `mnist/` below.
/// With the feature `download` they are fetched where they are missing.
///
/// # Errors
/// [`Error::DatasetNotFound`], which says how to get the files, or what is wrong in one of them.
///
/// ```
/// use dezero::data::{DataLoader, Split, mnist};
///
/// let train = match mnist(Split::Train) {
///     Ok(train) => train,
///     Err(error) => {
///         println!("{error}"); // how to get the files
///         return;
///     }
/// };
/// let loader = DataLoader::new(train.flatten(), 100).shuffle(true);
/// let (x, t) = loader.iter().next().unwrap();
/// assert_eq!((x.shape(), t.shape()), (&[100, 784][..], &[100][..]));
/// ```
pub fn mnist(split: Split) -> Result<ImageDataset> {
    mnist_in("", split)
}

/// [`mnist`] from the folder `data_dir` or `data_dir/mnist`; if it is not there, from the usual
/// places. An empty path stands for no folder.
///
/// # Errors
/// Those of [`mnist`].
pub fn mnist_in(data_dir: impl AsRef<Path>, split: Split) -> Result<ImageDataset> {
    MNIST.load(data_dir.as_ref(), split)
}

/// 70,000 pictures of clothes in 10 classes, in the form of [`mnist`]; looked for in
/// `fashion-mnist/`.
///
/// The classes are in [`FASHION_MNIST_CLASSES`].
///
/// # Errors
/// Those of [`mnist`].
pub fn fashion_mnist(split: Split) -> Result<ImageDataset> {
    fashion_mnist_in("", split)
}

/// [`fashion_mnist`] from the folder `data_dir` or `data_dir/fashion-mnist`; if it is not there,
/// from the usual places. An empty path stands for no folder.
///
/// # Errors
/// Those of [`mnist`].
pub fn fashion_mnist_in(data_dir: impl AsRef<Path>, split: Split) -> Result<ImageDataset> {
    FASHION_MNIST.load(data_dir.as_ref(), split)
}

/// The names of the classes of [`fashion_mnist`].
pub const FASHION_MNIST_CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// One of the data sets that come as four idx files of these names.
struct Family {
    name: &'static str,
    folder: &'static str,
    mirrors: &'static [&'static str],
    /// Of the decompressed files, so that it holds for every mirror's compression.
    #[cfg_attr(not(feature = "download"), allow(dead_code))]
    sha256: [&'static str; 4],
    /// The first labels of both parts: the families share file names, and one must not pass for
    /// the other.
    first_labels: [[u8; 8]; 2],
}

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

const MNIST: Family = Family {
    name: "MNIST",
    folder: "mnist",
    mirrors: &[
        "http://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
    sha256: [
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ],
    first_labels: [[5, 0, 4, 1, 9, 2, 1, 3], [7, 2, 1, 0, 4, 1, 4, 9]],
};

const FASHION_MNIST: Family = Family {
    name: "Fashion-MNIST",
    folder: "fashion-mnist",
    mirrors: &["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
    sha256: [
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ],
    first_labels: [[9, 0, 0, 3, 0, 2, 7, 2], [9, 2, 1, 1, 6, 1, 4, 6]],
};

impl Family {
    fn load(&self, data_dir: &Path, split: Split) -> Result<ImageDataset> {
        let names = match split {
            Split::Train => [FILES[0], FILES[1]],
            Split::Test => [FILES[2], FILES[3]],
        };
        let searched = search_path(data_dir);
        let mut missing = None;
        for folder in self.folders(&searched) {
            match names.map(|name| find(&folder, name)) {
                [Some(images), Some(labels)] => {
                    let labels = read_labels(&labels)?;
                    if !self.is_another(&labels, split) {
                        return read_images(&images, labels);
                    }
                }
                [None, _] => missing = missing.or(Some(names[0])),
                [_, None] => missing = Some(names[1]),
            }
        }
        #[cfg(feature = "download")]
        if let Some(home) = super::folders::home_of_new_files(data_dir) {
            let folder = home.join(self.folder);
            self.fetch(&folder, names)?;
            let [images, labels] = names.map(|name| folder.join(format!("{name}.gz")));
            return read_images(&images, read_labels(&labels)?);
        }
        Err(Error::DatasetNotFound {
            name: self.name.to_owned(),
            file: format!("{0} (nor {0}.gz)", missing.unwrap_or(names[0])),
            searched: self.folders(&searched).collect(),
            hint: self.hint(),
        })
    }

    fn folders<'a>(&self, roots: &'a [PathBuf]) -> impl Iterator<Item = PathBuf> + use<'a> {
        let name = self.folder;
        roots
            .iter()
            .flat_map(move |root| [root.join(name), root.clone()])
    }

    /// Whether these are the labels of another family.
    fn is_another(&self, labels: &[u8], split: Split) -> bool {
        [MNIST, FASHION_MNIST]
            .iter()
            .filter(|family| family.name != self.name)
            .any(|family| labels.starts_with(&family.first_labels[split as usize]))
    }

    fn hint(&self) -> String {
        let cache = cache_dir().map_or_else(|| "the cache".into(), |c| c.display().to_string());
        let files = FILES.map(|name| format!("{name}.gz")).join(", ");
        format!(
            "To get it, fetch {files}\nfrom {} into {cache}/{}, or into a folder that the environment \
             variable DEZERO_DATA names.\nA program built with dezero's feature `download` fetches \
             them itself: cargo run --release --features download ...",
            self.mirrors[0], self.folder
        )
    }

    /// Fetches the files that are not in `folder`.
    #[cfg(feature = "download")]
    fn fetch(&self, folder: &Path, names: [&str; 2]) -> Result<()> {
        for name in names {
            if find(folder, name).is_none() {
                let i = FILES
                    .iter()
                    .position(|&n| n == name)
                    .expect("one of the four");
                let file = format!("{name}.gz");
                let urls: Vec<String> = self.mirrors.iter().map(|m| format!("{m}{file}")).collect();
                super::download::fetch_gzip(&urls, &folder.join(&file), self.sha256[i])?;
            }
        }
        Ok(())
    }
}

/// The file `name` in `folder`, raw or gzipped. Some unpackers write a dot for the last hyphen but one.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let dotted = name.replace("-idx", ".idx");
    [
        name.to_owned(),
        format!("{name}.gz"),
        dotted.clone(),
        format!("{dotted}.gz"),
    ]
    .iter()
    .map(|name| folder.join(name))
    .find(|path| path.is_file())
}

fn read_labels(path: &Path) -> Result<Vec<u8>> {
    let labels = read_expected(path, |shape| match shape {
        [_] => Ok(()),
        _ => Err(format!("labels of shape {shape:?}; expected one axis")),
    })?;
    match labels.elements.iter().position(|&t| t > 9) {
        None => Ok(labels.elements),
        Some(i) => {
            let t = labels.elements[i];
            Err(Error::format(
                path,
                format!("label {i} is {t}; expected a class from 0 to 9"),
            ))
        }
    }
}

fn read_images(path: &Path, labels: Vec<u8>) -> Result<ImageDataset> {
    let n = labels.len();
    let images = read_expected(path, |shape| match shape {
        [m, 28, 28] if *m == n => Ok(()),
        _ => Err(format!(
            "images of shape {shape:?}; expected {:?}, one for each label",
            [n, 28, 28]
        )),
    })?;
    Ok(ImageDataset::new(images.elements, [1, 28, 28], labels, 255))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::Dataset;
    use crate::data::folders::shared_file;

    fn idx(shape: &[u32], elements: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        shape.iter().for_each(|n| bytes.extend(n.to_be_bytes()));
        bytes.extend(elements);
        bytes
    }

    /// Two images and labels that are MNIST's only in form.
    fn write_pair(folder: &Path, labels: &[u8]) {
        fs::create_dir_all(folder).unwrap();
        let n = labels.len() as u32;
        let pixels: Vec<u8> = (0..n * 784).map(|i| (i % 251) as u8).collect();
        fs::write(folder.join(FILES[2]), idx(&[n, 28, 28], &pixels)).unwrap();
        fs::write(folder.join(FILES[3]), idx(&[n], labels)).unwrap();
    }

    #[test]
    fn from_a_folder_and_its_subfolder() {
        for sub in ["", "mnist"] {
            let folder = tempfile::tempdir().unwrap();
            write_pair(&folder.path().join(sub), &[3, 9]);
            let data = mnist_in(folder.path(), Split::Test).unwrap();
            assert_eq!(data.labels(), [3, 9]);
            let (x, t) = data.get(1);
            assert_eq!((x.shape(), t), (&[1, 28, 28][..], 9));
            assert_eq!(x.to_vec::<f32>()[0], (784 % 251) as f32 / 255.0);
        }
    }

    #[test]
    fn one_family_does_not_pass_for_the_other() {
        let folder = tempfile::tempdir().unwrap();
        write_pair(folder.path(), &MNIST.first_labels[1]);
        assert_eq!(mnist_in(folder.path(), Split::Test).unwrap().len(), 8);
        let fashion = Family {
            mirrors: &["http://127.0.0.1:1/"],
            ..FASHION_MNIST
        };
        let nowhere = fashion.load(folder.path(), Split::Test);
        if let Ok(data) = nowhere {
            // Installed on this machine: anything but the file above.
            assert_ne!(data.labels()[..8], MNIST.first_labels[1]);
        }
    }

    #[test]
    #[cfg(not(feature = "download"))]
    fn absent_files_say_how_to_get_them() {
        let family = Family {
            folder: "no-such-mnist",
            ..MNIST
        };
        let folder = tempfile::tempdir().unwrap();
        let error = family
            .load(&folder.path().join("nowhere"), Split::Train)
            .unwrap_err();
        let text = error.to_string();
        for part in [
            "MNIST: no train-images-idx3-ubyte (nor train-images-idx3-ubyte.gz) in ",
            folder.path().to_str().unwrap(),
            "t10k-labels-idx1-ubyte.gz",
            "http://ossci-datasets.s3.amazonaws.com/mnist/",
            "DEZERO_DATA",
            "`download`",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }

    #[test]
    fn files_that_do_not_fit_together() {
        let folder = tempfile::tempdir().unwrap();
        let fails = |message: &str| {
            let error = mnist_in(folder.path(), Split::Test).unwrap_err();
            assert!(matches!(error, Error::Format { .. }), "{error}");
            assert!(error.to_string().contains(message), "{error}");
        };
        write_pair(folder.path(), &[3, 9]);
        fs::write(folder.path().join(FILES[3]), idx(&[3], &[3, 9, 0])).unwrap();
        fails("t10k-images-idx3-ubyte: images of shape [2, 28, 28]; expected [3, 28, 28]");
        fs::write(folder.path().join(FILES[3]), idx(&[2], &[3, 10])).unwrap();
        fails("t10k-labels-idx1-ubyte: label 1 is 10; expected a class from 0 to 9");
        fs::write(folder.path().join(FILES[3]), idx(&[2, 1], &[3, 1])).unwrap();
        fails("labels of shape [2, 1]; expected one axis");
    }

    #[test]
    fn the_real_mnist() {
        let Some(folder) = shared_file("mnist") else {
            return;
        };
        for (split, n, ink, sevens) in [
            (Split::Train, 60_000, 1_567_298_545, 6265),
            (Split::Test, 10_000, 264_923_200, 1028),
        ] {
            let data = mnist_in(&folder, split).unwrap();
            assert_eq!(data.len(), n);
            assert_eq!(data.labels()[..8], MNIST.first_labels[split as usize]);
            assert_eq!(
                data.pixels().iter().map(|&p| u64::from(p)).sum::<u64>(),
                ink
            );
            assert_eq!(data.labels().iter().filter(|&&t| t == 7).count(), sevens);
        }
    }
}
