//! Heartbeats and checkpoints of the journal, on a thread of their own: that the sensor is there shows
//! whatever else it is busy with.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{
    io,
    sync::Arc,
    thread::{Builder, JoinHandle, park_timeout},
    time::{Duration, Instant},
};

use crate::{
    config,
    control::service::agent,
    journal::{Action, Journal},
};

/// Longest pause between two looks at the clock.
const LOOK: Duration = Duration::from_millis(500);

/// The thread.
pub(super) struct Beats {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Beats {
    /// Starts it.
    pub(super) fn start(journal: &Arc<Journal>, config: &config::Journal) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (journal, stopped) = (Arc::clone(journal), Arc::clone(&stop));
        let (heartbeat, checkpoint) = (config.heartbeat, config.checkpoint);
        let thread = Builder::new().name("journal".into()).spawn(move || {
            let (mut beat, mut kept) = (Instant::now(), Instant::now());
            while !stopped.load(Relaxed) {
                if beat.elapsed() >= heartbeat {
                    beat = Instant::now();
                    // A full disk shows as silence, and by this line.
                    if let Err(error) = journal.append(&agent(), Action::Heartbeat) {
                        tracing::error!(%error, "no heartbeat could be journalled");
                    }
                }
                if kept.elapsed() >= checkpoint {
                    kept = Instant::now();
                    keep(&journal);
                }
                park_timeout(LOOK.min(heartbeat).min(checkpoint));
            }
        })?;
        Ok(Self { stop, thread })
    }

    /// Stops it and waits until it is gone.
    pub(super) fn stop(self) {
        self.stop.store(true, Relaxed);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            tracing::error!("the thread of the journal's heartbeats panicked");
        }
    }
}

/// Keeps a checkpoint, or says why not.
pub(super) fn keep(journal: &Journal) {
    if let Err(error) = journal.keep_checkpoint() {
        tracing::error!(%error, "no checkpoint of the journal could be kept");
    }
}
