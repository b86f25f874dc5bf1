//! Who is trusted, and what is not told.

use std::{env, fs, process::Stdio};

use sensor_tests::{
    certificates::Authority,
    command::{self, Background, feed, said, wait_until},
    sinks::free_port,
    told::{check, view, views, withheld},
};
use sensor_user::outbox::Outcome;
use serde_json::Value;

use crate::scene::{KEY, Scene, arrived, ids, sink};

#[test]
fn a_batch_arrives_whole_signed_and_known_again() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.server();
    let views = views(0..3);
    let mut sink = scene.sink("/in");
    for _ in 0..2 {
        assert_eq!(scene.codes(&mut sink, &views), ["+", "+", "+"]);
    }
    assert_eq!(scene.codes(&mut sink, &views[..2]), ["+", "+"]);
    let requests = server.exactly(3);
    let body = requests[0]["body"].as_str().expect("a body");
    assert!(body.ends_with('\n'));
    let lines: Vec<Value> = body
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let fields: Vec<Value> = views.iter().map(|view| view.fields().into()).collect();
    assert_eq!(lines, fields);
    assert_eq!(requests[0]["type"], "application/x-ndjson");
    assert_eq!(requests[0]["key"], requests[1]["key"], "the same batch");
    assert_ne!(requests[0]["key"], requests[2]["key"], "another batch");

    let signature = requests[0]["signature"].as_str().expect("a signature");
    let (time, digest) = signature.split_once(",v1=").expect("two parts");
    let time = time.strip_prefix("t=").expect("a time");
    let now = jiff::Timestamp::now().as_second();
    assert!((now - time.parse::<i64>().expect("seconds")).abs() < 60);
    let words = ["openssl", "dgst", "-sha256", "-r", "-hmac", KEY];
    let (code, judged, errors) = said(feed(&words, format!("{time}.{body}").as_bytes()));
    assert_eq!(code, 0, "{errors}");
    assert_eq!(judged.split(' ').next(), Some(digest));
}

#[test]
fn what_a_marking_withholds_is_not_among_the_bytes() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.server();
    let mut sink = scene.sink("/in");
    for (index, case) in withheld().into_iter().enumerate() {
        let views = [view(1, case.0, case.1)];
        assert_eq!(scene.deliver(&mut sink, &views), [Outcome::Acknowledged]);
        let requests = server.exactly(index + 1);
        check(&requests[index].to_string(), &case);
    }
}

#[test]
fn a_sensor_without_the_right_certificate_is_told_to_try_again() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.server();
    let others = Authority::new(scene.directory.path(), "others");
    let (certificate, key) = others.issue("stranger", "clientAuth");
    let mut missing = scene.config("/in");
    (missing.tls.certificate, missing.tls.key) = (None, None);
    let mut wrong = scene.config("/in");
    (wrong.tls.certificate, wrong.tls.key) = (Some(certificate.clone()), Some(key.clone()));
    let mut sink_of_wrong = sink(&wrong);
    for sink in [&mut sink(&missing), &mut sink_of_wrong] {
        // nginx tells so by a status that might be the event's fault.
        assert_eq!(scene.codes(sink, &views(0..1)), ["http_400"]);
        assert_eq!(scene.codes(sink, &views(0..3)), ["http_400"; 3]);
    }
    assert_eq!(arrived(&server.requests()), [""; 0]);
    // Renewed under the same names, it is used without a restart.
    fs::copy(&scene.client.0, certificate).expect("a file");
    fs::copy(&scene.client.1, key).expect("a file");
    assert_eq!(scene.codes(&mut sink_of_wrong, &views(0..1)), ["+"]);
}

#[test]
fn a_server_that_refuses_the_certificate_in_tls_is_told_apart() {
    let Some(scene) = Scene::new() else { return };
    let mut config = scene.config("/");
    let port = free_port();
    config.url = format!("https://127.0.0.1:{port}/");
    (config.tls.certificate, config.tls.key) = (None, None);
    let path = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let (own, key) = (path(&scene.site.own.0), path(&scene.site.own.1));
    let (ca, port) = (path(&scene.site.clients), format!("127.0.0.1:{port}"));
    let mut words = vec!["openssl", "s_server", "-quiet", "-accept", &port];
    words.extend(["-cert", &own, "-key", &key, "-CAfile", &ca]);
    words.extend(["-Verify", "1", "-verify_return_error"]);
    let _server = Background::start(&words);
    let mut sink = sink(&config);
    let refused = || scene.codes(&mut sink, &views(0..1)) == ["certificate"];
    let limit = std::time::Duration::from_secs(10);
    assert!(wait_until(limit, refused));
}

#[test]
fn a_server_that_is_not_trusted_is_told_nothing() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.server();
    let others = Authority::new(scene.directory.path(), "others");
    let mut strange = scene.config("/in?token=secret");
    strange.tls.ca = Some(others.certificate());
    let mut misnamed = scene.config("/in");
    misnamed.url = misnamed.url.replace("127.0.0.1", "localhost");
    let mut default = scene.config("/in");
    default.tls.ca = None;
    for config in [strange, misnamed, default] {
        let outcomes = scene.deliver(&mut sink(&config), &views(0..2));
        let Outcome::Retry(reason) = &outcomes[0] else {
            panic!("{outcomes:?}");
        };
        assert_eq!(reason.code, "certificate", "{reason:?}");
        assert!(!reason.text.contains("secret"), "{reason:?}");
        assert!(reason.text.contains("/in"), "{reason:?}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_proxy_of_the_environment_is_not_used() {
    let Some(_) = Scene::new() else { return };
    let own = env::current_exe().expect("a path");
    let test = "trust::a_batch_arrives_whole_signed_and_known_again";
    let mut child = command::command(&[own.to_str().expect("UTF-8"), "--exact", test]);
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, "http://127.0.0.1:1");
    }
    let output = child.env("NO_PROXY", "").stderr(Stdio::piped()).output();
    let (code, text, errors) = said(output.expect("this program runs again"));
    assert_eq!(code, 0, "{text}{errors}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn files_that_cannot_be_used_delay_and_refuse_nothing() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.server();
    let mut sink = scene.sink("/in");
    let key = scene.directory.path().join("hmac");
    fs::write(&key, "short").expect("a writable directory");
    assert_eq!(scene.codes(&mut sink, &views(0..2)), ["hmac_key"; 2]);
    fs::write(&key, KEY).expect("a writable directory");
    assert_eq!(scene.codes(&mut sink, &views(0..2)), ["+"; 2]);
    assert_eq!(arrived(&server.exactly(1)), ids(&views(0..2)));
}
