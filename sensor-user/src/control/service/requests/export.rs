//! Files for the authority and for the operator's subscriber system: written beside their place,
//! put there by one rename.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::{
    crypto::{hex, sha256},
    journal::Receipt,
    model::RequestType,
};

/// What goes wrong with an export.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}; see requests.export-dir")]
pub(super) struct ExportError {
    path: PathBuf,
    source: io::Error,
}

fn of(path: &Path) -> impl FnOnce(io::Error) -> ExportError {
    move |source| ExportError {
        path: path.into(),
        source,
    }
}

/// The name of a file: a reference may hold what no file name may.
pub(super) fn name(kind: RequestType, reference: &str, attempt: u32, extension: &str) -> String {
    format!("{}{attempt}.{extension}", prefix(kind, reference))
}

/// What the names of all answers to a request begin with.
pub(super) fn prefix(kind: RequestType, reference: &str) -> String {
    let digest = hex(&sha256(&[reference.as_bytes()]));
    format!("{}-{}-", kind.name(), &digest[..16])
}

/// Lies in the directory that answers are put into: where it is not there, what is missing was not taken
/// away, the directory is another one (nothing is mounted there, say).
pub(super) const MARK: &str = ".marker-sensor";

/// Whether this is a directory that answers were put into.
pub(super) fn is_marked(directory: &Path) -> bool {
    fs::symlink_metadata(directory.join(MARK)).is_ok()
}

/// Marks it as such.
pub(super) fn mark(directory: &Path) -> Result<(), ExportError> {
    let path = directory.join(MARK);
    let made = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    match made.and_then(|file| file.sync_all()) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(of(&path)(error)),
        _ => sync_parent(&path),
    }
}

/// Names of answers and work lists in a directory.
pub(super) fn answers(directory: &Path) -> Vec<String> {
    // A directory that is not there holds nothing.
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let is_ours = |name: &String| {
        let whole = name.ends_with(".age") || name.ends_with(".json");
        whole
            && RequestType::ALL.iter().any(|kind| {
                let rest = name.strip_prefix(kind.name());
                rest.is_some_and(|rest| rest.starts_with('-'))
            })
    };
    names.filter(is_ours).collect()
}

fn part(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!(".{name}.part"))
}

/// Whether the directory is the agent's own and closed to everybody else: somebody else's hand in it
/// takes answers out or puts others in their place. One that is not there is made so.
///
/// # Errors
/// What is wrong with it, or that it cannot be looked at.
pub(super) fn check(directory: &Path) -> Result<(), ExportError> {
    let found = match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(of(directory))?,
    };
    let own = rustix::process::geteuid().as_raw();
    let wrong = if !found.is_dir() {
        "is not a directory itself; a link is not followed".to_owned()
    } else if found.uid() != own {
        format!(
            "belongs to uid {}, the agent is uid {own}: chown it",
            found.uid()
        )
    } else if found.mode() & 0o077 != 0 {
        format!(
            "has mode {:o}, others get in: chmod 0700",
            found.mode() & 0o7777
        )
    } else {
        return Ok(());
    };
    Err(of(directory)(io::Error::other(wrong)))
}

/// What there is of an answer whose handover had begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is in its place, and it is this one.
    Placed,
    /// It is beside its place still: it was never put there.
    Beside,
    /// Neither, or another file, or it cannot be looked at: nobody can tell.
    Nothing,
}

/// Looks for an answer by its name and its SHA-256, hexadecimal: a name alone is nothing.
pub(super) fn find(directory: &Path, name: &str, digest: &str) -> Found {
    let is_it = |path: &Path| {
        let regular = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
        regular && fs::read(path).is_ok_and(|bytes| hex(&sha256(&[&bytes])) == digest)
    };
    let place = directory.join(name);
    let free = matches!(place.try_exists(), Ok(false));
    if is_it(&place) {
        Found::Placed
    } else if free && is_it(&part(directory, name)) {
        Found::Beside
    } else {
        Found::Nothing
    }
}

/// Removes what a former agent had not put into its place when it died; once it is known what became
/// of each answer.
pub(super) fn sweep(directory: &Path) {
    // A directory that is not there yet holds nothing.
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(".request-") && name.ends_with(".part") {
            // One that stays is encrypted, and of no use to anybody.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes an answer that was written and never put into its place.
pub(super) fn forget(directory: &Path, name: &str) {
    // Of no use to anybody; the next start tries again.
    let _ = fs::remove_file(part(directory, name));
}

/// A file that is written, and not in its place.
pub(super) struct Written {
    part: PathBuf,
    place: PathBuf,
}

impl Written {
    /// Writes it, durably, readable by its owner alone.
    pub fn new(directory: &Path, name: &str, bytes: &[u8]) -> Result<Self, ExportError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(of(directory))?;
        check(directory)?;
        mark(directory)?;
        let written = Self {
            part: part(directory, name),
            place: directory.join(name),
        };
        // What a former agent left when it died.
        match fs::remove_file(&written.part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(of(&written.part)(error));
            }
            _ => {}
        }
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&written.part);
        let filled = file.and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        if let Err(error) = filled {
            forget(directory, name);
            return Err(of(&written.part)(error));
        }
        Ok(written)
    }

    /// Puts it into its place, durably. This is the handover: a receipt announces it. Where it fails,
    /// [`find`] tells whether it was done.
    pub fn place(self, _receipt: &Receipt) -> Result<(), ExportError> {
        fs::rename(&self.part, &self.place).map_err(of(&self.place))?;
        sync_parent(&self.place)
    }

    /// Where it will be.
    pub fn place_of(&self) -> &Path {
        &self.place
    }
}

/// Makes durable what became of a file in its directory; one that is gone has nothing to lose.
pub(super) fn sync_parent(path: &Path) -> Result<(), ExportError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    match File::open(directory).and_then(|directory| directory.sync_all()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(of(directory)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::db::tests::Scratch;

    #[test]
    fn an_answer_is_found_by_what_is_in_it() {
        let scratch = Scratch::new("export");
        let (dir, digest) = (scratch.0.join("out"), hex(&sha256(&[b"answer"])));
        let found = || find(&dir, "a.age", &digest);
        assert_eq!(found(), Found::Nothing);
        let written = Written::new(&dir, "a.age", b"answer").expect("writes");
        assert_eq!(found(), Found::Beside);
        fs::write(dir.join("a.age"), b"").expect("writes");
        assert_eq!(found(), Found::Nothing, "something else is in its place");
        fs::rename(&written.part, &written.place).expect("renames");
        assert_eq!(found(), Found::Placed);
        fs::rename(&written.place, dir.join("b")).expect("renames");
        symlink(dir.join("b"), dir.join("a.age")).expect("links");
        assert_eq!(found(), Found::Nothing, "a link is not it");
    }

    #[test]
    fn a_directory_that_others_get_into_is_refused() {
        let scratch = Scratch::new("export-dir");
        let dir = scratch.0.join("out");
        assert!(check(&dir).is_ok(), "it will be made");
        Written::new(&dir, "a.age", b"answer").expect("writes");
        assert!(check(&dir).is_ok());
        for mode in [0o750, 0o705, 0o770] {
            fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).expect("ours");
            let error = check(&dir).expect_err("open to others").to_string();
            assert!(error.contains("chmod 0700"), "{error}");
            assert!(Written::new(&dir, "b.age", b"answer").is_err());
        }
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).expect("ours");
        let link = scratch.0.join("link");
        symlink(&dir, &link).expect("links");
        assert!(check(&link).is_err(), "a link is not followed");
    }
}
