//! Events that are destroyed while they are open.

use std::collections::HashSet;

use super::{JoinKey, Joiner};

impl Joiner {
    /// Forgets open events of these markers; one that other markers stand for, too, goes on without
    /// them. For when every change was taken.
    pub fn forget_markers(&mut self, markers: &HashSet<String>) {
        let touched = |names: &[String]| names.iter().any(|name| markers.contains(name));
        let of =
            |(join, open): (&JoinKey, &super::Open)| touched(&open.event.markers).then_some(*join);
        let keys: Vec<JoinKey> = self.open.iter().filter_map(of).collect();
        for join in keys {
            let Some(open) = self.open.get_mut(&join) else {
                continue;
            };
            open.event.strike(markers);
            if open.event.markers.is_empty() {
                self.open.remove(&join);
                continue;
            }
            open.event.rev += 1;
            if !std::mem::replace(&mut open.changed, true) {
                self.changed.push(join);
            }
        }
    }

    /// Forgets open events by their numbers: they are destroyed. Packets that come later open
    /// others.
    pub fn forget_events(&mut self, gone: &HashSet<i64>) {
        self.open.retain(|_, open| !gone.contains(&open.event.seq));
    }
}
