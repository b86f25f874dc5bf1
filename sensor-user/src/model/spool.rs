//! A request's body that is too large for memory.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    sync::Arc,
};

/// A body in a file that has no name: it goes with the last value that refers to it. Blank by
/// default. Clones share one file, but each [`Spool::reader`] has its own place in it.
#[derive(Clone, Debug, Default)]
pub struct Spool {
    file: Option<Arc<File>>,
    length: u64,
}

impl Spool {
    /// Of a file of this many bytes that nobody else writes.
    #[must_use]
    pub fn new(file: File, length: u64) -> Self {
        Self {
            file: Some(Arc::new(file)),
            length,
        }
    }

    /// Bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Reads it from its beginning.
    #[must_use]
    pub fn reader(&self) -> SpoolReader {
        self.reader_at(0)
    }

    /// Reads it from a byte on.
    #[must_use]
    pub fn reader_at(&self, at: u64) -> SpoolReader {
        SpoolReader {
            spool: self.clone(),
            at,
        }
    }
}

/// Whether two spools are one file: what is in them is not compared.
impl PartialEq for Spool {
    fn eq(&self, other: &Self) -> bool {
        match (&self.file, &other.file) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for Spool {}

/// Reads a [`Spool`].
#[derive(Debug)]
pub struct SpoolReader {
    spool: Spool,
    at: u64,
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt as _;
        let Some(file) = &self.spool.file else {
            return Ok(0);
        };
        let read = file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for SpoolReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(offset) => (self.spool.length, offset),
            SeekFrom::Current(offset) => (self.at, offset),
        };
        self.at = base
            .checked_add_signed(offset)
            .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
