//! Certificates that openssl makes for one test.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::command;

/// A certificate authority in a directory.
#[derive(Debug)]
pub struct Authority {
    directory: PathBuf,
    name: String,
}

impl Authority {
    /// Makes one, valid for a day.
    #[must_use]
    pub fn new(directory: &Path, name: &str) -> Self {
        let authority = Self {
            directory: directory.to_owned(),
            name: name.to_owned(),
        };
        let (certificate, key) = (authority.certificate(), authority.path("key"));
        let subject = format!("/CN={name}");
        let mut words = KEY.to_vec();
        words.extend(["-x509", "-days", "1", "-subj", &subject]);
        words.extend(["-addext", "keyUsage=critical,keyCertSign"]);
        command::run(&with(&words, &[("-keyout", &key), ("-out", &certificate)]));
        authority
    }

    /// Its own certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.path("pem")
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.directory.join(format!("{}.{extension}", self.name))
    }

    /// Issues a certificate; gives the paths of it and of its key.
    ///
    /// # Panics
    /// When the directory cannot be written.
    #[must_use]
    pub fn issue(&self, name: &str, usage: &str) -> (PathBuf, PathBuf) {
        let at = |extension: &str| self.directory.join(format!("{name}.{extension}"));
        let (certificate, key, request) = (at("pem"), at("key"), at("csr"));
        let subject = format!("/CN={name}");
        let mut words = KEY.to_vec();
        words.extend(["-subj", &subject]);
        command::run(&with(&words, &[("-keyout", &key), ("-out", &request)]));
        let extensions = at("ext");
        let text = format!(
            "basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1\nextendedKeyUsage={usage}\n"
        );
        fs::write(&extensions, text).expect("a writable directory");
        let words = ["openssl", "x509", "-req", "-days", "1", "-CAcreateserial"];
        command::run(&with(
            &words,
            &[
                ("-in", &request),
                ("-CA", &self.certificate()),
                ("-CAkey", &self.path("key")),
                ("-extfile", &extensions),
                ("-out", &certificate),
            ],
        ));
        (certificate, key)
    }
}

const KEY: [&str; 7] = [
    "openssl",
    "req",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
];

fn with<'a>(words: &[&'a str], options: &[(&'a str, &'a PathBuf)]) -> Vec<&'a str> {
    let options = options
        .iter()
        .flat_map(|(option, path)| [*option, path.to_str().expect("a path in UTF-8")]);
    words.iter().copied().chain(options).collect()
}
