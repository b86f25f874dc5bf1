//! The time that counts is that of the handover, by a clock that can be relied on.

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};
use sensor_user::{
    control::service::{Clock, Judged},
    model::{Destroyed, RequestType, Role},
};
use serde_json::Value;

use crate::scene::{DESIGNATED, RESPONSIBLE, Scene, actor, code};

/// A clock that does something each time it is read.
struct Moments<F: Fn(u32) -> Judged>(Cell<u32>, F);

impl<F: Fn(u32) -> Judged> Clock for Moments<F> {
    fn read(&self) -> Judged {
        self.0.set(self.0.get() + 1);
        (self.1)(self.0.get())
    }
}

fn right(time: Timestamp) -> Judged {
    Judged {
        time,
        trusted: true,
    }
}

fn submitted(kind: RequestType) -> Scene {
    let mut scene = Scene::new();
    let ids: Vec<String> = (1..=3)
        .map(|seq| {
            let id = scene.event(seq);
            scene.acknowledge(seq);
            id
        })
        .collect();
    let document = scene.document(kind, "REQ-1", &ids);
    assert_eq!(code(scene.submit(&document)), "ok: submitted");
    assert_eq!(code(scene.approve(RESPONSIBLE, "REQ-1")), "ok: approved");
    scene
}

fn last(scene: &Scene) -> Value {
    scene.told().pop().expect("an entry")
}

#[test]
fn an_answer_that_takes_until_the_request_is_over_is_not_handed_over() {
    let scene = submitted(RequestType::A);
    let over = scene.now + SignedDuration::from_hours(24 * 8);
    // Its time ends at each moment after the approval in turn: while events are asked for, and behind.
    for end in 3..=6 {
        let clock = Moments(Cell::new(0), |read| {
            right(if read >= end { over } else { scene.now })
        });
        let designated = actor(DESIGNATED, Role::Operator);
        let outcome = scene.desk.approve(&designated, "REQ-1", &clock);
        assert_eq!(code(outcome), "lapsed", "{end}");
        let told = last(&scene);
        assert_eq!(
            (&told["step"], &told["code"]),
            (&"not_disclosed".into(), &"lapsed".into())
        );
        assert!(scene.exports().is_empty(), "{end}");
    }
    let row = scene.approve(DESIGNATED, "REQ-1").expect("in time");
    assert_eq!(row.records, Some(3));
}

#[test]
fn an_event_that_is_destroyed_while_others_are_asked_for_is_not_disclosed() {
    let scene = submitted(RequestType::A);
    // The third event goes before the first is asked for, and the first one behind the last.
    scene.subscriber_system(
        "read -r line\nprintf '{\"identity\":\"A\",\"postal_address\":null,\"email\":null}'",
    );
    let store = std::cell::RefCell::new(scene.store.another().expect("a handle"));
    let mut ids: Vec<(String, i64)> = (1..=3).map(|seq| (crate::scene::id_of(seq), seq)).collect();
    ids.sort();
    let clock = Moments(Cell::new(0), |read| {
        let gone = match read {
            3 => Some(ids[2].1),
            5 => Some(ids[0].1),
            _ => None,
        };
        if let Some(seq) = gone {
            let destroyed = store.borrow_mut().destroy(&[seq], Destroyed::NotUseful);
            destroyed.expect("destroyed");
        }
        right(scene.now)
    });
    let designated = actor(DESIGNATED, Role::Operator);
    let row = scene
        .desk
        .approve(&designated, "REQ-1", &clock)
        .expect("answered");
    let (_, records) = scene.opened(&row);
    let events: Vec<&Value> = records.iter().map(|record| &record["event"]).collect();
    assert_eq!(events, [ids[1].0.as_str()]);
    // What is billed is what was held.
    let told = last(&scene);
    assert_eq!((&told["quantity"], &told["events"]), (&1.into(), &3.into()));
    let page = sensor_user::model::request::Page {
        limit: 10,
        after: None,
    };
    let line = &scene.desk.costs(&page).expect("reads").rows[0];
    assert_eq!((line.quantity, line.tariff_code.as_str()), (1, "IDENT"));
    assert_eq!(
        (&told["tariff_code"], &told["tariff_version"]),
        (&"IDENT".into(), &"2027-1".into())
    );
}

#[test]
fn a_nil_answer_costs_nothing_for_events_that_are_gone() {
    let mut scene = submitted(RequestType::B);
    scene
        .store
        .destroy(&[1, 2, 3], Destroyed::Expired)
        .expect("destroyed");
    let row = scene.approve(DESIGNATED, "REQ-1").expect("answered");
    assert_eq!(row.records, Some(0));
    assert_eq!(last(&scene)["quantity"], 0);
}

#[test]
fn a_suspect_clock_neither_answers_nor_ends_a_request() {
    let scene = submitted(RequestType::B);
    let suspect = |time| {
        Moments(Cell::new(0), move |_| Judged {
            time,
            trusted: false,
        })
    };
    let (designated, agent) = (actor(DESIGNATED, Role::Operator), actor(0, Role::Agent));
    // A month ahead: it would be over.
    let ahead = suspect(scene.now + SignedDuration::from_hours(24 * 30));
    scene.desk.lapse_over(&agent, &ahead).expect("looks");
    assert_eq!(scene.desk.show("REQ-1").expect("there").stage, "approved");
    let outcome = scene.desk.approve(&designated, "REQ-1", &ahead);
    assert_eq!(code(outcome), "clock_suspect");
    assert_eq!(scene.desk.show("REQ-1").expect("there").stage, "approved");
    assert_eq!(last(&scene)["code"], "clock_suspect");
    // Within its time: it is cleared and not answered.
    let outcome = scene.desk.approve(&designated, "REQ-1", suspect(scene.now));
    assert_eq!(code(outcome), "clock_suspect");
    assert_eq!(last(&scene)["code"], "clock_suspect");
    assert!(scene.exports().is_empty());
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "ok: disclosed");
}
