//! The TAXII sink against a real medallion, its objects before stix2-validator, and both it and a
//! scripted server where medallion cannot be made to misbehave.

#[path = "taxii/https.rs"]
mod https;
#[path = "taxii/scripted.rs"]
mod scripted;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use sensor_tests::{
    medallion::{DROP_BOX, LOGIN, Medallion, OPEN, READ_ONLY},
    proxy::Proxy,
    python,
    sinks::{codes, deliver, deliver_one},
    told::{self, check, handled, revision, view, view_until, views, withheld},
};
use sensor_user::{
    config,
    model::{Recipient, Tlp},
    outbox::{Extent, Taxii, Timeouts, View, stix},
};
use serde_json::{Value, json};

const LONGEST: usize = 100_000;
const LIMIT: Duration = Duration::from_secs(2);

fn config(port: u16, collection: &str, server: &Medallion) -> config::Taxii {
    config::Taxii {
        url: format!("http://127.0.0.1:{port}/api/collections/{collection}/"),
        user: Some(LOGIN.0.into()),
        password_file: Some(server.password_file()),
        tls: config::Tls::default(),
    }
}

fn sink_of(config: &config::Taxii) -> Taxii {
    let timeouts = Timeouts {
        connect: LIMIT,
        total: LIMIT,
    };
    Taxii::new(config).with_time_limits(timeouts, LIMIT)
}

fn sink(server: &Medallion) -> Taxii {
    sink_of(&config(server.port, OPEN, server))
}

/// Objects by id and version, each once.
fn set<'a>(objects: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    objects.into_iter().map(Value::to_string).collect()
}

fn all_objects(views: &[View]) -> BTreeSet<String> {
    set(views
        .iter()
        .flat_map(stix::objects)
        .collect::<Vec<_>>()
        .iter())
}

#[test]
fn what_a_server_has_is_what_was_sent_and_a_resend_changes_nothing() {
    let server = Medallion::start(LONGEST);
    let mut sink = sink(&server);
    let views = [revision(1, 1), revision(1, 2), revision(2, 1)];
    assert_eq!(codes(&deliver(&mut sink, &views)), ["ok"; 3]);
    let objects = server.objects();
    assert_eq!(set(&objects), all_objects(&views));
    let manifest = server.manifest();
    // medallion calls what it has already a failure.
    assert_eq!(codes(&deliver(&mut sink, &views)), ["ok"; 3]);
    assert_eq!(deliver_one(&mut self::sink(&server), revision(1, 1)), "ok");
    assert_eq!(server.manifest(), manifest);
    let sightings = objects.iter().filter(|object| object["type"] == "sighting");
    let told = views.len() * told::MARKERS.len();
    assert_eq!(
        sightings.count(),
        told,
        "two versions of one, one of another"
    );
}

#[test]
fn every_view_is_valid_and_interoperable_stix() {
    let cases = withheld().into_iter();
    let mut views: Vec<View> = cases
        .map(|(handling, to, _)| view(1, handling, to))
        .collect();
    let operator = (Recipient::Operator, Extent::Event);
    for (rev, change) in [
        (2, json!({})),
        (
            1,
            json!({ "proto": "icmp", "src_port": null, "dst_port": null }),
        ),
        (
            1,
            json!({ "proto": "200", "src_port": null, "dst_port": null }),
        ),
        (
            2,
            json!({ "src_ip": "2001:db8::1", "dst_ip": "2001:db8::2", "proto": "ipv6-icmp" }),
        ),
        (
            1,
            json!({ "src_ip": "2001:db8::1", "dst_ip": "2001:db8::1", "proto": "udp" }),
        ),
        (1, json!({ "proto": "sctp" })),
        (1, json!({ "proto": "gre", "orders": [] })),
        (
            1,
            json!({ "markers": ["indicator--5ac337df-e078-4e99-8b17-02550a00020f"] }),
        ),
        (
            1,
            json!({ "first_seen": "2026-01-31T12:00:00Z", "packets": 4_000_000_000_u64 }),
        ),
        (2, json!({ "last_seen": "2026-01-31T11:59:59.9Z" })),
    ] {
        let mut event = serde_json::to_value(told::event(1, rev)).expect("JSON");
        let change = change.as_object().expect("an object").clone();
        event.as_object_mut().expect("an object").extend(change);
        let event = serde_json::from_value(event).expect("an event");
        let handling = handled(Tlp::Amber, false);
        views.push(view_until(event, handling, operator, "2099-07-31"));
    }
    let bundle = |(number, view): (usize, &View)| {
        json!({
            "type": "bundle",
            "id": format!("bundle--00000000-0000-4000-8000-{number:012}"),
            "objects": stix::objects(view),
        })
    };
    let bundles: Vec<Value> = views.iter().enumerate().map(bundle).collect();
    let verdicts = judged(&bundles);
    assert_eq!(verdicts.len(), bundles.len());
    let mut found = Vec::new();
    for ((bundle, verdict), view) in bundles.iter().zip(verdicts).zip(&views) {
        let event = &view.event;
        let waived = |finding: &str| {
            // A name for a protocol that has none at IANA is the producer's choice (6.12.1).
            (event.proto == "gre" && finding.contains("{272}"))
                // A port is told where there is one and the recipient may know it.
                || (finding.contains("{301}") && (event.src_port.is_none() || event.dst_port.is_none()))
        };
        let left = verdict.into_iter().filter(|finding| !waived(finding));
        found.extend(left.map(|finding| format!("{finding}\n{bundle}")));
    }
    assert!(found.is_empty(), "{found:#?}");
    // A judge that takes everything is none.
    let mut bad = bundles[0].clone();
    for object in bad["objects"].as_array_mut().expect("objects") {
        if object["type"] == "ipv4-addr" {
            object["value"] = json!("198.51.100.1");
        }
        object["x_mine"] = json!(1);
    }
    assert!(judged(&[bad])[0].len() > 1);
}

/// What stix2-validator and stix2 find in each bundle.
fn judged(bundles: &[Value]) -> Vec<Vec<String>> {
    let input = json!(bundles).to_string();
    let verdicts = python::run("stix_sightings.py", input.as_bytes());
    serde_json::from_str(&verdicts).expect("lists")
}

#[test]
fn a_body_is_no_longer_than_the_server_takes() {
    let server = Medallion::start(9_000);
    let proxy = Proxy::to(server.port);
    let mut sink = sink_of(&config(proxy.port, OPEN, &server));
    let mut views = views(1..21);
    views[7].event.orders = vec!["ORDER".repeat(20); 100];
    let codes = codes(&deliver(&mut sink, &views));
    for (number, code) in codes.iter().enumerate() {
        assert_eq!(
            code,
            if number == 7 { "!too_large" } else { "ok" },
            "{number}"
        );
    }
    let lengths = proxy.sent();
    let lengths = lengths.lines().filter_map(|line| {
        let line = line.to_ascii_lowercase();
        line.strip_prefix("content-length: ")?.parse::<usize>().ok()
    });
    let lengths: Vec<usize> = lengths.collect();
    assert!(
        lengths.len() > 1 && lengths.iter().all(|length| *length <= 9_000),
        "{lengths:?}"
    );
    views.remove(7);
    assert_eq!(set(&server.objects()), all_objects(&views));
}

#[test]
fn a_server_that_does_not_let_in_has_its_codes() {
    let server = Medallion::start(LONGEST);
    let known = config(server.port, OPEN, &server);
    let code = |config: &config::Taxii| deliver_one(&mut sink_of(config), revision(1, 1));
    let stranger = config::Taxii {
        user: Some("stranger".into()),
        ..known.clone()
    };
    assert_eq!(code(&stranger), "http_401");
    let absent = config::Taxii {
        password_file: Some("/nonexistent".into()),
        ..known.clone()
    };
    assert_eq!(code(&absent), "password_file");
    for (collection, expected) in [
        (READ_ONLY, "read_only"),
        ("00000000-0000-4000-8000-000000000000", "http_404"),
    ] {
        assert_eq!(code(&config(server.port, collection, &server)), expected);
    }
    let root = format!("http://127.0.0.1:{}/api/", server.port);
    assert_eq!(code(&config::Taxii { url: root, ..known }), "url");
    assert_eq!(server.objects(), [] as [Value; 0]);
}

#[test]
fn what_a_server_may_not_be_asked_for_is_sent_again_until_it_says_it_has_it() {
    let server = Medallion::start(LONGEST);
    let mut sink = sink_of(&config(server.port, DROP_BOX, &server));
    // Identity and marking come again with the second, which medallion calls failures.
    assert_eq!(deliver_one(&mut sink, revision(1, 1)), "ok");
    assert_eq!(deliver_one(&mut sink, revision(2, 1)), "ok");
    // It cannot be seen whether a sighting that failed is there.
    assert_eq!(deliver_one(&mut sink, revision(2, 1)), "!object_refused");
}

#[test]
fn a_server_that_is_down_slow_or_killed_costs_time_and_no_event() {
    let mut server = Medallion::start(LONGEST);
    let proxy = Proxy::to(server.port);
    let mut sink = sink_of(&config(proxy.port, OPEN, &server));
    assert_eq!(deliver_one(&mut sink, revision(1, 1)), "ok");
    proxy.stall(true);
    let start = Instant::now();
    assert_eq!(codes(&deliver(&mut sink, &views(1..3))), ["timeout"; 2]);
    assert!(start.elapsed() < LIMIT * 2, "{:?}", start.elapsed());
    proxy.stall(false);
    assert_eq!(codes(&deliver(&mut sink, &views(1..3))), ["ok"; 2]);
    assert_eq!(set(&server.objects()), all_objects(&views(1..3)));
    server.kill();
    proxy.cut();
    assert_eq!(codes(&deliver(&mut sink, &views(1..3))), ["unreachable"; 2]);
    server.again();
    assert_eq!(codes(&deliver(&mut sink, &views(1..3))), ["ok"; 2]);
    assert_eq!(set(&server.objects()), all_objects(&views(1..3)));
}

#[test]
fn what_a_recipient_may_not_know_is_in_no_byte() {
    let server = Medallion::start(LONGEST);
    for (number, case) in (1..).zip(withheld()) {
        let view = view(number, case.0, case.1);
        let proxy = Proxy::to(server.port);
        let mut sink = sink_of(&config(proxy.port, OPEN, &server));
        assert_eq!(deliver_one(&mut sink, view.clone()), "ok");
        let sent = proxy.sent();
        assert!(sent.contains(&view.key()), "{sent}");
        check(&sent, &case);
    }
}
