//! Bytes of packets, overwritten when they go.

use std::{fmt, ops::Deref};

use zeroize::optimization_barrier;

/// Overwrites bytes with zeros in a way that the compiler cannot leave out, and by the line of cache, where
/// `Zeroize` writes byte by byte: whole segments are overwritten, a hundred thousand a second.
pub fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    optimization_barrier(bytes);
}

/// Bytes that packets bore. They are overwritten when they go, and print nothing.
///
/// There is room for so many from the beginning, and there is never more: what growing leaves behind
/// could not be overwritten.
#[derive(Default, PartialEq, Eq, Hash)]
pub struct Wiped(Vec<u8>);

impl Wiped {
    /// None, with room for so many.
    #[must_use]
    pub fn with_room(most: usize) -> Self {
        Self(Vec::with_capacity(most))
    }

    /// A copy.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// Adds bytes for which there is room.
    ///
    /// # Panics
    /// When there is none.
    pub fn add(&mut self, bytes: impl IntoIterator<Item = u8>) {
        for byte in bytes {
            assert!(self.0.len() < self.0.capacity(), "there is room");
            self.0.push(byte);
        }
    }

    /// Adds a slice for which there is room.
    ///
    /// # Panics
    /// When there is none.
    pub fn add_slice(&mut self, bytes: &[u8]) {
        assert!(
            bytes.len() <= self.0.capacity() - self.0.len(),
            "there is room"
        );
        self.0.extend_from_slice(bytes);
    }

    /// Leaves only the first ones.
    pub fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// To be changed where they stand.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Deref for Wiped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Clone for Wiped {
    fn clone(&self) -> Self {
        Self::of(self)
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        // What was there before it was truncated, too; no room is added.
        self.0.clear();
        self.0.resize(self.0.capacity(), 0);
        optimization_barrier(self.0.as_slice());
    }
}

impl fmt::Debug for Wiped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wiped(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_zeros_afterwards_and_print_nothing() {
        let mut bytes = *b"evil.example";
        wipe(&mut bytes[..4]);
        assert_eq!(&bytes, b"\0\0\0\0.example");
        let mut held = Wiped::with_room(12);
        held.add_slice(b"evil");
        held.add(*b".example");
        assert_eq!(&held[..], b"evil.example");
        assert_eq!(format!("{:?}", held.clone()), "Wiped(..)");
    }

    #[test]
    #[should_panic(expected = "there is room")]
    fn they_never_move_to_a_larger_place() {
        let mut held = Wiped::with_room(4);
        let room = held.0.capacity();
        held.add_slice(&vec![1; room]);
        held.add([2]);
    }
}
