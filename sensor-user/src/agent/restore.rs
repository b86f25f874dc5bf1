//! Whether catalogue and journal are of one time: a backup of one of them that was put back is
//! found out at the start, because a set of former days must not come into force unseen.
//!
//! Every change of the catalogue is journalled first, and the catalogue keeps with it how far the
//! journal was. So one announcement that it does not know is what a dead agent leaves, and is
//! journalled as failed; one that the journal goes on after is lost with what was restored.

use std::path::{Path, PathBuf};

use super::Error;
use crate::{
    config::Config,
    control::service::agent,
    db::{Catalog, Requests},
    journal::{Action, Journal, Past},
};

/// What to do about it.
const WHAT_TO_DO: &str = "put back the other one too, or take responsibility for what is there: \
                          `sensord accept-restore` (journalled)";

/// Which of the two is older.
#[derive(Debug, thiserror::Error)]
pub enum Restored {
    /// The journal does not continue what the catalogue remembers of it.
    #[error(
        "{journal} is not the journal that {catalogue} knows: an older copy was put back, or it was replaced; {WHAT_TO_DO}"
    )]
    Journal {
        /// Directory of the journal.
        journal: PathBuf,
        /// File of the catalogue.
        catalogue: PathBuf,
    },
    /// The store of the authority's requests and the journal are not of one time.
    #[error("{store} and {journal} are not of one time: {what}; {WHAT_TO_DO}")]
    Requests {
        /// File of the requests.
        store: PathBuf,
        /// Directory of the journal.
        journal: PathBuf,
        /// What shows it, in words.
        what: String,
    },
    /// The journal knows a change that the catalogue does not.
    #[error("{catalogue} is older than {journal}: it has not {what}; {WHAT_TO_DO}")]
    Catalogue {
        /// File of the catalogue.
        catalogue: PathBuf,
        /// Directory of the journal.
        journal: PathBuf,
        /// What it lacks, in words.
        what: String,
    },
}

/// Opens the journal and holds it against the catalogue. What a dead agent announced and did not do
/// is journalled as failed.
pub(super) fn open_journal(state: &Path, catalog: &mut Catalog) -> Result<(Journal, Past), Error> {
    let (journal, past) = open(state, catalog)?;
    journal.judge_by(catalog.clock_mark()?);
    let (catalogue, dir) = (state.join("catalog.db"), state.join("journal"));
    if !past.continues {
        return Err(Restored::Journal {
            journal: dir,
            catalogue,
        }
        .into());
    }
    let envelope = behind(catalog, &past)?.pop();
    let envelope = envelope.map(|issuer| format!("the last envelope of issuer {issuer}"));
    let change = past.announced.done;
    let change = change.map(|entry| format!("the change that journal entry {entry} announced"));
    if let Some(what) = envelope.or(change) {
        return Err(Restored::Catalogue {
            catalogue,
            journal: dir,
            what,
        }
        .into());
    }
    let mut requests = Requests::open(state)?;
    if let Some(what) = astray(&mut requests, &journal, &past)? {
        return Err(Restored::Requests {
            store: state.join("requests.db"),
            journal: dir,
            what,
        }
        .into());
    }
    if let Some(of) = past.announced.pending {
        let code = "died".into();
        let _receipt = journal.append_reserved(&agent(), Action::Failed { of, code })?;
    }
    Ok((journal, past))
}

/// Goes on from what is there, whatever was restored: journals that somebody wanted it. No serial
/// that was ever accepted is accepted again. For while no agent runs.
///
/// # Errors
/// An agent runs, the journal does not prove itself, or the disk fails.
pub fn accept(config: &Config) -> Result<bool, Error> {
    let mut catalog = Catalog::open(&config.state_dir)?;
    let (journal, past) = open(&config.state_dir, &mut catalog)?;
    let issuers = behind(&mut catalog, &past)?;
    let lacks = past.announced.done.is_some();
    let mut store = Requests::open(&config.state_dir)?;
    let requests = astray(&mut store, &journal, &past)?.is_some();
    if past.continues && issuers.is_empty() && !lacks && !requests {
        return Ok(false);
    }
    let action = Action::RestoreAccepted {
        journal: !past.continues,
        catalogue: lacks || !issuers.is_empty(),
        issuers,
        requests,
    };
    let _receipt = journal.append(&agent(), action)?;
    let head = journal.head();
    // What it lacks of requests, the next start finds and journals as what it is.
    store.accept_restore(head.size, &past.requests.serials())?;
    catalog.accept_restore(head.into(), &past.accepted)?;
    Ok(true)
}

/// What shows that the store of requests is older than the journal, or newer.
fn astray(
    requests: &mut Requests,
    journal: &Journal,
    past: &Past,
) -> Result<Option<String>, Error> {
    let (mark, size) = (requests.mark()?.unwrap_or_default(), journal.head().size);
    if mark > size {
        return Ok(Some(format!(
            "the first knows {mark} entries of the second, which has {size}"
        )));
    }
    let lacks = past.requests.lacking(mark);
    Ok(lacks.map(|entry| format!("the first lacks what journal entry {entry} tells")))
}

fn open(state: &Path, catalog: &mut Catalog) -> Result<(Journal, Past), Error> {
    let mark = catalog.mark()?.map(Into::into);
    Ok(Journal::open_since(&state.join("journal"), mark)?)
}

/// Issuers of whom the journal knows a later envelope than the catalogue.
fn behind(catalog: &mut Catalog, past: &Past) -> Result<Vec<String>, Error> {
    let held = catalog.serials()?;
    let later = past
        .accepted
        .iter()
        .filter(|(issuer, serial)| held.get(*issuer).is_none_or(|held| held < serial));
    Ok(later.map(|(issuer, _)| issuer.clone()).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        db::{Edit, Serial, tests::Scratch},
        journal::{Entry, RequestEntry, RequestStep},
        model::{PatternId, RequestType, request::JournalRow},
    };

    /// A state directory in which envelopes up to `serial` were accepted.
    struct State(Scratch);

    impl State {
        fn new(name: &str) -> Self {
            Self(Scratch::new(name))
        }

        fn path(&self) -> &Path {
            &self.0.0
        }

        fn start(&self) -> Result<Journal, Error> {
            let mut catalog = Catalog::open(self.path()).expect("opens");
            open_journal(self.path(), &mut catalog).map(|(journal, _)| journal)
        }

        /// A change that was announced, stored as far as the agent lived for it, and followed.
        fn change(&self, stored: bool, stopped: bool) -> u64 {
            let mut catalog = Catalog::open(self.path()).expect("opens");
            let (journal, _) = open_journal(self.path(), &mut catalog).expect("of one time");
            let opened = Action::BreakerOpened { automatic: false };
            let receipt = journal.append(&agent(), opened).expect("a receipt");
            if stored {
                let mark = journal.head().into();
                let closed = catalog.forget_breaker(PatternId(1), mark);
                closed.expect("commits");
            }
            if stopped {
                let _receipt = journal.append(&agent(), Action::Stopped).expect("written");
            }
            receipt.index()
        }

        fn failures(&self) -> Vec<(u64, String)> {
            let journal = Journal::open(&self.path().join("journal")).expect("opens");
            let rows = journal.page(0, 100).expect("reads").rows.into_iter();
            let failure = |row: JournalRow| {
                let entry: Entry = serde_json::from_str(row.entry?.get()).expect("an entry");
                match entry.action {
                    Action::Failed { of, code } => Some((of, code)),
                    _ => None,
                }
            };
            rows.filter_map(failure).collect()
        }

        fn accept_envelope(&self, serial: u64) {
            let mut catalog = Catalog::open(self.path()).expect("opens");
            let (journal, _) = open_journal(self.path(), &mut catalog).expect("of one time");
            let read = Action::JournalRead { rows: 0 };
            let _receipt = journal.append(&agent(), read).expect("a receipt");
            let edit = Edit {
                serial: Some(Serial {
                    issuer: "authority",
                    serial,
                    digest: [0; 32],
                }),
                mark: Some(journal.head().into()),
                ..Edit::default()
            };
            let act = || Ok::<_, crate::db::Error>(((), 1));
            catalog.edit(edit, &|_| {}, act).expect("commits");
            let accepted = Action::EnvelopeAccepted {
                issuer: "authority".into(),
                serial,
                digest: String::new(),
                of: 0,
            };
            let _receipt = journal.append(&agent(), accepted).expect("a receipt");
        }

        /// Without a process of its own: one that is forked while a journal is open holds its lock.
        fn copy(&self, from: &str, to: &str) {
            let (from, to) = (self.path().join(from), self.path().join(to));
            let _ = fs::remove_dir_all(&to);
            let _ = fs::remove_file(&to);
            if from.is_file() {
                fs::copy(from, to).expect("copies");
                return;
            }
            fs::create_dir(&to).expect("a fresh directory");
            for entry in fs::read_dir(from).expect("a directory") {
                let entry = entry.expect("an entry");
                fs::copy(entry.path(), to.join(entry.file_name())).expect("copies");
            }
        }
    }

    fn accepted(state: &State) -> bool {
        let config = Config {
            state_dir: state.path().to_path_buf(),
            ..Config::default()
        };
        accept(&config).expect("no agent runs")
    }

    #[test]
    fn an_older_catalogue_is_found_out_until_somebody_takes_it() {
        let state = State::new("catalogue");
        state.accept_envelope(1);
        state.copy("catalog.db", "backup");
        state.accept_envelope(2);
        assert!(state.start().is_ok() && !accepted(&state));
        state.copy("backup", "catalog.db");
        let error = state.start().expect_err("older");
        assert!(
            error.to_string().contains("sensord accept-restore"),
            "{error}"
        );
        assert!(matches!(error, Error::Restored(Restored::Catalogue { .. })));
        assert!(accepted(&state));
        assert!(state.start().is_ok());
        let mut catalog = Catalog::open(state.path()).expect("opens");
        assert_eq!(catalog.serial("authority").expect("reads"), Some((2, None)));
    }

    #[test]
    fn what_a_dead_agent_announced_and_did_not_do_is_journalled_as_failed_once() {
        let state = State::new("died");
        state.change(true, true);
        let of = state.change(false, false);
        assert!(!accepted(&state), "nothing was restored");
        for _ in 0..2 {
            assert!(state.start().is_ok());
            assert_eq!(state.failures(), [(of, "died".to_owned())]);
        }
        // Stored, and the agent died at once: it is done.
        state.change(true, false);
        assert!(state.start().is_ok());
        assert_eq!(state.failures().len(), 1);
    }

    #[test]
    fn a_catalogue_without_a_change_that_the_journal_goes_on_after_is_found_out() {
        let state = State::new("older");
        state.change(true, true);
        for followed in [true, false] {
            state.copy("catalog.db", "backup");
            let of = state.change(true, followed);
            if !followed {
                state.change(true, false);
            }
            state.copy("backup", "catalog.db");
            let error = state.start().expect_err("older").to_string();
            let what = format!("it has not the change that journal entry {of} announced");
            assert!(error.contains(&what), "{error}");
            assert!(accepted(&state) && !accepted(&state));
            assert!(state.start().is_ok());
        }
        assert_eq!(state.failures(), []);
        let _ = fs::remove_file(state.path().join("catalog.db"));
        assert!(state.start().is_err(), "it is gone altogether");
    }

    #[test]
    fn an_older_store_of_requests_or_none_is_found_out_until_somebody_takes_it() {
        let state = State::new("requests");
        let started = || state.start();
        let told = |step, reference: &str| {
            let entry = RequestEntry {
                kind: Some(RequestType::B),
                reference: Some(reference.into()),
                issuer: Some("authority".into()),
                serial: Some(7),
                ..RequestEntry::of(step)
            };
            let journal = started().expect("of one time");
            let action = Action::Request(Box::new(entry));
            let _receipt = journal.append(&agent(), action).expect("a receipt");
            journal.head().size
        };
        let keep = |size| {
            let mut store = Requests::open(state.path()).expect("opens");
            store.journal_is(size);
            store.keep_mark().expect("kept");
        };
        keep(told(RequestStep::Submitted, "REQ-1"));
        state.copy("requests.db", "backup");
        // Announced, and the agent died before it was kept: that is no older store.
        let size = told(RequestStep::Approved, "REQ-1");
        assert!(started().is_ok() && !accepted(&state));
        keep(size);
        keep(told(RequestStep::Approved, "REQ-1"));
        assert!(started().is_ok());
        for older in [true, false] {
            let _ = fs::remove_file(state.path().join("requests.db"));
            if older {
                state.copy("backup", "requests.db");
            }
            let error = started().expect_err("older, or gone");
            assert!(
                error.to_string().contains("sensord accept-restore"),
                "{error}"
            );
            assert!(matches!(error, Error::Restored(Restored::Requests { .. })));
            assert!(accepted(&state) && !accepted(&state));
            assert!(started().is_ok());
            let mut store = Requests::open(state.path()).expect("opens");
            let serial = store.serial("authority", RequestType::B).expect("reads");
            assert_eq!(serial, Some((7, None)), "no serial is taken twice");
        }
        // The other way round: the journal is the older one.
        keep(1_000);
        assert!(matches!(
            started(),
            Err(Error::Restored(Restored::Requests { .. }))
        ));
    }

    #[test]
    fn an_older_or_other_journal_is_found_out_until_somebody_takes_it() {
        let state = State::new("journal");
        state.accept_envelope(1);
        state.copy("journal", "backup");
        state.accept_envelope(2);
        for name in ["backup", "none"] {
            state.copy("backup", "kept");
            let _ = fs::remove_dir_all(state.path().join("journal"));
            if name == "backup" {
                state.copy("kept", "journal");
            }
            let error = state.start().expect_err("older");
            assert!(matches!(error, Error::Restored(Restored::Journal { .. })));
            assert!(accepted(&state));
            assert!(state.start().is_ok(), "{name}");
        }
    }
}
