//! The Merkle tree of RFC 6962 §2.1. Pure: hashes in, hashes out.

mod proof;
#[cfg(test)]
mod tests;

pub use proof::{consistency_proof, inclusion_proof, verify_consistency, verify_inclusion};

use crate::crypto::sha256;

/// A SHA-256 digest: a leaf, a node or a root.
pub type Hash = [u8; 32];

/// Leaf hash of an entry: SHA-256 of a zero byte and the entry (RFC 6962 §2.1). The prefix keeps
/// an entry from passing for a node.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[0], entry])
}

/// Hash of two subtrees: SHA-256 of a one byte, the left and the right (RFC 6962 §2.1).
fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// Root of the tree over these leaf hashes.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::default();
    for leaf in leaves {
        tree.push(*leaf);
    }
    tree.root()
}

/// A growing tree, of which only the roots of its complete subtrees are kept: one for each bit set
/// in its size, so at most 64 hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of the complete subtrees, from the largest (leftmost) to the smallest.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Adds a leaf on the right.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // As in binary addition: each trailing one is a subtree that the new one completes.
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("one peak for each bit of the size");
            hash = node_hash(&left, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree; SHA-256 of nothing when it has no leaf.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.peaks
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(|| sha256(&[]))
    }
}
