//! Two persons on the operator's side decide: the responsible and the agent designated in writing.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use hyper::StatusCode;
use jiff::Timestamp;

use super::{Desk, capacities, coded, entry, internal, is_over, stage_of};
use crate::{
    control::Error,
    db::{Case, CaseStep},
    fault,
    journal::{RequestEntry, RequestStep},
    legal::Step,
    model::{
        Actor,
        request::{Capacity, CaseRow, Decline},
    },
};

/// How often requests whose time is over are looked for; deciding on one looks at it anyway.
const SWEEP: Duration = Duration::from_secs(30);

impl Desk {
    /// Approves a request. The second approval, of another person in the other capacity, has it
    /// answered; where that came to nothing, either of the two has it tried again.
    ///
    /// # Errors
    /// Who may not, or why it cannot be answered.
    pub fn approve(
        &self,
        actor: &Actor,
        reference: &str,
        now: Timestamp,
    ) -> Result<CaseRow, Error> {
        let _one = self.changing();
        let own = self.person(actor)?;
        let case = self.find(reference)?;
        let stage = stage_of(&case)?;
        if is_over(&case, now) && stage.after(Step::Lapse).is_some() {
            self.lapse(actor, &case)?;
            return Err(coded(
                StatusCode::CONFLICT,
                "lapsed",
                "the request is no longer valid; it was not answered",
            ));
        }
        if stage.after(Step::Begin).is_some() {
            return self.answer(actor, case, now);
        }
        let (step, given) = match (stage.after(Step::Approve), stage.after(Step::Clear)) {
            (Some(_), _) => (Step::Approve, &[][..]),
            (None, Some(_)) => (Step::Clear, &case.row.approvals[..]),
            (None, None) => {
                let reason = format!(
                    "the request is {}; there is nothing to approve",
                    stage.name()
                );
                return Err(Error::Conflict(reason));
            }
        };
        let taken = |one: &Capacity| given.iter().any(|other| other.capacity == *one);
        let free = own.iter().find(|one| !taken(one)).copied();
        let again = given.iter().any(|other| other.uid == actor.uid);
        let Some(capacity) = free.filter(|_| !again) else {
            return Err(coded(
                StatusCode::CONFLICT,
                "second_person",
                "an approval in your capacity is there already; the other person must approve, too",
            ));
        };
        let approved = RequestEntry {
            capacity: Some(capacity),
            ..entry(RequestStep::Approved, &case)
        };
        let receipt = self.journal(actor, approved)?;
        fault::point("request_approved").map_err(internal)?;
        let next = stage.after(step).expect("it was looked up above");
        self.keep_step(
            actor,
            &case,
            CaseStep {
                stage: next.name(),
                receipt: Some(receipt.index()),
                forget_approvals: step == Step::Approve,
                approval: Some((capacity, actor.uid, now)),
                ..CaseStep::default()
            },
        )?;
        match step {
            Step::Clear => self.answer(actor, self.find(reference)?, now),
            _ => self.show(reference),
        }
    }

    /// Refuses a request, for good.
    ///
    /// # Errors
    /// Who may not, or that it is too late.
    pub fn decline(&self, actor: &Actor, reference: &str, body: &[u8]) -> Result<CaseRow, Error> {
        let Decline { reason } = serde_json::from_slice(body).map_err(|_| {
            Error::Invalid(
                "the body must be {\"reason\": …}: ground, agent, events or taken_back".into(),
            )
        })?;
        let _one = self.changing();
        let own = self.person(actor)?;
        let case = self.find(reference)?;
        let stage = stage_of(&case)?;
        let Some(next) = stage.after(Step::Decline) else {
            let reason = format!("the request is {}; it cannot be refused", stage.name());
            return Err(Error::Conflict(reason));
        };
        let declined = RequestEntry {
            capacity: own.first().copied(),
            code: Some(reason.name().into()),
            ..entry(RequestStep::Declined, &case)
        };
        let receipt = self.journal(actor, declined)?;
        let step = CaseStep {
            stage: next.name(),
            receipt: Some(receipt.index()),
            code: Some(reason.name()),
            ..CaseStep::default()
        };
        self.keep_step(actor, &case, step)?;
        self.show(reference)
    }

    /// Notes requests whose time is over.
    ///
    /// # Errors
    /// The journal's, the store's.
    pub fn lapse_over(&self, actor: &Actor, now: Timestamp) -> Result<(), Error> {
        {
            let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
            if swept.is_some_and(|at| at.elapsed() < SWEEP) {
                return Ok(());
            }
            *swept = Some(Instant::now());
        }
        // While one is answered, the next call does it.
        let Some(_one) = self.one.try_take() else {
            return Ok(());
        };
        for case in self.all()? {
            if is_over(&case, now) && stage_of(&case)?.after(Step::Lapse).is_some() {
                self.lapse(actor, &case)?;
            }
        }
        Ok(())
    }

    fn lapse(&self, actor: &Actor, case: &Case) -> Result<(), Error> {
        let Some(next) = stage_of(case)?.after(Step::Lapse) else {
            return Ok(());
        };
        let receipt = self.journal_done(actor, entry(RequestStep::Lapsed, case))?;
        let step = CaseStep {
            stage: next.name(),
            receipt: Some(receipt.index()),
            ..CaseStep::default()
        };
        self.keep_step(actor, case, step)
    }

    /// The capacities of whoever asks: somebody in particular, who is named for it.
    pub(super) fn person(&self, actor: &Actor) -> Result<Vec<Capacity>, Error> {
        super::super::release::person(actor)?;
        let own = capacities(&self.config, actor.uid);
        if own.is_empty() {
            return Err(coded(
                StatusCode::FORBIDDEN,
                "not_designated",
                "only the responsible and the designated agent decide on requests: see [requests]",
            ));
        }
        Ok(own)
    }

    /// Every request, page by page.
    pub(super) fn all(&self) -> Result<Vec<Case>, Error> {
        const PAGE: u32 = 1_000;
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let page = self.db().cases(after, PAGE).map_err(internal)?;
            let whole = page.len() == PAGE as usize;
            after = page.last().map_or(after, |case| case.number);
            all.extend(page);
            if !whole {
                return Ok(all);
            }
        }
    }

    /// Keeps what an entry announced, or journals that it is not kept.
    pub(super) fn keep_step(
        &self,
        actor: &Actor,
        case: &Case,
        step: CaseStep<'_>,
    ) -> Result<(), Error> {
        let kept = self.db().step(case.number, &step);
        if let Err(error) = kept {
            let lost = RequestEntry {
                code: Some("store".into()),
                of: step.receipt,
                ..entry(RequestStep::Lost, case)
            };
            let _receipt = self.journal_done(actor, lost)?;
            return Err(internal(error));
        }
        Ok(())
    }
}
