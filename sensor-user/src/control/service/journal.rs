//! Reading the journal. Nothing here waits for a change under way.

use std::{
    sync::{MutexGuard, PoisonError},
    time::Instant,
};

use super::{Error, Sensor, from_journal, readings::Readings};
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
        self.parts.journal.prove(what).map_err(|error| match error {
            journal::Error::NoProof { .. } => Error::NotFound(error.to_string()),
            error => from_journal(error),
        })
    }

    /// Oversight reads on although its reading cannot be noted, as on a full disk: what it reads
    /// holds nothing of anybody, and that it reads needs nobody's leave.
    fn note_reading(&self, actor: &Actor, rows: u64) -> Result<(), Error> {
        let noted = |rows| self.journal(actor, Action::JournalRead { rows });
        if actor.role != Role::Oversight {
            return noted(rows).map(drop);
        }
        // Who reads page by page, or over and over, fills no disk with it.
        if let Some(rows) = self.readings().take(actor, rows, Instant::now())
            && let Err(error) = noted(rows)
        {
            tracing::warn!(%error, "a reading of the journal by oversight is not journalled");
        }
        Ok(())
    }

    /// Journals readings of oversight that were only counted so far, where their time has come.
    pub(super) fn tell_old_readings(&self, everybody: bool) {
        let counted = self.readings().counted(Instant::now(), everybody);
        for (actor, rows) in counted {
            if let Err(error) = self.journal(&actor, Action::JournalRead { rows }) {
                tracing::warn!(%error, "readings of the journal by oversight are not journalled");
            }
        }
    }

    /// The same for all of them: the agent stops.
    pub fn tell_readings(&self) {
        self.tell_old_readings(true);
    }

    fn readings(&self) -> MutexGuard<'_, Readings> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
