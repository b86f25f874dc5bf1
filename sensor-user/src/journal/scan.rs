//! A walk over all segments of a journal.

use std::path::Path;

use super::{
    Fault, Hash, Head, Verifier, VerifyError,
    reader::{self, Lines},
    verify::index_of,
};

/// What a walk over all segments finds.
pub(super) struct Scan {
    /// It took every complete line.
    pub verifier: Verifier,
    /// First index of each segment.
    pub firsts: Vec<u64>,
    /// Bytes of complete lines in the last segment.
    pub complete: u64,
    /// Bytes after them.
    pub torn: u64,
}

/// Reads every segment.
pub(super) fn scan(dir: &Path, verifier: Verifier) -> Result<Scan, VerifyError> {
    let mut scan = Scan {
        verifier,
        firsts: reader::list(dir)?,
        complete: 0,
        torn: 0,
    };
    for (place, first) in scan.firsts.iter().enumerate() {
        let path = reader::path(dir, *first);
        let found = scan.verifier.head().size;
        if *first != found {
            return Err(VerifyError::Gap { path, found });
        }
        let mut lines = Lines::open(path)?;
        while let Some(line) = lines.next()? {
            if let Err(mut fault) = scan.verifier.line(line) {
                let at = lines.number();
                if let Fault::Index { expected, found } = fault
                    && found > expected
                    && !stands_behind(expected, &mut lines, dir, &scan.firsts[place + 1..])
                {
                    fault = Fault::Missing {
                        from: expected,
                        to: found - 1,
                    };
                }
                return Err(lines.fault_at(at, fault));
            }
        }
        (scan.complete, scan.torn) = (lines.complete(), lines.torn());
        if scan.torn > 0 && place + 1 < scan.firsts.len() {
            return Err(lines.fault(Fault::Torn));
        }
    }
    Ok(scan)
}

/// Whether the entry of this index stands in what is left of a segment or in a later one: then it was
/// moved, not removed. What cannot be read is not looked into: something is wrong already.
fn stands_behind(index: u64, rest: &mut Lines, dir: &Path, later: &[u64]) -> bool {
    let has = |lines: &mut Lines| {
        while let Ok(Some(line)) = lines.next() {
            if index_of(line) == Some(index) {
                return true;
            }
        }
        false
    };
    has(rest)
        || later
            .iter()
            .filter_map(|first| Lines::open(reader::path(dir, *first)).ok())
            .any(|mut lines| has(&mut lines))
}

/// Proves the journal in a directory, reading only: also a copy of it, also while an agent writes.
/// An incomplete last line counts as not written: nobody has a receipt for it. With `against`,
/// size and root of an earlier state, rewritten history and a cut-off end are found as well.
///
/// # Errors
/// Which file and line is wrong, or cannot be read.
pub fn verify_dir(dir: &Path, against: Option<(u64, Hash)>) -> Result<Head, VerifyError> {
    let dir_fault = |fault| VerifyError::Whole {
        dir: dir.to_owned(),
        fault,
    };
    let verifier = Verifier::new(against);
    scan(dir, verifier)?.verifier.finish().map_err(dir_fault)
}
