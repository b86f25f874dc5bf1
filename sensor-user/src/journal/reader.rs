//! Reading segment files: which there are, and line by line in bounded memory.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{Fault, LONGEST_LINE, VerifyError};

/// Path of the segment whose first entry has this index: 20 digits hold any u64, so names sort as
/// the indexes do.
pub(super) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.log"))
}

/// First indexes of the segments in a directory, ascending. Files that do not end in `.log` are
/// not the journal's; a `.log` with another name is an error.
pub(super) fn list(dir: &Path) -> Result<Vec<u64>, VerifyError> {
    let mut firsts = Vec::new();
    for file in fs::read_dir(dir).map_err(VerifyError::io(dir))? {
        let found = file.map_err(VerifyError::io(dir))?.path();
        if found
            .extension()
            .is_some_and(|extension| extension == "log")
        {
            let first = found
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            match first {
                Some(first) if path(dir, first) == found => firsts.push(first),
                _ => return Err(VerifyError::Name { path: found }),
            }
        }
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// The lines of one segment.
pub(super) struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    number: u64,
    complete: u64,
    torn: u64,
}

impl Lines {
    pub(super) fn open(path: PathBuf) -> Result<Self, VerifyError> {
        let file = File::open(&path).map_err(VerifyError::io(&path))?;
        Ok(Self {
            path,
            file: BufReader::with_capacity(64 * 1024, file),
            line: Vec::new(),
            number: 0,
            complete: 0,
            torn: 0,
        })
    }

    /// The next complete line, without its newline; `None` at the end, complete or not.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, VerifyError> {
        self.line.clear();
        let read = self
            .file
            .by_ref()
            .take(LONGEST_LINE as u64)
            .read_until(b'\n', &mut self.line)
            .map_err(VerifyError::io(&self.path))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.pop_if(|last| *last == b'\n').is_some() {
            self.complete += read as u64;
            return Ok(Some(&self.line));
        }
        if read == LONGEST_LINE {
            return Err(self.fault(Fault::TooLong));
        }
        self.torn = read as u64;
        Ok(None)
    }

    /// Bytes of the lines read so far.
    pub(super) const fn complete(&self) -> u64 {
        self.complete
    }

    /// Bytes after the last newline; known at the end.
    pub(super) const fn torn(&self) -> u64 {
        self.torn
    }

    /// Number of the line read last, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Says that the line read last is at fault.
    pub(super) fn fault(&self, fault: Fault) -> VerifyError {
        self.fault_at(self.number, fault)
    }

    /// Says that a line is at fault.
    pub(super) fn fault_at(&self, line: u64, fault: Fault) -> VerifyError {
        VerifyError::Line {
            path: self.path.clone(),
            line,
            fault,
        }
    }
}
