//! Proofs: that an entry stands in a tree, and that a tree only grew.

use super::{Hash, node_hash, root};
use crate::crypto::sha256;

/// The audit path of the leaf at `index` (RFC 6962 §2.1.1), from the leaf up; `None` when there is
/// no such leaf.
#[must_use]
pub fn inclusion_proof(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    (index < leaves.len()).then(|| path(leaves, index))
}

/// The proof that the tree over the first `old` leaves is a prefix of the tree over all
/// (RFC 6962 §2.1.2); `None` when there are fewer than `old`. Nothing is needed to extend the
/// empty tree, nor a tree to itself: the proof is then empty.
#[must_use]
pub fn consistency_proof(leaves: &[Hash], old: usize) -> Option<Vec<Hash>> {
    match old {
        0 => Some(Vec::new()),
        _ => (old <= leaves.len()).then(|| subproof(leaves, old, true)),
    }
}

/// PATH(m, D\[n\]).
fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if index < left.len() {
        let mut proof = path(left, index);
        proof.push(root(right));
        proof
    } else {
        let mut proof = path(right, index - left.len());
        proof.push(root(left));
        proof
    }
}

/// SUBPROOF(m, D\[n\], b): `known` says that the verifier has the root of the first `old` leaves.
fn subproof(leaves: &[Hash], old: usize, known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if known {
            Vec::new()
        } else {
            vec![root(leaves)]
        };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if old <= left.len() {
        let mut proof = subproof(left, old, known);
        proof.push(root(right));
        proof
    } else {
        let mut proof = subproof(right, old - left.len(), false);
        proof.push(root(left));
        proof
    }
}

/// The largest power of two below `size`, which is at least two.
fn split(size: usize) -> usize {
    1 << (size - 1).ilog2()
}

/// Whether `proof` shows that `leaf` stands at `index` in the tree of `size` leaves with this root
/// (RFC 9162 §2.1.3.2, the same tree).
#[must_use]
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let mut climb = Climb {
        node: index,
        last: size - 1,
    };
    let mut hash = *leaf;
    for sibling in proof {
        match climb.step() {
            None => return false,
            Some(Side::Left) => hash = node_hash(sibling, &hash),
            Some(Side::Right) => hash = node_hash(&hash, sibling),
        }
    }
    climb.last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `new` (leaves, root) begins with the tree of `old`
/// (RFC 9162 §2.1.4.2, the same tree).
#[must_use]
pub fn verify_consistency(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 {
        return proof.is_empty() && *old_root == sha256(&[]);
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    // A complete old tree is itself the first node: its root is known, so not in the proof.
    let (first, rest) = if old_size.is_power_of_two() {
        (old_root, proof)
    } else {
        match proof.split_first() {
            Some(parts) => parts,
            None => return false,
        }
    };
    if old_size > new_size {
        return false;
    }
    let complete = (old_size - 1).trailing_ones();
    let mut climb = Climb {
        node: (old_size - 1).unbounded_shr(complete),
        last: (new_size - 1).unbounded_shr(complete),
    };
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        match climb.step() {
            None => return false,
            Some(Side::Left) => {
                old_hash = node_hash(sibling, &old_hash);
                new_hash = node_hash(sibling, &new_hash);
            }
            Some(Side::Right) => new_hash = node_hash(&new_hash, sibling),
        }
    }
    climb.last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// Side of the tree on which the next sibling stands.
enum Side {
    Left,
    Right,
}

/// A walk from a node to the root: the index of the node on its level (`fn` in RFC 9162) and that
/// of the level's last node (`sn`).
struct Climb {
    node: u64,
    last: u64,
}

impl Climb {
    /// Goes up to the parent of the node and its sibling; `None` at the root.
    fn step(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            // A last node that is a left child has no sibling on its level: it rises alone.
            let alone = self.node.trailing_zeros();
            self.node = self.node.unbounded_shr(alone);
            self.last = self.last.unbounded_shr(alone);
            Side::Left
        } else {
            Side::Right
        };
        self.node >>= 1;
        self.last >>= 1;
        Some(side)
    }
}
