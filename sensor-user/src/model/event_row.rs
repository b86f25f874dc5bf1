//! An event with what stands beside it in the store.

use super::{Event, MarkerHandling, PatternId};

/// An event with what the agent needs to go on with it after a restart, and what sinks need to
/// blank it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Its number in the store, from 1; never given to two events that were stored.
    pub seq: i64,
    /// The event.
    pub event: Event,
    /// Handling of its markers, one for each, in their order.
    pub handling: Vec<MarkerHandling>,
    /// Its pattern.
    pub pattern: PatternId,
    /// Tunnel id of its flow.
    pub tunnel: u32,
}

impl EventRow {
    /// Takes markers out, and their handling; whether one was there.
    pub fn strike(&mut self, struck: impl Fn(&str) -> bool) -> bool {
        let before = self.event.markers.len();
        let keep: Vec<bool> = self.event.markers.iter().map(|id| !struck(id)).collect();
        let mut kept = keep.iter();
        self.event
            .markers
            .retain(|_| kept.next().copied().unwrap_or(true));
        let mut kept = keep.iter();
        self.handling
            .retain(|_| kept.next().copied().unwrap_or(true));
        self.event.markers.len() != before
    }
}
