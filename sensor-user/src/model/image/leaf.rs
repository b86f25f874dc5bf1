//! The lowest level of an image's tree: the markers of a few patterns.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use super::{Collision, Difference, ImagePattern, ImageRow, RowKey};
use crate::model::{Direction, LabelCounts, PatternId, PatternKind};

#[derive(Debug)]
pub(super) struct Leaf {
    /// In the order of pattern id, then marker id.
    pub rows: Box<[ImageRow]>,
    /// A bit for each id: [`mark`].
    pub marks: u64,
    pub summary: Summary,
    pub digest: OnceLock<[u8; 32]>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Summary {
    pub markers: u64,
    pub patterns: [u64; PatternKind::ALL.len()],
    pub labels: LabelCounts,
    pub next_end: Option<Timestamp>,
}

impl Leaf {
    /// With some rows gone and others new; `None` when nothing is left.
    pub fn changed(
        before: Option<&Self>,
        removed: &[RowKey<'_>],
        added: Vec<ImageRow>,
    ) -> Result<Option<Arc<Self>>, Collision> {
        let kept = before.into_iter().flat_map(|leaf| leaf.rows.iter());
        let kept = kept.filter(|row| removed.binary_search(&row.key()).is_err());
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
            marks: rows.iter().fold(0, |marks, row| marks | mark(row.id)),
            rows: rows.into_boxed_slice(),
            summary: Summary::default(),
            digest: OnceLock::new(),
        };
        let mut summary = Summary {
            markers: leaf.rows.chunk_by(same_marker).count() as u64,
            next_end: next_end(&leaf.rows),
            ..Summary::default()
        };
        for pattern in leaf.patterns() {
            summary.patterns[pattern.pattern.kind() as usize] += 1;
            summary.labels = summary.labels.with(LabelCounts::of(&pattern.pattern));
        }
        leaf.summary = summary;
        Ok(Some(Arc::new(leaf)))
    }

    /// The rows of a pattern.
    pub fn of(&self, id: PatternId) -> &[ImageRow] {
        let rows = &self.rows[self.first(id)..];
        match rows {
            [first, ..] if first.id != id => &[],
            // Almost always; what stands behind is in no cache.
            [_, second, ..] if second.id != id => &rows[..1],
            _ => &rows[..rows.partition_point(|row| row.id <= id)],
        }
    }

    /// Where rows of an id stand, or would. Ids are hashes: it is near to where it would be if they were
    /// evenly apart, and each row that is looked at is one more that is in no cache.
    fn first(&self, id: PatternId) -> usize {
        let rows = &self.rows;
        // Of the bits behind those that lead to the leaf.
        let even = u128::from(id.0 << 16) * rows.len() as u128;
        let mut at = (even >> 64) as usize;
        for _ in 0..NEAR {
            if rows[at].id < id {
                at += 1;
                if at == rows.len() {
                    return at;
                }
            } else if at == 0 || rows[at - 1].id < id {
                return at;
            } else {
                at -= 1;
            }
        }
        rows.partition_point(|row| row.id < id)
    }

    pub fn patterns(&self) -> impl Iterator<Item = ImagePattern> + '_ {
        self.rows.chunk_by(|a, b| a.id == b.id).map(pattern_of)
    }

    /// What its digest is of: a line a pattern.
    pub fn canonical(&self) -> String {
        use std::fmt::Write as _;
        let mut lines = String::new();
        for each in self.patterns() {
            // Microseconds since the epoch: a date costs more than the hash.
            let written = match each.until {
                Some(until) => write!(lines, "{} until={}", each.pattern, until.as_microsecond()),
                None => write!(lines, "{}", each.pattern),
            };
            written.expect("a string takes any text");
            if each.direction != Direction::Either {
                lines.push_str(" direction=");
                lines.push_str(each.direction.name());
            }
            lines.push('\n');
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
            sum.labels = sum.labels.with(part.labels);
            sum.next_end = [sum.next_end, part.next_end].into_iter().flatten().min();
            sum
        })
    }
}

/// Rows that are tried one by one before they are halved.
const NEAR: usize = 6;

/// A bit of an id, by bits behind those that lead to its leaf.
pub(super) const fn mark(id: PatternId) -> u64 {
    1 << (id.0 >> 42 & 63)
}

fn same_marker(one: &ImageRow, other: &ImageRow) -> bool {
    (one.id, &one.marker.id) == (other.id, &other.marker.id)
}

/// The side that all of them look at.
fn direction_of(rows: &[ImageRow]) -> Direction {
    let directions = rows.iter().map(|row| row.marker.direction);
    directions
        .reduce(|one, other| if one == other { one } else { Direction::Either })
        .unwrap_or_default()
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
        direction: direction_of(rows),
    }
}

pub(super) fn in_order(one: &ImageRow, other: &ImageRow) -> std::cmp::Ordering {
    one.key().cmp(&other.key())
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
