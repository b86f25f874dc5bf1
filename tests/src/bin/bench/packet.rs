//! Costs of a packet through BPF_PROG_TEST_RUN.
//!
//! Every row is measured in every round, in an order that is shuffled for each, with the same
//! sequence of packets; what is compared are differences within a round. Timings of a shared
//! machine drift, differences within a round much less.

use std::net::IpAddr;

use sensor_common::Term;
use sensor_tests::{
    bench::{
        agreement::agreement,
        sets::{SHAPE, Set, stranger, words},
    },
    packet::{Body, Frame, Ip4, Ip6},
    random::Random,
};
use sensor_user::dataplane::{
    Variant,
    bench::{Pick, Plan, Varied},
};

use crate::{
    costs, names,
    options::Options,
    report::Report,
    rows::{Mode, Row, rows},
    subjects::{Program, Subjects, said},
};

/// Packets of one measurement, many enough that its start with cold caches does not show; a fifth of
/// them for what takes a microsecond and more.
const REPEAT: u32 = 1_000_000;
const SEED: u64 = 20_261_124;
/// Patterns, and flows, that hits fall on.
pub const FLOWS: usize = 1_000;
/// Frames given to every program before the first measurement.
const COMPARED: usize = 4_000;
const XDP_PASS: u32 = 2;

/// Programs that write addresses, by the variant of what they jump to.
struct Writers {
    frags: Varied,
    linear: Varied,
    /// Of IPv4 and of IPv6.
    picks: [Vec<Pick>; 2],
    frames: [Vec<u8>; 2],
}

pub fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    let mut random = Random::new(SEED);
    compare_answers(&mut random, report)?;
    let mut subjects = Subjects::build(options, &mut random)?;
    let mut writers = Writers {
        frags: Varied::new(Variant::Frags).map_err(said)?,
        linear: Varied::new(Variant::Linear).map_err(said)?,
        picks: [
            picks4(&subjects.set, &mut random),
            picks6(&subjects.set, &mut random),
        ],
        frames: frames(),
    };
    let mut rows = rows(&subjects);
    let mut checked = 0;
    // Round 0 warms up: flows are made, tables and rings filled.
    for round in 0..=options.rounds {
        eprint!("\rpacket: round {round} of {} ", options.rounds);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        for index in (1..order.len()).rev() {
            order.swap(index, random.below(index + 1));
        }
        for index in order {
            let row = &mut rows[index];
            let nanoseconds = measure(row, &mut subjects, &mut writers, round as u64)?;
            if round > 0 {
                row.samples.push(nanoseconds);
            }
            checked += 1;
        }
    }
    eprintln!();
    costs::tell(&subjects, &rows, report);
    if !options.hits {
        names::run(options, &subjects, report)?;
    }
    report.line(format!(
        "{checked} measurements: every packet passed, hits were those that were sent, and the \
         kernel's identity of invariant 7 held after each"
    ));
    Ok(())
}

/// Void unless the sensor, two hash lookups and two trie lookups give the same answers.
fn compare_answers(random: &mut Random, report: &mut Report) -> Result<(), String> {
    let addresses = Set::addresses(random, 20_000, 20_000);
    let prefixes = addresses.clone().with_prefixes(random, 5_000, 5_000);
    let dense = Set::dense(random, 10_000);
    let (mut frames, mut matched) = (0, 0);
    for set in [&addresses, &prefixes, &dense] {
        let agreed = agreement(set, random, COMPARED).map_err(|why| format!("VOID: {why}"))?;
        frames += agreed.frames;
        matched += agreed.matched;
    }
    report.line(format!(
        "{frames} frames, {matched} of which match: sensor, hashes, tries and the sets themselves \
         agree on each"
    ));
    Ok(())
}

/// Nanoseconds a packet, the writing of its addresses included.
fn measure(
    row: &Row,
    subjects: &mut Subjects,
    writers: &mut Writers,
    round: u64,
) -> Result<f64, String> {
    let subject = &mut subjects.all[row.subject];
    let family = usize::from(row.family == 6);
    let hits = matches!(row.mode, Mode::Rare | Mode::Every | Mode::Flood);
    let plan = Plan {
        seed: SEED + round * 2,
        vary: row.mode != Mode::Fixed,
        per_million: match row.mode {
            Mode::Fixed | Mode::Random => 0,
            Mode::Rare => 10_000,
            Mode::Every | Mode::Flood => 1_000_000,
        },
        picks: if hits {
            writers.picks[family].clone()
        } else {
            Vec::new()
        },
        free: row.mode == Mode::Flood,
        shape: SHAPE,
    };
    let varied = match subject.id.variant() {
        Variant::Frags => &mut writers.frags,
        Variant::Linear => &mut writers.linear,
    };
    varied.follow(&plan).map_err(said)?;
    let repeat = if row.slow { REPEAT / 5 } else { REPEAT };
    let before = ledger(&mut subject.program)?;
    let run = varied
        .time(
            &mut subject.program.target(),
            &writers.frames[family],
            repeat,
        )
        .map_err(said)?;
    let void = |why: String| format!("VOID: {}, {}: {why}", subject.name, row.mode.name());
    if run.action != XDP_PASS {
        return Err(void(format!("action {}", run.action)));
    }
    let picked = varied.picked().map_err(said)?;
    if let (Some(before), Some(after)) = (before, ledger(&mut subject.program)?) {
        let grown: Vec<u64> = after
            .iter()
            .zip(before)
            .map(|(now, then)| now - then)
            .collect();
        let found = grown[Term::Hits as usize];
        let expected = if row.judges { picked } else { 0 };
        if found != expected {
            return Err(void(format!(
                "{found} hits of {expected} packets with a marker"
            )));
        }
        let terms = grown.iter().sum::<u64>() - found;
        if found != terms {
            return Err(void(format!(
                "{found} hits, {terms} accounted for (invariant 7)"
            )));
        }
    }
    Ok(run.duration.as_nanos() as f64)
}

fn ledger(program: &mut Program) -> Result<Option<Vec<u64>>, String> {
    let Program::Sensor(sensor) = program else {
        return Ok(None);
    };
    let ledger = sensor.tap().counts().ledger().map_err(said)?;
    Ok(Some(ledger.to_vec()))
}

fn frames() -> [Vec<u8>; 2] {
    let body = || Body::udp(40_000, 443, &[0; 18]);
    let v4 = Ip4::new([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), body());
    let v6: [std::net::Ipv6Addr; 2] =
        ["2001:db8::1", "2001:db8::2"].map(|text| text.parse().expect("an address"));
    [
        Frame::new(v4).bytes(),
        Frame::new(Ip6::new(v6[0], v6[1], body())).bytes(),
    ]
}

/// Flows to so many members of the set, one each.
fn picks4(set: &Set, random: &mut Random) -> Vec<Pick> {
    let members: Vec<u32> = set.keys4().iter().map(|key| key.0).collect();
    picks(random, true, |random| [random.pick(&members), 0, 0, 0])
}

fn picks6(set: &Set, random: &mut Random) -> Vec<Pick> {
    let members: Vec<[u32; 4]> = set.keys6().iter().map(|key| key.0).collect();
    picks(random, false, |random| random.pick(&members))
}

fn picks(random: &mut Random, v4: bool, member: impl Fn(&mut Random) -> [u32; 4]) -> Vec<Pick> {
    let pick = |_| {
        let src = match stranger(random, v4) {
            IpAddr::V4(address) => [u32::from(address).to_be(), 0, 0, 0],
            IpAddr::V6(address) => words(address.into()),
        };
        let dst = member(random);
        let mut pick = [0; 9];
        pick[..4].copy_from_slice(&src);
        pick[4..8].copy_from_slice(&dst);
        pick[8] = random.bits() as u32;
        pick
    };
    (0..FLOWS).map(pick).collect()
}
