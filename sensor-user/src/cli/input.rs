//! Files that are sent, however large they are.

use std::{
    env,
    fs::{self, File},
    io::{self, Read, Seek as _, SeekFrom, Write as _},
    os::{fd::AsFd as _, unix::fs::OpenOptionsExt as _},
    path::Path,
    process,
};

use bytes::Bytes;

use super::{client::Payload, failure::Error};

/// Bytes of a stream that are held in memory; the rest waits in a file.
const MOST_IN_MEMORY: u64 = 1 << 20;

/// A file, or standard input for `-`, as it is sent. What is no regular file is read to its end
/// first: the sensor does not wait for a slow source.
pub(super) fn payload(path: &Path) -> Result<Payload, Error> {
    let opened = || {
        let mut file = match path == Path::new("-") {
            true => File::from(io::stdin().as_fd().try_clone_to_owned()?),
            false => File::open(path)?,
        };
        let found = file.metadata()?;
        if !found.is_file() {
            return spooled(file);
        }
        // Standard input may stand behind its beginning.
        let at = file.stream_position()?;
        Ok(Payload::file(file, found.len().saturating_sub(at)))
    };
    opened().map_err(|source| unread(path, source))
}

/// A file, or standard input for `-`, in memory: for lists that are looked at here.
pub(super) fn text(path: &Path) -> Result<String, Error> {
    let read = if path == Path::new("-") {
        io::read_to_string(io::stdin().lock())
    } else {
        fs::read_to_string(path)
    };
    read.map_err(|source| unread(path, source))
}

fn unread(path: &Path, source: io::Error) -> Error {
    let path = match path.to_str() {
        Some("-") => "standard input".into(),
        _ => path.display().to_string(),
    };
    Error::Input { path, source }
}

/// Reads a stream to its end; a large one into a file without a name.
fn spooled(mut stream: impl Read) -> io::Result<Payload> {
    let mut head = Vec::new();
    (&mut stream).take(MOST_IN_MEMORY).read_to_end(&mut head)?;
    if (head.len() as u64) < MOST_IN_MEMORY {
        return Ok(Bytes::from(head).into());
    }
    let path = env::temp_dir().join(format!(".sensorctl-{}", process::id()));
    let mut file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    fs::remove_file(&path)?;
    file.write_all(&head)?;
    let length = head.len() as u64 + io::copy(&mut stream, &mut file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(Payload::file(file, length))
}
