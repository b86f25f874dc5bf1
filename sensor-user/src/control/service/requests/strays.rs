//! What lies in the export directory, held against what the store has noted of it: answers that a lost or
//! older store knows nothing of are copies of events, too, and a directory that is another one tells
//! nothing of those that were in it.

use std::{fs, path::Path};

use hyper::StatusCode;
use jiff::Timestamp;

use super::{Desk, coded, export, internal};
use crate::{
    control::Error,
    journal::{RequestEntry, RequestStep},
    model::{Actor, RequestType},
};

/// Code of the removal of an answer to a request that the store does not know.
const UNLISTED: &str = "unlisted";

impl Desk {
    /// Notes answers that lie in the directory and that nobody noted; what belongs to no request that is
    /// known goes, because nobody could tell when its events end.
    pub(super) fn take_in_strays(&self, actor: &Actor, directory: &Path) -> Result<(), Error> {
        if !self.is_place(directory)? {
            return Ok(());
        }
        let names = export::answers(directory);
        if !names.is_empty() {
            // It was used before there were marks.
            export::mark(directory).map_err(internal)?;
        }
        let noted = self.db().exports().map_err(internal)?;
        let cases = self.all()?;
        for name in names {
            let path = directory.join(&name);
            if noted.iter().any(|one| Path::new(&one.path) == path) {
                continue;
            }
            let own = cases
                .iter()
                .find(|case| name.starts_with(&export::prefix(case.row.kind, &case.row.reference)));
            if let Some(case) = own {
                let events = case.row.terms.events.clone();
                self.note_export(case, &path, events, written(&path))?;
                continue;
            }
            let mut kinds = RequestType::ALL.into_iter();
            let removed = RequestEntry {
                kind: kinds.find(|kind| name.starts_with(&format!("{}-", kind.name()))),
                code: Some(UNLISTED.into()),
                ..RequestEntry::of(RequestStep::ExportRemoved)
            };
            let _receipt = self.journal_done(actor, removed)?;
            if let Err(error) = fs::remove_file(&path) {
                tracing::error!(path = %path.display(), %error, "an answer to a request that is not known cannot be removed: remove it");
            }
            export::sync_parent(&path).map_err(internal)?;
        }
        Ok(())
    }

    /// Whether a directory is, or may become, the one that answers are put into: it is not, where it lacks
    /// them all and was never marked.
    fn is_place(&self, directory: &Path) -> Result<bool, Error> {
        if export::is_marked(directory) {
            return Ok(true);
        }
        let noted = self.db().exports().map_err(internal)?;
        let mut own = noted
            .iter()
            .map(|one| Path::new(&one.path))
            .filter(|path| path.parent() == Some(directory))
            .peekable();
        Ok(own.peek().is_none() || own.any(Path::exists))
    }

    /// Refuses a directory that is not the one in which answers wait.
    pub(super) fn check_place(&self, directory: &Path) -> Result<(), Error> {
        match self.is_place(directory)? {
            true => Ok(()),
            false => Err(coded(
                StatusCode::CONFLICT,
                "export_dir",
                foreign(directory),
            )),
        }
    }
}

/// When a file was written; now where nobody can tell.
fn written(path: &Path) -> Timestamp {
    let modified = fs::metadata(path).and_then(|found| found.modified()).ok();
    let modified = modified.and_then(|time| Timestamp::try_from(time).ok());
    modified.unwrap_or_else(Timestamp::now)
}

/// An answer is not there, and neither is the directory it was put into.
pub(super) fn elsewhere(path: &Path) -> Error {
    internal(foreign(path.parent().unwrap_or(path)))
}

fn foreign(directory: &Path) -> String {
    format!(
        "{} is not the directory that answers were put into: mount that one, or, if it was emptied on \
         purpose, make a file {} in it",
        directory.display(),
        export::MARK
    )
}
