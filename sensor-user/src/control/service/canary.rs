//! The self-test: one packet for each watched interface, followed to the store and the sinks.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::broadcast;

use super::{Error, Sensor, from_journal, internal};
use crate::{
    journal::Action,
    model::{
        Actor, Event, Recipient, canary,
        request::{CanaryInterface, CanaryReport, CanarySink},
    },
};

/// How long an event is waited for.
const STORED: Duration = Duration::from_secs(5);
/// How long the sinks are waited for.
const DELIVERED: Duration = Duration::from_secs(10);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(5);

/// The self-test's own state.
pub(super) struct Canary {
    interval: Option<Duration>,
    /// Number of the last run, and when it began.
    last: Mutex<(u16, Option<Instant>)>,
}

impl Canary {
    pub const fn new(interval: Option<Duration>) -> Self {
        Self {
            interval,
            last: Mutex::new((0, None)),
        }
    }

    /// Whether its marker is in force.
    pub const fn is_on(&self) -> bool {
        self.interval.is_some()
    }

    /// Begins a run: its number, never zero.
    fn begin(&self) -> u16 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (last.0.wrapping_add(1).max(1), Some(Instant::now()));
        last.0
    }

    fn is_due(&self) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let interval = self.interval;
        interval.is_some_and(|interval| last.1.is_none_or(|at| at.elapsed() >= interval))
    }
}

impl Sensor {
    /// Runs the self-test when it is time; what it found goes to metrics, and to the log when it
    /// failed.
    pub fn look_after_canary(&self, actor: &Actor) {
        if !self.canary.is_due() || self.check_gate().is_err() {
            return;
        }
        match self.canary_run(actor) {
            Ok(report) if report.passed => {}
            Ok(report) => {
                let lost = report.interfaces.iter().filter(|one| one.stored.is_none());
                let lost: Vec<&str> = lost.map(|one| one.interface.as_str()).collect();
                let sinks = report.sinks.iter().filter(|one| one.acknowledged.is_none());
                let sinks: Vec<&str> = sinks.map(|one| one.sink.as_str()).collect();
                tracing::error!(
                    ?lost,
                    ?sinks,
                    "the self-test did not reach the store or a sink; `sensorctl canary` tries again"
                );
            }
            Err(error) => tracing::error!(%error, "the self-test could not run"),
        }
    }

    /// Sends the canary's packet through the live program of each attached interface and waits until
    /// it is stored, and acknowledged by every sink of the operator's.
    pub(super) fn canary_run(&self, actor: &Actor) -> Result<CanaryReport, Error> {
        if !self.canary.is_on() {
            return Err(Error::Conflict(
                "the self-test is off; set canary.interval in the configuration and restart".into(),
            ));
        }
        self.check_gate()?;
        let run = self.canary.begin();
        let mut tail = self.parts.tail.subscribe();
        let began = Instant::now();
        let mut interfaces = self.send_canaries(run)?;
        if interfaces.is_empty() {
            return Err(Error::Conflict(
                "no interface is attached; `sensorctl status` says why".into(),
            ));
        }
        let ids = follow(&mut tail, run, began, &mut interfaces);
        let sinks = self.follow_to_sinks(&ids, began);
        let passed = interfaces
            .iter()
            .all(|one| one.passed && one.stored.is_some())
            && sinks.iter().all(|one| one.acknowledged.is_some());
        let journal = &self.parts.journal;
        let receipt = journal
            .append_reserved(actor, Action::CanaryRun { passed })
            .map_err(from_journal)?;
        self.parts.metrics.canary(passed);
        Ok(CanaryReport {
            passed,
            interfaces,
            sinks,
            receipt: receipt.index(),
        })
    }

    fn send_canaries(&self, run: u16) -> Result<Vec<CanaryInterface>, Error> {
        let frame = canary::frame(run);
        let mut set = self.set();
        let mut sent = Vec::new();
        for interface in set.plane.attached() {
            let passed = set.plane.run_canary(&interface, &frame).map_err(internal)?;
            sent.push(CanaryInterface {
                interface,
                passed,
                stored: None,
            });
        }
        Ok(sent)
    }

    /// Waits until the operator's sinks have acknowledged these events.
    fn follow_to_sinks(&self, ids: &[String], began: Instant) -> Vec<CanarySink> {
        let told = self.parts.sinks.iter();
        let told: Vec<_> = told
            .filter(|sink| sink.config.recipient == Recipient::Operator)
            .collect();
        let mut found: Vec<CanarySink> = told
            .iter()
            .map(|sink| CanarySink {
                sink: sink.config.name.clone(),
                acknowledged: None,
            })
            .collect();
        let until = Instant::now() + DELIVERED;
        while !ids.is_empty() && found.iter().any(|one| one.acknowledged.is_none()) {
            for (one, sink) in found.iter_mut().zip(&told) {
                let arrived = sink.progress.told().tests;
                if one.acknowledged.is_none() && ids.iter().all(|id| arrived.contains(id)) {
                    one.acknowledged = Some(milliseconds(began));
                }
            }
            if Instant::now() >= until {
                break;
            }
            thread::sleep(LOOK);
        }
        found
    }
}

/// Waits for the events of a run; their ids.
fn follow(
    tail: &mut broadcast::Receiver<Arc<Event>>,
    run: u16,
    began: Instant,
    interfaces: &mut [CanaryInterface],
) -> Vec<String> {
    let mut ids = Vec::new();
    while began.elapsed() < STORED && interfaces.iter().any(|one| one.stored.is_none()) {
        let event = match tail.try_recv() {
            Ok(event) => event,
            Err(broadcast::error::TryRecvError::Empty) => {
                thread::sleep(LOOK);
                continue;
            }
            // What was missed may have been it: the test fails rather than guesses.
            Err(broadcast::error::TryRecvError::Lagged(_)) => continue,
            Err(broadcast::error::TryRecvError::Closed) => break,
        };
        if !event.test || event.src_port != Some(run) {
            continue;
        }
        let mut of = interfaces.iter_mut();
        if let Some(one) = of.find(|one| one.interface == event.interface)
            && one.stored.is_none()
        {
            one.stored = Some(milliseconds(began));
            ids.push(event.id.clone());
        }
    }
    ids
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
