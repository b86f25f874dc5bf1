//! The sensor's own key: signs what it discloses. Made at the first start.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::Error;
use crate::{
    crypto::Zeroizing,
    envelope::{KeyError, SignerKey},
};

/// Why the key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SensorKeyError {
    /// The file.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no key.
    #[error(
        "{path}: {source}; put back the file that was there, or move it away: a new key is made then"
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// Others may read it.
    #[error("{path}: others may read this key: `chmod 600` it, and think about who has")]
    Open {
        /// The file.
        path: PathBuf,
    },
}

/// The key in a state directory; one of this name is made where there is none.
pub(super) fn read_or_make(state: &Path, name: &str) -> Result<SignerKey, Error> {
    let directory = state.join("keys");
    let path = directory.join("sensor.key");
    read(&path)
        .and_then(|found| found.map_or_else(|| make(&directory, &path, name), Ok))
        .map_err(Error::from)
}

fn read(path: &Path) -> Result<Option<SignerKey>, SensorKeyError> {
    let file = |source| SensorKeyError::File {
        path: path.into(),
        source,
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file(error)),
    };
    let mode = fs::metadata(path).map_err(file)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(SensorKeyError::Open { path: path.into() });
    }
    let key = SignerKey::parse(text.trim_end()).map_err(|source| SensorKeyError::Key {
        path: path.into(),
        source,
    });
    key.map(Some)
}

fn make(directory: &Path, path: &Path, name: &str) -> Result<SignerKey, SensorKeyError> {
    let failed = |source| SensorKeyError::File {
        path: path.into(),
        source,
    };
    let key = SignerKey::generate(name).map_err(|source| SensorKeyError::Key {
        path: path.into(),
        source,
    })?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed)?;
    let part = path.with_extension("part");
    let written = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)
        .and_then(|mut file| {
            file.write_all(key.text().as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()
        });
    written
        .and_then(|()| fs::rename(&part, path))
        .and_then(|()| File::open(directory)?.sync_all())
        .map_err(failed)?;
    Ok(key)
}
