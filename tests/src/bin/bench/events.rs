//! The store of events: how many it takes a second, queued for a sink that takes them, and how fast
//! events are found among many.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sensor_tests::{bench::statistics::Median, command, random::Random};
use sensor_user::{
    events::{Batch, Options as StoreOptions, Settlement, Store, Which},
    model::{
        Event, EventRow, MarkerHandling, MatchedIn, Pap, PatternId, PatternKind, State,
        SubscriberSide, Tlp, Vantage, retention::day_of,
    },
};
use serde_json::json;

use crate::{
    options::Options,
    report::{Figure, Limit, Report, number},
};

const SEED: u64 = 20_261_201;
/// The rate that must hold.
const RATE: usize = 20_000;
/// Events of a batch: what the agent takes from the ring at once.
const BATCH: usize = 4_000;
/// Events of a day; half of them are of [`BUSY`] markers, 1,000 of each.
const DAY: usize = 100_000;
const BUSY: usize = 50;
/// The markers of the other half.
const RARE: usize = 5_000;
const SINK: &str = "bench";
/// Queries of each kind.
const QUERIES: usize = 40;
const MILLISECOND: f64 = 1e3;

pub fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    let minutes = if options.full { 10 } else { 1 };
    let total = if options.quick {
        100_000
    } else {
        minutes * 60 * RATE
    };
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    let store_options = StoreOptions {
        most_bytes: 1 << 40,
        sinks: vec![SINK.into()],
        ..StoreOptions::default()
    };
    let (mut store, _) = Store::open(place.path(), store_options).map_err(text)?;
    let mut random = Random::new(SEED);

    let (stored, taken) = fill(&mut store, &mut random, total)?;
    let bytes = store.bytes().map_err(text)? as f64;
    report.line(format!(
        "\n{total} events, each stored open, closed a batch later and taken by a sink in its last \
         revision: {} s; {} a second, {} in the slowest ten seconds; a batch of {BATCH} takes {} ms \
         ({} at most); {} bytes an event; all taken {} s later.",
        number(stored.seconds),
        number(stored.rate),
        number(stored.slowest),
        number(stored.batch.middle),
        number(stored.longest),
        number(bytes / total as f64),
        number(taken),
    ));
    report.figure(Figure::new(
        format!("events a second stored, fsynced and queued, {total} events"),
        stored.rate,
        Limit::AtLeast(RATE as f64),
        "",
    ));
    report.figure(Figure::new(
        "the same in the slowest ten seconds",
        stored.slowest,
        Limit::AtLeast(RATE as f64),
        "",
    ));
    let found = look(&mut store, &mut random, place.path(), total)?;
    report.line(format!(
        "Of {total} events, one marker's 1,000 of one day: {} ms ({} at most), {} ms with nothing in \
         memory; one event by the head of its id: {} ms. A day of {DAY} events is destroyed in {} s.",
        number(found.warm.middle),
        number(found.warm_longest),
        number(found.cold.middle),
        number(found.id.middle),
        number(found.destroyed),
    ));
    let name = format!("one marker's 1,000 events of one day among {total}");
    report.figure(Figure::of(name, found.warm, Limit::AtMost(50.0), " ms"));
    report.raw(
        "events",
        json!({
            "total": total,
            "rate": stored.rate,
            "slowest_ten_seconds": stored.slowest,
            "batch_ms": stored.batch.middle,
            "batch_ms_longest": stored.longest,
            "bytes": bytes,
            "query_ms": found.warm.middle,
            "query_ms_cold": found.cold.middle,
            "id_ms": found.id.middle,
            "destroy_day_s": found.destroyed,
        }),
    );
    Ok(())
}

struct Stored {
    seconds: f64,
    rate: f64,
    slowest: f64,
    batch: Median,
    longest: f64,
}

/// Stores so many events while a sink takes them; and how long the sink then took for the rest.
fn fill(store: &mut Store, random: &mut Random, total: usize) -> Result<(Stored, f64), String> {
    let mut worker = store.another().map_err(text)?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let taking = scope.spawn(|| take(&mut worker, &over));
        let stored = put(store, random, total);
        over.store(true, Ordering::Relaxed);
        let rest = Instant::now();
        taking.join().expect("the worker ends")?;
        eprintln!();
        Ok((stored?, rest.elapsed().as_secs_f64()))
    })
}

fn put(store: &mut Store, random: &mut Random, total: usize) -> Result<Stored, String> {
    let begin = Instant::now();
    let (mut open, mut ends, mut batches) = (Vec::new(), Vec::new(), Vec::new());
    let mut seq = 1;
    while seq <= total || !open.is_empty() {
        let mut changed = std::mem::take(&mut open);
        for row in &mut changed {
            close(row);
        }
        let last = (seq + BATCH).min(total + 1);
        let new: Vec<EventRow> = (seq..last).map(|seq| event(seq, random)).collect();
        seq = last;
        open.clone_from(&new);
        let batch = Batch {
            new,
            changed,
            ..Batch::default()
        };
        let start = Instant::now();
        store.commit(&batch).map_err(text)?;
        batches.push(start.elapsed().as_secs_f64() * MILLISECOND);
        ends.push((begin.elapsed(), batch.new.len()));
        if batches.len() % 50 == 0 {
            eprint!("\r\x1b[Kevents: {seq} ");
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    Ok(Stored {
        seconds,
        rate: total as f64 / seconds,
        slowest: slowest(&ends),
        longest: batches.iter().copied().fold(0.0, f64::max),
        batch: Median::of(&batches),
    })
}

/// A worker whose sink takes everything at once; ends when nothing is left.
fn take(worker: &mut Store, over: &AtomicBool) -> Result<(), String> {
    let sink = worker.sink(SINK).map_err(text)?.ok_or("no such sink")?;
    loop {
        let ending = over.load(Ordering::Relaxed);
        let now = Timestamp::now().as_millisecond();
        let leased = worker.lease(sink, now, now + 60_000, BATCH as u32);
        let taken: Vec<(i64, u32)> = leased
            .map_err(text)?
            .iter()
            .map(|one| (one.row.seq, one.rev))
            .collect();
        let settlement = Settlement {
            taken: &taken,
            ..Settlement::default()
        };
        worker.settle_deliveries(sink, settlement).map_err(text)?;
        if taken.is_empty() {
            if ending {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Events a second in the worst ten seconds; over all when there are not as many.
fn slowest(ends: &[(Duration, usize)]) -> f64 {
    const WINDOW: f64 = 10.0;
    let mut least = f64::INFINITY;
    let mut first = 0;
    let mut count = 0;
    for (end, events) in ends {
        count += events;
        while first + 1 < ends.len() && (*end - ends[first].0).as_secs_f64() > WINDOW {
            count -= ends[first].1;
            first += 1;
            least = least.min(count as f64 / (*end - ends[first - 1].0).as_secs_f64());
        }
    }
    if least.is_finite() {
        return least;
    }
    let all: usize = ends.iter().map(|(_, events)| events).sum();
    all as f64 / ends.last().map_or(1.0, |(end, _)| end.as_secs_f64())
}

struct Found {
    warm: Median,
    warm_longest: f64,
    cold: Median,
    id: Median,
    destroyed: f64,
}

fn look(
    store: &mut Store,
    random: &mut Random,
    place: &Path,
    total: usize,
) -> Result<Found, String> {
    let days = total.div_ceil(DAY);
    let mut query = |store: &mut Store, cold: bool| -> Result<f64, String> {
        let first = first_seen(1 + random.below(days) * DAY);
        let which = Which {
            day: Some(day_of(first)),
            marker: Some(format!("busy-{}", random.below(BUSY))),
            open: None,
        };
        if cold {
            forget(place);
        }
        let start = Instant::now();
        let (rows, _) = store.page(None, 1_000, &which).map_err(text)?;
        let events: Vec<Event> = rows.into_iter().map(|row| row.event).collect();
        let answer = serde_json::to_vec(&events).map_err(|error| error.to_string())?;
        let took = start.elapsed().as_secs_f64() * MILLISECOND;
        if events.len() < 700 || answer.is_empty() {
            return Err(format!(
                "{} events where a thousand were stored",
                events.len()
            ));
        }
        Ok(took)
    };
    let mut timed = |store: &mut Store, cold| -> Result<Vec<f64>, String> {
        (0..QUERIES).map(|_| query(store, cold)).collect()
    };
    // As writing left it: what was written is in the kernel's memory as long as that lasts.
    timed(store, false)?;
    let warm = timed(store, false)?;
    // A connection that has nothing of its own in memory, and a kernel that was told to forget.
    let cold = {
        let mut other = store.another().map_err(text)?;
        timed(&mut other, true)?
    };
    let mut ids = Vec::new();
    for _ in 0..QUERIES {
        let (rows, _) = store
            .page(
                Some(2 + random.below(total - 1) as i64),
                1,
                &Which::default(),
            )
            .map_err(text)?;
        let id = &rows.first().ok_or("an event is missing")?.event.id;
        let start = Instant::now();
        let found = store.beginning(&id[..8]).map_err(text)?;
        ids.push(start.elapsed().as_secs_f64() * MILLISECOND);
        if found.is_empty() {
            return Err("an event is not found by its id".into());
        }
    }
    let start = Instant::now();
    let mut gone = 0;
    let today = sensor_user::model::Retention::MOST.expires(first_seen(1));
    loop {
        let stretch = store.expire(today).map_err(text)?;
        gone += stretch.destroyed as usize;
        if !stretch.more {
            break;
        }
    }
    while !store.give_back().map_err(text)? {}
    if gone != DAY.min(total) {
        return Err(format!("{gone} events destroyed where {DAY} were over"));
    }
    Ok(Found {
        warm_longest: warm.iter().copied().fold(0.0, f64::max),
        warm: Median::of(&warm),
        cold: Median::of(&cold),
        id: Median::of(&ids),
        destroyed: start.elapsed().as_secs_f64(),
    })
}

/// Has the kernel forget what it holds of the store's files.
fn forget(place: &Path) {
    for name in ["events.db", "events.db-wal", "keys/events.keys"] {
        let file = format!("if={}", place.join(name).display());
        // What it says does not matter: without it the figure is only a better one.
        let _ = command::output(&["dd", &file, "iflag=nocache", "count=0", "status=none"]);
    }
}

fn first_seen(seq: usize) -> Timestamp {
    let (day, within) = ((seq - 1) / DAY, (seq - 1) % DAY);
    let second = 1_798_761_600 + day as i64 * 86_400 + (within * 86_400 / DAY) as i64;
    Timestamp::from_second(second).expect("in the calendar")
}

fn event(seq: usize, random: &mut Random) -> EventRow {
    let id = format!("{:016x}{:016x}", random.bits(), random.bits());
    let marker = if random.percent(50) {
        format!("busy-{}", random.below(BUSY))
    } else {
        format!("rare-{}", random.below(RARE))
    };
    let first = first_seen(seq);
    let host = random.bits() as u32;
    EventRow {
        seq: seq as i64,
        event: Event {
            schema: 1,
            id,
            rev: 1,
            state: State::Open,
            sensor: "pop1".into(),
            vantage: Vantage(0),
            markers: vec![marker],
            orders: vec!["ORD-2027-1".into()],
            pattern_kind: PatternKind::Ip,
            matched_in: MatchedIn::DstIp,
            first_seen: first,
            last_seen: first,
            src_ip: Some(std::net::Ipv4Addr::from(host).into()),
            src_port: Some(host as u16 | 1),
            dst_ip: Some(std::net::Ipv4Addr::from(!host).into()),
            dst_port: Some(443),
            proto: "tcp".into(),
            packets: 1,
            bytes: 60,
            subscriber_side: SubscriberSide::Src,
            interface: "transit0".into(),
            vlan: Vec::new(),
            generation: 7,
            tlp: Tlp::Amber,
            pap: Pap::Amber,
            test: false,
        },
        handling: vec![MarkerHandling {
            tlp: Tlp::Amber,
            pap: Pap::Amber,
            authority: true,
        }],
        pattern: PatternId(random.bits()),
        tunnel: 0,
    }
}

fn close(row: &mut EventRow) {
    row.event.state = State::Closed;
    row.event.rev += 1;
    row.event.packets += 9;
    row.event.bytes += 9_000;
}

fn text(error: sensor_user::events::Error) -> String {
    error.to_string()
}
