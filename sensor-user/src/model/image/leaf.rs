//! The lowest level of an image's tree: the markers of a few patterns.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use super::{Collision, Difference, ImagePattern, ImageRow};
use crate::model::{PatternId, PatternKind};

#[derive(Debug)]
pub(super) struct Leaf {
    /// In the order of pattern id, then marker id.
    pub rows: Box<[ImageRow]>,
    pub summary: Summary,
    pub digest: OnceLock<[u8; 32]>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Summary {
    pub markers: u64,
    pub patterns: [u64; PatternKind::ALL.len()],
    pub next_end: Option<Timestamp>,
}

impl Leaf {
    /// With some rows gone and others new; `None` when nothing is left.
    pub fn changed(
        before: Option<&Self>,
        removed: &[(PatternId, &str)],
        added: Vec<ImageRow>,
    ) -> Result<Option<Arc<Self>>, Collision> {
        let kept = before.into_iter().flat_map(|leaf| leaf.rows.iter());
        let kept = kept.filter(|row| {
            removed
                .binary_search(&(row.id, row.marker.id.as_str()))
                .is_err()
        });
        let mut rows: Vec<ImageRow> = kept.cloned().collect();
        if rows.is_empty() {
            rows = added;
        } else {
            rows.extend(added);
            rows.sort_unstable_by(in_order);
        }
        if rows.is_empty() {
            return Ok(None);
        }
        for pair in rows.windows(2) {
            if pair[0].id == pair[1].id && pair[0].marker.pattern != pair[1].marker.pattern {
                return Err(Collision {
                    first: pair[0].marker.id.to_string(),
                    second: pair[1].marker.id.to_string(),
                });
            }
        }
        let mut leaf = Self {
            rows: rows.into_boxed_slice(),
            summary: Summary::default(),
            digest: OnceLock::new(),
        };
        let mut summary = Summary {
            markers: leaf.rows.len() as u64,
            next_end: next_end(&leaf.rows),
            ..Summary::default()
        };
        for pattern in leaf.patterns() {
            summary.patterns[pattern.pattern.kind() as usize] += 1;
        }
        leaf.summary = summary;
        Ok(Some(Arc::new(leaf)))
    }

    pub fn patterns(&self) -> impl Iterator<Item = ImagePattern> + '_ {
        self.rows.chunk_by(|a, b| a.id == b.id).map(pattern_of)
    }

    /// What its digest is of: a line a pattern.
    pub fn canonical(&self) -> String {
        use std::fmt::Write as _;
        let mut lines = String::new();
        for ImagePattern { pattern, until, .. } in self.patterns() {
            let written = match until {
                Some(until) => writeln!(lines, "{pattern} until={until}"),
                None => writeln!(lines, "{pattern}"),
            };
            written.expect("a string takes any text");
        }
        lines
    }
}

impl Summary {
    pub fn sum<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        parts.fold(Self::default(), |mut sum, part| {
            sum.markers += part.markers;
            for (sum, part) in sum.patterns.iter_mut().zip(part.patterns) {
                *sum += part;
            }
            sum.next_end = [sum.next_end, part.next_end].into_iter().flatten().min();
            sum
        })
    }
}

fn next_end(rows: &[ImageRow]) -> Option<Timestamp> {
    let ends = rows.iter().filter_map(|row| row.marker.until);
    ends.min().map(Timestamp::from)
}

/// Rows of one pattern as the pattern they make.
pub(super) fn pattern_of(rows: &[ImageRow]) -> ImagePattern {
    // No end wins over any.
    let until = rows
        .iter()
        .map(|row| row.marker.until)
        .reduce(|one, other| Some(one?.max(other?)))
        .flatten();
    ImagePattern {
        id: rows[0].id,
        pattern: rows[0].marker.pattern.clone(),
        until: until.map(Timestamp::from),
    }
}

pub(super) fn in_order(one: &ImageRow, other: &ImageRow) -> std::cmp::Ordering {
    (one.id, one.marker.id.as_str()).cmp(&(other.id, other.marker.id.as_str()))
}

/// Notes the patterns on which the rows before and after differ.
pub(super) fn compare([before, after]: [&[ImageRow]; 2], found: &mut Vec<Difference>) {
    let [mut before, mut after] =
        [before, after].map(|rows| rows.chunk_by(|one, other| one.id == other.id).peekable());
    while let Some(id) = [before.peek(), after.peek()]
        .into_iter()
        .flatten()
        .map(|rows| rows[0].id)
        .min()
    {
        let old = before.next_if(|rows| rows[0].id == id);
        let new = after.next_if(|rows| rows[0].id == id);
        if old != new {
            found.push(Difference {
                id,
                before: old.map(pattern_of),
                after: new.map(pattern_of),
            });
        }
    }
}
