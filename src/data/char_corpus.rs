//! [`CharCorpus`]: text as a series of characters.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use dezero_array::Array;

use super::folders::{cache_dir, search_path};
use super::{Dataset, Sample};
use crate::{Error, Result};

/// A text whose characters are numbered in the order of their code points.
///
/// As a [`Dataset`], sample `i` is the number of character `i` and that of the next one, for a
/// [`SeqDataLoader`](super::SeqDataLoader); [`windows`](Self::windows) gives pieces of text.
///
/// ```
/// use dezero::data::{CharCorpus, Dataset, SeqDataLoader};
///
/// let corpus = CharCorpus::new("hello world");
/// assert_eq!(corpus.vocabulary(), [' ', 'd', 'e', 'h', 'l', 'o', 'r', 'w']);
/// assert_eq!(corpus.encode("hold").unwrap(), [3, 5, 4, 1]);
/// assert_eq!(corpus.decode(&[3, 5, 4, 1]), "hold");
/// assert_eq!(corpus.get(0), (3, 2)); // h, then e
///
/// let (x, t) = SeqDataLoader::new(corpus, 2).iter().next().unwrap();
/// assert_eq!((x.to_vec::<i64>(), t.to_vec::<i64>()), (vec![3, 0], vec![2, 7]));
/// ```
#[derive(Clone, Debug)]
pub struct CharCorpus {
    vocabulary: Vec<char>,
    ids: Vec<i64>,
}

impl CharCorpus {
    /// The characters of `text`.
    pub fn new(text: &str) -> CharCorpus {
        let mut vocabulary: Vec<char> = text.chars().collect();
        vocabulary.sort_unstable();
        vocabulary.dedup();
        let places: HashMap<char, i64> = vocabulary.iter().copied().zip(0..).collect();
        let ids = text.chars().map(|c| places[&c]).collect();
        CharCorpus { vocabulary, ids }
    }

    /// The characters of a text file.
    ///
    /// # Errors
    /// If it cannot be read or is not UTF-8.
    pub fn read(path: impl AsRef<Path>) -> Result<CharCorpus> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(Error::io(path))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(CharCorpus::new(&text)),
            Err(e) => {
                let at = e.utf8_error().valid_up_to();
                Err(Error::format(
                    path,
                    format!("not a text in UTF-8: byte {at} does not fit"),
                ))
            }
        }
    }

    /// The different characters; the number of each is its place.
    pub fn vocabulary(&self) -> &[char] {
        &self.vocabulary
    }

    /// The text as numbers.
    pub fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// The numbers of the characters of `text`; `None` where one is not in the vocabulary.
    pub fn encode(&self, text: &str) -> Option<Vec<i64>> {
        let place = |c| self.vocabulary.binary_search(&c).ok().map(|i| i as i64);
        text.chars().map(place).collect()
    }

    /// The text of these numbers.
    ///
    /// # Panics
    /// If one is not that of a character.
    #[track_caller]
    pub fn decode(&self, ids: &[i64]) -> String {
        let n = self.vocabulary.len();
        let mut text = String::new();
        for &id in ids {
            match usize::try_from(id)
                .ok()
                .and_then(|i| self.vocabulary.get(i))
            {
                Some(&c) => text.push(c),
                None => panic!("decode: {id} is not the number of one of {n} characters"),
            }
        }
        text
    }

    /// Pieces of `length` characters, and the same a character further.
    ///
    /// Sample `i` begins at character `i * length`; a rest that is too short is left out.
    ///
    /// # Panics
    /// If `length` is 0.
    ///
    /// ```
    /// use dezero::data::{CharCorpus, Dataset};
    /// let windows = CharCorpus::new("abcdefgh").windows(3);
    /// assert_eq!(windows.len(), 2);
    /// let (x, t) = windows.get(1);
    /// assert_eq!((x.to_vec::<i64>(), t.to_vec::<i64>()), (vec![3, 4, 5], vec![4, 5, 6]));
    /// ```
    #[track_caller]
    pub fn windows(&self, length: usize) -> CharWindows {
        assert!(length > 0, "windows: the length must be positive, got 0");
        CharWindows {
            ids: self.ids.as_slice().into(),
            length,
        }
    }
}

impl Dataset for CharCorpus {
    type Sample = (i64, i64);

    fn len(&self) -> usize {
        self.ids.len().saturating_sub(1)
    }

    #[track_caller]
    fn get(&self, index: usize) -> (i64, i64) {
        (self.ids[index], self.ids[index + 1])
    }
}

/// See [`CharCorpus::windows`].
#[derive(Clone, Debug)]
pub struct CharWindows {
    ids: std::sync::Arc<[i64]>,
    length: usize,
}

impl Dataset for CharWindows {
    type Sample = (Array, Array);

    fn len(&self) -> usize {
        self.ids.len().saturating_sub(1) / self.length
    }

    #[track_caller]
    fn get(&self, index: usize) -> (Array, Array) {
        let (x, t) = self.batch(&[index]);
        (x.reshape([self.length]), t.reshape([self.length]))
    }

    #[track_caller]
    fn batch(&self, indices: &[usize]) -> <Self::Sample as Sample>::Batch {
        let piece = |shift: usize| {
            let starts = indices.iter().map(|i| i * self.length + shift);
            let ids: Vec<i64> = starts
                .flat_map(|s| &self.ids[s..s + self.length])
                .copied()
                .collect();
            Array::from_vec(ids, [indices.len(), self.length])
        };
        (piece(0), piece(1))
    }
}

/// The plays of Shakespeare in one megabyte, `tinyshakespeare.txt`: 1,115,394 characters, 65 different
/// ones.
///
/// Looked for in the folder that the environment variable `DEZERO_DATA` names and in
/// `~/.cache/dezero`.
///
/// # Errors
/// [`Error::DatasetNotFound`], which says how to get the file, or what is wrong in it.
///
/// ```
/// match dezero::data::shakespeare() {
///     Ok(corpus) => assert!(corpus.encode("ROMEO:").is_some()),
///     Err(error) => println!("{error}"), // how to get the file
/// }
/// ```
pub fn shakespeare() -> Result<CharCorpus> {
    shakespeare_in("")
}

/// [`shakespeare`] from the folder `data_dir`; if it is not there, from the usual places. An empty
/// path stands for no folder.
///
/// # Errors
/// Those of [`shakespeare`].
pub fn shakespeare_in(data_dir: impl AsRef<Path>) -> Result<CharCorpus> {
    const FILE: &str = "tinyshakespeare.txt";
    let searched = search_path(data_dir.as_ref());
    if let Some(path) = searched
        .iter()
        .map(|folder| folder.join(FILE))
        .find(|p| p.is_file())
    {
        return CharCorpus::read(path);
    }
    let cache = cache_dir().map_or_else(|| "the cache".into(), |c| c.display().to_string());
    Err(Error::DatasetNotFound {
        name: "Shakespeare".to_owned(),
        file: FILE.to_owned(),
        searched,
        hint: format!(
            "To get it, fetch https://raw.githubusercontent.com/karpathy/char-rnn/master/data/\
             tinyshakespeare/input.txt\nas {cache}/{FILE}, or into a folder that the environment \
             variable DEZERO_DATA names."
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataLoader;
    use crate::data::folders::shared_file;

    #[test]
    fn text_there_and_back() {
        let text = "wohlgefällig: 3 × 7 = 21!\n";
        let corpus = CharCorpus::new(text);
        assert_eq!(corpus.decode(corpus.ids()), text);
        assert_eq!(corpus.encode(text).unwrap(), corpus.ids());
        assert_eq!(corpus.encode("€"), None);
        assert_eq!(corpus.len(), text.chars().count() - 1);
    }

    #[test]
    fn too_short_a_text() {
        for text in ["", "a"] {
            assert_eq!(CharCorpus::new(text).len(), 0);
            assert_eq!(CharCorpus::new(text).windows(1).len(), 0);
        }
        let windows = CharCorpus::new("abcd").windows(3);
        assert_eq!(windows.len(), 1);
        let (x, t) = DataLoader::new(windows, 1).iter().next().unwrap();
        assert_eq!((x.shape(), t.to_vec::<i64>()), (&[1, 3][..], vec![1, 2, 3]));
    }

    #[test]
    #[should_panic(expected = "decode: 3 is not the number of one of 3 characters")]
    fn no_such_character() {
        CharCorpus::new("abc").decode(&[0, 3]);
    }

    #[test]
    fn not_a_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tinyshakespeare.txt");
        fs::write(&path, b"To be\xff").unwrap();
        let error = shakespeare_in(folder.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("not a text in UTF-8: byte 5 does not fit"),
            "{error}"
        );
    }

    #[test]
    fn the_plays() {
        let Some(path) = shared_file("tinyshakespeare.txt") else {
            return;
        };
        let corpus = shakespeare_in(path.parent().unwrap()).unwrap();
        assert_eq!(
            (corpus.ids().len(), corpus.vocabulary().len()),
            (1_115_394, 65)
        );
        assert_eq!(corpus.decode(&corpus.ids()[..14]), "First Citizen:");
    }
}
