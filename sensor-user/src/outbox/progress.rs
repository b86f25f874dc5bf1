//! What is told of a sink: to status, metrics and log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::Reason;
use crate::metrics::Metrics;

/// Events of the self-test that are remembered: one an interface and run.
const MOST_TESTS: usize = 256;

/// A sink's progress, shared between its worker and whoever asks.
pub struct Progress {
    name: String,
    metrics: Arc<Metrics>,
    told: Mutex<Told>,
}

/// What a worker tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Deliveries that arrived since the agent started.
    pub acknowledged: u64,
    /// Attempts that did not.
    pub retried: u64,
    /// Dead letters since the agent started.
    pub refused: u64,
    /// Whether nothing can be delivered.
    pub down: bool,
    /// Ids of events of the self-test that arrived, the last few.
    pub tests: Vec<String>,
    /// Why something last was not delivered.
    pub reason: Option<Reason>,
}

impl Progress {
    /// Of a sink of this name.
    #[must_use]
    pub fn new(name: &str, metrics: Arc<Metrics>) -> Self {
        Self {
            name: name.into(),
            metrics,
            told: Mutex::default(),
        }
    }

    /// The sink's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was told so far.
    #[must_use]
    pub fn told(&self) -> Told {
        self.lock().clone()
    }

    /// A delivery arrived.
    pub(super) fn acknowledged(&self, since: Timestamp, now: Timestamp) {
        self.lock().acknowledged += 1;
        let seconds = now.duration_since(since).as_secs_f64();
        self.metrics.delivered(&self.name, "acknowledged");
        self.metrics.acknowledged_after(&self.name, seconds);
    }

    /// An event of the self-test arrived.
    pub(super) fn tested(&self, id: &str) {
        let mut told = self.lock();
        if told.tests.len() == MOST_TESTS {
            told.tests.remove(0);
        }
        told.tests.push(id.to_owned());
    }

    /// An attempt failed.
    pub(super) fn retried(&self, reason: Reason) {
        self.metrics.delivered(&self.name, "retried");
        let mut told = self.lock();
        told.retried += 1;
        told.reason = Some(reason);
    }

    /// A delivery became a dead letter.
    pub(super) fn refused(&self, reason: Reason) {
        self.metrics.delivered(&self.name, "refused");
        let mut told = self.lock();
        told.refused += 1;
        told.reason = Some(reason);
    }

    /// Whether nothing can be delivered; what was told before.
    pub(super) fn set_down(&self, down: bool) -> bool {
        std::mem::replace(&mut self.lock().down, down)
    }

    /// Why something last was not delivered.
    pub(super) fn reason(&self) -> Option<String> {
        self.lock()
            .reason
            .as_ref()
            .map(|reason| reason.text.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
