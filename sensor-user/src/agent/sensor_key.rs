//! The sensor's own key: signs what it discloses. Made at the first start.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::Error;
use crate::{
    control::service::agent,
    crypto::Zeroizing,
    envelope::{KeyError, SignerKey},
    journal::{Action, Journal},
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

/// The key in a state directory; one of this name is made where there is none, and journalled: what was
/// signed before is verified by another.
pub(super) fn read_or_make(
    state: &Path,
    name: &str,
    journal: &Journal,
) -> Result<SignerKey, Error> {
    let directory = state.join("keys");
    let path = directory.join("sensor.key");
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    let signer = make(&directory, &path, name)?;
    let key = signer.public().to_string();
    let _receipt = journal.append(&agent(), Action::DisclosureKeyMade { key })?;
    Ok(signer)
}

/// The public half of the key in a state directory; none where no agent has started yet.
pub(super) fn public(state: &Path) -> Result<Option<String>, Error> {
    let found = read(&state.join("keys").join("sensor.key"))?;
    Ok(found.map(|key| key.public().to_string()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::tests::Scratch;

    #[test]
    fn a_key_that_is_made_anew_is_journalled_with_its_public_half() {
        let scratch = Scratch::new("sensor-key");
        let journal = Journal::in_memory();
        let made = |journal: &Journal| {
            let page = journal.page(0, 10).expect("reads");
            let entries = page.rows.iter().filter_map(|row| row.entry.as_ref());
            let texts: Vec<String> = entries.map(|entry| entry.get().to_owned()).collect();
            texts
        };
        assert_eq!(public(&scratch.0).expect("reads"), None);
        let first = read_or_make(&scratch.0, "pop1", &journal).expect("made");
        let first = first.public().to_string();
        assert_eq!(public(&scratch.0).expect("reads"), Some(first.clone()));
        let again = read_or_make(&scratch.0, "pop1", &journal).expect("read");
        assert_eq!(again.public().to_string(), first);
        let told = made(&journal);
        assert!(
            told.len() == 1 && told[0].contains("disclosure_key_made"),
            "{told:?}"
        );
        assert!(told[0].contains(&first), "the auditor pins it by the entry");
        // Restored without its keys.
        fs::remove_file(scratch.0.join("keys").join("sensor.key")).expect("ours");
        let other = read_or_make(&scratch.0, "pop1", &journal).expect("made");
        let told = made(&journal);
        assert!(told.len() == 2 && told[1].contains(&other.public().to_string()));
    }
}
