//! `sensorctl journal verify`: recomputes the tree, from the socket or from a directory without
//! any daemon.

use std::path::Path;

use super::{commands::Session, failure::Error};
use crate::{
    crypto::{hex, unhex},
    journal::{Hash, Head, Verifier, verify_dir},
    model::request::{JournalPage, Page},
};

/// A checkpoint held elsewhere.
pub type Checkpoint = (u64, Hash);

/// Reads `SIZE:ROOT`.
///
/// # Errors
/// [`Error::Usage`].
pub fn checkpoint(text: &str) -> Result<Checkpoint, Error> {
    let usage = || Error::Usage("--against takes SIZE:ROOT, the root in hexadecimal".into());
    let (size, root) = text.split_once(':').ok_or_else(usage)?;
    let root = unhex(root).ok().and_then(|root| Hash::try_from(root).ok());
    Ok((size.parse().map_err(|_| usage())?, root.ok_or_else(usage)?))
}

/// Verifies and tells size and root; what does not prove itself is an error.
///
/// # Errors
/// [`Error::Journal`] with the first thing that is wrong.
pub async fn verify(
    session: &Session,
    dir: Option<&Path>,
    against: Option<Checkpoint>,
) -> Result<(), Error> {
    let head = match dir {
        Some(dir) => verify_dir(dir, against).map_err(|error| Error::Journal(error.to_string()))?,
        None => over_socket(session, against).await?,
    };
    let root = hex(&head.root);
    let json = format!("{{\"size\":{},\"root\":\"{root}\"}}", head.size);
    session.out.answer(json.as_bytes(), || {
        format!("journal intact: {} entries, root {root}", head.size)
    })
}

/// Fetches every entry and holds them against the head that the sensor told first: reading adds
/// entries, which come after it.
async fn over_socket(session: &Session, against: Option<Checkpoint>) -> Result<Head, Error> {
    let wrong = |fault: &dyn ToString| Error::Journal(fault.to_string());
    let mut verifier = Verifier::new(against);
    let mut told: Option<(u64, String)> = None;
    let mut next = 0;
    loop {
        let target = format!("/v1/journal?from={next}&limit={}", Page::MOST);
        let (page, _) = session.client.get::<JournalPage>(&target).await?;
        let (size, root) = told.get_or_insert((page.size, page.root)).clone();
        for row in &page.rows {
            if next == size {
                break;
            }
            verifier
                .line(row.entry.get().as_bytes())
                .map_err(|fault| wrong(&format!("entry {next}: {fault}")))?;
            next += 1;
        }
        if next < size && !page.rows.is_empty() {
            continue;
        }
        let head = verifier.finish().map_err(|fault| wrong(&fault))?;
        if head.size != size || hex(&head.root) != root {
            return Err(Error::Journal(
                "the entries do not make the root that the sensor told".into(),
            ));
        }
        return Ok(head);
    }
}
