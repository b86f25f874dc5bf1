//! A service that holds everything in memory.

use std::{
    io::Read as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use sensor_user::{
    control::{Error, Service},
    journal::Journal,
    model::{
        Actor, Event, Pattern, RequestKind, Spool,
        request::{
            CanaryInterface, CanaryReport, CanarySink, Changed, DeadRow, DestroyedEvents,
            EventCommitment, HeldBack, JournalCheckpoint, MarkerRow, OrderChanged, OrderManifest,
            Page, Refusal, Replayed, Reply, Request, Rows,
        },
    },
};
use tokio::sync::broadcast;

use crate::casework::{case, cost, manifests};
use crate::samples::{coverage, declaration, event, journal, order, row, sink, status};

/// Id of a marker whose showing panics.
pub const PANICS: &str = "panics";
/// Interface whose attaching takes [`SLOW_TIME`].
pub const SLOW: &str = "slow0";
/// See [`SLOW`].
pub const SLOW_TIME: Duration = Duration::from_millis(500);

/// The service.
pub struct Memory {
    pub markers: Mutex<Vec<MarkerRow>>,
    pub asked: Mutex<Vec<(u32, RequestKind)>>,
    pub events: broadcast::Sender<Arc<Event>>,
    pub journal: Arc<Journal>,
}

impl Memory {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            markers: Mutex::default(),
            asked: Mutex::default(),
            events: broadcast::channel(4).0,
            journal: Arc::new(Journal::in_memory()),
        })
    }

    fn load(&self, body: &[u8], replace: bool) -> Result<Reply, Error> {
        let text = std::str::from_utf8(body).expect("tests send text");
        let (mut rows, mut refusals) = (Vec::new(), Vec::new());
        for (line, text) in (1..).zip(text.lines()) {
            match text.parse::<Pattern>() {
                Ok(pattern) => rows.push(row(&format!("m{line:07}"), pattern)),
                Err(error) => refusals.push(Refusal {
                    line: Some(line),
                    item: None,
                    object: None,
                    field: "pattern".into(),
                    code: error.code().into(),
                    reason: error.to_string(),
                }),
            }
        }
        if !refusals.is_empty() {
            let total = refusals.len() as u64;
            return Err(Error::Refused {
                refusals,
                total,
                codes: [("bad_address".into(), total)].into(),
            });
        }
        let added = rows.len() as u64;
        let mut markers = self.markers.lock().expect("no test panics with it");
        if replace {
            markers.clear();
        }
        markers.append(&mut rows);
        Ok(Reply::Changed(Changed {
            markers: markers.len() as u64,
            patterns: markers.len() as u64,
            generation: 2,
            digest: "ab".repeat(32),
            added,
            removed: 0,
            duplicates: 0,
            stale: 2,
            ignored: 3,
            expired: 0,
            not_yet: 0,
            unmatched: 0,
            barred: 0,
            quarantined: 1,
            held_back: vec![HeldBack {
                id: "wide".into(),
                code: "too_broad".into(),
                reason: "it is too broad".into(),
            }],
            refused: vec![Refusal {
                line: None,
                item: Some(3),
                object: Some("indicator--1".into()),
                field: "pattern".into(),
                code: "bad_address".into(),
                reason: "not an address".into(),
            }],
            refused_total: 1,
            refused_codes: [("bad_address".into(), 1)].into(),
            awaiting: 1,
            destroyed: 0,
            receipt: 7,
        }))
    }

    fn order(&self, reference: &str) -> Result<Reply, Error> {
        let Reply::Changed(change) = self.load(b"", false)? else {
            return Err(Error::Internal("no change".into()));
        };
        let order = order(reference);
        Ok(Reply::OrderChanged(Box::new(OrderChanged {
            order,
            change,
        })))
    }

    fn page(&self, page: &Page) -> Rows<MarkerRow> {
        let markers = self.markers.lock().expect("no test panics with it");
        let after = page.after.clone().unwrap_or_default();
        let later = markers
            .iter()
            .filter(|row| row.marker.id.as_str() > after.as_str());
        let rows: Vec<_> = later.take(page.limit as usize).cloned().collect();
        let last = rows.last().map(|row| row.marker.id.to_string());
        let more = markers.last().map(|row| row.marker.id.to_string()) != last;
        Rows {
            rows,
            next: last.filter(|_| more),
        }
    }
}

impl Service for Memory {
    fn handle(&self, actor: &Actor, request: Request) -> Result<Reply, Error> {
        let asked = (actor.uid, request.kind());
        self.asked
            .lock()
            .expect("no test panics with it")
            .push(asked);
        Ok(match request {
            Request::Status => Reply::Status(Box::new(status())),
            Request::Coverage => Reply::Coverage(Box::new(coverage())),
            Request::MarkersLoad { body, .. } => self.load(&whole(&body), true)?,
            Request::MarkersAdd { body, .. } => self.load(&whole(&body), false)?,
            Request::MarkersRemove { .. } | Request::MarkersRelease { .. } => {
                self.load(b"", false)?
            }
            Request::DeclarationShow | Request::DeclarationRecord { .. } => {
                Reply::Declaration(Box::new(declaration()))
            }
            Request::EnvelopeSubmit { body } => self.load(&whole(&body), true)?,
            Request::MarkersList { page, .. } => Reply::Markers(self.page(&page)),
            Request::Canary => Reply::Canary(Box::new(CanaryReport {
                passed: false,
                interfaces: vec![CanaryInterface {
                    interface: "eth0".into(),
                    passed: true,
                    stored: Some(3),
                }],
                sinks: vec![CanarySink {
                    sink: "soc".into(),
                    acknowledged: None,
                }],
                receipt: 7,
            })),
            Request::SinksList => Reply::Sinks(Rows {
                rows: vec![sink()],
                next: None,
            }),
            Request::SinksDead { .. } => Reply::Dead(Rows {
                rows: vec![DeadRow {
                    id: "00ff".into(),
                    rev: 2,
                    attempts: 1,
                    code: "http_400".into(),
                }],
                next: None,
            }),
            Request::SinksReplay { .. } => Reply::Replayed(Replayed {
                events: 1,
                receipt: 7,
            }),
            Request::BreakerOpen { .. } | Request::BreakerClose { .. } => {
                Reply::Breaker(status().breakers.remove(0))
            }
            Request::MarkersShow { id } if id == PANICS => panic!("as told"),
            Request::MarkersShow { id } | Request::EventsShow { id } if id == "none" => {
                return Err(Error::NotFound("there is none with this id".into()));
            }
            Request::MarkersShow { id } => Reply::Marker(Box::new(row(
                &id,
                "ip 203.0.113.5".parse().expect("pattern"),
            ))),
            Request::EventsShow { id } => Reply::Event(Box::new(event(&id))),
            Request::OrdersSubmit { body } => {
                let body = whole(&body);
                let end = body.iter().position(|byte| *byte == b'\n');
                let line = &body[..end.unwrap_or(body.len())];
                let manifest = serde_json::from_slice::<OrderManifest>(line);
                self.order(&manifest.map_or("any".into(), |manifest| manifest.reference))?
            }
            Request::OrdersList { .. } => Reply::Orders(Rows {
                rows: vec![order("2026/7")],
                next: None,
            }),
            Request::OrdersShow { reference } => Reply::Order(Box::new(order(&reference))),
            Request::OrdersWithdraw { reference } => self.order(&reference)?,
            Request::RequestsSubmit { .. } => Reply::Case(Box::new(case("REQ-1"))),
            Request::RequestsList { .. } => Reply::Cases(Rows {
                rows: vec![case("REQ-1")],
                next: None,
            }),
            Request::RequestsShow { reference }
            | Request::RequestsApprove { reference, .. }
            | Request::RequestsRefuse { reference, .. }
            | Request::RequestsSettle { reference, .. } => Reply::Case(Box::new(case(&reference))),
            Request::RequestsManifests { reference } => {
                Reply::Manifests(Box::new(manifests(&reference)))
            }
            Request::CostsList { .. } => Reply::Costs(Rows {
                rows: vec![cost()],
                next: None,
            }),
            Request::EventsList { .. } => Reply::Events(Rows {
                rows: vec![event("e1")],
                next: None,
            }),
            Request::EventsNotUseful { .. } => Reply::Destroyed(DestroyedEvents { events: 1 }),
            Request::EventsCommitment { .. } => Reply::Commitment(EventCommitment {
                commitment: "ab".repeat(32),
                salt: "cd".repeat(32),
            }),
            Request::EventsTail => Reply::Tail,
            Request::JournalShow { .. } => Reply::Journal(journal()),
            Request::JournalCheckpoint => Reply::Checkpoint(JournalCheckpoint {
                checkpoint: "pop1\n0\n\n".into(),
                key: "pop1+00000000+AA==".into(),
            }),
            Request::JournalProof(what) => Reply::Proof(
                self.journal
                    .prove(what)
                    .map_err(|error| Error::NotFound(error.to_string()))?,
            ),
            Request::JournalFollow { from } => Reply::Follow { from },
            Request::Attach { interface } | Request::Detach { interface } => {
                if interface == SLOW {
                    std::thread::sleep(SLOW_TIME);
                }
                Reply::Interface(status().interfaces.remove(0))
            }
        })
    }

    fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.journal)
    }

    fn tail(&self, _: &Actor) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }
}

/// A body that waits in a file.
fn whole(body: &Spool) -> Vec<u8> {
    let mut bytes = Vec::new();
    body.reader().read_to_end(&mut bytes).expect("reads");
    assert_eq!(bytes.len() as u64, body.length());
    bytes
}
