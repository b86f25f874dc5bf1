//! Costs of names: what a packet pays that bears none, and what one pays that does.
//!
//! Two sensors, alike but for a million names, see the same packets in the same rounds. A packet that
//! bears a name stays as it is, so that the words of the filter that it asks for are in the caches.

use sensor_common::{LaneClass, LaneFate, Term};
use sensor_tests::{
    bench::{
        sets::{SHAPE, Set},
        statistics::Median,
    },
    packet::{Body, Frame, Ip4, Ip6},
    random::{Random, name::client_hello},
};
use sensor_user::{
    dataplane::{
        Limit as NewFlows, Offline, Sizes, Variant,
        bench::{Plan, Target, Varied},
    },
    markers::rows,
    model::{Image, Marker, Pattern},
};
use serde_json::json;

use crate::{
    options::Options,
    report::{Figure, Limit, Report},
    subjects::said,
};

/// Packets of one turn: the sensors and the empty pass take turns within a round, and what is compared are
/// turns of the same three, so that what a shared machine does meanwhile falls on both.
const REPEAT: u32 = 20_000;
/// Turns of a round; the medians of their differences are its samples.
const TURNS: usize = 51;
const SEED: u64 = 20_261_207;
const XDP_PASS: u32 = 2;
/// As configured by default.
const NEW_FLOWS: (u32, u32) = (1_000, 4_000);
/// Names that are looked for before anything is measured.
const COMPARED: usize = 500;

/// A packet whose cost is asked for.
struct Case {
    name: &'static str,
    frame: Vec<u8>,
    /// The class that the program with names decides it in; nothing for a packet that bears none,
    /// whose addresses vary: what is asked for is what names add to it.
    decided: Option<LaneClass>,
    limit: Option<f64>,
    /// What names add, and what the packet costs over the empty pass.
    added: Vec<f64>,
    whole: Vec<f64>,
}

pub fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    let many = if options.quick { 100_000 } else { 1_000_000 };
    let mut random = Random::new(SEED);
    let addresses = Set::addresses(&mut random, many / 2, many / 2).image();
    let names = (0..many).map(|number| {
        let stars = if number % 2 == 0 { "*." } else { "" };
        let pattern = Pattern::domain(&format!("{stars}{}", member(number))).expect("a name");
        Marker::new(format!("n{number}"), pattern)
    });
    let both = addresses.with(&[], rows(names)).map_err(said)?;
    let load = |image: &Image| {
        let limit = NewFlows::per_second(NEW_FLOWS.0, NEW_FLOWS.1);
        Offline::as_live(image, Sizes::default(), Variant::Frags, limit).map_err(said)
    };
    let (mut without, mut with) = (load(&addresses)?, load(&both)?);
    compare(&mut with, &mut without, many, &mut random)?;
    let mut varied = Varied::new(Variant::Frags).map_err(said)?;
    let mut cases = cases();
    for round in 0..=options.rounds {
        eprint!("\rnames: round {round} of {} ", options.rounds);
        for case in &mut cases {
            let plan = Plan {
                seed: 1 + random.bits() / 2,
                vary: case.decided.is_none(),
                per_million: 0,
                picks: Vec::new(),
                free: false,
                shape: SHAPE,
            };
            let mut time = |target: &mut Target<'_>| {
                varied.follow(&plan).map_err(said)?;
                let run = varied.time(target, &case.frame, REPEAT).map_err(said)?;
                match run.action {
                    XDP_PASS => Ok(run.duration.as_nanos() as f64),
                    action => Err(format!("VOID: {}: action {action}", case.name)),
                }
            };
            let before = (told(&mut with)?, told(&mut without)?);
            let [mut one, mut other, mut empty] = [(); 3].map(|()| Vec::with_capacity(TURNS));
            for turn in 0..TURNS {
                // Each stands first, second and third as often.
                for at in 0..3 {
                    match (turn + at) % 3 {
                        0 => one.push(time(&mut Target::Sensor(&mut with))?),
                        1 => other.push(time(&mut Target::Sensor(&mut without))?),
                        _ => empty.push(time(&mut Target::Empty)?),
                    }
                }
            }
            let after = (told(&mut with)?, told(&mut without)?);
            let mut expected = before;
            if let Some(class) = case.decided {
                expected.0.decided[class as usize] += u64::from(REPEAT) * TURNS as u64;
            }
            if after != expected {
                return Err(format!("VOID: {}: not as it was meant", case.name));
            }
            if round > 0 {
                case.added.push(Median::of_differences(&one, &other).middle);
                case.whole.push(Median::of_differences(&one, &empty).middle);
            }
        }
    }
    eprintln!();
    report.line(format!("\nNames, {many} of them loaded"));
    for case in &cases {
        tell(case, report);
    }
    let samples = cases.iter().map(|case| {
        json!({
            "name": case.name, "added": case.added, "whole": case.whole,
        })
    });
    report.raw("names", samples.collect::<Vec<_>>().into());
    Ok(())
}

/// What a program has counted: hits, and what of each class it decided; no other end is expected.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Told {
    hits: u64,
    decided: [u64; LaneClass::ALL.len()],
    other: u64,
}

fn told(sensor: &mut Offline) -> Result<Told, String> {
    let counts = sensor.tap().counts();
    let lane = counts.lane().map_err(said)?;
    let of = |fate| LaneClass::ALL.map(|class| lane.of(class, fate));
    let decided = of(LaneFate::Decided);
    Ok(Told {
        hits: counts.ledger().map_err(said)?[Term::Hits as usize],
        decided,
        other: of(LaneFate::Seen).iter().sum::<u64>() - decided.iter().sum::<u64>(),
    })
}

/// A name that is a marker's: every second one with its subdomains.
fn member(number: usize) -> String {
    format!("host{number}.zone{}.example", number % 5_000)
}

/// Void unless the names that are loaded hit, in DNS and TLS, others do not, and without names nothing
/// does.
fn compare(
    with: &mut Offline,
    without: &mut Offline,
    many: usize,
    random: &mut Random,
) -> Result<(), String> {
    for _ in 0..COMPARED {
        let number = random.below(many);
        let child = format!("www.{}", member(number));
        for (name, covered) in [
            (member(number), true),
            (child, number.is_multiple_of(2)),
            (member(many + number), false),
        ] {
            for frame in [
                frame4(Body::udp(40_000, 53, &query(&name))),
                frame4(Body::tcp(40_000, 443, &hello(&name))),
            ] {
                for (sensor, expected) in [(&mut *with, covered), (&mut *without, false)] {
                    let before = told(sensor)?.hits;
                    sensor.run(&frame, 0).map_err(said)?;
                    let hits = told(sensor)?.hits - before;
                    if hits != u64::from(expected) {
                        return Err(format!("VOID: {hits} hits of a name, {expected} expected"));
                    }
                }
            }
        }
    }
    Ok(())
}

fn tell(case: &Case, report: &mut Report) {
    let (added, whole) = (Median::of(&case.added), Median::of(&case.whole));
    report.line(format!(
        "  {:<34} {:>6.1} ns over the empty pass, {:+.1} ({:+.1} to {:+.1}) by names",
        case.name, whole.middle, added.middle, added.low, added.high
    ));
    let Some(limit) = case.limit else {
        return;
    };
    // Of what names add, the upper end of the interval is held against the limit.
    let (value, range) = match case.decided.is_none() {
        true => (added.high, added),
        false => (whole.middle, whole),
    };
    let what = match case.decided.is_none() {
        true => "added by names, upper end",
        false => "in all",
    };
    report.figure(Figure {
        range: Some((range.low, range.high)),
        ..Figure::new(
            format!("{}: {what}", case.name),
            value,
            Limit::AtMost(limit),
            " ns",
        )
    });
}

fn frame4(body: Body) -> Vec<u8> {
    let ip = Ip4::new([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), body);
    Frame::new(ip).bytes()
}

fn frame6(body: Body) -> Vec<u8> {
    let [src, dst] = [1, 2].map(|last| [0x2001, 0xdb8, 0, 0, 0, 0, 0, last].into());
    Frame::new(Ip6::new(src, dst, body)).bytes()
}

fn cases() -> Vec<Case> {
    let case = |name, frame, decided, limit| Case {
        name,
        frame,
        decided,
        limit,
        added: Vec::new(),
        whole: Vec::new(),
    };
    let tcp = |flags, payload| Body::Tcp {
        ports: (40_000, 443),
        flags,
        payload,
    };
    let segment = || tcp(0x18, vec![0x17; 1_200]);
    let acknowledgement = || tcp(0x10, Vec::new());
    let datagram = || Body::udp(40_000, 443, &[0; 18]);
    let request = b"GET / HTTP/1.1\r\nHost: www.example.com\r\nAccept: */*\r\n\r\n";
    let query = Body::udp(40_000, 53, &query(STRANGER));
    let hello = Body::tcp(40_000, 443, &hello(STRANGER));
    let request = Body::tcp(40_000, 80, request);
    let none = |name, frame| case(name, frame, None, Some(8.0));
    let some = |name, body, class, limit| case(name, frame4(body), Some(class), limit);
    vec![
        none("UDP without a name, IPv4", frame4(datagram())),
        none("UDP without a name, IPv6", frame6(datagram())),
        none("TCP segment without a name, IPv4", frame4(segment())),
        none("TCP segment without a name, IPv6", frame6(segment())),
        none("TCP acknowledgement, IPv4", frame4(acknowledgement())),
        none("TCP acknowledgement, IPv6", frame6(acknowledgement())),
        some("DNS query of 15 bytes", query, LaneClass::Dns, Some(200.0)),
        some(
            "ClientHello of 517 bytes",
            hello,
            LaneClass::TlsHello,
            Some(400.0),
        ),
        some("request with a host", request, LaneClass::HttpHead, None),
    ]
}

/// Nobody's marker.
const STRANGER: &str = "www.example.com";

fn query(name: &str) -> Vec<u8> {
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend(label.bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}

/// As browsers send it: the name behind a few extensions, padded to 517 bytes (RFC 7685).
fn hello(name: &str) -> Vec<u8> {
    let extension = |kind: u16, content: &[u8]| {
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend((content.len() as u16).to_be_bytes());
        bytes.extend(content);
        bytes
    };
    let name = name.as_bytes();
    let mut list = vec![0, name.len() as u8 + 3, 0, 0, name.len() as u8];
    list.extend(name);
    let mut extensions = [
        extension(0x2a2a, &[]),
        extension(43, &[2, 3, 4]),
        extension(51, &[7; 38]),
        extension(16, b"\x00\x0c\x02h2\x08http/1.1"),
        extension(13, &[4; 18]),
        extension(10, &[0; 10]),
        extension(0, &list),
    ]
    .concat();
    let mut body = vec![3, 3];
    body.extend([9; 32]);
    body.push(32);
    body.extend([8; 32]);
    body.extend([0, 32]);
    body.extend([0x13; 32]);
    body.extend([1, 0]);
    let padding = 517 - 9 - body.len() - 2 - extensions.len() - 4;
    extensions.extend(extension(21, &vec![0; padding]));
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    client_hello(&body)
}
