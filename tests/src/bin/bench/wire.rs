//! What a packet costs on a wire, by the kernel's own clock: the rest of its path has been through the caches
//! between any two runs of the program, unlike in `packet`.

use std::path::{Path, PathBuf};

use sensor_tests::{
    bench::{sets::Set, statistics::Median},
    command::{Background, wait_until},
    need,
    netns::{Bpffs, Wire},
    random::Random,
};
use sensor_user::dataplane::{Offline, Variant, bench::Varied};
use serde_json::json;

use crate::{
    cpu,
    live::{PATIENCE, attach, detach},
    options::Options,
    report::{Report, number},
    sender,
    subjects::{as_live, said},
};

const SEED: u64 = 20_261_130;
/// Frames of one measurement.
const FRAMES: u64 = 100_000;

struct Subject {
    name: String,
    pin: PathBuf,
    /// Nanoseconds a packet, by round.
    samples: Vec<f64>,
}

pub fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    if !need::root_and(&["trafgen", "ip", "bpftool"]) {
        return Err("wire needs trafgen, ip and bpftool; `cargo xtask setup` installs them".into());
    }
    let many = if options.quick { 10_000 } else { 1_000_000 };
    let directory = tempfile::tempdir().map_err(said)?;
    let bpffs = Bpffs::mount(&directory.path().join("bpf"));
    let mut subjects = Vec::new();
    let mut subject = |name: String| -> PathBuf {
        let pin = bpffs.path().join(format!("subject{}", subjects.len()));
        let samples = Vec::new();
        subjects.push(Subject {
            name,
            pin: pin.clone(),
            samples,
        });
        pin
    };
    let mut empty = Varied::new(Variant::Frags).map_err(said)?;
    empty.pin_empty(&subject("empty".into())).map_err(said)?;
    let none = Set::default().image();
    let mut parse_only = Offline::parse_only(&none, Variant::Frags).map_err(said)?;
    let pin = subject("parse only".into());
    parse_only.pin(&pin).map_err(said)?;
    let mut random = Random::new(SEED);
    let mut sensors = Vec::new();
    for size in [0, many / 10, many] {
        let image = Set::addresses(&mut random, size / 2, size / 2).image();
        let mut sensor = as_live(&image)?;
        let pin = subject(format!("{size} address markers"));
        sensor.pin(&pin).map_err(said)?;
        sensors.push(sensor);
    }
    let wire = Wire::new();
    let config = directory.path().join("frames.cfg");
    sender::random_frames(&config, &wire)?;
    measure(&mut subjects, &wire, &config, options.rounds)?;
    tell(&subjects, report);
    Ok(())
}

fn measure(
    subjects: &mut [Subject],
    wire: &Wire,
    config: &Path,
    rounds: usize,
) -> Result<(), String> {
    let _stats = cpu::BpfStats::on()?;
    let count = subjects.len();
    for round in 0..=rounds {
        eprint!("\r\x1b[Kwire: round {round} of {rounds} ");
        for turn in 0..count {
            // Whoever comes first changes from round to round.
            let subject = &mut subjects[(turn + round) % count];
            attach(wire, &subject.pin);
            let time = time(wire, config)?;
            detach(wire);
            // The first round warms up.
            if round > 0 {
                subject.samples.push(time);
            }
        }
    }
    eprintln!();
    Ok(())
}

fn tell(subjects: &[Subject], report: &mut Report) {
    report.line(format!(
        "\nOn the same wire, IPv4, random addresses, no hit, by the kernel's clock\n  {:<45} {:>7}   added to empty (95 %)",
        "ns a packet", "median",
    ));
    for subject in subjects {
        let added = Median::of_differences(&subject.samples, &subjects[0].samples);
        report.line(format!(
            "  {:<45} {:>7}   +{} ({} to {})",
            subject.name,
            number(Median::of(&subject.samples).middle),
            number(added.middle),
            number(added.low),
            number(added.high),
        ));
    }
    let samples = |subject: &Subject| (subject.name.clone(), json!(subject.samples));
    let raw: serde_json::Map<_, _> = subjects.iter().map(samples).collect();
    report.raw("wire", raw.into());
}

/// Nanoseconds that the attached program takes a packet.
fn time(wire: &Wire, config: &Path) -> Result<f64, String> {
    let (before, count) = cpu::program(wire)?;
    let frames = FRAMES.to_string();
    let mut sending = Background::start(&wire.from.wrap(&sender::words(config, &frames)));
    if !wait_until(PATIENCE, || !sending.is_running()) {
        return Err("wire: trafgen does not end".into());
    }
    let (after, count_after) = cpu::program(wire)?;
    let seen = count_after - count;
    if seen < FRAMES / 10 * 9 {
        return Err(format!("wire: {seen} of {FRAMES} frames arrived"));
    }
    Ok((after - before) * 1e9 / seen as f64)
}
