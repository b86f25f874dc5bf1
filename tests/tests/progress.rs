//! A long load: how far it is, told at once and in order.

use std::{
    fmt::Write as _,
    fs,
    io::{BufWriter, Write as _},
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

use sensor_tests::{
    command,
    daemon::{Home, Interface, Sensord, Settings, binary},
    need,
    netns::Wire,
};
use serde_json::Value;

const MARKERS: u32 = 200_000;
const STAGES: [&str; 5] = ["reading", "checking", "storing", "building", "committing"];

fn file(from: u32) -> String {
    let mut text = String::new();
    for at in 0..MARKERS {
        let address = Ipv4Addr::from(from + at * 3);
        writeln!(text, "ip {address} id=feed-{at}").expect("a string takes any text");
    }
    text
}

#[test]
fn a_load_tells_its_stages_in_order_while_status_answers_at_once() {
    if !need::root() {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    assert_eq!(client.status()["change"], Value::Null);
    let text = file(0x2d00_0000);
    let mut seen: Vec<(usize, u64)> = Vec::new();
    let mut slowest = Duration::ZERO;
    thread::scope(|scope| {
        let load = scope.spawn(|| client.load(&text));
        while !load.is_finished() {
            let asked = Instant::now();
            let change = client.status()["change"].clone();
            slowest = slowest.max(asked.elapsed());
            if let Some(stage) = change["stage"].as_str() {
                let stage = STAGES.iter().position(|name| *name == stage);
                let (done, total) = (&change["done"], &change["total"]);
                assert!(done.as_u64() <= total.as_u64(), "{change}");
                seen.push((stage.expect("a stage"), done.as_u64().expect("a count")));
            }
        }
        let answer = load.join().expect("the load ends");
        assert_eq!(answer["markers"], MARKERS);
    });
    assert!(
        seen.is_sorted(),
        "stages and rows only go forward: {seen:?}"
    );
    // The last one may be over before it is asked for.
    for (stage, name) in STAGES.iter().enumerate().take(4) {
        assert!(seen.iter().any(|(at, _)| *at == stage), "{name}: {seen:?}");
    }
    let stored = seen.iter().filter(|(stage, _)| *stage == 2);
    assert!(stored.map(|(_, rows)| rows).max() > Some(&0), "{seen:?}");
    assert!(slowest < Duration::from_secs(1), "status took {slowest:?}");
    assert_eq!(client.status()["change"], Value::Null);
    println!("{} readings, the slowest took {slowest:?}", seen.len());

    // On a terminal sensorctl shows them.
    if !need::tool("script") {
        return;
    }
    let path = home.state().join("markers.txt");
    fs::write(&path, file(0x2e00_0000)).expect("a writable directory");
    let words = format!(
        "{} --socket {} markers load {}",
        binary("sensorctl").display(),
        home.socket().display(),
        path.display()
    );
    let (code, shown, _) = command::said(command::output(&["script", "-qec", &words, "/dev/null"]));
    assert_eq!(code, 0, "{shown}");
    for word in ["storing", "building", "200000 markers in the set"] {
        assert!(shown.contains(word), "no {word}: {shown}");
    }
    let (code, piped, stderr) = daemon.control(&["markers", "load", path.to_str().expect("UTF-8")]);
    assert_eq!(code, 0, "{stderr}");
    assert!(!piped.contains("storing") && stderr.is_empty(), "{stderr}");
    assert!(daemon.stop().success());
}

/// Most memory that a process ever had, bytes.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    kilobytes.expect("a line").parse::<u64>().expect("a number") << 10
}

#[test]
fn a_large_file_waits_on_disk_and_in_nobodys_memory() {
    const SIZE: usize = 320 << 20;
    if !need::root() || !need::tool("prlimit") {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    client.load("ip 203.0.113.4 id=small\n");
    let before = peak(daemon.id());
    let path = home.state().with_extension("large");
    let mut out = BufWriter::new(fs::File::create(&path).expect("a writable directory"));
    let comment = format!("# {}\n", "x".repeat(1_021));
    for _ in 0..SIZE / comment.len() {
        out.write_all(comment.as_bytes()).expect("room for it");
    }
    out.write_all(b"ip 203.0.113.5 id=last\n")
        .expect("room for it");
    drop(out);
    let path = path.to_str().expect("UTF-8");
    let (program, socket) = (binary("sensorctl"), home.socket());
    let program = program.to_str().expect("UTF-8");
    let sensorctl = [program, "--socket", socket.to_str().expect("UTF-8")];
    let order = [
        "--reference",
        "ORD-1",
        "--issuer",
        "ANSSI",
        "--duration",
        "1h",
    ];
    let limit = format!("--as={}", SIZE / 2);
    let limited = ["prlimit", limit.as_str()];
    for words in [
        [&["markers", "load"], &[path][..]].concat(),
        [&["orders", "submit"], &order[..], &[path]].concat(),
    ] {
        let words = [&limited[..], &sensorctl, &words].concat();
        let (code, _, stderr) = command::said(command::output(&words));
        assert_eq!(code, 0, "{words:?}: {stderr}");
    }
    // From a pipe, too: nobody knows how long it is.
    let piped = format!(
        "cat {path} | prlimit {limit} {} markers add -",
        sensorctl.join(" ")
    );
    let (code, _, stderr) = command::said(command::output(&["sh", "-c", &piped]));
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(client.status()["markers"]["total"], 1);
    let more = peak(daemon.id()) - before;
    println!("{} MiB more for files of {} MiB", more >> 20, SIZE >> 20);
    assert!(more < 64 << 20, "{more} bytes");
    assert!(daemon.stop().success());
}
