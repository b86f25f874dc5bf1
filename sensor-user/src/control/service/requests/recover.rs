//! What an agent left half done, or a store that failed: found at the start and before each decision,
//! and journalled as what it is. The store is held against what the journal tells of each request.

use super::{
    Desk, entry,
    export::{self, Found},
    internal, stage_of,
};
use crate::{
    control::Error,
    crypto::{hex, sha256},
    db::{Case, CaseStep},
    journal::{
        Action, INTERRUPTED, RequestEntry, RequestPast, RequestStep, RequestsPast, Tariffed,
    },
    legal::{Stage, Step},
    model::Actor,
};

/// A request that is answered right now: nobody takes it for one that was left.
pub(super) struct Busy<'a> {
    desk: &'a Desk,
    number: i64,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.desk.busy_ones().remove(&self.number);
    }
}

impl Desk {
    /// Brings store and journal together; `past` is what the journal says of requests.
    ///
    /// # Errors
    /// The journal's, the store's.
    pub fn recover(&self, actor: &Actor, past: &RequestsPast) -> Result<(), Error> {
        let _one = self.changing();
        self.past().clone_from(past);
        self.tell_configured(actor)?;
        for (reference, past) in &past.cases {
            let case = self.db().case(reference).map_err(internal)?;
            match case {
                Some(case) => self
                    .db()
                    .at_least_handovers(case.number, past.handovers)
                    .map_err(internal)?,
                None => self.not_here(actor, reference, past)?,
            }
        }
        // What is told as lost by now may be handed in again.
        let serials = self.past().serials();
        self.db().at_least_serials(&serials).map_err(internal)?;
        for case in self.all()? {
            self.settled(actor, &case.row.reference)?;
        }
        self.db().keep_mark().map_err(internal)?;
        if let Some(directory) = &self.config.export_dir {
            export::sweep(directory);
            if let Err(error) = export::check(directory) {
                tracing::warn!(%error, "no request is answered until this is mended");
            } else {
                self.take_in_strays(actor, directory)?;
            }
        }
        Ok(())
    }

    /// Journals that keys, persons, commissions, the subscriber system or the tariff are others than the
    /// journal last told of.
    fn tell_configured(&self, actor: &Actor) -> Result<(), Error> {
        let told = self.past().configured.clone();
        // All of it, what is added some day, too: a digest that another version makes differs.
        let all = format!("{:?} {:?}", self.config, self.issuers);
        let digest = hex(&sha256(&[all.as_bytes()]));
        let set_up = self.config.export_dir.is_some() || told.is_some();
        if !set_up || told.as_ref() == Some(&digest) {
            return Ok(());
        }
        let action = Action::RequestsConfigured {
            digest: digest.clone(),
        };
        let _receipt = self
            .journal
            .append_reserved(actor, action)
            .map_err(super::from_journal)?;
        self.past().configured = Some(digest);
        Ok(())
    }

    /// A request that the journal tells of and the store does not have: announced and never kept, or the
    /// store is an older copy, or a new one. What was, or may have been, handed over stays so.
    fn not_here(&self, actor: &Actor, reference: &str, past: &RequestPast) -> Result<(), Error> {
        use RequestStep as S;
        let told = match past.step {
            // Its answer may have gone out when the agent died.
            S::Begun => S::Unknown,
            S::Submitted | S::Approved | S::NotDisclosed if past.handovers == 0 => S::Lost,
            _ => S::Refused,
        };
        if told != S::Refused {
            // Of the submission, where all of it is lost: the report counts those.
            let of = match told {
                S::Lost => past.submitted.unwrap_or(past.index),
                _ => past.index,
            };
            let entry = RequestEntry {
                kind: past.kind,
                reference: Some(reference.to_owned()),
                code: Some(INTERRUPTED.into()),
                of: Some(of),
                ..RequestEntry::of(told)
            };
            let _receipt = self.journal_done(actor, entry)?;
        }
        let now = self.past().cases.get(reference).cloned();
        if let Some((kind, handed)) = now.and_then(|past| past.kind.zip(past.handed)) {
            let mut gone = self.gone();
            let until = gone.entry(kind).or_insert(handed);
            *until = (*until).max(handed);
        }
        Ok(())
    }

    /// A request as it stands once what was left half done of it is settled.
    pub(super) fn settled(&self, actor: &Actor, reference: &str) -> Result<Case, Error> {
        let case = self.find(reference)?;
        if self.busy_ones().contains(&case.number) {
            return Ok(case);
        }
        let past = self.past().cases.get(reference).cloned();
        if let Some(past) = past.filter(|past| past.index > case.row.receipt) {
            self.agree(actor, &case, &past)?;
        }
        let case = self.find(reference)?;
        self.finish(actor, &case)?;
        self.find(reference)
    }

    /// Says that a request is answered right now, as long as the value lives.
    pub(super) fn busy(&self, number: i64) -> Busy<'_> {
        self.busy_ones().insert(number);
        Busy { desk: self, number }
    }

    /// Takes in what the journal knows and the store does not.
    fn agree(&self, actor: &Actor, case: &Case, past: &RequestPast) -> Result<(), Error> {
        use RequestStep as S;
        let stage = stage_of(case)?;
        let kind = case.row.kind;
        // Told after it happened: it only has to be kept, at whatever stage an older store has it.
        let after = match past.step {
            S::Disclosed => {
                let done = Stage::done(kind);
                return match &past.disclosed {
                    Some((time, entry)) if stage != done => {
                        let mut case = case.clone();
                        case.row.records = case.row.records.or(entry.records);
                        self.keep_done(&case, past.index, *time, &entry.cost)
                    }
                    _ => self.note(case, done.name(), past.index),
                };
            }
            S::NotDisclosed => stage.after(Step::NotDone).unwrap_or(stage),
            S::Unknown => Stage::unknown(kind),
            S::Lapsed => stage.after(Step::Lapse).unwrap_or(stage),
            S::Declined => stage.after(Step::Decline).unwrap_or(stage),
            // The others change nothing of a request.
            S::Lost | S::Refused | S::DecisionRefused | S::Failed | S::ExportRemoved => stage,
            // Told before it happened, and it did not.
            S::Begun => return self.undone(actor, case, past, S::NotDisclosed),
            S::Submitted | S::Approved | S::NoticeSent | S::NoticeImpossible => {
                return self.undone(actor, case, past, S::Lost);
            }
        };
        self.note(case, after.name(), past.index)
    }

    fn undone(
        &self,
        actor: &Actor,
        case: &Case,
        past: &RequestPast,
        told: RequestStep,
    ) -> Result<(), Error> {
        let undone = RequestEntry {
            code: Some(INTERRUPTED.into()),
            of: Some(past.index),
            ..entry(told, case)
        };
        let receipt = self.journal_done(actor, undone)?;
        self.note(case, &case.row.stage, receipt.index())
    }

    fn note(&self, case: &Case, stage: &str, receipt: u64) -> Result<(), Error> {
        let step = CaseStep {
            stage,
            receipt: Some(receipt),
            code: Some(INTERRUPTED),
            ..CaseStep::default()
        };
        self.db().step(case.number, &step).map_err(internal)
    }

    /// Finds out what became of an answer that nobody makes any more.
    fn finish(&self, actor: &Actor, case: &Case) -> Result<(), Error> {
        let stage = stage_of(case)?;
        let of = case.row.receipt;
        if stage.is_making() {
            return self.outcome(actor, case, Step::NotDone, INTERRUPTED, of);
        }
        if !stage.is_handing() {
            return Ok(());
        }
        match self.found(case) {
            Found::Placed => {
                let disclosed = RequestEntry {
                    code: Some(INTERRUPTED.into()),
                    ..self.disclosed(case, of)?
                };
                let cost: Tariffed = disclosed.cost.clone();
                let receipt = self.journal_done(actor, disclosed)?;
                self.keep_done(case, receipt.index(), jiff::Timestamp::now(), &cost)
            }
            Found::Beside => self.outcome(actor, case, Step::NotDone, INTERRUPTED, of),
            // Fetched already, taken away, or another file is in its place.
            Found::Nothing => self.outcome(actor, case, Step::LoseTrack, INTERRUPTED, of),
        }
    }

    /// What there is of the answer that was handed over last.
    pub(super) fn found(&self, case: &Case) -> Found {
        let place = self.place_of(case).zip(case.digest.as_deref());
        place.map_or(Found::Nothing, |((directory, name), digest)| {
            export::find(directory, name, digest)
        })
    }

    /// Directory and name of the last export file of a request.
    pub(super) fn place_of<'a>(&'a self, case: &'a Case) -> Option<(&'a std::path::Path, &'a str)> {
        let directory = self.config.export_dir.as_deref()?;
        Some((directory, case.row.file.as_deref()?))
    }
}
