//! What is destroyed is gone: from the API, and from every file.

use std::collections::BTreeMap;

use super::*;
use crate::model::{Destroyed, Retention};

/// Destroys everything that is over on a day.
fn expire(store: &mut Store, today: i32) -> u64 {
    let mut destroyed = 0;
    loop {
        let stretch = store.expire(today).expect("destroys");
        destroyed += stretch.destroyed;
        if !stretch.more {
            break;
        }
    }
    store.destroy_months(today).expect("destroys");
    assert!(store.give_back().expect("empties the log"));
    destroyed
}

/// Key and ciphertext of an event.
fn bytes_of(store: &mut Store, seq: i64) -> ([u8; 32], Vec<u8>) {
    let key = store.keys.read(seq).expect("reads").expect("it has one");
    let sealed = store.db.rows(&[seq]).expect("reads").remove(0).sealed;
    (*key, sealed)
}

#[test]
fn six_months_and_a_second_later_neither_key_nor_ciphertext_is_left() {
    for (first, last_day, gone) in [
        ("2026-08-31T23:59:59Z", "2027-02-27", "2027-02-28"),
        ("2027-08-31T12:00:00Z", "2028-02-28", "2028-02-29"),
        ("2027-03-01T00:30:00+02:00", "2027-08-27", "2027-08-28"),
    ] {
        let place = place();
        let mut store = open(&place);
        let month = time(first).strftime("%Y-%m").to_string();
        let month_key = *store.month_key(&month).expect("a key");
        put(&mut store, rows(1..=3_000, first));
        let others = rows(3_001..=3_100, "2028-06-01T00:00:00Z");
        put(&mut store, others.clone());
        let kept = bytes_of(&mut store, 3_001);
        let hidden: Vec<_> = [1, 2, 1_500, 3_000]
            .map(|seq| bytes_of(&mut store, seq))
            .into();
        assert_eq!(expire(&mut store, day(last_day)), 0);
        assert_eq!(store.counts().expect("reads").0, 3_100, "readable before");
        assert!(store.page(None, 1, &Which::default()).is_ok());
        assert_eq!(expire(&mut store, day(gone)), 3_000);
        assert_eq!(all(&mut store), others);
        let id = row(1, first).event.id;
        assert_eq!(store.beginning(&id).expect("reads"), []);
        for (key, sealed) in &hidden {
            assert_eq!(holding(place.path(), key), [""; 0], "its key");
            // Whatever part of it a file may still hold.
            for part in sealed.chunks_exact(16) {
                assert_eq!(holding(place.path(), part), [""; 0], "its ciphertext");
            }
        }
        assert_ne!(holding(place.path(), &kept.0), [""; 0]);
        assert_eq!(expire(&mut store, day(gone) + 2), 0);
        assert_eq!(
            holding(place.path(), &month_key),
            [""; 0],
            "the month's key"
        );
        assert_eq!(
            store.owed().expect("reads"),
            BTreeMap::from([(Destroyed::Expired, 3_000)])
        );
        let (_, undelivered) = store.destroyed().expect("reads");
        assert_eq!(
            undelivered,
            BTreeMap::from([("siem".into(), 3_000), ("authority".into(), 3_000)])
        );
        let owed = store.owed().expect("reads");
        store.settle(&owed, None).expect("settles");
        assert_eq!(store.owed().expect("reads"), BTreeMap::new());
    }
}

#[test]
fn events_scattered_among_others_leave_nothing_behind() {
    let place = place();
    let mut store = open(&place);
    put(&mut store, rows(1..=20_000, "2027-01-15T13:00:00Z"));
    let gone: Vec<i64> = (1..=20_000).filter(|seq| seq % 7 == 0).collect();
    let hidden: Vec<_> = gone
        .iter()
        .step_by(97)
        .map(|seq| bytes_of(&mut store, *seq))
        .collect();
    let destroyed = store
        .destroy(&gone, Destroyed::NotUseful)
        .expect("destroys");
    assert_eq!(destroyed, gone.len() as u64);
    assert!(store.give_back().expect("empties the log"));
    let files: Vec<u8> = ["events.db", "events.db-wal", "keys/events.keys"]
        .iter()
        .flat_map(|name| fs::read(place.path().join(name)).unwrap_or_default())
        .collect();
    let parts: std::collections::HashSet<&[u8]> = files.windows(16).collect();
    for (key, sealed) in &hidden {
        assert!(!parts.contains(&key[..16]), "its key");
        let left = sealed
            .windows(16)
            .filter(|part| parts.contains(part))
            .count();
        assert_eq!(left, 0, "parts of its ciphertext");
    }
    assert_eq!(store.counts().expect("reads").0, 20_000 - destroyed);
}

#[test]
fn a_shorter_retention_counts_and_one_that_is_changed_counts_from_then_on() {
    let place = place();
    let shorter = Options {
        retention: Retention::Days(10),
        ..options()
    };
    let (mut store, _) = Store::open(place.path(), shorter).expect("opens");
    put(&mut store, rows(1..=2, "2027-01-15T13:00:00Z"));
    drop(store);
    let mut store = open(&place);
    put(&mut store, rows(3..=3, "2027-01-15T13:00:00Z"));
    assert_eq!(expire(&mut store, day("2027-01-24")), 0);
    assert_eq!(expire(&mut store, day("2027-01-25")), 2);
    assert_eq!(expire(&mut store, day("2027-07-15")), 1);
}

#[test]
fn an_event_that_a_wrong_clock_dated_into_the_future_is_kept_no_longer() {
    let place = place();
    let mut store = open(&place);
    put(&mut store, rows(1..=1, "2037-01-15T13:00:00Z"));
    put(&mut store, rows(2..=2, "2027-01-15T13:00:00Z"));
    assert_eq!(expire(&mut store, day("2027-01-15")), 0);
    assert_eq!(expire(&mut store, day("2027-07-14")), 0);
    assert_eq!(expire(&mut store, day("2027-07-15")), 2);
}

#[test]
fn a_destruction_that_was_cut_short_is_finished_at_the_next_start() {
    let place = place();
    let mut store = open(&place);
    put(&mut store, rows(1..=5, "2027-01-15T13:00:00Z"));
    // Keys are gone, rows are not: that is where it was cut short.
    store
        .db
        .doom(&[2, 3], Destroyed::NotUseful, None)
        .expect("notes");
    store.keys.destroy(&[2, 3]).expect("destroys");
    assert_eq!(all(&mut store).len(), 3, "what has no key is not shown");
    drop(store);
    let (mut store, opening) = Store::open(place.path(), options()).expect("opens");
    assert_eq!(opening.finished, 2);
    assert_eq!(store.counts().expect("reads").0, 3);
    assert_eq!(
        store.owed().expect("reads"),
        BTreeMap::from([(Destroyed::NotUseful, 2)])
    );
}

#[test]
fn a_false_positive_goes_by_its_marker_and_others_stay() {
    const WRONG: &str = "marker-that-was-wrong";
    let place = place();
    let mut store = open(&place);
    let mut new = rows(1..=5_000, "2027-01-15T13:00:00Z");
    for row in &mut new {
        row.event.markers[0] = WRONG.into();
        match row.seq % 3 {
            // Both markers, the wrong one, the right one.
            0 => {}
            1 => row.strike(|id| id == "wide").then_some(()).expect("struck"),
            _ => row.strike(|id| id == WRONG).then_some(()).expect("struck"),
        }
    }
    new[2].event.state = State::Open;
    put(&mut store, new.clone());
    let sink = store.sink("siem").expect("reads").expect("known");
    let all_taken: Vec<(i64, u32)> = (1..=5_000).map(|seq| (seq, 1)).collect();
    take(&mut store, sink, &all_taken);
    let wrong = [WRONG.to_owned(), "never".to_owned()].into();
    let mut destroyed = 0;
    loop {
        let stretch = store.destroy_markers(&wrong).expect("destroys");
        destroyed += stretch.destroyed;
        if !stretch.more {
            break;
        }
    }
    let only = (1..=5_000).filter(|seq| seq % 3 == 1).count() as u64;
    assert_eq!(destroyed, only);
    let left = all(&mut store);
    assert!(left.iter().all(|row| row.event.markers == ["wide"]));
    assert!(left.iter().all(|row| row.handling == [new[2].handling[1]]));
    let rev = |seq: i64| {
        left.iter()
            .find(|row| row.seq == seq)
            .expect("left")
            .event
            .rev
    };
    assert_eq!(
        (rev(2), rev(6), rev(3)),
        (1, 2, 1),
        "an open one's revisions are its owner's"
    );
    let closed = (1..=5_000).filter(|seq| seq % 3 == 0).count() as u64 - 1;
    assert_eq!(
        store.pending(sink).expect("reads").count,
        closed,
        "new revisions go out"
    );
    store.give_back().expect("empties the log");
    assert_eq!(
        holding(place.path(), WRONG.as_bytes()),
        [""; 0],
        "nor is the marker named"
    );
}

#[test]
fn at_its_cap_the_store_destroys_what_was_taken_oldest_first_and_then_is_full() {
    let place = place();
    let small = Options {
        most_bytes: 2 << 20,
        ..options()
    };
    let (mut store, _) = Store::open(place.path(), small).expect("opens");
    let mut next = 1;
    while !store.make_room().expect("looks").1 {
        put(&mut store, rows(next..=next + 999, "2027-01-15T13:00:00Z"));
        next += 1_000;
        assert!(next < 50_000, "the cap is reached");
    }
    // No sink has taken anything: nothing may go.
    assert_eq!(store.counts().expect("reads").0, next as u64 - 1);
    let taken: Vec<(i64, u32)> = (1..=1_500).map(|seq| (seq, 1)).collect();
    for sink in ["siem", "authority"] {
        let sink = store.sink(sink).expect("reads").expect("known");
        take(&mut store, sink, &taken);
    }
    // What left the queue made room, too.
    let gone = loop {
        let (stretch, full) = store.make_room().expect("looks");
        assert!(!full, "there are some that were taken");
        if stretch.destroyed > 0 {
            break stretch.destroyed;
        }
        put(&mut store, rows(next..=next + 99, "2027-01-15T13:00:00Z"));
        next += 100;
    };
    assert!(gone <= 1_500, "{gone}");
    assert_eq!(all(&mut store)[0].seq, gone as i64 + 1, "the oldest went");
    assert_eq!(store.destroyed().expect("reads").0[&Destroyed::Cap], gone);
    // Events that come use the room, and the file does not grow beyond the cap for long.
    assert!(store.bytes().expect("reads") < 2 << 20);
}

#[test]
fn counts_are_kept_until_they_are_journalled() {
    let place = place();
    let mut store = open(&place);
    put(&mut store, rows(1..=5, "2027-01-15T13:00:00Z"));
    store.destroy(&[1], Destroyed::Expired).expect("destroys");
    let told = store.owed().expect("reads");
    // The journal cannot be written; the agent goes on, ends, and starts again.
    store
        .destroy(&[2, 3], Destroyed::Expired)
        .expect("destroys");
    drop(store);
    let mut store = open(&place);
    assert_eq!(store.owed().expect("reads")[&Destroyed::Expired], 3);
    // What comes while an entry is written is told by the next.
    store.settle(&told, None).expect("settles");
    assert_eq!(store.owed().expect("reads")[&Destroyed::Expired], 2);
}

/// What the journal says of an event leads to it as long as it lives, and to nothing later.
#[test]
fn the_salt_of_a_commitment_dies_with_its_event() {
    let place = place();
    let mut store = open(&place);
    put(&mut store, rows(1..=2, "2027-01-01T00:00:00Z"));
    let [one, other] = [1, 2].map(|seq| row(seq, "2027-01-01T00:00:00Z"));
    let salt = |store: &Store, row| store.salt(row).expect("reads");
    let (first, second) = (salt(&store, &one), salt(&store, &other));
    let (first, second) = (first.expect("a salt"), second.expect("a salt"));
    assert_ne!(first.commit(&one.event.id), second.commit(&one.event.id));
    store.destroy(&[1], Destroyed::NotUseful).expect("destroys");
    assert!(salt(&store, &one).is_none(), "nobody makes it again");
    assert!(salt(&store, &other).is_some());
    let salt = crate::crypto::unhex(&first.text()).expect("hexadecimal");
    assert_eq!(holding(place.path(), &salt), [""; 0], "it was in no file");
}
