//! The sinks and their workers: one thread each, so that a slow recipient is nobody else's delay.

mod queue;

use std::{sync::Arc, thread, time::Duration};

use jiff::civil::Date;
use tokio::sync::{Notify, watch};

use super::{Error, places::Place};
use crate::{
    clock::KernelClock,
    config::{self, Config},
    control::service::KnownSink,
    events::Store,
    journal::Journal,
    metrics::Metrics,
    model::Recipient,
    outbox::{Eve, Extent, Nats, Progress, Sink, Taxii, Webhook, Worker},
};
use queue::StoreQueue;

/// What destroying on this machine waits for: the day in UTC, none while the clock is not to be
/// trusted.
pub(super) type Today = Arc<dyn Fn() -> Option<Date> + Send + Sync>;

/// Rings when something was stored.
#[derive(Clone, Default)]
pub(super) struct Bells(Vec<Arc<Notify>>);

impl Bells {
    /// Wakes every worker.
    pub(super) fn ring(&self) {
        for bell in &self.0 {
            bell.notify_one();
        }
    }
}

/// The workers, running.
pub(super) struct Deliveries {
    stop: watch::Sender<bool>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// What is known of the sinks before their workers run.
pub(super) struct Sinks {
    progress: Vec<Arc<Progress>>,
    pub bells: Bells,
}

impl Sinks {
    /// Of a configuration.
    pub(super) fn of(config: &Config, metrics: &Arc<Metrics>) -> Self {
        let sinks = config.sinks.iter();
        let progress = sinks.map(|sink| Arc::new(Progress::new(&sink.name, Arc::clone(metrics))));
        let bells = config.sinks.iter().map(|_| Arc::new(Notify::new()));
        Self {
            progress: progress.collect(),
            bells: Bells(bells.collect()),
        }
    }

    /// For whoever is asked about them.
    pub(super) fn known(&self, config: &Config) -> Vec<KnownSink> {
        let sinks = config.sinks.iter().zip(&self.progress);
        sinks
            .map(|(config, progress)| KnownSink {
                config: config.clone(),
                progress: Arc::clone(progress),
            })
            .collect()
    }

    /// Starts a worker for each sink, and one for each directory that sinks wrote to before, which delivers
    /// nothing and destroys what is over.
    pub(super) fn start(
        &self,
        (config, former): (&Config, &[Place]),
        store: &Store,
        journal: &Arc<Journal>,
        today: &Today,
    ) -> Result<Deliveries, Error> {
        let (stop, stopped) = watch::channel(false);
        let mut threads = Vec::new();
        for (index, sink) in config.sinks.iter().enumerate() {
            let queue = StoreQueue::new(
                store.another()?,
                &sink.name,
                (sink.recipient, Extent::of(sink)),
                Arc::clone(journal),
            );
            let parts = Parts {
                queue,
                keeps: sink.retention.filter(|_| Extent::of(sink) == Extent::Event),
                progress: Arc::clone(&self.progress[index]),
                bell: Arc::clone(&self.bells.0[index]),
                stop: stopped.clone(),
                today: Arc::clone(today),
            };
            threads.push(parts.start(sink)?);
        }
        for place in former {
            let name = place.former_name();
            let to = (Recipient::Operator, Extent::Event);
            // Nobody asks how it does: it has no series on the metrics page.
            let unseen = Arc::new(Metrics::new("", "", ""));
            let parts = Parts {
                queue: StoreQueue::new(store.another()?, &name, to, Arc::clone(journal)),
                keeps: None,
                progress: Arc::new(Progress::new(&name, unseen)),
                bell: Arc::default(),
                stop: stopped.clone(),
                today: Arc::clone(today),
            };
            let eve = config::Eve {
                directory: place.directory.clone(),
            };
            threads.push(parts.spawn(&name, Eve::new(&eve))?);
        }
        Ok(Deliveries { stop, threads })
    }
}

impl Deliveries {
    /// Has the workers settle what they have lent out and end.
    pub(super) fn stop(self) {
        // Nobody listens where no sink is configured.
        let _ = self.stop.send(true);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a sink's worker ended by a panic");
            }
        }
    }
}

/// A worker without its sink.
struct Parts {
    queue: StoreQueue,
    keeps: Option<Duration>,
    progress: Arc<Progress>,
    bell: Arc<Notify>,
    stop: watch::Receiver<bool>,
    today: Today,
}

impl Parts {
    fn start(self, sink: &config::Sink) -> Result<thread::JoinHandle<()>, Error> {
        let name = &sink.name;
        if let Some(nats) = &sink.nats {
            return self.spawn(name, Nats::new(nats, sink.retention));
        }
        if let Some(taxii) = &sink.taxii {
            return self.spawn(name, Taxii::new(taxii));
        }
        if let Some(webhook) = &sink.webhook {
            return self.spawn(name, Webhook::new(webhook));
        }
        let eve = sink.eve.as_ref().expect("a checked sink has one kind");
        self.spawn(name, Eve::new(eve))
    }

    fn spawn<S: Sink + 'static>(
        self,
        name: &str,
        sink: S,
    ) -> Result<thread::JoinHandle<()>, Error> {
        let worker = Worker {
            sink,
            queue: self.queue,
            keeps: self.keeps,
            progress: self.progress,
            bell: self.bell,
            stop: self.stop,
            today: self.today,
            now: Arc::new(|| KernelClock::Boot.judged_now()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        thread::Builder::new()
            .name(format!("sink-{name}"))
            .spawn(move || runtime.block_on(worker.run()))
            .map_err(Error::Runtime)
    }
}
