//! A set that does not fit is refused whole.

use std::net::Ipv4Addr;

use sensor_tests::{
    daemon::{Home, Interface, Sensord, Settings},
    identity::Identities,
    need,
    netns::Wire,
    packet::{Body, Frame, Ip4},
};

#[test]
fn a_set_that_does_not_fit_is_refused_with_its_numbers_and_the_old_one_matches_on() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    settings.more = "[limits]\nmap-memory = \"2MiB\"\n".into();
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    let old = client.load("ip 203.0.113.5 id=old\n");
    let set = |count: u32| -> String {
        (0..count)
            .map(|at| format!("ip {}\n", Ipv4Addr::from(0x2d00_0000 + at)))
            .collect()
    };
    let refused = client.put("/v1/markers", &set(50_000)).expect("an answer");
    assert_eq!(refused.status, 409, "{:?}", refused.body);
    let sentence = refused.body["error"].as_str().expect("a sentence");
    for word in [
        "50000 patterns",
        "2 MiB are allowed",
        "limits.map-memory",
        "old set",
    ] {
        assert!(sentence.contains(word), "no {word}: {sentence}");
    }
    let status = client.status();
    assert_eq!(status["markers"]["digest"], old["digest"]);
    assert_eq!(status["markers"]["generation"], old["generation"]);
    assert_eq!(status["markers"]["total"], 1);
    let journal = client.journal();
    let end: Vec<_> = journal.iter().rev().map(|entry| &entry["action"]).collect();
    let failed = end.iter().position(|action| *action == "failed");
    assert_eq!(end[failed.expect("a failure") + 1], "markers_loaded");
    let frame = |to: [u8; 4]| {
        let body = Body::udp(1024, 53, b"x");
        Frame::new(Ip4::new([10, 1, 0, 2].into(), to.into(), body)).bytes()
    };
    wire.send(&[frame([203, 0, 113, 5]), frame([45, 0, 0, 1])], 1_000);
    assert_eq!(Identities::settled(&client).kernel["hits"], 1);

    client.load(&set(5_000));
    wire.send(&[frame([203, 0, 113, 5]), frame([45, 0, 0, 1])], 1_000);
    assert_eq!(Identities::settled(&client).kernel["hits"], 2);
    assert_eq!(client.status()["markers"]["total"], 5_000);
    assert!(daemon.stop().success());
}
