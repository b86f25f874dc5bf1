//! A large capture costs time, not memory.

use std::{
    fs,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use sensor_tests::{
    command::command,
    daemon::binary,
    need,
    packet::{Body, Frame, Ip4},
    traffic::pcap_write,
};

const FRAMES: u32 = 42_000;
const PAYLOAD: [u8; 1400] = [0; 1400];
/// Flows that hit; they repeat.
const FLOWS: u32 = 5_000;
/// The maps are the kernel's; the agent's own part is a window on the file and its open events.
const MOST_KIB: u64 = 128 * 1024;

/// Most memory that a process has held so far, KiB (proc_pid_status(5)).
fn high_water_mark(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn sixty_megabytes_are_replayed_in_bounded_memory() {
    if !need::root() {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| {
        let path = directory.path().join(name);
        path.to_str().expect("a path in UTF-8").to_owned()
    };
    let frame = |number: u32| {
        let flow = (number % FLOWS) as u16;
        // Every second flow is to the marked address.
        let dst = [203, 0, 113, 4 + (flow % 2) as u8];
        let body = Body::udp(1024 + flow, 53, &PAYLOAD);
        Frame::new(Ip4::new([10, 1, 0, 2].into(), dst.into(), body)).bytes()
    };
    let frames: Vec<Vec<u8>> = (0..FRAMES).map(frame).collect();
    let capture = path("large.pcap");
    pcap_write(capture.as_ref(), &frames);
    drop(frames);
    assert!(fs::metadata(&capture).expect("the capture").len() > 60_000_000);
    fs::write(path("markers.txt"), "ip 203.0.113.5 id=m\n").expect("a writable directory");
    let file = |name: &str| fs::File::create(path(name)).expect("a writable directory");
    let program = binary("sensord");
    let program = program.to_str().expect("a path in UTF-8");
    let mut child = command(&[
        program,
        "replay",
        "--markers",
        &path("markers.txt"),
        &capture,
    ])
    .stdout(file("events"))
    .stderr(Stdio::from(file("summary")))
    .spawn()
    .expect("sensord starts");
    let mut most = 0;
    let status = loop {
        // Gone once it has ended: read before asking.
        most = high_water_mark(&child).unwrap_or(most);
        if let Some(status) = child.try_wait().expect("the child is ours") {
            break status;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let summary = fs::read_to_string(path("summary")).expect("a summary");
    assert!(status.success(), "{summary}");
    println!("{most} KiB");
    assert!(most > 1024 && most < MOST_KIB, "{most} KiB");
    let events = fs::read_to_string(path("events")).expect("events");
    assert_eq!(events.lines().count(), FLOWS as usize / 2);
    let told = format!("{} with {} packets", FLOWS / 2, FRAMES / 2);
    assert!(summary.contains(&told), "{summary}");
}
