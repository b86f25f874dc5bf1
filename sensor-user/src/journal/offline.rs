//! Holding a copy of a journal against what is kept elsewhere: no agent is needed.

use std::{fs, io, path::Path};

use jiff::Timestamp;

use super::{
    Fault, Head, Verifier, VerifyError,
    checkpoint::Checkpoint,
    rhythm::{Silence, StepBack},
    scan::{Scan, scan},
    signer,
};
use crate::crypto::VerifierKey;

/// What somebody holds who wants to know.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// The key, pinned when the sensor was set up: finds what was rewritten up to the last checkpoint.
    pub key: Option<VerifierKey>,
    /// An earlier state: finds an end that was cut off, and a fork.
    pub against: Option<Head>,
}

/// What is said of a journal that proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Size and root.
    pub head: Head,
    /// Entries that the journal's own checkpoint covers; `None` where no key was pinned.
    pub signed: Option<u64>,
    /// When the last entry was written, and whether it is behind an orderly stop.
    pub end: Option<(Timestamp, bool)>,
    /// Silences and unsaid stops, the first hundred.
    pub silences: Vec<Silence>,
    /// How many there are.
    pub silent: u64,
    /// Where the time of entries goes back, the first hundred.
    pub steps_back: Vec<StepBack>,
    /// How many there are.
    pub back: u64,
}

/// Proves a copy of a journal, reading only; also the journal itself while an agent writes it.
///
/// # Errors
/// What is wrong, and where.
pub fn verify_copy(dir: &Path, held: &Held) -> Result<Report, VerifyError> {
    // The journal grows meanwhile: what was signed must be read before what it is held against.
    let own = held.key.as_ref().map(|key| own(dir, key)).transpose()?;
    let verifier = own.as_ref().map_or_else(
        || Verifier::new(None),
        |own| {
            let size = own.head.size;
            Verifier::anchored(own.head, Fault::Unsigned { size })
        },
    );
    let Scan { verifier, .. } = scan(dir, verifier)?;
    let report = verifier.report();
    finish(dir, verifier)?;
    if let Some(against) = held.against {
        let size = against.size;
        // The journal proved to be what the key signed: who holds another state of it that counts as
        // well has found two journals under one key.
        let fault = match &own {
            Some(own) if own.head.size >= size => Fault::Forked { size },
            _ => Fault::Rewritten { size },
        };
        finish(dir, scan(dir, Verifier::anchored(against, fault))?.verifier)?;
    }
    Ok(Report {
        signed: own.map(|own| own.head.size),
        ..report
    })
}

fn finish(dir: &Path, verifier: Verifier) -> Result<Head, VerifyError> {
    verifier.finish().map_err(|fault| VerifyError::Whole {
        dir: dir.to_owned(),
        fault,
    })
}

/// The checkpoint beside the segments.
fn own(dir: &Path, key: &VerifierKey) -> Result<Checkpoint, VerifyError> {
    let path = signer::path(dir);
    let note = match fs::read_to_string(&path) {
        Ok(note) => note,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(VerifyError::NoCheckpoint { path });
        }
        Err(error) => return Err(VerifyError::io(&path)(error)),
    };
    Checkpoint::read(&note, Some(key)).map_err(|reason| VerifyError::Checkpoint { path, reason })
}
