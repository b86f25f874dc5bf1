//! A file on its way to a reader: how far it is, and how much it may be.

use std::io::{self, BufRead, Read};

use super::Limits;

/// Bytes between two tellings of progress.
const STEP: u64 = 1 << 20;

/// A file whose bytes are counted: told as progress, refused beyond [`Limits::bytes`].
pub(super) struct Metered<'a> {
    input: &'a mut dyn BufRead,
    progress: &'a dyn Fn(u64),
    read: u64,
    told: u64,
    most: u64,
}

impl<'a> Metered<'a> {
    pub(super) fn new(
        input: &'a mut dyn BufRead,
        limits: &Limits,
        progress: &'a dyn Fn(u64),
    ) -> Self {
        Self {
            input,
            progress,
            read: 0,
            told: 0,
            most: limits.bytes,
        }
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Metered<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let ready = self.input.fill_buf()?;
        // Told at the end of the file too.
        if self.read - self.told >= STEP || (ready.is_empty() && self.read > self.told) {
            self.told = self.read;
            (self.progress)(self.read);
        }
        if self.read >= self.most && !ready.is_empty() {
            let reason = format!("the file is larger than {} bytes", self.most);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
        }
        let left = usize::try_from(self.most - self.read).unwrap_or(usize::MAX);
        Ok(&ready[..ready.len().min(left)])
    }

    fn consume(&mut self, count: usize) {
        self.read += count as u64;
        self.input.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::markers::{Intake, Place};

    #[test]
    fn a_file_is_read_up_to_its_limit_and_refused_beyond() {
        let bytes = vec![b'x'; 3 << 20];
        let (told, last) = (Cell::new(0), Cell::new(0));
        let progress = |read| {
            told.set(told.get() + 1);
            last.set(read);
        };
        let mut limits = Limits {
            bytes: bytes.len() as u64,
            ..Limits::default()
        };
        let mut all = Vec::new();
        let mut input = io::BufReader::new(bytes.as_slice());
        let read = Metered::new(&mut input, &limits, &progress).read_to_end(&mut all);
        assert_eq!(read.expect("it fits"), bytes.len());
        assert_eq!((told.get(), last.get()), (3, bytes.len() as u64));
        limits.bytes -= 1;
        let error = Metered::new(&mut bytes.as_slice(), &limits, &|_| {}).read_to_end(&mut all);
        let mut intake = Intake::new(&limits);
        intake.fail_reading(Place::default(), &error.expect_err("one byte too many"));
        assert_eq!(intake.refused[0].code, "too_large");
    }
}
