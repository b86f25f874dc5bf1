//! Reading the journal that an agent has open.

use std::{ops::Range, path::Path};

use serde_json::value::RawValue;

use super::{
    Error, Fault, Hash, Journal, VerifyError,
    log::{Shown, Store},
    merkle,
    reader::{self, Lines},
};
use crate::{
    crypto::hex,
    model::request::{JournalPage, JournalRow, Page},
};

impl Journal {
    /// At most `limit` entries (never more than [`Page::MOST`]) from index `from` on, with size and
    /// root of the whole journal.
    ///
    /// # Errors
    /// A segment cannot be read, or lost lines since the journal was opened.
    pub fn page(&self, from: u64, limit: u32) -> Result<JournalPage, Error> {
        let limit = u64::from(limit.min(Page::MOST));
        let Shown { head, files } = self.shown();
        let until = from.saturating_add(limit).min(head.size);
        let rows = match files {
            _ if from >= until => Vec::new(),
            None => (from..)
                .zip(self.in_memory_from(from, until))
                .map(|(index, line)| row(index, line))
                .collect::<Option<_>>()
                .expect("the lines in memory are entries"),
            Some((dir, firsts)) => read_rows(&dir, &firsts, from, until)?,
        };
        Ok(JournalPage {
            rows,
            size: head.size,
            root: hex(&head.root),
        })
    }

    /// Leaf hashes of the first `size` entries, and the root over them.
    pub(super) fn leaves(&self, size: u64) -> Result<Vec<Hash>, Error> {
        let Shown { head, files } = self.shown();
        if size > head.size {
            return Err(Error::NoProof { size: head.size });
        }
        let Some((dir, firsts)) = files else {
            let lines = self.in_memory_from(0, size);
            let leaf = |line: &String| merkle::leaf_hash(line.as_bytes());
            return Ok(lines.iter().map(leaf).collect());
        };
        let mut leaves = Vec::new();
        each_line(&dir, &firsts, 0..size, |_, line| {
            leaves.push(merkle::leaf_hash(line));
            Some(())
        })?;
        Ok(leaves)
    }

    /// Lines of a journal that has no files.
    fn in_memory_from(&self, from: u64, until: u64) -> Vec<String> {
        match &self.lock().store {
            Store::Memory(lines) => {
                let lines = lines.iter().skip(from as usize);
                let count = until.max(from) - from;
                lines.take(count as usize).cloned().collect()
            }
            Store::Disk(_) => Vec::new(),
        }
    }
}

/// A line as listed; `None` when it is not JSON.
fn row(index: u64, line: String) -> Option<JournalRow> {
    Some(JournalRow {
        index,
        leaf: hex(&merkle::leaf_hash(line.as_bytes())),
        entry: Some(RawValue::from_string(line).ok()?),
    })
}

/// The entries `from..until`, which is not empty.
fn read_rows(dir: &Path, firsts: &[u64], from: u64, until: u64) -> Result<Vec<JournalRow>, Error> {
    let mut rows = Vec::with_capacity((until - from) as usize);
    each_line(dir, firsts, from..until, |index, line| {
        let line = String::from_utf8(line.to_vec()).ok()?;
        rows.push(row(index, line)?);
        Some(())
    })?;
    Ok(rows)
}

/// Hands over the lines of some entries, which says `None` of what is none. A segment is at most some
/// megabytes: it is read from its start, so no index of lines is kept.
fn each_line(
    dir: &Path,
    firsts: &[u64],
    wanted: Range<u64>,
    mut each: impl FnMut(u64, &[u8]) -> Option<()>,
) -> Result<(), Error> {
    let Range { start, end } = wanted;
    let segment = firsts.partition_point(|first| *first <= start);
    let mut found = start;
    let firsts = &firsts[segment.saturating_sub(1)..];
    for first in firsts.iter().take_while(|first| **first < end) {
        let mut lines = Lines::open(reader::path(dir, *first))?;
        for index in *first..end {
            let Some(line) = lines.next()? else { break };
            if index >= start {
                if each(index, line).is_none() {
                    return Err(lines.fault(Fault::NotAnEntry).into());
                }
                found += 1;
            }
        }
    }
    if found < end {
        let (dir, size) = (dir.to_owned(), end);
        let fault = Fault::CutOff { size, found };
        return Err(VerifyError::Whole { dir, fault }.into());
    }
    Ok(())
}
