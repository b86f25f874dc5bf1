//! Two persons on the operator's side decide: the responsible and the agent designated in writing.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use hyper::StatusCode;

use super::{Clock, Desk, capacities, coded, entry, internal, is_over, judged::suspect, stage_of};
use crate::{
    control::Error,
    db::{Case, CaseStep},
    fault,
    journal::{RequestEntry, RequestStep, VOID},
    legal::Step,
    model::{
        Actor,
        request::{Approve, Capacity, CaseRow, Decline},
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
        clock: impl Clock,
    ) -> Result<CaseRow, Error> {
        self.approve_shown(actor, reference, None, &clock)
    }

    /// The same, of the envelope that was shown to whoever approves.
    ///
    /// # Errors
    /// As [`Desk::approve`]; that it is another envelope.
    pub fn approve_shown(
        &self,
        actor: &Actor,
        reference: &str,
        shown: Option<&Approve>,
        clock: &dyn Clock,
    ) -> Result<CaseRow, Error> {
        let _one = self.changing();
        let now = clock.read();
        let found = self.decided_on(actor, reference)?;
        let refused = |error| self.refused(actor, &found, error);
        let own = self.person(actor).map_err(refused)?;
        let case = self.settled(actor, reference)?;
        let stage = stage_of(&case)?;
        if is_over(&case, now.time) && stage.after(Step::Lapse).is_some() {
            if !now.trusted {
                return Err(self.not_answered(actor, &case, suspect())?);
            }
            self.lapse(actor, &case)?;
            return Err(coded(
                StatusCode::CONFLICT,
                "lapsed",
                "the request is no longer valid; it was not answered",
            ));
        }
        if shown.is_some_and(|shown| shown.envelope != case.row.envelope) {
            return Err(coded(
                StatusCode::CONFLICT,
                "another_envelope",
                "this is not the envelope that was shown to you: look at the request again",
            ));
        }
        let case = self.without_void(actor, case)?;
        let stage = stage_of(&case)?;
        if stage.after(Step::Begin).is_some() {
            return self.answer(actor, case, clock);
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
            return Err(refused(coded(
                StatusCode::CONFLICT,
                "second_person",
                "an approval in your capacity is there already; the other person must approve, too",
            )));
        };
        self.check_still(actor, &case, now)?;
        let approved = RequestEntry {
            capacity: Some(capacity),
            envelope: Some(case.row.envelope.clone()),
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
                approval: Some((capacity, actor.uid, now.time)),
                ..CaseStep::default()
            },
        )?;
        match step {
            Step::Clear => self.answer(actor, self.find(reference)?, clock),
            _ => self.show(reference),
        }
    }

    /// Takes back approvals of which one was given in a capacity that its person no longer has: two who
    /// have it now are to approve.
    fn without_void(&self, actor: &Actor, case: Case) -> Result<Case, Error> {
        let mut given = case.row.approvals.iter();
        let counts = given.all(|one| capacities(&self.config, one.uid).contains(&one.capacity));
        let Some(first) = stage_of(&case)?.after(Step::Void).filter(|_| !counts) else {
            return Ok(case);
        };
        let void = RequestEntry {
            code: Some(VOID.into()),
            ..entry(RequestStep::NotDisclosed, &case)
        };
        let receipt = self.journal(actor, void)?;
        let step = CaseStep {
            stage: first.name(),
            receipt: Some(receipt.index()),
            forget_approvals: true,
            code: Some(VOID),
            ..CaseStep::default()
        };
        self.keep_step(actor, &case, step)?;
        self.find(&case.row.reference)
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
        let found = self.decided_on(actor, reference)?;
        let refused = |error| self.refused(actor, &found, error);
        let own = self.person(actor).map_err(refused)?;
        let case = self.settled(actor, reference)?;
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

    /// Notes requests whose time is over, by a clock that can be relied on; and what became of answers
    /// that a failing store left half done.
    ///
    /// # Errors
    /// The journal's, the store's.
    pub fn lapse_over(&self, actor: &Actor, clock: impl Clock) -> Result<(), Error> {
        {
            let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
            if swept.is_some_and(|at| at.elapsed() < SWEEP) {
                return Ok(());
            }
            *swept = Some(Instant::now());
        }
        self.tell_counted(false)?;
        // While one is answered, the next call does it.
        let Some(_one) = self.one.try_take() else {
            return Ok(());
        };
        let now = clock.read();
        for case in self.all()? {
            let case = self.settled(actor, &case.row.reference)?;
            let over = now.trusted && is_over(&case, now.time);
            if over && stage_of(&case)?.after(Step::Lapse).is_some() {
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
