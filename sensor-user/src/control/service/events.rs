//! Reading events and the journal. Reads of addresses are journalled before they are answered.

use super::{Error, Sensor, from_journal, internal};
use crate::{
    journal::Action,
    model::{
        Actor, Event, Role, State,
        request::{JournalPage, Page, Rows},
    },
};

impl Sensor {
    pub(super) fn events_list(
        &self,
        actor: &Actor,
        page: &Page,
        state: Option<State>,
    ) -> Result<Rows<Event>, Error> {
        let before = page
            .after
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|_| Error::Invalid("`after` is not a cursor of an earlier answer".into()))?;
        let found = self
            .reader()
            .page(before, page.limit, state)
            .map_err(internal)?;
        self.journal_read(actor, found.len() as u64)?;
        let next = (found.len() == page.limit as usize)
            .then(|| found.last().map(|(cursor, _)| cursor.to_string()))
            .flatten();
        let rows = found.into_iter().map(|(_, row)| row.event).collect();
        Ok(Rows { rows, next })
    }

    pub(super) fn events_show(&self, actor: &Actor, id: &str) -> Result<Event, Error> {
        let found = self.reader().event(id).map_err(internal)?;
        let event = match found {
            Some(event) => event,
            None => self.event_beginning(id)?,
        };
        self.journal_read(actor, 1)?;
        Ok(event)
    }

    /// The one event whose id begins so: lists show the head of an id.
    fn event_beginning(&self, prefix: &str) -> Result<Event, Error> {
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

    pub(super) fn journal_show(
        &self,
        actor: &Actor,
        from: u64,
        limit: u32,
    ) -> Result<JournalPage, Error> {
        let page = self.parts.journal.page(from, limit).map_err(from_journal)?;
        let rows = page.rows.len() as u64;
        let _receipt = self.journal(actor, Action::JournalRead { rows })?;
        Ok(page)
    }

    /// Readers see no address: what they read needs no entry.
    fn journal_read(&self, actor: &Actor, rows: u64) -> Result<(), Error> {
        if actor.role == Role::Reader {
            return Ok(());
        }
        self.journal(actor, Action::EventsRead { rows }).map(drop)
    }
}
