//! Oversight's own way in: a socket, connections and threads that nobody else uses. It opens before the
//! interfaces are attached and closes after the journal's last entry. What could shut overseers out
//! meanwhile is looked for, put right where it can be, and journalled.

use std::{
    io,
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, watch},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use crate::{
    config::Config,
    control::{
        Door, Limits, Overseen, Roles, Service as _, Socket,
        bind::{Guard, Trouble},
        service::{Sensor, agent},
    },
    journal::{Action, Journal, Overseers},
};

/// How often the socket's file is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often the host's users and groups are: with every so many looks.
const TABLE: u32 = 5;
/// At most one entry in this time about a file that has to be put right again and again.
const QUIET: Duration = Duration::from_mins(1);

/// The thread.
pub(super) struct Oversight {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Oversight {
    /// Serves the socket from now on; the journal knows of `overseen` as it is now.
    pub(super) fn start(
        socket: Socket,
        config: &Config,
        sensor: &Arc<Sensor>,
        overseen: Overseen,
    ) -> io::Result<Self> {
        let door = Door::new(
            Arc::clone(sensor),
            Roles::of_oversight(config.control.roles.clone()),
            Limits::of_oversight(),
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            // One more looks after the socket.
            .max_blocking_threads(Limits::THREADS_OF_OVERSIGHT + 1)
            .enable_all()
            .build()?;
        let (stop, stopped) = watch::channel(false);
        let watching = match socket.guard() {
            Ok(guard) => Some(Watching::new(guard, overseen, sensor.journal())),
            Err(error) => {
                tracing::error!(%error, "the socket of oversight cannot be looked after");
                None
            }
        };
        let thread = Builder::new().name("oversight".into()).spawn(move || {
            let served = runtime.block_on(async {
                let (renew, renewed) = mpsc::channel(1);
                let watched = watching.map(|watching| tokio::spawn(watching.run(renew)));
                let served = socket.serve_renewed(door, stopped, renewed).await;
                if let Some(watched) = watched {
                    watched.abort();
                }
                served
            });
            if let Err(error) = served {
                tracing::error!(%error, "the socket of oversight is not served");
            }
        })?;
        Ok(Self { stop, thread })
    }

    /// Lets the streams end, what was journalled told, and waits for it.
    pub(super) fn stop(self) {
        // A thread that is gone has stopped already.
        let _ = self.stop.send(true);
        if self.thread.join().is_err() {
            tracing::error!("the thread of oversight's socket panicked");
        }
    }
}

/// What looks after the way in.
struct Watching {
    guard: Guard,
    overseen: Overseen,
    /// What the journal says of it.
    told: Overseers,
    journal: Arc<Journal>,
    /// The last trouble that is not mended.
    trouble: Option<Trouble>,
    /// The last entry about one that was, and how many there were since.
    mended: Option<Instant>,
    unsaid: u64,
    /// What the last of them was.
    last: Trouble,
}

impl Watching {
    fn new(guard: Guard, overseen: Overseen, journal: Arc<Journal>) -> Self {
        Self {
            guard,
            told: overseen.now(),
            overseen,
            journal,
            trouble: None,
            mended: None,
            unsaid: 0,
            last: Trouble::Missing,
        }
    }

    async fn run(mut self, renew: mpsc::Sender<Socket>) {
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for look in 0_u32.. {
            tick.tick().await;
            let looked = spawn_blocking(move || {
                let fresh = self.look();
                if look % TABLE == 0 {
                    self.compare();
                }
                (self, fresh)
            });
            // A panic in there is told by the panic hook.
            let Ok((watching, fresh)) = looked.await else {
                return;
            };
            self = watching;
            if let Some(fresh) = fresh
                && renew.send(fresh).await.is_err()
            {
                return;
            }
        }
    }

    /// Looks at the file and puts it right; a socket that takes the place of the one before.
    fn look(&mut self) -> Option<Socket> {
        let Some(trouble) = self.guard.look() else {
            self.trouble = None;
            if self.unsaid > 0 && self.is_quiet() {
                self.tell(self.last, true);
            }
            return None;
        };
        let outcome = Socket::mend(&mut self.guard, trouble);
        if let Err(error) = &outcome {
            tracing::error!(%error, "overseers cannot reach their socket");
        }
        let mended = outcome.is_ok() && self.guard.look().is_none();
        if mended {
            self.trouble = None;
            self.last = trouble;
            self.unsaid += 1;
            if self.is_quiet() {
                self.tell(trouble, true);
            }
        } else if self.trouble != Some(trouble) {
            self.trouble = Some(trouble);
            self.unsaid += 1;
            self.tell(trouble, false);
        }
        outcome.ok().flatten()
    }

    fn is_quiet(&self) -> bool {
        self.mended.is_none_or(|at| at.elapsed() >= QUIET)
    }

    fn tell(&mut self, trouble: Trouble, mended: bool) {
        let action = Action::OversightUnreachable {
            code: trouble.code().into(),
            mended,
            times: self.unsaid,
        };
        match self.journal.append_reserved(&agent(), action) {
            Ok(_receipt) => {
                self.unsaid = 0;
                self.mended = Some(Instant::now());
            }
            Err(error) => {
                tracing::error!(%error, "that overseers could not get in is not journalled");
            }
        }
    }

    /// Journals who gets in, where that changed.
    fn compare(&mut self) {
        let overseers = self.overseen.now();
        if overseers == self.told {
            return;
        }
        let action = Action::OverseersChanged {
            overseers: overseers.clone(),
        };
        match self.journal.append_reserved(&agent(), action) {
            Ok(_receipt) => self.told = overseers,
            Err(error) => {
                tracing::error!(%error, "that others get in as overseers is not journalled");
            }
        }
    }
}
