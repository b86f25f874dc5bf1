//! What one class holds, by where it comes from.

use std::{array, collections::VecDeque};

use super::super::flow::Flow;

/// Parts of the sources. Their addresses are hashed to one of them, by prefix and under a secret key: who
/// floods from a few prefixes fills a few of them, and takes room from these.
const SOURCES: usize = 256;

/// What one class holds.
pub(super) struct Share {
    /// Bytes, with what each handshake costs beside its own.
    pub held: usize,
    sources: [Source; SOURCES],
    /// Handshakes in the orders of all sources, those that are gone included.
    known: usize,
}

#[derive(Default)]
struct Source {
    held: usize,
    /// Flow and serial number of what waits and of what has gone since, in the order in which it came.
    order: VecDeque<(Flow, u64)>,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            held: 0,
            sources: array::from_fn(|_| Source::default()),
            known: 0,
        }
    }
}

impl Share {
    pub fn open(&mut self, source: u8, handshake: (Flow, u64), cost: usize) {
        let source = &mut self.sources[usize::from(source)];
        source.order.push_back(handshake);
        source.held += cost;
        self.held += cost;
        self.known += 1;
    }

    pub fn charge(&mut self, source: u8, bytes: usize) {
        self.sources[usize::from(source)].held += bytes;
        self.held += bytes;
    }

    pub fn close(&mut self, source: u8, cost: usize) {
        self.sources[usize::from(source)].held -= cost;
        self.held -= cost;
    }

    /// The handshake that came first of those that wait, of the source that holds most.
    pub fn oldest(&mut self, waits: impl Fn(&Flow, u64) -> bool) -> Option<(Flow, u64)> {
        let source = self.sources.iter_mut().max_by_key(|source| source.held)?;
        while let Some((flow, serial)) = source.order.pop_front() {
            self.known -= 1;
            if waits(&flow, serial) {
                return Some((flow, serial));
            }
        }
        None
    }

    /// Its time is over: nothing is known of it any more.
    pub fn forget(&mut self, source: u8, serial: u64) {
        let order = &mut self.sources[usize::from(source)].order;
        // They come in the order of their numbers.
        if let Ok(at) = order.binary_search_by_key(&serial, |(_, serial)| *serial) {
            order.remove(at);
            self.known -= 1;
        }
    }

    /// Handshakes in the orders, those that are gone included.
    #[cfg(test)]
    pub const fn known(&self) -> usize {
        self.known
    }

    pub fn retain(&mut self, waits: impl Fn(&Flow, u64) -> bool) {
        for source in &mut self.sources {
            source.order.retain(|(flow, serial)| waits(flow, *serial));
        }
        self.known = self.sources.iter().map(|source| source.order.len()).sum();
    }
}
