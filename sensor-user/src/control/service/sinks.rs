//! The sinks: how they fare, what they refused, and trying that again.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Error, Sensor, internal};
use crate::{
    config,
    events::{Pending, SinkId},
    journal::Action,
    metrics::SinkSnapshot,
    model::{
        Actor, Role,
        request::{DeadRow, Page, Replayed, Rows, SinkRow},
    },
    outbox::{Extent, Progress},
};

/// A sink with what its worker tells.
#[derive(Clone)]
pub struct KnownSink {
    /// As it is configured.
    pub config: config::Sink,
    /// What its worker tells.
    pub progress: Arc<Progress>,
}

impl Sensor {
    pub(super) fn sinks_list(&self, role: Role) -> Result<Rows<SinkRow>, Error> {
        let mut rows = Vec::with_capacity(self.parts.sinks.len());
        for sink in &self.parts.sinks {
            let pending = self.pending(sink, role)?;
            let told = sink.progress.told();
            let reason = told.reason;
            rows.push(SinkRow {
                name: sink.config.name.clone(),
                kind: sink.config.kind().into(),
                recipient: sink.config.recipient,
                told: Extent::of(&sink.config).name().into(),
                retention: sink.config.retention.map(|kept| kept.as_secs()),
                down: told.down,
                pending: pending.count,
                dead: pending.dead,
                oldest_unsent: oldest(pending),
                acknowledged: told.acknowledged,
                retried: told.retried,
                code: reason.as_ref().map(|reason| reason.code.clone()),
                reason: reason.map(|reason| reason.text),
            });
        }
        Ok(Rows { rows, next: None })
    }

    pub(super) fn sinks_dead(&self, name: &str, page: &Page) -> Result<Rows<DeadRow>, Error> {
        let after = page.after.as_deref().map_or(Ok(0), str::parse);
        let after = after
            .map_err(|_| Error::Invalid("`after` is not a cursor of an earlier answer".into()))?;
        let Some(sink) = self.sink_id(name)? else {
            return Ok(Rows {
                rows: Vec::new(),
                next: None,
            });
        };
        let dead = self.reader().dead(sink, after, page.limit);
        let dead = dead.map_err(internal)?;
        let next = (dead.len() == page.limit as usize)
            .then(|| dead.last().map(|letter| letter.seq.to_string()))
            .flatten();
        let rows = dead.into_iter().map(|letter| DeadRow {
            id: letter.id,
            rev: letter.rev,
            attempts: letter.attempts,
            code: letter.reason,
        });
        Ok(Rows {
            rows: rows.collect(),
            next,
        })
    }

    /// Has the dead letters of a sink tried again.
    pub(super) fn sinks_replay(&self, actor: &Actor, name: &str) -> Result<Replayed, Error> {
        let sink = self.sink_id(name)?;
        let action = Action::DeadLettersReplayed { sink: name.into() };
        let receipt = self.journal(actor, action)?;
        let events = match sink {
            Some(sink) => self.reader().replay(sink).map_err(internal)?,
            None => 0,
        };
        Ok(Replayed {
            events,
            receipt: receipt.index(),
        })
    }

    pub(super) fn sink_snapshots(&self) -> Result<Vec<SinkSnapshot>, Error> {
        let snapshot = |sink: &KnownSink| {
            let pending = self.pending(sink, Role::Agent)?;
            let age = oldest(pending).map(|oldest| Timestamp::now().duration_since(oldest));
            Ok(SinkSnapshot {
                name: sink.config.name.clone(),
                pending: pending.count,
                dead: pending.dead,
                oldest_unsent: age.map_or(0, |age| age.as_secs().max(0).cast_unsigned()),
                down: sink.progress.told().down,
            })
        };
        self.parts.sinks.iter().map(snapshot).collect()
    }

    fn pending(&self, sink: &KnownSink, role: Role) -> Result<Pending, Error> {
        let mut reader = self.reader_of(role);
        match reader.sink(&sink.config.name).map_err(internal)? {
            Some(id) => reader.pending(id).map_err(internal),
            None => Ok(Pending::default()),
        }
    }

    /// A configured sink in the store; none when nothing ever went to it.
    fn sink_id(&self, name: &str) -> Result<Option<SinkId>, Error> {
        let known = self.parts.sinks.iter().any(|sink| sink.config.name == name);
        if !known {
            return Err(Error::NotFound(
                "no sink has this name; `sensorctl sinks` lists them".into(),
            ));
        }
        self.reader().sink(name).map_err(internal)
    }
}

fn oldest(pending: Pending) -> Option<Timestamp> {
    Timestamp::from_millisecond(pending.oldest?).ok()
}
