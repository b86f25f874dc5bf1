//! The desk: where the authority's requests come in, are judged by two persons, and answered.
//!
//! It has the events, the journal and a store of its own; it has no marker, no catalogue and no
//! configuration that it could change. Each step is journalled first, then kept, then done; what a
//! crash leaves between the two is found at the next start ([`Desk::recover`]) and journalled as what
//! it is.

mod adaptor;
mod clear;
mod decide;
mod disclose;
mod export;
mod judged;
mod listing;
mod notices;
mod outcome;
mod recover;
mod refusals;
mod strays;
mod submit;
mod turn;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use hyper::StatusCode;
use jiff::Timestamp;

use adaptor::Adaptor;
pub use adaptor::AdaptorError;
pub use judged::{Clock, Judged};
use refusals::Refusals;
use turn::{Taken, Turn};

use super::{Error, from_journal, internal};
use crate::{
    config::{self, Account},
    control::accounts::Accounts,
    crypto::{self, AgeRecipient},
    db::{self, Case},
    envelope::{Issuers, SignerKey},
    events::Store,
    journal::{Action, Journal, Receipt, RequestEntry, RequestStep, RequestsPast},
    legal::Stage,
    model::{
        Actor, EventRow, RequestType,
        request::{Approve, Capacity, Reply, Request},
    },
};

/// What the desk is made of.
pub struct DeskParts {
    /// Name of the sensor.
    pub sensor: String,
    /// Directory of its store.
    pub state: PathBuf,
    /// What is configured.
    pub config: config::Requests,
    /// Whose requests are taken.
    pub issuers: Issuers,
    /// The sensor's key: signs what is disclosed.
    pub signer: SignerKey,
    /// The journal.
    pub journal: Arc<Journal>,
    /// A handle on the events of its own.
    pub events: Store,
}

/// The desk.
pub struct Desk {
    sensor: String,
    config: config::Requests,
    recipients: Recipients,
    issuers: Issuers,
    signer: SignerKey,
    journal: Arc<Journal>,
    db: Mutex<db::Requests>,
    events: Mutex<Store>,
    /// One change at a time.
    one: Turn,
    /// The operator's subscriber system.
    adaptor: Option<Adaptor>,
    /// The agent stops: nobody waits for the subscriber system any more.
    stopping: AtomicBool,
    /// When requests whose time is over were last looked for.
    swept: Mutex<Option<Instant>>,
    /// Whose refusals are told of.
    refusals: Mutex<Refusals>,
    /// What the journal says of requests, up to now: the store is held against it.
    past: Mutex<RequestsPast>,
    /// Until when something of each type was handed over for requests that the store does not have.
    gone: Mutex<BTreeMap<RequestType, Timestamp>>,
    /// Numbers of requests that are answered right now.
    busy: Mutex<BTreeSet<i64>>,
    /// When answers whose time is over were.
    cleared: Mutex<Option<Instant>>,
    /// Answers whose removal is journalled and failed.
    announced: Mutex<BTreeSet<String>>,
    /// A connection for oversight, who waits for nobody.
    overseers: Mutex<db::Requests>,
    /// When each overseer's reading of the list was last journalled.
    read: Mutex<BTreeMap<u32, Instant>>,
}

/// Whom answers are encrypted to, by type.
struct Recipients([Option<AgeRecipient>; 3]);

impl Recipients {
    fn of(config: &config::Recipients) -> Result<Self, crypto::Error> {
        let read = |kind| config.of(kind).map(AgeRecipient::parse).transpose();
        Ok(Self([
            read(RequestType::A)?,
            read(RequestType::B)?,
            read(RequestType::C)?,
        ]))
    }

    const fn get(&self, kind: RequestType) -> Option<&AgeRecipient> {
        match kind {
            RequestType::A => self.0[0].as_ref(),
            RequestType::B => self.0[1].as_ref(),
            RequestType::C => self.0[2].as_ref(),
            RequestType::Notice => None,
        }
    }
}

/// Why the desk cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// Its store.
    #[error(transparent)]
    Store(#[from] db::Error),
    /// A recipient is no key.
    #[error("requests.recipients: {0}")]
    Recipient(#[from] crypto::Error),
    /// The subscriber system cannot run as it should.
    #[error(transparent)]
    Adaptor(#[from] AdaptorError),
}

impl Desk {
    /// Opens its store; nothing is recovered yet.
    ///
    /// # Errors
    /// [`DeskError`].
    pub fn open(parts: DeskParts) -> Result<Self, DeskError> {
        let accounts = Accounts::of_host();
        let adaptor = parts.config.adaptor.as_ref();
        let adaptor = adaptor.map(|adaptor| Adaptor::of(adaptor, &accounts));
        Ok(Self {
            adaptor: adaptor.transpose()?,
            stopping: AtomicBool::new(false),
            sensor: parts.sensor,
            recipients: Recipients::of(&parts.config.recipients)?,
            config: parts.config,
            issuers: parts.issuers,
            signer: parts.signer,
            journal: parts.journal,
            db: Mutex::new(db::Requests::open(&parts.state)?),
            events: Mutex::new(parts.events),
            one: Turn::default(),
            swept: Mutex::default(),
            refusals: Mutex::default(),
            past: Mutex::default(),
            gone: Mutex::default(),
            busy: Mutex::default(),
            cleared: Mutex::default(),
            announced: Mutex::default(),
            read: Mutex::default(),
            overseers: Mutex::new(db::Requests::open(&parts.state)?),
        })
    }

    /// The agent stops: the subscriber system is ended, and not asked any more.
    pub fn stop_asking(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// Does what is asked of it; the role has been checked.
    ///
    /// # Errors
    /// What the client is told; [`Error::Internal`] for what is not asked of it.
    pub fn handle(
        &self,
        actor: &Actor,
        request: Request,
        clock: impl Clock,
    ) -> Result<Reply, Error> {
        let case = |row| Reply::Case(Box::new(row));
        match request {
            Request::RequestsSubmit { body } => self.submit(actor, &body, clock).map(case),
            Request::RequestsList(page, scopes) => {
                self.list_of(actor, &page, scopes).map(Reply::Cases)
            }
            Request::RequestsShow { reference } => self.show(&reference).map(case),
            Request::RequestsManifests { reference } => self
                .manifests(actor, &reference)
                .map(|manifests| Reply::Manifests(Box::new(manifests))),
            Request::RequestsApprove { reference, body } => {
                let shown = shown(&body)?;
                self.approve_shown(actor, &reference, shown.as_ref(), &clock)
                    .map(case)
            }
            Request::RequestsRefuse { reference, body } => {
                self.decline(actor, &reference, &body).map(case)
            }
            Request::RequestsSettle { reference, body } => {
                self.settle(actor, &reference, &body, clock).map(case)
            }
            Request::CostsList { page } => self.costs(&page).map(Reply::Costs),
            _ => Err(internal("this is not asked of the desk")),
        }
    }

    fn find(&self, reference: &str) -> Result<Case, Error> {
        let found = self.db().case(reference).map_err(internal)?;
        found.ok_or_else(unknown)
    }

    /// The store, told how far the journal is: it keeps that with what is written.
    fn db(&self) -> MutexGuard<'_, db::Requests> {
        let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        db.journal_is(*self.journal.watch().borrow());
        db
    }

    fn past(&self) -> MutexGuard<'_, RequestsPast> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gone(&self) -> MutexGuard<'_, BTreeMap<RequestType, Timestamp>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn busy_ones(&self) -> MutexGuard<'_, BTreeSet<i64>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn events(&self) -> MutexGuard<'_, Store> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> Taken<'_> {
        self.one.take()
    }

    fn journal(&self, actor: &Actor, entry: RequestEntry) -> Result<Receipt, Error> {
        let action = Action::Request(Box::new(entry.clone()));
        let receipt = self.journal.append(actor, action).map_err(from_journal)?;
        self.past().note(receipt.index(), Timestamp::now(), &entry);
        Ok(receipt)
    }

    /// What happened already is journalled on a full disk, too.
    fn journal_done(&self, actor: &Actor, entry: RequestEntry) -> Result<Receipt, Error> {
        let action = Action::Request(Box::new(entry.clone()));
        let receipt = self.journal.append_reserved(actor, action);
        let receipt = receipt.map_err(from_journal)?;
        self.past().note(receipt.index(), Timestamp::now(), &entry);
        Ok(receipt)
    }

    /// The one event that has this id; self-tests are none.
    fn event(&self, id: &str) -> Result<Option<EventRow>, Error> {
        let mut found = self.events().beginning(id).map_err(internal)?;
        let event = found.pop();
        Ok(event.filter(|row| row.event.id == id && !row.event.test))
    }

    fn export_dir(&self) -> Result<&Path, Error> {
        self.config.export_dir.as_deref().ok_or_else(|| {
            coded(
                StatusCode::CONFLICT,
                "not_configured",
                "this sensor is not set up for the authority's requests: see [requests]",
            )
        })
    }
}

/// What whoever approves has seen; none where the body is blank.
fn shown(body: &[u8]) -> Result<Option<Approve>, Error> {
    if body.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(body).map(Some).map_err(|_| {
        Error::Invalid("the body must be blank or {\"envelope\": …}, as `show` tells it".into())
    })
}

/// An entry about a request.
fn entry(step: RequestStep, case: &Case) -> RequestEntry {
    RequestEntry {
        kind: Some(case.row.kind),
        reference: Some(case.row.reference.clone()),
        ..RequestEntry::of(step)
    }
}

fn unknown() -> Error {
    Error::NotFound("no request has this reference".into())
}

fn stage_of(case: &Case) -> Result<Stage, Error> {
    Stage::parse(case.row.kind, &case.row.stage)
        .ok_or_else(|| internal("the store has a request at a stage that does not exist"))
}

fn coded(status: StatusCode, code: &'static str, reason: impl Into<String>) -> Error {
    Error::Coded {
        status,
        code,
        reason: reason.into(),
    }
}

/// In which capacities a user may approve.
fn capacities(config: &config::Requests, uid: u32) -> Vec<Capacity> {
    let accounts = Accounts::of_host();
    let holds = |list: &[Account]| list.iter().any(|one| accounts.is_user(one, uid));
    let lists = [
        (Capacity::Responsible, &config.responsible),
        (Capacity::Designated, &config.designated),
    ];
    lists
        .into_iter()
        .filter(|(_, list)| holds(list))
        .map(|(capacity, _)| capacity)
        .collect()
}

/// A request whose time is over may not be decided.
fn is_over(case: &Case, now: Timestamp) -> bool {
    case.row.terms.end() <= now
}
