//! Decisions by somebody who may not, and submissions that came to nothing: each is journalled with
//! who it was and why (R. 872-2 CSI asks that operations can be traced), and nobody can flood the
//! journal with them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Desk, entry};
use crate::{
    control::Error,
    db::Case,
    journal::{RequestEntry, RequestStep},
    model::{Actor, RequestKind},
};

/// How many of one user and kind are journalled one by one in a [`WINDOW`]; the others are counted, and
/// their number is journalled when it ends.
const MOST: u32 = 30;
/// See [`MOST`].
const WINDOW: Duration = Duration::from_secs(3_600);

/// What is told of, and what is only counted, by user.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<(u32, RequestStep), Window>);

#[derive(Debug)]
struct Window {
    actor: Actor,
    since: Instant,
    told: u32,
    unsaid: u64,
}

impl Refusals {
    /// Whether this one is journalled by itself: with how many that were not.
    fn take(&mut self, actor: &Actor, step: RequestStep, now: Instant) -> Option<u64> {
        let window = self.0.entry((actor.uid, step)).or_insert(Window {
            actor: actor.clone(),
            since: now,
            told: 0,
            unsaid: 0,
        });
        if now.duration_since(window.since) >= WINDOW {
            (window.since, window.told) = (now, 0);
        }
        if window.told < MOST {
            window.told += 1;
            return Some(std::mem::take(&mut window.unsaid));
        }
        window.unsaid += 1;
        None
    }

    /// What was counted where the window is over, or of everybody; those windows go.
    fn counted(&mut self, now: Instant, everybody: bool) -> Vec<(Actor, RequestStep, u64)> {
        let over = |window: &Window| everybody || now.duration_since(window.since) >= WINDOW;
        let gone = self.0.extract_if(.., |_, window| over(window));
        gone.filter(|(_, window)| window.unsaid > 0)
            .map(|((_, step), window)| (window.actor, step, window.unsaid))
            .collect()
    }
}

impl Desk {
    /// Journals that somebody may not decide on a request; the error that he is told.
    pub(super) fn refused(&self, actor: &Actor, case: &Case, error: Error) -> Error {
        let entry = entry(RequestStep::DecisionRefused, case);
        match self.tell(actor, error.code(), entry) {
            Ok(()) => error,
            Err(error) => error,
        }
    }

    /// The request that somebody decides on; that it is one that nobody knows is journalled, without the
    /// reference, which may be anything.
    pub(super) fn decided_on(&self, actor: &Actor, reference: &str) -> Result<Case, Error> {
        let found = self.find(reference);
        if let Err(error @ Error::NotFound(_)) = &found {
            let entry = RequestEntry::of(RequestStep::DecisionRefused);
            self.tell(actor, error.code(), entry)?;
        }
        found
    }

    /// Journals what the door did not let through: a decision by a role that has none to make, a
    /// submission that was not taken in.
    ///
    /// # Errors
    /// The journal's.
    pub fn unserved(&self, actor: &Actor, kind: RequestKind, error: &Error) -> Result<(), Error> {
        let step = match (kind, error) {
            (
                RequestKind::RequestsApprove
                | RequestKind::RequestsRefuse
                | RequestKind::RequestsSettle,
                _,
            ) => RequestStep::DecisionRefused,
            (RequestKind::RequestsSubmit, Error::Denied(_)) => RequestStep::Refused,
            (RequestKind::RequestsSubmit, _) => RequestStep::Failed,
            _ => return Ok(()),
        };
        self.tell(actor, error.code(), RequestEntry::of(step))
    }

    /// Journals that a submission could not be judged, by a failure of the sensor's.
    ///
    /// # Errors
    /// The journal's.
    pub(super) fn failed(
        &self,
        actor: &Actor,
        of: RequestEntry,
        error: &Error,
    ) -> Result<(), Error> {
        let entry = RequestEntry {
            step: RequestStep::Failed,
            ..of
        };
        self.tell(actor, error.code(), entry)
    }

    fn tell(&self, actor: &Actor, code: &str, entry: RequestEntry) -> Result<(), Error> {
        let taken = self.refusals().take(actor, entry.step, Instant::now());
        let Some(unsaid) = taken else {
            return Ok(());
        };
        let entry = RequestEntry {
            code: Some(code.into()),
            unsaid: (unsaid > 0).then_some(unsaid),
            ..entry
        };
        self.journal(actor, entry).map(drop)
    }

    /// Journals how many were only counted, where an hour is over; of everybody when the agent stops.
    ///
    /// # Errors
    /// The journal's.
    pub fn tell_counted(&self, everybody: bool) -> Result<(), Error> {
        let counted = self.refusals().counted(Instant::now(), everybody);
        for (actor, step, count) in counted {
            let entry = RequestEntry {
                code: Some("counted".into()),
                // This entry stands for one of them.
                unsaid: Some(count - 1).filter(|more| *more > 0),
                ..RequestEntry::of(step)
            };
            let _receipt = self.journal(&actor, entry)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use RequestStep::{DecisionRefused, Failed};

    use super::*;
    use crate::model::Role;

    fn actor(uid: u32) -> Actor {
        Actor {
            uid,
            role: Role::Operator,
        }
    }

    #[test]
    fn thirty_an_hour_are_told_one_by_one_and_the_others_by_their_number() {
        let mut refusals = Refusals::default();
        let now = Instant::now();
        let told = (0..100).filter_map(|_| refusals.take(&actor(7), DecisionRefused, now));
        assert_eq!(told.count(), 30);
        assert_eq!(
            refusals.take(&actor(8), DecisionRefused, now),
            Some(0),
            "of another user"
        );
        assert_eq!(
            refusals.take(&actor(7), Failed, now),
            Some(0),
            "of another kind"
        );
        assert!(refusals.counted(now, false).is_empty());
        let later = now + WINDOW;
        let mut other = Refusals::default();
        assert_eq!(refusals.take(&actor(7), DecisionRefused, later), Some(70));
        assert!(
            refusals.counted(later, false).is_empty(),
            "nothing is told twice"
        );
        for _ in 0..32 {
            let _ = other.take(&actor(7), DecisionRefused, now);
        }
        let counted = other.counted(later, false);
        assert_eq!(counted, [(actor(7), DecisionRefused, 2)]);
        assert!(
            other.0.is_empty(),
            "nothing is kept of who did nothing for an hour"
        );
    }

    #[test]
    fn a_stop_tells_what_was_counted_so_far() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        for _ in 0..31 {
            let _ = refusals.take(&actor(7), Failed, now);
        }
        assert_eq!(refusals.counted(now, true), [(actor(7), Failed, 1)]);
    }
}
