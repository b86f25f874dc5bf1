//! A sink's queue, as the worker sees it: the store lends rows, here they become views.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use crate::{
    control::service::agent,
    crypto::Zeroizing,
    events::{self, Settlement, SinkId, Store},
    journal::{self, Action, Journal},
    model::{EventRow, Recipient, event::month, retention::date_of},
    outbox::{Extent, Leased, Place, Queue, Settled, View},
};

/// What a queue can meet.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Store(#[from] events::Error),
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

/// The queue of one sink.
pub(super) struct StoreQueue {
    store: Store,
    name: String,
    sink: Option<SinkId>,
    to: (Recipient, Extent),
    journal: Arc<Journal>,
    /// Keys of aliases by month.
    aliases: HashMap<String, Zeroizing<[u8; 32]>>,
}

impl StoreQueue {
    pub(super) fn new(
        store: Store,
        name: &str,
        to: (Recipient, Extent),
        journal: Arc<Journal>,
    ) -> Self {
        Self {
            store,
            name: name.into(),
            sink: None,
            to,
            journal,
            aliases: HashMap::new(),
        }
    }

    fn sink(&mut self) -> Result<Option<SinkId>, Error> {
        if self.sink.is_none() {
            self.sink = self.store.sink(&self.name)?;
        }
        Ok(self.sink)
    }

    fn view(&mut self, row: EventRow, expires: i32) -> Result<View, Error> {
        let month = month(row.event.first_seen);
        if !self.aliases.contains_key(&month) {
            let key = self.store.month_key(&month)?;
            self.aliases.insert(month.clone(), key);
        }
        Ok(View::new(
            row.event,
            &row.handling,
            &self.aliases[&month],
            self.to,
            date_of(expires),
        ))
    }
}

impl Queue for StoreQueue {
    type Error = Error;

    fn lease(&mut self, now: Timestamp, until: Timestamp, most: u32) -> Result<Vec<Leased>, Error> {
        let Some(sink) = self.sink()? else {
            return Ok(Vec::new());
        };
        let (now, until) = (now.as_millisecond(), until.as_millisecond());
        let mut leased = Vec::new();
        let mut tests = Vec::new();
        for one in self.store.lease(sink, now, until, most)? {
            // The authority is told of attacks, not of our self-tests.
            if one.row.event.test && self.to.0 == Recipient::Authority {
                tests.push((one.row.seq, one.rev));
                continue;
            }
            let place = Place {
                seq: one.row.seq,
                rev: one.rev,
            };
            let stored = Timestamp::from_millisecond(one.stored);
            leased.push(Leased {
                place,
                attempts: one.attempts,
                since: match one.rev {
                    1 => one.row.event.first_seen,
                    _ => stored.unwrap_or(one.row.event.first_seen),
                },
                view: self.view(one.row, one.expires)?,
            });
        }
        if !tests.is_empty() {
            let settlement = Settlement {
                taken: &tests,
                ..Settlement::default()
            };
            self.store.settle_deliveries(sink, settlement)?;
        }
        Ok(leased)
    }

    fn settle(&mut self, settled: &[Settled]) -> Result<(), Error> {
        let Some(sink) = self.sink()? else {
            return Ok(());
        };
        let (mut taken, mut again, mut dead) = (Vec::new(), Vec::new(), Vec::new());
        for one in settled {
            match one {
                Settled::Acknowledged(place) => taken.push((place.seq, place.rev)),
                Settled::Due(place, due) => {
                    again.push((place.seq, place.rev, due.as_millisecond()));
                }
                Settled::Dead(place, reason) => {
                    dead.push((place.seq, place.rev, reason.code.clone()));
                }
            }
        }
        let settlement = Settlement {
            taken: &taken,
            again: &again,
            dead: &dead,
            acknowledged: (self.to.0 == Recipient::Authority)
                .then(|| Timestamp::now().as_millisecond()),
        };
        self.store.settle_deliveries(sink, settlement)?;
        Ok(())
    }

    fn withdrawn(&mut self) -> Result<Vec<String>, Error> {
        Ok(self.store.withdrawn(&self.name)?)
    }

    fn set_forgotten(&mut self, ids: &[String]) -> Result<(), Error> {
        Ok(self.store.set_forgotten(&self.name, ids)?)
    }

    fn journal(&mut self, delivered: u64, dead: u64) -> Result<(), Error> {
        let action = Action::Delivered {
            sink: self.name.clone(),
            recipient: self.to.0,
            events: delivered,
            refused: dead,
        };
        let _receipt = self.journal.append(&agent(), action)?;
        Ok(())
    }
}
