//! Reading events. Reads of addresses are journalled before they are answered.

use std::{sync::PoisonError, time::Duration};

use super::{Error, Sensor, internal};
use crate::{
    events::Which,
    fault,
    journal::{Action, Salt},
    model::{
        Actor, Event, EventRow, Role, State,
        request::{DestroyedEvents, EventCommitment, EventFilter, Page, Rows},
        retention::day_of_date,
    },
};

/// How long the destruction of an event is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

impl Sensor {
    pub(super) fn events_list(
        &self,
        actor: &Actor,
        page: &Page,
        filter: &EventFilter,
    ) -> Result<Rows<Event>, Error> {
        let before = page
            .after
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|_| Error::Invalid("`after` is not a cursor of an earlier answer".into()))?;
        if filter.marker.is_some() && filter.day.is_none() {
            return Err(Error::Invalid(
                "with a marker, a day must be given: `day=YYYY-MM-DD`, in UTC".into(),
            ));
        }
        let which = Which {
            open: filter.state.map(|state| state == State::Open),
            day: filter.day.and_then(day_of_date),
            marker: filter.marker.clone(),
        };
        let found = self.reader().page(before, page.limit, &which);
        let (found, next) = found.map_err(internal)?;
        self.journal_read(actor, found.len() as u64)?;
        Ok(Rows {
            rows: found.into_iter().map(|row| row.event).collect(),
            next: next.map(|cursor| cursor.to_string()),
        })
    }

    pub(super) fn events_show(&self, actor: &Actor, id: &str) -> Result<Event, Error> {
        let row = self.event_of(id)?;
        if actor.role != Role::Reader {
            let commitment = self.salt_of(&row)?.commit(&row.event.id);
            let _receipt = self.journal(actor, Action::EventRead { commitment })?;
        }
        Ok(row.event)
    }

    /// What links journal entries to an event, for as long as it lives. Whoever keeps the salt can link
    /// them for longer: that it was given out is journalled first.
    pub(super) fn events_commitment(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<EventCommitment, Error> {
        let row = self.event_of(id)?;
        let salt = self.salt_of(&row)?;
        let commitment = salt.commit(&row.event.id);
        let given = Action::SaltGiven {
            commitment: commitment.clone(),
        };
        let _receipt = self.journal(actor, given)?;
        Ok(EventCommitment {
            commitment,
            salt: salt.text(),
        })
    }

    fn salt_of(&self, row: &EventRow) -> Result<Salt, Error> {
        let salt = self.reader().salt(row).map_err(internal)?;
        salt.ok_or_else(|| Error::NotFound("the event was destroyed just now".into()))
    }

    /// Destroys an event that is not useful (L. 33-14 CPCE ¶4), now.
    pub(super) fn events_not_useful(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<DestroyedEvents, Error> {
        let row = self.event_of(id)?;
        let announcing = self
            .announcing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let receipt = self.journal(actor, Action::EventsNotUseful { events: 1 })?;
        fault::crossing("not_useful_announced");
        let told = self.parts.live.doom_events(vec![row.seq], &receipt);
        drop(announcing);
        let Ok(events) = told.recv_timeout(PATIENCE) else {
            self.journal_failure(actor, &receipt, "store");
            return Err(Error::Unavailable(
                "the event could not be destroyed yet; try again".into(),
            ));
        };
        self.keep_events(actor);
        Ok(DestroyedEvents { events })
    }

    /// The one event whose id is, or begins, so: lists show the head of an id.
    fn event_of(&self, prefix: &str) -> Result<EventRow, Error> {
        let mut found = if prefix.len() < Event::SHORT_ID {
            Vec::new()
        } else {
            self.reader().beginning(prefix).map_err(internal)?
        };
        if found.len() > 1 {
            return Err(Error::Invalid(
                "the ids of several events begin so; give more of it".into(),
            ));
        }
        let event = found.pop();
        event.ok_or_else(|| Error::NotFound("no event has this id".into()))
    }

    /// A tail is journalled when it begins; how many events it will show is not known yet.
    pub(super) fn events_tail(&self, actor: &Actor) -> Result<(), Error> {
        self.journal_read(actor, 0)
    }

    /// Readers see no address: what they read needs no entry.
    fn journal_read(&self, actor: &Actor, rows: u64) -> Result<(), Error> {
        if actor.role == Role::Reader {
            return Ok(());
        }
        self.journal(actor, Action::EventsRead { rows }).map(drop)
    }
}
