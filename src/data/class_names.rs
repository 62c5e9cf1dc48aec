//! The names of classes, from a file.

use std::fs;
use std::path::Path;

use crate::{Error, Result};

/// Reads the names of classes, one a line, by number: ImageNet's 1,000, for instance.
///
/// Understood are the forms in which such lists go round: a name alone; a WordNet number and a name
/// (`n02391049 zebra`, as in `synset_words.txt`); and lines of a Python dictionary
/// (`{0: 'tench, Tinca tinca',`), whose numbers must count up from 0.
///
/// # Errors
/// If the file cannot be read, is not UTF-8, is empty, or its numbers do not count up.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("dezero-names-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("names.txt");
/// std::fs::write(&path, "n02391049 zebra\nn02395406 hog, pig\n").unwrap();
/// assert_eq!(dezero::data::read_class_names(&path)?, ["zebra", "hog, pig"]);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), dezero::Error>(())
/// ```
pub fn read_class_names(path: impl AsRef<Path>) -> Result<Vec<String>> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(Error::io(path))?;
    parse(&bytes).map_err(|reason| Error::format(path, reason))
}

fn parse(bytes: &[u8]) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("not a text in UTF-8: {e}"))?;
    let mut names = Vec::new();
    let dictionary = text.trim_start().starts_with('{');
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || dictionary && matches!(line, "{" | "}") {
            continue;
        }
        let name = match dictionary {
            true => dictionary_entry(line, names.len())
                .ok_or_else(|| format!("line {}: expected `{}: 'name',`", i + 1, names.len()))?,
            false => without_wordnet_number(line),
        };
        names.push(name.to_owned());
    }
    match names.is_empty() {
        true => Err("no name of a class".to_owned()),
        false => Ok(names),
    }
}

fn dictionary_entry(line: &str, number: usize) -> Option<&str> {
    let line = line.strip_prefix('{').unwrap_or(line).trim();
    let line = line.strip_suffix('}').unwrap_or(line).trim();
    let line = line.strip_suffix(',').unwrap_or(line).trim();
    let (key, name) = line.split_once(':')?;
    let name = name.trim();
    let quote = name.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let name = name.strip_prefix(quote)?.strip_suffix(quote)?;
    (key.trim().parse() == Ok(number)).then_some(name)
}

fn without_wordnet_number(line: &str) -> &str {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let is_number = first.len() == 9
        && first.starts_with('n')
        && first[1..].bytes().all(|b| b.is_ascii_digit())
        && !rest.is_empty();
    if is_number { rest.trim() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::folders::shared_file;

    #[test]
    fn the_forms_of_a_list() {
        assert_eq!(
            parse(b"cat\n\n great dane \r\n").unwrap(),
            ["cat", "great dane"]
        );
        assert_eq!(
            parse(b"n01440764 tench, Tinca tinca\n").unwrap(),
            ["tench, Tinca tinca"]
        );
        assert_eq!(
            parse(b"n01440764\nnew bird\n").unwrap(),
            ["n01440764", "new bird"]
        );
        let python = "{0: 'tench, Tinca tinca',\n 1: \"carpenter's kit\",\n 2: 'drum: snare'}\n";
        let names = ["tench, Tinca tinca", "carpenter's kit", "drum: snare"];
        assert_eq!(parse(python.as_bytes()).unwrap(), names);
    }

    #[test]
    fn no_list() {
        assert_eq!(parse(b" \n").unwrap_err(), "no name of a class");
        assert!(parse(b"zebra\xff").unwrap_err().contains("UTF-8"));
        assert_eq!(
            parse(b"{0: 'a',\n 2: 'b'}").unwrap_err(),
            "line 2: expected `1: 'name',`"
        );
        assert_eq!(
            parse(b"{0: 'a',\n 1: b}").unwrap_err(),
            "line 2: expected `1: 'name',`"
        );
        assert!(matches!(
            read_class_names("/no/such/list"),
            Err(Error::Io { .. })
        ));
    }

    #[test]
    fn image_net() {
        let Some(path) = shared_file("squeezenet/synset_words.txt") else {
            return;
        };
        let names = read_class_names(path).unwrap();
        assert_eq!((names.len(), names[340].as_str()), (1000, "zebra"));
        assert_eq!(names[0], "tench, Tinca tinca");
    }
}
