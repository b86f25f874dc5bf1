//! The NATS sink against a real nats-server with JetStream.

#[path = "nats/access.rs"]
mod access;

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use sensor_tests::{
    command::wait_until,
    nats::{NatsServer, STREAM, SUBJECT},
    need,
    proxy::Proxy,
    sinks::{codes, deliver, deliver_one},
    told::{check, revision, view, views, withheld},
};
use sensor_user::{config, outbox::Nats};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(86_400);
const STEP: Duration = Duration::from_secs(2);

fn config(port: u16) -> config::Nats {
    config::Nats {
        url: format!("nats://127.0.0.1:{port}"),
        stream: STREAM.into(),
        subject: SUBJECT.into(),
        credentials: None,
        ca: None,
    }
}

fn sink_of(config: &config::Nats) -> Nats {
    Nats::new(config, Some(30 * DAY)).with_time_limit(STEP)
}

fn sink(port: u16) -> Nats {
    sink_of(&config(port))
}

fn server_with_stream() -> NatsServer {
    let server = NatsServer::start();
    server.judge().stream("CREATE", DAY, &json!({}));
    server
}

/// How often each key is in the stream.
fn keys(server: &NatsServer) -> BTreeMap<String, u32> {
    let mut keys = BTreeMap::new();
    for message in server.judge().stored() {
        *keys.entry(message.key).or_default() += 1;
    }
    keys
}

#[test]
fn events_arrive_as_they_are_told_and_a_resend_is_a_duplicate() {
    if !need::tool("nats-server") {
        return;
    }
    let server = server_with_stream();
    let mut sink = sink(server.port);
    let views = [revision(1, 1), revision(1, 2), revision(2, 1)];
    for _ in 0..2 {
        assert_eq!(codes(&deliver(&mut sink, &views)), ["ok"; 3]);
        let stored = server.judge().stored();
        assert_eq!(stored.len(), views.len(), "{stored:?}");
        for (message, view) in stored.iter().zip(&views) {
            assert_eq!(message.key, view.key());
            assert_eq!(message.data, Value::Object(view.fields()));
        }
    }
    // A second life of the agent knows nothing of the first.
    assert_eq!(
        deliver_one(&mut self::sink(server.port), revision(1, 2)),
        "ok"
    );
    assert_eq!(server.judge().count(), 3);
}

#[test]
fn a_stream_that_keeps_too_long_is_sent_nothing() {
    if !need::tool("nats-server") {
        return;
    }
    let mut server = NatsServer::start();
    let mut judge = server.judge();
    let mut sink = sink(server.port);
    judge.stream("CREATE", Duration::ZERO, &json!({}));
    for (age, code) in [
        (Duration::ZERO, "stream_keeps_too_long"),
        (31 * DAY, "stream_keeps_too_long"),
        (30 * DAY, "ok"),
    ] {
        judge.stream("UPDATE", age, &json!({}));
        assert_eq!(deliver_one(&mut sink, revision(1, 1)), code, "{age:?}");
        assert_eq!(judge.count(), u64::from(code == "ok"), "{age:?}");
    }
    // Nothing declared: six months. More declared than that: six months.
    for (declared, code) in [
        (None, "ok"),
        (Some(365 * DAY), "ok"),
        (Some(DAY), "stream_keeps_too_long"),
    ] {
        let mut sink = Nats::new(&config(server.port), declared);
        assert_eq!(deliver_one(&mut sink, revision(1, 1)), code, "{declared:?}");
    }
    // What it was is not what it is after a restart.
    judge.stream("UPDATE", Duration::ZERO, &json!({}));
    server.kill();
    server.again();
    assert_eq!(
        deliver_one(&mut sink, revision(2, 1)),
        "stream_keeps_too_long"
    );
    assert_eq!(server.judge().count(), 1);
}

#[test]
fn a_server_that_is_down_is_told_at_once_and_served_when_it_is_up() {
    if !need::tool("nats-server") {
        return;
    }
    let mut server = server_with_stream();
    let mut sink = sink(server.port);
    server.kill();
    let start = Instant::now();
    assert_eq!(codes(&deliver(&mut sink, &views(1..4))), ["unreachable"; 3]);
    assert!(start.elapsed() < STEP, "{:?}", start.elapsed());
    server.again();
    assert_eq!(codes(&deliver(&mut sink, &views(1..4))), ["ok"; 3]);
    // Down between two deliveries: the connection is known to be gone, at the latest by the delivery that met
    // its end.
    server.kill();
    let mut told = deliver_one(&mut sink, revision(1, 1));
    if told == "disconnected" {
        told = deliver_one(&mut sink, revision(1, 1));
    }
    assert_eq!(told, "unreachable");
    server.again();
    assert_eq!(deliver_one(&mut sink, revision(4, 1)), "ok");
    assert_eq!(server.judge().count(), 4);
}

#[test]
fn what_a_server_acknowledged_before_it_was_killed_is_there_and_the_rest_arrives_once() {
    if !need::tool("nats-server") {
        return;
    }
    let mut server = server_with_stream();
    let port = server.port;
    let views = views(1..20_001);
    let to_send = views.clone();
    let sender = thread::spawn(move || {
        let mut sink = sink(port);
        let outcomes = deliver(&mut sink, &to_send);
        (sink, outcomes)
    });
    let mut judge = server.judge();
    assert!(wait_until(Duration::from_secs(10), || judge.count() > 500));
    server.kill();
    let (mut sink, outcomes) = sender.join().expect("the sink does not panic");
    let (mut told, mut left) = (Vec::new(), Vec::new());
    for (view, code) in views.iter().zip(codes(&outcomes)) {
        if code == "ok" {
            told.push(view.key());
        } else {
            assert!(
                matches!(code.as_str(), "disconnected" | "unreachable"),
                "{code}"
            );
            left.push(view.clone());
        }
    }
    assert!(
        !told.is_empty() && !left.is_empty(),
        "{} {}",
        told.len(),
        left.len()
    );
    server.again();
    let there = keys(&server);
    assert!(told.iter().all(|key| there.contains_key(key)));
    assert!(
        codes(&deliver(&mut sink, &left))
            .iter()
            .all(|code| code == "ok")
    );
    let there = keys(&server);
    assert_eq!(there.len(), views.len());
    assert!(
        there.values().all(|times| *times == 1),
        "a resend is a duplicate"
    );
}

#[test]
fn a_slow_server_costs_a_time_limit_and_no_event() {
    if !need::tool("nats-server") {
        return;
    }
    let server = server_with_stream();
    let proxy = Proxy::to(server.port);
    let mut sink = sink(proxy.port);
    assert_eq!(deliver_one(&mut sink, revision(1, 1)), "ok");
    proxy.stall(true);
    let start = Instant::now();
    assert_eq!(codes(&deliver(&mut sink, &views(1..3))), ["ack_timeout"; 2]);
    assert!(start.elapsed() < STEP * 2, "{:?}", start.elapsed());
    // Not even a greeting.
    assert_eq!(deliver_one(&mut sink, revision(1, 1)), "timeout");
    proxy.stall(false);
    assert_eq!(codes(&deliver(&mut sink, &views(1..3))), ["ok"; 2]);
    proxy.stall(true);
    let cut = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            proxy.cut();
        });
        let start = Instant::now();
        let code = deliver_one(&mut sink, revision(3, 1));
        (code, start.elapsed())
    });
    assert_eq!(cut.0, "disconnected");
    assert!(cut.1 < STEP, "{:?}", cut.1);
    proxy.stall(false);
    assert_eq!(deliver_one(&mut sink, revision(3, 1)), "ok");
    let keys = keys(&server);
    assert_eq!(keys.len(), 3);
    assert!(keys.values().all(|times| *times == 1), "{keys:?}");
}

#[test]
fn each_thing_that_is_wrong_with_a_stream_has_its_code() {
    if !need::tool("nats-server") {
        return;
    }
    let server = NatsServer::start();
    let mut judge = server.judge();
    assert_eq!(
        deliver_one(&mut sink(server.port), revision(1, 1)),
        "no_stream"
    );
    judge.stream("CREATE", DAY, &json!({ "max_msg_size": 2_000 }));
    let mut wrong = config(server.port);
    wrong.subject = "elsewhere".into();
    assert_eq!(
        deliver_one(&mut sink_of(&wrong), revision(1, 1)),
        "wrong_subject"
    );
    wrong.stream = "not a name".into();
    assert_eq!(
        deliver_one(&mut sink_of(&wrong), revision(1, 1)),
        "bad_stream_name"
    );

    let mut sink = sink(server.port);
    let mut large = revision(1, 1);
    large.event.orders = vec!["ORDER".repeat(20); 20];
    let outcomes = deliver(&mut sink, &[revision(2, 1), large, revision(3, 1)]);
    assert_eq!(codes(&outcomes), ["ok", "!too_large", "ok"]);
    let full = json!({ "max_msg_size": 2_000, "max_msgs": 2, "discard": "new" });
    judge.stream("UPDATE", DAY, &full);
    let outcomes = deliver(&mut sink, &[revision(2, 1), revision(4, 1)]);
    assert_eq!(codes(&outcomes), ["ok", "stream_full"]);
    // The subject is another stream's since it was looked at.
    judge.stream("UPDATE", DAY, &json!({ "subjects": ["moved"] }));
    let other = json!({ "name": "OTHER", "subjects": [SUBJECT], "max_age": 0, "storage": "memory",
        "retention": "limits", "discard": "old", "num_replicas": 1 });
    judge.ask("STREAM.CREATE.OTHER", &other);
    assert_eq!(deliver_one(&mut sink, revision(5, 1)), "wrong_stream");
    judge.ask("STREAM.DELETE.OTHER", &json!({}));
    assert_eq!(deliver_one(&mut sink, revision(5, 1)), "no_responders");

    let mut plain = NatsServer::stopped();
    plain.run("");
    assert_eq!(
        deliver_one(&mut self::sink(plain.port), revision(1, 1)),
        "no_jetstream"
    );
}

#[test]
fn what_a_recipient_may_not_know_is_in_no_byte() {
    if !need::tool("nats-server") {
        return;
    }
    let server = server_with_stream();
    for (number, case) in (1..).zip(withheld()) {
        let view = view(number, case.0, case.1);
        let proxy = Proxy::to(server.port);
        assert_eq!(deliver_one(&mut sink(proxy.port), view.clone()), "ok");
        let sent = proxy.sent();
        assert!(sent.contains(&view.key()), "{sent}");
        check(&sent, &case);
    }
}
