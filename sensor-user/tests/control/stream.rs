//! The endless answer.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use sensor_user::{
    journal::{Action, Verifier},
    model::{Actor, Event, Role, request::JournalRow},
};

use crate::{
    fixture::{Running, eventually},
    samples::event,
};

/// A tail that has begun.
fn tail(door: &Running) -> BufReader<UnixStream> {
    stream(door, "/v1/events/tail")
}

fn stream(door: &Running, path: &str) -> BufReader<UnixStream> {
    let mut stream = door.connect();
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sends");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert_ne!(
            reader.read_line(&mut line).expect("head"),
            0,
            "closed within the head"
        );
    }
    reader
}

/// The next line of JSON; chunk sizes and blank lines are passed over. Blank at the end.
fn next(reader: &mut BufReader<UnixStream>) -> String {
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).expect("line") == 0 || line.starts_with('{') {
            return line;
        }
    }
}

#[test]
fn events_come_as_they_are_stored() {
    let door = Running::start();
    let mut reader = tail(&door);
    for id in ["e1", "e2"] {
        door.service
            .events
            .send(Arc::new(event(id)))
            .expect("a tail listens");
        let received: Event = serde_json::from_str(&next(&mut reader)).expect("an event");
        assert_eq!(received, event(id), "the operator sees addresses");
    }
}

#[test]
fn a_client_that_leaves_is_forgotten() {
    let door = Running::start();
    let reader = tail(&door);
    assert_eq!(door.service.events.receiver_count(), 1);
    drop(reader);
    eventually("the tail ends", || {
        door.service.events.receiver_count() == 0
    });
}

#[test]
fn a_slow_client_learns_what_it_missed() {
    let door = Running::start();
    let mut reader = tail(&door);
    // Large enough for the socket's buffers to be full long before the last.
    let mut large = event("e");
    large.markers = vec!["m".repeat(100); 1000];
    let large = Arc::new(large);
    for _ in 0..100 {
        door.service
            .events
            .send(Arc::clone(&large))
            .expect("a tail listens");
        thread::sleep(Duration::from_millis(2));
    }
    let (mut received, mut missed) = (0, 0);
    while received + missed < 100 {
        let line: serde_json::Value = serde_json::from_str(&next(&mut reader)).expect("JSON");
        match line["lagged"].as_u64() {
            Some(lagged) => missed += lagged,
            None => received += 1,
        }
    }
    assert!(
        received > 0 && missed > 0,
        "{received} received, {missed} missed"
    );
    assert_eq!(missed, door.counts.lagged.load(Relaxed));
}

#[test]
fn stopping_ends_tails_at_once() {
    let mut door = Running::start();
    let mut reader = tail(&door);
    door.tell_to_stop();
    assert_eq!(next(&mut reader), "", "the stream ends");
    door.wait();
}

#[test]
fn the_journal_is_followed_from_an_index_on_and_nothing_is_missed() {
    let mut door = Running::start();
    let actor = Actor {
        uid: 1000,
        role: Role::Operator,
    };
    let journal = Arc::clone(&door.service.journal);
    let write = |rows| {
        let _receipt = journal
            .append(&actor, Action::EventsRead { rows })
            .expect("append");
    };
    // More than one page before the client comes, and some after.
    (0..700).for_each(write);
    let mut reader = stream(&door, "/v1/journal/follow");
    let mut verifier = Verifier::new(None);
    let mut take = |reader: &mut BufReader<UnixStream>, count: u64| {
        for _ in 0..count {
            let row: JournalRow = serde_json::from_str(&next(reader)).expect("a row");
            verifier.row(&row).expect("it follows the one before");
        }
        verifier.head()
    };
    take(&mut reader, 700);
    (0..20).for_each(write);
    assert_eq!(take(&mut reader, 20), journal.head());
    let mut late = stream(&door, "/v1/journal/follow?from=719");
    let row: JournalRow = serde_json::from_str(&next(&mut late)).expect("a row");
    assert_eq!(row.index, 719);
    // What was written before the stop is still told.
    write(7);
    door.tell_to_stop();
    assert_eq!(take(&mut reader, 1), journal.head());
    assert_eq!(next(&mut reader), "");
    door.wait();
}
