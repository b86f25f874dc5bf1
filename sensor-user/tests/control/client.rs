//! The real client against the real socket.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixListener, process::CommandExt},
    process::{Command, Output, Stdio},
    thread,
};

use sensor_user::{
    config::{Account, Grant},
    model::Role,
};

use crate::fixture::{Dir, Running};

const SENSORCTL: &str = env!("CARGO_BIN_EXE_sensorctl");

fn command(door: &Running, arguments: &[&str]) -> Command {
    let mut command = Command::new(SENSORCTL);
    command.arg("--socket").arg(&door.path).args(arguments);
    command
}

fn run(door: &Running, arguments: &[&str]) -> Output {
    run_with(command(door, arguments), b"")
}

fn run_with(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    // A client that does not read its input is no failure of the test.
    let _ = child.stdin.take().expect("stdin").write_all(input);
    child.wait_with_output().expect("ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn status_shows_counters_and_both_identities() {
    let door = Running::start();
    let output = run(&door, &["status", "--rate", "1"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = text(&output.stdout);
    for expected in [
        "sensor   pop1, version 0.1.0, kernel 6.18, clock tai, up 0s",
        "patterns in force: 2 ip; generation 1, digest abababababab",
        "note: eth0: the peer's TSO is off",
        "hits 3 = records 1 + aggregated 2",
        "records 1 = 0 (these make 0)",
    ] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
    let words = |begin: &str| -> Vec<String> {
        let line = page
            .lines()
            .find(|line| line.starts_with(begin))
            .expect(begin);
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(
        words("eth0"),
        [
            "eth0", "0", "attached", "native", "yes", "1000", "100000", "3", "0", "0", "0"
        ]
    );
    assert_eq!(words("kernel")[1], "OK");
    assert_eq!(words("agent")[1], "BROKEN");
    assert!(!page.contains('\u{1b}'), "no colour in a pipe");
}

#[test]
fn markers_come_from_a_file_or_standard_input() {
    let door = Running::start();
    let file = door.dir.0.join("markers.txt");
    fs::write(&file, "ip 203.0.113.5\ncidr 198.51.100.0/24\n").expect("writes");
    let loaded = run(&door, &["markers", "load", file.to_str().expect("path")]);
    assert_eq!(loaded.status.code(), Some(0), "{}", text(&loaded.stderr));
    assert!(
        text(&loaded.stdout).starts_with("2 markers in the set, 2 patterns in force\nadded 2,")
    );

    let json = run_with(
        command(&door, &["--json", "markers", "add", "-"]),
        b"ip 203.0.113.9\n",
    );
    let changed: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(changed["markers"], 3);
    let shown = run_with(command(&door, &["markers", "show"]), b"case/7\n");
    assert!(text(&shown.stdout).contains("id              case/7"));
}

#[test]
fn a_large_file_arrives_whole_and_is_listed_page_by_page() {
    let door = Running::with(|limits| limits.max_body = 8 << 20, Vec::new(), None);
    let lines: String = (0..25_000_u32)
        .map(|n| format!("ip {}\n", std::net::Ipv4Addr::from_bits(0x0b00_0000 + n)))
        .collect();
    let body = lines.repeat(3);
    assert!(body.len() > 1 << 20, "worth a progress bar");
    let loaded = run_with(command(&door, &["markers", "load", "-"]), body.as_bytes());
    assert_eq!(loaded.status.code(), Some(0), "{}", text(&loaded.stderr));
    let listed = run(&door, &["markers", "list", "--all"]);
    assert_eq!(
        text(&listed.stdout).lines().count(),
        75_001,
        "and one header"
    );
    let page = run(&door, &["markers", "list", "--limit", "10"]);
    assert_eq!(text(&page.stdout).lines().count(), 11);
    assert!(text(&page.stderr).contains("there are more"));
}

#[test]
fn refused_lines_are_a_table_on_standard_error() {
    let door = Running::start();
    let output = run_with(
        command(&door, &["markers", "load", "-"]),
        b"ip 203.0.113.5\nip nonsense\n",
    );
    assert_eq!(output.status.code(), Some(65));
    assert!(output.stdout.is_empty());
    let lines = text(&output.stderr);
    let row: Vec<_> = lines
        .lines()
        .last()
        .expect("row")
        .split_whitespace()
        .collect();
    assert_eq!(row[..3], ["2", "pattern", "bad_address"]);
}

#[test]
fn too_large_a_file_is_refused_with_its_reason() {
    let door = Running::start();
    let output = run_with(
        command(&door, &["markers", "load", "-"]),
        &vec![b'#'; 4 << 20],
    );
    assert_eq!(output.status.code(), Some(65), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("larger than 65536 bytes"));
}

#[test]
fn exit_codes_are_sysexits() {
    let door = Running::start();
    let code = |arguments: &[&str]| run(&door, arguments).status.code();
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["markers", "load", "--help"]), Some(0));
    assert_eq!(code(&["frobnicate"]), Some(64));
    assert_eq!(code(&["markers", "show"]), Some(64), "no id");
    assert_eq!(code(&["markers", "show", "none"]), Some(65));
    assert_eq!(code(&["markers", "load", "/nonexistent/file"]), Some(74));
    let missing = door.dir.0.join("missing.sock");
    let unreachable = Command::new(SENSORCTL)
        .arg("--socket")
        .arg(&missing)
        .arg("status")
        .output();
    let unreachable = unreachable.expect("runs");
    assert_eq!(unreachable.status.code(), Some(69));
    assert!(text(&unreachable.stderr).contains("is sensord running?"));
}

#[test]
fn an_answer_that_is_no_json_is_a_defect() {
    let dir = Dir::new();
    let path = dir.0.join("control.sock");
    let listener = UnixListener::bind(&path).expect("binds");
    let server = thread::spawn(move || {
        for body in ["not JSON", "{}"] {
            let (mut stream, _) = listener.accept().expect("accepts");
            let _ = stream.read(&mut [0; 1024]);
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).expect("answers");
        }
    });
    for _ in 0..2 {
        let output = Command::new(SENSORCTL)
            .arg("--socket")
            .arg(&path)
            .arg("status")
            .output();
        let output = output.expect("runs");
        assert_eq!(output.status.code(), Some(70));
        assert!(text(&output.stderr).contains("answer cannot be read"));
    }
    server.join().expect("server");
}

#[test]
fn a_reader_of_the_output_may_leave() {
    let door = Running::with(|limits| limits.max_body = 8 << 20, Vec::new(), None);
    let body = "ip 203.0.113.5\n".repeat(50_000);
    assert!(
        run_with(command(&door, &["markers", "load", "-"]), body.as_bytes())
            .status
            .success()
    );
    let mut child = command(&door, &["markers", "list", "--all"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(0), "")
    );
}

/// Only root can be somebody else; without root, the roles are tested inside the library alone.
#[test]
fn peers_have_the_role_of_their_credentials() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not root: peers of another user are not tested");
        return;
    }
    let (reader, stranger, group) = (64_001, 64_002, 64_003);
    let grant = Grant {
        role: Role::Reader,
        users: vec![Account::Id(reader)],
        groups: vec![],
        scopes: None,
    };
    let door = Running::with(|_| {}, vec![grant], Some(&Account::Id(group)));
    // The build directory may be closed to other users.
    let client = door.dir.0.join("sensorctl");
    fs::copy(SENSORCTL, &client).expect("copies");
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).expect("mode");
    let run_as = |uid: u32, gid: u32, arguments: &[&str]| {
        let mut command = Command::new(&client);
        command
            .arg("--socket")
            .arg(&door.path)
            .args(arguments)
            .uid(uid)
            .gid(gid);
        let output = run_with(command, b"ip 203.0.113.5\n");
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    assert_eq!(run_as(reader, group, &["status"]).0, Some(0));
    let (code, events, _) = run_as(reader, group, &["events", "list"]);
    assert_eq!(code, Some(0));
    assert!(
        !events.contains("10.0.0.1") && !events.contains("203.0.113.5"),
        "{events}"
    );
    let (code, _, sentence) = run_as(reader, group, &["markers", "load", "-"]);
    assert_eq!(code, Some(77));
    assert!(
        sentence.contains("role reader may not ask for markers_load"),
        "{sentence}"
    );
    let (code, _, sentence) = run_as(stranger, group, &["status"]);
    assert_eq!(code, Some(77));
    assert!(sentence.contains("user 64002 has no role"), "{sentence}");
    let (code, _, sentence) = run_as(stranger, stranger, &["status"]);
    assert_eq!(code, Some(77));
    assert!(sentence.contains("may not open"), "{sentence}");
    let asked = door.service.asked.lock().expect("asked");
    assert!(asked.iter().all(|(uid, _)| *uid == reader), "{asked:?}");
}
