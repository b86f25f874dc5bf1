//! What a file says of versions: when each of its markers was made, and which ones are no more.

use std::collections::HashMap;

use super::{Intake, Place, uuid};
use crate::model::{Marker, MarkerId, Moment};

/// An indicator or attribute whose newest version in a file brings no marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// UUID, in halves: a million of these may stand side by side.
    uuid: [u64; 2],
    /// When that version was made; none where it does not say.
    pub modified: Option<Moment>,
    /// Its producer took it back (`revoked`, `deleted`); otherwise it is refused here.
    pub withdrawn: bool,
}

impl Gone {
    pub(super) const fn new(uuid: u128, modified: Option<Moment>, withdrawn: bool) -> Self {
        Self {
            uuid: [(uuid >> 64) as u64, uuid as u64],
            modified,
            withdrawn,
        }
    }

    const fn uuid(self) -> u128 {
        (self.uuid[0] as u128) << 64 | self.uuid[1] as u128
    }

    /// Whether it ends what was made at this time: a version that is refused here must be newer for
    /// that, one that is taken back need not be older.
    #[must_use]
    pub fn ends(self, modified: Option<Moment>) -> bool {
        match (self.modified, modified) {
            (Some(own), Some(other)) => own > other || (self.withdrawn && own == other),
            _ => self.withdrawn,
        }
    }

    /// The one that counts of two.
    fn newer(self, other: Self) -> Self {
        let age = |one: &Self| (one.modified, one.withdrawn);
        if age(&self) < age(&other) {
            other
        } else {
            self
        }
    }
}

/// The id that the first marker of an indicator or attribute has: that of the others, without the
/// number behind it.
#[must_use]
pub fn first_id(id: &str) -> &str {
    match id.rsplit_once('.') {
        Some((first, number))
            if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            first
        }
        _ => id,
    }
}

impl Intake {
    /// Whether its format knows versions; where it does not, what is sent takes the place of what is
    /// held.
    #[must_use]
    pub fn has_versions(&self) -> bool {
        !self.versions.is_empty() || !self.gone.is_empty()
    }

    /// When the marker in this place was made; none where nothing says it.
    #[must_use]
    pub fn version(&self, at: usize) -> Option<Moment> {
        self.versions.get(at).copied().flatten()
    }

    /// The markers, each with when it was made; none is left.
    pub fn take(&mut self) -> Vec<(Marker, Option<Moment>)> {
        let versions = std::mem::take(&mut self.versions);
        let versions = versions.into_iter().chain(std::iter::repeat(None));
        std::mem::take(&mut self.markers)
            .into_iter()
            .zip(versions)
            .collect()
    }

    /// Puts a marker as it is held to those of a file whose format knows versions.
    pub fn keep_held(&mut self, marker: Marker, modified: Option<Moment>) {
        self.markers.push(marker);
        self.versions.push(modified);
    }

    /// The id that the first marker of this one had.
    #[must_use]
    pub fn id_of(&self, gone: &Gone) -> MarkerId {
        let prefix = self.prefix;
        compact_str::format_compact!("{prefix}{}", uuid::text(gone.uuid()))
    }

    /// Takes the markers out that a newer object of the same file ends; what is left of `gone` is
    /// the newest of its id. `numbers` has the item of each marker.
    pub(super) fn end_gone(&mut self, numbers: &mut Vec<u32>, place: fn(u64) -> Place) {
        let mut newest: HashMap<u128, Gone> = HashMap::new();
        for gone in std::mem::take(&mut self.gone) {
            newest
                .entry(gone.uuid())
                .and_modify(|one| *one = one.newer(gone))
                .or_insert(gone);
        }
        let mut ended = Vec::new();
        for (at, marker) in self.markers.iter().enumerate() {
            let uuid = uuid::parse(first_id(&marker.id));
            let Some((uuid, gone)) = uuid.and_then(|uuid| Some((uuid, *newest.get(&uuid)?))) else {
                continue;
            };
            if gone.ends(self.version(at)) {
                ended.push(at);
            } else {
                newest.remove(&uuid);
            }
        }
        for at in &ended {
            let place = place(numbers[*at].into());
            let reason =
                "another version of it in the same file is newer and is not loaded, or is deleted";
            self.refuse(place, "uuid", "stale", reason.into());
        }
        if !ended.is_empty() {
            let mut index = 0..;
            let mut keep = |_: &u32| {
                index
                    .next()
                    .is_none_or(|at| ended.binary_search(&at).is_err())
            };
            numbers.retain(&mut keep);
            let mut index = 0..;
            self.retain(|_| {
                index
                    .next()
                    .is_none_or(|at| ended.binary_search(&at).is_err())
            });
        }
        self.gone = newest.into_values().collect();
        self.gone.sort_unstable_by_key(|gone| gone.uuid);
    }
}
