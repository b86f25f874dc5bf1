//! Names in the kernel against a slow oracle: random frames and markers through BPF_PROG_TEST_RUN,
//! truncated everywhere, split everywhere. `SENSOR_SEED` repeats a run.

use std::{collections::BTreeSet, time::Duration};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use sensor_common::{LaneClass, LaneFate, NameKeys, Outcome, Record, SLOT_BYTES, Term};
use sensor_tests::{
    need,
    oracle::{
        image,
        names::{Named, covers, named},
    },
    random::{Pool, Random, name},
};
use sensor_user::{
    crypto::hex,
    dataplane::{Budgets, LaneCounts, Lent, Limit, Offline, Sizes, Variant},
    markers::pattern_id,
    model::Pattern,
};

const SETS: usize = 60;
const FRAMES: usize = 50;
/// One frame in so many is truncated at every byte.
const TRUNCATED: usize = 25;
const XDP_PASS: u32 = 2;
const SEED: u64 = 20_261_206;
const TIME: u64 = 1_700_000_000_000_000_000;

struct Subject {
    offline: Offline,
    patterns: Vec<Pattern>,
    counts: LaneCounts,
    hits: u64,
    /// Most bytes that are lent of a payload.
    most: usize,
}

fn sizes() -> Sizes {
    Sizes {
        flow_entries: 512,
        ring_bytes: 65_536,
        cpu_slots: 64,
    }
}

impl Subject {
    fn new(patterns: &[Pattern], variant: Variant) -> Self {
        let offline = Offline::new(&image(patterns), sizes(), variant).expect("it loads");
        let most = match variant {
            Variant::Frags => usize::MAX,
            // Without the helper that copies, one slot.
            Variant::Linear => SLOT_BYTES,
        };
        Self {
            most,
            ..Self::of(offline, patterns)
        }
    }

    fn of(offline: Offline, patterns: &[Pattern]) -> Self {
        Self {
            offline,
            patterns: patterns.to_vec(),
            counts: LaneCounts::default(),
            hits: 0,
            most: usize::MAX,
        }
    }

    fn run(&mut self, frame: &[u8], linear: Option<u32>) {
        let mut after = frame.to_vec();
        let verdict = match linear {
            Some(linear) => self.offline.run_split(frame, linear, TIME, &mut after),
            None => self.offline.run(frame, TIME),
        };
        assert_eq!(verdict.expect("it runs").action, XDP_PASS, "{}", hex(frame));
        assert_eq!(after, frame, "bytes, {}", hex(frame));
    }

    /// Runs a frame and compares what it did with what the oracle says.
    fn check(&mut self, frame: &[u8], linear: Option<u32>) {
        self.run(frame, linear);
        let expected = named(frame);
        let context = || format!("linear {linear:?}, {expected:?}, frame {}", hex(frame));
        let (records, payloads) = self.records();
        let seen: BTreeSet<(u64, u8)> = records
            .iter()
            .map(|record| (record.key.pattern, record.matched_in))
            .collect();
        assert_eq!(seen, self.matches(&expected), "hits, {}", context());
        for lent in &payloads {
            assert_eq!(lent.class, None);
            assert!(lent.judged && ends_with(frame, lent), "{}", context());
        }
        let (counts, lent) = self.lane();
        let mut fates = self.counts;
        if let Some((class, fate)) = expected.fate {
            fates.0[class as usize][LaneFate::Seen as usize] += 1;
            fates.0[class as usize][fate as usize] += 1;
            fates.0[class as usize][LaneFate::Encrypted as usize] += u64::from(expected.encrypted);
            if fate == LaneFate::Lent {
                let sizes: Vec<usize> = lent.iter().map(|lent| lent.payload.len()).collect();
                let pieces = vec![0; expected.lent.min(self.most)];
                let slots = pieces.chunks(SLOT_BYTES).map(<[u8]>::len);
                assert_eq!(sizes, slots.collect::<Vec<_>>(), "lent, {}", context());
                assert_eq!(lent[0].class, Some(class), "{}", context());
                let whole: Vec<u8> = lent.iter().flat_map(|lent| lent.payload.to_vec()).collect();
                let found = frame.windows(whole.len()).any(|window| window == whole);
                assert!(found, "{}", context());
                // The others are no packets of their own.
                let class = match class {
                    LaneClass::TlsHello => LaneClass::TlsSegment,
                    class => class,
                };
                for (at, part) in lent.iter().enumerate().skip(1) {
                    assert_eq!((part.class, part.bytes), (Some(class), 0), "{}", context());
                    let ahead = part.tcp_sequence.wrapping_sub(lent[0].tcp_sequence);
                    assert_eq!(ahead as usize, at * SLOT_BYTES, "{}", context());
                    fates.0[class as usize][LaneFate::Seen as usize] += 1;
                    fates.0[class as usize][LaneFate::Lent as usize] += 1;
                }
            }
        }
        assert_eq!(counts, fates, "fates, {}", context());
        self.counts = counts;
        self.settle(seen.len() as u64);
    }

    /// Runs a frame of a connection that is known to have begun with a part of a message: whether the rest is
    /// lent depends on that, which the oracle does not remember.
    fn pass_over(&mut self, frame: &[u8], linear: Option<u32>) {
        self.run(frame, linear);
        let (records, _) = self.records();
        (self.counts, _) = self.lane();
        self.settle(records.len() as u64);
    }

    /// Every hit is in one term, and nothing is left in a slot.
    fn settle(&mut self, hits: u64) {
        let ledger = self.offline.tap().counts().ledger().expect("counters");
        self.hits += hits;
        assert_eq!(ledger[Term::Hits as usize], self.hits);
        assert_eq!(ledger[1..].iter().sum::<u64>(), self.hits, "invariant 7");
        assert_eq!(ledger[Term::Records as usize], self.hits);
    }

    fn matches(&self, named: &Named) -> BTreeSet<(u64, u8)> {
        let Some((name, matched_in)) = &named.name else {
            return BTreeSet::new();
        };
        let matching = self.patterns.iter().filter(|pattern| match pattern {
            Pattern::Domain(domain) => covers(domain, name),
            _ => false,
        });
        matching
            .map(|pattern| (pattern_id(pattern).0, *matched_in))
            .collect()
    }

    /// Records of the last frame with what they lend; its flows are forgotten.
    fn records(&mut self) -> (Vec<Record>, Vec<Lent>) {
        let tap = self.offline.tap();
        let mut records = Vec::new();
        tap.read_records(&mut records, usize::MAX);
        if !records.is_empty() {
            let ended = tap.flip_alone().expect("flip");
            assert_eq!(tap.flows(ended).expect("flows").len(), records.len());
            tap.clear(ended).expect("clear");
        }
        let lent = records
            .iter()
            .map(|record| tap.borrowed(record).expect("a payload"));
        let lent = lent.collect();
        (records, lent)
    }

    fn lane(&mut self) -> (LaneCounts, Vec<Lent>) {
        let tap = self.offline.tap();
        let mut lent = Vec::new();
        tap.read_lent(&mut lent, usize::MAX);
        (tap.counts().lane().expect("counters"), lent)
    }
}

/// Whether what was lent is the end of the frame, padding left out, as far as it goes.
fn ends_with(frame: &[u8], lent: &Lent) -> bool {
    let payload: &[u8] = &lent.payload;
    payload.is_empty() || frame.windows(payload.len()).any(|window| window == payload)
}

/// Keeps this thread on one CPU: each has its own slots and budgets.
fn pin() {
    let allowed = sched_getaffinity(None).expect("the CPUs of this thread");
    let first = (0..CpuSet::MAX_CPU).find(|cpu| allowed.is_set(*cpu));
    let mut one = CpuSet::new();
    one.set(first.expect("a CPU"));
    sched_setaffinity(None, &one).expect("one of them");
}

#[test]
fn program_and_oracle_agree_on_every_name() {
    if !need::root() {
        return;
    }
    let splits = need::split_frames();
    let pool = Pool::default();
    let mut random = Random::from_env(SEED);
    let (mut runs, mut hits) = (0, 0);
    let mut counts = LaneCounts::default();
    for set in 0..SETS {
        let patterns = name::domains(&mut random, 24);
        let variant = if set % 4 == 0 {
            Variant::Linear
        } else {
            Variant::Frags
        };
        let mut subject = Subject::new(&patterns, variant);
        for index in 0..FRAMES {
            let frame = name::frame(&pool, &mut random);
            if variant == Variant::Linear && frame.len() > 3_400 {
                continue;
            }
            let mut begun = false;
            let mut check = |frame: &[u8], linear| {
                let fate = named(frame).fate;
                if begun && fate.is_none() {
                    subject.pass_over(frame, linear);
                } else {
                    subject.check(frame, linear);
                }
                begun |= fate == Some((LaneClass::Dns, LaneFate::Lent));
                runs += 1;
            };
            if index % TRUNCATED == 0 {
                for end in 14..frame.len() {
                    check(&frame[..end], None);
                }
            }
            check(&frame, None);
            if splits && variant == Variant::Frags {
                let linear = 14 + random.below(frame.len().min(3_000) - 13) as u32;
                check(&frame, Some(linear));
            }
        }
        assert_eq!(
            subject.offline.tap().slots_in_use(),
            0,
            "every slot is zero"
        );
        hits += subject.hits;
        for (sums, class) in counts.0.iter_mut().zip(subject.counts.0) {
            for (sum, count) in sums.iter_mut().zip(class) {
                *sum += count;
            }
        }
    }
    println!("{runs} runs, {hits} hits, no disagreement; {counts:?}");
    assert!(hits > 500, "hits are too rare to prove anything: {hits}");
    let of = |class, fate| counts.of(class, fate);
    for class in [LaneClass::TlsHello, LaneClass::HttpHead, LaneClass::Dns] {
        assert!(of(class, LaneFate::Decided) > 100 && of(class, LaneFate::Lent) > 10);
    }
    assert!(of(LaneClass::QuicInitial, LaneFate::Lent) > 10);
    assert!(of(LaneClass::TlsHello, LaneFate::Encrypted) > 10);
}

#[test]
fn names_that_collide_are_told_apart_by_their_payload() {
    if !need::root() {
        return;
    }
    pin();
    // Keys of zero: every name has one hash.
    let keys = NameKeys([0; 4]);
    let patterns = [Pattern::domain("evil.example").expect("a name")];
    let image = image(&patterns);
    let budgets = Budgets::default();
    let offline = Offline::with_keys(&image, sizes(), Variant::Frags, keys, budgets);
    let mut subject = Subject::of(offline.expect("it loads"), &patterns);
    let pool = Pool::default();
    let mut random = Random::new(1);
    let mut refuted = 0;
    for _ in 0..100 {
        let frame = name::frame(&pool, &mut random);
        subject.run(&frame, None);
        let (records, payloads) = subject.records();
        let expected = named(&frame).name;
        assert_eq!(
            records.len(),
            usize::from(expected.as_ref().is_some_and(|(name, _)| !name.is_empty()))
        );
        for (record, lent) in records.iter().zip(&payloads) {
            assert_eq!(record.key.pattern, pattern_id(&patterns[0]).0);
            assert!(
                ends_with(&frame, lent),
                "the payload tells that it is another"
            );
            refuted += 1;
        }
        subject.lane();
    }
    assert!(refuted > 10);
}

#[test]
fn without_names_nothing_is_looked_at_and_nothing_lent() {
    if !need::root() {
        return;
    }
    let pool = Pool::default();
    let mut random = Random::from_env(SEED + 1);
    for variant in [Variant::Frags, Variant::Linear] {
        let patterns = [Pattern::from_words(&["ip", "192.0.2.77"]).expect("an address")];
        let mut subject = Subject::new(&patterns, variant);
        for _ in 0..500 {
            let frame = name::frame(&pool, &mut random);
            subject.run(&frame, None);
        }
        let (counts, lent) = subject.lane();
        assert_eq!((counts, lent.len()), (LaneCounts::default(), 0));
        assert_eq!(subject.offline.tap().slots_in_use(), 0);
        let traffic = subject.offline.tap().counts().traffic(0).expect("counters");
        assert_eq!(traffic[Outcome::Hit as usize].packets, 0);
    }
}

#[test]
fn a_class_lends_no_more_than_its_budget_and_slots_and_counts_the_rest() {
    if !need::root() {
        return;
    }
    let patterns = [Pattern::domain("evil.example").expect("a name")];
    let image = image(&patterns);
    let keys = NameKeys::new([1, 2]);
    pin();
    let limit = Limit {
        interval: Duration::from_secs(1),
        burst: Duration::from_secs(9),
    };
    let budgets = Budgets::default().with(LaneClass::QuicInitial, limit);
    let offline = Offline::with_keys(&image, sizes(), Variant::Frags, keys, budgets);
    let mut subject = Subject::of(offline.expect("it loads"), &patterns);
    let initial = |port: u16| {
        use sensor_tests::packet::{Body, Frame, Network};
        let datagram = [&[0xc3, 0, 0, 0, 1][..], &[7; 1200]].concat();
        let (src, dst) = ("192.0.2.1", "192.0.2.2");
        let addresses = (src.parse().expect("one"), dst.parse().expect("one"));
        let body = Body::udp(port, 443, &datagram);
        Frame::new(Network::between(addresses.0, addresses.1, body)).bytes()
    };
    for port in 0..100 {
        subject.run(&initial(1_000 + port), None);
    }
    let of = |counts: &LaneCounts, fate| counts.of(LaneClass::QuicInitial, fate);
    let (counts, lent) = subject.lane();
    assert_eq!(lent.len(), 10);
    assert_eq!(of(&counts, LaneFate::Lent), 10);
    assert_eq!(of(&counts, LaneFate::OverBudget), 90);

    let offline = Offline::new(&image, sizes(), Variant::Frags);
    let mut subject = Subject::of(offline.expect("it loads"), &patterns);
    for port in 0..100 {
        subject.run(&initial(1_000 + port), None);
    }
    assert_eq!(subject.offline.tap().slots_in_use(), 48);
    let (counts, lent) = subject.lane();
    assert_eq!((lent.len(), of(&counts, LaneFate::NoSlot)), (48, 52));
    assert!(
        lent.iter()
            .all(|lent| lent.payload.len() == 1205 && !lent.truncated)
    );
    assert_eq!(subject.offline.tap().slots_in_use(), 0);
}

#[test]
fn what_nobody_fetches_is_zeroed_within_two_seconds() {
    if !need::root() {
        return;
    }
    let patterns = [Pattern::domain("*.a").expect("a name")];
    let offline = Offline::new(&image(&patterns), sizes(), Variant::Frags);
    let mut subject = Subject::of(offline.expect("it loads"), &patterns);
    let pool = Pool::default();
    let mut random = Random::new(2);
    for _ in 0..100 {
        subject.run(&name::frame(&pool, &mut random), None);
    }
    let taken = subject.offline.tap().slots_in_use();
    assert!(taken > 10, "{taken}");
    std::thread::sleep(Duration::from_secs(2));
    let tap = subject.offline.tap();
    assert_eq!(tap.slots_in_use(), 0, "the kernel has zeroed all of them");
    assert_eq!(tap.counts().swept().expect("a counter"), u64::from(taken));
    let mut lent = Vec::new();
    assert!(tap.read_lent(&mut lent, usize::MAX) > 0 && lent.is_empty());
}
