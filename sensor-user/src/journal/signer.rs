//! The journal's key, and the file of its last checkpoint.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{Error, Head, checkpoint::Checkpoint};
use crate::crypto::{SignerKey, VerifierKey, Zeroizing};

/// Name of the last checkpoint in the directory of the segments: a copy of the directory has it.
pub const CHECKPOINT: &str = "checkpoint";

/// Signs checkpoints.
#[derive(Debug)]
pub struct Signer {
    key: SignerKey,
    /// Most entries without a checkpoint behind them.
    every: u64,
    /// Whether the key was made now.
    made: bool,
}

impl Signer {
    /// Reads the key at `path`, or makes one of this origin where none is. Without `origin`, the
    /// key's own counts; a new one is then called `otherwise`.
    ///
    /// # Errors
    /// The file cannot be read or written, is open to others, or is no key of this origin.
    pub fn open(
        path: &Path,
        origin: Option<&str>,
        otherwise: &str,
        every: u64,
    ) -> Result<Self, Error> {
        let bad = |reason: String| Error::Key {
            path: path.to_owned(),
            reason,
        };
        let (key, made) = match File::open(path) {
            Ok(mut file) => {
                let mode = file.metadata().map_err(Error::io(path))?.mode();
                if mode & 0o077 != 0 {
                    return Err(bad(
                        "others may read it: chmod 600, and think of a new one".into()
                    ));
                }
                let mut text = Zeroizing::new(String::new());
                file.read_to_string(&mut text).map_err(Error::io(path))?;
                let key = SignerKey::parse(text.trim_end());
                (key.map_err(|error| bad(error.to_string()))?, false)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = SignerKey::generate(origin.unwrap_or(otherwise));
                let key = key.map_err(|error| bad(error.to_string()))?;
                write(path, &key.text()).map_err(Error::io(path))?;
                (key, true)
            }
            Err(error) => return Err(Error::io(path)(error)),
        };
        let found = &key.public().name;
        match origin {
            Some(origin) if origin != found => Err(bad(format!(
                "it is the key of {found}, not of {origin}: correct journal.origin, or move the key away to go on under another name"
            ))),
            _ => Ok(Self { key, every, made }),
        }
    }

    /// The key that verifies, where this start made it: the journal says so.
    #[must_use]
    pub fn newly_made(&self) -> Option<&VerifierKey> {
        self.made.then(|| self.key.public())
    }

    /// The key that verifies.
    #[must_use]
    pub const fn public(&self) -> &VerifierKey {
        self.key.public()
    }

    pub(super) const fn every(&self) -> u64 {
        self.every
    }

    /// The checkpoint of a state.
    pub(super) fn sign(&self, head: Head) -> String {
        let origin = self.key.public().name.clone();
        Checkpoint { origin, head }.signed(&self.key)
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())?;
    match path.parent() {
        Some(parent) if parent != Path::new("") => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// Puts a checkpoint in the place of the former one: a reader finds one or the other.
pub(super) fn keep(dir: &Path, note: &str) -> Result<(), Error> {
    let (draft, path) = (dir.join("checkpoint.next"), dir.join(CHECKPOINT));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(note.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&draft, &path))
        .and_then(|()| File::open(dir)?.sync_all());
    written.map_err(Error::space(dir, &path))
}

/// Where the checkpoint of a journal is.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(CHECKPOINT)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::db::tests::Scratch;

    #[test]
    fn a_key_is_made_once_kept_apart_and_closed_to_others() {
        let scratch = Scratch::new("signer-1");
        let path = scratch.0.join("journal.key");
        let made = Signer::open(&path, None, "pop1", 10).expect("made");
        assert_eq!(made.newly_made(), Some(made.public()));
        assert_eq!(made.public().name, "pop1");
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        let read = Signer::open(&path, Some("pop1"), "renamed", 10).expect("read");
        assert_eq!(read.newly_made(), None);
        assert_eq!(read.public(), made.public());
        let other = Signer::open(&path, Some("pop2"), "pop2", 10);
        assert!(matches!(other, Err(Error::Key { .. })), "{other:?}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("chmod");
        let open = Signer::open(&path, None, "pop1", 10);
        assert!(matches!(open, Err(Error::Key { .. })), "{open:?}");
        fs::write(&path, "nonsense").expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
        assert!(matches!(
            Signer::open(&path, None, "pop1", 10),
            Err(Error::Key { .. })
        ));
    }
}
