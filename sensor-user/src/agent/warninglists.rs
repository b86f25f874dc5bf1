//! The warninglists of the configuration, from their files.

use std::fs;

use crate::{
    config,
    crypto::{hex, sha256},
    markers::{WarninglistError, Warninglists},
    model::declaration::WarninglistMark,
};

/// Reads all of them, and what is declared of each; a start without one that was asked for would
/// let through what it holds back.
///
/// # Errors
/// The first file that cannot be used.
pub(super) fn read(
    limits: &config::Limits,
) -> Result<(Warninglists, Vec<WarninglistMark>), WarninglistError> {
    let (mut lists, mut marks) = (Warninglists::default(), Vec::new());
    for path in &limits.warninglists {
        // What is declared is what is used: the file is read once.
        let bytes = fs::read(path).map_err(|source| WarninglistError::Open {
            path: path.clone(),
            source,
        })?;
        let name = lists.add(path, &mut bytes.as_slice())?;
        marks.push(WarninglistMark {
            name,
            sha256: hex(&sha256(&[&bytes])),
        });
    }
    if lists.count() > 0 {
        tracing::info!(lists = lists.count(), "warninglists are read");
    }
    Ok((lists, marks))
}
