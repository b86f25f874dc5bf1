//! medallion behind a terminator of TLS, which asks for client certificates.

use std::{net::TcpStream, path::Path};

use sensor_tests::{
    certificates::Authority,
    command::{Background, wait_until},
    medallion::{Medallion, OPEN},
    sinks::{deliver_one, event, free_port},
};
use sensor_user::config;

use super::{LIMIT, LONGEST, config as plain, sink_of};

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn a_collection_is_reached_over_https_with_a_client_certificate_and_only_so() {
    let server = Medallion::start(LONGEST);
    let directory = tempfile::tempdir().expect("a directory");
    let authority = Authority::new(directory.path(), "authority");
    let (certificate, key) = authority.issue("server", "serverAuth");
    let (own, own_key) = authority.issue("sensor", "clientAuth");
    let others = Authority::new(directory.path(), "others");
    let port = free_port();
    let listen = format!(
        "OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,verify=1,cert={},key={},cafile={}",
        text(&certificate),
        text(&key),
        text(&authority.certificate())
    );
    let to = format!("TCP:127.0.0.1:{}", server.port);
    let _terminator = Background::start(&["socat", &listen, &to]);
    let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(wait_until(LIMIT, listens), "it listens");

    let mut secure = plain(port, OPEN, &server);
    secure.url = secure.url.replace("http://", "https://");
    secure.tls = config::Tls {
        ca: Some(authority.certificate()),
        certificate: Some(own),
        key: Some(own_key),
    };
    assert_eq!(deliver_one(&mut sink_of(&secure), event(1, 1)), "ok");
    assert_eq!(
        server
            .objects()
            .iter()
            .filter(|object| object["type"] == "sighting")
            .count(),
        1
    );

    let mut nameless = secure.clone();
    nameless.tls.certificate = None;
    nameless.tls.key = None;
    let mut trusts_others = secure;
    trusts_others.tls.ca = Some(others.certificate());
    for refused in [nameless, trusts_others] {
        assert_ne!(deliver_one(&mut sink_of(&refused), event(2, 1)), "ok");
    }
    assert_eq!(
        server
            .objects()
            .iter()
            .filter(|object| object["type"] == "sighting")
            .count(),
        1,
        "nothing was told"
    );
}
