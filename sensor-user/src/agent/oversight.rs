//! Oversight's own way in: a socket, connections and a thread that nobody else uses. It opens before the
//! interfaces are attached and closes after the journal's last entry.

use std::{
    io,
    sync::Arc,
    thread::{Builder, JoinHandle},
};

use tokio::sync::watch;

use crate::{
    config::Config,
    control::{Door, Limits, Roles, Socket, service::Sensor},
};

/// The thread.
pub(super) struct Oversight {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Oversight {
    /// Serves the socket from now on.
    pub(super) fn start(socket: Socket, config: &Config, sensor: &Arc<Sensor>) -> io::Result<Self> {
        let door = Door::new(
            Arc::clone(sensor),
            Roles::of_oversight(config.control.roles.clone()),
            Limits::of_oversight(),
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(4)
            .enable_all()
            .build()?;
        let (stop, stopped) = watch::channel(false);
        let thread = Builder::new().name("oversight".into()).spawn(move || {
            if let Err(error) = runtime.block_on(socket.serve(door, stopped)) {
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
