//! Requests that change or list the marker set.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Error, Sensor, Set,
    change::{ACCEPTED, Plan},
    declaration::Admission,
    internal,
    inventory::{compare, holds, named},
};
use crate::{
    crypto::hex,
    dataplane::Way,
    db,
    envelope::Envelope,
    journal::Action,
    markers::{self, Concern, Intake, pattern_id},
    model::{
        Actor, Held, Image, Marker, PatternId, PatternKind, Standing,
        request::{
            Changed, Failure, Format, HeldBack, KindCount, MarkerRow, MarkerStatus, Page, Rows,
            Stage,
        },
    },
};

impl Sensor {
    pub(super) fn markers_load(
        &self,
        actor: &Actor,
        format: Format,
        body: Bytes,
    ) -> Result<Changed, Error> {
        let mut set = self.set();
        let _underway = self.work.begin();
        let (markers, duplicates) = read(format, body)?;
        self.check_load(&markers)?;
        self.replace(actor, &mut set, markers, duplicates, None)
    }

    /// Refuses what the operator may not bring now. A file without markers brings nothing.
    fn check_load(&self, markers: &[Marker]) -> Result<(), Error> {
        if markers.is_empty() {
            return Ok(());
        }
        self.check_gate()?;
        self.check_own()?;
        self.check_marking(markers)
    }

    /// Makes these markers the whole set.
    pub(super) fn replace(
        &self,
        actor: &Actor,
        set: &mut Set,
        markers: Vec<Marker>,
        duplicates: u64,
        envelope: Option<&Envelope>,
    ) -> Result<Changed, Error> {
        self.work.enter(Stage::Checking, 0);
        let comparison = compare(set, &markers, &|marker, held| self.standing(marker, held))?;
        let standings = &comparison.standings;
        let (admission, now) = (self.admission(), Timestamp::now());
        let standing = |at: usize| standings.get(&at).unwrap_or(ACCEPTED);
        let total = markers.len() as u64;
        let quarantined = standings
            .values()
            .filter(|standing| standing.is_quarantined())
            .count() as u64;

        let held_back = held_back(standings, &markers);
        let put: Vec<(&Marker, &Standing)> = comparison
            .put
            .iter()
            .map(|at| (&markers[*at as usize], standing(*at as usize)))
            .collect();
        let rows = markers
            .iter()
            .enumerate()
            .filter(|(at, marker)| admission.belongs(marker, standing(*at), now))
            .map(|(_, marker)| marker.clone());
        let image = Image::new(markers::rows(rows)).map_err(collision)?;
        let plan = Plan {
            image,
            edit: db::Edit {
                clear: comparison.nothing_stays,
                remove: &comparison.remove,
                put: &put,
                ..db::Edit::default()
            },
            added: put.len() as u64,
            removed: comparison.removed,
            total,
            quarantined,
            way: Way::Together,
            action: Action::MarkersLoaded,
            envelope,
        };
        let changed = self.carry_out(actor, set, plan)?;
        Ok(Changed {
            duplicates,
            held_back,
            ..changed
        })
    }

    pub(super) fn markers_add(
        &self,
        actor: &Actor,
        format: Format,
        body: Bytes,
    ) -> Result<Changed, Error> {
        let mut set = self.set();
        let _underway = self.work.begin();
        let (markers, duplicates) = read(format, body)?;
        self.check_load(&markers)?;
        self.add(actor, &mut set, markers, duplicates, None)
    }

    /// Adds these markers to the set; a marker of an id that is held takes its place.
    pub(super) fn add(
        &self,
        actor: &Actor,
        set: &mut Set,
        mut markers: Vec<Marker>,
        duplicates: u64,
        envelope: Option<&Envelope>,
    ) -> Result<Changed, Error> {
        self.work.enter(Stage::Checking, 0);
        markers.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        let mut before: Vec<Held> = Vec::new();
        let mut standings = BTreeMap::new();
        let mut others = Vec::new();
        for marker in markers {
            let held = set.catalog.marker(&marker.id).map_err(internal)?;
            let standing = self.standing(&marker, held.as_ref());
            if let Some(held) = held {
                if holds(&held, &marker, &standing) {
                    continue;
                }
                before.push(held);
            }
            if standing != Standing::Accepted {
                standings.insert(others.len(), standing);
            }
            others.push(marker);
        }
        let markers = others;
        let (admission, now) = (self.admission(), Timestamp::now());
        let standing = |at: usize| standings.get(&at).unwrap_or(ACCEPTED);
        let put: Vec<(&Marker, &Standing)> = markers
            .iter()
            .enumerate()
            .map(|(at, marker)| (marker, standing(at)))
            .collect();
        let rows = put
            .iter()
            .filter(|(marker, standing)| admission.belongs(marker, standing, now))
            .map(|(marker, _)| (*marker).clone());
        let image = set
            .image
            .with(&keys(&before), markers::rows(rows))
            .map_err(collision)?;
        let quarantined = |held: &mut dyn Iterator<Item = &Standing>| {
            held.filter(|standing| standing.is_quarantined()).count() as u64
        };
        let plan = Plan {
            image,
            edit: db::Edit {
                put: &put,
                ..db::Edit::default()
            },
            added: put.len() as u64,
            removed: before.len() as u64,
            total: set.total + (put.len() - before.len()) as u64,
            quarantined: set.quarantined + quarantined(&mut standings.values())
                - quarantined(&mut before.iter().map(|held| &held.standing)),
            way: Way::OneByOne,
            action: Action::MarkersAdded,
            envelope,
        };
        let changed = self.carry_out(actor, set, plan)?;
        Ok(Changed {
            duplicates,
            held_back: held_back(&standings, &markers),
            ..changed
        })
    }

    pub(super) fn markers_remove(&self, actor: &Actor, body: &[u8]) -> Result<Changed, Error> {
        let mut set = self.set();
        let _underway = self.work.begin();
        let (before, ids) = named(&mut set, body)?;
        let gone = before.iter().filter(|held| held.standing.is_quarantined());
        let plan = Plan {
            image: set
                .image
                .with(&keys(&before), Vec::new())
                .map_err(collision)?,
            edit: db::Edit {
                remove: &ids,
                ..db::Edit::default()
            },
            added: 0,
            removed: before.len() as u64,
            total: set.total - before.len() as u64,
            quarantined: set.quarantined - gone.count() as u64,
            way: Way::OneByOne,
            action: Action::MarkersRemoved,
            envelope: None,
        };
        self.carry_out(actor, &mut set, plan)
    }

    /// Whether something speaks against a marker, given what is held under its id: what was
    /// released for a pattern stays released.
    fn standing(&self, marker: &Marker, held: Option<&Held>) -> Standing {
        let released = |held: &Held| {
            held.standing == Standing::Released && held.marker.pattern == marker.pattern
        };
        match self.breadth.check(&marker.pattern) {
            None => Standing::Accepted,
            Some(_) if held.is_some_and(released) => Standing::Released,
            Some(concern) => Standing::Quarantined(concern.code().into()),
        }
    }

    pub(super) fn markers_list(
        &self,
        actor: &Actor,
        page: &Page,
        quarantined: bool,
    ) -> Result<Rows<MarkerRow>, Error> {
        let (markers, approvals) = {
            let mut set = self.set();
            let page = set
                .catalog
                .page(page.after.as_deref(), page.limit, quarantined);
            (
                page.map_err(internal)?,
                set.catalog.approvals().map_err(internal)?,
            )
        };
        let _receipt = self.journal(
            actor,
            Action::MarkersRead {
                rows: markers.len() as u64,
            },
        )?;
        let next = (markers.len() == page.limit as usize)
            .then(|| markers.last().map(|held| held.marker.id.to_string()))
            .flatten();
        let admission = self.admission();
        let row = |held: Held| {
            let approved_by = approvals.get(&held.marker.id).copied();
            row(held, admission, approved_by)
        };
        let rows = markers.into_iter().map(row).collect();
        Ok(Rows { rows, next })
    }

    pub(super) fn markers_show(&self, actor: &Actor, id: &str) -> Result<MarkerRow, Error> {
        let (found, approvals) = {
            let mut set = self.set();
            let found = set.catalog.marker(id).map_err(internal)?;
            (found, set.catalog.approvals().map_err(internal)?)
        };
        let held = found.ok_or_else(|| Error::NotFound("no marker has this id".into()))?;
        let _receipt = self.journal(actor, Action::MarkersRead { rows: 1 })?;
        let approved_by = approvals.get(&held.marker.id).copied();
        Ok(row(held, self.admission(), approved_by))
    }
}

/// Markers as the image knows them.
fn keys(held: &[Held]) -> Vec<(PatternId, &str)> {
    held.iter()
        .map(|held| (pattern_id(&held.marker.pattern), held.marker.id.as_str()))
        .collect()
}

fn read(format: Format, body: Bytes) -> Result<(Vec<Marker>, u64), Error> {
    all_or_nothing(markers::read(format, &body))
}

/// The markers of a file in which nothing is refused.
pub(super) fn all_or_nothing(intake: Intake) -> Result<(Vec<Marker>, u64), Error> {
    if intake.refused_total > 0 {
        return Err(Error::Refused {
            refusals: intake.refused,
            total: intake.refused_total,
        });
    }
    Ok((intake.markers, intake.duplicates))
}

/// The first markers that are held back, with the reason.
fn held_back(standings: &BTreeMap<usize, Standing>, markers: &[Marker]) -> Vec<HeldBack> {
    let quarantined = standings
        .iter()
        .filter_map(|(at, standing)| match standing {
            Standing::Quarantined(code) => Some((&markers[*at].id, code)),
            _ => None,
        });
    quarantined
        .take(Failure::MOST_REFUSALS)
        .map(|(id, code)| HeldBack {
            id: id.to_string(),
            code: code.to_string(),
            reason: Concern::reason_of(code).into(),
        })
        .collect()
}

pub(super) fn collision(error: crate::model::Collision) -> Error {
    Error::Conflict(error.to_string())
}

fn row(held: Held, admission: Admission, approved_by: Option<u32>) -> MarkerRow {
    let in_force = admission.belongs(&held.marker, &held.standing, Timestamp::now());
    MarkerRow {
        pattern_id: pattern_id(&held.marker.pattern).to_string(),
        in_force,
        standing: held.standing.code().map(str::to_owned),
        marker: held.marker,
        approved_by,
    }
}

/// What status tells of the set.
pub(super) fn status_of(set: &Set) -> MarkerStatus {
    MarkerStatus {
        total: set.total,
        quarantined: set.quarantined,
        in_force: PatternKind::ALL
            .into_iter()
            .map(|kind| KindCount {
                kind,
                count: set.image.count_of(kind),
            })
            .collect(),
        generation: set.plane.generation(),
        digest: hex(&markers::digest(&set.image)),
    }
}
