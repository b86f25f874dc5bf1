//! The files of the stores are for their owner alone: SQLite makes them as the umask of whoever starts the
//! agent would have it.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::Error;

/// Makes a file that SQLite is to open, and closes those that are there. What SQLite makes beside it gets
/// the file's own mode.
pub(super) fn make(path: &Path) -> Result<(), Error> {
    let failed = |path: &Path, source| Error::File {
        path: path.to_owned(),
        source,
    };
    let made = File::options()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path);
    drop(made.map_err(|source| failed(path, source))?);
    for beside in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(beside);
        let path = PathBuf::from(name);
        close(&path).map_err(|source| failed(&path, source))?;
    }
    Ok(())
}

fn close(path: &Path) -> io::Result<()> {
    let mode = match fs::metadata(path) {
        Ok(file) => file.permissions().mode(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(0o600))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Requests, tests::Scratch};

    #[test]
    fn stores_are_for_their_owner_alone_whatever_the_umask_and_the_files_were() {
        let scratch = Scratch::new("private");
        let open = || Requests::open(&scratch.0).expect("opens");
        let modes = || {
            let entries = fs::read_dir(&scratch.0).expect("reads");
            let mode = |entry: io::Result<fs::DirEntry>| {
                let metadata = entry.expect("an entry").metadata().expect("there");
                metadata.permissions().mode() & 0o777
            };
            entries.map(mode).collect::<Vec<_>>()
        };
        let first = open();
        assert!(modes().iter().all(|mode| *mode == 0o600), "{:?}", modes());
        assert!(modes().len() >= 2, "a log beside it");
        for entry in fs::read_dir(&scratch.0).expect("reads") {
            let path = entry.expect("an entry").path();
            fs::set_permissions(path, Permissions::from_mode(0o644)).expect("ours");
        }
        let _second = open();
        assert!(modes().iter().all(|mode| *mode == 0o600), "{:?}", modes());
        drop(first);
    }
}
