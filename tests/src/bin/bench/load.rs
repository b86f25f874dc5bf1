//! A large set through the socket: how long until it is live, and what it occupies.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use sensor_tests::{bench::sets::Set, daemon::Client, random::Random};
use sensor_user::dataplane::bench::{MapUse, map_use};
use serde_json::json;

use crate::{
    machine,
    options::Options,
    report::{Figure, Limit, Report, number},
    stage::{Stage, load, loaded, post},
};

const SEED: u64 = 20_261_127;
/// Single additions, and as many removals.
const SINGLES: usize = 100;
/// After so long the rest of them is worked out from those that were made.
const ENOUGH: Duration = Duration::from_secs(30);
const ENOUGH_QUICK: Duration = Duration::from_secs(3);
/// Interval between two looks at the kernel's maps during a swap.
const LOOK: Duration = Duration::from_millis(20);
/// How long memory is given to be freed after a load.
const SETTLE: Duration = Duration::from_secs(3);
const MEGABYTE: f64 = 1e6;

pub fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    let markers = if options.quick { 100_000 } else { 1_000_000 };
    let mut random = Random::new(SEED);
    let half = markers / 2;
    let first = Set::addresses(&mut random, half, half);
    let second = Set::addresses(&mut random, half, half);
    let more = Set::addresses(&mut random, SINGLES, 0);
    let before: HashSet<u32> = map_use().iter().map(|map| map.id).collect();
    let maps = || -> Vec<MapUse> {
        let mut maps = map_use();
        maps.retain(|map| !before.contains(&map.id));
        maps
    };

    let stage = Stage::new();
    let daemon = stage.start();
    let client = daemon.client();
    let memory = |name: &str| {
        machine::kilobytes(&format!("/proc/{}/status", daemon.id()), name) as f64 / MEGABYTE
    };
    eprint!("load: {markers} markers ");
    let load_time = timed_load(&client, &first, markers)?;
    let peak = memory("VmHWM");
    thread::sleep(SETTLE);
    let (resident, steady) = (memory("VmRSS"), bytes(&maps()));
    let held = maps();

    eprint!("\r\x1b[Kload: another {markers} ");
    let (swap_time, most) = watched(&maps, || timed_load(&client, &second, markers))?;
    let peak_of_swap = memory("VmHWM");
    thread::sleep(SETTLE);
    let after_swap = bytes(&maps());

    eprint!("\r\x1b[Kload: single additions and removals ");
    let ids: Vec<String> = (0..SINGLES).map(|index| format!("single{index}")).collect();
    let mut lines = more.patterns().zip(&ids);
    let enough = if options.quick { ENOUGH_QUICK } else { ENOUGH };
    let adds = singles(SINGLES, enough, || {
        let (pattern, id) = lines.next().expect("as many as are asked for");
        post(&client, "/v1/markers", &format!("{pattern} id={id}\n"))
    })?;
    expect(&client, markers + adds.count)?;
    let mut ids = ids.iter();
    let removes = singles(adds.count, enough, || {
        let id = ids.next().expect("as many as were added");
        post(&client, "/v1/markers/remove", &format!("{id}\n"))
    })?;
    expect(&client, markers + adds.count - removes.count)?;
    eprintln!();

    report.line(format!(
        "\nLoad of {markers} markers through the socket: {} s, the next one {} s. Agent: {} MB \
         resident, {} MB at most, {} MB with a swap. Kernel maps: {} MB, {} MB at most during a \
         swap, {} MB after it. {} additions in {} s, {} removals in {} s.",
        number(load_time),
        number(swap_time),
        number(resident),
        number(peak),
        number(peak_of_swap),
        number(steady / MEGABYTE),
        number(most / MEGABYTE),
        number(after_swap / MEGABYTE),
        adds.count,
        number(adds.seconds),
        removes.count,
        number(removes.seconds),
    ));
    for map in held.iter().filter(|map| map.bytes > 1_000_000) {
        report.line(format!(
            "  {:<16} {} MB",
            map.name,
            number(map.bytes as f64 / MEGABYTE)
        ));
    }
    let mut say = |what: &str, value, limit, unit| {
        let what = format!("{what}, {markers} markers");
        report.figure(Figure::new(what, value, Limit::AtMost(limit), unit));
    };
    say(
        "text file through the socket to live",
        load_time,
        10.0,
        " s",
    );
    say("agent memory after the load", resident, 400.0, " MB");
    say(
        "agent memory at its peak during the load",
        peak,
        400.0,
        " MB",
    );
    say("kernel map memory", steady / MEGABYTE, 250.0, " MB");
    say(
        "kernel map memory during a swap",
        most / MEGABYTE,
        500.0,
        " MB",
    );
    say("100 single additions", adds.all(), 1.0, " s");
    say("100 single removals", removes.all(), 1.0, " s");
    report.raw(
        "load",
        json!({
            "markers": markers,
            "load_s": load_time,
            "swap_s": swap_time,
            "agent_rss_mb": resident,
            "agent_peak_mb": [peak, peak_of_swap],
            "maps_bytes": { "steady": steady, "swap": most, "after": after_swap },
            "maps": held.iter().map(|map| json!([map.name, map.bytes])).collect::<Vec<_>>(),
            "additions": [adds.count as f64, adds.seconds],
            "removals": [removes.count as f64, removes.seconds],
        }),
    );
    Ok(())
}

/// Seconds from the request to its answer; the set is live then.
fn timed_load(client: &Client, set: &Set, markers: usize) -> Result<f64, String> {
    let text = set.text();
    let start = Instant::now();
    load(client, &text)?;
    let time = start.elapsed().as_secs_f64();
    expect(client, markers)?;
    Ok(time)
}

fn expect(client: &Client, markers: usize) -> Result<(), String> {
    let found = loaded(client)?;
    if found != markers as u64 {
        return Err(format!(
            "VOID: {found} markers are loaded, {markers} were sent"
        ));
    }
    Ok(())
}

fn bytes(maps: &[MapUse]) -> f64 {
    maps.iter().map(|map| map.bytes).sum::<u64>() as f64
}

/// Does something while the kernel's maps are watched; what it gives, and their most bytes.
fn watched<T>(
    maps: &(impl Fn() -> Vec<MapUse> + Sync),
    act: impl FnOnce() -> Result<T, String>,
) -> Result<(T, f64), String> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = 0.0f64;
            while !over.load(Ordering::Relaxed) {
                most = most.max(bytes(&maps()));
                thread::sleep(LOOK);
            }
            most
        });
        let done = act();
        over.store(true, Ordering::Relaxed);
        let most = watcher.join().map_err(|_| "the watcher ended early")?;
        Ok((done?, most))
    })
}

/// Changes of one marker each.
struct Singles {
    count: usize,
    seconds: f64,
}

impl Singles {
    /// Seconds that all of them take, at the pace of those that were made.
    fn all(&self) -> f64 {
        self.seconds * SINGLES as f64 / self.count as f64
    }
}

fn singles(
    most: usize,
    enough: Duration,
    mut one: impl FnMut() -> Result<(), String>,
) -> Result<Singles, String> {
    let start = Instant::now();
    let mut count = 0;
    while count < most && start.elapsed() < enough {
        one()?;
        count += 1;
    }
    Ok(Singles {
        count,
        seconds: start.elapsed().as_secs_f64(),
    })
}
