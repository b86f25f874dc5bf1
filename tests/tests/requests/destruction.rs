//! An agent that dies at each point of a destruction: after the restart the event is there and the
//! journal says that it failed, or it is gone and counted once.

use std::{fs, time::Duration};

use jiff::{Span, Timestamp, tz::TimeZone};
use sensor_tests::{
    command::wait_until,
    daemon::{Client, Home, Sensord, Settings},
    identity::events,
    need,
    netns::Netns,
};
use serde_json::Value;

use crate::crash::{EVENT, seed_at};

const PATIENCE: Duration = Duration::from_secs(20);

/// Why an event goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Expired,
    NotUseful,
    FalsePositive,
}

use Reason::{Expired, FalsePositive, NotUseful};

/// Where the agent dies, and whether the event is still there after the restart.
const DEATHS: [(Reason, &str, bool); 15] = [
    (Expired, "event_doomed", false),
    (Expired, "event_key_destroyed", false),
    (Expired, "event_erased", false),
    (Expired, "destruction_told", false),
    (NotUseful, "not_useful_announced", true),
    (NotUseful, "event_doomed", false),
    (NotUseful, "event_key_destroyed", false),
    (NotUseful, "event_erased", false),
    (NotUseful, "destruction_told", false),
    (FalsePositive, "false_positives_removed", false),
    (FalsePositive, "event_doomed", false),
    (FalsePositive, "event_key_destroyed", false),
    (FalsePositive, "event_erased", false),
    (FalsePositive, "false_positives_destroyed", false),
    (FalsePositive, "false_positives_told", false),
];

/// What the journal counts of destroyed events, for this reason.
fn counted(client: &Client, reason: Reason) -> u64 {
    let (action, key) = match reason {
        Expired => ("events_erased", "expired"),
        NotUseful => ("events_erased", "not_useful"),
        FalsePositive => ("events_destroyed", "events"),
    };
    let entries = client.journal().into_iter();
    let of = entries.filter(|entry| entry["action"] == action);
    of.map(|entry| entry[key].as_u64().unwrap_or(0)).sum()
}

/// Entries that say that something which was announced did not happen, by the action that did.
fn failed(client: &Client) -> Vec<String> {
    let entries = client.journal();
    let of = entries.iter().filter(|entry| entry["action"] == "failed");
    let announced = |entry: &Value| {
        let of = entry["of"].as_u64().expect("an index") as usize;
        entries[of]["action"]
            .as_str()
            .expect("an action")
            .to_owned()
    };
    of.map(announced).collect()
}

/// What the store counts.
fn of_store(client: &Client, reason: Reason) -> u64 {
    let name = match reason {
        Expired => "expired",
        NotUseful => "not_useful",
        FalsePositive => "false_positive",
    };
    let status = client.status();
    let rows = status["events"]["destroyed"].as_array().expect("a list");
    let row = rows.iter().find(|row| row["term"] == name);
    row.map_or(0, |row| row["count"].as_u64().expect("a count"))
}

#[test]
fn an_agent_that_dies_at_any_point_of_a_destruction_tells_what_became_of_it() {
    if !need::root() {
        return;
    }
    let netns = Netns::new("alone");
    netns.enter();
    for (reason, point, stays) in DEATHS {
        let home = Home::new();
        let now = Timestamp::now();
        let first_seen = match reason {
            // Six calendar months and a day ago: the first start finds it over.
            Expired => {
                let then = now.to_zoned(TimeZone::UTC);
                let span = Span::new().months(6).days(1);
                then.checked_sub(span).expect("in the calendar").timestamp()
            }
            _ => now,
        };
        let settings = Settings::on(Vec::new());
        // Once without anything to destroy: the store and the journal know each other.
        assert!(Sensord::start(&home, &netns, &settings).stop().success());
        seed_at(&home, first_seen);
        let die = || fs::write(home.fault(), format!("{point} die")).expect("writable");
        if reason == Expired {
            die();
            let mut daemon = Sensord::spawn(&home, &netns, &settings);
            let ended = daemon.wait().expect("it dies");
            assert!(!ended.success(), "{reason:?} {point}");
        } else {
            let mut daemon = Sensord::start(&home, &netns, &settings);
            die();
            // Nobody lives to answer.
            let _ = match reason {
                NotUseful => daemon
                    .client()
                    .post(&format!("/v1/events/{EVENT}/not-useful"), ""),
                _ => daemon
                    .client()
                    .post("/v1/markers/remove?false_positive=true", "m\n"),
            };
            let ended = daemon.wait().expect("it dies");
            assert!(!ended.success(), "{reason:?} {point}");
        }
        fs::remove_file(home.fault()).expect("it is there");

        // Whatever is found out, another start finds nothing more to tell.
        for _ in 0..2 {
            let daemon = Sensord::start(&home, &netns, &settings);
            let client = daemon.client();
            let expected = u64::from(!stays);
            let told = wait_until(PATIENCE, || counted(&client, reason) == expected);
            let all = client.journal();
            assert!(told, "{reason:?} {point}: {all:#?}");
            assert_eq!(of_store(&client, reason), expected, "{reason:?} {point}");
            assert_eq!(
                events(&client).len() as u64,
                1 - expected,
                "{reason:?} {point}"
            );
            let not_done: &[&str] = if stays { &["events_not_useful"] } else { &[] };
            assert_eq!(failed(&client), not_done, "{reason:?} {point}");
            assert!(daemon.stop().success());
        }
    }
}
