//! What may come into force now: the declaration gate, the regime, the marking.

use super::grounds::Orders;
use crate::{
    legal::{Law, Objection},
    markers::pattern_id,
    model::{ImageRow, Marker, MarkerId, OrderNumber, canary, request::NotInForce},
};

/// What may come into force now.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    open: bool,
    law: Law,
    canary: bool,
}

impl Admission {
    /// Of the state of the gate, and the law as configured.
    #[must_use]
    pub const fn new(open: bool, law: Law) -> Self {
        Self {
            open,
            law,
            canary: false,
        }
    }

    /// The same, with or without the marker of the self-test.
    #[must_use]
    pub const fn with_canary(self, canary: bool) -> Self {
        Self { canary, ..self }
    }

    /// The marker of the self-test, where it is on: no catalogue has it.
    pub(super) fn canary(self) -> Option<ImageRow> {
        let marker = canary::marker();
        (self.open && self.canary).then(|| ImageRow {
            id: pattern_id(&marker.pattern),
            order: OrderNumber::OWN,
            marker,
        })
    }

    /// Whether the gate is open.
    pub(super) const fn is_open(self) -> bool {
        self.open
    }

    /// Why a row may not come into force, whatever its time.
    pub(super) fn bars(self, row: &ImageRow, orders: &Orders) -> Option<NotInForce> {
        if !self.open {
            return Some(NotInForce::Undeclared);
        }
        let signed = orders.is_signed(row.order);
        self.law.check_on(&row.marker, signed).err().map(why)
    }

    /// Whether regime or marking keep a marker out of force, on whatever ground it stands and
    /// whatever the time.
    pub(super) fn forbids(self, marker: &Marker, source: OrderNumber, orders: &Orders) -> bool {
        let signed = orders.any_signed(source, &marker.id);
        self.law.check_on(marker, signed).is_err()
    }
}

impl Orders {
    /// Whether an order came in a signed envelope; the operator's own ground did not.
    fn is_signed(&self, number: OrderNumber) -> bool {
        let order = self.get(number);
        order.is_some_and(|order| order.serial.is_some())
    }

    /// Whether any order that a marker is or was exploited for came in a signed envelope.
    fn any_signed(&self, source: OrderNumber, id: &MarkerId) -> bool {
        self.is_signed(source) || self.naming(id).any(|number| self.is_signed(number))
    }
}

const fn why(objection: Objection) -> NotInForce {
    match objection {
        Objection::PapRed => NotInForce::PapRed,
        Objection::Regime => NotInForce::Regime,
    }
}
