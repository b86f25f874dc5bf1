//! The authority's orders: accepted, listed, withdrawn.

mod manifest;

use std::collections::HashMap;

use jiff::Timestamp;

use super::{
    Error, Sensor, Set,
    change::Plan,
    grounds::Orders,
    internal,
    markers::{self, held_back_of, nothing_left, told},
    touched::Touched,
};
use crate::{
    db::{self, Put},
    envelope::Envelope,
    journal::{Action, MarkersChange, OrderChange},
    markers::Intake,
    model::{
        Actor, Brought, Held, Marker, MarkerId, Moment, Order, OrderTerms, Spool,
        request::{OrderChanged, OrderRow, Page, Rows, Stage},
    },
};
use manifest::{Manifest, refused};

/// The markers that an order is about.
#[derive(Default)]
struct About {
    /// Those held before, as they are.
    before: Vec<Held>,
    /// All of them, afterwards.
    after: Vec<Held>,
    /// Those held before, for the order.
    named: Vec<db::Named>,
    /// Those of ended orders whose ids it uses for other patterns.
    replaced: Vec<Held>,
}

impl About {
    fn name(&mut self, held: Held, order: &Order, brought: Option<Brought>) {
        self.named.push(db::Named {
            marker: held.marker.id.clone(),
            order: order.number,
            brought,
        });
        self.before.push(held);
    }
}

impl Sensor {
    /// Accepts an order that somebody submits by hand: its markers are exploited from its start to
    /// its end.
    pub(super) fn orders_submit(&self, actor: &Actor, body: &Spool) -> Result<OrderChanged, Error> {
        let _underway = self.work.begin();
        let accepted = self.orders_submit_by_hand(actor, body);
        accepted.or_else(|error| Err(self.refused_order(actor, error)?))
    }

    fn orders_submit_by_hand(&self, actor: &Actor, body: &Spool) -> Result<OrderChanged, Error> {
        let (line, file) = manifest::split(body)?;
        let manifest = Manifest::read(&line, self.now())?;
        self.check_own()?;
        let intake = self.read_order(&manifest, file.map(|at| (body, at)))?;
        self.accept(actor, &mut self.set(), manifest, intake, None)
    }

    /// Journals that an order submitted by hand was refused; a failure of ours is none.
    fn refused_order(&self, actor: &Actor, error: Error) -> Result<Error, Error> {
        if !error.status().is_server_error() {
            let code = error.code().into();
            let _receipt = self.journal(actor, Action::OrderRefused { code })?;
        }
        Ok(error)
    }

    /// Accepts the order of a verified envelope of the authority, its markers in the content.
    pub(super) fn orders_submit_signed(
        &self,
        actor: &Actor,
        set: &mut Set,
        (envelope, terms): (&Envelope, &OrderTerms),
        intake: Intake,
    ) -> Result<OrderChanged, Error> {
        let manifest = Manifest::of(terms, &envelope.manifest, self.now())?;
        self.accept(actor, set, manifest, intake, Some(envelope))
    }

    /// Reads the markers of an order in a verified envelope, before the set is locked.
    pub(super) fn read_signed_order(
        &self,
        (envelope, terms): (&Envelope, &OrderTerms),
        body: &Spool,
    ) -> Result<Intake, Error> {
        let manifest = Manifest::of(terms, &envelope.manifest, self.now())?;
        let file = (envelope.manifest.content_length > 0).then_some((body, envelope.content_at));
        self.read_order(&manifest, file)
    }

    /// Reads the markers of an order; its file stands in a body from a byte on.
    fn read_order(
        &self,
        manifest: &Manifest,
        file: Option<(&Spool, u64)>,
    ) -> Result<Intake, Error> {
        self.check_gate()?;
        self.check_order(manifest.pap)?;
        let mut intake = match file {
            None => Intake::default(),
            Some((body, at)) => self.read(manifest.format, body, at)?,
        };
        if !intake.markers.is_empty() {
            self.check_marking(manifest.format, &mut intake)?;
        }
        if nothing_left(&intake) {
            return Err(markers::refused(intake));
        }
        Ok(intake)
    }

    /// Accepts an order with what its file holds.
    fn accept(
        &self,
        actor: &Actor,
        set: &mut Set,
        manifest: Manifest,
        mut intake: Intake,
        envelope: Option<&Envelope>,
    ) -> Result<OrderChanged, Error> {
        let now = self.now();
        let known = set.orders.by_reference(&manifest.reference);
        let renamed = match known {
            // What somebody typed is no reason to refuse what the authority signed.
            Some(known) if known.serial.is_none() && envelope.is_some() => Some((
                known.number,
                format!("{} (by hand, {})", known.reference, known.number.0),
            )),
            Some(known) => {
                return Err(Error::Conflict(format!(
                    "order {} was submitted before; an order is accepted once",
                    known.reference
                )));
            }
            None => None,
        };
        self.work.enter(Stage::Checking, 0);
        let order = Order {
            number: set.orders.next_number(),
            acknowledged: now.into(),
            ..manifest.order()
        };
        let brought = intake.take();
        let About {
            mut before,
            after,
            named: names,
            replaced,
        } = self.about(set, &order, brought, &manifest.names)?;
        if after.is_empty() {
            return Err(refused(
                "markers",
                "no_markers",
                "the order neither brings markers nor names any that are held",
            ));
        }
        let removed = replaced.len() as u64;
        before.extend(replaced);
        let mut orders = set.orders.clone();
        if let Some((number, reference)) = &renamed
            && let Some(order) = orders.get_mut(*number)
        {
            order.reference.clone_from(reference);
        }
        orders.put(order.clone());
        for named in &names {
            orders.name(named);
        }
        let others = after.iter().filter(|held| held.source == order.number);
        let put: Vec<Put<'_>> = others.map(Put::held).collect();
        let edit = db::Edit {
            put: &put,
            order: Some(&order),
            renamed: renamed.as_ref(),
            named: &names,
            ..db::Edit::default()
        };
        let touched = Touched {
            before: &before,
            after: &after,
            orders: Some(orders),
            admission: self.admission(),
        };
        let change = order_change(&order, names.len());
        let renamed = renamed.as_ref().map(|(_, reference)| reference.clone());
        let action = Box::new(move |change_of| {
            Action::OrderAccepted(OrderChange {
                renamed,
                ..change(change_of)
            })
        });
        let plan = Plan {
            added: put.len() as u64,
            removed,
            envelope,
            ..touched.plan(set, now, edit, action)?
        };
        let changed = self.carry_out(actor, set, plan)?;
        let change = told(changed, held_back_of(&after), intake);
        let order = set.orders.get(order.number).cloned().unwrap_or(order);
        Ok(OrderChanged {
            order: row(set, &order, now)?,
            change,
        })
    }

    /// The markers that an order is about: those that it names, and those that it brings. One that it
    /// brings and that is held is exploited for the order as the order says.
    fn about(
        &self,
        set: &mut Set,
        order: &Order,
        brought: Vec<(Marker, Option<Moment>)>,
        names: &[String],
    ) -> Result<About, Error> {
        let mut about = About::default();
        let mut places: HashMap<MarkerId, usize> = HashMap::new();
        for (at, id) in names.iter().enumerate() {
            let Some(held) = set.catalog.marker(id).map_err(internal)? else {
                return Err(manifest::unknown(at));
            };
            places.insert(held.marker.id.clone(), at);
            about.name(held, order, None);
        }
        for (marker, modified) in brought {
            let terms = Some(Brought::said(&marker));
            let place = places.get(&marker.id).copied();
            let held = match place {
                Some(at) => Some(about.before[at].clone()),
                None => set.catalog.marker(&marker.id).map_err(internal)?,
            };
            match held {
                Some(held) if held.marker.pattern == marker.pattern => {
                    match place {
                        Some(at) => about.named[at].brought = terms,
                        None => about.name(held, order, terms),
                    }
                    continue;
                }
                // An order that has ended holds its markers' ids for nothing.
                Some(held) if place.is_none() && set.orders.let_go(&held) => {
                    about.replaced.push(held);
                }
                Some(_) => {
                    return Err(Error::Conflict(format!(
                        "marker {} is held with another pattern; the order is not accepted",
                        marker.id
                    )));
                }
                None => {}
            }
            let standing = self.standing(&marker, None);
            about.after.push(Held {
                marker,
                standing,
                source: order.number,
                capped: false,
                over: false,
                modified,
                signed: None,
            });
        }
        about.after.extend(about.before.iter().cloned());
        Ok(about)
    }

    /// Ends an order before its time. Its markers are kept as withdrawn.
    pub(super) fn orders_withdraw(
        &self,
        actor: &Actor,
        reference: &str,
    ) -> Result<OrderChanged, Error> {
        let _underway = self.work.begin();
        let mut set = self.set();
        let now = self.now();
        let order = find(&set.orders, reference)?.clone();
        if !order.lives() || order.end <= Moment::from(now) {
            return Err(Error::Conflict(
                "the order has ended already; there is nothing to withdraw".into(),
            ));
        }
        let mut held = set.catalog.brought_by(order.number).map_err(internal)?;
        let names: Vec<_> = set.orders.named_by(order.number).cloned().collect();
        for id in &names {
            let one = set.catalog.marker(id).map_err(internal)?;
            held.extend(one.filter(|one| one.source != order.number));
        }
        let mut orders = set.orders.clone();
        let withdrawn = Moment::from(now);
        if let Some(order) = orders.get_mut(order.number) {
            order.withdrawn = Some(withdrawn);
        }
        let edit = db::Edit {
            withdraw: Some((order.number, withdrawn)),
            ..db::Edit::default()
        };
        let touched = Touched {
            before: &held,
            after: &held,
            orders: Some(orders),
            admission: self.admission(),
        };
        let change = order_change(&order, names.len());
        let action = Box::new(move |change_of| Action::OrderWithdrawn(change(change_of)));
        let mut plan = touched.plan(&set, now, edit, action)?;
        (plan.added, plan.removed) = (0, 0);
        let change = self.carry_out(actor, &mut set, plan)?;
        let order = find(&set.orders, reference)?.clone();
        Ok(OrderChanged {
            order: row(&mut set, &order, now)?,
            change,
        })
    }

    pub(super) fn orders_list(&self, page: &Page) -> Result<Rows<OrderRow>, Error> {
        let mut set = self.set();
        let now = self.now();
        let after = match page.after.as_deref() {
            None => 0,
            Some(reference) => find(&set.orders, reference)?.number.0,
        };
        let orders: Vec<Order> = set
            .orders
            .iter()
            .filter(|order| order.number.0 > after)
            .take(page.limit as usize)
            .cloned()
            .collect();
        let rows = orders.iter().map(|order| row(&mut set, order, now));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let full = rows.len() == page.limit as usize;
        let next = rows.last().map(|row| row.reference.clone());
        Ok(Rows {
            next: next.filter(|_| full),
            rows,
        })
    }

    pub(super) fn orders_show(&self, reference: &str) -> Result<OrderRow, Error> {
        let mut set = self.set();
        let order = find(&set.orders, reference)?.clone();
        row(&mut set, &order, self.now())
    }
}

fn find<'a>(orders: &'a Orders, reference: &str) -> Result<&'a Order, Error> {
    let found = orders.by_reference(reference);
    found.ok_or_else(|| Error::NotFound("no order has this reference".into()))
}

/// What the journal says of an order, around what changes.
fn order_change(order: &Order, named: usize) -> impl FnOnce(MarkersChange) -> OrderChange + use<> {
    let order = order.clone();
    move |change| OrderChange {
        reference: order.reference,
        issuer: order.issuer,
        start: order.start.into(),
        end: order.end.into(),
        named: named as u64,
        renamed: None,
        change,
    }
}

fn row(set: &mut Set, order: &Order, now: Timestamp) -> Result<OrderRow, Error> {
    Ok(OrderRow {
        reference: order.reference.clone(),
        issuer: order.issuer.clone(),
        threat_reference: order.threat_reference.clone(),
        start: order.start,
        end: order.end,
        tlp: order.tlp,
        pap: order.pap,
        state: order.state(now),
        acknowledged: order.acknowledged,
        receipt: order.receipt,
        serial: order.serial,
        withdrawn: order.withdrawn,
        markers: set.catalog.count_brought(order.number).map_err(internal)?,
        named: set.orders.named_by(order.number).count() as u64,
    })
}
