//! The same frames in other files.

use std::path::Path;

use sensor_tests::{
    command::run,
    need,
    offline::{Replayed, replay},
    random::{Pool, Random},
    traffic::pcap_write,
};
use serde_json::Value;

const FRAMES: usize = 1_000;
const SEED: u64 = 20_270_203;

/// Events without their ids, which are keyed anew in each run.
fn without_ids(replayed: &Replayed) -> Vec<String> {
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    let mut events: Vec<String> = replayed
        .events
        .iter()
        .map(|event| {
            let mut event = event.clone();
            let id = event.as_object_mut().and_then(|event| event.remove("id"));
            assert!(matches!(id, Some(Value::String(_))), "no id");
            event.to_string()
        })
        .collect();
    events.sort_unstable();
    events
}

#[test]
fn pcapng_and_nanoseconds_give_the_same_events() {
    if !need::root_and(&["editcap"]) {
        return;
    }
    let (pool, mut random) = (Pool::default(), Random::from_env(SEED));
    let frames: Vec<Vec<u8>> = (0..FRAMES).map(|_| pool.frame(&mut random)).collect();
    let patterns = pool.patterns(&mut random, 24);
    let markers: String = patterns
        .iter()
        .map(|pattern| format!("{pattern}\n"))
        .collect();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pcap = directory.path().join("frames.pcap");
    pcap_write(&pcap, &frames);
    let expected = without_ids(&replay(&markers, &[], &[&pcap]));
    assert!(
        expected.len() > 50,
        "too few to compare: {}",
        expected.len()
    );
    for format in ["pcapng", "nsecpcap"] {
        let other = directory.path().join(format);
        let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        run(&["editcap", "-F", format, &text(&pcap), &text(&other)]);
        let events = without_ids(&replay(&markers, &[], &[&other]));
        assert!(events == expected, "{format} differs");
    }
}
