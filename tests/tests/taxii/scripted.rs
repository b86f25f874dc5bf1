//! Answers that medallion does not give.

use std::time::{Duration, Instant};

use sensor_tests::{
    scripted::{Request, Response, Scripted},
    sinks::{codes, deliver, deliver_one},
    told::{revision, views},
};
use sensor_user::{config, outbox::Taxii};
use serde_json::{Value, json};

use super::{LIMIT, sink_of};

fn sink(server: &Scripted) -> Taxii {
    sink_of(&config::Taxii {
        url: format!("http://127.0.0.1:{}/api/collections/1/", server.port),
        user: None,
        password_file: None,
        tls: config::Tls::default(),
    })
}

/// A server whose API root and collection are in order.
fn server(mut posted: impl FnMut(&Request) -> Response + Send + 'static) -> Scripted {
    Scripted::start(move |request| {
        let about = match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/api/") => json!({ "max_content_length": 1_000_000 }),
            ("GET", "/api/collections/1/") => json!({ "can_write": true, "can_read": true }),
            _ => return posted(request),
        };
        ("200 OK", about.to_string())
    })
}

fn complete() -> Response {
    (
        "202 Accepted",
        json!({ "id": "s1", "status": "complete" }).to_string(),
    )
}

fn posts(server: &Scripted) -> usize {
    let requests = server.requests();
    requests
        .iter()
        .filter(|request| request.method == "POST")
        .count()
}

/// Key of an event, as its references carry it.
fn holds(request: &Request, number: u32) -> bool {
    request.body.contains(&revision(number, 1).key())
}

#[test]
fn the_one_event_that_is_not_understood_is_found() {
    for status in ["400 Bad Request", "422 Unprocessable Content"] {
        let server = server(move |request| {
            if holds(request, 13) {
                (status, String::new())
            } else {
                complete()
            }
        });
        let codes = codes(&deliver(&mut sink(&server), &views(1..21)));
        for (number, code) in (1..).zip(&codes) {
            let expected = if number == 13 {
                &format!("!http_{}", &status[..3])
            } else {
                "ok"
            };
            assert_eq!(code, expected, "{number}");
        }
        assert!(
            posts(&server) <= 11,
            "halves, not one by one: {}",
            posts(&server)
        );
    }
}

#[test]
fn what_is_too_long_together_goes_apart() {
    let server = server(|request| {
        let events = (1..=8).filter(|number| holds(request, *number)).count();
        if events > 2 {
            ("413 Content Too Large", String::new())
        } else {
            complete()
        }
    });
    assert_eq!(codes(&deliver(&mut sink(&server), &views(1..9))), ["ok"; 8]);
    let server = self::server(|_| ("413 Content Too Large", String::new()));
    assert_eq!(
        codes(&deliver(&mut sink(&server), &views(1..3))),
        ["!too_large"; 2]
    );
}

#[test]
fn a_server_that_asks_for_silence_gets_it() {
    for status in [
        "429 Too Many Requests\r\nRetry-After: 1",
        "503 Service Unavailable\r\nRetry-After: 1",
    ] {
        let mut first = true;
        let server = server(move |_| {
            if std::mem::take(&mut first) {
                (status, String::new())
            } else {
                complete()
            }
        });
        let mut sink = sink(&server);
        let code = format!("http_{}", &status[..3]);
        assert_eq!(deliver_one(&mut sink, revision(1, 1)), code);
        assert_eq!(deliver_one(&mut sink, revision(1, 1)), code);
        assert_eq!(posts(&server), 1, "silence");
        std::thread::sleep(Duration::from_millis(1_050));
        assert_eq!(deliver_one(&mut sink, revision(1, 1)), "ok");
    }
}

#[test]
fn whatever_else_a_server_answers_is_tried_again() {
    for status in [
        "301 Moved Permanently\r\nLocation: http://192.0.2.1/",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "415 Unsupported Media Type",
        "500 Internal Server Error",
    ] {
        let server = server(move |_| (status, String::new()));
        let code = format!("http_{}", &status[..3]);
        assert_eq!(
            codes(&deliver(&mut sink(&server), &views(1..4))),
            [code.as_str(); 3]
        );
        assert_eq!(posts(&server), 1, "{status}");
    }
    let server = server(|_| ("202 Accepted", "<html>".into()));
    assert_eq!(
        deliver_one(&mut sink(&server), revision(1, 1)),
        "bad_answer"
    );
}

#[test]
fn a_server_that_takes_its_time_is_asked_until_it_is_done() {
    let pending = || json!({ "id": "s1", "status": "pending", "total_count": null }).to_string();
    let mut asked = 0;
    let patient = server(move |request| match request.path.as_str() {
        "/api/status/s1/" => {
            asked += 1;
            if asked < 3 {
                ("200 OK", pending())
            } else {
                complete()
            }
        }
        _ => ("202 Accepted", pending()),
    });
    assert_eq!(
        codes(&deliver(&mut sink(&patient), &views(1..3))),
        ["ok"; 2]
    );
    assert_eq!(posts(&patient), 1);
    let never = server(move |_| ("202 Accepted", pending()));
    let start = Instant::now();
    assert_eq!(
        codes(&deliver(&mut sink(&never), &views(1..3))),
        ["pending"; 2]
    );
    assert!(start.elapsed() < LIMIT * 2);
}

#[test]
fn an_event_whose_object_failed_is_refused_and_no_other() {
    let bad = |request: &Request| {
        let envelope: Value = serde_json::from_str(&request.body).expect("an envelope");
        let key = revision(2, 1).key();
        let of = |object: &&Value| {
            object["type"] == "sighting" && object["external_references"][0]["external_id"] == *key
        };
        let objects = envelope["objects"].as_array().expect("objects");
        objects.iter().find(of).expect("the sighting")["id"].clone()
    };
    for named in [true, false] {
        let mut there: Vec<Value> = Vec::new();
        let server = server(move |request| {
            if request.method == "GET" {
                // Its manifest has everything but the one that failed.
                return ("200 OK", json!({ "objects": there }).to_string());
            }
            let id = bad(request);
            let envelope: Value = serde_json::from_str(&request.body).expect("an envelope");
            let objects = envelope["objects"].as_array().expect("objects");
            let listed = objects.iter().filter(|object| object["id"] != id);
            let version = |object: &Value| {
                object["modified"]
                    .as_str()
                    .unwrap_or("2026-02-01T00:00:00Z")
                    .to_owned()
            };
            there = listed
                .map(|object| json!({ "id": object["id"], "version": version(object) }))
                .collect();
            let mut status = json!({ "id": "s1", "status": "complete", "failure_count": 1 });
            if named {
                status["failures"] = json!([{ "id": id, "message": "no" }]);
            }
            ("202 Accepted", status.to_string())
        });
        let outcomes = deliver(&mut sink(&server), &views(1..4));
        assert_eq!(
            codes(&outcomes),
            ["ok", "!object_refused", "ok"],
            "named: {named}"
        );
    }
}
