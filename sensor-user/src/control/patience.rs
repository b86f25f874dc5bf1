//! How many refused submissions of the desk's are judged: each is a line of the journal that is never
//! removed, and who may only submit must not fill the disk with it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hyper::StatusCode;

use super::Error;
use crate::model::{Actor, Role, request::Request};

/// So many at once, of one user.
const BURST: u32 = 128;
/// Then one in this time: with entries of some 400 bytes, half a megabyte a day.
const EVERY: Duration = Duration::from_mins(1);

/// When each user has all of its [`BURST`] again.
#[derive(Debug, Default)]
pub(super) struct Patience(Mutex<BTreeMap<u32, Instant>>);

impl Patience {
    /// Whether what somebody submits is judged now; `who` is [`bounded`].
    ///
    /// # Errors
    /// Too much of it was refused.
    pub fn check(&self, who: Option<u32>) -> Result<(), Error> {
        self.check_at(who, Instant::now())
    }

    /// Notes what became of it.
    pub fn note<T>(&self, who: Option<u32>, answer: &Result<T, Error>) {
        if matches!(answer, Err(error) if error.status().is_client_error()) {
            self.refused_at(who, Instant::now());
        }
    }

    fn check_at(&self, who: Option<u32>, now: Instant) -> Result<(), Error> {
        let full = who.and_then(|uid| self.full().get(&uid).copied());
        let full = full.unwrap_or(now);
        if full.saturating_duration_since(now) <= EVERY * (BURST - 1) {
            return Ok(());
        }
        Err(Error::Coded {
            status: StatusCode::TOO_MANY_REQUESTS,
            code: "too_many_refused",
            reason: "too much of what this user submitted was refused; this was not judged: wait a minute"
                .into(),
        })
    }

    fn refused_at(&self, who: Option<u32>, now: Instant) {
        let Some(uid) = who else {
            return;
        };
        let mut full = self.full();
        full.retain(|_, at| *at > now);
        *full.entry(uid).or_insert(now) += EVERY;
    }

    fn full(&self) -> MutexGuard<'_, BTreeMap<u32, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose submission it is, where it is one that is bounded. An operator's is not: whoever runs the sensor
/// adds entries by every change.
pub(super) fn bounded(actor: &Actor, request: &Request) -> Option<u32> {
    use Request as R;
    let submits = matches!(
        request,
        R::EnvelopeSubmit { .. }
            | R::OrdersSubmit { .. }
            | R::OrdersWithdraw { .. }
            | R::RequestsSubmit { .. }
    );
    (submits && actor.role == Role::Desk).then_some(actor.uid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Scopes, request::Page};

    #[test]
    fn whoever_is_refused_over_and_over_waits_and_nobody_else() {
        let (patience, now) = (Patience::default(), Instant::now());
        for _ in 0..BURST {
            assert!(patience.check_at(Some(7), now).is_ok());
            patience.refused_at(Some(7), now);
            patience.refused_at(None, now);
        }
        let error = patience.check_at(Some(7), now).expect_err("enough");
        assert_eq!(error.code(), "too_many_refused");
        assert!(patience.check_at(Some(8), now).is_ok() && patience.check_at(None, now).is_ok());
        assert!(patience.check_at(Some(7), now + EVERY).is_ok());
        patience.refused_at(Some(7), now + EVERY);
        assert!(patience.check_at(Some(7), now + EVERY).is_err());
        let later = now + EVERY * (BURST + 2);
        patience.refused_at(Some(8), later);
        assert_eq!(
            patience.full().len(),
            1,
            "who waited long enough is forgotten"
        );
    }

    #[test]
    fn only_refusals_of_the_desk_count() {
        let actor = |role| Actor { uid: 7, role };
        let withdraw = Request::OrdersWithdraw {
            reference: "x".into(),
        };
        assert_eq!(bounded(&actor(Role::Desk), &withdraw), Some(7));
        assert_eq!(bounded(&actor(Role::Operator), &withdraw), None);
        let page = Page {
            limit: 1,
            after: None,
        };
        assert_eq!(
            bounded(
                &actor(Role::Desk),
                &Request::RequestsList(page, Scopes::WHOLE)
            ),
            None
        );
        let patience = Patience::default();
        for answer in [Ok(()), Err(Error::Internal(String::new()))] {
            patience.note(Some(7), &answer);
        }
        assert!(patience.full().is_empty());
        patience.note(Some(7), &Err::<(), _>(Error::Invalid(String::new())));
        assert_eq!(patience.full().len(), 1);
    }
}
