//! Bytes on the socket: well-formed, malformed, too large, too slow.

use std::{io::Write, sync::atomic::Ordering::Relaxed, thread, time::Duration};

use sensor_user::model::RequestKind;

use crate::{
    fixture::{Answer, Running, eventually},
    memory::PANICS,
};

#[test]
fn unknown_paths_and_methods_are_json() {
    let door = Running::start();
    let refusals = [
        ("GET /v2/status", 404, "not_found"),
        ("GET /v1/markers/none", 404, "not_found"),
        ("DELETE /v1/status", 405, "method_not_allowed"),
        ("BREW /v1/markers", 405, "method_not_allowed"),
        ("GET /v1/status?verbose=1", 400, "invalid"),
        ("GET /v1/markers?limit=0", 400, "invalid"),
        ("GET /v1/markers/%zz", 400, "invalid"),
        ("PUT /v1/markers?format=yara", 400, "invalid"),
    ];
    for (line, status, code) in refusals {
        let answer = door.ask(line, b"");
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{line}"
        );
        assert!(
            answer.head.contains("content-type: application/json"),
            "{line}"
        );
    }
    assert!(
        door.ask("DELETE /v1/markers", b"")
            .head
            .contains("\r\nallow: get, put, post")
    );
    let head = door.ask("HEAD /v1/status", b"");
    assert_eq!((head.status, head.body.as_str()), (405, ""));
}

#[test]
fn parameters_and_bodies_arrive_as_they_were_sent() {
    let door = Running::start();
    let shown = door.ask("GET /v1/markers/a%2Fb%20%C3%A9", b"");
    assert_eq!(shown.json()["id"], "a/b é");
    let changed = door.ask("PUT /v1/markers", b"ip 203.0.113.5\nip 203.0.113.6\n");
    assert_eq!((changed.status, &changed.json()["added"]), (200, &2.into()));
    assert_eq!(door.service.markers.lock().expect("markers").len(), 2);
}

#[test]
fn refused_lines_are_listed_and_nothing_changes() {
    let door = Running::start();
    let answer = door.ask("POST /v1/markers", b"ip 203.0.113.5\nip nonsense\n");
    assert_eq!((answer.status, answer.code().as_str()), (422, "refused"));
    let failure = answer.json();
    assert_eq!(failure["refused"][0]["line"], 2);
    assert_eq!(failure["refused_total"], 1);
    assert!(
        !answer.body.contains("nonsense"),
        "the value is not repeated"
    );
    assert!(door.service.markers.lock().expect("markers").is_empty());
}

#[test]
fn a_body_that_announces_too_much_is_refused_unread() {
    let door = Running::start();
    let mut stream = door.connect();
    let head = b"PUT /v1/markers HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000000\r\n\r\n";
    stream.write_all(head).expect("sends");
    let answer = Answer::read(stream);
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    assert!(door.service.asked.lock().expect("asked").is_empty());
}

#[test]
fn a_body_that_grows_too_large_is_refused() {
    let door = Running::start();
    let body = vec![b'#'; 200 << 10];
    let whole = door.ask("PUT /v1/markers", &body);
    assert_eq!((whole.status, whole.code().as_str()), (413, "too_large"));

    let mut stream = door.connect();
    let head = b"PUT /v1/markers HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head).expect("sends");
    for _ in 0..20 {
        let _ = stream.write_all(b"2000\r\n");
        let _ = stream.write_all(&body[..0x2000]);
        let _ = stream.write_all(b"\r\n");
    }
    let answer = Answer::read(stream);
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
}

#[test]
fn an_envelope_waits_in_a_file_without_a_name() {
    let door = Running::with(|limits| limits.max_body = 1 << 20, Vec::new(), None);
    let large = b"ip 203.0.113.5\n".repeat(10_000);
    let taken = door.ask("POST /v1/envelopes", &large);
    assert_eq!(taken.status, 200, "{taken:?}");
    let names: Vec<_> = std::fs::read_dir(&door.dir.0)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    let others: Vec<_> = names
        .iter()
        .filter(|name| !name.to_string_lossy().starts_with("control.sock"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    let refused = door.ask("POST /v1/envelopes", &vec![b'\n'; 2 << 20]);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (413, "too_large")
    );
    assert!(refused.body.contains("control.max-body"), "{refused:?}");
}

#[test]
fn what_is_not_http_is_counted_and_harms_nobody() {
    let door = Running::start();
    let garbage: [&[u8]; 4] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nbad header\r\n\r\n",
        b"PUT /v1/markers HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n",
    ];
    for bytes in garbage {
        let mut stream = door.connect();
        stream.write_all(bytes).expect("sends");
        let answer = Answer::read(stream);
        assert!(matches!(answer.status, 0 | 400), "{answer:?}");
    }
    eventually("all are counted", || {
        door.counts.malformed.load(Relaxed) == 4
    });
    assert!(door.service.asked.lock().expect("asked").is_empty());
    assert_eq!(door.ask("GET /v1/status", b"").status, 200);
}

#[test]
fn slow_clients_are_let_go() {
    let door = Running::start();
    let mut slow = door.connect();
    slow.write_all(b"GET /v1/status HTTP/1.1\r\nhost:")
        .expect("sends");
    let silent = door.connect();
    assert_eq!(Answer::read(slow).status, 0, "closed without an answer");
    assert_eq!(Answer::read(silent).status, 0, "closed without an answer");
    assert!(door.counts.timed_out.load(Relaxed) >= 1);

    let mut slow = door.connect();
    let head = b"PUT /v1/markers HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nip";
    slow.write_all(head).expect("sends");
    let answer = Answer::read(slow);
    assert_eq!((answer.status, answer.code().as_str()), (408, "timed_out"));
}

#[test]
fn one_connection_takes_many_requests() {
    let door = Running::start();
    let mut stream = door.connect();
    let one = "GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n";
    let last = "GET /v1/journal HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream
        .write_all(format!("{one}{one}{last}").as_bytes())
        .expect("sends");
    let answer = Answer::read(stream);
    assert_eq!(
        (answer.head + &answer.body)
            .to_lowercase()
            .matches("http/1.1 200")
            .count(),
        3
    );
    let asked = door.service.asked.lock().expect("asked").clone();
    let kinds: Vec<_> = asked.into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(
        kinds,
        [
            RequestKind::Status,
            RequestKind::Status,
            RequestKind::JournalShow
        ]
    );
}

#[test]
fn one_client_too_many_is_told_so() {
    let door = Running::with(
        |limits| {
            limits.clients = 2;
            limits.header = Duration::from_secs(10);
        },
        Vec::new(),
        None,
    );
    let waiting = [door.connect(), door.connect()];
    let answer = door.ask("GET /v1/status", b"");
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "unavailable")
    );
    assert_eq!(door.counts.turned_away.load(Relaxed), 1);
    drop(waiting);
    eventually("places become free", || {
        thread::sleep(Duration::from_millis(20));
        door.ask("GET /v1/status", b"").status == 200
    });
}

#[test]
fn a_defect_of_the_service_is_told_without_its_words() {
    let door = Running::start();
    let answer = door.ask(&format!("GET /v1/markers/{PANICS}"), b"");
    assert_eq!((answer.status, answer.code().as_str()), (500, "internal"));
    assert!(!answer.body.contains("as told"));
    assert_eq!(door.ask("GET /v1/status", b"").status, 200);
}
