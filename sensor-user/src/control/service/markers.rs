//! Requests that change the marker set.

use std::{collections::BTreeMap, io::BufReader, sync::PoisonError};

use hyper::StatusCode;

use super::{
    Error, Sensor, Set,
    change::{ACCEPTED, Plan},
    compare::{Rules, adoption, clashes, compare, holds, inherited},
    grounds::{Orders, each_row},
    internal,
    tally::Cap,
    touched::{Touched, others},
    versions::{Settled, settle_added, settle_all},
};
use crate::{
    dataplane::Way,
    db::{self, Put},
    envelope::Envelope,
    journal::Action,
    markers::{self, Intake},
    model::{
        Actor, Held, Image, Marker, OrderNumber, Signed, Spool, Standing,
        request::{Changed, Failure, Format, HeldBack, Stage},
    },
};

/// Bytes of a file that are held while it is read.
const BUFFER: usize = 256 << 10;
/// A larger file is read while no other such file is, bytes.
const LARGE: u64 = 8 << 20;

impl Sensor {
    pub(super) fn markers_load(
        &self,
        actor: &Actor,
        format: Format,
        body: &Spool,
    ) -> Result<Changed, Error> {
        let _underway = self.work.begin();
        // Before the set is locked: what ends or comes in the meantime does not wait for it.
        let intake = self.read_own(format, body, 0)?;
        let mut set = self.set();
        self.replace(actor, &mut set, intake, None)
    }

    pub(super) fn markers_add(
        &self,
        actor: &Actor,
        format: Format,
        body: &Spool,
    ) -> Result<Changed, Error> {
        let _underway = self.work.begin();
        let intake = self.read_own(format, body, 0)?;
        let mut set = self.set();
        self.add(actor, &mut set, intake, None)
    }

    /// Makes these markers all that their issuer has here for the operator's own use, or all of the
    /// operator's own where no envelope brings them.
    pub(super) fn replace(
        &self,
        actor: &Actor,
        set: &mut Set,
        mut intake: Intake,
        envelope: Option<&Envelope>,
    ) -> Result<Changed, Error> {
        if nothing_left(&intake) {
            return Err(refused(intake));
        }
        self.work.enter(Stage::Checking, 0);
        intake.stale += settle_all(set, &mut intake)?;
        let (now, admission) = (self.now(), self.admission());
        let cap = Cap::new(now, self.longest_marker);
        let signed = envelope.map(signed_by);
        let rules = Rules {
            cap,
            admission,
            issuer: signed.as_ref().map(|signed| &*signed.issuer),
        };
        let (found, beside) = compare(set, &mut intake, rules, &|marker, held| {
            self.standing(marker, held)
        })?;
        if let Some(id) = &found.clash {
            return Err(clash(id));
        }
        if intake.markers.is_empty() && found.removed > 0 {
            return Err(no_markers(&intake));
        }
        let markers = &intake.markers;
        let orders = adopted(&set.orders, &found.adopted);
        let known = orders.as_ref().unwrap_or(&set.orders);
        let put_of = |at: usize| Put {
            marker: &markers[at],
            standing: found.standings.get(&at).unwrap_or(ACCEPTED),
            source: OrderNumber::OWN,
            capped: found.capped[at],
            modified: intake.version(at),
            signed: signed.as_ref(),
        };
        let (mut sorted, mut tally) = (others(set, &found, beside), found.others);
        for at in 0..markers.len() {
            let put = put_of(at);
            tally.add(put, known, admission);
            each_row(put, known, |row| drop(sorted.take(row, known, now)));
        }
        let mut put: Vec<Put<'_>> = found.put.iter().map(|at| put_of(*at as usize)).collect();
        let added = put.len() as u64;
        put.extend(found.inherited.iter().map(Put::held));
        sorted.rows.extend(admission.canary());
        let plan = Plan {
            image: Image::new(sorted.rows).map_err(collision)?,
            edit: db::Edit {
                clear_own: found.nothing_stays.then_some(rules.issuer),
                remove: &found.remove,
                put: &put,
                named: &found.adopted,
                ..db::Edit::default()
            },
            added,
            removed: found.removed,
            tally,
            starts: sorted.starts,
            orders,
            way: Way::Together,
            action: Box::new(Action::MarkersLoaded),
            envelope,
        };
        let changed = self.carry_out(actor, set, plan)?;
        let held_back = held_back(&found.standings, markers);
        Ok(told(changed, held_back, intake))
    }

    /// Adds these markers for the operator's own use; a marker of an id that is held takes its place,
    /// unless it is of an older version. What its producer took back goes.
    pub(super) fn add(
        &self,
        actor: &Actor,
        set: &mut Set,
        mut intake: Intake,
        envelope: Option<&Envelope>,
    ) -> Result<Changed, Error> {
        self.work.enter(Stage::Checking, 0);
        let now = self.now();
        let cap = Cap::new(now, self.longest_marker);
        let older = intake.stale;
        let Settled { stale, superseded } = settle_added(set, &mut intake)?;
        intake.stale += stale;
        if superseded.is_empty() && intake.stale == older && nothing_left(&intake) {
            return Err(refused(intake));
        }
        let mut markers = intake.take();
        markers.sort_unstable_by(|one, other| one.0.id.cmp(&other.0.id));
        let (mut before, mut after): (Vec<Held>, Vec<Held>) = (Vec::new(), Vec::new());
        let signed = envelope.map(signed_by);
        let issuer = signed.as_ref().map(|signed| &*signed.issuer);
        let mut adopts = Vec::new();
        for (mut marker, modified) in markers {
            let held = set.catalog.marker(&marker.id).map_err(internal)?;
            let capped = cap.apply(&mut marker, held.as_ref());
            let standing = self.standing(&marker, held.as_ref());
            if let Some(held) = held {
                let by = (issuer, now);
                if holds(&held, &marker, (&standing, capped, modified), by) {
                    continue;
                }
                if clashes(&held, &marker, &set.orders, issuer) {
                    return Err(clash(&marker.id));
                }
                if held.source != OrderNumber::OWN {
                    adopts.push(adoption(&held));
                }
                before.push(held);
            }
            after.push(Held {
                marker,
                standing,
                source: OrderNumber::OWN,
                capped,
                over: false,
                modified,
                signed: signed.clone(),
            });
        }
        let mut orders = adopted(&set.orders, &adopts);
        let mut remove = Vec::new();
        // An operator's file ends the operator's own use only, an issuer's what that issuer brought for
        // it; the authority's ends all.
        let all = envelope.is_some_and(|envelope| envelope.authority);
        let ends = |held: &Held| {
            let its = issuer.is_none() || held.issuer() == issuer;
            all || (held.source == OrderNumber::OWN && its)
        };
        for held in superseded {
            if !ends(&held) {
                continue;
            }
            let id = held.marker.id.clone();
            match set.orders.heir(&id).filter(|_| !all) {
                Some(order) => after.push(inherited(held.clone(), order, &set.orders)),
                None => {
                    remove.push(id.to_string());
                    orders.get_or_insert_with(|| set.orders.clone()).unname(&id);
                }
            }
            before.push(held);
        }
        let put: Vec<Put<'_>> = after.iter().map(Put::held).collect();
        let edit = db::Edit {
            put: &put,
            remove: &remove,
            named: &adopts,
            ..db::Edit::default()
        };
        let touched = Touched {
            before: &before,
            after: &after,
            orders,
            admission: self.admission(),
        };
        let plan = Plan {
            envelope,
            ..touched.plan(set, now, edit, Box::new(Action::MarkersAdded))?
        };
        let changed = self.carry_out(actor, set, plan)?;
        Ok(told(changed, held_back_of(&after), intake))
    }

    /// Whether something speaks against a marker, given what is held under its id: what was
    /// released for a pattern stays released.
    pub(super) fn standing(&self, marker: &Marker, held: Option<&Held>) -> Standing {
        let released = |held: &Held| {
            held.standing == Standing::Released && held.marker.pattern == marker.pattern
        };
        match self.hygiene.check(&marker.pattern) {
            None => Standing::Accepted,
            Some(_) if held.is_some_and(released) => Standing::Released,
            Some(concern) => Standing::Quarantined(concern),
        }
    }

    /// Reads a file of markers that no order brings: the operator's own, or an envelope's.
    pub(super) fn read_own(&self, format: Format, body: &Spool, at: u64) -> Result<Intake, Error> {
        let mut intake = self.read(format, body, at)?;
        if !intake.markers.is_empty() {
            self.check_gate()?;
            self.check_own()?;
            self.check_marking(format, &mut intake)?;
        }
        Ok(intake)
    }

    /// Reads a marker file that stands in a body from a byte on, telling how far it has come.
    pub(super) fn read(&self, format: Format, body: &Spool, at: u64) -> Result<Intake, Error> {
        // What a large file becomes is held in memory once, not once a request.
        let large = body.length() - at > LARGE;
        let _alone = large.then(|| self.reading.lock().unwrap_or_else(PoisonError::into_inner));
        let mut input = BufReader::with_capacity(BUFFER, body.reader_at(at));
        self.work.enter(Stage::Reading, body.length() - at);
        let limits = markers::Limits::default();
        let progress = |read| self.work.advance(read);
        let intake = markers::read(format, &mut input, &limits, &progress);
        match intake.fatal {
            true => Err(refused(intake)),
            false => Ok(intake),
        }
    }
}

/// Whether all that a file has is refused: it is no way to say that nothing is to stay.
pub(super) fn nothing_left(intake: &Intake) -> bool {
    intake.markers.is_empty() && intake.refused_total > 0
}

/// The refusal of a whole file.
pub(super) fn refused(intake: Intake) -> Error {
    Error::Refused {
        refusals: intake.refused,
        total: intake.refused_total,
        codes: intake.refused_codes,
    }
}

/// The refusal of a file that would leave nothing.
fn no_markers(intake: &Intake) -> Error {
    Error::Coded {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        code: "no_markers",
        reason: format!(
            "the file holds no marker ({} objects of other types were passed over), and loading it \
             would remove all of your own; nothing was changed: name markers that are to go to \
             sensorctl markers remove",
            intake.ignored
        ),
    }
}

/// The orders with markers that they brought and that are the operator's own from now on, too.
fn adopted(orders: &Orders, adopted: &[db::Named]) -> Option<Orders> {
    (!adopted.is_empty()).then(|| {
        let mut orders = orders.clone();
        for named in adopted {
            orders.name(named);
        }
        orders
    })
}

pub(super) fn told(changed: Changed, held_back: Vec<HeldBack>, intake: Intake) -> Changed {
    Changed {
        duplicates: intake.duplicates,
        stale: intake.stale,
        ignored: intake.ignored,
        held_back,
        refused: intake.refused,
        refused_total: intake.refused_total,
        refused_codes: intake.refused_codes,
        ..changed
    }
}

fn clash(id: &str) -> Error {
    Error::Conflict(format!(
        "marker {id} is exploited for an order, or was brought by another issuer, with another \
         pattern; give the new one another id"
    ))
}

/// What is kept of an envelope with its markers.
fn signed_by(envelope: &Envelope) -> Signed {
    Signed {
        issuer: envelope.manifest.issuer.as_str().into(),
        serial: envelope.manifest.serial,
    }
}

/// Those of these that are held back, with the reason.
pub(super) fn held_back_of(held: &[Held]) -> Vec<HeldBack> {
    let quarantined = held.iter().filter_map(|held| match &held.standing {
        Standing::Quarantined(code) => Some(told_back(&held.marker, code)),
        _ => None,
    });
    quarantined.take(Failure::MOST_REFUSALS).collect()
}

fn told_back(marker: &Marker, code: &str) -> HeldBack {
    HeldBack {
        id: marker.id.to_string(),
        code: markers::code_of(code).into(),
        reason: markers::reason_of(code).into_owned(),
    }
}

/// The first markers that are held back, with the reason.
fn held_back(standings: &BTreeMap<usize, Standing>, markers: &[Marker]) -> Vec<HeldBack> {
    let quarantined = standings
        .iter()
        .filter_map(|(at, standing)| match standing {
            Standing::Quarantined(code) => Some(told_back(&markers[*at], code)),
            _ => None,
        });
    quarantined.take(Failure::MOST_REFUSALS).collect()
}

pub(super) fn collision(error: crate::model::Collision) -> Error {
    Error::Conflict(error.to_string())
}
