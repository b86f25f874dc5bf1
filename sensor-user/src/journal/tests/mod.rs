//! The journal as its callers and its forgers meet it.

mod full_disk;
mod growth;
mod tamper;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
};

use super::{segments::Sizes, *};
use crate::{
    crypto::unhex,
    db::tests::Scratch,
    model::{Actor, Role},
};

/// Segments of about ten entries.
const SMALL: Sizes = Sizes {
    segment: 2048,
    reserve: 1024,
};

pub(super) const ACTOR: Actor = Actor {
    uid: 1000,
    role: Role::Operator,
};

fn append(journal: &Journal, rows: u64) -> u64 {
    journal
        .append(&ACTOR, Action::EventsRead { rows })
        .expect("append")
        .index()
}

/// A journal of `entries` entries in small segments.
fn written(dir: &Path, entries: u64) -> Head {
    let journal = Journal::open_sized(dir, SMALL).expect("open");
    for index in 0..entries {
        assert_eq!(append(&journal, index), index);
    }
    journal.head()
}

fn segment_paths(dir: &Path) -> Vec<PathBuf> {
    let firsts = reader::list(dir).expect("list");
    firsts
        .iter()
        .map(|first| reader::path(dir, *first))
        .collect()
}

#[test]
fn a_reopened_journal_goes_on_where_it_was() {
    let scratch = Scratch::new("journal");
    let before = written(&scratch.0, 35);
    assert!(segment_paths(&scratch.0).len() >= 3);
    let journal = Journal::open_sized(&scratch.0, SMALL).expect("reopen");
    assert_eq!(journal.head(), before);
    assert_eq!(append(&journal, 0), 35);
    let after = journal.head();
    let earlier = Some((before.size, before.root));
    assert_eq!(verify_dir(&scratch.0, earlier).expect("verify"), after);
}

#[test]
fn two_agents_cannot_write_one_journal() {
    let scratch = Scratch::new("journal");
    let first = Journal::open(&scratch.0).expect("open");
    let second = Journal::open(&scratch.0);
    assert!(matches!(second, Err(Error::Locked { dir }) if dir == scratch.0));
    drop(first);
    Journal::open(&scratch.0).expect("open once the first is gone");
}

#[test]
fn threads_each_get_their_own_receipts() {
    let scratch = Scratch::new("journal");
    let journal = Journal::open_sized(&scratch.0, SMALL).expect("open");
    let indexes: Vec<u64> = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..50)
                        .map(|rows| append(&journal, rows))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().expect("writer"))
            .collect()
    });
    assert_eq!(
        indexes.iter().copied().collect::<BTreeSet<_>>(),
        (0..200).collect()
    );
    assert_eq!(
        verify_dir(&scratch.0, None).expect("verify"),
        journal.head()
    );
}

fn text(row: &crate::model::request::JournalRow) -> &str {
    row.entry.as_ref().expect("nothing is hidden").get()
}

/// What a client does: it pages through the journal and proves what it gets.
fn prove_pages(journal: &Journal, limit: u32) {
    let mut verifier = Verifier::new(None);
    loop {
        let page = journal.page(verifier.head().size, limit).expect("page");
        for row in &page.rows {
            assert_eq!(row.index, verifier.head().size);
            assert_eq!(
                row.leaf,
                crate::crypto::hex(&merkle::leaf_hash(text(row).as_bytes()))
            );
            verifier.row(row).expect("line");
        }
        assert!(page.rows.len() <= limit as usize);
        if page.rows.is_empty() {
            let head = verifier.finish().expect("finish");
            assert_eq!(head.size, page.size);
            assert_eq!(head.root.to_vec(), unhex(&page.root).expect("root"));
            assert_eq!(head, journal.head());
            break;
        }
    }
}

#[test]
fn pages_carry_the_journal_byte_for_byte() {
    let scratch = Scratch::new("journal");
    let head = written(&scratch.0, 35);
    let disk = Journal::open_sized(&scratch.0, SMALL).expect("reopen");
    let memory = Journal::in_memory();
    for rows in 0..35 {
        append(&memory, rows);
    }
    for journal in [&disk, &memory] {
        for limit in [1, 7, 100] {
            prove_pages(journal, limit);
        }
        for (from, limit) in [(35, 10), (u64::MAX, 10), (3, 0)] {
            let page = journal.page(from, limit).expect("page");
            assert_eq!((page.rows.len(), page.size), (0, head.size));
        }
        let page = journal.page(33, u32::MAX).expect("page");
        let entry: Entry = serde_json::from_str(text(&page.rows[1])).expect("entry");
        assert_eq!(
            (entry.index, entry.uid, entry.role),
            (34, 1000, Role::Operator)
        );
        assert_eq!(entry.action, Action::EventsRead { rows: 34 });
    }
}

#[test]
fn an_entry_too_long_is_refused_and_changes_nothing() {
    let scratch = Scratch::new("journal");
    let journal = Journal::open(&scratch.0).expect("open");
    let head = journal.head();
    let interface = "x".repeat(LONGEST_LINE);
    let refused = journal.append(&ACTOR, Action::Attached { interface });
    assert!(matches!(refused, Err(Error::TooLong { .. })), "{refused:?}");
    assert_eq!(journal.head(), head);
    assert_eq!(append(&journal, 1), 0);
}

#[test]
fn an_opened_journal_tells_what_it_continues_and_accepted() {
    let scratch = Scratch::new("journal");
    let head = written(&scratch.0, 25);
    let accept = |serial| Action::EnvelopeAccepted {
        issuer: "authority".into(),
        serial,
        digest: String::new(),
        of: 0,
    };
    {
        let journal = Journal::open_sized(&scratch.0, SMALL).expect("open");
        for serial in [4, 9, 2] {
            let _receipt = journal.append(&ACTOR, accept(serial)).expect("append");
        }
        // Announced, refused: neither is accepted.
        let refused = Action::EnvelopeRefused {
            code: "expired".into(),
            issuer: Some("authority".into()),
            serial: Some(50),
        };
        let _receipt = journal.append(&ACTOR, refused).expect("append");
    }
    let past = |mark| Journal::open_past(&scratch.0, SMALL, mark).expect("open").1;
    let none = past(None);
    assert!(none.continues);
    assert_eq!(none.accepted, [("authority".to_owned(), 9)].into());
    assert!(past(Some(head)).continues);
    let empty = Head {
        size: 0,
        root: merkle::Frontier::default().root(),
    };
    assert!(past(Some(empty)).continues);
    let longer = Head {
        size: head.size + 5,
        ..head
    };
    let other = Head {
        root: [7; 32],
        ..head
    };
    assert!(!past(Some(longer)).continues && !past(Some(other)).continues);
}

#[test]
fn who_reads_waits_for_nobody_who_writes() {
    let scratch = Scratch::new("reading");
    written(&scratch.0, 35);
    let journal = Journal::open_sized(&scratch.0, SMALL).expect("open");
    let (told, tells) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        // As an entry does that waits for the disk.
        let writing = journal.lock();
        let read = || {
            let page = journal.page(0, 100).expect("page");
            let proof = journal.prove(crate::model::request::Proposition::Includes {
                index: 3,
                size: None,
            });
            (page.rows.len(), proof.is_ok(), journal.head().size)
        };
        scope.spawn(move || told.send(read()));
        let read = tells.recv_timeout(std::time::Duration::from_secs(10));
        drop(writing);
        assert_eq!(read.expect("nobody waits"), (35, true, 35));
    });
}

#[test]
fn the_time_of_entries_does_not_go_back_with_the_wall_clock() {
    let scratch = Scratch::new("judged");
    let journal = Journal::open_sized(&scratch.0, SMALL).expect("open");
    let ahead = crate::clock::Watch::new(None, crate::clock::read()).mark();
    let ahead = crate::model::ClockMark {
        wall: ahead.wall + 1_800_000_000,
        ..ahead
    };
    // As if the wall clock had been set back by half an hour since that mark was kept.
    journal.judge_by(Some(ahead));
    append(&journal, 0);
    let entry: Entry =
        serde_json::from_str(text(&journal.page(0, 1).expect("page").rows[0])).expect("an entry");
    assert!(entry.time.as_microsecond() >= ahead.wall);
}

#[test]
fn what_is_hidden_cannot_be_found_out_by_trying() {
    let scratch = Scratch::new("nonce");
    let journal = Journal::open_sized(&scratch.0, SMALL).expect("open");
    for _ in 0..3 {
        append(&journal, 7);
    }
    let page = journal.page(0, 3).expect("page");
    let nonce = |row| -> String {
        let entry: Entry = serde_json::from_str(text(row)).expect("an entry");
        entry.nonce
    };
    let nonces: BTreeSet<String> = page.rows.iter().map(nonce).collect();
    assert_eq!(nonces.len(), 3);
    assert!(nonces.iter().all(|nonce| nonce.len() == 32));
}
