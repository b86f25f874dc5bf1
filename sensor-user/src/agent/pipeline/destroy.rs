//! Events of false positives: destroyed here, stretch by stretch, because here is who would write
//! them again.

use std::collections::VecDeque;

use tracing::error;

use super::Pipeline;
use crate::hits::Doomed;

/// Events that are looked through between two looks at the ring.
const STRETCH: u32 = 2_000;

/// What is being destroyed, and how far that is.
pub(super) struct Destruction {
    doomed: VecDeque<Doomed>,
    after: i64,
    destroyed: u64,
}

impl Pipeline {
    /// Goes on with what is to be destroyed; everything that changed was stored before.
    pub(super) fn destroy(&mut self, under_way: &mut Option<Destruction>) {
        let new = self.live.take_doomed();
        for doomed in &new {
            self.joiner.forget(&doomed.markers);
        }
        if !new.is_empty() {
            let state = under_way.get_or_insert(Destruction {
                doomed: VecDeque::new(),
                after: 0,
                destroyed: 0,
            });
            state.doomed.extend(new);
        }
        let Some(state) = under_way else { return };
        let Some(doomed) = state.doomed.front() else {
            *under_way = None;
            return;
        };
        match self.store.destroy(&doomed.markers, state.after, STRETCH) {
            Ok(stretch) => {
                state.destroyed += stretch.destroyed;
                if let Some(next) = stretch.next {
                    state.after = next;
                    return;
                }
                // Who asked may have given up waiting.
                let _ = doomed.done.send(state.destroyed);
            }
            // Whoever waits is told by the end of the channel; the next start tries again.
            Err(error) => error!(%error, "events of false positives could not be destroyed"),
        }
        state.doomed.pop_front();
        (state.after, state.destroyed) = (0, 0);
    }
}
