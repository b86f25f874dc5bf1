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
