//! What somebody writes who looks every address up: two hash lookups, or two trie lookups.

use aya::{
    Ebpf, EbpfLoader, Pod, TestRun as _,
    maps::{HashMap, MapData, PerCpuArray, lpm_trie},
    programs::{ProgramFd, TestRunOptions, Xdp},
};

use super::{OBJECT, xdp};
use crate::dataplane::{Error, error::InMap as _};

const SEEN: &str = "SEEN";

/// A program with one table a family, filled.
pub struct Peer {
    ebpf: Ebpf,
    program: &'static str,
    seen: PerCpuArray<MapData, [u64; 2]>,
}

impl Peer {
    /// Two lookups in preallocated hash tables with as many entries as there are addresses.
    /// Addresses are as they stand in a packet.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn hash(v4: &[u32], v6: &[[u32; 4]]) -> Result<Self, Error> {
        let mut peer = Self::load("hash_pair", [("HASH4", v4.len()), ("HASH6", v6.len())])?;
        fill_hash(&mut peer.ebpf, "HASH4", v4)?;
        fill_hash(&mut peer.ebpf, "HASH6", v6)?;
        Ok(peer)
    }

    /// Two lookups in tries. Prefixes come with their lengths, addresses as the longest of them.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn trie(v4: &[(u32, u8)], v6: &[([u32; 4], u8)]) -> Result<Self, Error> {
        let mut peer = Self::load("trie_pair", [("TRIE4", v4.len()), ("TRIE6", v6.len())])?;
        fill_trie(&mut peer.ebpf, "TRIE4", v4)?;
        fill_trie(&mut peer.ebpf, "TRIE6", v6)?;
        Ok(peer)
    }

    fn load(program: &'static str, sizes: [(&'static str, usize); 2]) -> Result<Self, Error> {
        let mut loader = EbpfLoader::new();
        for (name, size) in sizes {
            let size = u32::try_from(size).expect("a bench has fewer than 2^32 markers");
            loader.map_max_entries(name, size.max(1));
        }
        let mut ebpf = loader.load(OBJECT)?;
        xdp(&mut ebpf, program)?.load()?;
        let seen = ebpf.take_map(SEEN).expect("the object holds it");
        Ok(Self {
            ebpf,
            program,
            seen: PerCpuArray::try_from(seen).in_map(SEEN)?,
        })
    }

    /// Packets that did not match, and those that did.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn seen(&self) -> Result<[u64; 2], Error> {
        let mut packets = [0; 2];
        for (index, packets) in (0u32..).zip(&mut packets) {
            for [count, _bytes] in self.seen.get(&index, 0).in_map(SEEN)?.iter() {
                *packets += count;
            }
        }
        Ok(packets)
    }

    /// Runs one frame.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn run(&mut self, frame: &[u8]) -> Result<(), Error> {
        let program: &mut Xdp = xdp(&mut self.ebpf, self.program)?;
        program.test_run(TestRunOptions {
            data_in: Some(frame),
            ..TestRunOptions::default()
        })?;
        Ok(())
    }

    pub(super) fn program_fd(&mut self) -> Result<&ProgramFd, Error> {
        Ok(xdp(&mut self.ebpf, self.program)?.fd()?)
    }
}

fn fill_hash<K: Pod>(ebpf: &mut Ebpf, name: &'static str, keys: &[K]) -> Result<(), Error> {
    let map = ebpf.map_mut(name).expect("the object holds it");
    let mut table: HashMap<&mut MapData, K, u32> = HashMap::try_from(map).in_map(name)?;
    for key in keys {
        table.insert(key, 1, 0).in_map(name)?;
    }
    Ok(())
}

fn fill_trie<K: Pod>(ebpf: &mut Ebpf, name: &'static str, keys: &[(K, u8)]) -> Result<(), Error> {
    let map = ebpf.map_mut(name).expect("the object holds it");
    let mut table: lpm_trie::LpmTrie<&mut MapData, K, u32> =
        lpm_trie::LpmTrie::try_from(map).in_map(name)?;
    for (key, length) in keys {
        let key = lpm_trie::Key::new((*length).into(), *key);
        table.insert(&key, 1, 0).in_map(name)?;
    }
    Ok(())
}
