//! Changing and listing the marker set. A change is whole or not at all: on disk, in the kernel
//! and in the index, or in none.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{Error, Sensor, internal};
use crate::{
    crypto::hex,
    dataplane,
    db::{self, Replacement},
    hits::Index,
    journal::{Action, Receipt},
    markers::{self, CompileError, compile, pattern_id},
    model::{
        Actor, Image, Marker, PatternKind,
        request::{
            Changed, Failure, Format, KindCount, MarkerRow, MarkerStatus, Page, Refusal, Rows,
        },
    },
};

/// Pause after patterns that are over could not be taken out.
const EXPIRE_RETRY: Duration = Duration::from_secs(300);

/// Keeps the number of the generation, so that it is given out once.
fn keep_generation(set: &mut super::Set) {
    let generation = set.plane.generation();
    if let Err(error) = set.catalog.set_generation(generation) {
        tracing::warn!(%error, "the generation number was not kept");
    }
}

/// What becomes of the set.
enum Edit {
    Load(Vec<Marker>),
    Add(Vec<Marker>),
    Remove(Vec<String>),
}

/// Why an announced change did not happen.
#[derive(Debug, thiserror::Error)]
enum ChangeError {
    #[error(transparent)]
    Store(#[from] db::Error),
    #[error(transparent)]
    DataPlane(#[from] dataplane::Error),
}

impl ChangeError {
    const fn code(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::DataPlane(_) => "data_plane",
        }
    }
}

impl Sensor {
    pub(super) fn markers_load(
        &self,
        actor: &Actor,
        format: Format,
        body: &[u8],
    ) -> Result<Changed, Error> {
        let (markers, duplicates) = read(format, body)?;
        self.change(actor, Edit::Load(markers), duplicates)
    }

    pub(super) fn markers_add(
        &self,
        actor: &Actor,
        format: Format,
        body: &[u8],
    ) -> Result<Changed, Error> {
        let (markers, duplicates) = read(format, body)?;
        self.change(actor, Edit::Add(markers), duplicates)
    }

    pub(super) fn markers_remove(&self, actor: &Actor, body: &[u8]) -> Result<Changed, Error> {
        let text = std::str::from_utf8(body)
            .map_err(|_| Error::Invalid("the list of ids is not UTF-8".into()))?;
        let lines: Vec<(u64, &str)> = (1..)
            .zip(text.lines().map(str::trim))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .collect();
        let known: HashSet<String> = {
            let mut set = self.set();
            let markers = set.catalog.markers().map_err(internal)?;
            markers.into_iter().map(|marker| marker.id).collect()
        };
        let unknown: Vec<u64> = lines
            .iter()
            .filter(|(_, id)| !known.contains(*id))
            .map(|(line, _)| *line)
            .collect();
        if !unknown.is_empty() {
            return Err(Error::Refused {
                total: unknown.len() as u64,
                refusals: unknown
                    .into_iter()
                    .take(Failure::MOST_REFUSALS)
                    .map(unknown_id)
                    .collect(),
            });
        }
        let ids: Vec<String> = lines.iter().map(|(_, id)| (*id).to_owned()).collect();
        self.change(actor, Edit::Remove(ids), 0)
    }

    fn change(&self, actor: &Actor, edit: Edit, duplicates: u64) -> Result<Changed, Error> {
        let mut set = self.set();
        let before = set.catalog.markers().map_err(internal)?;
        let after = edit.apply(&before);
        let now = Timestamp::now();
        let image = compile(&after, now).map_err(|error| match error {
            CompileError::Collision { .. } => Error::Conflict(error.to_string()),
        })?;
        let (added, removed) = difference(&before, &after);
        let digest = hex(&image.digest);
        let total = after.len() as u64;
        let patterns = image.patterns.len() as u64;
        let action = edit.action(added, removed, total, patterns, digest.clone());
        let receipt = self.journal(actor, action)?;

        // The index goes first: a hit of the new generation must find its markers.
        let former = self.parts.live.put(index_of(&after));
        let set = &mut *set;
        let (catalog, plane) = (&mut set.catalog, &mut set.plane);
        let generation = plane.generation();
        let outcome: Result<Vec<String>, ChangeError> = catalog.replace(edit.replacement(), || {
            plane.install(&image, &receipt).map_err(ChangeError::from)
        });
        let gone = match outcome {
            Ok(gone) => gone,
            Err(error) => {
                self.undo(set, &before, generation, &receipt);
                self.parts.live.put_back(former);
                self.journal_failure(actor, &receipt, error.code());
                return Err(Error::Internal(format!(
                    "{error}; the old set stays in force"
                )));
            }
        };
        keep_generation(set);
        set.next_end = image.next_end();
        self.note_gone(set, &gone);
        self.tell_markers(status_of(&image, total, set.plane.generation()));
        Ok(Changed {
            markers: total,
            patterns,
            generation: set.plane.generation(),
            digest,
            added,
            removed,
            duplicates,
            expired: after.iter().filter(|marker| !marker.in_force(now)).count() as u64,
            receipt: receipt.index(),
        })
    }

    /// Takes patterns that are over out of the image; the kernel has stopped matching them by
    /// itself. Does nothing while a change is under way: that change compiles anew.
    pub(super) fn expire(&self, actor: &Actor) -> Result<(), Error> {
        let Ok(mut set) = self.set.try_lock() else {
            return Ok(());
        };
        let now = Timestamp::now();
        if set.next_end.is_none_or(|end| now < end) {
            return Ok(());
        }
        let markers = set.catalog.markers().map_err(internal)?;
        let image = compile(&markers, now).map_err(|error| Error::Conflict(error.to_string()))?;
        let action = Action::MarkersExpired {
            patterns: image.patterns.len() as u64,
            digest: hex(&image.digest),
        };
        let receipt = self
            .parts
            .journal
            .append_reserved(actor, action)
            .map_err(super::from_journal)?;
        let former = self.parts.live.put(index_of(&markers));
        let gone = match set.plane.install(&image, &receipt) {
            Ok(gone) => gone,
            Err(error) => {
                self.parts.live.put_back(former);
                self.journal_failure(actor, &receipt, "data_plane");
                set.next_end = Some(now + EXPIRE_RETRY);
                return Err(internal(error));
            }
        };
        set.next_end = image.next_end();
        keep_generation(&mut set);
        self.note_gone(&mut set, &gone);
        let status = status_of(&image, markers.len() as u64, set.plane.generation());
        self.tell_markers(status);
        Ok(())
    }

    /// Puts the old image back when the kernel took the new one and the disk did not.
    fn undo(&self, set: &mut super::Set, before: &[Marker], generation: u32, receipt: &Receipt) {
        if set.plane.generation() == generation {
            return;
        }
        let image = compile(before, Timestamp::now()).expect("this set was in force");
        match set.plane.install(&image, receipt) {
            Ok(gone) => self.note_gone(set, &gone),
            Err(error) => {
                tracing::error!(%error, "the old set could not be put back; restart the agent");
            }
        }
        keep_generation(set);
    }

    pub(super) fn markers_list(
        &self,
        actor: &Actor,
        page: &Page,
    ) -> Result<Rows<MarkerRow>, Error> {
        let markers = {
            let mut set = self.set();
            set.catalog
                .page(page.after.as_deref(), page.limit)
                .map_err(internal)?
        };
        let _receipt = self.journal(
            actor,
            Action::MarkersRead {
                rows: markers.len() as u64,
            },
        )?;
        let next = (markers.len() == page.limit as usize)
            .then(|| markers.last().map(|marker| marker.id.clone()))
            .flatten();
        let rows = markers.into_iter().map(row).collect();
        Ok(Rows { rows, next })
    }

    pub(super) fn markers_show(&self, actor: &Actor, id: &str) -> Result<MarkerRow, Error> {
        let found = self.set().catalog.marker(id).map_err(internal)?;
        let marker = found.ok_or_else(|| Error::NotFound("no marker has this id".into()))?;
        let _receipt = self.journal(actor, Action::MarkersRead { rows: 1 })?;
        Ok(row(marker))
    }
}

impl Edit {
    fn apply(&self, before: &[Marker]) -> Vec<Marker> {
        match self {
            Self::Load(markers) => markers.clone(),
            Self::Add(markers) => {
                let mut after: BTreeMap<&str, &Marker> = before
                    .iter()
                    .map(|marker| (marker.id.as_str(), marker))
                    .collect();
                after.extend(markers.iter().map(|marker| (marker.id.as_str(), marker)));
                after.into_values().cloned().collect()
            }
            Self::Remove(ids) => {
                let ids: HashSet<&str> = ids.iter().map(String::as_str).collect();
                let stays = |marker: &&Marker| !ids.contains(marker.id.as_str());
                before.iter().filter(stays).cloned().collect()
            }
        }
    }

    fn replacement(&self) -> Replacement<'_> {
        match self {
            Self::Load(markers) => Replacement::All(markers),
            Self::Add(markers) => Replacement::Add(markers),
            Self::Remove(ids) => Replacement::Remove(ids),
        }
    }

    fn action(
        &self,
        added: u64,
        removed: u64,
        total: u64,
        patterns: u64,
        digest: String,
    ) -> Action {
        match self {
            Self::Load(_) => Action::MarkersLoaded {
                added,
                removed,
                total,
                patterns,
                digest,
            },
            Self::Add(_) => Action::MarkersAdded {
                added,
                removed,
                total,
                patterns,
                digest,
            },
            Self::Remove(_) => Action::MarkersRemoved {
                added,
                removed,
                total,
                patterns,
                digest,
            },
        }
    }
}

fn read(format: Format, body: &[u8]) -> Result<(Vec<Marker>, u64), Error> {
    let intake = markers::read(format, body);
    if intake.refused_total > 0 {
        return Err(Error::Refused {
            refusals: intake.refused,
            total: intake.refused_total,
        });
    }
    Ok((intake.markers, intake.duplicates))
}

/// Markers that `after` has and `before` has not or has otherwise, and the other way round.
fn difference(before: &[Marker], after: &[Marker]) -> (u64, u64) {
    let old: BTreeMap<&str, &Marker> = before
        .iter()
        .map(|marker| (marker.id.as_str(), marker))
        .collect();
    let kept = after
        .iter()
        .filter(|marker| old.get(marker.id.as_str()) == Some(marker))
        .count();
    ((after.len() - kept) as u64, (before.len() - kept) as u64)
}

fn unknown_id(line: u64) -> Refusal {
    Refusal {
        line,
        field: "id".into(),
        code: "unknown_id".into(),
        reason: "no marker has this id".into(),
    }
}

fn row(marker: Marker) -> MarkerRow {
    MarkerRow {
        pattern_id: pattern_id(&marker.pattern).to_string(),
        in_force: marker.in_force(Timestamp::now()),
        marker,
    }
}

/// The index of a set. Markers that are over are in it too: hits of their time may still be on
/// their way, and each marker's validity is judged by the time of the hit.
pub fn index_of(markers: &[Marker]) -> Index {
    Index::new(
        markers
            .iter()
            .map(|marker| (pattern_id(&marker.pattern), marker.clone())),
    )
}

/// What status tells of an image.
#[must_use]
pub fn status_of(image: &Image, total: u64, generation: u32) -> MarkerStatus {
    let count = |kind: PatternKind| {
        let of_kind = |pattern: &&crate::model::ImagePattern| pattern.pattern.kind() == kind;
        image.patterns.iter().filter(of_kind).count() as u64
    };
    MarkerStatus {
        total,
        in_force: PatternKind::ALL
            .into_iter()
            .map(|kind| KindCount {
                kind,
                count: count(kind),
            })
            .collect(),
        generation,
        digest: hex(&image.digest),
    }
}
