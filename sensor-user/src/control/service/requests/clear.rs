//! Answers that wait in the export directory: they are copies of events, and die with them (L. 33-14 ¶3
//! CPCE); those that nobody takes away go after their time, and work lists when they are done.

use std::{
    fs, io,
    path::Path,
    sync::PoisonError,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{Desk, export, internal, stage_of, strays::elsewhere};
use crate::{
    control::Error,
    db::Export,
    journal::{RequestEntry, RequestStep},
    model::Actor,
};

/// How often they are looked at.
const SWEEP: Duration = Duration::from_secs(30);

/// Why a file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Somebody has taken it away.
    Taken,
    /// An event that is in it was destroyed.
    Events,
    /// Nobody took it away in its time.
    Time,
    /// What became of every notice is known.
    Settled,
}

impl Why {
    const fn code(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Events => "events",
            Self::Time => "time",
            Self::Settled => "settled",
        }
    }
}

impl Desk {
    /// Removes answers whose time is over, and notes those that were taken away; each is journalled.
    /// `aged`: whether the clock may be believed when it says that something is old.
    ///
    /// # Errors
    /// The journal's, the store's; what was not removed is tried again.
    pub fn clear_exports(&self, actor: &Actor, now: Timestamp, aged: bool) -> Result<(), Error> {
        {
            let mut cleared = self.cleared.lock().unwrap_or_else(PoisonError::into_inner);
            if cleared.is_some_and(|at| at.elapsed() < SWEEP) {
                return Ok(());
            }
            *cleared = Some(Instant::now());
        }
        self.clear_all(actor, now, aged)
    }

    /// The same, now.
    ///
    /// # Errors
    /// As [`Desk::clear_exports`].
    pub fn clear_all(&self, actor: &Actor, now: Timestamp, aged: bool) -> Result<(), Error> {
        // While one is answered, the next call does it.
        let Some(_one) = self.one.try_take() else {
            return Ok(());
        };
        let exports = self.db().exports().map_err(internal)?;
        // One that cannot be removed keeps no other.
        let each = exports.iter();
        let cleared = each.map(|export| self.clear(actor, export, now, aged));
        cleared.fold(Ok(()), Result::and)
    }

    fn clear(
        &self,
        actor: &Actor,
        noted: &Export,
        now: Timestamp,
        aged: bool,
    ) -> Result<(), Error> {
        let case = self.find(&noted.reference)?;
        let stage = stage_of(&case)?;
        // It is not told yet whether this one was handed over.
        if stage.is_making() || stage.is_handing() {
            return Ok(());
        }
        let path = Path::new(&noted.path);
        let why = match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match path.parent().is_some_and(export::is_marked) {
                    true => Some(Why::Taken),
                    false => return Err(elsewhere(path)),
                }
            }
            Err(error) => return Err(unremoved(path, &error)),
            Ok(_) if case.row.stage == "closed" => Some(Why::Settled),
            Ok(_) if self.lacks(&noted.events)? => Some(Why::Events),
            Ok(_) => {
                let waited = Duration::try_from(now.duration_since(noted.since));
                let old = waited.is_ok_and(|waited| waited >= self.config.export_retention());
                (aged && old).then_some(Why::Time)
            }
        };
        let Some(why) = why else {
            return Ok(());
        };
        if self.announce(&noted.path) {
            let removed = RequestEntry {
                code: Some(why.code().into()),
                ..super::entry(RequestStep::ExportRemoved, &case)
            };
            let _receipt = self.journal_done(actor, removed)?;
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unremoved(path, &error));
            }
            _ => {}
        }
        export::sync_parent(path).map_err(internal)?;
        self.db().forget_export(&noted.path).map_err(internal)?;
        self.announced().remove(&noted.path);
        Ok(())
    }

    /// Whether one of these events is not there any more.
    fn lacks(&self, events: &[String]) -> Result<bool, Error> {
        for id in events {
            if self.event(id)?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the removal of a file is to be journalled: one that fails is tried again without.
    fn announce(&self, path: &str) -> bool {
        self.announced().insert(path.to_owned())
    }

    fn announced(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeSet<String>> {
        self.announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a file that is about to be put into its place, with the events that are in it.
    pub(super) fn note_export(
        &self,
        case: &crate::db::Case,
        path: &Path,
        events: Vec<String>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let path = path
            .to_str()
            .ok_or_else(|| internal("a path that is no text"))?;
        let export = Export {
            path: path.to_owned(),
            request: case.number,
            reference: case.row.reference.clone(),
            since: now,
            events,
        };
        self.db().note_export(&export).map_err(internal)
    }

    /// Forgets what was noted of a file that was never put into its place.
    pub(super) fn forget_unplaced(&self, case: &crate::db::Case) -> Result<(), Error> {
        let exports = self.db().exports().map_err(internal)?;
        let own = exports.iter().filter(|one| one.request == case.number);
        for export in own {
            let there = Path::new(&export.path).symlink_metadata();
            if matches!(&there, Err(error) if error.kind() == io::ErrorKind::NotFound) {
                self.db().forget_export(&export.path).map_err(internal)?;
            }
        }
        Ok(())
    }
}

fn unremoved(path: &Path, error: &io::Error) -> Error {
    internal(format!(
        "{}: {error}; it holds events that are destroyed, or its time is over: remove it",
        path.display()
    ))
}
