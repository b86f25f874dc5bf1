//! Flows that were decided a moment ago: what they still send belongs to no handshake. Hashes only.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher as _, RandomState},
};

use sensor_common::FlowKey;

/// Most flows that are remembered.
const MOST: usize = 1 << 17;

#[derive(Default)]
pub(super) struct Recent {
    keys: RandomState,
    flows: HashSet<u64>,
    order: VecDeque<(u64, u64)>,
}

impl Recent {
    pub(super) fn remember(&mut self, flow: &FlowKey, until: u64) {
        let hash = self.keys.hash_one(flow);
        if !self.flows.insert(hash) {
            return;
        }
        if self.order.len() == MOST
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.flows.remove(&oldest);
        }
        self.order.push_back((until, hash));
    }

    pub(super) fn has(&self, flow: &FlowKey) -> bool {
        self.flows.contains(&self.keys.hash_one(flow))
    }

    pub(super) fn expire(&mut self, now: u64) {
        while let Some((_, hash)) = self.order.pop_front_if(|(until, _)| *until <= now) {
            self.flows.remove(&hash);
        }
    }
}
