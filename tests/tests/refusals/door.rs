//! Requests that are refused.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
};

use sensor_tests::{
    command::{output, said},
    daemon::{Sensord, binary},
    need,
};
use serde_json::Value;

use super::scene::{Scene, State};

const LINES: u64 = 10_000;
const BAD_LINE: u64 = 7_321;
const BAD_VALUE: &str = "203.0.113.999";

/// Ten thousand markers, one of them bad.
fn ten_thousand() -> String {
    let line = |number: u64| match number {
        BAD_LINE => format!("ip {BAD_VALUE} id=bad\n"),
        _ => format!("ip 10.9.{}.{} id=m{number}\n", number >> 8, number & 255),
    };
    (1..=LINES).map(line).collect()
}

#[test]
fn one_bad_line_among_ten_thousand() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start(&Scene::settings());
    let client = daemon.client();
    let before = State::of(&client);
    for (method, path) in [("PUT", "/v1/markers"), ("POST", "/v1/markers")] {
        let answer = client.request(method, path, ten_thousand().as_bytes());
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 422, "{:?}", answer.body);
        let refused = answer.body["refused"].as_array().expect("a list");
        assert_eq!(
            (refused.len(), &answer.body["refused_total"]),
            (1, &Value::from(1))
        );
        assert_eq!(refused[0]["line"], BAD_LINE);
        assert_eq!(refused[0]["field"], "pattern");
        assert_eq!(refused[0]["code"], "bad_address");
        assert!(
            !answer.body.to_string().contains(BAD_VALUE),
            "{}",
            answer.body
        );
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("markers.txt");
    fs::write(&file, ten_thousand()).expect("a writable directory");
    let file = file.to_str().expect("a path in UTF-8");
    let (code, stdout, stderr) = daemon.control(&["markers", "load", file]);
    assert_eq!((code, stdout.as_str()), (65, ""), "{stderr}");
    for word in [&BAD_LINE.to_string(), "bad_address", "nothing was changed"] {
        assert!(stderr.contains(word), "no {word}: {stderr}");
    }
    assert!(!stderr.contains(BAD_VALUE) && !daemon.stderr().contains(BAD_VALUE));
    assert_eq!(State::of(&client), before);
    scene.detects(&daemon);
}

#[test]
fn a_body_above_the_limit() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let mut settings = Scene::settings();
    settings.control = "max-body = 4096".into();
    let daemon = scene.start(&settings);
    let before = State::of(&daemon.client());
    let answer = daemon.client().put("/v1/markers", &ten_thousand()[..8192]);
    let answer = answer.expect("an answer");
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (413, &"too_large".into())
    );
    let sentence = answer.body["error"].as_str().expect("a sentence");
    assert!(
        sentence.contains("4096 bytes") && sentence.contains("control.max-body"),
        "{sentence}"
    );
    assert_eq!(State::of(&daemon.client()), before);
}

/// Sends bytes and returns what comes back until the end.
fn raw(socket: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).expect("the sensor listens");
    stream.write_all(bytes).expect("it reads");
    let mut answer = Vec::new();
    // A reset behind the answer is no matter.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn what_is_not_a_request_or_not_of_this_api() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start(&Scene::settings());
    let client = daemon.client();
    let before = State::of(&client);
    let garbage: [&[u8]; 3] = [
        b"\x00\xff\x16\x03garbage\r\n\r\n",
        b"GET /v1/status HTTP/9.9\r\n\r\n",
        b"PUT /v1/markers HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    ];
    for bytes in garbage {
        let answer = raw(&scene.home.socket(), bytes);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{bytes:?}: {answer:?}");
    }
    let json = "{\n\"markers\": [\"203.0.113.9\"]\n}\n";
    let cases = [
        ("PUT", "/v1/markers", json, 422, "refused"),
        ("GET", "/v1/events?limits=5", "", 400, "invalid"),
        ("GET", "/v1/events?limit=0", "", 400, "invalid"),
        ("PUT", "/v1/markers?format=yara", "", 400, "invalid"),
        ("GET", "/v1/nothing", "", 404, "not_found"),
        ("GET", "/v1/events/none", "", 404, "not_found"),
        ("POST", "/v1/interfaces/none/attach", "", 404, "not_found"),
        ("DELETE", "/v1/markers", "", 405, "method_not_allowed"),
        ("POST", "/v1/status", "", 405, "method_not_allowed"),
    ];
    for (method, path, body, status, code) in cases {
        let answer = client.request(method, path, body.as_bytes());
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let told = (answer.status, answer.body["code"].as_str());
        assert_eq!(
            told,
            (status, Some(code)),
            "{method} {path}: {:?}",
            answer.body
        );
        assert!(
            answer.body["error"]
                .as_str()
                .is_some_and(|text| text.len() > 10)
        );
        if status == 422 {
            let refused = answer.body["refused"].as_array().expect("a list");
            let lines: Vec<_> = refused.iter().map(|refusal| &refusal["line"]).collect();
            assert_eq!(lines, [1, 2, 3]);
            assert!(!answer.body.to_string().contains("203.0.113.9"));
        }
    }
    assert_eq!(State::of(&client), before);
    scene.detects(&daemon);
}

/// A program as nobody runs it.
fn as_nobody(words: &[&str]) -> (i32, String, String) {
    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    said(output(&[&nobody, words].concat()))
}

fn open_to(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the file is ours");
}

fn asks_as_nobody(daemon: &Sensord<'_>, socket: &Path, sentence: &str) {
    // Where the program was built nobody may be allowed to look.
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = directory.path().join("sensorctl");
    fs::copy(binary("sensorctl"), &program).expect("a writable directory");
    open_to(directory.path(), 0o755);
    let (program, socket) = (
        program.to_str().expect("UTF-8"),
        socket.to_str().expect("UTF-8"),
    );
    let (code, stdout, stderr) = as_nobody(&[program, "--socket", socket, "status"]);
    assert_eq!((code, stdout.as_str()), (77, ""), "{stderr}");
    assert!(stderr.contains(sentence), "{stderr}");
    assert_eq!(
        daemon.client().get("/v1/status").expect("an answer").status,
        200
    );
}

#[test]
fn somebody_without_a_role() {
    if !need::root_and(&["tcpreplay", "setpriv", "curl"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start(&Scene::settings());
    let before = State::of(&daemon.client());
    let socket = scene.home.socket();
    open_to(socket.parent().expect("a directory"), 0o755);
    asks_as_nobody(&daemon, &socket, "may not open");
    open_to(&socket, 0o666);
    asks_as_nobody(&daemon, &socket, "user 65534 has no role");
    let path = socket.to_str().expect("a path in UTF-8");
    let mut words = vec!["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"];
    words.extend([
        "-X",
        "PUT",
        "--data",
        "ip 203.0.113.77",
        "--unix-socket",
        path,
    ]);
    words.push("http://localhost/v1/markers");
    let (code, status, stderr) = as_nobody(&words);
    assert_eq!((code, status.as_str()), (0, "403"), "{stderr}");
    assert_eq!(State::of(&daemon.client()), before);
}
