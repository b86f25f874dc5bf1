use ct_merkle::mem_backed_tree::MemoryBackedTree;

use super::*;
use crate::crypto::{SecondOpinionHash, hex};

/// Inputs of the reference tests of certificate-transparency.
const ENTRIES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Roots of the trees over the first 0, 1, 2, … of [`ENTRIES`].
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const N0_2: &str = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
const N0_4: &str = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
const N1: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const N2_4: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const N4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const N4_6: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const N4_8: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const N6_8: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";

fn reference_leaves() -> Vec<Hash> {
    ENTRIES.iter().map(|entry| leaf_hash(entry)).collect()
}

fn in_hex(proof: Option<Vec<Hash>>) -> Vec<String> {
    proof.expect("proof").iter().map(|hash| hex(hash)).collect()
}

#[test]
fn roots_are_those_of_certificate_transparency() {
    let leaves = reference_leaves();
    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(hex(&root(&leaves[..size])), *expected, "{size} leaves");
    }
}

#[test]
fn proofs_are_those_of_certificate_transparency() {
    let leaves = reference_leaves();
    let inclusion = |index, size: usize| in_hex(inclusion_proof(&leaves[..size], index));
    assert!(inclusion(0, 1).is_empty());
    assert_eq!(inclusion(0, 8), [N1, N2_4, N4_8]);
    assert_eq!(inclusion(5, 8), [N4, N6_8, N0_4]);
    assert_eq!(inclusion(2, 3), [N0_2]);
    assert_eq!(inclusion(1, 5), [ROOTS[1], N2_4, N4]);
    let consistency = |old, size: usize| in_hex(consistency_proof(&leaves[..size], old));
    assert!(consistency(1, 1).is_empty());
    assert_eq!(consistency(1, 8), [N1, N2_4, N4_8]);
    assert_eq!(consistency(6, 8), [N4_6, N6_8, N0_4]);
    assert_eq!(consistency(2, 5), [N2_4, N4]);
    assert_eq!(inclusion_proof(&leaves, 8), None);
    assert_eq!(consistency_proof(&leaves, 9), None);
}

/// Every root and every proof up to a size past two powers of two, against another implementation;
/// what our verifier takes, and that it takes nothing else.
#[test]
fn every_small_tree_agrees_with_a_second_opinion() {
    let mut theirs = MemoryBackedTree::<SecondOpinionHash, [u8; 8]>::new();
    let (mut ours, mut leaves, mut roots) = (Frontier::default(), Vec::new(), Vec::new());
    for size in 0..=130_u64 {
        assert_eq!(ours.size(), size);
        assert_eq!(&ours.root()[..], &theirs.root().as_bytes()[..], "{size}");
        roots.push(ours.root());
        for index in 0..leaves.len() {
            let proof = inclusion_proof(&leaves, index).expect("index is in range");
            let other = theirs.prove_inclusion(index);
            assert_eq!(proof.as_flattened(), other.as_bytes(), "{index} of {size}");
            let verify = |index, proof: &[Hash]| {
                verify_inclusion(&leaves[index], index as u64, size, proof, &ours.root())
            };
            assert!(verify(index, &proof), "{index} of {size}");
            for wrong in mutations(&proof) {
                assert!(!verify(index, &wrong), "{index} of {size}");
            }
            assert!(!verify((index + 1) % leaves.len(), &proof) || leaves.len() == 1);
        }
        for old in 1..=leaves.len() {
            let proof = consistency_proof(&leaves, old).expect("old is in range");
            let other = theirs.prove_consistency(leaves.len() - old);
            assert_eq!(proof.as_flattened(), other.as_bytes(), "{old} to {size}");
            let verify = |proof: &[Hash], old_root: &Hash| {
                verify_consistency((old as u64, old_root), (size, &ours.root()), proof)
            };
            assert!(verify(&proof, &roots[old]), "{old} to {size}");
            assert!(!verify(&proof, &roots[old - 1]), "{old} to {size}");
            for wrong in mutations(&proof) {
                assert!(!verify(&wrong, &roots[old]), "{old} to {size}");
            }
        }
        theirs.push(size.to_be_bytes());
        let leaf = leaf_hash(&size.to_be_bytes());
        leaves.push(leaf);
        ours.push(leaf);
    }
}

/// The proof with a hash more, a hash less, and one bit changed.
fn mutations(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut wrong = vec![[proof, &[[7; 32]]].concat()];
    if let Some((last, rest)) = proof.split_last() {
        let mut flipped = *last;
        flipped[31] ^= 1;
        wrong.push(rest.to_vec());
        wrong.push([rest, &[flipped]].concat());
    }
    wrong
}

#[test]
fn proofs_about_impossible_trees_are_refused() {
    let leaves = reference_leaves();
    let (empty, full) = (root(&[]), root(&leaves));
    assert!(verify_consistency((0, &empty), (8, &full), &[]));
    assert!(!verify_consistency((0, &full), (8, &full), &[]));
    assert!(!verify_consistency(
        (8, &full),
        (4, &root(&leaves[..4])),
        &[]
    ));
    assert!(!verify_consistency((9, &full), (8, &full), &[full]));
    assert!(!verify_inclusion(&leaves[0], 8, 8, &[], &full));
    assert!(!verify_inclusion(&leaves[0], 0, 0, &[], &empty));
    let first = leaves[0];
    assert!(!verify_inclusion(&first, 0, 8, &[], &first));
    assert!(!verify_consistency((1, &first), (8, &first), &[]));
    let top = u64::MAX;
    assert!(!verify_inclusion(&leaves[0], top - 1, top, &leaves, &full));
    assert!(!verify_consistency((top - 1, &full), (top, &full), &leaves));
}
