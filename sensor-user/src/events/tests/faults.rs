//! What fails, what then happens, and how it goes on: the rows of docs/faults.md.

use std::process::Command;

use rustix::process::getuid;

use super::*;
use crate::model::Destroyed;

/// A file system of a few hundred kilobytes, made and unmade by the test.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None`, after saying so, when this user may not mount.
    fn mount(kib: u32) -> Option<Self> {
        let place = place();
        let size = format!("size={kib}k");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "marker-sensor-test"])
            .arg(place.path())
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            assert!(!getuid().is_root(), "root cannot mount a tmpfs");
            eprintln!("SKIP a small disk: this user may not mount");
        }
        mounted.then_some(Self(place))
    }

    fn remount(&self, how: &str) {
        let status = Command::new("mount")
            .args(["-o", &format!("remount,{how}")])
            .arg(self.0.path())
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{how}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn batch(seqs: std::ops::RangeInclusive<i64>) -> Batch {
    Batch {
        new: rows(seqs, "2027-01-15T13:00:00Z"),
        ..Batch::default()
    }
}

#[test]
fn a_full_disk_refuses_a_batch_whole_and_takes_it_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(1_500) else {
        return;
    };
    let mut store = open(&disk.0);
    let (mut next, error) = {
        let mut next = 1;
        loop {
            match store.commit(&batch(next..=next + 99)) {
                Ok(()) => next += 100,
                Err(error) => break (next, error),
            }
            assert!(next < 100_000, "the disk never fills");
        }
    };
    assert!(next > 100, "nothing was stored before: {error}");
    assert_eq!(
        all(&mut store).len() as i64,
        next - 1,
        "what is stored is there"
    );
    // Destruction does not wait for room.
    let gone: Vec<i64> = (1..next).collect();
    let destroyed = store.destroy(&gone, Destroyed::Expired);
    disk.remount("size=8m");
    let destroyed = destroyed.or_else(|_| store.destroy(&gone, Destroyed::Expired));
    assert_eq!(destroyed.expect("destroys"), gone.len() as u64);
    store
        .commit(&batch(next..=next + 99))
        .expect("the same batch");
    next += 100;
    assert_eq!(all(&mut store).len() as i64, next - 1 - gone.len() as i64);
}

/// Makes files unwritable even for who has them open (ext4 and others), or writable again; whether
/// the file system can.
fn freeze(place: &TempDir, how: &str) -> bool {
    let files = ["events.db", "events.db-wal", "keys/events.keys"];
    let files = files.map(|name| place.path().join(name));
    let status = Command::new("chattr").arg(how).args(files).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn a_disk_that_becomes_read_only_refuses_and_still_reads() {
    let place = place();
    let mut store = open(&place);
    put(&mut store, rows(1..=3, "2027-01-15T13:00:00Z"));
    if !freeze(&place, "+i") {
        return;
    }
    let refused = store.commit(&batch(4..=4));
    let gone = store.destroy(&[1], Destroyed::Expired);
    let read = all(&mut store).len();
    assert!(freeze(&place, "-i"), "what was set can be unset");
    assert!(refused.is_err() && gone.is_err());
    assert_eq!(read, 3);
    store.commit(&batch(4..=4)).expect("the same batch");
    assert_eq!(
        store.destroy(&[1], Destroyed::Expired).expect("destroys"),
        1
    );
    assert_eq!(all(&mut store).len(), 3);
}

#[test]
fn a_start_on_a_read_only_disk_names_the_file() {
    let Some(disk) = SmallDisk::mount(8_192) else {
        return;
    };
    put(&mut open(&disk.0), rows(1..=3, "2027-01-15T13:00:00Z"));
    disk.remount("ro");
    let error = Store::open(disk.0.path(), options())
        .err()
        .expect("refused");
    assert!(error.to_string().contains("events.db"), "{error}");
    disk.remount("rw");
    let mut store = open(&disk.0);
    assert_eq!(all(&mut store).len(), 3);
}

#[test]
fn a_locked_database_refuses_after_a_while_and_goes_on() {
    let place = place();
    let mut store = open(&place);
    put(&mut store, rows(1..=1, "2027-01-15T13:00:00Z"));
    let mut other = store.another().expect("opens");
    let held = crate::db::tests::hold(&mut other.db, || store.commit(&batch(2..=2)));
    assert!(
        held.expect_err("it is locked")
            .to_string()
            .contains("locked")
    );
    store.commit(&batch(2..=2)).expect("the same batch");
    assert_eq!(all(&mut store).len(), 2);
}

#[test]
fn a_corrupted_page_is_told_by_name() {
    let place = place();
    let mut store = open(&place);
    put(&mut store, rows(1..=2_000, "2027-01-15T13:00:00Z"));
    store.give_back().expect("empties the log");
    drop(store);
    let path = place.path().join("events.db");
    let mut bytes = fs::read(&path).expect("there");
    let page = 4_096;
    for at in (page * 20..bytes.len() - page).step_by(page) {
        bytes[at..at + page].fill(0xa5);
    }
    fs::write(&path, bytes).expect("ours");
    let outcome = Store::open(place.path(), options()).and_then(|(mut store, _)| {
        store.page(None, u32::MAX, &Which::default()).map(drop)?;
        store.commit(&batch(2_001..=2_100))
    });
    let sentence = outcome.expect_err("it is damaged").to_string();
    assert!(sentence.contains("events.db"), "{sentence}");
    // Moved away, the next start begins anew; keys that nobody would destroy in time are destroyed.
    fs::rename(&path, place.path().join("damaged.db")).expect("ours");
    for log in ["events.db-wal", "events.db-shm"] {
        let _ = fs::remove_file(place.path().join(log));
    }
    let (mut store, opening) = Store::open(place.path(), options()).expect("opens");
    assert_eq!(opening.found, Found::Foreign);
    store.commit(&batch(1..=1)).expect("it is stored");
}

#[test]
fn a_changed_row_is_left_out_and_the_others_are_read() {
    let place = place();
    let mut store = open(&place);
    put(&mut store, rows(1..=3, "2027-01-15T13:00:00Z"));
    let other = store.keys.read(3).expect("reads").expect("there");
    crate::db::tests::swap(&mut store.db, 1, 2);
    let left: Vec<i64> = all(&mut store).iter().map(|row| row.seq).collect();
    assert_eq!(left, [3]);
    assert_eq!(store.keys.read(3).expect("reads"), Some(other));
    // They still end in time.
    assert_eq!(
        store.expire(day("2027-07-15")).expect("destroys").destroyed,
        3
    );
}

#[test]
fn without_the_key_file_events_are_destroyed_and_counted_and_the_store_goes_on() {
    let place = place();
    let mut store = open(&place);
    put(&mut store, rows(1..=10, "2027-01-15T13:00:00Z"));
    drop(store);
    fs::remove_file(place.path().join("keys/events.keys")).expect("ours");
    let (mut store, opening) = Store::open(place.path(), options()).expect("opens");
    assert_eq!((opening.found, opening.unreadable), (Found::Missing, 10));
    assert_eq!(store.counts().expect("reads"), (0, 0));
    assert_eq!(
        store.owed().expect("reads"),
        [(Destroyed::Unreadable, 10)].into()
    );
    let restored = store.restore().expect("reads");
    assert_eq!(restored.next, 11, "numbers are not used again");
    store.commit(&batch(11..=12)).expect("it is stored");
    assert_eq!(all(&mut store).len(), 2);
    let sink = store.sink("siem").expect("reads").expect("known");
    assert_eq!(store.pending(sink).expect("reads").count, 2);
}
