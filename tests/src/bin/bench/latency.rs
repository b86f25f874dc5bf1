//! From the first packet of an event to the acknowledgement of a NATS server: the daemon as it runs
//! in production, a thousand new flows a second.

use std::{thread, time::Duration};

use sensor_tests::{
    command::wait_until,
    daemon::Sensord,
    nats::{NatsServer, STREAM, SUBJECT},
    need,
    packet::{Body, Frame, Ip4},
};
use serde_json::json;

use crate::{
    options::Options,
    report::{Figure, Limit, Report, number},
    stage::{Stage, load},
};

const RATE: u32 = 1_000;
const SECONDS: usize = 60;
const SECONDS_QUICK: usize = 10;
/// So many that none of them reaches the limit of a pattern.
const MARKERS: usize = 100;
const SINK: &str = "stream";
const SERIES: &str = "marker_sensor_delivery_latency_seconds";
const RETENTION: Duration = Duration::from_secs(90 * 86_400);
const PATIENCE: Duration = Duration::from_secs(60);

pub fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    if !need::root_and(&["tcpreplay", "nats-server", "curl"]) {
        return Err("latency needs tcpreplay, nats-server and curl".into());
    }
    let seconds = if options.quick {
        SECONDS_QUICK
    } else {
        SECONDS
    };
    let mut stage = Stage::new();
    thread::scope(|scope| {
        // The server's loopback is the daemon's.
        let measuring = scope.spawn(|| {
            stage.wire.to.enter();
            measure(&mut stage, seconds, report)
        });
        measuring.join().expect("it measures")
    })
}

fn measure(stage: &mut Stage, seconds: usize, report: &mut Report) -> Result<(), String> {
    let server = NatsServer::start();
    server.judge().stream("CREATE", RETENTION, &json!({}));
    stage.settings.more = format!(
        "[[sink]]\nname = {SINK:?}\nrecipient = \"operator\"\nretention = \"90d\"\n\
         [sink.nats]\nurl = \"nats://127.0.0.1:{}\"\nstream = {STREAM:?}\nsubject = {SUBJECT:?}\n",
        server.port
    );
    // Events close while others open, so that both kinds of revisions are on their way.
    stage.settings.idle_timeout = "5s".into();
    let daemon = stage.start();
    let markers: String = (0..MARKERS)
        .map(|number| format!("ip 203.0.113.{number} id=m{number} tlp=GREEN\n"))
        .collect();
    load(&daemon.client(), &markers)?;
    let flows = seconds * RATE as usize;
    let frames: Vec<Vec<u8>> = (0..flows).map(frame).collect();
    eprint!("latency: {seconds} s of {RATE} new flows a second ");
    stage.wire.send(&frames, RATE);
    let all = || Histogram::read(&daemon).is_ok_and(|read| read.count() >= 2.0 * flows as f64);
    let whole = wait_until(PATIENCE, all);
    eprintln!();
    let read = Histogram::read(&daemon)?;
    if !whole {
        return Err(format!(
            "latency: {} acknowledgements where {flows} events opened and closed",
            read.count()
        ));
    }
    let (middle, high) = (read.quantile(0.5) * 1e3, read.quantile(0.99) * 1e3);
    report.line(format!(
        "\n{flows} events at {RATE} a second, each opened and closed: first packet (of a closing, \
         stored) to the acknowledgement of nats-server: median {} ms, 99 of 100 within {} ms.",
        number(middle),
        number(high),
    ));
    let what = format!("99 % from first packet to NATS acknowledgement at {RATE} events a second");
    report.figure(Figure::new(what, high, Limit::AtMost(250.0), " ms"));
    report.raw(
        "latency",
        json!({ "events": flows, "rate": RATE, "buckets": read.buckets }),
    );
    Ok(())
}

/// A flow of its own.
fn frame(number: usize) -> Vec<u8> {
    let source = [10, 1, (number / 60_000) as u8, 2];
    let body = Body::udp(1_024 + (number % 60_000) as u16, 53, b"");
    let marker = [203, 0, 113, (number % MARKERS) as u8];
    Frame::new(Ip4::new(source.into(), marker.into(), body)).bytes()
}

/// The series of the daemon: upper bounds in seconds and how many were within each.
struct Histogram {
    buckets: Vec<(f64, f64)>,
}

impl Histogram {
    fn read(daemon: &Sensord<'_>) -> Result<Self, String> {
        let head = format!("{SERIES}_bucket{{sink=\"{SINK}\",le=\"");
        let bucket = |line: &str| {
            let (bound, count) = line.strip_prefix(&head)?.split_once("\"} ")?;
            let bound = bound.replace("+Inf", "inf").parse().ok()?;
            Some((bound, count.parse().ok()?))
        };
        let buckets: Vec<(f64, f64)> = daemon.metrics().lines().filter_map(bucket).collect();
        (!buckets.is_empty())
            .then_some(Self { buckets })
            .ok_or_else(|| format!("latency: the page has no {head}"))
    }

    fn count(&self) -> f64 {
        self.buckets.last().map_or(0.0, |(_, count)| *count)
    }

    /// As Prometheus estimates it: evenly within a bucket.
    fn quantile(&self, share: f64) -> f64 {
        let rank = share * self.count();
        let (mut below, mut before) = (0.0, 0.0);
        for (bound, count) in &self.buckets {
            if *count >= rank {
                return below + (bound - below) * (rank - before) / (count - before);
            }
            (below, before) = (*bound, *count);
        }
        f64::INFINITY
    }
}
