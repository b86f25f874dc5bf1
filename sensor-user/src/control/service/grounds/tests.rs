use super::*;
use crate::{
    config::{Config, Regime},
    control::service::inventory::over_rows,
    db::Named,
    legal::Law,
    model::{Direction, Pap, Standing, Tlp},
};

fn at(second: i64) -> Moment {
    Moment::from_microsecond(second * 1_000_000).expect("a time")
}

fn order(number: u32, start: i64, end: i64) -> Order {
    Order {
        number: OrderNumber(number),
        reference: format!("2026-{number}"),
        issuer: "authority".into(),
        threat_reference: None,
        start: at(start),
        end: at(end),
        tlp: Tlp::Red,
        pap: Pap::Clear,
        acknowledged: at(0),
        receipt: 1,
        serial: (number == 2).then_some(7),
        withdrawn: None,
        over: false,
    }
}

fn held(source: u32, until: Option<i64>) -> Held {
    let mut marker = Marker::new("m", "ip 203.0.113.5".parse().expect("a pattern"));
    marker.until = until.map(at);
    Held {
        marker,
        standing: Standing::Accepted,
        source: OrderNumber(source),
        capped: false,
        over: false,
        modified: None,
        signed: None,
    }
}

fn named(order: u32, brought: Option<Brought>) -> Named {
    Named {
        brought,
        ..Named::only("m".into(), OrderNumber(order))
    }
}

fn windows(held: &Held, orders: &Orders) -> Vec<(u32, Option<Moment>, Option<Moment>)> {
    let mut windows = Vec::new();
    each_row_of(held, orders, |row| {
        windows.push((row.order.0, row.marker.from, row.marker.until));
    });
    windows
}

#[test]
fn a_marker_is_exploited_on_each_of_its_grounds_for_its_time() {
    let both = vec![named(1, None), named(2, None)];
    let mut orders = Orders::new(vec![order(1, 10, 20), order(2, 15, 40)], both);
    let own = held(0, Some(30));
    let expected = [
        (0, None, Some(at(30))),
        (1, Some(at(10)), Some(at(20))),
        (2, Some(at(15)), Some(at(30))),
    ];
    assert_eq!(windows(&own, &orders), expected);
    let brought = held(1, None);
    let expected = [
        (1, Some(at(10)), Some(at(20))),
        (2, Some(at(15)), Some(at(40))),
    ];
    assert_eq!(windows(&brought, &orders), expected);
    let open = Admission::new(true, Law::default());
    let why = |held: &Held, orders: &Orders, now| not_in_force(held, orders, at(now).into(), open);
    assert_eq!(why(&brought, &orders, 9), Some(NotInForce::NotYet));
    assert_eq!(why(&brought, &orders, 39), None);
    assert_eq!(why(&brought, &orders, 40), Some(NotInForce::Over));
    // A cap of the operator's own does not cut an order short.
    let mut capped = held(0, Some(12));
    capped.capped = true;
    assert_eq!(windows(&capped, &orders)[2].2, Some(at(40)));
    orders.get_mut(OrderNumber(2)).expect("there").over = true;
    assert_eq!(windows(&own, &orders).len(), 2);
    orders.get_mut(OrderNumber(1)).expect("there").withdrawn = Some(at(12));
    assert_eq!(why(&brought, &orders, 12), Some(NotInForce::Withdrawn));
    assert_eq!(why(&own, &orders, 12), None);
    assert_eq!(orders.heir(&"m".into()), None);
    // Over is over, even when the clock says that it is not.
    let over = Held { over: true, ..own };
    assert_eq!(why(&over, &orders, 12), Some(NotInForce::Over));
}

#[test]
fn what_an_order_brings_is_looked_for_as_the_order_says() {
    // The operator's own is over, weakly marked and of one side; the order brings it otherwise.
    let mut own = held(0, Some(5));
    (own.marker.tlp, own.over) = (Tlp::Red, true);
    own.marker.direction = Direction::Source;
    let mut says = Marker::new("m", own.marker.pattern.clone());
    (says.until, says.tlp, says.pap) = (Some(at(30)), Tlp::Green, Pap::Green);
    let brought = Some(Brought::said(&says));
    let orders = Orders::new(
        vec![order(1, 10, 20), order(2, 15, 40)],
        vec![named(1, None), named(2, brought)],
    );
    let mut rows = Vec::new();
    each_row_of(&own, &orders, |row| rows.push(row));
    let [row] = rows.as_slice() else {
        panic!("one row, of the second order: {rows:?}");
    };
    assert_eq!(row.order, OrderNumber(2));
    let marker = &row.marker;
    assert_eq!((marker.from, marker.until), (Some(at(15)), Some(at(30))));
    assert_eq!(marker.direction, Direction::Either);
    assert_eq!((marker.tlp, marker.pap), (Tlp::Red, Pap::Amber));
    let open = Admission::new(true, Law::default());
    assert_eq!(not_in_force(&own, &orders, at(20).into(), open), None);
    // Its end for the order is not the end of the marker.
    let noted = over_rows([row].into_iter(), &orders, at(30).into());
    assert_eq!(noted.markers, Vec::<MarkerId>::new());
    assert_eq!(noted.brought, [("m".into(), OrderNumber(2))]);
}

#[test]
fn what_is_held_back_or_of_another_kind_has_no_row() {
    let orders = Orders::default();
    let mut back = held(0, None);
    back.standing = Standing::Quarantined("too_broad".into());
    let now = Timestamp::UNIX_EPOCH;
    let open = Admission::new(true, Law::default());
    assert_eq!(
        not_in_force(&back, &orders, now, open),
        Some(NotInForce::Quarantined)
    );
    assert!(windows(&back, &orders).is_empty());
}

#[test]
fn gate_regime_and_marking_bar_what_time_would_let_in() {
    let mut config = Config::default();
    config.legal.regime = Regime::Of2023;
    let law = Law::of(&config);
    let second = vec![named(2, None)];
    let orders = Orders::new(vec![order(1, 10, 20), order(2, 15, 40)], second);
    let (by_hand, now) = (held(1, None), at(16).into());
    let why = |held: &Held, orders: &Orders, admission| not_in_force(held, orders, now, admission);
    let shut = Admission::new(false, Law::default());
    assert_eq!(why(&by_hand, &orders, shut), Some(NotInForce::Undeclared));
    let strict = Admission::new(true, law);
    assert_eq!(
        why(&by_hand, &orders, strict),
        None,
        "a signed order names it"
    );
    let alone = Orders::new(vec![order(1, 10, 20)], Vec::new());
    assert_eq!(why(&by_hand, &alone, strict), Some(NotInForce::Regime));
    assert!(strict.forbids(&by_hand.marker, by_hand.source, &alone));
    let mut red = held(0, None);
    red.marker.pap = Pap::Red;
    let open = Admission::new(true, Law::default());
    assert_eq!(why(&red, &alone, open), Some(NotInForce::PapRed));
    // What is over is over, whoever else forbids it.
    let over = held(0, Some(5));
    assert_eq!(why(&over, &alone, shut), Some(NotInForce::Over));
}

#[test]
fn what_an_order_says_of_its_marker_stands_beside_the_operators_words() {
    let mut brought = held(1, Some(18));
    brought.marker.tlp = Tlp::AmberStrict;
    let first = named(1, Some(Brought::of(&brought)));
    let mut orders = Orders::new(vec![order(1, 10, 20), order(2, 15, 40)], vec![first]);
    orders.name(&named(2, None));
    let mut own = held(0, Some(12));
    own.marker.tlp = Tlp::Clear;
    let expected = [
        (0, None, Some(at(12))),
        (1, Some(at(10)), Some(at(18))),
        (2, Some(at(15)), Some(at(12))),
    ];
    assert_eq!(windows(&own, &orders), expected);
    let later = own.clone();
    let over = Held { over: true, ..own };
    assert_eq!(windows(&over, &orders), expected[1..2]);
    orders.set_brought_over(&"m".into(), OrderNumber(1));
    assert_eq!(windows(&over, &orders), []);
    assert_eq!(windows(&later, &orders).len(), 2);
    // What the operator no longer uses goes on in its words where an order took them.
    assert_eq!(orders.heir(&"m".into()), Some(OrderNumber(2)));
}

#[test]
fn an_order_that_has_ended_holds_no_marker() {
    let mut orders = Orders::new(vec![order(1, 10, 20)], vec![named(1, None)]);
    let (own, brought) = (held(0, None), held(1, None));
    assert!(!orders.let_go(&own) && !orders.let_go(&brought));
    orders.get_mut(OrderNumber(1)).expect("there").over = true;
    assert!(!orders.let_go(&own) && orders.let_go(&brought));
    // Another order that names it goes on with it.
    orders.put(order(2, 15, 40));
    orders.name(&named(2, None));
    assert!(!orders.let_go(&brought));
}
