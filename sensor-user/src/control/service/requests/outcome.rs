//! What became of an answer: handed over, not handed over, or nobody can tell.

use jiff::Timestamp;

use super::{Desk, entry, export, internal, stage_of};
use crate::{
    control::Error,
    crypto::{hex, sha256},
    db::{Case, CaseStep, Cost},
    fault,
    journal::{Receipt, RequestEntry, RequestStep, Tariffed},
    legal::{Stage, Step},
    model::{Actor, RequestType, request::CaseRow},
};

impl Desk {
    /// Journals that it was handed over, and writes its line into the ledger.
    pub(super) fn done(
        &self,
        actor: &Actor,
        case: &Case,
        of: &Receipt,
        now: Timestamp,
    ) -> Result<CaseRow, Error> {
        let disclosed = self.disclosed(case, of.index())?;
        let cost = disclosed.cost.clone();
        let receipt = self.journal_done(actor, disclosed)?;
        fault::point("request_disclosed").map_err(internal)?;
        self.keep_done(case, receipt.index(), now, &cost)?;
        self.show(&case.row.reference)
    }

    /// The entry that says so.
    pub(super) fn disclosed(&self, case: &Case, of: u64) -> Result<RequestEntry, Error> {
        let kept = self.db().manifests(case.number).map_err(internal)?;
        let last = kept.last().map(|(_, note)| sha256(&[note.as_bytes()]));
        let tariff = &self.config.tariff;
        let named = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let events = case.row.terms.events.len() as u64;
        Ok(RequestEntry {
            manifest: last.map(|digest| hex(&digest)),
            records: case.row.records,
            events: Some(events),
            categories: case.categories.clone(),
            digest: case.digest.clone(),
            recipient: case.recipient.clone(),
            cost: Tariffed {
                tariff_code: named(tariff.code(case.row.kind)),
                tariff_version: named(&tariff.version),
                quantity: Some(case.quantity.unwrap_or(events)),
            },
            repeat: case.repeat,
            of: Some(of),
            ..entry(RequestStep::Disclosed, case)
        })
    }

    /// Keeps that it was handed over, with the line of costs that the entry tells.
    pub(super) fn keep_done(
        &self,
        case: &Case,
        receipt: u64,
        time: Timestamp,
        cost: &Tariffed,
    ) -> Result<(), Error> {
        let cost = Cost {
            time,
            tariff_code: cost.tariff_code.as_deref().unwrap_or_default(),
            tariff_version: cost.tariff_version.as_deref().unwrap_or_default(),
            quantity: cost.quantity.unwrap_or_default(),
        };
        let step = CaseStep {
            stage: Stage::done(case.row.kind).name(),
            receipt: Some(receipt),
            done: Some((case.row.records.unwrap_or_default(), cost)),
            handed_tasks: (case.row.kind == RequestType::Notice).then_some(time),
            ..CaseStep::default()
        };
        self.db().step(case.number, &step).map_err(internal)
    }

    /// Journals what became of an answer that failed. The outer error is the journal's, or the store's.
    pub(super) fn not_done(
        &self,
        actor: &Actor,
        reference: &str,
        of: &Receipt,
        error: Error,
    ) -> Result<Error, Error> {
        let case = self.find(reference)?;
        let code = match error.status().is_server_error() {
            true => "failed",
            false => error.code(),
        };
        // The rename itself may have failed after it was done.
        let step = match stage_of(&case)?.is_handing() && self.found(&case) != export::Found::Beside
        {
            true => Step::LoseTrack,
            false => Step::NotDone,
        };
        self.outcome(actor, &case, step, code, of.index())?;
        if let Some((directory, name)) = self.place_of(&case) {
            export::forget(directory, name);
        }
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
            recipient: case
                .recipient
                .clone()
                .filter(|_| told == RequestStep::Unknown),
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
