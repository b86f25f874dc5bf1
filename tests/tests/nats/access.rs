//! Whom a server lets in, and what is encrypted.

use std::{fs, path::PathBuf};

use sensor_tests::{
    command::run,
    nats::{Account, Judge, NatsServer, SUBJECT},
    need,
    proxy::Proxy,
    sinks::{codes, deliver, deliver_one},
    told::revision,
};
use serde_json::json;

use super::{DAY, config, server_with_stream, sink_of};

#[test]
fn a_server_lets_in_whom_it_knows_and_lets_them_do_what_they_may() {
    if !need::tool("nats-server") {
        return;
    }
    let server = NatsServer::with(
        r#"authorization { users: [
            { user: admin, password: admin }
            { user: good, password: secret }
            { user: mute, password: secret, permissions: {
                publish: ["$JS.API.STREAM.INFO.EVENTS"], subscribe: ["_INBOX.>"] } }
            { user: blind, password: secret, permissions: {
                publish: ["events.>"], subscribe: ["_INBOX.>"] } }
        ] }"#,
    );
    let login = json!({ "user": "admin", "pass": "admin" });
    let mut judge = Judge::connect(server.port, |_| login.clone());
    judge.stream("CREATE", DAY, &json!({}));
    for (user, code) in [
        ("", "unauthorized"),
        ("good:wrong@", "unauthorized"),
        ("mute:secret@", "not_allowed"),
        ("blind:secret@", "not_allowed"),
        ("good:secret@", "ok"),
    ] {
        let mut config = config(server.port);
        config.url = format!("nats://{user}127.0.0.1:{}", server.port);
        let outcomes = deliver(&mut sink_of(&config), &[revision(1, 1)]);
        assert_eq!(codes(&outcomes), [code], "{user}");
        assert!(!format!("{outcomes:?}").contains("secret"), "{outcomes:?}");
        assert_eq!(judge.count(), u64::from(code == "ok"), "{user}");
    }
    let mut config = config(server.port);
    config.credentials = Some(server.path("absent.creds"));
    assert_eq!(
        deliver_one(&mut sink_of(&config), revision(1, 1)),
        "credentials"
    );
}

#[test]
fn a_credentials_file_lets_in() {
    if !need::tool("nats-server") {
        return;
    }
    let (account, other) = (Account::new(), Account::new());
    let server = NatsServer::with(&account.configuration);
    Judge::connect(server.port, |nonce| account.login(nonce)).stream("CREATE", DAY, &json!({}));
    for (credentials, code) in [
        (other.credentials(), "unauthorized"),
        ("nothing".into(), "credentials"),
        (account.credentials(), "ok"),
    ] {
        let mut config = config(server.port);
        let path = server.path("user.creds");
        fs::write(&path, credentials).expect("a writable directory");
        config.credentials = Some(path);
        assert_eq!(deliver_one(&mut sink_of(&config), revision(1, 1)), code);
    }
}

#[test]
fn events_are_encrypted_for_a_server_whose_authority_is_known() {
    if !need::tool("nats-server") || !need::tool("openssl") {
        return;
    }
    let mut server = server_with_stream();
    server.kill();
    let made = ["good", "other"].map(|name| certificate(&server, name));
    let store = server.path("js");
    server.run(&format!(
        "jetstream {{ store_dir: \"{}\" }}\ntls {{ cert_file: \"{}\", key_file: \"{}\" }}",
        store.display(),
        made[0].0.display(),
        made[0].1.display()
    ));
    let proxy = Proxy::to(server.port);
    for (ca, code) in [
        (Some(made[1].0.clone()), "certificate"),
        (None, "certificate"),
        (Some(made[0].1.clone()), "certificate"),
        (Some(made[0].0.clone()), "ok"),
    ] {
        let mut config = config(proxy.port);
        config.url = format!("tls://127.0.0.1:{}", proxy.port);
        config.ca = ca;
        assert_eq!(
            deliver_one(&mut sink_of(&config), revision(1, 1)),
            code,
            "{config:?}"
        );
    }
    assert!(!proxy.sent().contains("access0") && !proxy.sent().contains(SUBJECT));
}

/// A certificate of its own authority for the loopback address, and its key.
fn certificate(server: &NatsServer, name: &str) -> (PathBuf, PathBuf) {
    let [certificate, key] = ["crt", "key"].map(|end| server.path(&format!("{name}.{end}")));
    let [certificate_text, key_text] =
        [&certificate, &key].map(|path| path.to_str().expect("UTF-8"));
    run(&[
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=test",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-keyout",
        key_text,
        "-out",
        certificate_text,
    ]);
    assert!(fs::metadata(&key).is_ok());
    (certificate, key)
}
