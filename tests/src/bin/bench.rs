//! What a packet costs: `cargo xtask bench`.
//!
//! Every program is measured in every round, one after the other, with addresses that vary from
//! packet to packet; what is compared is the difference to "parse only" within a round. Timings of
//! a shared machine drift, differences within a round much less.

use std::{env, process::ExitCode};

use jiff::Timestamp;
use sensor_tests::{
    need,
    packet::{Body, Frame, Ip4, Ip6},
    random::Random,
};
use sensor_user::{
    dataplane::{Offline, Sizes, Variant, bench::Varied},
    markers::compile,
    model::{Image, Marker, Pap, Pattern, Tlp},
};
use serde_json::json;

/// Packets of one measurement.
const REPEAT: u32 = 300_000;
const ROUNDS: usize = 20;
const SEED: u64 = 20_261_124;
/// Marker sets measured: address markers, half of each family.
const SETS: [usize; 3] = [0, 1_000, 100_000];

struct Subject {
    name: String,
    offline: Option<Offline>,
    /// Nanoseconds a packet, by round.
    samples: Vec<f64>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let as_json = arguments.iter().any(|argument| argument == "--json");
    let rounds = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--rounds=")?.parse().ok())
        .unwrap_or(ROUNDS);
    if !need::root() {
        return ExitCode::FAILURE;
    }
    let mut random = Random::new(SEED);
    let mut documents = Vec::new();
    for (family, frame) in frames() {
        let mut subjects = subjects(&mut random);
        for round in 0..rounds {
            eprint!("\r{family}: round {} of {rounds} ", round + 1);
            measure(&mut subjects, &frame);
        }
        eprintln!();
        if !as_json {
            print_table(family, &subjects);
        }
        documents.push(document(family, &subjects));
    }
    if as_json {
        let machine =
            json!({ "kernel": kernel(), "cpu": cpu(), "repeat": REPEAT, "rounds": rounds });
        println!("{}", json!({ "machine": machine, "families": documents }));
    } else {
        println!(
            "{}, {}; {rounds} rounds of {REPEAT} packets",
            kernel(),
            cpu()
        );
    }
    ExitCode::SUCCESS
}

fn frames() -> [(&'static str, Vec<u8>); 2] {
    let body = || Body::udp(40_000, 443, &[0; 18]);
    let v4 = Ip4::new([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), body());
    let v6: [std::net::Ipv6Addr; 2] =
        ["2001:db8::1", "2001:db8::2"].map(|text| text.parse().expect("an address"));
    let v6 = Ip6::new(v6[0], v6[1], body());
    [
        ("IPv4", Frame::new(v4).bytes()),
        ("IPv6", Frame::new(v6).bytes()),
    ]
}

fn subjects(random: &mut Random) -> Vec<Subject> {
    let subject = |name: String, offline| Subject {
        name,
        offline,
        samples: Vec::new(),
    };
    let load = |image: &Image| {
        Offline::new(image, Sizes::default(), Variant::Frags).expect("the program loads")
    };
    let mut subjects = vec![subject("empty pass".into(), None)];
    let empty = image(random, 0);
    let parse_only = Offline::parse_only(&empty, Variant::Frags).expect("the program loads");
    subjects.push(subject("parse only".into(), Some(parse_only)));
    for size in SETS {
        let offline = load(&image(random, size));
        subjects.push(subject(format!("{size} address markers"), Some(offline)));
    }
    subjects
}

fn image(random: &mut Random, size: usize) -> Image {
    let markers: Vec<Marker> = (0..size)
        .map(|index| {
            let address: std::net::IpAddr = if index % 2 == 0 {
                (random.bits() as u32).to_be_bytes().into()
            } else {
                (u128::from(random.bits()) << 64 | u128::from(random.bits()) | 1 << 127)
                    .to_be_bytes()
                    .into()
            };
            Marker {
                id: index.to_string().into(),
                pattern: Pattern::ip(address),
                until: None,
                tlp: Tlp::default(),
                pap: Pap::default(),
            }
        })
        .collect();
    compile(&markers, Timestamp::UNIX_EPOCH).expect("no collision")
}

fn measure(subjects: &mut [Subject], frame: &[u8]) {
    let mut varied = Varied::new(SEED).expect("the bench programs load");
    for subject in subjects {
        let duration = match &mut subject.offline {
            None => varied.time_empty(frame, REPEAT),
            Some(offline) => varied.time(offline, frame, REPEAT),
        };
        subject
            .samples
            .push(duration.expect("it runs").as_nanos() as f64);
    }
}

/// Median of the differences to "parse only" within each round, with its 95 % interval: the order
/// statistics between which the median lies with that probability (sign test).
fn added(subject: &Subject, parse_only: &Subject) -> (f64, f64, f64) {
    let mut differences: Vec<f64> = subject
        .samples
        .iter()
        .zip(&parse_only.samples)
        .map(|(one, other)| one - other)
        .collect();
    differences.sort_by(f64::total_cmp);
    let count = differences.len() as f64;
    let reach = (0.98 * count.sqrt()).ceil() as usize;
    let middle = differences.len() / 2;
    let low = middle.saturating_sub(reach);
    let high = (middle + reach).min(differences.len() - 1);
    (differences[middle], differences[low], differences[high])
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn minimum(samples: &[f64]) -> f64 {
    samples.iter().copied().fold(f64::INFINITY, f64::min)
}

fn print_table(family: &str, subjects: &[Subject]) {
    println!(
        "\n{family}, ns a packet{:>18} {:>8}   added to parse only (95 %)",
        "median", "min"
    );
    for subject in subjects {
        let (middle, low, high) = added(subject, &subjects[1]);
        println!(
            "  {:<24} {:>8.0} {:>8.0}   {middle:+.0} ({low:+.0} to {high:+.0})",
            subject.name,
            median(&subject.samples),
            minimum(&subject.samples),
        );
    }
}

fn document(family: &str, subjects: &[Subject]) -> serde_json::Value {
    let rows: Vec<_> = subjects
        .iter()
        .map(|subject| {
            let (middle, low, high) = added(subject, &subjects[1]);
            json!({
                "program": subject.name,
                "median_ns": median(&subject.samples),
                "min_ns": minimum(&subject.samples),
                "added_ns": middle,
                "added_95": [low, high],
                "samples_ns": subject.samples,
            })
        })
        .collect();
    json!({ "family": family, "programs": rows })
}

fn kernel() -> String {
    let (major, minor) = need::kernel();
    format!("kernel {major}.{minor}")
}

fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    name.map_or_else(|| "unknown CPU".into(), |name| name.trim().to_owned())
}
