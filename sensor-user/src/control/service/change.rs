//! A change of the marker set: whole or not at all, on disk, in the kernel and in the index.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use jiff::Timestamp;

use super::{
    Error, Sensor, Set,
    envelopes::{mark_of, serial_of},
    grounds::{Orders, Starts},
    listing::status_of,
    tally::Tally,
};
use crate::{
    crypto::hex,
    dataplane::{self, Prepared, Way},
    db,
    envelope::Envelope,
    fault,
    hits::Index,
    journal::{Action, MarkersChange, Receipt},
    markers,
    model::{
        Actor, Image, Order, Standing,
        request::{Changed, Progress, Stage},
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
    #[error("the kernel refused the last step: {0}")]
    LastStep(#[source] dataplane::Error),
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
                "{error}; the old set stays in force until the agent is restarted, the new one is stored"
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
        let head = self.parts.journal.head();
        let edit = db::Edit {
            order: order.as_ref(),
            receipt: receipt.index(),
            serial: plan.envelope.map(serial_of),
            mark: Some(db::Mark {
                size: head.size,
                root: head.root,
            }),
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
            (Ok(()), Some(prepared)) => {
                let committed = fault::point("committed").map_err(ChangeError::from);
                committed.and_then(|()| {
                    plane
                        .activate(prepared, &receipt)
                        .map_err(ChangeError::LastStep)
                })
            }
            (outcome, ready) => {
                if let Some(Err(error)) = ready.map(|prepared| plane.take_back(prepared)) {
                    tracing::error!(%error, "pins of a generation that is not live are left");
                }
                Err(outcome.err().unwrap_or(ChangeError::NotReady))
            }
        };
        let gone = match outcome {
            Ok(gone) => gone,
            Err(error) => {
                self.parts.live.put_back(former);
                self.journal_failure(actor, &receipt, error.code());
                return Err(error.into());
            }
        };
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
        self.note_gone(set, &gone);
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

/// Keeps the number of the generation, so that it is given out once.
pub(super) fn keep_generation(set: &mut Set) {
    let generation = set.plane.generation();
    if let Err(error) = set.catalog.set_generation(generation) {
        tracing::warn!(%error, "the generation number was not kept");
    }
}

/// How far a change has come; told without waiting for it.
#[derive(Default)]
pub(super) struct Work {
    stage: RwLock<Option<(Stage, Timestamp)>>,
    done: AtomicU64,
    total: AtomicU64,
}

/// While it lives, a change is under way.
pub(super) struct Underway(Arc<Work>);

impl Work {
    pub(super) fn begin(self: &Arc<Self>) -> Underway {
        let mut stage = self.stage.write().unwrap_or_else(PoisonError::into_inner);
        *stage = Some((Stage::Reading, Timestamp::now()));
        Underway(Arc::clone(self))
    }

    pub(super) fn enter(&self, next: Stage, total: u64) {
        self.done.store(0, Relaxed);
        self.total.store(total, Relaxed);
        let mut stage = self.stage.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((stage, _)) = &mut *stage {
            *stage = next;
        }
    }

    pub(super) fn advance(&self, done: u64) {
        self.done.store(done, Relaxed);
    }

    pub(super) fn progress(&self) -> Option<Progress> {
        let stage = *self.stage.read().unwrap_or_else(PoisonError::into_inner);
        stage.map(|(stage, since)| Progress {
            stage,
            done: self.done.load(Relaxed),
            total: self.total.load(Relaxed),
            since,
        })
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        *self.0.stage.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A marker whose standing nothing speaks against.
pub(super) const ACCEPTED: &Standing = &Standing::Accepted;
