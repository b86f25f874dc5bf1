//! The queue: transactional with the events, lent, taken, tried again, buried.

use super::*;

const NOW: i64 = 1_800_000_000_000;

fn sinks(store: &mut Store) -> (SinkId, SinkId) {
    let mut sink = |name| store.sink(name).expect("reads").expect("known");
    (sink("siem"), sink("authority"))
}

fn lent(store: &mut Store, sink: SinkId, now: i64) -> Vec<(i64, u32, u32)> {
    let leased = store.lease(sink, now, now + 60_000, 100).expect("lends");
    let told = |one: &Leased| {
        assert_eq!(one.row.event.rev, one.rev);
        (one.row.seq, one.rev, one.attempts)
    };
    leased.iter().map(told).collect()
}

#[test]
fn each_sink_gets_each_event_once_lent_until_it_is_taken() {
    let place = place();
    let mut store = open(&place);
    put(&mut store, rows(1..=3, "2027-01-15T13:00:00Z"));
    let (siem, authority) = sinks(&mut store);
    // A worker has a handle of its own.
    let mut worker = store.another().expect("opens");
    assert_eq!(
        lent(&mut worker, siem, NOW),
        [(1, 1, 0), (2, 1, 0), (3, 1, 0)]
    );
    assert_eq!(lent(&mut worker, siem, NOW), [], "it is lent");
    assert_eq!(
        lent(&mut worker, authority, NOW).len(),
        3,
        "the other has its own"
    );
    take(&mut worker, siem, &[(1, 1), (3, 1)]);
    assert_eq!(worker.pending(siem).expect("reads").count, 1);
    // The worker died: what it had is lent again when its time is over.
    let later = NOW + 60_000;
    assert_eq!(lent(&mut worker, siem, later), [(2, 1, 1)]);
    let again = Settlement {
        again: &[(2, 1, later + 5_000)],
        ..Settlement::default()
    };
    worker.settle_deliveries(siem, again).expect("waits");
    assert_eq!(lent(&mut worker, siem, later + 4_999), []);
    assert_eq!(lent(&mut worker, siem, later + 5_000), [(2, 1, 2)]);
    drop((store, worker));
    let mut store = open(&place);
    assert_eq!(
        store.pending(siem).expect("reads").count,
        1,
        "it is on disk"
    );
    assert_eq!(store.pending(authority).expect("reads").count, 3);
}

#[test]
fn only_the_last_revision_waits_and_one_that_grew_stays() {
    let place = place();
    let mut store = open(&place);
    let mut first = row(1, "2027-01-15T13:00:00Z");
    first.event.state = State::Open;
    put(&mut store, vec![first.clone()]);
    let (siem, _) = sinks(&mut store);
    let change = |store: &mut Store, row: &EventRow| {
        let batch = Batch {
            changed: vec![row.clone()],
            ..Batch::default()
        };
        store.commit(&batch).expect("it is stored");
    };
    assert_eq!(lent(&mut store, siem, NOW), [(1, 1, 0)]);
    // Packets alone are no revision: the same id.rev is not sent twice.
    first.event.packets += 1;
    take(&mut store, siem, &[(1, 1)]);
    change(&mut store, &first);
    assert_eq!(store.pending(siem).expect("reads").count, 0);
    first.event.rev = 2;
    change(&mut store, &first);
    assert_eq!(lent(&mut store, siem, NOW), [(1, 2, 0)]);
    // It grows while it is on its way.
    first.event.rev = 3;
    first.event.state = State::Closed;
    change(&mut store, &first);
    take(&mut store, siem, &[(1, 2)]);
    assert_eq!(lent(&mut store, siem, NOW), [(1, 3, 0)]);
    take(&mut store, siem, &[(1, 3)]);
    assert_eq!(store.pending(siem).expect("reads"), Pending::default());
}

#[test]
fn dead_letters_are_told_and_replayed() {
    let place = place();
    let mut store = open(&place);
    put(&mut store, rows(1..=3, "2027-01-15T13:00:00Z"));
    let (siem, _) = sinks(&mut store);
    assert_eq!(lent(&mut store, siem, NOW).len(), 3);
    let why = |seq, reason: &str| (seq, 1, reason.to_owned());
    let settlement = Settlement {
        dead: &[why(1, "status_413"), why(3, "status_400")],
        ..Settlement::default()
    };
    store.settle_deliveries(siem, settlement).expect("buries");
    let pending = store.pending(siem).expect("reads");
    assert_eq!((pending.count, pending.dead), (1, 2));
    assert!(pending.oldest.is_some_and(|at| at > 0));
    let dead = store.dead(siem, 1, 10).expect("reads");
    let id = row(3, "2027-01-15T13:00:00Z").event.id;
    assert_eq!(
        dead,
        [DeadLetter {
            seq: 3,
            id,
            rev: 1,
            attempts: 1,
            reason: "status_400".into()
        }]
    );
    assert_eq!(lent(&mut store, siem, NOW + 120_000), [(2, 1, 1)]);
    assert_eq!(store.replay(siem).expect("replays"), 2);
    assert_eq!(
        lent(&mut store, siem, NOW + 120_000),
        [(1, 1, 0), (3, 1, 0)]
    );
}

#[test]
fn what_waits_dies_with_its_event_and_is_counted() {
    let place = place();
    let mut store = open(&place);
    put(&mut store, rows(1..=3, "2027-01-15T13:00:00Z"));
    let (siem, authority) = sinks(&mut store);
    take(&mut store, siem, &[(1, 1)]);
    let gone = store.destroy(&[1, 2], crate::model::Destroyed::Expired);
    assert_eq!(gone.expect("destroys"), 2);
    assert_eq!(store.pending(siem).expect("reads").count, 1);
    assert_eq!(store.pending(authority).expect("reads").count, 1);
    let (_, undelivered) = store.destroyed().expect("reads");
    assert_eq!(
        undelivered,
        [("siem".into(), 1), ("authority".into(), 2)].into()
    );
}

#[test]
fn a_worker_and_the_writer_wait_for_each_other() {
    let place = place();
    let mut store = open(&place);
    let (siem, _) = sinks(&mut store);
    let mut worker = store.another().expect("opens");
    let over = std::sync::atomic::AtomicBool::new(false);
    let taken = std::thread::scope(|scope| {
        let taking = scope.spawn(|| {
            let mut taken = 0;
            loop {
                let last = over.load(std::sync::atomic::Ordering::Relaxed);
                let leased = worker.lease(siem, NOW, NOW + 60_000, 50).expect("lends");
                let of = |one: &Leased| (one.row.seq, one.rev);
                let revs: Vec<(i64, u32)> = leased.iter().map(of).collect();
                take(&mut worker, siem, &revs);
                taken += revs.len();
                if last && revs.is_empty() {
                    return taken;
                }
            }
        });
        for first in (1..=2_000).step_by(20) {
            put(&mut store, rows(first..=first + 19, "2027-01-15T13:00:00Z"));
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        taking.join().expect("it ends")
    });
    assert_eq!(taken, 2_000);
}

#[test]
fn what_a_former_directory_had_still_to_forget_is_forgotten_by_whoever_writes_there_again() {
    let place = place();
    let mut store = open(&place);
    let id = [7; 16];
    let former = "siem in /b".to_owned();
    let noted = store
        .db
        .withdraw(std::slice::from_ref(&former), [id].into_iter());
    noted.expect("notes");
    store.withdraw_instead(&former, "siem").expect("notes");
    assert_eq!(
        store.withdrawn("siem").expect("reads"),
        [crate::crypto::hex(&id)]
    );
    assert_eq!(store.withdrawn(&former).expect("reads"), [""; 0]);
}
