//! Flows that were decided a moment ago: what they still send belongs to no handshake. Hashes only.

use std::{
    collections::{HashSet, VecDeque},
    hash::BuildHasherDefault,
};

use super::flow::{Flow, Ready};

/// Most flows that are remembered.
const MOST: usize = 1 << 17;

#[derive(Default)]
pub(super) struct Recent {
    flows: HashSet<u64, BuildHasherDefault<Ready>>,
    order: VecDeque<(u64, u64)>,
}

impl Recent {
    pub(super) fn remember(&mut self, flow: &Flow, until: u64) {
        if !self.flows.insert(flow.hash) {
            return;
        }
        if self.order.len() == MOST
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.flows.remove(&oldest);
        }
        self.order.push_back((until, flow.hash));
    }

    pub(super) fn has(&self, flow: &Flow) -> bool {
        self.flows.contains(&flow.hash)
    }

    pub(super) fn expire(&mut self, now: u64) {
        while let Some((_, hash)) = self.order.pop_front_if(|(until, _)| *until <= now) {
            self.flows.remove(&hash);
        }
    }
}
