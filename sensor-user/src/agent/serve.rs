//! Answering: from the door to the timers, until a signal.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{oneshot, watch};

use super::{Error, canary, metrics_page, pipeline::Pipeline};
use crate::{
    config::Config,
    control::{
        Door, Limits, Roles, Socket,
        service::{Sensor, agent},
    },
    metrics::Metrics,
};

/// Shortest wait for what begins or ends.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);
/// How often interfaces are looked after.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// How long what clients asked for may go on behind the end of their connections.
const LEFT: Duration = Duration::from_secs(2);

/// What was bound before anything was touched: a start that cannot be answered changes nothing.
pub(super) struct Doors {
    pub socket: Socket,
    pub page: Option<std::net::TcpListener>,
}

pub(super) fn bind_page(config: &Config) -> Result<std::net::TcpListener, Error> {
    let address = config.metrics.listen;
    std::net::TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|source| Error::Metrics { address, source })
}

/// Starts the loop, attaches, opens the door; then stops them in the other order.
pub(super) fn serve(
    config: &Config,
    doors: Doors,
    sensor: Arc<Sensor>,
    metrics: Arc<Metrics>,
    pipeline: Pipeline,
) -> Result<(), Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let (ended, mut end) = oneshot::channel();
    let thread = {
        let stop = Arc::clone(&stop);
        std::thread::Builder::new()
            .name("hits".into())
            .spawn(move || {
                let outcome = pipeline.run(&stop);
                // Nobody listens any more when the agent is stopping already.
                let _ = ended.send(());
                outcome
            })
            .map_err(Error::Runtime)?
    };
    let outcome = sensor
        .attach_all(&agent())
        .map_err(Error::from)
        .and_then(|()| {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .map_err(Error::Runtime)?;
            let outcome = runtime.block_on(answer(config, doors, sensor, metrics, &mut end));
            // Not until whatever is left is done: what is in flight is to be stored, and the stop to be
            // journalled, before somebody ends the process by force.
            runtime.shutdown_timeout(LEFT);
            outcome
        });
    stop.store(true, Ordering::Relaxed);
    match thread.join() {
        Ok(Ok(())) => outcome,
        Ok(Err(error)) => outcome.and(Err(Error::Pipeline(error.to_string()))),
        Err(_) => outcome.and(Err(Error::Pipeline("it panicked".into()))),
    }
}

/// Answers on socket and metrics page until a signal or the end of the loop.
async fn answer(
    config: &Config,
    doors: Doors,
    sensor: Arc<Sensor>,
    metrics: Arc<Metrics>,
    end: &mut oneshot::Receiver<()>,
) -> Result<(), Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Runtime)?;
    let (stop, stopped) = watch::channel(false);
    let limits = Limits {
        max_body: config.control.max_body,
        spool: config.state_dir.clone(),
        ..Limits::default()
    };
    let door = Door::new(
        Arc::clone(&sensor),
        Roles::new(config.control.roles.clone()),
        limits,
    );
    let page = match doors.page {
        Some(listener) => {
            let listener = tokio::net::TcpListener::from_std(listener).map_err(Error::Runtime)?;
            let serving = metrics_page::serve(
                listener,
                Arc::clone(&sensor),
                metrics,
                door.counts(),
                stopped.clone(),
            );
            Some(tokio::spawn(serving))
        }
        None => None,
    };
    let canary = tokio::spawn(canary::run(Arc::clone(&sensor)));
    let mut served = tokio::spawn(doors.socket.serve(door, stopped));
    let mut tick = tokio::time::interval(LOOK_AFTER);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    tracing::info!(socket = %config.control.socket.display(), "ready");
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = &mut *end => break,
            _ = &mut served => break,
            () = next_edge(&sensor) => look_after(&sensor).await,
            _ = tick.tick() => look_after(&sensor).await,
        }
    }
    tracing::info!("stopping; interfaces stay attached");
    canary.abort();
    sensor.stop_asking();
    // Receivers that are gone have stopped already.
    let _ = stop.send(true);
    if !served.is_finished() {
        let _ = served.await;
    }
    if let Some(page) = page {
        let _ = page.await;
    }
    Ok(())
}

/// Waits until a marker or an order begins or ends, or for ever.
async fn next_edge(sensor: &Sensor) {
    match sensor.until_next_edge() {
        Some(left) => tokio::time::sleep(left.max(SHORTEST_WAIT)).await,
        None => std::future::pending().await,
    }
}

async fn look_after(sensor: &Arc<Sensor>) {
    let sensor = Arc::clone(sensor);
    let looked = tokio::task::spawn_blocking(move || sensor.look_after(&agent()));
    // A panic in there is told by the panic hook; the next tick tries again.
    let _ = looked.await;
}
