//! A change of the marker set: whole or not at all, on disk, in the kernel and in the index.

use std::{collections::BTreeMap, time::Instant};

use super::{
    Error, Sensor, Set,
    envelopes::{mark_of, serial_of},
    grounds::{Orders, Starts},
    listing::status_of,
    tally::Tally,
};
use crate::{
    crypto::hex,
    dataplane::{self, DataPlane, Prepared, Way},
    db,
    envelope::Envelope,
    fault,
    hits::Index,
    journal::{Action, MarkersChange, Receipt},
    markers,
    model::{
        Actor, Image, Order, Standing,
        request::{Changed, Stage},
    },
};

/// What is to become of the set.
pub(super) struct Plan<'a> {
    /// The image afterwards.
    pub image: Image,
    /// The rows on disk.
    pub edit: db::Edit<'a>,
    /// Markers that are new or other than before.
    pub added: u64,
    /// Markers that were there and are gone or other.
    pub removed: u64,
    /// Markers in the set afterwards.
    pub tally: Tally,
    /// Rows whose time is to come, afterwards.
    pub starts: Starts,
    /// The orders afterwards; none when they are as before.
    pub orders: Option<Orders>,
    /// How it may go live.
    pub way: Way,
    /// What the journal says.
    pub action: Box<dyn FnOnce(MarkersChange) -> Action + 'a>,
    /// The signed envelope that it comes with.
    pub envelope: Option<&'a Envelope>,
}

/// Why an announced change did not happen.
#[derive(Debug, thiserror::Error)]
enum ChangeError {
    #[error(transparent)]
    Store(#[from] db::Error),
    #[error(transparent)]
    DataPlane(#[from] dataplane::Error),
    #[error(transparent)]
    Fault(#[from] fault::Fault),
    #[error("the generation was not built")]
    NotReady,
    #[error("the last step was refused: {0}")]
    LastStep(#[source] Box<ChangeError>),
}

impl ChangeError {
    const fn code(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::DataPlane(_) | Self::NotReady | Self::LastStep(_) => "data_plane",
            Self::Fault(_) => "fault",
        }
    }
}

impl From<ChangeError> for Error {
    fn from(error: ChangeError) -> Self {
        let told = format!("{error}; the old set stays in force");
        match error {
            ChangeError::DataPlane(
                dataplane::Error::TooLarge { .. } | dataplane::Error::DoesNotFit(_),
            ) => Self::Conflict(told),
            ChangeError::LastStep(_) => Self::Internal(format!(
                "{error}; the new set is stored, and the kernel is asked again until it takes it"
            )),
            _ => Self::Internal(told),
        }
    }
}

impl Sensor {
    /// Carries a plan out.
    pub(super) fn carry_out(
        &self,
        actor: &Actor,
        set: &mut Set,
        plan: Plan<'_>,
    ) -> Result<Changed, Error> {
        let done = self.carry_out_by(actor, set, plan);
        done.map(|(changed, _)| changed)
    }

    /// The same, with the receipt by which it was done.
    pub(super) fn carry_out_by(
        &self,
        actor: &Actor,
        set: &mut Set,
        plan: Plan<'_>,
    ) -> Result<(Changed, Receipt), Error> {
        let digest = hex(&markers::digest(&plan.image));
        let patterns = plan.image.count();
        let receipt = self.journal(
            actor,
            (plan.action)(MarkersChange {
                added: plan.added,
                removed: plan.removed,
                total: plan.tally.total,
                quarantined: plan.tally.quarantined,
                patterns,
                digest: digest.clone(),
                envelope: plan.envelope.map(mark_of),
            }),
        )?;
        // An order tells the entry that accepts it.
        let order = plan.edit.order.map(|order| Order {
            receipt: receipt.index(),
            ..order.clone()
        });
        let mut orders = plan.orders;
        if let Some((order, orders)) = order.as_ref().zip(orders.as_mut()) {
            orders.put(order.clone());
        }
        let edit = db::Edit {
            order: order.as_ref(),
            receipt: receipt.index(),
            serial: plan.envelope.map(serial_of),
            mark: Some(self.mark()),
            ..plan.edit
        };
        // The index goes first: a hit of the new generation must find its markers.
        let references = orders.as_ref().unwrap_or(&set.orders).references();
        let index = Index::with_orders(plan.image.clone(), references);
        let former = self.parts.live.put(index);
        let before = set.image.clone();
        let (catalog, plane) = (&mut set.catalog, &mut set.plane);
        let work = &self.work;
        let rows = edit.remove.len() + edit.put.len();
        work.enter(Stage::Storing, rows as u64);
        let mut ready: Option<Prepared> = None;
        let outcome: Result<(), ChangeError> =
            catalog.edit(edit, &|done| work.advance(done as u64), || {
                fault::point("stored")?;
                work.enter(Stage::Building, 0);
                let prepared = plane.prepare(&plan.image, plan.way)?;
                let generation = prepared.generation();
                ready = Some(prepared);
                fault::point("prepared")?;
                work.enter(Stage::Committing, 0);
                Ok(((), generation))
            });
        // The kernel last: an agent that dies before this leaves the old set matching everywhere.
        let outcome = match (outcome, ready) {
            (Ok(()), Some(prepared)) => Ok(live(plane, prepared, &receipt)),
            (outcome, ready) => {
                if let Some(Err(error)) = ready.map(|prepared| plane.take_back(prepared)) {
                    tracing::error!(%error, "pins of a generation that is not live are left");
                }
                Err(outcome.err().unwrap_or(ChangeError::NotReady))
            }
        };
        let last_step = match outcome {
            Ok(last_step) => last_step,
            Err(error) => {
                self.parts.live.put_back(former);
                self.journal_failure(actor, &receipt, error.code());
                return Err(error.into());
            }
        };
        // It is stored, so it is the set, whatever the kernel says to it.
        if let Some(envelope) = plan.envelope {
            self.note_accepted(actor, envelope, &receipt);
        }
        self.parts.live.tell_changed(&before, &plan.image);
        set.tally = plan.tally;
        set.starts = plan.starts;
        set.image = plan.image;
        if let Some(orders) = orders {
            set.orders = orders;
        }
        let told = status_of(set, self.admission());
        match last_step {
            Ok(gone) => {
                set.behind = None;
                self.note_gone(set, &gone);
            }
            Err(error) => {
                set.behind = Some(Instant::now());
                self.tell_markers(told);
                return Err(ChangeError::LastStep(Box::new(error)).into());
            }
        }
        let changed = Changed {
            markers: told.total,
            patterns,
            generation: set.plane.generation(),
            digest,
            added: plan.added,
            removed: plan.removed,
            duplicates: 0,
            stale: 0,
            ignored: 0,
            expired: told.over,
            not_yet: told.not_yet,
            unmatched: told.unmatched,
            barred: told.barred,
            quarantined: told.quarantined,
            held_back: Vec::new(),
            refused: Vec::new(),
            refused_total: 0,
            refused_codes: BTreeMap::new(),
            awaiting: 0,
            destroyed: 0,
            receipt: receipt.index(),
        };
        self.tell_markers(told);
        Ok((changed, receipt))
    }
}

/// Makes a prepared set live that is stored; names of interfaces found gone.
fn live(
    plane: &mut DataPlane,
    prepared: Prepared,
    receipt: &Receipt,
) -> Result<Vec<String>, ChangeError> {
    if let Err(error) = fault::point("committed") {
        plane.take_back(prepared)?;
        return Err(error.into());
    }
    Ok(plane.activate(prepared, receipt)?)
}

/// Keeps the number of the generation, so that it is given out once.
pub(super) fn keep_generation(set: &mut Set) {
    let generation = set.plane.generation();
    if let Err(error) = set.catalog.set_generation(generation) {
        tracing::warn!(%error, "the generation number was not kept");
    }
}

/// A marker whose standing nothing speaks against.
pub(super) const ACCEPTED: &Standing = &Standing::Accepted;
