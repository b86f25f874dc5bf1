//! The Python packages that judge the readers, in an environment of their own.

use std::{fs, path::PathBuf};

use super::plan::Step;
use crate::{process::Line, tree};

/// The pins, beside the programs that use them.
const PINS: &str = "tests/python/requirements.txt";
/// Where the packages go; the tests look there.
const ENVIRONMENT: &str = ".tools/python";

/// Whether what is installed is what is pinned: the pins are copied when all of them are in.
pub fn is_there() -> bool {
    let read = |path: PathBuf| fs::read(path).ok();
    let installed = read(tree::root().join(ENVIRONMENT).join("requirements.txt"));
    installed.is_some() && installed == read(tree::root().join(PINS))
}

/// What installs them.
pub fn step() -> Step {
    let line = |text: String| Line::new(&text).dir(tree::root());
    Step {
        why: format!("Python packages of {PINS}, into {ENVIRONMENT}"),
        privileged: false,
        lines: vec![
            line(format!("python3 -m venv --clear {ENVIRONMENT}")),
            line(format!(
                "{ENVIRONMENT}/bin/pip install --quiet --disable-pip-version-check -r {PINS}"
            )),
            line(format!("cp {PINS} {ENVIRONMENT}/requirements.txt")),
        ],
        otherwise: None,
        hint: Some("the packages come from the index that pip is configured for"),
    }
}
