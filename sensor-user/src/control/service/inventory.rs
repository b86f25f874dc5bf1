//! Reading the catalogue: as the agent starts, against a file, by ids.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::{Error, Set, internal};
use crate::{
    db,
    legal::Law,
    markers::pattern_id,
    model::{
        Held, Image, ImageRow, Marker, Standing,
        request::{Failure, Refusal},
    },
};

/// What a file changes of the catalogue.
#[derive(Default)]
pub(super) struct Comparison {
    /// Markers of the file, by place, that are not held so, or not with this standing.
    pub put: Vec<u32>,
    /// Ids that the file has not.
    pub remove: Vec<String>,
    /// Markers that are gone or other.
    pub removed: u64,
    /// No id of the catalogue is in the file.
    pub nothing_stays: bool,
    /// Standings of the file's markers, by place; what is not noted is accepted.
    pub standings: BTreeMap<usize, Standing>,
}

impl Comparison {
    fn note(&mut self, at: u32, standing: Standing) {
        if standing != Standing::Accepted {
            self.standings.insert(at as usize, standing);
        }
    }
}

/// Whether a marker is held as it is, with a standing that has the same effect.
pub(super) fn holds(held: &Held, marker: &Marker, standing: &Standing) -> bool {
    held.marker == *marker
        && (held.standing == *standing
            || (held.standing == Standing::Released && *standing == Standing::Accepted))
}

/// Walks file and catalogue in the order of ids: nothing of the catalogue is held in memory.
/// `judge` tells the standing of a marker, given what is held under its id.
pub(super) fn compare(
    set: &mut Set,
    markers: &[Marker],
    judge: &dyn Fn(&Marker, Option<&Held>) -> Standing,
) -> Result<Comparison, Error> {
    let count = u32::try_from(markers.len())
        .map_err(|_| Error::Invalid("more markers than 2^32".into()))?;
    let mut order: Vec<u32> = (0..count).collect();
    order.sort_unstable_by_key(|at| &markers[*at as usize].id);
    let mut order = order.into_iter().peekable();
    let mut found = Comparison::default();
    let mut stays = 0_u64;
    set.catalog
        .each_marker(|held| {
            let id = &held.marker.id;
            while let Some(new) = order.next_if(|at| markers[*at as usize].id < *id) {
                found.put.push(new);
                found.note(new, judge(&markers[new as usize], None));
            }
            let Some(at) = order.next_if(|at| markers[*at as usize].id == *id) else {
                found.remove.push(id.to_string());
                found.removed += 1;
                return;
            };
            stays += 1;
            let marker = &markers[at as usize];
            let standing = judge(marker, Some(&held));
            if !holds(&held, marker, &standing) {
                found.put.push(at);
                found.removed += 1;
            }
            found.note(at, standing);
        })
        .map_err(internal)?;
    for new in order {
        found.put.push(new);
        found.note(new, judge(&markers[new as usize], None));
    }
    found.nothing_stays = stays == 0;
    if found.nothing_stays {
        found.remove.clear();
    }
    Ok(found)
}

/// The markers that a list of ids names; refusals with the lines of unknown ones.
pub(super) fn named(set: &mut Set, body: &[u8]) -> Result<(Vec<Held>, Vec<String>), Error> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Error::Invalid("the list of ids is not UTF-8".into()))?;
    let lines = (1..)
        .zip(text.lines().map(str::trim))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (mut found, mut ids, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for (line, id) in lines {
        if !seen.insert(id) {
            continue;
        }
        match set.catalog.marker(id).map_err(internal)? {
            Some(held) => {
                found.push(held);
                ids.push(id.to_owned());
            }
            None => unknown.push(line),
        }
    }
    if unknown.is_empty() {
        return Ok((found, ids));
    }
    Err(Error::Refused {
        total: unknown.len() as u64,
        refusals: unknown
            .into_iter()
            .take(Failure::MOST_REFUSALS)
            .map(unknown_id)
            .collect(),
    })
}

/// The catalogue as the agent starts with it.
pub struct Inventory {
    /// Markers in force.
    pub image: Image,
    /// Markers that are over, or may not be used: hits of their time may still be on their way.
    pub over: Image,
    /// Markers in the set.
    pub total: u64,
    /// Of these, held back.
    pub quarantined: u64,
}

impl Inventory {
    /// Reads the catalogue. Nothing is in force while the declaration gate is not `open`.
    ///
    /// # Errors
    /// The store's.
    pub fn read(
        catalog: &mut db::Catalog,
        now: Timestamp,
        law: Law,
        open: bool,
    ) -> Result<Self, db::Error> {
        let (mut total, mut quarantined) = (0, 0);
        let (mut rows, mut over) = (Vec::new(), Vec::new());
        catalog.each_marker(|held| {
            total += 1;
            if held.standing.is_quarantined() {
                quarantined += 1;
                return;
            }
            let may = open && law.check(&held.marker).is_ok();
            let into = if may && held.marker.in_force(now) {
                &mut rows
            } else {
                &mut over
            };
            into.push(ImageRow {
                id: pattern_id(&held.marker.pattern),
                marker: held.marker,
            });
        })?;
        // What is stored was compiled before: two patterns of one id were refused then.
        let image = |rows| Image::new(rows).expect("the store holds no collision");
        Ok(Self {
            image: image(rows),
            over: image(over),
            total,
            quarantined,
        })
    }
}

fn unknown_id(line: u64) -> Refusal {
    Refusal {
        line,
        field: "id".into(),
        code: "unknown_id".into(),
        reason: "no marker has this id".into(),
    }
}
