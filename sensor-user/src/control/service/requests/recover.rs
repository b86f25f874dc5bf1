//! What a former agent left half done: found at the start, and journalled as what it is.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Desk, entry, export, internal, stage_of};
use crate::{
    control::Error,
    db::{Case, CaseStep},
    journal::{RequestEntry, RequestPast, RequestStep},
    legal::Step,
    model::Actor,
};

impl Desk {
    /// Brings store and journal together; `past` is what the journal says of each request.
    ///
    /// # Errors
    /// The journal's, the store's.
    pub fn recover(
        &self,
        actor: &Actor,
        past: &BTreeMap<String, RequestPast>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let _one = self.changing();
        if let Some(directory) = &self.config.export_dir {
            export::sweep(directory);
        }
        for (reference, past) in past {
            let case = self.db().case(reference).map_err(internal)?;
            match case {
                Some(case) => self.agree(actor, &case, past, now)?,
                // Announced and never kept, or the store is an older copy: what was submitted is to be
                // submitted again.
                None if past.step != "lost" => {
                    let (of, kind) = past.submitted.unwrap_or((past.index, None));
                    let lost = RequestEntry {
                        kind,
                        reference: Some(reference.clone()),
                        code: Some("interrupted".into()),
                        of: Some(of),
                        ..RequestEntry::of(RequestStep::Lost)
                    };
                    let _receipt = self.journal_done(actor, lost)?;
                }
                None => {}
            }
        }
        for case in self.all()? {
            self.finish(actor, &case, now)?;
        }
        Ok(())
    }

    /// Takes in what the journal knows and the store does not.
    fn agree(
        &self,
        actor: &Actor,
        case: &Case,
        past: &RequestPast,
        now: Timestamp,
    ) -> Result<(), Error> {
        if past.handovers > case.row.handovers {
            let mut db = self.db();
            db.at_least_handovers(case.number, past.handovers)
                .map_err(internal)?;
        }
        if past.index <= case.row.receipt {
            return Ok(());
        }
        let stage = stage_of(case)?;
        // Told after it happened: it only has to be kept.
        let after = match past.step.as_str() {
            "disclosed" if stage.is_handing() => {
                return self.keep_done(case, past.index, now);
            }
            "not_disclosed" => stage.after(Step::NotDone),
            "unknown" => stage.after(Step::LoseTrack),
            "lapsed" => stage.after(Step::Lapse),
            _ => None,
        };
        if let Some(after) = after {
            return self.note(case, after.name(), past.index);
        }
        if matches!(past.step.as_str(), "lost" | "not_disclosed") {
            return self.note(case, stage.name(), past.index);
        }
        // Told before it happened, and it did not.
        let told = match past.step.as_str() {
            "begun" => RequestStep::NotDisclosed,
            _ => RequestStep::Lost,
        };
        let lost = RequestEntry {
            code: Some("interrupted".into()),
            of: Some(past.index),
            ..entry(told, case)
        };
        let receipt = self.journal_done(actor, lost)?;
        self.note(case, stage.name(), receipt.index())
    }

    fn note(&self, case: &Case, stage: &str, receipt: u64) -> Result<(), Error> {
        let step = CaseStep {
            stage,
            receipt: Some(receipt),
            code: Some("interrupted"),
            ..CaseStep::default()
        };
        self.db().step(case.number, &step).map_err(internal)
    }

    /// Finds out what became of an answer.
    fn finish(&self, actor: &Actor, case: &Case, now: Timestamp) -> Result<(), Error> {
        let stage = stage_of(case)?;
        if stage.is_making() {
            return self.outcome(actor, case, Step::NotDone, "interrupted", case.row.receipt);
        }
        if !stage.is_handing() {
            return Ok(());
        }
        let directory = self.config.export_dir.as_deref();
        let place = directory.zip(case.row.file.as_ref());
        let there = place.is_some_and(|(directory, name)| directory.join(name).exists());
        if there {
            let disclosed = RequestEntry {
                code: Some("interrupted".into()),
                ..self.disclosed(case, case.row.receipt)?
            };
            let receipt = self.journal_done(actor, disclosed)?;
            return self.keep_done(case, receipt.index(), now);
        }
        // Never put there, or fetched already.
        self.outcome(
            actor,
            case,
            Step::LoseTrack,
            "interrupted",
            case.row.receipt,
        )
    }
}
