//! Sinks driven directly.

use std::{future::Future, net::TcpListener};

use sensor_user::outbox::{Outcome, Sink, View};

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
