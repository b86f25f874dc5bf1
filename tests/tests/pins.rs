//! Pins that are not what this build would make are refused, and nothing is detached.

use std::{fs, path::PathBuf};

use sensor_common::{Control, FlowPage, LAYOUT_VERSION, flow_index_pages, flow_pages, map};
use sensor_tests::{
    command::run,
    daemon::{Home, Interface, Sensord, Settings},
    identity::Identities,
    need,
    netns::Wire,
    packet::{Body, Frame, Ip4},
};

/// Places of a flow table.
const TABLE_ENTRIES: u32 = 1024;
const MARKERS: &str = "ip 203.0.113.5 id=m\n";

/// A sensor that was stopped while its interface stays attached.
struct Stopped {
    wire: Wire,
    home: Home,
    sent: u64,
}

impl Stopped {
    fn new() -> Self {
        let (wire, home) = (Wire::new(), Home::new());
        let daemon = Sensord::start(&home, &wire.to, &settings());
        let answer = daemon.client().put("/v1/markers", MARKERS);
        assert_eq!(answer.expect("an answer").status, 200);
        assert!(daemon.stop().success());
        let sent = 0;
        Self { wire, home, sent }
    }

    fn root(&self) -> PathBuf {
        self.home.pins().join(LAYOUT_VERSION.to_string())
    }

    fn shared(&self, name: &str) -> PathBuf {
        self.root().join("shared").join(name)
    }

    fn aside(&self, name: &str) -> PathBuf {
        self.home.pins().join(name)
    }

    /// A start that must end with a sentence that holds these words, and change nothing.
    fn refuses(&mut self, words: &[&str]) {
        let program = self.wire.to.xdp_program(Wire::IN);
        assert!(program.is_some());
        let mut daemon = Sensord::spawn(&self.home, &self.wire.to, &settings());
        let status = daemon.wait().expect("it ends by itself");
        let stderr = daemon.stderr();
        drop(daemon);
        assert_eq!(status.code(), Some(78), "{stderr}");
        let sentence = stderr.lines().last().expect("a sentence");
        let remedy = format!("`rm -r {}`", self.root().display());
        for word in words.iter().chain([&remedy.as_str()]) {
            assert!(sentence.contains(word), "no {word}: {sentence}");
        }
        assert_eq!(self.wire.to.xdp_program(Wire::IN), program);
        self.send();
    }

    fn send(&mut self) {
        let body = Body::udp(1024, 53, b"x");
        let (src, dst) = ([10, 1, 0, 2], [203, 0, 113, 5]);
        let frame = Frame::new(Ip4::new(src.into(), dst.into(), body)).bytes();
        self.wire.send(&[frame.clone(), frame], 1_000);
        self.sent += 2;
    }

    /// A start that must succeed and count everything that was ever sent.
    fn starts(&self) {
        let daemon = Sensord::start(&self.home, &self.wire.to, &settings());
        let identities = Identities::settled(&daemon.client());
        assert_eq!(identities.kernel["hits"], self.sent, "{identities:?}");
        assert!(daemon.stop().success());
    }
}

fn settings() -> Settings {
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    settings.table_entries = TABLE_ENTRIES;
    settings
}

#[test]
fn a_map_with_another_attribute_is_refused() {
    if !need::root_and(&["ip", "tcpreplay", "bpftool"]) {
        return;
    }
    let mut stopped = Stopped::new();
    // Each map once, each attribute once: what is pinned instead, what is said.
    let pages = format!("{} entries", 2 * flow_pages(TABLE_ENTRIES));
    let values = format!("{} bytes", size_of::<Control>());
    let page = size_of::<FlowPage>();
    let fewer = format!("array 4 {page} 1 1024");
    let flags = format!("array 4 {page} {} 0", 2 * flow_index_pages(TABLE_ENTRIES));
    let cases = [
        (
            map::LEDGER,
            "array 4 64 1 0",
            "the type Array",
            "PerCpuArray",
        ),
        (map::FLOWS, fewer.as_str(), "1 entries", pages.as_str()),
        (
            map::CONTROL,
            "array 4 12 1 0",
            "values of 12 bytes",
            values.as_str(),
        ),
        (
            map::TRAFFIC,
            "percpu_array 4 16 64 0",
            "64 entries",
            "640 entries",
        ),
        (
            map::FLOW_INDEX,
            flags.as_str(),
            "the flags 0x0",
            "flags 0x400",
        ),
        (map::RECORDS, "hash 4 4 64 0", "keys of 4 bytes", "RingBuf"),
    ];
    for (name, other, found, expected) in cases {
        let (pin, aside) = (stopped.shared(name), stopped.aside(name));
        fs::rename(&pin, &aside).expect("bpffs renames pins");
        let path = pin.to_str().expect("UTF-8").to_owned();
        let words: Vec<&str> = other.split(' ').collect();
        let [kind, key, value, entries, flags] = words[..] else {
            panic!("five words");
        };
        run(&[
            "bpftool", "map", "create", &path, "type", kind, "key", key, "value", value, "entries",
            entries, "name", "other", "flags", flags,
        ]);
        stopped.refuses(&[&path, found, expected]);
        fs::remove_file(&pin).expect("a pin");
        fs::rename(&aside, &pin).expect("bpffs renames pins");
    }
    stopped.starts();
}

#[test]
fn a_part_of_the_maps_is_refused_while_programs_use_them() {
    if !need::root_and(&["ip", "tcpreplay"]) {
        return;
    }
    let mut stopped = Stopped::new();
    let without: [&[&str]; 3] = [&[map::CONTROL], &[map::RECORDS, map::LEDGER], &map::SHARED];
    for names in without {
        for name in names {
            fs::rename(stopped.shared(name), stopped.aside(name)).expect("bpffs renames pins");
        }
        stopped.refuses(names);
        for name in names {
            fs::rename(stopped.aside(name), stopped.shared(name)).expect("bpffs renames pins");
        }
    }
    stopped.starts();
}

#[test]
fn maps_of_a_start_that_did_not_finish_are_made_anew() {
    if !need::root_and(&["ip", "tcpreplay"]) {
        return;
    }
    let mut stopped = Stopped::new();
    let link = stopped.root().join("links").join(Wire::IN);
    fs::remove_file(link).expect("a pinned link");
    fs::remove_file(stopped.shared(map::LEDGER)).expect("a pin");
    let daemon = Sensord::start(&stopped.home, &stopped.wire.to, &settings());
    assert!(daemon.stderr().contains("did not finish"));
    assert!(map::SHARED.iter().all(|name| stopped.shared(name).exists()));
    assert!(daemon.stop().success());
    stopped.send();
    stopped.starts();
}
