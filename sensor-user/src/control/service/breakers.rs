//! Circuit breakers: a pattern that floods is counted and goes no further.

use std::{collections::HashSet, sync::PoisonError, time::Duration};

use jiff::Timestamp;

use super::{Error, Sensor, Set, internal};
use crate::{
    db::Breaker,
    journal::Action,
    markers::pattern_id,
    model::{Actor, PatternId, request::BreakerStatus},
};

/// When breakers open and close by themselves.
#[derive(Clone, Copy, Debug)]
pub struct BreakerPolicy {
    /// Open the breaker of a pattern that floods; otherwise only say so.
    pub automatic: bool,
    /// Close what was opened automatically after this long; zero for never.
    pub rest: Duration,
}

impl Sensor {
    pub(super) fn breaker_open(&self, actor: &Actor, id: &str) -> Result<BreakerStatus, Error> {
        let mut set = self.set();
        let pattern = pattern_of(&mut set, id)?;
        if let Some(breaker) = set
            .breakers
            .iter()
            .find(|breaker| breaker.pattern == pattern)
        {
            return Ok(told(breaker));
        }
        self.open_breaker(actor, &mut set, pattern, id, false)
    }

    pub(super) fn breaker_close(&self, actor: &Actor, id: &str) -> Result<BreakerStatus, Error> {
        let mut set = self.set();
        // The marker may have left the set since: status tells the id it was opened under.
        let of = |breaker: &&Breaker| breaker.marker == id;
        let breaker = match set.breakers.iter().find(of).cloned() {
            Some(breaker) => breaker,
            None => {
                let pattern = pattern_of(&mut set, id)?;
                let of = |breaker: &&Breaker| breaker.pattern == pattern;
                set.breakers.iter().find(of).cloned().ok_or_else(|| {
                    Error::NotFound("the circuit breaker of this marker is not open".into())
                })?
            }
        };
        self.close_breaker(actor, &mut set, &breaker, false)?;
        Ok(BreakerStatus {
            open: false,
            ..told(&breaker)
        })
    }

    /// Opens the breakers of patterns that flood and closes those that have rested, as configured.
    pub(super) fn look_after_breakers(&self, actor: &Actor) {
        let flooding = self.parts.live.flooding();
        let Ok(mut set) = self.set.try_lock() else {
            return;
        };
        let set = &mut *set;
        let now = Timestamp::now();
        let rested: Vec<Breaker> = set
            .breakers
            .iter()
            .filter(|breaker| breaker.automatic && !self.policy.rest.is_zero())
            .filter(|breaker| {
                let open = now.duration_since(breaker.since);
                Duration::try_from(open).is_ok_and(|open| open >= self.policy.rest)
            })
            .cloned()
            .collect();
        for breaker in rested {
            if let Err(error) = self.close_breaker(actor, set, &breaker, true) {
                tracing::error!(%error, "a circuit breaker could not be closed");
            }
        }
        let open: HashSet<PatternId> = set.breakers.iter().map(|open| open.pattern).collect();
        let mut advised = Vec::new();
        for pattern in flooding {
            if open.contains(&pattern) {
                continue;
            }
            let Some(row) = set.image.rows(pattern).first() else {
                continue;
            };
            let marker = row.marker.id.to_string();
            if !self.policy.automatic {
                advised.push(BreakerStatus {
                    pattern_id: pattern.to_string(),
                    marker,
                    open: false,
                    since: None,
                    automatic: false,
                    receipt: None,
                });
                continue;
            }
            if let Err(error) = self.open_breaker(actor, set, pattern, &marker, true) {
                tracing::error!(%error, "the circuit breaker of a pattern that floods could not be opened");
            }
        }
        self.tell_breakers(set, advised);
    }

    fn open_breaker(
        &self,
        actor: &Actor,
        set: &mut Set,
        pattern: PatternId,
        marker: &str,
        automatic: bool,
    ) -> Result<BreakerStatus, Error> {
        let receipt = self.journal(actor, Action::BreakerOpened { automatic })?;
        let now = Timestamp::now();
        let breaker = Breaker {
            pattern,
            marker: marker.to_owned(),
            // As the store keeps it.
            since: Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now),
            automatic,
            receipt: receipt.index(),
        };
        let outcome = set
            .plane
            .set_breaker(pattern, true, &receipt)
            .map_err(internal)
            .and_then(|()| {
                let kept = set.catalog.keep_breaker(&breaker, self.mark());
                kept.map_err(internal)
            });
        if let Err(error) = outcome {
            // What cannot be kept is not left open unseen.
            if let Err(error) = set.plane.set_breaker(pattern, false, &receipt) {
                tracing::error!(%error, "a circuit breaker stays open until the next load");
            }
            self.journal_failure(actor, &receipt, "breaker");
            return Err(error);
        }
        tracing::warn!(
            receipt = receipt.index(),
            automatic,
            "the circuit breaker of a pattern is open: its hits are counted and go no further"
        );
        let status = told(&breaker);
        set.breakers.push(breaker);
        self.tell_breakers(set, Vec::new());
        Ok(status)
    }

    fn close_breaker(
        &self,
        actor: &Actor,
        set: &mut Set,
        breaker: &Breaker,
        automatic: bool,
    ) -> Result<(), Error> {
        let action = Action::BreakerClosed {
            automatic,
            of: breaker.receipt,
        };
        let receipt = self.journal(actor, action)?;
        let pattern = breaker.pattern;
        let outcome = set
            .catalog
            .forget_breaker(pattern, self.mark())
            .map_err(internal)
            .and_then(|()| {
                set.plane
                    .set_breaker(pattern, false, &receipt)
                    .map_err(internal)
            });
        if let Err(error) = outcome {
            self.journal_failure(actor, &receipt, "breaker");
            return Err(error);
        }
        tracing::info!(
            of = breaker.receipt,
            automatic,
            "a circuit breaker is closed again"
        );
        set.breakers.retain(|open| open.pattern != pattern);
        self.tell_breakers(set, Vec::new());
        Ok(())
    }

    pub(super) fn tell_breakers(&self, set: &Set, advised: Vec<BreakerStatus>) {
        let open = set.breakers.iter().map(|breaker| breaker.pattern);
        self.parts.live.tell_broken(open.collect());
        let mut breakers: Vec<BreakerStatus> = set.breakers.iter().map(told).collect();
        breakers.extend(advised);
        self.told
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .breakers = breakers;
    }
}

fn pattern_of(set: &mut Set, id: &str) -> Result<PatternId, Error> {
    let held = set.catalog.marker(id).map_err(internal)?;
    let held = held.ok_or_else(|| Error::NotFound("no marker has this id".into()))?;
    Ok(pattern_id(&held.marker.pattern))
}

fn told(breaker: &Breaker) -> BreakerStatus {
    BreakerStatus {
        pattern_id: breaker.pattern.to_string(),
        marker: breaker.marker.clone(),
        open: true,
        since: Some(breaker.since),
        automatic: breaker.automatic,
        receipt: Some(breaker.receipt),
    }
}
