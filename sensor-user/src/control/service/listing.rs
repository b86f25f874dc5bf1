//! What is told of markers: lists, one, and counts.

use std::collections::HashSet;

use super::{
    Error, Sensor, Set,
    admission::Admission,
    grounds::{Orders, not_in_force},
    internal,
    tally::Tally,
};
use crate::{
    crypto::hex,
    journal::Action,
    markers::{self, pattern_id},
    model::{
        Actor, Held, PatternKind,
        request::{KindCount, MarkerRow, MarkerSource, MarkerStatus, Page, Rows},
    },
};

impl Sensor {
    pub(super) fn markers_list(
        &self,
        actor: &Actor,
        page: &Page,
        quarantined: bool,
    ) -> Result<Rows<MarkerRow>, Error> {
        let rows = {
            let mut set = self.set();
            let held = set
                .catalog
                .page(page.after.as_deref(), page.limit, quarantined)
                .map_err(internal)?;
            let approvals = set.catalog.approvals().map_err(internal)?;
            let (now, admission) = (self.now(), self.admission());
            let row = |held: Held| Row {
                approved_by: approvals.get(&held.marker.id).copied(),
                held,
            };
            let rows = held.into_iter().map(row);
            let rows = rows.map(|row| row.told(&set.orders, now, admission));
            rows.collect::<Vec<_>>()
        };
        let _receipt = self.journal(
            actor,
            Action::MarkersRead {
                rows: rows.len() as u64,
            },
        )?;
        let next = (rows.len() == page.limit as usize)
            .then(|| rows.last().map(|row| row.marker.id.to_string()))
            .flatten();
        Ok(Rows { rows, next })
    }

    pub(super) fn markers_show(&self, actor: &Actor, id: &str) -> Result<MarkerRow, Error> {
        let found = {
            let mut set = self.set();
            let held = set.catalog.marker(id).map_err(internal)?;
            let approvals = set.catalog.approvals().map_err(internal)?;
            let row = held.map(|held| Row {
                approved_by: approvals.get(&held.marker.id).copied(),
                held,
            });
            row.map(|row| row.told(&set.orders, self.now(), self.admission()))
        };
        let row = found.ok_or_else(|| Error::NotFound("no marker has this id".into()))?;
        let _receipt = self.journal(actor, Action::MarkersRead { rows: 1 })?;
        Ok(row)
    }
}

/// A marker as it is held, and who approved its release.
struct Row {
    held: Held,
    approved_by: Option<u32>,
}

impl Row {
    fn told(self, orders: &Orders, now: jiff::Timestamp, admission: Admission) -> MarkerRow {
        let Self { held, approved_by } = self;
        let why = not_in_force(&held, orders, now, admission);
        let mut marker = held.marker;
        let mut references = Vec::new();
        for order in orders.of(held.source, &marker.id) {
            references.push(order.reference.clone());
            // One that brought it may have marked it more strictly.
            if let Some(brought) = orders.brought(&marker.id, order.number) {
                (marker.tlp, marker.pap) =
                    (marker.tlp.max(brought.tlp), marker.pap.max(brought.pap));
            }
        }
        let ordered = orders.get(held.source).map(|order| MarkerSource {
            order: Some(order.reference.clone()),
            issuer: order.issuer.clone(),
            serial: order.serial,
        });
        let signed = held.signed.map(|signed| MarkerSource {
            order: None,
            issuer: signed.issuer.into(),
            serial: Some(signed.serial),
        });
        MarkerRow {
            pattern_id: pattern_id(&marker.pattern).to_string(),
            in_force: why.is_none(),
            not_in_force: why,
            standing: held.standing.code().map(str::to_owned),
            approved_by,
            source: ordered.or(signed),
            orders: references,
            capped: held.capped,
            marker,
        }
    }
}

/// What status tells of the set.
pub(super) fn status_of(set: &Set, admission: Admission) -> MarkerStatus {
    let Tally {
        total,
        quarantined,
        unmatched,
        barred,
    } = set.tally;
    let barred = match admission.is_open() {
        true => barred,
        // Nothing is in force, whatever its dates.
        false => total - quarantined - unmatched,
    };
    let waiting: HashSet<&str> = set.starts.iter().map(|(_, id, _)| &**id).collect();
    let not_yet = waiting.len() as u64;
    let others = quarantined + unmatched + barred + not_yet + set.image.markers();
    MarkerStatus {
        total,
        quarantined,
        unmatched,
        barred,
        not_yet,
        // One that waits for one ground and is in force on another counts twice.
        over: total.saturating_sub(others),
        in_force: PatternKind::ALL
            .into_iter()
            .filter(|kind| kind.matchable())
            .map(|kind| KindCount {
                kind,
                count: set.image.count_of(kind),
            })
            .collect(),
        generation: set.plane.generation(),
        digest: hex(&markers::digest(&set.image)),
    }
}
