//! Somebody who issues signed envelopes, with `sensorctl bundle` as a person would.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{command, daemon::binary};

/// An issuer with its key.
#[derive(Debug)]
pub struct Issuer {
    dir: TempDir,
    /// The key that verifies, as text.
    pub key: String,
}

impl Issuer {
    /// A new one.
    ///
    /// # Panics
    /// When `sensorctl bundle keygen` fails.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let dir = TempDir::with_prefix("marker-sensor-issuer-").expect("a temporary directory");
        let file = dir.path().join("key");
        let said = bundle(&["keygen", "--name", name, "--out", text(&file), "--json"]);
        let answer: Value = serde_json::from_str(&said.1).unwrap_or_else(|_| panic!("{said:?}"));
        let key = answer["key"].as_str().expect("a key").to_owned();
        Self { dir, key }
    }

    /// The lines that pin its key.
    #[must_use]
    pub fn pin(&self) -> String {
        format!("[[issuer]]\nkey = {:?}\n", self.key)
    }

    /// File of the signing key.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.dir.path().join("key")
    }

    /// The envelope of a content.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn envelope(&self, serial: u64, content: &[u8], options: &[&str]) -> Vec<u8> {
        let (source, out) = (self.dir.path().join("content"), self.dir.path().join("out"));
        fs::write(&source, content).expect("a writable directory");
        let serial = serial.to_string();
        let key = self.key_file();
        let mut words = vec!["create", "--key", text(&key), "--serial", &serial];
        words.extend(["--out", text(&out)]);
        if !options.contains(&"--expires") {
            words.extend(["--expires", "P1D"]);
        }
        words.extend(options);
        words.push(text(&source));
        let (code, _, stderr) = bundle(&words);
        assert_eq!(code, 0, "{stderr}");
        let bytes = fs::read(&out).expect("the envelope");
        fs::remove_file(&out).expect("the file is ours");
        bytes
    }
}

/// Runs `sensorctl bundle`; exit code, standard output, standard error.
///
/// # Panics
/// When it is missing or killed.
#[must_use]
pub fn bundle(words: &[&str]) -> (i32, String, String) {
    let program = binary("sensorctl");
    let words = [&[text(&program), "bundle"], words].concat();
    command::said(command::output(&words))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
