//! Bytes that grow without leaving copies behind.

use std::{
    io::{self, Write},
    ops::Deref,
};

use super::Zeroizing;

/// Room to begin with, bytes.
const FIRST: usize = 4 << 10;

/// Bytes that are overwritten when they are dropped, and whenever they move because they grow.
#[derive(Debug, Default)]
pub struct Wiped(Zeroizing<Vec<u8>>);

impl Write for Wiped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.0.len() + bytes.len();
        if length > self.0.capacity() {
            // A vector that grows by itself frees its former place as it is.
            let room = length.max(2 * self.0.capacity()).max(FIRST);
            let mut more = Zeroizing::new(Vec::with_capacity(room));
            more.extend_from_slice(&self.0);
            self.0 = more;
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Deref for Wiped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_was_written() {
        let mut wiped = Wiped::default();
        let mut expected = Vec::new();
        for round in 0..5_000_u32 {
            wiped.write_all(&round.to_le_bytes()).expect("it grows");
            expected.extend_from_slice(&round.to_le_bytes());
        }
        assert_eq!(*wiped, expected[..]);
    }
}
