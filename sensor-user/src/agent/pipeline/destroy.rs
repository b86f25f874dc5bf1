//! Destruction of events: done here, stretch by stretch between two looks at the ring, because here
//! is who would write them again.

use std::collections::VecDeque;

use tracing::error;

use super::Pipeline;
use crate::{
    events::{self, Stretch},
    hits::{Doom, Doomed},
};

/// What is being destroyed, and what is to be looked at.
#[derive(Default)]
pub(super) struct Destruction {
    doomed: VecDeque<Doomed>,
    /// Destroyed of the first of them.
    destroyed: u64,
    /// The UTC day by which events that are over are being destroyed.
    today: Option<i32>,
    /// Whether the store's size is to be looked at.
    room: bool,
    /// Former contents are still in the files.
    remains: bool,
    /// A failure was told.
    failing: bool,
}

impl Destruction {
    /// Whether there is something to go on with at once.
    pub(super) fn is_under_way(&self) -> bool {
        !self.failing && (!self.doomed.is_empty() || self.today.is_some() || self.room)
    }

    /// To be called now and then: the store may have grown, and what failed may not fail again.
    pub(super) fn look_again(&mut self) {
        self.room = true;
        self.failing = false;
    }
}

impl Pipeline {
    /// Goes on with what is to be destroyed; everything that changed was stored before.
    pub(super) fn destroy(&mut self, state: &mut Destruction) {
        for doomed in self.live.take_doomed() {
            match &doomed.what {
                Doom::Markers(markers) => self.joiner.forget_markers(markers),
                Doom::Events(seqs, _) => self.joiner.forget_events(&seqs.iter().copied().collect()),
            }
            state.doomed.push_back(doomed);
        }
        if let Some(today) = self.live.take_due() {
            state.today = Some(today);
        }
        if state.failing {
            return;
        }
        if let Err(error) = self.step(state) {
            error!(%error, "events could not be destroyed; trying again");
            state.failing = true;
            // Whoever waits is told by the end of the channel; it asks again for those of markers that were
            // removed.
            state.doomed.pop_front();
            state.destroyed = 0;
        }
    }

    /// One part of what is to be done, the most urgent first.
    fn step(&mut self, state: &mut Destruction) -> Result<(), events::Error> {
        if let Some(doomed) = state.doomed.front() {
            let stretch = match &doomed.what {
                Doom::Markers(markers) => self.store.destroy_markers(markers)?,
                Doom::Events(seqs, of) => Stretch {
                    destroyed: self.store.destroy_announced(seqs, *of)?,
                    ..Stretch::default()
                },
            };
            state.destroyed += stretch.destroyed;
            if stretch.more {
                return Ok(());
            }
            state.remains = !self.store.give_back()?;
            // Who asked may have given up waiting.
            let _ = doomed.done.send(state.destroyed);
            state.doomed.pop_front();
            state.destroyed = 0;
            return Ok(());
        }
        if let Some(today) = state.today {
            let stretch = self.store.expire(today)?;
            self.joiner.forget_events(&stretch.open);
            state.remains |= stretch.destroyed > 0;
            if stretch.more {
                return Ok(());
            }
            let months = self.store.destroy_months(today)?;
            self.joiner.keep_keys(&months);
            state.today = None;
        } else if std::mem::take(&mut state.room) {
            let (stretch, full) = self.store.make_room()?;
            self.joiner.set_full(full);
            self.live.tell_full(full);
            // Its pages are used again, and what they held is overwritten.
            state.room = stretch.more;
        } else if state.remains {
            state.remains = !self.store.give_back()?;
        }
        Ok(())
    }
}
