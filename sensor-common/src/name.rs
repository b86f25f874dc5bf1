//! Keyed hashes of names, label by label: so that a name's hash passes by that of each of its parents,
//! and a dot within a label is no boundary.
//!
//! Eight bytes a step. A label is hashed from its first byte on, a name from its last label to its first:
//! [`NameHash`] after so many labels is the hash of the name that these make. Collisions are harmless
//! (the agent confirms on the exact name), so this is made to be fast, and keyed only so that nobody can
//! prepare them.

use crate::filter::GOLDEN;

/// Longest name, as it stands in a DNS message (RFC 1035 §2.3.4).
pub const LONGEST_NAME: usize = 255;

/// Most labels of a name: 254 bytes of one-letter labels and the root.
pub const MOST_LABELS: usize = 127;

/// Keys of the hash of names, made at each start of the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameKeys(pub [u64; 4]);

impl NameKeys {
    /// Of two random numbers (SplitMix64).
    #[must_use]
    pub fn new(seed: [u64; 2]) -> Self {
        let mut keys = crate::flow_hash_keys(seed[0]);
        for (key, other) in keys.iter_mut().zip(crate::flow_hash_keys(seed[1] ^ GOLDEN)) {
            *key = (*key ^ other.rotate_left(32)) | 1;
        }
        Self(keys)
    }
}

/// The hash of one label, as its bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelHash(u64);

impl LabelHash {
    /// Of no byte.
    #[inline(always)]
    #[must_use]
    pub const fn new(keys: NameKeys) -> Self {
        Self(keys.0[0])
    }

    /// With the next eight bytes, the first one in the lowest; of the last step what is missing is zero.
    #[inline(always)]
    #[must_use]
    pub const fn with(self, bytes: u64, keys: NameKeys) -> Self {
        // Twice: the highest bit passes one product as it is, and the next word could cancel it.
        let word = (self.0 ^ lower(bytes)).wrapping_mul(keys.0[1]);
        let word = (word ^ (word >> 32)).wrapping_mul(keys.0[2]);
        Self(word ^ (word >> 29))
    }

    /// Of the whole label, given its length.
    #[inline(always)]
    #[must_use]
    pub const fn finish(self, length: u32) -> u64 {
        self.0 ^ ((length as u64) << 56)
    }
}

/// The hash of a name, as its labels come from the last one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameHash(u64);

impl NameHash {
    /// Of the root.
    #[inline(always)]
    #[must_use]
    pub const fn root(keys: NameKeys) -> Self {
        Self(keys.0[2])
    }

    /// Of a child of this name, given the hash of its first label ([`LabelHash::finish`]).
    #[inline(always)]
    #[must_use]
    pub const fn child(self, label: u64, keys: NameKeys) -> Self {
        let word = (self.0 ^ label).wrapping_mul(keys.0[3]);
        Self(word ^ (word >> 32))
    }

    /// The hash.
    #[inline(always)]
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Its word of the filter, among `words`.
    #[inline(always)]
    #[must_use]
    pub const fn word(self, words: u32) -> u32 {
        (((self.0 >> 32) * words as u64) >> 32) as u32
    }

    /// Its mark in that word: for the name alone, or for the name with its subdomains.
    #[inline(always)]
    #[must_use]
    pub const fn mark(self, subdomains: bool) -> u64 {
        let bits = if subdomains { self.0 >> 18 } else { self.0 };
        (1 << (bits & 63)) | (1 << ((bits >> 6) & 63)) | (1 << ((bits >> 12) & 63))
    }
}

/// Letters of ASCII in lower case, eight bytes at once; other bytes as they are (RFC 4343).
#[inline(always)]
#[must_use]
pub const fn lower(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = bytes & (0x7f * ONES);
    let from_a = low.wrapping_add((0x80 - b'A' as u64) * ONES);
    let after_z = low.wrapping_add((0x7f - b'Z' as u64) * ONES);
    let letters = (from_a ^ after_z) & !bytes & (0x80 * ONES);
    bytes | (letters >> 2)
}

/// The hash of a label.
#[must_use]
pub fn label_hash(label: &[u8], keys: NameKeys) -> u64 {
    let mut hash = LabelHash::new(keys);
    for chunk in label.chunks(8) {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        hash = hash.with(u64::from_le_bytes(bytes), keys);
    }
    hash.finish(label.len() as u32)
}

/// The hash of a name in text form, without a dot at its end.
#[must_use]
pub fn name_hash(name: &str, keys: NameKeys) -> NameHash {
    let labels = name.as_bytes().rsplit(|byte| *byte == b'.');
    labels.fold(NameHash::root(keys), |parent, label| {
        parent.child(label_hash(label, keys), keys)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_letters_change_their_case() {
        for byte in 0..=255u8 {
            let word = u64::from(byte) << 24 | u64::from(!byte) << 16 | 0x41;
            let [first, _, third, fourth, ..] = lower(word).to_le_bytes();
            assert_eq!((first, fourth), (b'a', byte.to_ascii_lowercase()));
            assert_eq!(third, (!byte).to_ascii_lowercase());
        }
    }

    /// Bits that one product passes as they are, and bits that cancel what comes of them in the next word.
    #[test]
    fn no_pair_of_labels_is_one_for_every_key() {
        let pairs: [(&[u8], &[u8]); 2] = [
            (b"updates-service-cdn", b"updates\xadservmce\xadcdn"),
            (b"0123456789abcdefg", b"0123456\xb789abgde\xe6g"),
        ];
        for seed in 0..1000 {
            let keys = NameKeys::new([seed, !seed]);
            for (one, other) in pairs {
                assert_ne!(label_hash(one, keys), label_hash(other, keys), "{seed}");
            }
            // Whatever cancels one difference for these keys, another key makes another difference.
            let step = |bytes: u64| LabelHash::new(keys).with(bytes, keys);
            let apart = step(0x2d2d).0 ^ step(0x2d2d | 1 << 63).0;
            assert!(apart.count_ones() > 4, "{apart:x}");
        }
    }

    #[test]
    fn names_that_differ_in_labels_differ() {
        let keys = NameKeys::new([1, 2]);
        let hash = |name| name_hash(name, keys);
        assert_eq!(hash("Evil.EXAMPLE"), hash("evil.example"));
        assert_ne!(hash("evil.example"), hash("example.evil"));
        assert_ne!(hash("a.b"), hash("ab"));
        let dotted = NameHash::root(keys).child(label_hash(b"a.b", keys), keys);
        assert_ne!(hash("a.b"), dotted);
        assert_ne!(label_hash(b"a\0", keys), label_hash(b"a", keys));
        assert_ne!(
            hash("evil.example"),
            name_hash("evil.example", NameKeys::new([1, 3]))
        );
    }
}
