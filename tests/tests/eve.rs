//! EVE files: what other programs read in them, full disks, crashes, destruction.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use sensor_tests::{
    command::{feed, output, run, said},
    need,
    told::{PEER, SUBSCRIBER, check, event, handled, view, view_until, views, withheld},
};
use sensor_user::{
    config,
    model::{Recipient, Tlp},
    outbox::{Eve, Extent, Outcome, Sink, View},
};
use serde_json::Value;
use tempfile::TempDir;

/// A directory of EVE files.
struct Scene {
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary directory"),
            runtime: tokio::runtime::Runtime::new().expect("a runtime"),
        }
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("eve")
    }

    fn sink(&self) -> Eve {
        let directory = self.directory();
        Eve::new(&config::Eve { directory })
    }

    fn deliver(&self, views: &[View]) -> Vec<Outcome> {
        self.runtime.block_on(self.sink().deliver(views))
    }

    /// All is taken.
    fn write(&self, views: &[View]) {
        let outcomes = self.deliver(views);
        assert_eq!(outcomes, vec![Outcome::Acknowledged; views.len()]);
    }

    fn destroy(&self, today: &str) -> u64 {
        let today = today.parse().expect("a day");
        let destroyed = self.runtime.block_on(self.sink().destroy_expired(today));
        destroyed.expect("it can be destroyed")
    }

    fn forget(&self, ids: &[String]) -> u64 {
        let forgotten = self.runtime.block_on(self.sink().forget(ids));
        forgotten.expect("it can be forgotten")
    }

    /// Names and contents of the files.
    fn files(&self) -> BTreeMap<String, String> {
        let Ok(entries) = fs::read_dir(self.directory()) else {
            return BTreeMap::new();
        };
        let entries = entries.map(|entry| entry.expect("an entry"));
        let file = |path: PathBuf| fs::read_to_string(path).expect("text");
        entries
            .filter(|entry| entry.path().is_file())
            .map(|entry| {
                (
                    entry.file_name().into_string().expect("UTF-8"),
                    file(entry.path()),
                )
            })
            .collect()
    }

    /// The only file of the sensor, and its content.
    fn only(&self) -> (PathBuf, String) {
        let mut files = self.files();
        files.retain(|name, _| name.starts_with("eve-"));
        assert_eq!(files.len(), 1, "{:?}", files.keys());
        let (name, text) = files.pop_first().expect("one");
        (self.directory().join(name), text)
    }

    fn text(&self) -> String {
        self.only().1
    }

    fn path(&self) -> PathBuf {
        self.only().0
    }
}

fn lines(text: &str) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).expect("a line of JSON");
    text.lines().map(line).collect()
}

fn id_of(line: &Value) -> &str {
    line["alert"]["context"]["id"].as_str().unwrap_or("")
}

#[test]
fn another_program_parses_every_line() {
    if !need::tool("python3") {
        return;
    }
    let scene = Scene::new();
    scene.write(&views(0..500));
    // Suricata's schema has this pattern for times, and integers of 64 bits with a sign.
    let program = "import json, re, sys\n\
        for line in sys.stdin:\n    line = json.loads(line)\n    \
        assert re.match(r'^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d+[+\\-]\\d+$', line['timestamp'])\n    \
        assert 0 < line['flow_id'] < 2**53\n    \
        assert 0 <= line['alert']['signature_id'] < 2**31\n    \
        print(line['alert']['context']['id'])\n";
    let (code, told, errors) = said(feed(&["python3", "-c", program], scene.text().as_bytes()));
    assert_eq!(code, 0, "{errors}");
    let ids: Vec<String> = views(0..500)
        .into_iter()
        .map(|view| view.event.id)
        .collect();
    assert_eq!(told.lines().collect::<Vec<_>>(), ids);
}

/// Each leaf of a line, by its path without the places in lists, and what type of JSON it has.
fn leaves(path: &str, value: &Value, found: &mut BTreeMap<String, &'static str>) {
    let kind = match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(&format!("{path}{dot}{name}"), value, found);
            }
            return;
        }
        Value::Array(_) => "list",
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
        Value::Null => "null",
    };
    found.insert(path.into(), kind);
}

/// What Suricata 7.0.10 wrote of three rules on TCP, DNS and ICMP in a VLAN, with every option of its
/// alerts on (payload, packet, metadata, rule, verdict, ethernet, community id).
const SURICATA: &str = include_str!("../samples/suricata-7-alerts.json");

#[test]
fn each_field_of_suricatas_alerts_is_given_alike_or_left_out_with_a_reason() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/siem.md");
    let page = fs::read_to_string(page).expect("docs/siem.md");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            line.split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect()
        })
        .filter(|row: &Vec<&str>| row.len() == 5)
        .collect();
    let scene = Scene::new();
    scene.write(&views(0..1));
    let (mut theirs, mut ours) = (BTreeMap::new(), BTreeMap::new());
    for line in &lines(SURICATA) {
        leaves("", line, &mut theirs);
    }
    leaves("", &lines(&scene.text())[0], &mut ours);
    assert!(theirs.len() > 50, "{theirs:?}");
    for (path, kind) in theirs {
        let row = rows.iter().find(|row| {
            let group = row[1].strip_suffix(".*");
            row[1] == path || group.is_some_and(|group| path.starts_with(&format!("{group}.")))
        });
        let row = row.unwrap_or_else(|| panic!("{path} is not in the table"));
        match row[2] {
            "left out" => assert!(!ours.contains_key(&path), "{path}"),
            _ => assert_eq!(ours.get(&path), Some(&kind), "{path}"),
        }
        assert!(!row[3].is_empty(), "{path} has no reason");
    }
}

#[test]
fn what_a_marking_withholds_is_in_no_file() {
    for case in withheld() {
        let scene = Scene::new();
        scene.write(&[view(1, case.0, case.1)]);
        check(&scene.text(), &case);
    }
}

#[test]
fn a_line_that_a_crash_tore_is_cut_off_and_the_event_comes_again() {
    let scene = Scene::new();
    scene.write(&views(0..2));
    let whole = scene.text();
    let torn = &whole[..whole.len() / 3];
    let mut file = OpenOptions::new().append(true).open(scene.path());
    let file = file.as_mut().expect("a file");
    file.write_all(torn.as_bytes()).expect("a writable file");
    scene.write(&views(2..4));
    let found = lines(&scene.text());
    let ids: Vec<&str> = found.iter().map(id_of).collect();
    let all = views(0..4);
    let expected: Vec<&str> = all.iter().map(|view| &*view.event.id).collect();
    assert_eq!(ids, expected);
}

/// A file system of its own, so small that it is soon full.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> Self {
        fs::create_dir(&path).expect("a new directory");
        let text = path.to_str().expect("UTF-8");
        run(&[
            "mount",
            "-t",
            "tmpfs",
            "-o",
            "size=128k",
            "marker-sensor-test",
            text,
        ]);
        Self(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = output(&["umount", self.0.to_str().expect("UTF-8")]);
    }
}

#[test]
fn a_batch_that_does_not_fit_leaves_nothing_and_what_is_there_can_still_be_destroyed() {
    if !need::root_and(&["mount"]) {
        return;
    }
    let scene = Scene::new();
    let disk = SmallDisk::mount(scene.directory());
    let small = views(0..20);
    scene.write(&small);
    let before = scene.text();
    // The first pages of it fit.
    let outcomes = scene.deliver(&views(100..1_000));
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Retry(reason) if reason.code == "disk_full")),
        "{:?}",
        outcomes[0]
    );
    assert_eq!(scene.text(), before);
    fs::write(disk.0.join("ballast"), vec![0; 256 << 10]).expect_err("it is full");
    assert!(matches!(
        &scene.deliver(&views(20..40))[0],
        Outcome::Retry(_)
    ));
    assert_eq!(scene.text(), before);
    assert_eq!(scene.forget(&[small[3].event.id.clone()]), 1);
    assert!(!scene.text().contains(&small[3].event.id));
    assert_eq!(scene.destroy("2099-07-31"), 19);
    assert_eq!(scene.files().into_keys().collect::<Vec<_>>(), ["ballast"]);
    fs::remove_file(disk.0.join("ballast")).expect("ballast");
    scene.write(&views(20..40));
    assert_eq!(lines(&scene.text()).len(), 20);
}

#[test]
fn a_file_is_destroyed_on_its_day_and_no_other_file_is_touched() {
    let scene = Scene::new();
    let clear = handled(Tlp::Clear, false);
    let to = (Recipient::Operator, Extent::Event);
    let until = |number, day| view_until(event(number, 1), clear, to, day);
    scene.write(&[
        until(1, "2098-02-28"),
        until(2, "2098-03-01"),
        until(3, "2098-02-28"),
    ]);
    assert_eq!(scene.files().len(), 2);
    let others = [
        "eve.json",
        "eve-2026-01-01-until-2026-07-01.json.1",
        "eve-2026-01-01-until-never.json",
    ];
    for name in others {
        fs::write(scene.directory().join(name), "theirs\n").expect("a writable directory");
    }
    let ours = "eve-2026-01-01-until-2026-07-01.json";
    fs::create_dir(scene.directory().join(ours)).expect("a directory of that name");
    let target = scene.folder.path().join("target");
    fs::write(&target, "theirs\n").expect("a writable directory");
    let link = scene
        .directory()
        .join("eve-2026-01-02-until-2026-07-02.json");
    std::os::unix::fs::symlink(&target, link).expect("a link");
    // A second name for the data: where the bytes lay there is nothing any more.
    let name = scene
        .files()
        .into_keys()
        .find(|name| name.contains("2098-02-28"));
    let path = scene.directory().join(name.expect("a file"));
    let kept = scene.folder.path().join("second-name");
    fs::hard_link(&path, &kept).expect("a second name");

    assert_eq!(scene.destroy("2098-02-27"), 0);
    assert_eq!(scene.destroy("2098-02-28"), 2);
    assert!(!path.exists());
    assert_eq!(fs::read(&kept).expect("it is there"), b"");
    assert_eq!(scene.destroy("2098-02-28"), 0);
    let files = scene.files();
    for name in others {
        assert_eq!(files[name], "theirs\n");
    }
    assert_eq!(fs::read_to_string(target).expect("it is there"), "theirs\n");
    assert!(scene.directory().join(ours).is_dir());
    assert_eq!(scene.destroy("2098-03-01"), 1);
}

#[test]
fn what_is_forgotten_is_in_no_byte_and_readers_keep_their_place() {
    let scene = Scene::new();
    let all = views(0..50);
    scene.write(&all);
    let mut again = views(7..8);
    again[0].event.rev = 2;
    scene.write(&again);
    let before = scene.text();
    let ids: Vec<String> = all[7..9].iter().map(|view| view.event.id.clone()).collect();
    assert_eq!(scene.forget(&ids), 3);
    let after = scene.text();
    assert_eq!(after.len(), before.len());
    for id in &ids {
        assert!(!after.contains(id), "{id}");
    }
    let found = lines(&after);
    assert_eq!(found.len(), 51);
    assert_eq!(found[7], serde_json::json!({ "event_type": "forgotten" }));
    let kept = found.iter().filter(|line| line["event_type"] == "alert");
    assert_eq!(kept.count(), 48);
    assert_eq!(after.matches(SUBSCRIBER.0).count(), 48);
    assert_eq!(after.matches(PEER.0).count(), 48);
    assert_eq!(scene.forget(&ids), 0, "done once");
}

#[test]
fn whoever_moves_a_file_or_follows_it_misses_nothing() {
    let scene = Scene::new();
    scene.write(&views(0..2));
    let moved = scene.directory().join("rotated.1");
    fs::rename(scene.path(), &moved).expect("it can be moved");
    scene.write(&views(2..3));
    let read = |path: &Path| lines(&fs::read_to_string(path).expect("text")).len();
    assert_eq!(read(&moved), 2);
    fs::remove_file(&moved).expect("it is there");
    assert_eq!(lines(&scene.text()).len(), 1);
}

#[test]
fn a_path_that_cannot_be_written_is_named_and_delays() {
    let scene = Scene::new();
    fs::write(scene.directory(), "a file").expect("a writable directory");
    let outcomes = scene.deliver(&views(0..1));
    let Outcome::Retry(reason) = &outcomes[0] else {
        panic!("{outcomes:?}");
    };
    assert!(reason.text.contains("/eve"), "{reason:?}");
    assert!(!reason.text.contains(SUBSCRIBER.0), "{reason:?}");
}
