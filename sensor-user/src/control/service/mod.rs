//! Where every change of the system starts: authorised, journalled, done, answered.

mod admission;
mod breakers;
mod canary;
mod casework;
mod change;
mod compare;
mod coverage;
mod declaration;
mod envelopes;
mod events;
mod grounds;
mod handle;
mod interfaces;
mod inventory;
mod journal;
mod listing;
mod markers;
mod orders;
mod readings;
mod release;
mod remove;
mod requests;
mod retention;
mod sinks;
mod status;
mod tally;
mod time;
mod touched;
mod versions;
mod work;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::broadcast;

use readings::Readings;
use work::Work;

use super::Error;
use crate::{
    clock,
    dataplane::{Counts, DataPlane, InterfaceSlot},
    db::{Breaker, Catalog, Mark, Over},
    envelope::Issuers,
    events::Store,
    hits::Live,
    journal::{Action, Error as JournalError, Journal, Receipt},
    legal::{Gate, Law},
    lent::Noted,
    markers::Hygiene,
    metrics::Metrics,
    model::{
        Actor, Event, Image, Role,
        request::{BreakerStatus, InterfaceStatus, MarkerStatus},
    },
};

pub use admission::Admission;
pub use breakers::BreakerPolicy;
use canary::Canary;
pub use grounds::{Orders, Starts};
pub use inventory::Inventory;
pub use requests::{AdaptorError, Clock, Desk, DeskError, DeskParts, Judged};
pub use sinks::KnownSink;
pub use tally::Tally;

/// Pause after the kernel refused a set that is stored.
const BEHIND_RETRY: Duration = Duration::from_secs(30);
/// Pause after patterns that are over could not be taken out.
const EXPIRE_RETRY: Duration = Duration::from_secs(300);

/// The service over the real parts.
pub struct Sensor {
    facts: Facts,
    parts: Parts,
    /// One change at a time; held for the whole of a load.
    set: Mutex<Set>,
    /// What status tells without waiting for a change under way.
    told: RwLock<Told>,
    work: Arc<Work>,
    /// One large file is read at a time.
    reading: Mutex<()>,
    hygiene: Hygiene,
    policy: BreakerPolicy,
    issuers: Issuers,
    law: Law,
    canary: Canary,
    gate: RwLock<Gate>,
    longest_marker: Duration,
    clock: Mutex<clock::Watch>,
    /// When events that are over were last looked for.
    swept: Mutex<Option<Instant>>,
    /// Counts of destroyed events are told by one at a time.
    telling: Mutex<()>,
    /// Removals of false positives whose events are there still.
    condemned: Mutex<Vec<remove::Condemned>>,
    /// Destructions are begun in the order in which they are announced.
    announcing: Mutex<()>,
    /// A connection of its own: reading events never waits for storing them.
    reader: Mutex<Store>,
    overseer: Mutex<Store>,
    /// Readings of the journal by oversight that are not journalled yet.
    readings: Mutex<Readings>,
    /// Where the authority's requests come in.
    desk: Desk,
}

/// What never changes while the agent runs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Name of the sensor.
    pub sensor: String,
    /// Version of the agent.
    pub version: &'static str,
    /// Release of the kernel.
    pub kernel: String,
    /// Clock of deadlines and records.
    pub clock: &'static str,
    /// When the agent started.
    pub started: Timestamp,
}

/// What the service shares with the loop that consumes hits.
#[derive(Clone)]
pub struct Parts {
    /// The journal.
    pub journal: Arc<Journal>,
    /// Indexes, subscribers, accounts.
    pub live: Arc<Live>,
    /// Kernel counters.
    pub counts: Arc<Counts>,
    /// Revisions of events as they are stored.
    pub tail: broadcast::Sender<Arc<Event>>,
    /// The sinks.
    pub sinks: Vec<KnownSink>,
    /// What became of what the kernel lent.
    pub inspected: Arc<Noted>,
    /// Series.
    pub metrics: Arc<Metrics>,
}

/// What a change works on.
pub struct Set {
    /// Markers on disk.
    pub catalog: Catalog,
    /// The kernel's side.
    pub plane: DataPlane,
    /// Markers in force.
    pub image: Image,
    /// Rows whose time is to come.
    pub starts: Starts,
    /// Markers on disk.
    pub tally: Tally,
    /// Orders on disk.
    pub orders: Orders,
    /// Circuit breakers that are open.
    pub breakers: Vec<Breaker>,
    /// Configured interfaces.
    pub interfaces: Vec<Watched>,
    /// When to try again to take out what is over.
    pub retry: Option<Instant>,
    /// When the clock's high-water mark was last kept.
    pub mark_kept: Option<Instant>,
    /// What is over and not noted on disk yet.
    pub unnoted: Over,
    /// When to try again to bring the image into the kernel, which has a former one.
    pub behind: Option<Instant>,
}

/// A configured interface.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Name, slot and mode.
    pub slot: InterfaceSlot,
    /// Whether it should be attached; false after a detach that somebody asked for.
    pub wanted: bool,
    /// Why it is not attached, in words.
    pub trouble: Option<String>,
    /// When to try again after a failure, and the pause before that.
    pub retry: Option<(Instant, Duration)>,
}

/// What decides whether and when something is in force.
pub struct Rules {
    /// What is held back.
    pub hygiene: Hygiene,
    /// When circuit breakers open and close by themselves.
    pub breakers: BreakerPolicy,
    /// Whose envelopes are taken.
    pub issuers: Issuers,
    /// Which markers may be used.
    pub law: Law,
    /// How often the self-test runs; it is off without.
    pub canary: Option<Duration>,
    /// The declaration.
    pub gate: Gate,
    /// How long a marker is in force when nobody says until when.
    pub longest_marker: Duration,
    /// The time that never goes back.
    pub watch: clock::Watch,
}

struct Told {
    markers: MarkerStatus,
    breakers: Vec<BreakerStatus>,
    interfaces: Vec<InterfaceStatus>,
}

impl Sensor {
    /// Over parts that are ready; nothing is attached yet.
    #[must_use]
    pub fn new(
        facts: Facts,
        parts: Parts,
        set: Set,
        [reader, overseer]: [Store; 2],
        rules: Rules,
        desk: Desk,
    ) -> Self {
        let admission = Admission::new(rules.gate.check().is_ok(), rules.law)
            .with_canary(rules.canary.is_some());
        let markers = listing::status_of(&set, admission);
        let sensor = Self {
            facts,
            parts,
            set: Mutex::new(set),
            told: RwLock::new(Told {
                markers,
                breakers: Vec::new(),
                interfaces: Vec::new(),
            }),
            work: Arc::default(),
            reading: Mutex::default(),
            hygiene: rules.hygiene,
            policy: rules.breakers,
            issuers: rules.issuers,
            law: rules.law,
            canary: Canary::new(rules.canary),
            gate: RwLock::new(rules.gate),
            longest_marker: rules.longest_marker,
            clock: Mutex::new(rules.watch),
            swept: Mutex::default(),
            telling: Mutex::default(),
            condemned: Mutex::default(),
            announcing: Mutex::default(),
            reader: Mutex::new(reader),
            overseer: Mutex::new(overseer),
            readings: Mutex::default(),
            desk,
        };
        let set = sensor.set();
        sensor.tell_interfaces(&set);
        sensor.tell_breakers(&set, Vec::new());
        drop(set);
        sensor
    }

    fn set(&self) -> MutexGuard<'_, Set> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn journal(&self, actor: &Actor, action: Action) -> Result<Receipt, Error> {
        self.parts
            .journal
            .append(actor, action)
            .map_err(from_journal)
    }

    /// How far the journal is: kept with every change of the catalogue, so that a start can tell
    /// what the catalogue does not know.
    fn mark(&self) -> Mark {
        Mark::from(self.parts.journal.head())
    }

    /// Journals, before the agent stops, what was only counted so far.
    pub fn tell_counted(&self) {
        if let Err(error) = self.desk.tell_counted(true) {
            tracing::warn!(%error, "refusals that were counted could not be journalled");
        }
    }

    /// Journals that what a receipt announced did not happen.
    fn journal_failure(&self, actor: &Actor, of: &Receipt, code: &str) {
        let action = Action::Failed {
            of: of.index(),
            code: code.into(),
        };
        if let Err(error) = self.parts.journal.append_reserved(actor, action) {
            tracing::error!(%error, "the failure of a change could not be journalled");
        }
    }
}

/// The agent itself: start-up, timers, what the kernel did.
#[must_use]
pub fn agent() -> Actor {
    Actor {
        uid: rustix::process::getuid().as_raw(),
        role: Role::Agent,
    }
}

fn from_journal(error: JournalError) -> Error {
    match error {
        JournalError::Full { .. } => Error::Unavailable(error.to_string()),
        error => Error::Internal(error.to_string()),
    }
}

fn internal(error: impl ToString) -> Error {
    Error::Internal(error.to_string())
}
