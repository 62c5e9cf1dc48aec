//! Every public operation has a gradient check: a test that nobody can forget to write.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Operations without a gradient check, and why.
const EXCEPTIONS: &[(&str, &str)] = &[(
    "accuracy",
    "counts hits: it is constant but for jumps, and no graph is recorded",
)];

/// All of the Rust files under `folder`, joined.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(&path).unwrap();
        }
    }
    text
}

/// Names of the `pub fn` whose result has variables in it.
fn operations(source: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for declaration in source.split("pub fn ").skip(1) {
        let signature = &declaration[..declaration.find(['{', ';']).unwrap_or(0)];
        let result = signature.rsplit_once("->").map_or("", |(_, result)| result);
        if result.contains("Variable") || result.contains("Self") {
            found.insert(&signature[..signature.find(['(', '<']).unwrap()]);
        }
    }
    found
}

/// Names that a `gradient_check!(name, ...)` or `gradient_check!(test: name, ...)` is for.
fn checked(source: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for arguments in source.split("gradient_check!(").skip(1) {
        let name = arguments.split([',', '|']).next().unwrap();
        found.insert(name.rsplit(':').next().unwrap().trim());
    }
    found
}

#[test]
fn every_operation_is_checked() {
    let source = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/functions"));
    let (operations, checked) = (operations(&source), checked(&source));
    assert!(
        operations.len() > 40,
        "only {} operations found: {operations:?}",
        operations.len()
    );
    let exceptions: BTreeSet<&str> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
    let unknown: Vec<_> = exceptions.difference(&operations).collect();
    assert!(
        unknown.is_empty(),
        "exceptions that are no operations: {unknown:?}"
    );
    let missing: Vec<_> = operations
        .iter()
        .filter(|name| !checked.contains(*name) && !exceptions.contains(*name))
        .collect();
    assert!(
        missing.is_empty(),
        "operations without a gradient_check!: {missing:?}"
    );
}

/// Names of the public operations whose documentation has no example.
fn without_example(source: &str) -> Vec<&str> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let Some(declaration) = line.strip_prefix("pub fn ") else {
            continue;
        };
        let name = declaration.split(['(', '<']).next().unwrap();
        let above = lines[..i].iter().rev();
        let mut documentation =
            above.take_while(|line| line.starts_with("///") || line.starts_with("#["));
        if operations(source).contains(name) && !documentation.any(|line| line.contains("```")) {
            found.push(name);
        }
    }
    found
}

#[test]
fn every_operation_has_an_example() {
    let source = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/functions"));
    let missing = without_example(&source);
    assert!(
        missing.is_empty(),
        "operations without an example: {missing:?}"
    );
}

#[test]
fn finds_operations_and_checks() {
    let source = "
        pub fn one(x: &Variable) -> Variable { x.clone() }
        pub fn several<T>(
            x: &Variable,
        ) -> Vec<Variable> {}
        pub fn number(x: &Variable) -> f64 {}
        fn private() -> Variable {}
        gradient_check!(one, |x| one(x), 1.0);
        gradient_check!(of_several: several, |x| several(x), 1.0);
        gradient_check!(
            longer_name:
            several, |x| several(x), 1.0);
    ";
    assert_eq!(operations(source), BTreeSet::from(["one", "several"]));
    assert_eq!(checked(source), BTreeSet::from(["one", "several"]));
    assert_eq!(without_example(source), ["one", "several"]);
    let source = "
        /// ```
        /// one();
        /// ```
        #[track_caller]
        pub fn one(x: &Variable) -> Variable { x.clone() }
    ";
    assert!(without_example(source).is_empty());
}
