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
    stage::{Stage, attach, detach, load},
    subjects::said,
};

const SEED: u64 = 20_261_126;
/// Frames that a sender stops after by itself, should nobody stop it.
const MOST_FRAMES: u64 = 20_000_000;
/// Frames that arrive before the rate is measured.
const WARM_UP: u64 = 50_000;
const PATIENCE: Duration = Duration::from_secs(20);

pub fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    if !need::root_and(&["trafgen", "ethtool", "ip"]) {
        return Err("live needs trafgen, ethtool and ip; `cargo xtask setup` installs them".into());
    }
    let (markers, window) = if options.quick {
        (100_000, Duration::from_millis(400))
    } else {
        (1_000_000, Duration::from_secs(1))
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
    detach(&daemon.client())?;

    let config = directory.path().join("frames.cfg");
    sender::random_frames(&config, &stage.wire)?;
    let (mut with_empty, mut with_ours) = (Vec::new(), Vec::new());
    for round in 0..=options.rounds {
        eprint!("\r\x1b[Klive: round {round} of {} ", options.rounds);
        // Whoever comes first changes from round to round.
        for ours in [round % 2 == 0, round % 2 != 0] {
            let rate = if ours {
                attach(&daemon.client())?;
                let rate = rate(&stage.wire, &daemon, &config, window)?;
                detach(&daemon.client())?;
                rate
            } else {
                attach_empty(&stage.wire, &empty);
                let rate = rate(&stage.wire, &daemon, &config, window)?;
                detach_empty(&stage.wire);
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

pub fn attach_empty(wire: &Wire, pin: &Path) {
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

pub fn detach_empty(wire: &Wire) {
    wire.to
        .run(&["ip", "link", "set", "dev", Wire::IN, "xdpdrv", "off"]);
}

/// Frames a second that arrive while the sender runs at its best.
fn rate(wire: &Wire, daemon: &Sensord<'_>, config: &Path, window: Duration) -> Result<f64, String> {
    let start = received(daemon.id())?;
    let count = MOST_FRAMES.to_string();
    let words = sender::words(config, &count);
    let sending = Background::start(&wire.from.wrap(&words));
    let mut warm = 0;
    let began = wait_until(PATIENCE, || {
        warm = received(daemon.id()).unwrap_or(start) - start;
        warm >= WARM_UP
    });
    if !began {
        return Err(format!(
            "live: only {warm} frames arrived; is trafgen able to send?"
        ));
    }
    let (from, before) = (Instant::now(), received(daemon.id())?);
    thread::sleep(window);
    let (after, time) = (received(daemon.id())?, from.elapsed());
    drop(sending);
    Ok((after - before) as f64 / time.as_secs_f64())
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
