//! How an entry refers to a record without telling anything of it.
//!
//! A commitment is HMAC-SHA-256 of the record's id under a salt that lives with the record and is destroyed
//! with it. Who has record and salt can show that an entry is about it; once the salt is gone, nobody can,
//! not even with the true record at hand.

use crate::crypto::{Zeroizing, hex, hmac_sha256};

/// What the salt of a record is derived for.
const PURPOSE: &[u8] = b"marker-sensor journal salt 1";

/// The salt of one record.
pub struct Salt(Zeroizing<[u8; 32]>);

impl Salt {
    /// Of a record that is sealed under a key of its own, so that it dies when the key does.
    #[must_use]
    pub fn of_key(key: &[u8; 32]) -> Self {
        Self(Zeroizing::new(hmac_sha256(key, &[PURPOSE])))
    }

    /// The commitment to a record's id, hexadecimal.
    #[must_use]
    pub fn commit(&self, id: &str) -> String {
        hex(&hmac_sha256(&*self.0, &[id.as_bytes()]))
    }

    /// The salt, hexadecimal, to show what an entry is about.
    #[must_use]
    pub fn text(&self) -> String {
        hex(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::sha256;

    #[test]
    fn a_commitment_without_its_salt_tells_nothing() {
        let (one, other) = (Salt::of_key(&[1; 32]), Salt::of_key(&[2; 32]));
        let id = "0011223344556677";
        assert_eq!(one.commit(id), Salt::of_key(&[1; 32]).commit(id));
        assert_ne!(one.commit(id), one.commit("0011223344556678"));
        assert_ne!(one.commit(id), other.commit(id));
        // The record alone leads nowhere near it, nor does the key lie open in the salt.
        assert_ne!(one.commit(id), hex(&sha256(&[id.as_bytes()])));
        assert_ne!(one.text(), hex(&[1; 32]));
    }
}
