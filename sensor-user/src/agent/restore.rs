//! Whether catalogue and journal are of one time: a backup of one of them that was put back is
//! found out at the start, because a set of former days must not come into force unseen.

use std::path::{Path, PathBuf};

use super::Error;
use crate::{
    config::Config,
    control::service::agent,
    db::{Catalog, Mark},
    journal::{Action, Head, Journal, Past},
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
    /// The journal knows an envelope that the catalogue does not.
    #[error(
        "{catalogue} is older than {journal}: it has not the last envelope of issuer {issuer}; {WHAT_TO_DO}"
    )]
    Catalogue {
        /// File of the catalogue.
        catalogue: PathBuf,
        /// Directory of the journal.
        journal: PathBuf,
        /// Whose envelope.
        issuer: String,
    },
}

/// Opens the journal and holds it against the catalogue.
pub(super) fn open_journal(state: &Path, catalog: &mut Catalog) -> Result<(Journal, Past), Error> {
    let (journal, past) = open(state, catalog)?;
    let (catalogue, dir) = (state.join("catalog.db"), state.join("journal"));
    if !past.continues {
        return Err(Restored::Journal {
            journal: dir,
            catalogue,
        }
        .into());
    }
    if let Some(issuer) = behind(catalog, &past)?.pop() {
        return Err(Restored::Catalogue {
            catalogue,
            journal: dir,
            issuer,
        }
        .into());
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
    if past.continues && issuers.is_empty() {
        return Ok(false);
    }
    let action = Action::RestoreAccepted {
        journal: !past.continues,
        issuers,
    };
    let _receipt = journal.append(&agent(), action)?;
    let Head { size, root } = journal.head();
    catalog.accept_restore(Mark { size, root }, &past.accepted)?;
    Ok(true)
}

fn open(state: &Path, catalog: &mut Catalog) -> Result<(Journal, Past), Error> {
    let mark = catalog
        .mark()?
        .map(|Mark { size, root }| Head { size, root });
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
    use std::{env, fs, process};

    use super::*;
    use crate::db::{Edit, Serial};

    /// A state directory in which envelopes up to `serial` were accepted.
    struct State(PathBuf);

    impl State {
        fn new(name: &str) -> Self {
            let name = format!("marker-sensor-restore-{name}-{}", process::id());
            let path = env::temp_dir().join(name);
            fs::create_dir_all(&path).expect("a directory");
            Self(path)
        }

        fn start(&self) -> Result<Journal, Error> {
            let mut catalog = Catalog::open(&self.0).expect("opens");
            open_journal(&self.0, &mut catalog).map(|(journal, _)| journal)
        }

        fn accept_envelope(&self, serial: u64) {
            let mut catalog = Catalog::open(&self.0).expect("opens");
            let (journal, _) = open_journal(&self.0, &mut catalog).expect("of one time");
            let read = Action::JournalRead { rows: 0 };
            let _receipt = journal.append(&agent(), read).expect("a receipt");
            let Head { size, root } = journal.head();
            let edit = Edit {
                serial: Some(Serial {
                    issuer: "authority",
                    serial,
                    digest: [0; 32],
                }),
                mark: Some(Mark { size, root }),
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

        fn copy(&self, from: &str, to: &str) {
            let (from, to) = (self.0.join(from), self.0.join(to));
            let (from, to) = (from.to_str().expect("UTF-8"), to.to_str().expect("UTF-8"));
            let _ = fs::remove_dir_all(to);
            let _ = fs::remove_file(to);
            let copied = process::Command::new("cp").args(["-a", from, to]).status();
            assert!(copied.expect("cp").success());
        }
    }

    impl Drop for State {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn accepted(state: &State) -> bool {
        let config = Config {
            state_dir: state.0.clone(),
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
        let mut catalog = Catalog::open(&state.0).expect("opens");
        assert_eq!(catalog.serial("authority").expect("reads"), Some((2, None)));
    }

    #[test]
    fn an_older_or_other_journal_is_found_out_until_somebody_takes_it() {
        let state = State::new("journal");
        state.accept_envelope(1);
        state.copy("journal", "backup");
        state.accept_envelope(2);
        for name in ["backup", "none"] {
            state.copy("backup", "kept");
            let _ = fs::remove_dir_all(state.0.join("journal"));
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
