//! medallion behind an nginx that asks for client certificates.

use std::net::TcpStream;

use sensor_tests::{
    certificates::Authority,
    command::{Background, wait_until},
    medallion::{Medallion, OPEN},
    nginx::configured,
    sinks::{deliver_one, free_port},
    told::{self, revision},
};
use sensor_user::config;

use super::{LIMIT, LONGEST, config as plain, sink_of};

fn sightings(server: &Medallion) -> usize {
    let objects = server.objects();
    let sightings = objects.iter().filter(|object| object["type"] == "sighting");
    sightings.count()
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
    let words = configured(
        directory.path(),
        &format!(
            "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {}; \
             ssl_client_certificate {}; ssl_verify_client on;\n\
             location / {{ proxy_pass http://127.0.0.1:{}; }} }}",
            certificate.display(),
            key.display(),
            authority.certificate().display(),
            server.port,
        ),
    );
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let _terminator = Background::start(&words);
    let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(wait_until(LIMIT, listens), "it listens");

    let mut secure = plain(port, OPEN, &server);
    secure.url = secure.url.replace("http://", "https://");
    secure.tls = config::Tls {
        ca: Some(authority.certificate()),
        certificate: Some(own),
        key: Some(own_key),
    };
    assert_eq!(deliver_one(&mut sink_of(&secure), revision(1, 1)), "ok");
    assert_eq!(sightings(&server), told::MARKERS.len());

    let mut nameless = secure.clone();
    nameless.tls.certificate = None;
    nameless.tls.key = None;
    let mut trusts_others = secure;
    trusts_others.tls.ca = Some(others.certificate());
    for refused in [nameless, trusts_others] {
        assert_ne!(deliver_one(&mut sink_of(&refused), revision(2, 1)), "ok");
    }
    assert_eq!(sightings(&server), told::MARKERS.len(), "no more");
}
