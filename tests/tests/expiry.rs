//! A marker's end: in the kernel with the agent dead, in image, status and journal with it alive.

use std::{thread, time::Duration};

use jiff::Timestamp;
use sensor_tests::{
    command::wait_until,
    daemon::Client,
    identity::{Identities, events},
    router::{MARKED, Router},
};

/// How long the markers of these tests are in force.
const LIFE: Duration = Duration::from_secs(4);

/// Loads a marker that is over soon, beside one that is not.
fn load(client: &Client) -> Timestamp {
    let until = Timestamp::now() + LIFE;
    let markers = format!("ip {MARKED} id=short until={until}\nip 198.51.100.1 id=long\n");
    client.load(&markers);
    until
}

fn sleep_until(until: Timestamp) {
    let left = until.duration_since(Timestamp::now());
    thread::sleep(Duration::try_from(left).unwrap_or_default() + Duration::from_millis(200));
}

#[test]
fn an_expired_pattern_stops_matching_with_the_agent_dead() {
    let Some(router) = Router::new() else { return };
    let daemon = router.start();
    let until = load(&daemon.client());
    router.ping();
    daemon.kill9();
    sleep_until(until);
    router.ping();
    let daemon = router.start();
    let identities = Identities::settled(&daemon.client());
    assert_eq!(identities.kernel["hits"], 12, "{identities:?}");
    assert_eq!(identities.kernel["expired"], 6, "{identities:?}");
    let events = events(&daemon.client());
    assert!(
        events
            .iter()
            .all(|event| event["packets"].as_u64() <= Some(6))
    );
    assert!(daemon.stop().success());
}

#[test]
fn what_is_over_leaves_the_image_and_the_journal_says_so() {
    let Some(router) = Router::new() else { return };
    let daemon = router.start();
    let client = daemon.client();
    let until = load(&client);
    let generation = || {
        let status = client.get("/v1/status").expect("an answer").body;
        (
            status["markers"]["generation"].as_u64().expect("a number"),
            status["markers"]["in_force"][0]["count"]
                .as_u64()
                .expect("a number"),
        )
    };
    let (before, in_force) = generation();
    assert_eq!(in_force, 2);
    sleep_until(until);
    assert!(
        wait_until(Duration::from_secs(5), || generation() == (before + 1, 1)),
        "still {:?}",
        generation()
    );
    let journal = client.get("/v1/journal?limit=100").expect("an answer").body;
    assert!(journal.to_string().contains("markers_expired"));
    router.ping();
    assert_eq!(Identities::settled(&client).kernel["hits"], 0);
    let short = client.get("/v1/markers/short").expect("an answer").body;
    assert_eq!(short["in_force"], false, "kept, not in force");
    assert!(daemon.stop().success());
}
