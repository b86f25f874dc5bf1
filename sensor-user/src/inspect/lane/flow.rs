//! Flows with their hash: it is made once a packet, and every table takes it as it is.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, BuildHasherDefault, Hash, Hasher, RandomState},
};

use sensor_common::FlowKey;

/// A flow under its hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) hash: u64,
    pub(super) key: FlowKey,
}

/// Makes the hashes. Its keys are secret: who chooses addresses and ports cannot fill a bucket.
#[derive(Default)]
pub(super) struct Secret(RandomState);

impl Secret {
    /// To which of 256 parts the sources of a flow's network belong: those of one prefix of 24 bits
    /// (IPv4) or 48 (IPv6), which is what one sender has to choose addresses from.
    pub(super) fn source(&self, key: &FlowKey) -> u8 {
        let [high, low, _, last] = key.src.map(u32::to_ne_bytes);
        let prefix = if key.family == 4 {
            [last[0], last[1], last[2], 0, 0, 0]
        } else {
            [high[0], high[1], high[2], high[3], low[0], low[1]]
        };
        let hash = self.0.hash_one((key.vantage, key.family, prefix));
        hash.to_ne_bytes()[0]
    }

    pub(super) fn flow(&self, key: &FlowKey) -> Flow {
        Flow {
            hash: self.0.hash_one(key),
            key: *key,
        }
    }
}

impl Hash for Flow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Takes the one number that it is given for the hash.
#[derive(Default)]
pub(super) struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only hashes are written");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Something of each flow.
pub(super) type Flows<V> = HashMap<Flow, V, BuildHasherDefault<Ready>>;
