//! Files for the authority and for the operator's subscriber system: written beside their place,
//! put there by one rename.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
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
    let digest = hex(&sha256(&[reference.as_bytes()]));
    format!("{}-{}-{attempt}.{extension}", kind.name(), &digest[..16])
}

/// Removes what a former agent had not put into its place when it died.
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

/// A file that is written, and not in its place. It goes when the value is dropped.
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
        let written = Self {
            part: directory.join(format!(".{name}.part")),
            place: directory.join(name),
        };
        // What a former agent left when it died.
        match fs::remove_file(&written.part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(of(&written.part)(error));
            }
            _ => {}
        }
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&written.part)
            .map_err(of(&written.part))?;
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(of(&written.part))?;
        Ok(written)
    }

    /// Puts it into its place, durably. This is the handover: a receipt announces it.
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

impl Drop for Written {
    fn drop(&mut self) {
        // In its place already, or of no use.
        let _ = fs::remove_file(&self.part);
    }
}
