//! Events that are destroyed without being asked for: when, and what the journal is told of it.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use super::{Error, Sensor, from_journal, internal};
use crate::{
    fault,
    journal::Action,
    model::{Actor, Destroyed, retention::day_of},
};

/// How often events that are over are looked for.
const LOOK: Duration = Duration::from_secs(60);

impl Sensor {
    /// Has the events destroyed whose time is over, as long as the clock is believed, and journals
    /// what was destroyed.
    pub(super) fn keep_events(&self, actor: &Actor) {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.is_none_or(|at| at.elapsed() >= LOOK) && self.destruction_allowed() {
            *swept = Some(Instant::now());
            self.parts.live.expire(day_of(self.now()));
        }
        drop(swept);
        self.destroy_condemned(actor);
        if let Err(error) = self.journal_destroyed(actor) {
            tracing::warn!(%error, "destroyed events are not journalled yet; their counts are kept");
        }
    }

    /// Journals counts that the store keeps until they are. Where the agent dies in between, the next
    /// start finds that they were told.
    fn journal_destroyed(&self, actor: &Actor) -> Result<(), Error> {
        // Two at once would tell the same.
        let _one = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let mut owed = self.reader().owed().map_err(internal)?;
        // Those of false positives are told where their markers are removed.
        owed.remove(&Destroyed::FalsePositive);
        if owed.is_empty() {
            return Ok(());
        }
        let count = |reason| owed.get(&reason).copied().unwrap_or_default();
        let action = Action::EventsErased {
            expired: count(Destroyed::Expired),
            not_useful: count(Destroyed::NotUseful),
            cap: count(Destroyed::Cap),
            unreadable: count(Destroyed::Unreadable),
        };
        let journal = &self.parts.journal;
        let receipt = journal
            .append_reserved(actor, action)
            .map_err(from_journal)?;
        fault::crossing("destruction_told");
        let settled = self.reader().settle(&owed, Some(receipt.index()));
        settled.map_err(internal)
    }
}
