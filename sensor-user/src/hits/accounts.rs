//! The agent's side of invariant 7: where every record ends.

use std::collections::BTreeMap;

/// A term of the identity `records = events + joined + refuted + transit + expired + store_failed
/// + store_full + lost_at_restart`, and what stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// Opened an event.
    Events,
    /// Belongs to an event that was open.
    Joined,
    /// The exact value did not confirm the match, or the pattern is unknown.
    Refuted,
    /// Neither side is a subscriber.
    Transit,
    /// No marker of the pattern was in force any more.
    Expired,
    /// Consumed, but the store has not taken it (yet).
    StoreFailed,
    /// Would have opened an event, but the store was at its cap.
    StoreFull,
    /// Consumed by an agent that died before it stored it.
    LostAtRestart,
    /// Outside the identity: events opened by a drained flow whose record was lost.
    EventsFromFlows,
    /// Outside the identity: packets that drained flows told (`aggregated + ring_lost`).
    FlowPackets,
}

impl Account {
    /// The terms whose sum is `records`.
    pub const IDENTITY: [Self; 8] = [
        Self::Events,
        Self::Joined,
        Self::Refuted,
        Self::Transit,
        Self::Expired,
        Self::StoreFailed,
        Self::StoreFull,
        Self::LostAtRestart,
    ];

    /// All accounts.
    pub const ALL: [Self; 10] = [
        Self::Events,
        Self::Joined,
        Self::Refuted,
        Self::Transit,
        Self::Expired,
        Self::StoreFailed,
        Self::StoreFull,
        Self::LostAtRestart,
        Self::EventsFromFlows,
        Self::FlowPackets,
    ];

    /// The name in metrics, API and CLI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Joined => "joined",
            Self::Refuted => "refuted",
            Self::Transit => "transit",
            Self::Expired => "expired",
            Self::StoreFailed => "store_failed",
            Self::StoreFull => "store_full",
            Self::LostAtRestart => "lost_at_restart",
            Self::EventsFromFlows => "events_from_flows",
            Self::FlowPackets => "flow_packets",
        }
    }
}

/// Counts by account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    counts: [u64; Account::ALL.len()],
}

impl Accounts {
    /// From stored counts; unknown names are left out.
    #[must_use]
    pub fn from_stored(stored: &BTreeMap<String, u64>) -> Self {
        let mut accounts = Self::default();
        for account in Account::ALL {
            if let Some(count) = stored.get(account.name()) {
                accounts.add(account, *count);
            }
        }
        accounts
    }

    /// Counts to store.
    #[must_use]
    pub fn to_stored(&self) -> BTreeMap<String, u64> {
        Account::ALL
            .iter()
            .map(|account| (account.name().to_owned(), self.get(*account)))
            .collect()
    }

    /// Adds to an account.
    pub fn add(&mut self, account: Account, count: u64) {
        self.counts[account as usize] += count;
    }

    /// The count of an account.
    #[must_use]
    pub fn get(&self, account: Account) -> u64 {
        self.counts[account as usize]
    }

    /// Sum of the terms of the identity.
    #[must_use]
    pub fn records(&self) -> u64 {
        Account::IDENTITY.iter().map(|term| self.get(*term)).sum()
    }

    /// What has been stored, told of an agent whose store is behind by what `self` has more:
    /// those records are `store_failed` until the store takes them.
    #[must_use]
    pub fn behind(&self, stored: &Self) -> Self {
        let mut told = *stored;
        told.add(Account::StoreFailed, self.records() - stored.records());
        told
    }
}
