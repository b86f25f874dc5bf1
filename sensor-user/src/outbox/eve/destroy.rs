//! Destruction: of whole files at the end of their time, of single lines before.
//!
//! Bytes are overwritten where they lie before they are given back, because a file system that
//! frees a block does not clear it. Nothing here needs space on the disk.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use jiff::civil::Date;
use rustix::fs::OFlags;

use super::{
    append::{Error, at, flags, list, lock, sync},
    line::{forgotten, id},
};
use crate::crypto::sha256;

/// How much is overwritten at once; bytes.
const STEP: usize = 64 << 10;

/// Destroys the files that nobody may have from `today` on; how many events they told of.
pub(super) fn expired(directory: &Path, today: Date) -> Result<u64, Error> {
    let mut files = list(directory)?;
    files.retain(|(name, _)| name.until <= today);
    let mut events = HashSet::new();
    for (_, path) in &files {
        let file = open(path)?;
        collect_ids(&file, &mut events).map_err(at(path))?;
        // On a file system that cannot overwrite (read the guide), or whose disk is bad, the file still
        // goes.
        let _ = overwrite(&file);
        file.set_len(0).map_err(at(path))?;
        fs::remove_file(path).map_err(at(path))?;
    }
    if !files.is_empty() {
        sync(directory)?;
    }
    Ok(events.len() as u64)
}

/// Overwrites the lines of these events with lines of the same length that tell nothing; how many.
pub(super) fn forget(directory: &Path, ids: &HashSet<String>) -> Result<u64, Error> {
    let mut forgotten = 0;
    for (_, path) in list(directory)? {
        let file = open(&path)?;
        forgotten += forget_in(&file, ids).map_err(at(&path))?;
    }
    Ok(forgotten)
}

/// For writing in place; a link is not followed.
fn open(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.custom_flags(flags(OFlags::NOFOLLOW));
    let file = options.open(path).map_err(at(path))?;
    lock(&file).map_err(at(path))?;
    Ok(file)
}

/// Each event once, however many revisions of it there are: by a digest of its id.
fn collect_ids(file: &File, events: &mut HashSet<[u8; 32]>) -> io::Result<()> {
    each_line(file, |_, line| {
        if let Some(id) = id(line) {
            events.insert(sha256(&[id.as_bytes()]));
        }
        Ok(())
    })
}

fn forget_in(file: &File, ids: &HashSet<String>) -> io::Result<u64> {
    let mut count = 0;
    each_line(file, |offset, line| {
        if id(line).is_some_and(|id| ids.contains(&*id)) {
            file.write_all_at(forgotten(line.len()).as_bytes(), offset)?;
            count += 1;
        }
        Ok(())
    })?;
    if count > 0 {
        file.sync_data()?;
    }
    Ok(count)
}

/// Calls `act` with the offset and the bytes of each line, the line feed left out.
fn each_line(file: &File, mut act: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(STEP, file);
    let (mut offset, mut line) = (0, Vec::new());
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        act(offset, line.strip_suffix(b"\n").unwrap_or(&line))?;
        offset += read as u64;
    }
}

fn overwrite(file: &File) -> io::Result<()> {
    let zeros = vec![0; STEP];
    let (mut offset, length) = (0, file.metadata()?.len());
    while offset < length {
        let part = usize::try_from(length - offset).map_or(STEP, |left| left.min(STEP));
        file.write_all_at(&zeros[..part], offset)?;
        offset += part as u64;
    }
    file.sync_data()
}
