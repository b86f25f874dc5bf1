//! The program against the oracle: 12,000 random (packet, marker set) pairs through
//! BPF_PROG_TEST_RUN, truncated everywhere, split everywhere. `SENSOR_SEED` repeats a run.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use sensor_common::{FlowKey, Outcome, Record, Term, Traffic};
use sensor_tests::{
    need, oracle,
    random::{Pool, Random},
};
use sensor_user::{
    crypto::hex,
    dataplane::{Offline, Sizes, Variant},
    markers::pattern_id,
    model::Pattern,
};

/// Marker sets, and frames judged by each.
const SETS: usize = 300;
const FRAMES: usize = 40;
/// One frame in so many is truncated at every byte.
const TRUNCATED: usize = 10;
/// Marker sets whose flows come again and again.
const NOTED_SETS: usize = 100;
const XDP_PASS: u32 = 2;
const SEED: u64 = 20_261_122;

/// What a test can see of a hit.
type Seen = (String, u8, u8, IpAddr, IpAddr, u16, u16, u8, u32, u32);

/// Packets by pattern and addresses.
type Told = BTreeMap<(String, IpAddr, IpAddr), u64>;

/// The program with one marker set, and what it counted so far.
struct Subject {
    offline: Offline,
    patterns: Vec<Pattern>,
    traffic: Vec<Traffic>,
    hits: u64,
}

impl Subject {
    fn new(patterns: &[Pattern], variant: Variant) -> Self {
        let sizes = Sizes {
            flow_entries: 512,
            ring_bytes: 65_536,
            ..Sizes::default()
        };
        let offline = Offline::new(&oracle::image(patterns), sizes, variant).expect("it loads");
        Self {
            offline,
            patterns: patterns.to_vec(),
            traffic: vec![Traffic::default(); Outcome::ALL.len()],
            hits: 0,
        }
    }

    /// Runs a frame, `linear` bytes of it in the linear part, and compares everything it did with
    /// what the oracle says.
    fn check(&mut self, frame: &[u8], linear: Option<u32>) {
        let mut after = frame.to_vec();
        let time = 1_700_000_000_000_000_000;
        let verdict = match linear {
            Some(linear) => self.offline.run_split(frame, linear, time, &mut after),
            None => self.offline.run(frame, time),
        }
        .expect("it runs");
        let context = || format!("linear {linear:?}, frame {}", hex(frame));
        assert_eq!(verdict.action, XDP_PASS, "action, {}", context());
        assert_eq!(after, frame, "bytes, {}", context());

        let expected = oracle::judge(frame, &self.patterns);
        let outcome = self.outcome();
        assert_eq!(outcome, expected.outcome, "outcome, {}", context());
        let seen = self.seen();
        let hits: BTreeSet<Seen> = expected.hits.iter().map(told_by_oracle).collect();
        assert_eq!(seen, hits, "hits, {}", context());
        assert_eq!(
            hits.len(),
            expected.hits.len(),
            "the oracle repeats a hit, {}",
            context()
        );
        let ledger = self.offline.tap().counts().ledger().expect("counters");
        let new = ledger[Term::Hits as usize] - self.hits;
        self.hits = ledger[Term::Hits as usize];
        assert_eq!(new, hits.len() as u64, "hits counted, {}", context());
        let terms: u64 = Term::ALL[1..]
            .iter()
            .map(|term| ledger[*term as usize])
            .sum();
        assert_eq!(self.hits, terms, "invariant 7, {}", context());
    }

    /// Runs a frame and compares what was counted with what the oracle says; its hits.
    fn counts(&mut self, frame: &[u8]) -> Vec<oracle::OracleHit> {
        self.offline.run(frame, 1).expect("it runs");
        let expected = oracle::judge(frame, &self.patterns);
        assert_eq!(self.outcome(), expected.outcome, "{}", hex(frame));
        let ledger = self.offline.tap().counts().ledger().expect("counters");
        self.hits += expected.hits.len() as u64;
        assert_eq!(ledger[Term::Hits as usize], self.hits, "{}", hex(frame));
        expected.hits
    }

    /// Packets by pattern and addresses: those that records tell, and those that were counted.
    fn told(&mut self) -> (Told, Told) {
        let (mut told, mut counted) = (Told::new(), Told::new());
        let tap = self.offline.tap();
        let mut records = Vec::new();
        tap.read_records(&mut records, usize::MAX);
        let ended = tap.flip_alone().expect("flip");
        let flows = tap.flows(ended).expect("flows");
        for record in records {
            let seen = self.told_by_program(&record);
            *told.entry((seen.0, seen.3, seen.4)).or_default() += 1;
        }
        for (key, flow) in flows {
            let pattern = self.pattern(&key).to_string();
            let ends = (address(&key, &key.src), address(&key, &key.dst));
            *counted.entry((pattern, ends.0, ends.1)).or_default() += flow.packets;
        }
        (told, counted)
    }

    fn pattern(&self, key: &FlowKey) -> &Pattern {
        let mut patterns = self.patterns.iter();
        patterns
            .find(|pattern| pattern_id(pattern).0 == key.pattern)
            .expect("a pattern of the set")
    }

    /// The class whose counter moved, by one packet.
    fn outcome(&mut self) -> Outcome {
        let now = self.offline.tap().counts().traffic(0).expect("counters");
        let moved: Vec<Outcome> = Outcome::ALL
            .into_iter()
            .filter(|outcome| {
                let at = *outcome as usize;
                now[at].packets != self.traffic[at].packets
            })
            .collect();
        assert_eq!(moved.len(), 1, "one outcome: {moved:?}");
        let at = moved[0] as usize;
        assert_eq!(now[at].packets, self.traffic[at].packets + 1);
        self.traffic = now.to_vec();
        moved[0]
    }

    /// Records of the last frame; its flows are forgotten, so that the next frame is a first one.
    fn seen(&mut self) -> BTreeSet<Seen> {
        let tap = self.offline.tap();
        let mut records = Vec::new();
        tap.read_records(&mut records, usize::MAX);
        if !records.is_empty() {
            let ended = tap.flip_alone().expect("flip");
            let flows = tap.flows(ended).expect("flows");
            assert_eq!(flows.len(), records.len(), "a flow for each record");
            assert!(flows.iter().all(|(_, flow)| flow.packets == 0));
            tap.clear(ended).expect("clear");
        }
        records
            .iter()
            .map(|record| self.told_by_program(record))
            .collect()
    }

    fn told_by_program(&self, record: &Record) -> Seen {
        let key = &record.key;
        (
            self.pattern(key).to_string(),
            record.matched_in,
            key.family,
            address(key, &key.src),
            address(key, &key.dst),
            key.src_port,
            key.dst_port,
            key.proto,
            record.bytes,
            key.vantage,
        )
    }
}

fn told_by_oracle(hit: &oracle::OracleHit) -> Seen {
    (
        hit.pattern.to_string(),
        hit.matched_in,
        hit.family,
        hit.src,
        hit.dst,
        hit.src_port,
        hit.dst_port,
        hit.proto,
        hit.bytes,
        hit.vantage(0),
    )
}

fn address(key: &FlowKey, words: &[u32; 4]) -> IpAddr {
    let octets = words.map(u32::to_ne_bytes);
    if key.family == 4 {
        return octets[3].into();
    }
    let mut all = [0; 16];
    all.copy_from_slice(&octets.concat());
    all.into()
}

#[test]
fn program_and_oracle_agree_on_every_pair() {
    if !need::root() {
        return;
    }
    let splits = need::split_frames();
    let pool = Pool::default();
    let mut random = Random::from_env(SEED);
    let (mut pairs, mut runs, mut hits) = (0, 0, 0);
    for set in 0..SETS {
        let patterns = pool.patterns(&mut random, 24);
        let variant = if set % 4 == 0 {
            Variant::Linear
        } else {
            Variant::Frags
        };
        let mut subject = Subject::new(&patterns, variant);
        for index in 0..FRAMES {
            let frame = pool.frame(&mut random);
            if frame.len() < 14 {
                continue;
            }
            pairs += 1;
            let whole = frame.len() as u32;
            subject.check(&frame, splits.then_some(whole));
            runs += 1;
            if splits && variant == Variant::Frags {
                let linear = 14 + random.below(frame.len() - 13) as u32;
                subject.check(&frame, Some(linear));
                runs += 1;
            }
            if index % TRUNCATED == 0 {
                for end in 14..frame.len() {
                    subject.check(&frame[..end], None);
                    runs += 1;
                }
            }
        }
        hits += subject.hits;
    }
    println!("{pairs} pairs, {runs} runs, {hits} hits, no disagreement");
    assert!(pairs >= 10_000, "only {pairs} pairs");
    assert!(
        hits > pairs / 4,
        "hits are too rare to prove anything: {hits}"
    );
}

#[test]
fn every_split_of_a_frame_gives_the_same_verdict() {
    if !need::root() || !need::split_frames() {
        return;
    }
    let pool = Pool::default();
    let mut random = Random::from_env(SEED + 1);
    for _ in 0..20 {
        let patterns = pool.patterns(&mut random, 24);
        let mut subject = Subject::new(&patterns, Variant::Frags);
        for _ in 0..5 {
            let frame = pool.frame(&mut random);
            for linear in 14..=frame.len() as u32 {
                subject.check(&frame, Some(linear));
            }
        }
    }
}

/// What a set says of a frame must not depend on what was noted of its flow: packets of one flow over and
/// over, whole, cut and as fragments, without the flow being forgotten in between.
#[test]
fn what_is_noted_of_a_flow_is_what_its_packets_are_judged_by() {
    if !need::root() {
        return;
    }
    let pool = Pool::default();
    let mut random = Random::from_env(SEED + 2);
    let (mut again, mut many) = (0, 0);
    for set in 0..NOTED_SETS {
        let patterns = pool.patterns(&mut random, 24);
        let variant = if set % 4 == 0 {
            Variant::Linear
        } else {
            Variant::Frags
        };
        let mut subject = Subject::new(&patterns, variant);
        let frames: Vec<_> = (0..6).map(|_| pool.frame(&mut random)).collect();
        let mut expected = Told::new();
        for _ in 0..60 {
            let frame = &frames[random.below(frames.len())];
            let end = match random.percent(20) {
                true => 14 + random.below(frame.len().max(15) - 14),
                false => frame.len(),
            };
            let frame = &frame[..end.min(frame.len())];
            if frame.len() < 14 {
                continue;
            }
            let hits = subject.counts(frame);
            many += usize::from(hits.len() > 1);
            for hit in hits {
                let flow = (hit.pattern.to_string(), hit.src, hit.dst);
                *expected.entry(flow).or_default() += 1;
            }
        }
        let (records, flows) = subject.told();
        again += flows.values().sum::<u64>();
        let mut told = records;
        for (flow, packets) in flows {
            *told.entry(flow).or_default() += packets;
        }
        assert_eq!(told, expected, "set {set}: {patterns:?}");
    }
    assert!(again > 1_000 && many > 100, "{again} again, {many} several");
}
