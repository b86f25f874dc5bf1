//! Frames through a wire: the rate with the sensor over the rate with an empty XDP program.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use sensor_tests::{
    bench::{sets::Set, statistics::Median},
    command::{Background, wait_until},
    daemon::Sensord,
    need,
    netns::{Bpffs, Wire},
    random::Random,
};
use sensor_user::dataplane::{Variant, bench::Varied};
use serde_json::json;

use crate::{
    options::Options,
    report::{Figure, Limit, Report, number},
    sender,
    stage::{Stage, load},
    subjects::said,
};

const SEED: u64 = 20_261_126;
/// Frames of one measurement.
const FRAMES: u64 = 600_000;
const FRAMES_QUICK: u64 = 200_000;
/// Interval between two looks at what has arrived.
const LOOK: Duration = Duration::from_millis(2);
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    if !need::root_and(&["trafgen", "ethtool", "ip"]) {
        return Err("live needs trafgen, ethtool and ip; `cargo xtask setup` installs them".into());
    }
    let (markers, frames) = if options.quick {
        (100_000, FRAMES_QUICK)
    } else {
        (1_000_000, FRAMES)
    };
    let stage = Stage::new();
    let daemon = stage.start();
    let directory = tempfile::tempdir().map_err(said)?;
    let bpffs = Bpffs::mount(&directory.path().join("bpf"));
    let empty = bpffs.path().join("empty");
    let mut programs = Varied::new(Variant::Frags).map_err(said)?;
    programs.pin_empty(&empty).map_err(said)?;
    let mut random = Random::new(SEED);
    let set = Set::addresses(&mut random, markers / 2, markers / 2);
    eprint!("live: loading {markers} markers ");
    load(&daemon.client(), &set.text())?;
    stage.detach(&daemon.client())?;

    let config = directory.path().join("frames.cfg");
    sender::random_frames(&config, &stage.wire)?;
    let (mut with_empty, mut with_ours) = (Vec::new(), Vec::new());
    for round in 0..=options.rounds {
        eprint!("\r\x1b[Klive: round {round} of {} ", options.rounds);
        // Whoever comes first changes from round to round.
        for ours in [round % 2 == 0, round % 2 != 0] {
            let rate = if ours {
                stage.attach(&daemon.client())?;
                let rate = rate(&stage.wire, &daemon, &config, frames)?;
                stage.detach(&daemon.client())?;
                rate
            } else {
                attach(&stage.wire, &empty);
                let rate = rate(&stage.wire, &daemon, &config, frames)?;
                detach(&stage.wire);
                rate
            };
            match (round, ours) {
                // Warms up.
                (0, _) => {}
                (_, true) => with_ours.push(rate),
                (_, false) => with_empty.push(rate),
            }
        }
    }
    eprintln!();
    let ratio = Median::of_ratios(&with_ours, &with_empty);
    report.line(format!(
        "\nLive on veth, native XDP, offloads off: {} kpps with an empty program, {} kpps with ours \
         at {markers} markers (medians of {} rounds); ratio {} ({} to {})",
        number(Median::of(&with_empty).middle / 1e3),
        number(Median::of(&with_ours).middle / 1e3),
        options.rounds,
        number(ratio.middle),
        number(ratio.low),
        number(ratio.high),
    ));
    let what = format!("rate on veth at {markers} markers over an empty program, lower 95 % bound");
    report.figure(Figure::new(what, ratio.low, Limit::AtLeast(0.93), " times"));
    report.raw(
        "live",
        json!({ "markers": markers, "empty_pps": with_empty, "ours_pps": with_ours }),
    );
    Ok(())
}

pub fn attach(wire: &Wire, pin: &Path) {
    let pin = pin.to_str().expect("a path in UTF-8");
    wire.to.run(&[
        "ip",
        "link",
        "set",
        "dev",
        Wire::IN,
        "xdpdrv",
        "pinned",
        pin,
    ]);
}

pub fn detach(wire: &Wire) {
    wire.to
        .run(&["ip", "link", "set", "dev", Wire::IN, "xdpdrv", "off"]);
}

/// Frames a second that arrive while the sender runs at its best, between its first frames and its
/// last.
fn rate(wire: &Wire, daemon: &Sensord<'_>, config: &Path, frames: u64) -> Result<f64, String> {
    let start = received(daemon.id())?;
    let count = frames.to_string();
    let mut sending = Background::start(&wire.from.wrap(&sender::words(config, &count)));
    let mut first: Option<(Instant, u64)> = None;
    let since = Instant::now();
    loop {
        let running = sending.is_running();
        let (now, arrived) = (Instant::now(), received(daemon.id())? - start);
        match first {
            None if arrived >= frames / 10 => first = Some((now, arrived)),
            Some((then, before)) if arrived >= frames / 10 * 9 => {
                // It cannot be stopped: its worker would live on.
                if !wait_until(PATIENCE, || !sending.is_running()) {
                    return Err("live: trafgen does not end".into());
                }
                return Ok((arrived - before) as f64 / (now - then).as_secs_f64());
            }
            _ if !running || since.elapsed() > PATIENCE => {
                return Err(format!("live: {arrived} of {frames} frames arrived"));
            }
            _ => thread::sleep(LOOK),
        }
    }
}

/// Frames that the interface has received, read in the namespace of a process.
pub fn received(process: u32) -> Result<u64, String> {
    let path = format!("/proc/{process}/net/dev");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(Wire::IN)?.strip_prefix(':'));
    // Bytes, packets, errors, …
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .ok_or_else(|| format!("{path} has no line for {}", Wire::IN))
}
