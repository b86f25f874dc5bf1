//! Tests of the store on real files.

mod destroy;
mod faults;
mod queue;

use std::{fs, path::Path};

use jiff::{Span, Timestamp};
use tempfile::TempDir;

use super::{body::tests::row as any_row, *};
use crate::model::{Event, EventRow, MatchedIn, State, retention::day_of};

/// A state directory.
fn place() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn options() -> Options {
    Options {
        sinks: vec!["siem".into(), "authority".into()],
        ..Options::default()
    }
}

fn open(place: &TempDir) -> Store {
    Store::open(place.path(), options()).expect("a store").0
}

fn time(text: &str) -> Timestamp {
    text.parse().expect(text)
}

/// The UTC day of a date.
fn day(text: &str) -> i32 {
    day_of(time(&format!("{text}T00:00:00Z")))
}

/// An event of a number, with an id of its own.
fn row(seq: i64, first_seen: &str) -> EventRow {
    let first_seen = time(first_seen);
    let id = crate::crypto::sha256(&[&seq.to_be_bytes()]);
    EventRow {
        event: Event {
            id: crate::crypto::hex(&id[..16]),
            rev: 1,
            first_seen,
            last_seen: first_seen + Span::new().seconds(3),
            matched_in: MatchedIn::SrcIp,
            ..any_row(seq).event
        },
        ..any_row(seq)
    }
}

fn rows(seqs: std::ops::RangeInclusive<i64>, first_seen: &str) -> Vec<EventRow> {
    seqs.map(|seq| row(seq, first_seen)).collect()
}

fn put(store: &mut Store, new: Vec<EventRow>) {
    let batch = Batch {
        new,
        ..Batch::default()
    };
    store.commit(&batch).expect("it is stored");
}

/// A sink has taken these revisions.
fn take(store: &mut Store, sink: SinkId, taken: &[(i64, u32)]) {
    let settlement = Settlement {
        taken,
        ..Settlement::default()
    };
    store.settle_deliveries(sink, settlement).expect("takes");
}

fn all(store: &mut Store) -> Vec<EventRow> {
    let (mut rows, _) = store
        .page(None, u32::MAX, &Which::default())
        .expect("reads");
    rows.reverse();
    rows
}

/// Files below a directory in which the bytes stand.
fn holding(directory: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if fs::read(&path)
            .unwrap_or_default()
            .windows(bytes.len())
            .any(|part| part == bytes)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_batch_comes_back_whole_after_a_restart() {
    let place = place();
    let mut store = open(&place);
    let mut new = rows(1..=3, "2027-01-15T13:00:00.000001Z");
    new[1].event.state = State::Open;
    let batch = Batch {
        new: new.clone(),
        epoch: 7,
        drained: 8,
        accounts: [("events".to_owned(), 3)].into(),
        sequences: [(0, 9)].into(),
        ..Batch::default()
    };
    store.commit(&batch).expect("it is stored");
    assert_eq!(all(&mut store), new);
    drop(store);
    let mut store = open(&place);
    let restored = store.restore().expect("reads");
    assert_eq!((restored.epoch, restored.drained, restored.next), (7, 8, 4));
    assert_eq!(restored.accounts, batch.accounts);
    assert_eq!(restored.sequences, batch.sequences);
    assert_eq!(restored.open, [new[1].clone()]);
    assert_eq!(store.counts().expect("reads"), (3, 1));
    // A change goes by its number, and closes.
    new[1].event.state = State::Closed;
    new[1].event.rev = 2;
    new[1].event.packets += 1;
    let batch = Batch {
        changed: vec![new[1].clone()],
        ..Batch::default()
    };
    store.commit(&batch).expect("it is stored");
    assert_eq!(all(&mut store), new);
    assert_eq!(store.counts().expect("reads"), (3, 0));
    // Another handle sees the same, and pages follow each other.
    let mut other = store.another().expect("opens");
    let (page, next) = other.page(None, 2, &Which::default()).expect("reads");
    assert_eq!((page[0].seq, page[1].seq, next), (3, 2, Some(2)));
    let (page, next) = other.page(next, 2, &Which::default()).expect("reads");
    assert_eq!((page[0].seq, page.len(), next), (1, 1, None));
}

#[test]
fn only_what_the_law_of_the_store_says_stands_in_clear() {
    let place = place();
    let mut store = open(&place);
    let row = row(1, "2027-01-15T13:00:00Z");
    put(&mut store, vec![row.clone()]);
    store.give_back().expect("empties the log");
    for clear in [
        row.event.markers[0].as_bytes(),
        row.event.orders[0].as_bytes(),
    ] {
        assert_ne!(holding(place.path(), clear), [""; 0]);
    }
    let octets = [198, 51, 100, 7];
    for hidden in [
        &octets[..],
        &[0x20, 0x01, 0x0d, 0xb8],
        row.event.interface.as_bytes(),
        row.event.sensor.as_bytes(),
        b"198.51.100.7",
        row.event.id.as_bytes(),
    ] {
        assert_eq!(holding(place.path(), hidden), [""; 0], "{hidden:?}");
    }
}

#[test]
fn ids_are_found_by_their_head_in_every_run() {
    let place = place();
    let mut store = open(&place);
    let last = 40_000;
    for first in (1..=last).step_by(5_000) {
        put(
            &mut store,
            rows(first..=first + 4_999, "2027-01-15T13:00:00Z"),
        );
    }
    for seq in [1, 16_383, 16_384, 16_385, 32_768, 32_769, last] {
        let row = row(seq, "2027-01-15T13:00:00Z");
        for length in [8, 9, 20, 31, 32] {
            let found = store.beginning(&row.event.id[..length]).expect("reads");
            assert_eq!(found, std::slice::from_ref(&row), "{seq} {length}");
        }
    }
    let id = row(5, "2027-01-15T13:00:00Z").event.id;
    for none in [
        &format!("{}0", &id[..9]),
        "0000000",
        "zzzzzzzz",
        "00000000",
        &format!("{id}0"),
    ] {
        if !id.starts_with(none) {
            assert_eq!(store.beginning(none).expect("reads"), [], "{none}");
        }
    }
}

#[test]
fn events_are_found_by_day_and_marker() {
    let place = place();
    let mut store = open(&place);
    let mut new = rows(1..=6, "2027-01-15T13:00:00Z");
    new[1].event.markers = vec!["other".into()];
    new[2].event.first_seen = time("2027-01-14T23:59:59Z");
    new[3].event.state = State::Open;
    put(&mut store, new);
    let mut seqs = |which: Which| -> Vec<i64> {
        let (rows, _) = store.page(None, 100, &which).expect("reads");
        rows.iter().map(|row| row.seq).collect()
    };
    let of = |marker: Option<&str>, on: &str, open| Which {
        day: Some(day(on)),
        marker: marker.map(str::to_owned),
        open,
    };
    assert_eq!(seqs(of(None, "2027-01-15", None)), [6, 5, 4, 2, 1]);
    assert_eq!(seqs(of(None, "2027-01-14", None)), [3]);
    assert_eq!(seqs(of(Some("c2"), "2027-01-15", None)), [6, 5, 4, 1]);
    assert_eq!(seqs(of(Some("wide"), "2027-01-14", None)), [3]);
    assert_eq!(seqs(of(Some("other"), "2027-01-15", None)), [2]);
    assert_eq!(seqs(of(Some("never"), "2027-01-15", None)), [0; 0]);
    assert_eq!(seqs(of(Some("c2"), "2027-01-15", Some(true))), [4]);
    assert_eq!(seqs(of(None, "2027-01-15", Some(false))), [6, 5, 2, 1]);
    let open = Which {
        open: Some(true),
        ..Which::default()
    };
    assert_eq!(seqs(open), [4]);
}

#[test]
fn what_a_former_version_left_in_clear_is_sealed() {
    let place = place();
    let old = row(5, "2027-01-15T13:00:00Z");
    let mut open_one = row(9, "2027-01-15T14:00:00Z");
    open_one.event.state = State::Open;
    crate::db::tests::former(
        place.path(),
        &[(5, &old.event), (9, &open_one.event)],
        &[("2027-01", [6; 32])],
    );
    assert_ne!(holding(place.path(), b"198.51.100.7"), [""; 0]);
    let (mut store, opening) = Store::open(place.path(), options()).expect("opens");
    assert_eq!((opening.sealed, opening.found), (2, Found::Missing));
    let found = all(&mut store);
    assert_eq!(
        found.iter().map(|row| &row.event).collect::<Vec<_>>(),
        [&old.event, &open_one.event]
    );
    assert_eq!(found[0].handling.len(), 2);
    let restored = store.restore().expect("reads");
    assert_eq!((restored.next, restored.open.len()), (10, 1));
    assert_eq!(*store.month_key("2027-01").expect("kept"), [6; 32]);
    let sink = store.sink("siem").expect("reads").expect("known");
    assert_eq!(
        store.pending(sink).expect("reads").count,
        0,
        "it was reported, or not, long ago"
    );
    // Nothing of it is left in clear.
    for hidden in [&b"198.51.100.7"[..], old.event.id.as_bytes(), b"transit0"] {
        assert_eq!(holding(place.path(), hidden), [""; 0]);
    }
    drop(store);
    let (_, opening) = Store::open(place.path(), options()).expect("opens");
    assert_eq!((opening.sealed, opening.found), (0, Found::Own));
}
