//! Python programs that judge the readers, in the environment that `cargo xtask setup` makes.

use std::path::{Path, PathBuf};

use crate::command;

/// Where `cargo xtask setup` installs the packages of `tests/python/requirements.txt`.
const ENVIRONMENT: &str = ".tools/python";

/// Runs `tests/python/NAME` with `input` on its standard input and returns its standard output.
///
/// # Panics
/// When the environment is missing or not the pinned one, or the program fails: a judge that is
/// absent is no reason to pass.
#[must_use]
pub fn run(name: &str, input: &[u8]) -> String {
    let python = program("python3");
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("python")
        .join(name);
    let words = [&python, &script].map(|path| path.to_str().expect("a path in UTF-8"));
    let (code, said, errors) = command::said(command::feed(&words, input));
    assert_eq!(code, 0, "{name}: {errors}");
    said
}

/// A program of the environment.
///
/// # Panics
/// When the environment is missing or not the pinned one.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let environment = environment();
    let pins = |folder: &Path| std::fs::read(folder.join("requirements.txt")).ok();
    assert!(
        pins(&environment).is_some_and(|there| Some(there) == pins(&tests.join("python"))),
        "the Python packages that judge this are missing or others; run `cargo xtask setup`"
    );
    environment.join("bin").join(name)
}

fn environment() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = tests.parent().expect("the tests stand in the workspace");
    root.join(ENVIRONMENT)
}
