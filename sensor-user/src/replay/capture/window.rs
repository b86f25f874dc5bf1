//! A fixed window over the file: the only memory that reading takes.

use std::io::{self, ErrorKind, Read};

/// Size of the window, bytes. No record that must be seen whole is longer (the readers refuse
/// it), so it never grows.
pub(super) const WINDOW: usize = 1024 * 1024;

pub(super) struct Window {
    reader: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Place in the file of `bytes[start]`.
    offset: u64,
    /// Place in the file of the record that is being read.
    record: u64,
}

impl Window {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            bytes: vec![0; WINDOW],
            start: 0,
            end: 0,
            offset: 0,
            record: 0,
        }
    }

    /// Place in the file of the first byte of [`peek`](Self::peek).
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Says that a record starts here, for errors met further on in it.
    pub(super) fn begin(&mut self) {
        self.record = self.offset;
    }

    /// Place in the file of the last [`begin`](Self::begin).
    pub(super) fn record(&self) -> u64 {
        self.record
    }

    /// Memory taken, bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.bytes.capacity()
    }

    /// What is in the window and not yet taken.
    pub(super) fn peek(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Reads until `count` bytes (at most [`WINDOW`]) are there; `false` when the file ends first.
    pub(super) fn fill(&mut self, count: usize) -> io::Result<bool> {
        if self.end - self.start >= count {
            return Ok(true);
        }
        if self.bytes.len() - self.start < count {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        while self.end - self.start < count {
            match self.reader.read(&mut self.bytes[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Takes `count` bytes that are there.
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let taken = self.start..self.start + count;
        self.start = taken.end;
        self.offset += count as u64;
        &self.bytes[taken]
    }

    /// Passes over `count` bytes of whatever number; `false` when the file ends first.
    pub(super) fn skip(&mut self, mut count: u64) -> io::Result<bool> {
        while count > 0 {
            if !self.fill(1)? {
                return Ok(false);
            }
            let step = count.min(self.peek().len() as u64);
            self.take(step as usize);
            count -= step;
        }
        Ok(true)
    }
}
