//! Random sequences of everything that can be asked, by everybody, on a running daemon that is now and
//! then killed: nothing is disclosed without its preconditions, nothing changes without an entry, and no
//! personal data stands in the journal.

#[path = "random/story.rs"]
mod story;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt as _,
};

use jiff::Timestamp;
use sensor_tests::{
    command,
    daemon::{Client, GROUP, Home, PERSONS, Sensord, Settings},
    need,
    netns::Netns,
};
use sensor_user::{
    control::routes::{ROUTES, Route, Target},
    model::RequestKind as K,
};
use serde_json::Value;
use story::Story;

use crate::{
    crash::seed_all,
    scene::{Authority, DESK, exports, opened, roles},
};

const STEPS: usize = 800;
const OVERSIGHT: u32 = 60_010;
const READER: u32 = 60_020;
const STRANGER: u32 = 60_099;
/// The subscriber, the other side, what his system answers, and the agent of the authority.
const PERSONAL: [&str; 5] = [
    "10.1.0.2",
    "203.0.113.5",
    "CANARY-NAME",
    "canary@mail",
    "AG-7",
];
/// Reads: what they write into the journal announces no change.
const READS: [&str; 6] = [
    "events_read",
    "event_read",
    "markers_read",
    "journal_read",
    "heartbeat",
    "canary_run",
];
/// Answers what the sensor asks of every subscriber.
const SUBSCRIBERS: &str = "#!/bin/sh\nread -r line\nprintf '{\"identity\":\"CANARY-NAME\",\"postal_address\":null,\"email\":\"canary@mail.example\"}'\n";

fn ids() -> Vec<String> {
    (0..24_u128)
        .map(|n| format!("{:032x}", (n + 1) << 100 | 7))
        .map(|id| id[..32].to_owned())
        .collect()
}

fn settings(home: &Home, authority: &Authority) -> Settings {
    let mut settings = Settings::on(Vec::new());
    settings.control = format!("oversight-group = {GROUP}\n") + &roles();
    for (role, uid) in [("oversight", OVERSIGHT), ("reader", READER)] {
        settings.control += &format!("[[control.role]]\nrole = \"{role}\"\nusers = [{uid}]\n");
    }
    let adaptor = home.state().with_file_name("adaptor");
    settings.more = authority.pins(home)
        + &format!("[requests.adaptor]\ncommand = {adaptor:?}\nuser = 65534\ntimeout = \"10s\"\n");
    settings
}

/// Asks as somebody; status and what came, of a stream what comes at once.
fn ask(home: &Home, uid: u32, route: &Route, path: &str, body: &[u8]) -> (u16, String) {
    let name = match uid {
        OVERSIGHT => "oversight.sock",
        _ => "control.sock",
    };
    let socket = home.socket().with_file_name(name);
    let (uid, group) = (format!("--reuid={uid}"), format!("--regid={GROUP}"));
    let url = format!("http://sensor{path}");
    let person = ["setpriv", &uid, &group, "--clear-groups"];
    let socket = socket.to_str().expect("a path in UTF-8");
    let curl = ["curl", "-sS", "--unix-socket", socket, "-X", route.method];
    let stream = path.ends_with("/tail") || path.ends_with("/follow");
    let most = if stream { "0.3" } else { "20" };
    let rest = [
        "--max-time",
        most,
        "--data-binary",
        "@-",
        "-w",
        "%{http_code}",
        &url,
    ];
    let said = command::feed(&[&person[..], &curl, &rest].concat(), body);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let (body, status) = text.split_at(text.len().saturating_sub(3));
    (status.parse().unwrap_or_default(), body.to_owned())
}

/// Everything that must not change without an entry; each part with its name.
fn held(home: &Home, client: &Client) -> BTreeMap<&'static str, Value> {
    let get = |path: &str| client.get(path).expect("an answer").body;
    let status = get("/v1/status");
    let mut rows: BTreeMap<&'static str, Value> = [
        ("markers", "/v1/markers?limit=1000"),
        ("orders", "/v1/orders?limit=1000"),
        ("requests", "/v1/requests?limit=1000"),
        ("events", "/v1/events?limit=1000"),
        ("costs", "/v1/costs?limit=1000"),
        ("declaration", "/v1/declaration"),
    ]
    .map(|(name, path)| (name, get(path)))
    .into();
    rows.insert("digest", status["markers"]["digest"].clone());
    // In whatever order: a start reads them in another one than they were opened in.
    let mut breakers = status["breakers"].as_array().cloned().unwrap_or_default();
    breakers.sort_by_key(|row| row["pattern_id"].to_string());
    rows.insert("breakers", breakers.into());
    rows.insert("exports", files(home).into_iter().collect());
    rows
}

fn files(home: &Home) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(exports(home)) else {
        return BTreeSet::new();
    };
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.')).collect()
}

/// Entries from an index on.
fn told(client: &Client, from: u64) -> Vec<Value> {
    let page = client.get(&format!("/v1/journal?from={from}&limit=10000"));
    let page = page.expect("an answer").body;
    let rows = page["rows"].as_array().expect("rows");
    rows.iter().map(|row| row["entry"].clone()).collect()
}

/// Answers that wait now and did not before.
fn fresh(before: &BTreeMap<&str, Value>, after: &BTreeMap<&str, Value>) -> Vec<String> {
    let names = |of: &BTreeMap<&str, Value>| -> BTreeSet<String> {
        let names = of["exports"].as_array().expect("names").iter();
        names
            .map(|name| name.as_str().expect("a name").to_owned())
            .collect()
    };
    names(after).difference(&names(before)).cloned().collect()
}

/// Answers go with their events or when they are settled, at any time; each removal is told before it is
/// done. Counts all that went.
fn check_removed(
    before: &BTreeMap<&str, Value>,
    after: &BTreeMap<&str, Value>,
    gone: &mut usize,
    client: &Client,
) {
    let now = fresh(after, before);
    *gone += now.len();
    if !now.is_empty() {
        let all = told(client, 0);
        let removed = all.iter().filter(|entry| entry["step"] == "export_removed");
        assert!(*gone <= removed.count(), "{now:?} went untold");
    }
}

/// Two persons approved it since it came; it holds what was asked for, and of type B only what the
/// authority was informed of.
fn check_export(
    home: &Home,
    authority: &Authority,
    row: &Value,
    all: &[Value],
    known: &BTreeSet<String>,
) {
    let reference = row["reference"].as_str().expect("text");
    let mut approved = BTreeSet::new();
    for entry in all.iter().filter(|entry| entry["reference"] == reference) {
        match entry["step"].as_str() {
            Some("submitted" | "unknown") => approved.clear(),
            Some("approved") => drop(approved.insert(entry["uid"].as_u64())),
            _ => {}
        }
    }
    let both = PERSONS.map(|uid| Some(u64::from(uid))).into();
    assert_eq!(approved, both, "{reference}");
    if row["type"] == "request-notice" {
        return;
    }
    let (manifest, records) = opened(home, row, authority.identity_for(row)).expect("it opens");
    assert_eq!(manifest["nil"], records.is_empty());
    let asked = row["terms"]["events"].as_array().expect("ids");
    for record in &records {
        let id = match row["type"].as_str() {
            Some("request-a") => &record["event"],
            _ => &record["id"],
        };
        assert!(asked.contains(id), "{reference}: of another event");
        let informed = known.contains(id.as_str().expect("an id"));
        assert!(row["type"] != "request-b" || informed, "{reference}");
    }
}

#[test]
fn no_sequence_of_anybody_discloses_changes_or_tells_what_it_may_not() {
    if !need::root_and(&["setpriv", "curl"]) {
        return;
    }
    let (netns, home, authority) = (Netns::new("alone"), Home::new(), Authority::new());
    netns.enter();
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(home.socket().parent().expect("a directory"), open).expect("ours");
    let adaptor = home.state().with_file_name("adaptor");
    fs::write(&adaptor, SUBSCRIBERS).expect("a writable directory");
    fs::set_permissions(&adaptor, fs::Permissions::from_mode(0o755)).expect("ours");
    let ids = ids();
    let seeded: Vec<(&str, bool)> = (0..)
        .zip(&ids)
        .map(|(n, id)| (id.as_str(), n % 4 != 0))
        .collect();
    seed_all(&home, Timestamp::now(), &seeded);
    let known = seeded
        .iter()
        .filter(|(_, known)| *known)
        .map(|(id, _)| (*id).to_owned());
    let known: BTreeSet<String> = known.collect();
    let settings = settings(&home, &authority);
    let mut daemon = Sensord::start(&home, &netns, &settings);
    let mut story = Story::new(&authority, ids);
    let (mut asked, mut done, mut disclosed) = (BTreeSet::new(), BTreeSet::new(), 0);
    let mut gone = 0;
    let mut before = held(&home, &daemon.client());
    let all: &'static [Route] = &ROUTES;
    for step in 0..STEPS {
        let client = daemon.client();
        let size = client.status()["journal"]["size"].as_u64().expect("a size");
        // Half of all that is asked is about requests, half of that decides, and most by those who may.
        let about = ["/v1/", "/v1/", "/v1/requests", "/approve"][story.random.below(4)];
        let routes = all.iter().filter(|route| route.path.contains(about));
        let routes: Vec<&Route> = routes.collect();
        let route = *story.one_of(&routes);
        let kind = match route.target {
            Target::Ask(kind) => kind,
            Target::Description => K::Status,
        };
        let right: &[u32] = match kind {
            K::RequestsSubmit => &[DESK],
            K::RequestsApprove | K::RequestsRefuse | K::RequestsSettle => &PERSONS,
            _ => &[0],
        };
        let anybody = [0, PERSONS[0], PERSONS[1], DESK, OVERSIGHT, READER, STRANGER];
        let uid = match story.random.below(3) {
            0 => *story.one_of(&anybody),
            _ => *story.one_of(right),
        };
        // Few are refused for good, and few events destroyed, or nothing is left to be asked for.
        let rare = matches!(kind, K::RequestsRefuse | K::EventsNotUseful);
        if rare && story.random.below(2) != 0 {
            continue;
        }
        let cases = before["requests"]["rows"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let parameter = story.parameter(route, &cases);
        let mut path = route.path.to_owned();
        if let (Some(from), Some(to)) = (path.find('{'), path.find('}')) {
            path.replace_range(from..=to, &parameter);
        }
        let body = story.body(kind);
        let (status, said) = ask(&home, uid, route, &path, &body);
        asked.insert((uid, kind.name()));
        if status == 200 {
            done.insert((uid, kind.name()));
        }
        let what = format!(
            "step {step}: {uid} {} {path}: {status} {said}",
            route.method
        );
        // The description of the API has examples, and nothing else.
        let described = matches!(route.target, Target::Description);
        if !described && ![0, PERSONS[0], PERSONS[1]].contains(&uid) {
            for personal in PERSONAL {
                // By what number the authority's agent goes, the desk and oversight see in a request.
                let agent = [DESK, OVERSIGHT].contains(&uid) && personal == "AG-7";
                assert!(agent || !said.contains(personal), "{personal}: {what}");
            }
        }
        assert!(uid != STRANGER || status == 403, "{what}");
        assert_ne!(status, 500, "{what}");

        let after = held(&home, &client);
        let new = told(&client, size);
        check_removed(&before, &after, &mut gone, &client);
        let added = !fresh(&before, &after).is_empty();
        let changed: Vec<&str> = after
            .iter()
            .filter(|(name, value)| match **name {
                "exports" => added,
                name => before[name] != **value,
            })
            .map(|(name, _)| *name)
            .collect();
        let reads = |entry: &&Value| READS.iter().any(|read| entry["action"] == *read);
        let announced = new.iter().filter(|entry| !reads(entry)).count();
        assert!(changed.is_empty() || announced > 0, "{changed:?}: {what}");
        assert!(changed.is_empty() || status == 200, "{changed:?}: {what}");
        let rows = |of: &BTreeMap<&str, Value>| of["requests"]["rows"].as_array().cloned();
        let (old, now) = (rows(&before).expect("rows"), rows(&after).expect("rows"));
        for row in now.iter().filter(|row| !old.contains(row)) {
            let of = |entry: &Value| entry["reference"] == row["reference"];
            assert!(new.iter().any(of), "{row}: {what}");
        }
        for name in fresh(&before, &after) {
            let row = now.iter().find(|row| row["file"] == *name);
            let row = row.expect("an export is of a request");
            check_export(&home, &authority, row, &told(&client, 0), &known);
            assert!(
                new.iter().any(|entry| entry["step"] == "disclosed"),
                "{what}"
            );
            disclosed += 1;
        }
        before = after;
        if step % 200 == 199 {
            daemon.kill9();
            daemon = Sensord::start(&home, &netns, &settings);
            let now = held(&home, &daemon.client());
            // A start looks at answers that wait at once.
            check_removed(&before, &now, &mut gone, &daemon.client());
            assert_eq!(fresh(&before, &now), [""; 0]);
            before.insert("exports", now["exports"].clone());
            assert_eq!(now, before, "a crash changes nothing");
        }
    }
    let kinds: BTreeSet<&str> = asked.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds.len(), K::ALL.len(), "everything was asked: {kinds:?}");
    assert!(
        done.len() >= 40 && disclosed >= 5,
        "{} {disclosed}",
        done.len()
    );
    println!(
        "{} of {} ways to ask were served, {disclosed} disclosures",
        done.len(),
        asked.len()
    );
    let all = told(&daemon.client(), 0);
    let text = serde_json::to_string(&all).expect("JSON");
    for personal in PERSONAL
        .into_iter()
        .chain(story.ids.iter().map(String::as_str))
    {
        assert!(!text.contains(personal), "{personal} in the journal");
        assert!(!daemon.stderr().contains(personal), "{personal} in the log");
    }
    assert!(daemon.stop().success());
    let proven = sensor_user::journal::verify_dir(&home.state().join("journal"), None);
    assert!(proven.is_ok(), "{proven:?}");
}
