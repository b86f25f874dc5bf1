//! Replays that are refused.

use std::{fs, path::PathBuf};

use sensor_tests::{
    need,
    offline::{Replayed, replay, replay_file},
    traffic::pcap_write,
};
use tempfile::TempDir;

use super::scene::{MARKERS, frame};

const FRAMES: usize = 5;

/// A directory with a good capture.
fn capture() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("good.pcap");
    pcap_write(&path, &vec![frame(); FRAMES]);
    (directory, path)
}

fn assert_refused(replayed: &Replayed, code: i32, words: &[&str]) {
    assert_eq!(replayed.code, code, "{}", replayed.stderr);
    for word in words {
        assert!(
            replayed.stderr.contains(word),
            "no {word:?}: {}",
            replayed.stderr
        );
    }
}

#[test]
fn a_capture_cut_within_a_packet_gives_the_events_before_it() {
    if !need::root() {
        return;
    }
    let (directory, good) = capture();
    let bytes = fs::read(&good).expect("the capture");
    let cut = directory.path().join("cut.pcap");
    fs::write(&cut, &bytes[..bytes.len() - 3]).expect("a writable directory");
    let replayed = replay(MARKERS, &[], &[&cut]);
    assert_refused(&replayed, 65, &["cut.pcap", "after 4 whole frames"]);
    assert_eq!(replayed.packets_by_marker().get("one"), Some(&(FRAMES - 1)));
}

#[test]
fn what_is_no_capture() {
    if !need::root() {
        return;
    }
    let (directory, good) = capture();
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, bytes).expect("a writable directory");
        path
    };
    let text = file("text.pcap", b"this is a text, not a capture of anything\n");
    assert_refused(&replay(MARKERS, &[], &[&text]), 65, &["text.pcap"]);
    let empty = file("empty.pcap", b"");
    assert_refused(
        &replay(MARKERS, &[], &[&empty]),
        65,
        &["empty.pcap", "empty"],
    );
    let mut bytes = fs::read(&good).expect("the capture");
    // LINKTYPE_USB_LINUX.
    bytes[20] = 189;
    let usb = file("usb.pcap", &bytes);
    assert_refused(&replay(MARKERS, &[], &[&usb]), 65, &["usb.pcap", "189"]);
    // The length of the second packet, beyond any capture's.
    bytes[20] = 1;
    let second = 24 + 16 + frame().len();
    bytes[second + 8..second + 12].copy_from_slice(&[0xff; 4]);
    let huge = file("huge.pcap", &bytes);
    let replayed = replay(MARKERS, &[], &[&huge]);
    assert_refused(&replayed, 65, &["huge.pcap", "after 1 frames"]);
    assert_eq!(replayed.packets_by_marker().get("one"), Some(&1));

    let missing = directory.path().join("missing.pcap");
    let replayed = replay(MARKERS, &[], &[&good, &missing]);
    assert_refused(&replayed, 66, &["missing.pcap"]);
    assert_eq!(replayed.packets_by_marker().get("one"), Some(&FRAMES));
}

#[test]
fn a_marker_file_that_cannot_be_used() {
    if !need::root() {
        return;
    }
    let (directory, good) = capture();
    let markers = format!("{MARKERS}ip 203.0.113.999\n");
    let replayed = replay(&markers, &[], &[&good]);
    assert_refused(&replayed, 65, &["markers.txt:3: pattern: ", "bad_address"]);
    assert!(!replayed.stderr.contains("203.0.113.999"));
    assert!(replayed.events.is_empty());
    let missing = directory.path().join("none.txt");
    assert_refused(&replay_file(&missing, &[], &[&good]), 66, &["none.txt"]);
}
