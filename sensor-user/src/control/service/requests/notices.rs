//! Notices to subscribers (L. 33-14 ¶5 CPCE): the work list goes to the operator's own system, which
//! then says, event by event, what became of them.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{Clock, Desk, disclose::Ready, entry, internal, stage_of};
use crate::{
    control::Error,
    db::Case,
    journal::{RequestEntry, RequestStep},
    legal::{Step, notices::WorkList},
    model::{
        Actor, RequestType,
        request::{CaseRow, NoticeSettled, TaskRow},
    },
};

/// The work list of a request.
pub(super) fn ready(desk: &Desk, case: &Case, repeat: bool) -> Result<Ready, Error> {
    let events = desk.held(case)?;
    let list = WorkList::new(&case.row.reference, &desk.sensor, repeat, &events);
    Ok(Ready {
        bytes: serde_json::to_vec_pretty(&list).map_err(internal)?,
        extension: "json",
        records: events.len() as u64,
        events: events.into_iter().map(|event| event.id).collect(),
        categories: Vec::new(),
        manifest: None,
    })
}

impl Desk {
    /// Notes what became of a notice: sent, with date and proof, or impossible, with the reason. For
    /// somebody in particular, be it the user of the operator's own system: the entry bears its uid.
    ///
    /// # Errors
    /// [`Error`].
    pub fn settle(
        &self,
        actor: &Actor,
        reference: &str,
        body: &[u8],
        clock: impl Clock,
    ) -> Result<CaseRow, Error> {
        let settled: NoticeSettled = serde_json::from_slice(body).map_err(|_| {
            Error::Invalid("the body must say outcome, event, and date and proof, or reason".into())
        })?;
        let _one = self.changing();
        let now = clock.read().time;
        let found = self.decided_on(actor, reference)?;
        super::super::release::person(actor).map_err(|error| self.refused(actor, &found, error))?;
        let case = self.settled(actor, reference)?;
        if case.row.kind != RequestType::Notice {
            return Err(Error::Conflict("this request asks for no notice".into()));
        }
        let stage = stage_of(&case)?;
        let Some(closed) = stage.after(Step::Close) else {
            let reason = format!("the request is {}; no notice of it is out", stage.name());
            return Err(Error::Conflict(reason));
        };
        let (task, told) = task_of(&settled, &case, now)?;
        let Some(known) = case.row.tasks.iter().find(|one| one.event == task.event) else {
            return Err(Error::NotFound(
                "the request does not name this event".into(),
            ));
        };
        if known.state != "handed_over" {
            return Err(Error::Conflict(
                "what became of this notice is known already".into(),
            ));
        }
        let others = case.row.tasks.iter().filter(|one| one.event != task.event);
        let last = others.into_iter().all(|one| one.state != "handed_over");
        let stage = if last { closed } else { stage };
        let noted = RequestEntry {
            code: task.reason.map(|reason| reason.name().into()),
            ..entry(told, &case)
        };
        let receipt = self.journal(actor, noted)?;
        let kept = self
            .db()
            .settle_task(case.number, &task, (stage.name(), receipt.index()));
        if let Err(error) = kept {
            let lost = RequestEntry {
                code: Some("store".into()),
                of: Some(receipt.index()),
                ..entry(RequestStep::Lost, &case)
            };
            let _receipt = self.journal_done(actor, lost)?;
            return Err(internal(error));
        }
        self.show(reference)
    }
}

/// Whether a proof's reference is one: letters, digits and the marks of numbering. What has blanks or an
/// at sign is free text or an address, and would be kept for ever.
fn is_proof(proof: &str) -> bool {
    let mark = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:+#".contains(&byte);
    (1..=64).contains(&proof.len()) && proof.bytes().all(mark)
}

/// Whether a notice can have been sent on a day: not before its request came, nor after today; a day
/// more at both ends, because the days of the operator's system may be those of another time zone.
fn can_be_sent(date: Date, case: &Case, now: Timestamp) -> bool {
    let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
    let first = day(case.row.received).yesterday().unwrap_or(Date::MIN);
    let last = day(now).tomorrow().unwrap_or(Date::MAX);
    (first..=last).contains(&date)
}

fn task_of(
    settled: &NoticeSettled,
    case: &Case,
    now: Timestamp,
) -> Result<(TaskRow, RequestStep), Error> {
    let blank = |event: &String, state: &str| TaskRow {
        event: event.clone(),
        state: state.into(),
        since: now,
        date: None,
        proof: None,
        reason: None,
    };
    Ok(match settled {
        NoticeSettled::Sent { event, date, proof } => {
            if !is_proof(proof) {
                return Err(Error::Invalid(
                    "the proof's reference is 1 to 64 letters, digits and -_./:+# without blanks"
                        .into(),
                ));
            }
            if !can_be_sent(*date, case, now) {
                return Err(Error::Invalid(
                    "the notice was sent between the day of its request and today".into(),
                ));
            }
            let task = TaskRow {
                date: Some(*date),
                proof: Some(proof.clone()),
                ..blank(event, "sent")
            };
            (task, RequestStep::NoticeSent)
        }
        NoticeSettled::Impossible { event, reason } => {
            let task = TaskRow {
                reason: Some(*reason),
                ..blank(event, "impossible")
            };
            (task, RequestStep::NoticeImpossible)
        }
    })
}
