//! What becomes of records, findings and drained flows.

use sensor_common::{Flow, FlowKey, Record};

use super::{JoinKey, Joiner, Surroundings};
use crate::{
    hits::{
        Account,
        event::{ip, matched_in},
        index::Exact,
    },
    model::{MatchedIn, Observed, PatternId, Vantage},
};

impl Joiner {
    /// Accounts for a record; the term it ends under. A record of a name comes with what its packet
    /// bore in that place; with nothing when the bytes were gone.
    pub fn record(
        &mut self,
        record: &Record,
        bore: Option<&[Observed]>,
        around: Surroundings<'_>,
    ) -> Account {
        let flow = Flow {
            first: record.time,
            last: record.time,
            packets: 1,
            bytes: u64::from(record.bytes),
            generation: record.generation,
            matched_in: record.matched_in,
            reserved: [0; 3],
        };
        let Some(place) = matched_in(record.matched_in) else {
            return Account::Refuted;
        };
        if place.is_address() {
            return self.account(&record.key, &flow, Exact::Values(&[]), around);
        }
        let Some(bore) = bore else {
            return Account::Unconfirmed;
        };
        // An open event of the same flow and pattern confirms nothing about this packet.
        if !around.indexes.confirm(PatternId(record.key.pattern), bore) {
            return Account::Refuted;
        }
        self.account(&record.key, &flow, Exact::Values(bore), around)
    }

    /// Accounts for what the inspection lane found: `flow` under the id of a pattern that covers the
    /// value; the term it ends under. `admitted` says whether it may open an event.
    pub fn finding(
        &mut self,
        key: &FlowKey,
        flow: &Flow,
        value: &Observed,
        around: Surroundings<'_>,
        admitted: impl FnOnce() -> Result<(), Account>,
    ) -> Account {
        if !self.is_open(key, around)
            && let Err(account) = admitted()
        {
            return account;
        }
        self.account(
            key,
            flow,
            Exact::Values(std::slice::from_ref(value)),
            around,
        )
    }

    fn account(
        &mut self,
        key: &FlowKey,
        flow: &Flow,
        exact: Exact<'_>,
        around: Surroundings<'_>,
    ) -> Account {
        match self.count(key, flow, exact, around) {
            Ok(true) => Account::Events,
            Ok(false) => Account::Joined,
            Err(account) => account,
        }
    }

    fn is_open(&self, key: &FlowKey, around: Surroundings<'_>) -> bool {
        let realm = around.subscribers.realm(Vantage(key.vantage));
        self.open.contains_key(&JoinKey::new(key, realm))
    }

    /// Counts a drained flow: [`Account::EventsFromFlows`] when it opened an event because its record
    /// never arrived or its last event is closed, [`Account::UnconfirmedPackets`] when it could not for that reason, because
    /// a name is confirmed on its record. `after_restart`: the record may have gone with a former agent.
    pub fn flow(
        &mut self,
        key: &FlowKey,
        flow: &Flow,
        around: Surroundings<'_>,
        after_restart: bool,
    ) -> Option<Account> {
        let known = self.is_open(key, around);
        if flow.packets == 0 && (known || !after_restart) {
            return None;
        }
        let realm = around.subscribers.realm(Vantage(key.vantage));
        let known = known || self.confirmed.remove(&JoinKey::new(key, realm)).is_some();
        if !known && !matched_in(flow.matched_in).is_some_and(MatchedIn::is_address) {
            // Of transit there would be no event in any case.
            let sides = (ip(key, &key.src), ip(key, &key.dst));
            let side = around
                .subscribers
                .side(Vantage(key.vantage), sides.0, sides.1);
            return side.map(|_| Account::UnconfirmedPackets);
        }
        // Without counts it had one packet, and its record is gone.
        let flow = Flow {
            packets: flow.packets.max(1),
            ..*flow
        };
        let opened = matches!(self.count(key, &flow, Exact::Earlier, around), Ok(true));
        opened.then_some(Account::EventsFromFlows)
    }
}
