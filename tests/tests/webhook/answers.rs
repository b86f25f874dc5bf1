//! What becomes of events by what the recipient answers.

use std::{
    thread,
    time::{Duration, Instant},
};

use sensor_tests::told::views;

use crate::scene::{Scene, arrived, ids};

#[test]
fn answers_that_are_not_the_events_fault_delay_it() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.server();
    for status in [401, 403, 404, 425, 429, 500, 503] {
        let mut sink = scene.sink(&format!("/{status}"));
        let code = format!("http_{status}");
        assert_eq!(scene.codes(&mut sink, &views(0..2)), [&*code; 2]);
    }
    assert_eq!(server.exactly(7).len(), 7, "each was asked once");
}

#[test]
fn a_redirect_is_not_followed() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.server();
    assert_eq!(
        scene.codes(&mut scene.sink("/moved"), &views(0..1)),
        ["http_302"]
    );
    assert_eq!(arrived(&server.exactly(1)), [""; 0]);
}

#[test]
fn the_event_that_is_not_understood_is_found_and_the_others_arrive() {
    let Some(scene) = Scene::new() else { return };
    for status in [400, 422] {
        let server = scene.server();
        let before = server.requests().len();
        let mut sink = scene.sink(&format!("/offends/{status}"));
        let all = views(0..9);
        let mut expected = vec!["+".to_owned(); 9];
        expected[5] = format!("!http_{status}");
        assert_eq!(scene.codes(&mut sink, &all), expected);
        let mut others = ids(&all);
        others.remove(5);
        assert_eq!(arrived(&server.requests()[before..]), others);
        // Alone, it is asked whether requests are taken at all.
        assert_eq!(scene.codes(&mut sink, &all[5..6]), expected[5..6]);
    }
}

#[test]
fn a_recipient_that_understands_nothing_is_not_believed_for_ever() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.server();
    let mut sink = scene.sink("/400");
    assert_eq!(scene.codes(&mut sink, &views(0..200)), ["http_400"; 200]);
    let asked = server.requests().len();
    assert!(asked < 50, "{asked} requests");
    assert_eq!(
        scene.codes(&mut scene.sink("/422"), &views(0..2)),
        ["!http_422"; 2],
        "which can mean nothing else"
    );
}

#[test]
fn a_batch_that_is_too_long_is_halved_and_the_next_one_is_short_enough() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    scene.site.longest = 2_000;
    let server = scene.server();
    let mut sink = scene.sink("/in");
    let all = views(0..20);
    assert_eq!(scene.codes(&mut sink, &all), ["+"; 20]);
    let requests = server.requests();
    assert_eq!(arrived(&requests), ids(&all));
    let too_long = |requests: &[serde_json::Value]| {
        let mut statuses = requests.iter().map(|request| &request["status"]);
        statuses.any(|status| status == "413")
    };
    assert!(too_long(&requests));
    assert_eq!(scene.codes(&mut sink, &all), ["+"; 20]);
    assert!(!too_long(&server.requests()[requests.len()..]));
}

#[test]
fn one_event_that_is_too_long_is_refused() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    scene.site.longest = 100;
    let _server = scene.server();
    assert_eq!(
        scene.codes(&mut scene.sink("/in"), &views(0..2)),
        ["!http_413"; 2]
    );
}

#[test]
fn who_asks_to_wait_is_left_alone_for_so_long() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.server();
    let mut sink = scene.sink("/busy");
    let start = Instant::now();
    for _ in 0..3 {
        assert_eq!(scene.codes(&mut sink, &views(0..2)), ["http_429"; 2]);
    }
    assert_eq!(server.exactly(1).len(), 1, "asked once");
    thread::sleep(Duration::from_millis(3_200).saturating_sub(start.elapsed()));
    assert_eq!(scene.codes(&mut sink, &views(0..2)), ["http_429"; 2]);
    assert_eq!(server.exactly(2).len(), 2, "and again when it is time");
}

#[test]
fn a_recipient_that_is_down_gets_everything_when_it_is_back() {
    let Some(scene) = Scene::new() else { return };
    let mut sink = scene.sink("/in");
    let server = scene.server();
    assert_eq!(scene.codes(&mut sink, &views(0..2)), ["+"; 2]);
    // It answers before it logs, and what is killed in between has logged nothing.
    assert_eq!(arrived(&server.requests()), ids(&views(0..2)));
    drop(server);
    assert_eq!(scene.codes(&mut sink, &views(2..4)), ["unreachable"; 2]);
    let server = scene.server();
    assert_eq!(scene.codes(&mut sink, &views(2..4)), ["+"; 2]);
    assert_eq!(arrived(&server.requests()), ids(&views(0..4)));
}

#[test]
fn a_recipient_that_says_nothing_is_not_waited_for() {
    let Some(scene) = Scene::new() else { return };
    let _server = scene.server();
    let start = Instant::now();
    // Behind TLS, and before it.
    assert_eq!(
        scene.codes(&mut scene.sink("/slow"), &views(0..2)),
        ["timeout"; 2]
    );
    let mut config = scene.config("/in");
    let port = scene.silent.local_addr().expect("it is bound").port();
    config.url = format!("https://127.0.0.1:{port}/in");
    let mut sink = crate::scene::sink(&config);
    assert_eq!(scene.codes(&mut sink, &views(0..2)), ["timeout"; 2]);
    assert!(start.elapsed() < Duration::from_secs(5));
}
