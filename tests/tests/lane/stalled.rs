//! A store that takes its time.

use std::{fs, thread, time::Duration};

use sensor_tests::{
    bearers::{greeting, hello, initial, question, server_name},
    command::wait_until,
    daemon::{Home, Interface, Sensord, Settings},
    identity::Identities,
    need,
    netns::Wire,
};

#[test]
fn a_store_that_stalls_neither_blinds_nor_keeps_what_was_borrowed() {
    if !need::root_and(&["tcpreplay", "curl"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    client.load("domain evil.example id=name\n");
    let before = Identities::settled(&client);

    fs::write(home.fault(), "commit stall").expect("a writable directory");
    wire.send(&[question(1_000, "evil.example")], 500);
    thread::sleep(Duration::from_millis(400));
    let long = hello(&[(51, vec![9; 900]), server_name("evil.example")]);
    let mut frames: Vec<_> = (0..20)
        .flat_map(|at| [initial(2_000 + at), question(3_000 + at, "evil.example")])
        .collect();
    frames.push(greeting(2_999, &long[..600]));
    wire.send(&frames, 500);
    let held = || -> u64 {
        let page = daemon.metrics();
        let mut lines = page.lines();
        let line = lines.find_map(|line| line.strip_prefix("marker_sensor_lane_held_bytes "));
        line.expect("the series").parse().expect("a number")
    };
    let waits = wait_until(Duration::from_millis(1_500), || held() > 0);
    assert!(waits, "the hello is held");
    // Longer than slots are kept, and than the lane waits.
    thread::sleep(Duration::from_millis(2_600));
    assert_eq!(held(), 0, "and not for longer than two seconds");
    let told = |now: &Identities| now.agent["events"] + now.agent["joined"];
    let stalled = client.get("/v1/events").expect("an answer").body;
    assert_eq!(stalled["rows"], serde_json::json!([]), "nothing is stored");
    fs::remove_file(home.fault()).expect("it was there");

    let after = Identities::settled(&client);
    assert_eq!(after.agent["unconfirmed"], 0, "{after:?}");
    assert_eq!(told(&after) - told(&before), 21, "{after:?}");
    assert_eq!(
        (after.lent["lent"], after.lent["gone"]),
        (21, 0),
        "{after:?}"
    );
    assert_eq!(after.findings["findings"], 20, "{after:?}");
    assert!(daemon.stop().success());
}
