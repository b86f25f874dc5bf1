//! The inspection lane on one core, from input that was built before: what it decides a second, the
//! look-up among a million names included. Every name is a marker's: what is found is counted, and a
//! run in which one is missing is void.

use std::time::Instant;

use sensor_common::FlowKey;
use sensor_tests::random::Random;
use sensor_user::{
    crypto::quic::TAG,
    hits::{Index, Indexes},
    inspect::{Budgets, Class, Fate, Finding, Lane, Packet, Part, Wants, quic::Version},
    markers::{canonical_id, rows},
    model::{Image, Marker},
};
use serde_json::json;

use crate::{
    options::Options,
    report::{Figure, Limit, Report, number},
};

const SEED: u64 = 20_261_206;
/// What must be decided a second.
const HELLOS: f64 = 100_000.0;
const INITIALS: f64 = 50_000.0;
/// Most that may be lost, of all.
const LOST: f64 = 0.001;

pub fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    let (names, handshakes) = if options.quick {
        (10_000, 20_000)
    } else {
        (1_000_000, 200_000)
    };
    let indexes = indexes(names)?;
    let mut random = Random::new(SEED);
    let hellos: Vec<[Vec<u8>; 2]> = (0..1_000)
        .map(|at| {
            let stream = records(&hello(&mut random, at));
            [stream[..1_400].to_vec(), stream[1_400..].to_vec()]
        })
        .collect();
    let initials: Vec<Vec<u8>> = (0..1_000).map(|at| initial(&mut random, at)).collect();
    let fingerprints = [(false, "names"), (true, "names, JA3 and JA4")];
    let mut raw = Vec::new();
    for (ja, looked_for) in fingerprints {
        let wants = Wants {
            names: true,
            urls: false,
            ja3: ja,
            ja4: ja,
        };
        let (rate, lost) = measure(wants, &indexes, handshakes, Class::Tls, |at, part| {
            hellos[at % 1_000].get(part).map(Vec::as_slice)
        })?;
        tell(
            report,
            &format!("ClientHellos over two segments a second, {looked_for}"),
            rate,
            lost,
            HELLOS,
        );
        raw.push(json!({"class": "tls", "fingerprints": ja, "rate": rate, "lost": lost}));
        let (rate, lost) = measure(wants, &indexes, handshakes, Class::Quic, |at, part| {
            (part == 0).then_some(initials[at % 1_000].as_slice())
        })?;
        tell(
            report,
            &format!("QUIC Initials a second, {looked_for}"),
            rate,
            lost,
            INITIALS,
        );
        raw.push(json!({"class": "quic", "fingerprints": ja, "rate": rate, "lost": lost}));
    }
    report.raw(
        "inspect",
        json!({"names": names, "handshakes": handshakes, "runs": raw}),
    );
    Ok(())
}

fn tell(report: &mut Report, what: &str, rate: f64, lost: f64, least: f64) {
    let percent = lost * 100.0;
    report.line(format!(
        "{what}: {}, {} % lost.",
        number(rate),
        number(percent)
    ));
    report.figure(Figure::new(what, rate, Limit::AtLeast(least), ""));
    report.figure(Figure::new(
        format!("of these lost: {what}"),
        percent,
        Limit::AtMost(LOST * 100.0),
        " %",
    ));
}

/// Handshakes a second, and the share that was not decided; void unless each decided one has led to the
/// one pattern that covers its name, and every one is counted.
fn measure<'a>(
    wants: Wants,
    indexes: &Indexes,
    handshakes: usize,
    class: Class,
    payload: impl Fn(usize, usize) -> Option<&'a [u8]>,
) -> Result<(f64, f64), String> {
    let mut lane = Lane::new(Budgets::default());
    lane.set_wants(wants);
    let mut found: Vec<Finding> = Vec::new();
    let mut covered = 0;
    let start = Instant::now();
    for at in 0..handshakes {
        let mut sequence = 0;
        for part in 0.. {
            let Some(payload) = payload(at, part) else {
                break;
            };
            lane.take(&packet(class, at, part, sequence, payload), &mut found);
            sequence += payload.len() as u32;
        }
        for finding in found.drain(..) {
            covered += indexes.covering(&finding.what, canonical_id).len();
        }
    }
    let took = start.elapsed().as_secs_f64();
    let counts = lane.counts().of(class);
    let decided = counts.fate(Fate::Decided);
    let ended: u64 = Fate::ALL.iter().map(|fate| counts.fate(*fate)).sum();
    let waiting = lane.waiting() as u64;
    if covered as u64 != decided || ended + waiting != counts.opened {
        return Err(format!(
            "VOID: {decided} decided, {covered} patterns found; {} opened, {ended} ended, {waiting} wait",
            counts.opened
        ));
    }
    let (decided, all) = (decided as f64, handshakes as f64);
    Ok((decided / took, (all - decided) / all))
}

fn packet(class: Class, at: usize, part: usize, sequence: u32, payload: &[u8]) -> Packet<'_> {
    Packet {
        flow: FlowKey {
            src: [0, 0, 0, (at >> 16) as u32],
            src_port: at as u16,
            proto: if class == Class::Quic { 17 } else { 6 },
            family: 4,
            ..FlowKey::default()
        },
        // A hundred thousand handshakes a second.
        time: 10_000 * at as u64,
        bytes: payload.len() as u32 + 40,
        generation: 1,
        class,
        part: if part == 0 { Part::Head } else { Part::Segment },
        sequence,
        truncated: false,
        judged: false,
        payload,
    }
}

fn indexes(names: usize) -> Result<Indexes, String> {
    let markers = (0..names).map(|at| -> Marker {
        let text = format!("domain *.n{at}.evil{}.example id=m{at}\n", at % 977);
        sensor_user::markers::read_text(&text).markers.remove(0)
    });
    let image = Image::new(rows(markers)).map_err(|error| error.to_string())?;
    Ok(Indexes::of(Index::new(image)))
}

/// A hello with a post-quantum key share, its name behind that.
fn hello(random: &mut Random, at: usize) -> Vec<u8> {
    let share: Vec<u8> = (0..1_216).map(|_| random.bits() as u8).collect();
    let name = format!("www.n{at}.evil{}.example", at % 977);
    let name = [&[0], &length(name.as_bytes())[..], name.as_bytes()].concat();
    let extensions: [(u16, Vec<u8>); 7] = [
        (10, vec![0, 6, 0x11, 0xec, 0, 29, 0, 23]),
        (11, vec![1, 0]),
        (13, vec![0, 6, 4, 3, 8, 4, 4, 1]),
        (16, b"\0\x0c\x02h2\x08http/1.1".to_vec()),
        (43, vec![4, 3, 4, 3, 3]),
        (51, [&[4, 0xc4, 0x11, 0xec, 4, 0xc0][..], &share].concat()),
        (0, [&length(&name)[..], &name].concat()),
    ];
    let extensions: Vec<u8> = extensions
        .iter()
        .flat_map(|(kind, bytes)| [&kind.to_be_bytes(), &length(bytes)[..], bytes].concat())
        .collect();
    let mut body = vec![3, 3];
    body.extend((0..32).map(|_| random.bits() as u8));
    body.push(32);
    body.extend([7; 32]);
    body.extend([0, 6, 0x13, 1, 0x13, 2, 0xc0, 0x2f, 1, 0]);
    // Old clients' padding, so that it is longer than a segment.
    let padding = [&[0, 21, 0, 200][..], &[0; 200]].concat();
    body.extend(length(&[&padding[..], &extensions].concat()));
    body.extend(padding);
    body.extend(extensions);
    let size = (body.len() as u32).to_be_bytes();
    [&[1], &size[1..], &body].concat()
}

fn records(handshake: &[u8]) -> Vec<u8> {
    [&[22, 3, 1][..], &length(handshake), handshake].concat()
}

/// An Initial that holds a whole hello of usual size.
fn initial(random: &mut Random, at: usize) -> Vec<u8> {
    let name = format!("www.n{at}.evil{}.example", at % 977);
    let name = [&[0], &length(name.as_bytes())[..], name.as_bytes()].concat();
    let content = [&length(&name)[..], &name].concat();
    let extension = [&[0, 0][..], &length(&content), &content].concat();
    let mut body = vec![3, 3];
    body.extend((0..32).map(|_| random.bits() as u8));
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(length(&extension));
    body.extend(extension);
    let size = (body.len() as u32).to_be_bytes();
    let hello = [&[1], &size[1..], &body].concat();
    let frame = [
        &[6, 0x40, 0][..],
        &((hello.len() as u16) | 0x4000).to_be_bytes(),
        &hello,
    ]
    .concat();
    let destination = random.bits().to_be_bytes();
    let mut header = vec![0xc3, 0, 0, 0, 1, 8];
    header.extend(destination);
    let rest = 1_200 - header.len() - 4;
    header.extend([0, 0]);
    header.extend((rest as u16 | 0x4000).to_be_bytes());
    header.extend([0; 4]);
    let mut payload = frame;
    payload.resize(rest - 4 - TAG, 0);
    Version::V1.keys(&destination).protect(0, &header, &payload)
}

fn length(bytes: &[u8]) -> [u8; 2] {
    (bytes.len() as u16).to_be_bytes()
}
