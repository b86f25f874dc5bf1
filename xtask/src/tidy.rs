//! `cargo xtask tidy`: the rules of the house that the compiler cannot check.
//!
//! Every rule is a pure function from the tree to findings; the facts it needs (layers, doors,
//! files with `unsafe`) are tables at the top of its file.

mod arrows;
mod doors;
mod files;
mod promises;
mod source;
mod unsafety;
mod verdicts;
mod words;

use std::{collections::BTreeSet, fmt, path::Path, process::ExitCode};

use anyhow::Result;

use crate::{
    Command,
    tree::{self, File},
};
use source::Source;

pub const COMMAND: Command = Command {
    name: "tidy",
    summary: "file sizes, arrows, doors, unsafe, verdicts, leftovers and promises",
    help: "Prints `file:line: message` for everything that breaks a rule of ARCHITECTURE.md. Builds \
           nothing\nbut xtask and reads every file that git tracks or would add.",
    run: |_| {
        Ok(match print_findings(&tree::root())? {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        })
    },
};

/// Something that breaks a rule. Ordered by place, which is how they print.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: String,
    /// From 1; 0 is not used.
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// What the rules read.
struct Tree<'a> {
    files: &'a [File],
    /// The Rust files among them, split into tokens.
    sources: Vec<Source<'a>>,
}

impl<'a> Tree<'a> {
    fn new(files: &'a [File]) -> Self {
        let sources = files
            .iter()
            .filter(|file| file.path.ends_with(".rs"))
            .filter_map(|file| Some(Source::new(&file.path, file.text()?)))
            .collect();
        Self { files, sources }
    }
}

const RULES: &[fn(&Tree) -> Vec<Finding>] = &[
    arrows::check,
    doors::check,
    files::check,
    promises::check,
    unsafety::check,
    verdicts::check,
    words::check,
];

/// Prints every finding to standard output and returns how many there are.
pub fn print_findings(root: &Path) -> Result<usize> {
    let files = tree::files(root)?;
    let tree = Tree::new(&files);
    let findings: BTreeSet<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    for finding in &findings {
        println!("{finding}");
    }
    Ok(findings.len())
}

/// A path in a table: a directory where it ends with `/`, else one file.
fn covers(entry: &str, path: &str) -> bool {
    if entry.ends_with('/') {
        path.starts_with(entry)
    } else {
        path == entry
    }
}

/// Runs one rule over files given as `(path, text)`; findings as they print.
#[cfg(test)]
fn judge(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<File> = files
        .iter()
        .map(|(path, text)| File {
            path: (*path).to_owned(),
            bytes: text.as_bytes().to_vec(),
        })
        .collect();
    let findings: BTreeSet<Finding> = rule(&Tree::new(&files)).into_iter().collect();
    findings.iter().map(ToString::to_string).collect()
}
