//! Events as sinks are told them, and sinks driven directly.

use std::{future::Future, net::TcpListener};

use sensor_user::{
    model::{Event, MarkerHandling, Pap, Recipient, Tlp},
    outbox::{Extent, Outcome, Sink, View},
};
use serde_json::{Value, json};

/// Address of the subscriber of every event.
pub const SUBSCRIBER: &str = "10.77.0.1";
/// Value of the marker of every event: the peer.
pub const MARKED: &str = "203.0.113.5";
/// Port of the peer.
pub const PORT: u16 = 44_333;
/// Name of the marker of every event.
pub const MARKER: &str = "case-7-secret";

/// An event as JSON; `number` tells events apart.
#[must_use]
pub fn fields(number: u32, rev: u32) -> Value {
    json!({
        "schema": 1,
        "id": format!("{number:032x}"),
        "rev": rev,
        "state": if rev == 1 { "open" } else { "closed" },
        "sensor": "pop1",
        "vantage": 1,
        "markers": [MARKER],
        "orders": ["ORDER-2026-7"],
        "pattern_kind": "ip",
        "matched_in": "dst_ip",
        "first_seen": "2026-01-31T12:00:00.123456Z",
        "last_seen": format!("2026-01-31T12:00:0{rev}.5Z"),
        "src_ip": SUBSCRIBER,
        "src_port": 40_000 + number % 20_000,
        "dst_ip": MARKED,
        "dst_port": PORT,
        "proto": "tcp",
        "packets": 7 * rev,
        "bytes": 4_200,
        "subscriber_side": "src",
        "interface": "access0",
        "vlan": [100],
        "generation": 1,
        "tlp": "GREEN",
        "pap": "AMBER",
    })
}

/// A view of an event, for a recipient; `tlp` is that of its marker, whose issuer is the authority
/// or not.
///
/// # Panics
/// When the fields are not those of an event.
#[must_use]
pub fn view(fields: Value, (tlp, authority): (Tlp, bool), to: (Recipient, Extent)) -> View {
    let mut event: Event = serde_json::from_value(fields).expect("an event");
    event.tlp = tlp;
    let handling = MarkerHandling {
        tlp,
        pap: Pap::Amber,
        authority,
    };
    let expires = "2026-07-31".parse().expect("a day");
    View::new(event, &[handling], &[7; 32], to, expires)
}

/// A whole event that the operator may know.
#[must_use]
pub fn event(number: u32, rev: u32) -> View {
    let to = (Recipient::Operator, Extent::Event);
    view(fields(number, rev), (Tlp::Green, false), to)
}

/// First revisions of `count` events.
#[must_use]
pub fn events(count: u32) -> Vec<View> {
    (1..=count).map(|number| event(number, 1)).collect()
}

/// Every marking and recipient: the view, and whether marker and peer must be blank in it.
#[must_use]
pub fn markings() -> Vec<(View, bool)> {
    let mut all = Vec::new();
    let operator = (Recipient::Operator, Extent::Event);
    let policy = (Recipient::Authority, Extent::Event);
    let alert = (Recipient::Authority, Extent::Alert);
    for (tlp, authority, to, blank) in [
        (Tlp::Red, false, operator, true),
        (Tlp::Red, true, operator, true),
        (Tlp::Red, false, policy, true),
        (Tlp::Red, true, policy, false),
        (Tlp::Red, false, alert, true),
        (Tlp::AmberStrict, false, operator, false),
        (Tlp::AmberStrict, false, policy, true),
        (Tlp::AmberStrict, true, policy, false),
        (Tlp::AmberStrict, false, alert, true),
        (Tlp::Amber, false, policy, false),
    ] {
        let number = u32::try_from(all.len()).expect("few") + 1;
        all.push((view(fields(number, 1), (tlp, authority), to), blank));
    }
    all
}

/// Whether what a sink sent holds what its recipient may not know.
///
/// # Panics
/// When something is there that must be blank, or is blank that must be there.
pub fn check_marking(sent: &str, view: &View, blank: bool) {
    let what = format!("{:?} {:?}: {sent}", view.extent, view.event.tlp);
    assert_eq!(!sent.contains(MARKER), blank, "the marker: {what}");
    let alert = view.extent == Extent::Alert;
    let port = PORT.to_string();
    for part in [MARKED, port.as_str()] {
        assert_eq!(!sent.contains(part), blank || alert, "{part}: {what}");
    }
    for part in [SUBSCRIBER, "tcp"] {
        assert_eq!(!sent.contains(part), alert, "{part}: {what}");
    }
    assert!(!sent.contains("payload"), "{what}");
}

/// Delivers and waits.
#[must_use]
pub fn deliver(sink: &mut impl Sink, views: &[View]) -> Vec<Outcome> {
    let outcomes = run(sink.deliver(views));
    assert_eq!(outcomes.len(), views.len());
    outcomes
}

/// The code of every outcome, `ok` for what was acknowledged; refusals begin with `!`.
#[must_use]
pub fn codes(outcomes: &[Outcome]) -> Vec<String> {
    let code = |outcome: &Outcome| match outcome {
        Outcome::Acknowledged => "ok".into(),
        Outcome::Retry(reason) => reason.code.clone(),
        Outcome::Refused(reason) => format!("!{}", reason.code),
    };
    outcomes.iter().map(code).collect()
}

/// Delivers one event; the code of its outcome.
#[must_use]
pub fn deliver_one(sink: &mut impl Sink, view: View) -> String {
    codes(&deliver(sink, &[view])).remove(0)
}

/// Runs on the one runtime of the test program, so that connections outlive a call.
///
/// # Panics
/// When no runtime can be made.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: std::sync::OnceLock<tokio::runtime::Runtime> = std::sync::OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().expect("a runtime"));
    runtime.block_on(future)
}

/// A port of this machine's loopback address on which nobody listens.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
