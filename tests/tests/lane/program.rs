//! The program by itself, through BPF_PROG_TEST_RUN.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use sensor_common::{LaneClass, LaneFate};
use sensor_tests::{
    bearers::{
        ENCRYPTED, frame, greeting, hello, initial, message, question, request, segment,
        server_name,
    },
    need,
    oracle::image,
    packet::Body,
};
use sensor_user::{
    dataplane::{LaneCounts, Offline, Sizes, Variant},
    model::Pattern,
};

const TIME: u64 = 1_700_000_000_000_000_000;
const VARIANTS: [Variant; 2] = [Variant::Frags, Variant::Linear];

fn offline(words: &[&str], variant: Variant) -> Offline {
    let pattern = Pattern::from_words(words).expect("a pattern");
    let sizes = Sizes {
        flow_entries: 512,
        ring_bytes: 65_536,
        cpu_slots: 64,
    };
    Offline::new(&image(&[pattern]), sizes, variant).expect("it loads")
}

fn run(offline: &mut Offline, frame: &[u8]) {
    offline.run(frame, TIME).expect("it runs");
}

fn counts(offline: &mut Offline) -> LaneCounts {
    offline.tap().counts().lane().expect("counters")
}

/// A frame or two of each class that is only decided outside the kernel.
fn undecided() -> Vec<(LaneClass, Vec<Vec<u8>>)> {
    let whole = hello(&[(51, vec![9; 900]), server_name("a.example")]);
    let late = segment((5_002, 443), 901, 0x18, &whole[900..]);
    vec![
        (LaneClass::TlsHello, vec![greeting(5_001, &whole[..500])]),
        (
            LaneClass::TlsSegment,
            vec![segment((5_002, 443), 0, 2, &[]), late],
        ),
        (
            LaneClass::HttpHead,
            vec![segment((5_003, 80), 1, 0x18, b"GET /a HTTP/1.1\r\nHo")],
        ),
        (LaneClass::QuicInitial, vec![initial(5_004)]),
        (
            LaneClass::Dns,
            vec![frame(Body::udp(5_005, 53, &message("a.example", 2)))],
        ),
    ]
}

#[test]
fn a_class_is_lent_only_while_the_image_needs_it() {
    use LaneClass::{Dns, HttpHead, QuicInitial, TlsHello, TlsSegment};
    if !need::root() {
        return;
    }
    let ja3 = "0bcd".repeat(8);
    let all = [TlsHello, TlsSegment, HttpHead, QuicInitial, Dns];
    let hellos = [TlsHello, TlsSegment, QuicInitial];
    let needs: [(&[&str], &[LaneClass]); 7] = [
        (&["ip", "192.0.2.77"], &[]),
        (&["cidr", "192.0.2.0/24"], &[]),
        (&["endpoint", "192.0.2.77", "udp", "53"], &[]),
        (&["domain", "b.example"], &all),
        (&["url", "http://b.example/c"], &[HttpHead]),
        (&["ja3", ja3.as_str()], &hellos),
        (&["ja4", "t13d1516h2_8daaf6152771_e5627efa2ab1"], &hellos),
    ];
    for variant in VARIANTS {
        for (words, expected) in needs {
            let mut offline = offline(words, variant);
            for (class, frames) in undecided() {
                let before = counts(&mut offline);
                for frame in &frames {
                    run(&mut offline, frame);
                }
                let after = counts(&mut offline);
                // With URLs alone, what comes before the first segment is of a head as far as anybody knows.
                let class = match class {
                    TlsSegment if words[0] == "url" => HttpHead,
                    class => class,
                };
                let needed = expected.contains(&class);
                let context = format!("{variant:?}, {words:?}, {class:?}: {after:?}");
                assert_eq!(after.lent() - before.lent(), u64::from(needed), "{context}");
                let lent = after.of(class, LaneFate::Lent) - before.of(class, LaneFate::Lent);
                assert_eq!(lent, u64::from(needed), "{context}");
            }
            let (mut lent, mut classes) = (Vec::new(), BTreeSet::new());
            offline.tap().read_lent(&mut lent, usize::MAX);
            classes.extend(
                lent.iter()
                    .filter_map(|one| one.class)
                    .map(|one| one as u32),
            );
            let expected: BTreeSet<u32> = expected.iter().map(|class| *class as u32).collect();
            assert_eq!(classes, expected, "{variant:?}, {words:?}");
        }
    }
}

/// What the kernel can decide is lent only where another part of it is asked for.
#[test]
fn what_a_packet_holds_whole_is_lent_for_fingerprints_and_urls_alone() {
    if !need::root() {
        return;
    }
    let ja3 = "0bcd".repeat(8);
    let frames = [
        question(5_001, "a.example"),
        greeting(5_002, &hello(&[server_name("a.example")])),
        request(5_003, "a.example", "/b"),
    ];
    for variant in VARIANTS {
        for (words, expected) in [
            (&["domain", "b.example"][..], [0, 0, 0]),
            (&["url", "http://b.example/c"], [0, 0, 1]),
            (&["ja3", ja3.as_str()], [0, 1, 0]),
        ] {
            let mut offline = offline(words, variant);
            let lent = frames.each_ref().map(|frame| {
                let before = counts(&mut offline).lent();
                run(&mut offline, frame);
                counts(&mut offline).lent() - before
            });
            assert_eq!(lent, expected, "{variant:?}, {words:?}");
        }
    }
}

#[test]
fn a_hello_that_hides_another_is_counted_by_whoever_decides_it() {
    if !need::root() {
        return;
    }
    let hidden = || (ENCRYPTED, vec![0; 200]);
    let named = || server_name("a.example");
    let other = || (51, vec![9; 40]);
    let hellos = [
        (0u64, vec![other(), named(), other()]),
        (1, vec![hidden(), named(), other()]),
        (1, vec![named(), other(), other(), hidden()]),
        (1, vec![other(), hidden()]),
        (1, vec![hidden(), named(), hidden()]),
        // The type alone is enough, and what stands in another extension is none.
        (0, vec![(51, ENCRYPTED.to_be_bytes().repeat(9)), named()]),
    ];
    for variant in VARIANTS {
        let mut by_kernel = offline(&["domain", "b.example"], variant);
        let mut by_agent = offline(&["ja3", "0123456789abcdef0123456789abcdef"], variant);
        let mut sum = 0u64;
        for (port, (count, extensions)) in (5_000..).zip(&hellos) {
            let frame = greeting(port, &hello(extensions));
            run(&mut by_kernel, &frame);
            run(&mut by_agent, &frame);
            sum += count;
            let seen = counts(&mut by_kernel);
            assert_eq!(
                seen.of(LaneClass::TlsHello, LaneFate::Encrypted),
                sum,
                "{extensions:?}"
            );
        }
        let decided = counts(&mut by_kernel).of(LaneClass::TlsHello, LaneFate::Decided);
        assert_eq!(decided, hellos.len() as u64, "beside its fate");
        let lent = counts(&mut by_agent);
        assert_eq!(lent.of(LaneClass::TlsHello, LaneFate::Lent), decided);
        assert_eq!(
            lent.of(LaneClass::TlsHello, LaneFate::Encrypted),
            0,
            "the agent counts those that it reads"
        );
    }
}

/// The program without a timer goes through the slots by itself, with packets that it looks at and lends
/// nothing of.
#[test]
fn without_a_timer_what_nobody_fetches_is_zeroed_as_connections_begin() {
    if !need::root() {
        return;
    }
    let mut offline = offline(&["domain", "*.a"], Variant::Linear);
    for port in 0..40 {
        run(&mut offline, &initial(5_000 + port));
    }
    run(&mut offline, &question(6_000, "b.a"));
    let taken = offline.tap().slots_in_use();
    assert_eq!(taken, 41, "one of them confirms a name");
    let young = Instant::now();
    for port in 0..100 {
        run(&mut offline, &segment((7_000 + port, 443), 0, 2, &[]));
    }
    if young.elapsed() < Duration::from_secs(1) {
        assert_eq!(offline.tap().slots_in_use(), taken, "not before their time");
    }
    thread::sleep(Duration::from_millis(1_600));
    let begun = Instant::now();
    while offline.tap().slots_in_use() > 0 && begun.elapsed() < Duration::from_secs(10) {
        run(&mut offline, &segment((8_000, 443), 0, 2, &[]));
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(offline.tap().slots_in_use(), 0);
    let swept = offline.tap().counts().swept().expect("a counter");
    assert_eq!(swept, u64::from(taken));
    // A third of a second when the machine has nothing else to do.
    assert!(begun.elapsed() < Duration::from_secs(5), "{begun:?}");
}
