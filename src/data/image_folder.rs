//! [`ImageFolder`]: images in a folder for each class.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Dataset, Image};
use crate::{Error, Result};

/// PNG and JPEG files in a folder for each class: `root/cat/1.png`, `root/dog/7.jpg`.
///
/// The classes are the names of the folders, in alphabetical order. Files are found when the
/// dataset is made, below the folders of the classes too, and read when a sample is asked for;
/// one that cannot be is an error of that sample, and of the batch that it is in.
///
/// ```no_run
/// use dezero::data::*;
///
/// let transform = (
///     Resize::shorter_side(256),
///     CenterCrop(224, 224),
///     Convert::RGB,
///     ToArray,
///     Normalize::new(&[123.7, 116.3, 103.5], &[58.4, 57.1, 57.4]),
/// );
/// let data = ImageFolder::new("photographs")?.map_x(transform);
/// for batch in &DataLoader::new(data, 32).shuffle(true).workers(2) {
///     let (x, t) = batch?;
///     assert_eq!(x.shape()[1..], [3, 224, 224]);
/// }
/// # Ok::<(), dezero::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageFolder {
    classes: Vec<String>,
    files: Vec<(PathBuf, i64)>,
}

impl ImageFolder {
    /// The images below `root`.
    ///
    /// # Errors
    /// If a folder cannot be read, or if there is no image in any.
    pub fn new(root: impl AsRef<Path>) -> Result<ImageFolder> {
        let root = root.as_ref();
        let (mut classes, mut files) = (Vec::new(), Vec::new());
        for folder in sorted(root)?.into_iter().filter(|path| path.is_dir()) {
            let class = classes.len() as i64;
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            classes.push(name.into_owned());
            // A list instead of recursion: a link may lead round in a circle, and is not followed.
            let mut folders = vec![folder];
            while let Some(folder) = folders.pop() {
                for path in sorted(&folder)? {
                    if path.is_dir() && !path.is_symlink() {
                        folders.push(path);
                    } else if is_image(&path) {
                        files.push((path, class));
                    }
                }
            }
        }
        if files.is_empty() {
            let reason =
                "no image: expected a folder for each class, with .png, .jpg or .jpeg files";
            return Err(Error::format(root, reason));
        }
        Ok(ImageFolder { classes, files })
    }

    /// The names of the classes, by number.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The files and their classes, by number of the sample.
    pub fn files(&self) -> &[(PathBuf, i64)] {
        &self.files
    }
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let paths = entries.map(|entry| entry.map(|e| e.path()));
    let mut paths = paths
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::io(folder))?;
    paths.sort();
    Ok(paths)
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_ascii_lowercase());
    extension.is_some_and(|e| e == "png" || e == "jpg" || e == "jpeg")
}

impl Dataset for ImageFolder {
    type Sample = Result<(Image, i64)>;

    fn len(&self) -> usize {
        self.files.len()
    }

    #[track_caller]
    fn get(&self, index: usize) -> Result<(Image, i64)> {
        let (path, class) = &self.files[index];
        Ok((Image::open(path)?, *class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataLoader, ImageMode, ToArray};

    fn image(value: u8) -> Image {
        Image::new(vec![value; 4 * 5 * 3], [4, 5], ImageMode::Rgb)
    }

    /// cat/1.png, cat/more/2.PNG, dog/1.jpg and things that are no images.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for class in ["dog", "cat", "cat/more", "empty"] {
            fs::create_dir_all(folder.path().join(class)).unwrap();
        }
        image(10).save(folder.path().join("cat/1.png")).unwrap();
        image(20)
            .save(folder.path().join("cat/more/2.PNG"))
            .unwrap();
        image(30).save(folder.path().join("dog/1.jpg")).unwrap();
        fs::write(folder.path().join("dog/notes.txt"), "good dog").unwrap();
        fs::write(folder.path().join("stray.png"), "").unwrap();
        folder
    }

    #[test]
    fn classes_and_files_in_order() {
        let folder = folder();
        let data = ImageFolder::new(folder.path()).unwrap();
        assert_eq!(data.classes(), ["cat", "dog", "empty"]);
        let samples: Vec<_> = (0..data.len()).map(|i| data.get(i).unwrap()).collect();
        assert_eq!(samples.iter().map(|s| s.1).collect::<Vec<_>>(), [0, 0, 1]);
        assert_eq!(samples[0].0, image(10));
        assert_eq!(samples[1].0, image(20));
        let (x, t) = DataLoader::new(data.map_x(ToArray), 3)
            .iter()
            .next()
            .unwrap()
            .unwrap();
        assert_eq!(
            (x.shape(), t.to_vec::<i64>()),
            (&[3, 3, 4, 5][..], vec![0, 0, 1])
        );
    }

    #[test]
    fn an_image_that_is_none_is_an_error_with_its_name() {
        let folder = folder();
        let path = folder.path().join("dog/1.jpg");
        let sound = fs::read(&path).unwrap();
        for (bytes, message) in [
            (&b"no image"[..], "neither a PNG nor a JPEG image"),
            (&sound[..10], "not a sound image"),
            (&[], "neither a PNG nor a JPEG image"),
        ] {
            fs::write(&path, bytes).unwrap();
            for workers in [0, 2] {
                let data = ImageFolder::new(folder.path()).unwrap().map_x(ToArray);
                let loader = DataLoader::new(data, 2).workers(workers);
                let batches: Vec<_> = loader.iter().collect();
                assert!(batches[0].is_ok());
                let error = batches[1].as_ref().err().unwrap();
                assert!(
                    matches!(error, Error::Format { path: p, .. } if *p == path),
                    "{error}"
                );
                assert!(error.to_string().contains(message), "{error}");
            }
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap(); // a folder with an image's name
        assert_eq!(ImageFolder::new(folder.path()).unwrap().len(), 2);
    }

    #[test]
    fn no_folder_and_no_image() {
        let folder = tempfile::tempdir().unwrap();
        let error = ImageFolder::new(folder.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("no image: expected a folder for each class"),
            "{error}"
        );
        let error = ImageFolder::new(folder.path().join("none")).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }
}
