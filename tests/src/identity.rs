//! Invariant 7 on a running daemon: where every hit and every record ended.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::{command::wait_until, daemon::Client};

/// The terms of the identities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identities {
    /// Terms of the kernel, `hits` included.
    pub kernel: BTreeMap<String, u64>,
    /// Terms of the agent, `records` left out.
    pub agent: BTreeMap<String, u64>,
    /// Findings of the inspection lane and where they ended.
    pub findings: BTreeMap<String, u64>,
    /// Packets lent to it and where they are.
    pub lent: BTreeMap<String, u64>,
}

impl Identities {
    /// Waits until every record has been accounted for, and checks both identities.
    ///
    /// # Panics
    /// When one does not hold within ten seconds, or the daemon does not answer.
    #[must_use]
    pub fn settled(client: &Client) -> Self {
        let last = Self::when(client, |now| {
            now.agent["in_flight"] + now.lent["in_flight"] == 0
        });
        assert_eq!(last.agent["in_flight"], 0, "still in flight: {last:?}");
        assert_eq!(last.lent["in_flight"], 0, "still in flight: {last:?}");
        last
    }

    /// The same while the store does not answer: what came behind the batch that it did not take stays in
    /// flight.
    ///
    /// # Panics
    /// As [`Identities::settled`].
    #[must_use]
    pub fn while_stuck(client: &Client) -> Self {
        Self::when(client, |_| true)
    }

    fn when(client: &Client, arrived: impl Fn(&Self) -> bool) -> Self {
        let mut last = Self::read(client);
        wait_until(Duration::from_secs(10), || {
            let now = Self::read(client);
            // Twice the same: no packet is on its way.
            let quiet = now == last && arrived(&now);
            last = now;
            quiet
        });
        last.check();
        last
    }

    fn read(client: &Client) -> Self {
        let status = client.get("/v1/status").expect("the daemon answers").body;
        let terms = |name: &str| {
            let rows = status[name].as_array().expect("a list of terms");
            let term = |row: &Value| {
                let name = row["term"].as_str().expect("a name").to_owned();
                (name, row["count"].as_u64().expect("a count"))
            };
            rows.iter().map(term).collect::<BTreeMap<_, _>>()
        };
        let mut agent = terms("agent_records");
        agent.remove("records");
        Self {
            kernel: terms("kernel_hits"),
            agent,
            findings: terms("findings"),
            lent: terms("lent"),
        }
    }

    fn check(&self) {
        let sum: u64 = self.kernel.values().sum::<u64>() - self.kernel["hits"];
        assert_eq!(self.kernel["hits"], sum, "the kernel's identity: {self:?}");
        assert_eq!(
            self.kernel["records"],
            self.agent_sum(),
            "the agent's identity: {self:?}"
        );
        let found = self.findings["findings"];
        let sum = self.findings.values().sum::<u64>() - found;
        assert_eq!(found, sum, "the identity of findings: {self:?}");
        let lent = self.lent["lent"];
        let sum = self.lent.values().sum::<u64>() - lent;
        assert_eq!(lent, sum, "the identity of lent packets: {self:?}");
    }

    fn agent_sum(&self) -> u64 {
        self.agent.values().sum()
    }
}

/// All events of a daemon, newest first.
///
/// # Panics
/// When it does not answer.
#[must_use]
pub fn events(client: &Client) -> Vec<Value> {
    let answer = client
        .get("/v1/events?limit=10000")
        .expect("the daemon answers");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(
        answer.body["next"],
        Value::Null,
        "more events than one page"
    );
    answer.body["rows"].as_array().expect("rows").clone()
}

/// Packets of all events together.
///
/// # Panics
/// When an event has no count.
#[must_use]
pub fn packets(events: &[Value]) -> u64 {
    events
        .iter()
        .map(|event| event["packets"].as_u64().expect("a count"))
        .sum()
}
