//! Costs of names: what a packet pays that bears none, and what one pays that does.
//!
//! Two sensors, alike but for a million names, see the same packets in the same rounds. A packet that
//! bears a name stays as it is, so that the words of the filter that it asks for are in the caches.

use sensor_tests::{
    bench::{sets::SHAPE, statistics::Median},
    packet::{Body, Frame, Ip4},
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
    subjects::{Subjects, said},
};

const REPEAT: u32 = 1_000_000;
const XDP_PASS: u32 = 2;
/// As configured by default.
const NEW_FLOWS: (u32, u32) = (1_000, 4_000);

/// A packet whose cost is asked for.
struct Case {
    name: &'static str,
    frame: Vec<u8>,
    /// Addresses vary: what is asked for is what names add to a packet that bears none.
    added: bool,
    limit: Option<f64>,
    with: Vec<f64>,
    without: Vec<f64>,
    empty: Vec<f64>,
}

pub fn run(options: &Options, subjects: &Subjects, report: &mut Report) -> Result<(), String> {
    let addresses = subjects.set.image();
    let names = (0..subjects.many).map(|number| {
        let stars = if number % 2 == 0 { "*." } else { "" };
        let name = format!("{stars}host{number}.zone{}.example", number % 5_000);
        let pattern = Pattern::domain(&name).expect("a name");
        Marker::new(format!("n{number}"), pattern)
    });
    let both = addresses.with(&[], rows(names)).map_err(said)?;
    let load = |image: &Image| {
        let limit = NewFlows::per_second(NEW_FLOWS.0, NEW_FLOWS.1);
        Offline::as_live(image, Sizes::default(), Variant::Frags, limit).map_err(said)
    };
    let (mut without, mut with) = (load(&addresses)?, load(&both)?);
    let mut varied = Varied::new(Variant::Frags).map_err(said)?;
    let mut cases = cases();
    let mut random = Random::new(20_261_207);
    for round in 0..=options.rounds {
        eprint!("\rnames: round {round} of {} ", options.rounds);
        for case in &mut cases {
            let plan = Plan {
                seed: 1 + random.bits() / 2,
                vary: case.added,
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
            let one = time(&mut Target::Sensor(&mut with))?;
            let other = time(&mut Target::Sensor(&mut without))?;
            let empty = time(&mut Target::Empty)?;
            if round > 0 {
                case.with.push(one);
                case.without.push(other);
                case.empty.push(empty);
            }
        }
    }
    eprintln!();
    report.line(format!("\nNames, IPv4, {} of them loaded", subjects.many));
    for case in &cases {
        tell(case, report);
    }
    let samples = cases.iter().map(|case| {
        json!({
            "name": case.name, "with": case.with, "without": case.without, "empty": case.empty,
        })
    });
    report.raw("names", samples.collect::<Vec<_>>().into());
    Ok(())
}

fn tell(case: &Case, report: &mut Report) {
    let added = Median::of_differences(&case.with, &case.without);
    let whole = Median::of_differences(&case.with, &case.empty);
    report.line(format!(
        "  {:<34} {:>6.1} ns over the empty pass, {:+.1} ({:+.1} to {:+.1}) by names",
        case.name, whole.middle, added.middle, added.low, added.high
    ));
    let Some(limit) = case.limit else {
        return;
    };
    // Of what names add, the upper end of the interval is held against the limit.
    let (value, range) = match case.added {
        true => (added.high, added),
        false => (whole.middle, whole),
    };
    let what = match case.added {
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

fn cases() -> Vec<Case> {
    let frame = |body: Body| {
        let ip = Ip4::new([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), body);
        Frame::new(ip).bytes()
    };
    let case = |name, body, added, limit| Case {
        name,
        frame: frame(body),
        added,
        limit,
        with: Vec::new(),
        without: Vec::new(),
        empty: Vec::new(),
    };
    let segment = Body::Tcp {
        ports: (40_000, 443),
        flags: 0x18,
        payload: vec![0x17; 1_200],
    };
    let acknowledgement = Body::Tcp {
        ports: (40_000, 443),
        flags: 0x10,
        payload: Vec::new(),
    };
    let request = b"GET / HTTP/1.1\r\nHost: www.example.com\r\nAccept: */*\r\n\r\n";
    vec![
        case(
            "UDP without a name",
            Body::udp(40_000, 443, &[0; 18]),
            true,
            Some(8.0),
        ),
        case("TCP segment without a name", segment, true, Some(8.0)),
        case("TCP acknowledgement", acknowledgement, true, Some(8.0)),
        case(
            "DNS query of 15 bytes",
            Body::udp(40_000, 53, &query()),
            false,
            Some(200.0),
        ),
        case(
            "ClientHello of 517 bytes",
            Body::tcp(40_000, 443, &hello()),
            false,
            Some(400.0),
        ),
        case(
            "request with a host",
            Body::tcp(40_000, 80, request),
            false,
            None,
        ),
    ]
}

/// `www.example.com`, which is nobody's marker.
fn query() -> Vec<u8> {
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ["www", "example", "com"] {
        query.push(label.len() as u8);
        query.extend(label.bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}

/// As browsers send it: the name behind a few extensions, padded to 517 bytes (RFC 7685).
fn hello() -> Vec<u8> {
    let extension = |kind: u16, content: &[u8]| {
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend((content.len() as u16).to_be_bytes());
        bytes.extend(content);
        bytes
    };
    let name = b"www.example.com";
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
