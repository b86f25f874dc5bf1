//! The warninglists of the configuration, from their files.

use std::{fs::File, io::BufReader};

use crate::{
    config,
    markers::{WarninglistError, Warninglists},
};

/// Reads all of them; a start without one that was asked for would let through what it holds back.
///
/// # Errors
/// The first file that cannot be used.
pub(super) fn read(limits: &config::Limits) -> Result<Warninglists, WarninglistError> {
    let mut lists = Warninglists::default();
    for path in &limits.warninglists {
        let file = File::open(path).map_err(|source| WarninglistError::Open {
            path: path.clone(),
            source,
        })?;
        lists.add(path, &mut BufReader::new(file))?;
    }
    if lists.count() > 0 {
        tracing::info!(lists = lists.count(), "warninglists are read");
    }
    Ok(lists)
}
