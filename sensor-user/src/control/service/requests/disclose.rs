//! Answering a request that two persons have cleared.
//!
//! Announced in the journal, made, encrypted, written beside its place; kept as being handed over;
//! put into its place by one rename; journalled as done. So after a crash it was not done (never
//! kept as being handed over), done (the file is in its place), or unknown.

use hyper::StatusCode;
use jiff::Timestamp;

use super::{Desk, coded, entry, export, internal, notices, stage_of, submit::objection};
use crate::{
    control::Error,
    crypto::{Zeroizing, hex, sha256},
    db::{Case, CaseStep, Cost, Handover},
    fault,
    journal::{Receipt, RequestEntry, RequestStep},
    legal::{Step, answer::questions, disclosure::Content, requests},
    model::{Actor, Category, Event, RequestType, request::CaseRow},
};

/// An answer that is ready to be handed over.
pub(super) struct Ready {
    /// What the file holds.
    pub bytes: Vec<u8>,
    /// Extension of its name.
    pub extension: &'static str,
    /// Records in it.
    pub records: u64,
    /// Categories of the data in it.
    pub categories: Vec<String>,
}

impl Desk {
    /// Answers a request, under the lock of changes.
    pub(super) fn answer(
        &self,
        actor: &Actor,
        case: Case,
        now: Timestamp,
    ) -> Result<CaseRow, Error> {
        self.check_still(actor, &case, now)?;
        let stage = stage_of(&case)?;
        let Some(making) = stage.after(Step::Begin) else {
            return Err(internal("only a cleared request is answered"));
        };
        let repeat = self.is_repeat(&case)?;
        let begun = RequestEntry {
            repeat,
            events: Some(case.row.terms.events.len() as u64),
            ..entry(RequestStep::Begun, &case)
        };
        let receipt = self.journal(actor, begun)?;
        fault::point("request_begun").map_err(internal)?;
        let step = CaseStep {
            stage: making.name(),
            receipt: Some(receipt.index()),
            ..CaseStep::default()
        };
        self.keep_step(actor, &case, step)?;
        fault::point("request_making").map_err(internal)?;
        let case = self.find(&case.row.reference)?;
        // Before they are read: none comes to be in the answer afterwards.
        let made = self.held(&case).and_then(|held| {
            let held = held.into_iter().map(|event| event.id).collect();
            Ok((self.make(&case, repeat, now)?, held))
        });
        let handed = made.and_then(|((ready, repeat), held)| {
            self.hand(&case, ready, repeat, (held, now), &receipt)
        });
        match handed {
            Ok(case) => self.done(actor, &case, &receipt, now),
            Err(error) => Err(self.not_done(actor, &case.row.reference, &receipt, error)?),
        }
    }

    /// Whether it still counts: a commission may have been revoked since it came. A refusal is
    /// journalled.
    fn check_still(&self, actor: &Actor, case: &Case, now: Timestamp) -> Result<(), Error> {
        let commissions = &self.config.commissions;
        let Err(why) = requests::check_dates(&case.row.terms, commissions, now) else {
            return Ok(());
        };
        let refused = RequestEntry {
            code: Some(why.code().into()),
            ..entry(RequestStep::NotDisclosed, case)
        };
        let receipt = self.journal(actor, refused)?;
        let step = CaseStep {
            stage: &case.row.stage,
            receipt: Some(receipt.index()),
            code: Some(why.code()),
            ..CaseStep::default()
        };
        self.keep_step(actor, case, step)?;
        Err(objection(why))
    }

    /// Whether the same may have been disclosed before.
    fn is_repeat(&self, case: &Case) -> Result<bool, Error> {
        let (kind, events) = (case.row.kind, &case.row.terms.events);
        let before = self.db().disclosed_before(case.number, kind, events);
        Ok(case.row.handovers > 0 || before.map_err(internal)?)
    }

    /// Makes the answer, and says whether the same may have been disclosed before; nothing of it is kept.
    fn make(&self, case: &Case, repeat: bool, now: Timestamp) -> Result<(Ready, bool), Error> {
        let mut repeat = repeat;
        let content = match case.row.kind {
            RequestType::A => {
                // Others have their turn: nothing is changed, and at this stage nobody else does. One
                // that is answered meanwhile may be of the same events.
                let content = self.one.aside(|| self.identities(case))?;
                repeat = repeat || self.is_repeat(case)?;
                content
            }
            RequestType::B => self.records(case, true)?,
            RequestType::C => match case.row.terms.category {
                Some(Category::Kept) => self.records(case, false)?,
                // Of the others the sensor never holds anything.
                _ => Content::default(),
            },
            RequestType::Notice => {
                return notices::ready(self, case, repeat).map(|ready| (ready, repeat));
            }
        };
        let kind = case.row.kind;
        let recipient = self.recipients.get(kind).ok_or_else(|| {
            let reason = "no key of a recipient is configured for this type any more";
            coded(StatusCode::CONFLICT, "not_configured", reason)
        })?;
        let manifest = content.manifest(&self.sensor, &case.row.terms, now, repeat);
        let head = self.signer.note(&manifest.text());
        let mut text = Zeroizing::new(Vec::with_capacity(head.len() + content.lines().len()));
        text.extend_from_slice(head.as_bytes());
        text.extend_from_slice(content.lines());
        let ready = Ready {
            bytes: recipient.encrypt(&text).map_err(internal)?,
            extension: "age",
            records: content.records(),
            categories: content.categories(),
        };
        Ok((ready, repeat))
    }

    /// Type A: what the subscriber system says of each event that is still there.
    fn identities(&self, case: &Case) -> Result<Content, Error> {
        let adaptor = self.adaptor.as_ref().ok_or_else(|| {
            let reason = "no subscriber system is configured any more: see [requests.adaptor]";
            coded(StatusCode::CONFLICT, "not_configured", reason)
        })?;
        let mut content = Content::default();
        let end = adaptor.end();
        for event in self.held(case)? {
            for question in questions(&event) {
                let answer = adaptor.ask(&question, end, &self.stopping)?;
                if !answer.is_blank() {
                    content.add_answer(&event.id, &answer);
                }
            }
        }
        Ok(content)
    }

    /// Types B and C: the events that are still there; of type B, of such as the authority was
    /// informed of.
    fn records(&self, case: &Case, acknowledged: bool) -> Result<Content, Error> {
        let mut content = Content::default();
        for id in &case.row.terms.events {
            let Some(row) = self.event(id)? else {
                continue;
            };
            if !acknowledged || self.is_acknowledged(row.seq)? {
                content.add_event(&row.event);
            }
        }
        Ok(content)
    }

    /// The events of a request that are still there.
    pub(super) fn held(&self, case: &Case) -> Result<Vec<Event>, Error> {
        let mut held = Vec::new();
        for id in &case.row.terms.events {
            held.extend(self.event(id)?.map(|row| row.event));
        }
        Ok(held)
    }

    /// Writes the file and puts it into its place.
    fn hand(
        &self,
        case: &Case,
        ready: Ready,
        repeat: bool,
        (held, now): (Vec<String>, Timestamp),
        receipt: &Receipt,
    ) -> Result<Case, Error> {
        let directory = self.export_dir()?;
        let attempt = case.row.handovers + 1;
        let name = export::name(case.row.kind, &case.row.reference, attempt, ready.extension);
        let written = export::Written::new(directory, &name, &ready.bytes).map_err(internal)?;
        let stage = stage_of(case)?.after(Step::Hand);
        let stage =
            stage.ok_or_else(|| internal("an answer that is not being made is handed over"))?;
        let digest = hex(&sha256(&[&ready.bytes]));
        let step = CaseStep {
            stage: stage.name(),
            handover: Some(Handover {
                file: &name,
                digest: &digest,
                categories: &ready.categories,
                records: ready.records,
                repeat,
            }),
            receipt: Some(receipt.index()),
            ..CaseStep::default()
        };
        // An answer without records holds nothing of an event.
        let held = if ready.records == 0 { Vec::new() } else { held };
        self.note_export(case, written.place_of(), held, now)?;
        self.db().step(case.number, &step).map_err(internal)?;
        fault::point("request_handing").map_err(internal)?;
        written.place(receipt).map_err(internal)?;
        fault::point("request_handed").map_err(internal)?;
        self.find(&case.row.reference)
    }

    /// Journals that it was handed over, and writes its line into the ledger.
    pub(super) fn done(
        &self,
        actor: &Actor,
        case: &Case,
        of: &Receipt,
        now: Timestamp,
    ) -> Result<CaseRow, Error> {
        let disclosed = self.disclosed(case, of.index());
        let receipt = self.journal_done(actor, disclosed)?;
        fault::point("request_disclosed").map_err(internal)?;
        self.keep_done(case, receipt.index(), now)?;
        self.show(&case.row.reference)
    }

    /// The entry that says so.
    pub(super) fn disclosed(&self, case: &Case, of: u64) -> RequestEntry {
        RequestEntry {
            records: case.row.records,
            events: Some(case.row.terms.events.len() as u64),
            categories: case.categories.clone(),
            digest: case.digest.clone(),
            repeat: case.repeat,
            of: Some(of),
            ..entry(RequestStep::Disclosed, case)
        }
    }

    /// Keeps that it was handed over.
    pub(super) fn keep_done(&self, case: &Case, receipt: u64, now: Timestamp) -> Result<(), Error> {
        let stage = stage_of(case)?.after(Step::Done);
        let stage = stage.ok_or_else(|| internal("an answer that was not handed over is done"))?;
        let tariff = &self.config.tariff;
        let cost = Cost {
            time: now,
            tariff_code: tariff.code(case.row.kind),
            tariff_version: &tariff.version,
            quantity: case.row.terms.events.len() as u64,
        };
        let step = CaseStep {
            stage: stage.name(),
            receipt: Some(receipt),
            done: Some((case.row.records.unwrap_or_default(), cost)),
            handed_tasks: (case.row.kind == RequestType::Notice).then_some(now),
            ..CaseStep::default()
        };
        self.db().step(case.number, &step).map_err(internal)
    }

    /// Journals what became of an answer that failed. The outer error is the journal's, or the store's.
    fn not_done(
        &self,
        actor: &Actor,
        reference: &str,
        of: &Receipt,
        error: Error,
    ) -> Result<Error, Error> {
        let case = self.find(reference)?;
        let placed = || {
            let name = case.row.file.as_deref()?;
            Some(self.export_dir().ok()?.join(name).exists())
        };
        let stage = stage_of(&case)?;
        // The rename itself may have failed after it was done.
        let step = match stage.is_handing() && placed() != Some(false) {
            true => Step::LoseTrack,
            false => Step::NotDone,
        };
        let code = match error.status().is_server_error() {
            true => "failed",
            false => error.code(),
        };
        self.outcome(actor, &case, step, code, of.index())?;
        Ok(error)
    }

    /// Journals and keeps that nothing was handed over, or that this cannot be told.
    pub(super) fn outcome(
        &self,
        actor: &Actor,
        case: &Case,
        step: Step,
        code: &str,
        of: u64,
    ) -> Result<(), Error> {
        let told = match step {
            Step::LoseTrack => RequestStep::Unknown,
            _ => RequestStep::NotDisclosed,
        };
        let outcome = RequestEntry {
            code: Some(code.into()),
            repeat: case.repeat && told == RequestStep::Unknown,
            of: Some(of),
            ..entry(told, case)
        };
        let receipt = self.journal_done(actor, outcome)?;
        let stage = stage_of(case)?.after(step);
        let stage = stage.ok_or_else(|| internal("an answer that was not begun has an outcome"))?;
        let step = CaseStep {
            stage: stage.name(),
            receipt: Some(receipt.index()),
            code: Some(code),
            ..CaseStep::default()
        };
        self.db().step(case.number, &step).map_err(internal)?;
        self.forget_unplaced(case)
    }
}
