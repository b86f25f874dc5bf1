//! Versions of indicators: of each id, the newest in the bundle counts, whatever became of it.

use std::ops::Range;

use jiff::Timestamp;

use crate::model::Moment;

/// A version of an indicator.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    /// UUID, in halves: a million of these stand side by side.
    uuid: [u64; 2],
    modified: Option<Moment>,
    first: u32,
    count: u32,
    /// Number of its set of markings.
    pub markings: u32,
    /// Index in the bundle.
    pub item: u32,
}

impl Version {
    /// One that its producer took back has a count that no other has.
    const REVOKED: u32 = u32::MAX;

    pub(super) fn new(
        uuid: u128,
        modified: Option<Moment>,
        markers: Range<usize>,
        markings: u32,
        item: u64,
    ) -> Self {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            uuid: [(uuid >> 64) as u64, uuid as u64],
            modified,
            first: number(markers.start),
            count: number(markers.len()),
            markings,
            item: u32::try_from(item).unwrap_or(u32::MAX),
        }
    }

    /// The same, taken back.
    pub(super) const fn revoked(self) -> Self {
        Self {
            count: Self::REVOKED,
            ..self
        }
    }

    pub(super) const fn is_revoked(&self) -> bool {
        self.count == Self::REVOKED
    }

    /// Where its markers stand.
    pub(super) fn markers(&self) -> Range<usize> {
        let first = self.first as usize;
        match self.is_revoked() {
            true => first..first,
            false => first..first + self.count as usize,
        }
    }

    /// When it was made, where it says so in a way that is understood.
    pub(super) fn modified(&self) -> Option<Moment> {
        self.modified.filter(|modified| *modified != unknown())
    }

    pub(super) const fn uuid(&self) -> u128 {
        (self.uuid[0] as u128) << 64 | self.uuid[1] as u128
    }

    const fn age(&self) -> ([u64; 2], Option<Moment>, u32) {
        (self.uuid, self.modified, self.item)
    }
}

/// The time of a version that says none that is understood: it may be the newest, and counts as it.
pub(super) fn unknown() -> Moment {
    Timestamp::MAX.into()
}

/// Sorts versions and returns groups of the same id and time, the newest of each id: usually one
/// version; of several, the first is the first in the bundle.
pub(super) fn newest(versions: &mut [Version]) -> impl Iterator<Item = &[Version]> {
    versions.sort_unstable_by_key(Version::age);
    versions
        .chunk_by(|one, other| one.uuid == other.uuid)
        .filter_map(|same| {
            let newest = same.last()?.modified;
            let from = same.partition_point(|version| version.modified < newest);
            Some(&same[from..])
        })
}
