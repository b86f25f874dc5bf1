//! Whole lines at the end of a file, on disk when they are acknowledged.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, OFlags, flock},
    io::retry_on_intr,
};

/// Readable by the group that the SIEM's collector is in.
const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;

/// How much of a file's end is read at once when its last line is looked for; bytes.
const STEP: u64 = 64 << 10;

/// What failed, and where.
#[derive(Debug)]
pub(super) struct Error {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Names the path of an I/O error.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error {
        path: path.clone(),
        source,
    }
}

/// Appends lines and syncs them; a file keeps all of them or none.
pub(super) fn append(directory: &Path, name: &str, lines: &[u8]) -> Result<(), Error> {
    let path = directory.join(name);
    let mut file = open(directory, &path)?;
    let before = repair(&file).map_err(at(&path))?;
    let written = file.write_all(lines).and_then(|()| file.sync_data());
    if let Err(error) = written {
        // What remains if this fails too is whole lines that come again, or a torn one that the next
        // delivery cuts off.
        let _ = file.set_len(before).and_then(|()| file.sync_data());
        return Err(at(&path)(error));
    }
    Ok(())
}

/// Opens a file for reading and appending, makes it, and its directory, if it is not there. A link is
/// not followed.
fn open(directory: &Path, path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .append(true)
        .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .mode(FILE_MODE);
    let file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(directory)?;
            let file = options.create(true).open(path).map_err(at(path))?;
            file.set_permissions(Permissions::from_mode(FILE_MODE))
                .map_err(at(path))?;
            sync(directory)?;
            file
        }
        other => other.map_err(at(path))?,
    };
    if !file.metadata().map_err(at(path))?.is_file() {
        let source = io::Error::other("not a regular file: move it away");
        return Err(at(path)(source));
    }
    lock(&file).map_err(at(path))?;
    Ok(file)
}

/// Waits for a delivery that nobody waits for any more, so that its line is whole.
pub(super) fn lock(file: &File) -> io::Result<()> {
    Ok(retry_on_intr(|| {
        flock(file, FlockOperation::LockExclusive)
    })?)
}

/// Makes a directory that is not there; its mode does not depend on the process.
fn make(directory: &Path) -> Result<(), Error> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(directory)
        .and_then(|()| fs::set_permissions(directory, Permissions::from_mode(DIRECTORY_MODE)))
        .map_err(at(directory))?;
    directory.parent().map_or(Ok(()), sync)
}

/// Flags as the standard library takes them.
pub(super) fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

/// Makes the entries of a directory outlive a crash.
pub(super) fn sync(directory: &Path) -> Result<(), Error> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(at(directory))
}

/// Cuts off a last line that a crash tore; gives the length that is left.
fn repair(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let mut part = vec![0; STEP.min(end) as usize];
        file.read_exact_at(&mut part, start)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            end = start + at as u64 + 1;
            break;
        }
        end = start;
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(end)
}

/// The sensor's files of a directory, each with its name; none where there is no directory.
pub(super) fn list(directory: &Path) -> Result<Vec<(super::name::Name, PathBuf)>, Error> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(at(directory))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(at(directory))?;
        let name = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let Some(name) = name
            && entry.file_type().map_err(at(&entry.path()))?.is_file()
        {
            files.push((name, entry.path()));
        }
    }
    Ok(files)
}
