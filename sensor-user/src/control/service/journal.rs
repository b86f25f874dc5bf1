//! Reading the journal. Nothing here waits for a change under way.

use super::{Error, Sensor, from_journal};
use crate::{
    journal::{self, Action},
    model::{
        Actor, Role,
        request::{JournalCheckpoint, JournalPage, JournalProof, Proposition},
    },
};

impl Sensor {
    pub(super) fn journal_show(
        &self,
        actor: &Actor,
        from: u64,
        limit: u32,
    ) -> Result<JournalPage, Error> {
        let page = self.parts.journal.page(from, limit).map_err(from_journal)?;
        self.note_reading(actor, page.rows.len() as u64)?;
        Ok(page)
    }

    /// A stream is journalled when it begins; an entry for each one read would never end.
    pub(super) fn journal_follow(&self, actor: &Actor) -> Result<(), Error> {
        self.note_reading(actor, 0)
    }

    /// Holds no entry, so that asking for it adds none: two checkpoints asked for one after the other are of
    /// one state.
    pub(super) fn journal_checkpoint(&self) -> Result<JournalCheckpoint, Error> {
        let signed = self.parts.journal.checkpoint();
        let (checkpoint, key) = signed
            .ok_or_else(|| Error::Unavailable("the journal of this sensor is not signed".into()))?;
        Ok(JournalCheckpoint {
            checkpoint,
            key: key.to_string(),
        })
    }

    pub(super) fn journal_proof(&self, what: Proposition) -> Result<JournalProof, Error> {
        // One at a time: each reads the whole journal.
        let _one = self.proving.lock();
        self.parts.journal.prove(what).map_err(|error| match error {
            journal::Error::NoProof { .. } => Error::NotFound(error.to_string()),
            error => from_journal(error),
        })
    }

    /// Oversight reads on although its reading cannot be noted, as on a full disk: what it reads
    /// holds nothing of anybody, and that it reads needs nobody's leave.
    fn note_reading(&self, actor: &Actor, rows: u64) -> Result<(), Error> {
        match self.journal(actor, Action::JournalRead { rows }) {
            Err(error) if actor.role == Role::Oversight => {
                tracing::warn!(%error, "a reading of the journal by oversight is not journalled");
                Ok(())
            }
            noted => noted.map(drop),
        }
    }
}
