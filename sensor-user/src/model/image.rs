//! The compiled, deterministic content of one generation, with the markers that led to it.
//!
//! A tree over pattern ids, two levels of 256, shared between versions: an image that differs in
//! one marker from another shares all but three nodes with it. So a single change costs
//! microseconds at a million markers, and former images cost what they differ in.

mod leaf;

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use super::{Direction, LabelCounts, Marker, OrderNumber, Pattern, PatternId, PatternKind};
use leaf::{Leaf, Summary, in_order, mark, pattern_of};

/// Children of a node.
const FAN: usize = 256;

/// A 32-byte hash over the concatenation of its parts.
pub type Hash = fn(&[&[u8]]) -> [u8; 32];

/// What one generation of maps must contain, and the markers of each pattern.
#[derive(Clone, Debug, Default)]
pub struct Image {
    root: Arc<Root>,
}

/// A marker on one of its grounds, under the id of its pattern. A marker has a row for each order
/// that it is exploited for, and one for the operator's own use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRow {
    /// Id of the pattern.
    pub id: PatternId,
    /// The ground.
    pub order: OrderNumber,
    /// The marker, with validity and marking of this ground.
    pub marker: Marker,
}

/// What tells a row from all others: pattern, marker, ground.
pub type RowKey<'a> = (PatternId, &'a str, OrderNumber);

impl ImageRow {
    /// What tells it from all others.
    #[must_use]
    pub fn key(&self) -> RowKey<'_> {
        (self.id, &self.marker.id, self.order)
    }
}

/// One pattern of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePattern {
    /// Its id.
    pub id: PatternId,
    /// What to look for.
    pub pattern: Pattern,
    /// Latest end of its markers; `None` when one has none.
    pub until: Option<Timestamp>,
    /// The side that all its markers look at.
    pub direction: Direction,
}

/// A pattern on whose markers two images differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its id.
    pub id: PatternId,
    /// What it was; `None` when it is new.
    pub before: Option<ImagePattern>,
    /// What it is; `None` when it is gone. The same as before when the kernel sees no difference.
    pub after: Option<ImagePattern>,
}

/// Two patterns hash to one id (which a 64-bit hash makes as rare as one set in 37 million of a
/// million patterns).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("markers {first} and {second} have different patterns with one id; remove one of them")]
pub struct Collision {
    /// Id of a marker of the first pattern.
    pub first: String,
    /// Id of a marker of the second pattern.
    pub second: String,
}

#[derive(Debug, Default)]
struct Root {
    groups: Vec<Option<Arc<Group>>>,
    summary: Summary,
    digest: OnceLock<[u8; 32]>,
}

#[derive(Debug)]
struct Group {
    leaves: Vec<Option<Arc<Leaf>>>,
    /// A bit for each id in a leaf: what packets bear is mostly in no image, and is told so without a look
    /// at leaves, which are in no cache.
    marks: Vec<u64>,
    summary: Summary,
    digest: OnceLock<[u8; 32]>,
}

impl Image {
    /// Of rows in any order, each once. What the data path cannot look for is left out.
    ///
    /// # Errors
    /// [`Collision`].
    pub fn new(rows: Vec<ImageRow>) -> Result<Self, Collision> {
        Self::default().with(&[], rows)
    }

    /// This image without some rows and with others. `added` is sorted here, and what the
    /// data path cannot look for is left out; a row that is replaced stands in both lists.
    ///
    /// # Errors
    /// [`Collision`].
    pub fn with(
        &self,
        removed: &[RowKey<'_>],
        mut added: Vec<ImageRow>,
    ) -> Result<Self, Collision> {
        added.retain(|row| row.marker.pattern.matchable());
        added.sort_unstable_by(in_order);
        let mut removed = removed.to_vec();
        removed.sort_unstable();
        let mut groups = self.root.groups.clone();
        groups.resize(FAN, None);
        let mut removed = removed.as_slice();
        let mut added = added.into_iter().peekable();
        loop {
            let next = [
                removed.first().map(|(id, ..)| *id),
                added.peek().map(|row| row.id),
            ];
            let Some(next) = next.into_iter().flatten().min() else {
                break;
            };
            let (at, leaf_at) = position(next);
            let group = &mut groups[at];
            let mut leaves = match group {
                Some(group) => group.leaves.clone(),
                None => vec![None; FAN],
            };
            // All changes of the group, leaf by leaf.
            let mut leaf_at = leaf_at;
            loop {
                let here = (at, leaf_at);
                let count = removed
                    .iter()
                    .take_while(|(id, ..)| position(*id) == here)
                    .count();
                let (gone, rest) = removed.split_at(count);
                removed = rest;
                let mut new = Vec::new();
                while let Some(row) = added.next_if(|row| position(row.id) == here) {
                    new.push(row);
                }
                leaves[leaf_at] = Leaf::changed(leaves[leaf_at].as_deref(), gone, new)?;
                let next = [
                    removed.first().map(|(id, ..)| position(*id)),
                    added.peek().map(|row| position(row.id)),
                ];
                match next.into_iter().flatten().min() {
                    Some((group, leaf)) if group == at => leaf_at = leaf,
                    _ => break,
                }
            }
            *group = Group::of(leaves);
        }
        let summary = Summary::sum(groups.iter().flatten().map(|group| &group.summary));
        Ok(Self {
            root: Arc::new(Root {
                groups,
                summary,
                digest: OnceLock::new(),
            }),
        })
    }

    /// The markers of a pattern, in the order of their ids, once for each ground.
    #[must_use]
    pub fn rows(&self, id: PatternId) -> &[ImageRow] {
        let (group, leaf) = position(id);
        let group = self.root.groups.get(group).and_then(Option::as_ref);
        let marked = group.filter(|group| group.marks[leaf] & mark(id) != 0);
        let leaf = marked.and_then(|group| group.leaves[leaf].as_ref());
        leaf.map_or(&[], |leaf| leaf.of(id))
    }

    /// One pattern.
    #[must_use]
    pub fn pattern(&self, id: PatternId) -> Option<ImagePattern> {
        let rows = self.rows(id);
        (!rows.is_empty()).then(|| pattern_of(rows))
    }

    /// Every pattern, in the order of their ids.
    pub fn patterns(&self) -> impl Iterator<Item = ImagePattern> + '_ {
        self.leaves().flat_map(|leaf| leaf.patterns())
    }

    /// Every marker with the id of its pattern, in the order of these.
    pub fn all_rows(&self) -> impl Iterator<Item = &ImageRow> {
        self.leaves().flat_map(|leaf| leaf.rows.iter())
    }

    fn leaves(&self) -> impl Iterator<Item = &Leaf> {
        let groups = self.root.groups.iter().flatten();
        groups.flat_map(|group| group.leaves.iter().flatten().map(Arc::as_ref))
    }

    /// Number of patterns.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.root.summary.patterns.iter().sum()
    }

    /// Number of patterns of a kind.
    #[must_use]
    pub fn count_of(&self, kind: PatternKind) -> u64 {
        self.root.summary.patterns[kind as usize]
    }

    /// Of how many labels its names are.
    #[must_use]
    pub fn label_counts(&self) -> LabelCounts {
        self.root.summary.labels
    }

    /// Number of markers.
    #[must_use]
    pub fn markers(&self) -> u64 {
        self.root.summary.markers
    }

    /// When the first of its markers is over.
    #[must_use]
    pub fn next_end(&self) -> Option<Timestamp> {
        self.root.summary.next_end
    }

    /// The rows that are over at `now`.
    #[must_use]
    pub fn over(&self, now: Timestamp) -> Vec<RowKey<'_>> {
        let ended = |summary: &Summary| summary.next_end.is_some_and(|end| end <= now);
        let groups = self.root.groups.iter().flatten();
        groups
            .filter(|group| ended(&group.summary))
            .flat_map(|group| group.leaves.iter().flatten())
            .filter(|leaf| ended(&leaf.summary))
            .flat_map(|leaf| leaf.rows.iter())
            .filter(|row| row.marker.is_over(now))
            .map(ImageRow::key)
            .collect()
    }

    /// The patterns whose markers differ between this image and a later one; `None` when there are
    /// more than `most`.
    #[must_use]
    pub fn difference(&self, after: &Self, most: usize) -> Option<Vec<Difference>> {
        let mut all = Vec::new();
        let complete = self.differences(after, &mut |some| {
            all.extend_from_slice(some);
            all.len() <= most
        });
        complete.then_some(all)
    }

    /// Visits differences leaf by leaf, while `visit` says so; whether it saw all. What the two
    /// images share is not visited.
    fn differences(&self, after: &Self, visit: &mut dyn FnMut(&[Difference]) -> bool) -> bool {
        let mut found = Vec::new();
        for at in 0..FAN {
            let groups = [self, after].map(|image| image.root.groups.get(at)?.as_ref());
            if same(groups) {
                continue;
            }
            for at in 0..FAN {
                let leaves = groups.map(|group| group?.leaves[at].as_ref());
                if same(leaves) {
                    continue;
                }
                let rows = leaves.map(|leaf| leaf.map_or(&[][..], |leaf| &leaf.rows));
                found.clear();
                leaf::compare(rows, &mut found);
                if !visit(&found) {
                    return false;
                }
            }
        }
        true
    }

    /// The digest over canonical patterns and deadlines: a hash of hashes along the tree, so that
    /// a change costs three of them. A leaf hashes a line a pattern, in the order of ids; a node
    /// hashes number and digest of each child that is there.
    #[must_use]
    pub fn digest(&self, hash: Hash) -> [u8; 32] {
        *self.root.digest.get_or_init(|| {
            digest_of(hash, &self.root.groups, |group| {
                *group.digest.get_or_init(|| {
                    digest_of(hash, &group.leaves, |leaf| {
                        *leaf
                            .digest
                            .get_or_init(|| hash(&[leaf.canonical().as_bytes()]))
                    })
                })
            })
        })
    }
}

impl Group {
    fn of(leaves: Vec<Option<Arc<Leaf>>>) -> Option<Arc<Self>> {
        if leaves.iter().all(Option::is_none) {
            return None;
        }
        let summary = Summary::sum(leaves.iter().flatten().map(|leaf| &leaf.summary));
        let marks = leaves
            .iter()
            .map(|leaf| leaf.as_ref().map_or(0, |leaf| leaf.marks));
        Some(Arc::new(Self {
            marks: marks.collect(),
            leaves,
            summary,
            digest: OnceLock::new(),
        }))
    }
}

fn digest_of<N>(
    hash: Hash,
    children: &[Option<Arc<N>>],
    digest: impl Fn(&N) -> [u8; 32],
) -> [u8; 32] {
    let mut bytes = Vec::new();
    for (number, child) in (0u8..=255).zip(children) {
        if let Some(child) = child {
            bytes.push(number);
            bytes.extend_from_slice(&digest(child));
        }
    }
    hash(&[&bytes])
}

/// Group and leaf of an id: its first two bytes.
fn position(id: PatternId) -> (usize, usize) {
    (
        (id.0 >> 56) as usize & (FAN - 1),
        (id.0 >> 48) as usize & (FAN - 1),
    )
}

/// Whether both are the same node, or none.
fn same<N>([one, other]: [Option<&Arc<N>>; 2]) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}
