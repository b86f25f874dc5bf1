//! The wiring: builds the parts, starts and stops them in order.
//!
//! Start: privileges, socket and metrics page (a second agent stops here, before anything is
//! touched), warninglists, journal, stores, image, shared maps, the loop that consumes hits, interfaces, door. Stop: the door, then
//! the loop, which drains what is in flight and stores it. Interfaces stay attached.

mod canary;
mod condemned;
mod configured;
mod declaration;
mod deliveries;
mod error;
mod metrics_page;
mod pipeline;
mod restore;
mod stored;
mod warninglists;
mod watched;

use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sensor_common::NameKeys;
use tokio::sync::{broadcast, oneshot, watch};

use crate::{
    clock,
    config::{Breaker, Config},
    control::{
        Door, Limits as DoorLimits, Roles, Socket,
        service::{Admission, BreakerPolicy, Facts, Inventory, Parts, Rules, Sensor, Set, agent},
    },
    crypto,
    dataplane::{Budgets, DataPlane, Setup, Sizes, probe},
    db::{Catalog, Over},
    envelope::Issuers,
    hits::{Index, Joiner, Live},
    journal::Action,
    legal::{self, Gate, Law},
    lent::{Limits, Noted},
    markers::{Breadth, Hygiene},
    metrics::Metrics,
    model::retention::{date_of, day_of},
};
pub use declaration::{declaration, record_declaration};
use deliveries::{Sinks, Today};
pub use error::Error;
use pipeline::Pipeline;
pub use restore::{Restored, accept as accept_restore};
use watched::interfaces_of;

/// Version of the agent.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Which compiler built the XDP programs.
pub const BPF_TOOLCHAIN: &str = env!("BPF_TOOLCHAIN");
/// Events that a slow tail may be behind before it misses some.
const TAIL: usize = 4096;
/// Shortest wait for what begins or ends.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);
/// How often interfaces are looked after.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// Runs until a signal, or until a part fails.
///
/// # Errors
/// [`Error`].
pub fn run(config: &Config) -> Result<(), Error> {
    let issuers = Issuers::of(&config.issuers)?;
    let features = probe()?;
    let socket = Socket::bind(&config.control.socket, config.control.group.as_ref())?;
    let page = config
        .metrics
        .enabled
        .then(|| bind_page(config))
        .transpose()?;
    let (warninglists, listed) = warninglists::read(&config.limits)?;
    let hygiene = Hygiene::new(Breadth::of(config), warninglists);
    make_directory(&config.state_dir)?;
    let mut catalog = Catalog::open(&config.state_dir)?;
    let journal = Arc::new(restore::open_journal(&config.state_dir, &mut catalog)?);
    let mut store = stored::open(config)?;
    condemned::destroy(&mut catalog, &mut store, &journal)?;
    let reader = store.another()?;

    let law = Law::of(config);
    let gate = Gate::new(legal::facts(config, &listed), catalog.declaration()?);
    let shut = gate.check().err();
    if let Some(reason) = shut {
        tracing::warn!(code = reason.code(), "{reason}");
    }
    let mut watch = clock::Watch::new(catalog.clock_mark()?, clock::read());
    let now = clock::judge(&mut watch);
    let longest_marker = config.limits.longest_marker;
    let canary = config.canary.interval;
    let admission = Admission::new(shut.is_none(), law).with_canary(canary.is_some());
    let inventory = Inventory::read(&mut catalog, now, longest_marker, admission)?;
    let breakers = catalog.breakers()?;
    let (interfaces, subscribers) = interfaces_of(config, &mut catalog)?;
    let limit = configured::limit(config);
    let setup = Setup {
        bpffs: config.bpffs.clone(),
        sizes: Sizes {
            flow_entries: config.flows.table_entries,
            ring_bytes: config.flows.ring_bytes,
            ..Sizes::default()
        },
        features,
        most_bytes: config.limits.map_memory,
        limit,
        budgets: Budgets::per_second(config.inspect.packets_per_second),
        name_keys: NameKeys::new([
            u64::from_ne_bytes(crypto::random()?),
            u64::from_ne_bytes(crypto::random()?),
        ]),
    };
    let generation = catalog.generation()? + 1;
    // Zero means "new" in the shared maps.
    let epoch = u64::from_ne_bytes(crypto::random()?) | 1;
    let (plane, tap) = DataPlane::open(
        setup,
        &inventory.image,
        breakers.iter().map(|breaker| breaker.pattern).collect(),
        generation,
        epoch,
    )?;
    catalog.set_generation(plane.generation())?;

    let actor = agent();
    let started = Action::Started {
        version: VERSION.into(),
        sensor: config.sensor.clone(),
    };
    let _receipt = journal.append(&actor, started)?;
    for number in &inventory.ended {
        let ended = inventory.order_ended(*number);
        let _receipt = journal.append_reserved(&actor, ended)?;
    }
    let references = inventory.orders.references();
    let index = |image| Index::with_orders(image, Arc::clone(&references));
    let live = Arc::new(Live::new(index(inventory.image.clone()), subscribers));
    live.put_former(index(inventory.over));
    if watch.destruction_allowed() {
        live.expire(day_of(now));
    }
    let metrics = Arc::new(Metrics::new(VERSION, BPF_TOOLCHAIN, &config.sensor));
    let sinks = Sinks::of(config, &metrics);
    let (tail, _) = broadcast::channel(TAIL);
    let told = Arc::new(Noted::default());
    let parts = Parts {
        inspected: Arc::clone(&told),
        journal: Arc::clone(&journal),
        live: Arc::clone(&live),
        counts: tap.counts(),
        tail: tail.clone(),
        sinks: sinks.known(config),
        metrics: Arc::clone(&metrics),
    };
    let facts = Facts {
        sensor: config.sensor.clone(),
        version: VERSION,
        kernel: kernel_release(),
        clock: features.clock().name(),
        started: now,
    };
    let set = Set {
        catalog,
        plane,
        image: inventory.image,
        starts: inventory.starts,
        tally: inventory.tally,
        orders: inventory.orders,
        breakers,
        interfaces,
        retry: None,
        mark_kept: None,
        unnoted: Over::default(),
        behind: None,
    };
    let breakers = BreakerPolicy {
        automatic: config.limits.breaker == Breaker::Automatic,
        rest: config.limits.breaker_rest,
    };
    let rules = Rules {
        hygiene,
        breakers,
        issuers,
        law,
        canary,
        gate,
        longest_marker,
        watch,
    };
    let sensor = Arc::new(Sensor::new(facts, parts, set, reader, rules));
    let deliveries = sinks.start(config, &store, &journal, &today(&sensor))?;
    let pipeline = Pipeline {
        tap,
        joiner: Joiner::new(configured::context(config), configured::timeouts(config)),
        store,
        live,
        metrics: Arc::clone(&metrics),
        tail,
        clock: features.clock(),
        bells: sinks.bells,
        drain_interval: config.flows.drain_interval,
        floods: configured::floods(config),
        lending: configured::lending(config),
        limits: Limits::new(limit),
        told,
    };
    let doors = Doors { socket, page };
    let outcome = serve(config, doors, sensor, metrics, pipeline);
    // Last: what the loop stored when stopping goes out, too, if the recipients are quick.
    deliveries.stop();
    let _receipt = journal.append_reserved(&actor, Action::Stopped)?;
    outcome
}

/// What was bound before anything was touched: a start that cannot be answered changes nothing.
struct Doors {
    socket: Socket,
    page: Option<std::net::TcpListener>,
}

fn bind_page(config: &Config) -> Result<std::net::TcpListener, Error> {
    let address = config.metrics.listen;
    std::net::TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|source| Error::Metrics { address, source })
}

/// Starts the loop, attaches, opens the door; then stops them in the other order.
fn serve(
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
            runtime.block_on(answer(config, doors, sensor, metrics, &mut end))
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
    let limits = DoorLimits {
        max_body: config.control.max_body,
        spool: config.state_dir.clone(),
        ..DoorLimits::default()
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

/// The day in UTC, while the clock may be trusted with destroying something.
fn today(sensor: &Arc<Sensor>) -> Today {
    let sensor = Arc::clone(sensor);
    Arc::new(move || {
        let today = || date_of(day_of(jiff::Timestamp::now()));
        sensor.destruction_allowed().then(today)
    })
}

fn make_directory(path: &std::path::Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| Error::Directory {
            path: path.into(),
            source,
        })
}

fn kernel_release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}
