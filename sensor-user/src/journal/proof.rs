//! Proofs about the journal, for whoever holds checkpoints and not the journal.
//!
//! The leaf hashes are read anew from the segments, 32 bytes an entry for as long as the proof takes:
//! some 30 MB and a second for a million entries. No index of them is kept.

use super::{
    Error, Hash, Journal,
    merkle::{self, consistency_proof, inclusion_proof},
};
use crate::{
    crypto::hex,
    model::request::{JournalProof, Proposition},
};

impl Journal {
    /// Proves something of the journal as it was at a size.
    ///
    /// # Errors
    /// [`Error::NoProof`] when there is no such entry or state; a segment cannot be read.
    pub fn prove(&self, what: Proposition) -> Result<JournalProof, Error> {
        let now = self.head().size;
        let none = || Error::NoProof { size: now };
        let (Proposition::Includes { size, .. } | Proposition::Continues { from: _, size }) = what;
        let size = size.unwrap_or(now);
        let leaves = self.leaves(size)?;
        let place = |at: u64| usize::try_from(at).map_err(|_| none());
        let (of, hash, proof) = match what {
            Proposition::Includes { index, .. } => {
                let at = place(index)?;
                let proof = inclusion_proof(&leaves, at).ok_or_else(none)?;
                (index, leaves[at], proof)
            }
            Proposition::Continues { from, .. } => {
                let at = place(from)?;
                let proof = consistency_proof(&leaves, at).ok_or_else(none)?;
                (from, merkle::root(&leaves[..at]), proof)
            }
        };
        let text = |hash: &Hash| hex(hash);
        Ok(JournalProof {
            size,
            root: hex(&merkle::root(&leaves)),
            of,
            hash: hex(&hash),
            proof: proof.iter().map(text).collect(),
        })
    }
}
