//! What a file says of versions, against what is held: the newest counts, however it comes.

use std::collections::HashSet;

use super::{Error, Set, internal};
use crate::{
    markers::{Intake, first_id},
    model::{Held, MarkerId, Pap, Tlp},
};

/// What becomes of markers that are added.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Versions that are older than what is held: left out.
    pub stale: u64,
    /// Markers held that a newer version is without, or that were taken back.
    pub superseded: Vec<Held>,
}

/// Settles the versions of markers that are added, one indicator or attribute after the other.
pub(super) fn settle_added(set: &mut Set, intake: &mut Intake) -> Result<Settled, Error> {
    let mut settled = Settled::default();
    if !intake.has_versions() {
        return Ok(settled);
    }
    let order = by_id(intake);
    let (mut stale, mut stricter) = (HashSet::new(), Vec::new());
    for family in order.chunk_by(|one, other| family(intake, *one) == family(intake, *other)) {
        let held = held(set, family_of(intake, family[0]))?;
        let (modified, newest) = (intake.version(family[0]), newest(&held));
        if modified.zip(newest).is_some_and(|(new, held)| new < held) {
            settled.stale += family.len() as u64;
            stale.extend(family.iter().map(|at| intake.markers[*at].id.clone()));
            continue;
        }
        for one in held {
            let same = family
                .iter()
                .find(|at| intake.markers[**at].id == one.marker.id);
            match same {
                None => settled.superseded.push(one),
                Some(at) if modified.is_some() && modified == newest => {
                    stricter.push((*at, one.marker.tlp, one.marker.pap));
                }
                Some(_) => {}
            }
        }
    }
    for (at, tlp, pap) in stricter {
        join(intake, at, tlp, pap);
    }
    intake.retain(|marker| !stale.contains(&marker.id));
    for gone in std::mem::take(&mut intake.gone) {
        let held = held(set, intake.id_of(&gone))?;
        if held.is_empty() {
            continue;
        }
        let newest = newest(&held);
        if gone.ends(newest) {
            settled.superseded.extend(held);
        } else {
            settled.stale += u64::from(gone.modified < newest);
        }
    }
    Ok(settled)
}

/// The same of a file that is to be all there is: what it has in an older version stays as it is
/// held.
pub(super) fn settle_all(set: &mut Set, intake: &mut Intake) -> Result<u64, Error> {
    if !intake.has_versions() {
        return Ok(0);
    }
    let order = by_id(intake);
    let (mut at, mut stale, mut stricter) = (0, Vec::new(), Vec::new());
    set.catalog
        .each_version(|id, modified, tlp, pap| {
            let first = first_id(id);
            while order.get(at).is_some_and(|at| family(intake, *at) < first) {
                at += 1;
            }
            let same = order[at..]
                .iter()
                .take_while(|at| family(intake, **at) == first);
            for place in same.copied() {
                let version = intake.version(place);
                if version.is_some_and(|version| version < modified) {
                    stale.push(MarkerId::from(first));
                    break;
                }
                if version == Some(modified) && intake.markers[place].id == id {
                    stricter.push((place, tlp, pap));
                }
            }
        })
        .map_err(internal)?;
    for (place, tlp, pap) in stricter {
        join(intake, place, tlp, pap);
    }
    stale.dedup();
    let stale: HashSet<MarkerId> = stale.into_iter().collect();
    let all = intake.markers.len();
    if !stale.is_empty() {
        intake.retain(|marker| !stale.contains(first_id(&marker.id)));
    }
    let left_out = (all - intake.markers.len()) as u64;
    for first in stale {
        for mut one in held(set, first)? {
            // The cap is not the marker's own end: it is given anew.
            one.marker.until = one.marker.until.filter(|_| !one.capped);
            intake.keep_held(one.marker, one.modified);
        }
    }
    Ok(left_out)
}

fn by_id(intake: &Intake) -> Vec<usize> {
    let mut order: Vec<usize> = (0..intake.markers.len()).collect();
    order.sort_unstable_by_key(|at| &intake.markers[*at].id);
    order
}

fn family(intake: &Intake, at: usize) -> &str {
    first_id(&intake.markers[at].id)
}

fn family_of(intake: &Intake, at: usize) -> MarkerId {
    family(intake, at).into()
}

/// The markers of an indicator or attribute that are held.
fn held(set: &mut Set, first: MarkerId) -> Result<Vec<Held>, Error> {
    let mut held = set.catalog.family(&first).map_err(internal)?;
    held.retain(|one| first_id(&one.marker.id) == first);
    Ok(held)
}

fn newest(held: &[Held]) -> Option<crate::model::Moment> {
    held.iter().filter_map(|one| one.modified).max()
}

/// Of one version, the stricter of both markings counts.
fn join(intake: &mut Intake, at: usize, tlp: Tlp, pap: Pap) {
    let marker = &mut intake.markers[at];
    marker.tlp = marker.tlp.max(tlp);
    marker.pap = marker.pap.max(pap);
}
