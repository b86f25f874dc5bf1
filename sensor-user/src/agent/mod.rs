//! The wiring: builds the parts, starts and stops them in order.
//!
//! Start: privileges, socket and metrics page (a second agent stops here, before anything is
//! touched), warninglists, journal, stores, image, shared maps, the loop that consumes hits, interfaces, door. Stop: the door, then
//! the loop, which drains what is in flight and stores it. Interfaces stay attached.

mod accept_clock;
mod beats;
mod canary;
mod condemned;
mod configured;
mod declaration;
mod deliveries;
mod error;
mod metrics_page;
mod oversight;
mod pipeline;
mod places;
mod requests;
mod restore;
pub mod sensor_key;
mod serve;
mod stored;
mod warninglists;
mod watched;

use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    sync::Arc,
};

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use sensor_common::NameKeys;
use tokio::sync::broadcast;

use crate::{
    clock,
    config::{Breaker, Config},
    control::{
        Overseen, Socket,
        service::{Admission, BreakerPolicy, Facts, Inventory, Parts, Rules, Sensor, Set, agent},
    },
    crypto,
    dataplane::{Budgets, DataPlane, Setup, Sizes, probe},
    db::{Catalog, Over},
    envelope::Issuers,
    hits::{Index, Joiner, Live},
    journal::{Action, Signer},
    legal::{self, Gate, Law},
    lent::{Limits, Noted},
    markers::{Breadth, Hygiene},
    metrics::Metrics,
    model::retention::{date_of, day_of},
};
pub use accept_clock::accept_clock;
use beats::Beats;
pub use declaration::{declaration, record_declaration};
use deliveries::{Sinks, Today};
pub use error::Error;
use oversight::Oversight;
use pipeline::{Intake, Pipeline};
pub use restore::{Restored, accept as accept_restore};
use serve::{Doors, bind_page, serve};
use watched::interfaces_of;

/// Version of the agent.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Which compiler built the XDP programs.
pub const BPF_TOOLCHAIN: &str = env!("BPF_TOOLCHAIN");
/// Events that a slow tail may be behind before it misses some.
const TAIL: usize = 4096;

/// Runs until a signal, or until a part fails.
///
/// # Errors
/// [`Error`].
pub fn run(config: &Config) -> Result<(), Error> {
    // A core would hold borrowed payload, and keys, in a file that nobody destroys.
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "a crash may leave memory of the agent in a file");
    }
    let issuers = Issuers::of(&config.issuers)?;
    let features = probe()?;
    let control = &config.control;
    let socket = Socket::bind(&control.socket, control.group.as_ref())?;
    let overseers = Socket::bind(
        &control.oversight_socket(),
        control.oversight_group.as_ref(),
    )?;
    let page = config
        .metrics
        .enabled
        .then(|| bind_page(config))
        .transpose()?;
    let (warninglists, listed) = warninglists::read(&config.limits)?;
    let hygiene = Hygiene::new(Breadth::of(config), warninglists);
    make_directory(&config.state_dir)?;
    let mut catalog = Catalog::open(&config.state_dir)?;
    let (journal, past) = restore::open_journal(&config.state_dir, &mut catalog)?;
    let journal = Arc::new(journal);
    journal.sign_with(&agent(), signer(config)?)?;
    let former = places::former(config)?;
    let mut store = stored::open(config, &former)?;
    condemned::settle(&mut store, &journal, &past.destructions)?;
    condemned::destroy(&mut catalog, &mut store, &journal, &past.destructions)?;
    let readers = [store.another()?, store.another()?];

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
    let disclosing = sensor_key::read_or_make(&config.state_dir, &config.sensor, &journal)?;
    let overseen = Overseen::new(&control.roles);
    let started = Action::Started {
        version: VERSION.into(),
        sensor: config.sensor.clone(),
        heartbeat: Some(config.journal.heartbeat.as_secs().max(1)),
        unsaid_stop: past.unsaid_stop,
        overseers: Some(overseen.now()),
        disclosure_key: Some(disclosing.public().to_string()),
    };
    if let Some(last) = past.unsaid_stop {
        tracing::warn!(
            last,
            "the agent before this one did not say that it stops: it was killed, or the machine failed"
        );
    }
    let _receipt = journal.append(&actor, started)?;
    beats::keep(&journal);
    let beats = Beats::start(&journal, &config.journal).map_err(Error::Runtime)?;
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
    let desk = requests::open(config, &rules.issuers, &journal, &store, disclosing)?;
    desk.recover(&actor, &past.requests)?;
    let sensor = Arc::new(Sensor::new(facts, parts, set, readers, rules, desk));
    let overseers =
        Oversight::start(overseers, config, &sensor, overseen).map_err(Error::Runtime)?;
    let deliveries = sinks.start((config, &former), &store, &journal, &today(&sensor))?;
    let pipeline = Pipeline {
        intake: Intake::shared(tap, configured::lending(config)),
        joiner: Joiner::new(configured::context(config), configured::timeouts(config)),
        store,
        live,
        metrics: Arc::clone(&metrics),
        tail,
        clock: features.clock(),
        bells: sinks.bells,
        drain_interval: config.flows.drain_interval,
        floods: configured::floods(config),
        limits: Limits::new(limit),
        told,
    };
    let doors = Doors { socket, page };
    let outcome = serve(config, doors, Arc::clone(&sensor), metrics, pipeline);
    sensor.tell_counted();
    // Last: what the loop stored when stopping goes out, too, if the recipients are quick.
    deliveries.stop();
    sensor.tell_readings();
    beats.stop();
    let stopped = journal.append_reserved(&actor, Action::Stopped);
    beats::keep(&journal);
    overseers.stop();
    let _receipt = stopped?;
    outcome
}

/// The key that verifies what the sensor of a configuration discloses; none before its first start.
///
/// # Errors
/// The key's file.
pub fn disclosure_key(config: &Config) -> Result<Option<String>, Error> {
    sensor_key::public(&config.state_dir)
}

/// The journal's key, made at the first start.
fn signer(config: &Config) -> Result<Signer, Error> {
    let journal = &config.journal;
    let path = journal.key_file(&config.state_dir);
    let origin = journal.origin.as_deref();
    let every = journal.checkpoint_entries;
    Ok(Signer::open(&path, origin, &config.sensor, every)?)
}

/// The day in UTC, as validity is judged, while the clock may be trusted with destroying something: one
/// that is set back keeps nothing for longer.
fn today(sensor: &Arc<Sensor>) -> Today {
    let sensor = Arc::clone(sensor);
    Arc::new(move || {
        let today = || date_of(day_of(clock::KernelClock::Boot.judged_now()));
        sensor.destruction_allowed().then(today)
    })
}

/// Makes the agent's directory; one that is there is closed to everybody but its owner and group, who
/// may read at most.
fn make_directory(path: &std::path::Path) -> Result<(), Error> {
    let close = |path: &std::path::Path| {
        let mode = fs::metadata(path)?.permissions().mode();
        if mode & 0o027 == 0 {
            return Ok(());
        }
        tracing::warn!(path = %path.display(), "others could get at the agent's files: closed");
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o750))
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| close(path))
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
