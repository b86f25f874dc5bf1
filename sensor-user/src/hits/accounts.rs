//! The agent's side of invariant 7: where every record ends.

use std::collections::BTreeMap;

use super::LentPackets;

/// A term of one of two identities, and what stands beside them. Of the kernel's records: `records = events
/// + joined + refuted + transit + expired + store_failed + store_full + lost_at_restart + unconfirmed`. Of
/// the inspection lane's findings, one for each pattern that covers what was found in borrowed bytes:
/// `findings = events + joined + refuted + transit + expired + store_failed + store_full + limited + breaker`.
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
    /// A name matched, and what would confirm it was gone before the agent came for it.
    Unconfirmed,
    /// A finding refused by its pattern's limit of new flows; the kernel counts its own.
    Limited,
    /// A finding refused by its pattern's circuit breaker; the kernel counts its own.
    Breaker,
    /// Outside the identity: packets of drained flows of names without a confirmed record.
    UnconfirmedPackets,
    /// Outside the identity: events opened by a drained flow whose record was lost.
    EventsFromFlows,
    /// Outside the identity: packets that drained flows told (`aggregated + ring_lost`).
    FlowPackets,
}

impl Account {
    /// The terms whose sum is `records`.
    pub const IDENTITY: [Self; 9] = [
        Self::Events,
        Self::Joined,
        Self::Refuted,
        Self::Transit,
        Self::Expired,
        Self::StoreFailed,
        Self::StoreFull,
        Self::LostAtRestart,
        Self::Unconfirmed,
    ];

    /// The terms whose sum is `findings`.
    pub const FINDINGS: [Self; 9] = [
        Self::Events,
        Self::Joined,
        Self::Refuted,
        Self::Transit,
        Self::Expired,
        Self::StoreFailed,
        Self::StoreFull,
        Self::Limited,
        Self::Breaker,
    ];

    /// All accounts.
    pub const ALL: [Self; 14] = [
        Self::Events,
        Self::Joined,
        Self::Refuted,
        Self::Transit,
        Self::Expired,
        Self::StoreFailed,
        Self::StoreFull,
        Self::LostAtRestart,
        Self::Unconfirmed,
        Self::Limited,
        Self::Breaker,
        Self::UnconfirmedPackets,
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
            Self::Unconfirmed => "unconfirmed",
            Self::Limited => "limited",
            Self::Breaker => "breaker",
            Self::UnconfirmedPackets => "unconfirmed_packets",
            Self::EventsFromFlows => "events_from_flows",
            Self::FlowPackets => "flow_packets",
        }
    }
}

/// Where records, findings and lent packets ended, each by its own identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judgements {
    /// Records of the kernel.
    pub records: Accounts,
    /// Findings of the inspection lane.
    pub findings: Accounts,
    /// Packets that the kernel lent to it.
    pub lent: LentPackets,
}

/// What stored counts of findings have before their names.
const OF_FINDINGS: &str = "findings_";

impl Judgements {
    /// From stored counts; unknown names are left out.
    #[must_use]
    pub fn from_stored(stored: &BTreeMap<String, u64>) -> Self {
        let findings = stored.iter().filter_map(|(name, count)| {
            let name = name.strip_prefix(OF_FINDINGS)?;
            Some((name.to_owned(), *count))
        });
        Self {
            records: Accounts::from_stored(stored),
            findings: Accounts::from_stored(&findings.collect()),
            lent: LentPackets::from_stored(stored),
        }
    }

    /// Counts to store.
    #[must_use]
    pub fn to_stored(&self) -> BTreeMap<String, u64> {
        let mut stored = self.records.to_stored();
        let findings = self.findings.to_stored().into_iter();
        stored.extend(findings.map(|(name, count)| (format!("{OF_FINDINGS}{name}"), count)));
        stored.extend(self.lent.to_stored());
        stored
    }

    /// As [`Accounts::behind`]; lent packets that the store does not know of are on their way.
    #[must_use]
    pub fn behind(&self, stored: &Self) -> Self {
        Self {
            records: self.records.behind(&stored.records),
            findings: self.findings.behind(&stored.findings),
            lent: stored.lent,
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

    /// Sum of the terms of the identity of records.
    #[must_use]
    pub fn records(&self) -> u64 {
        Account::IDENTITY.iter().map(|term| self.get(*term)).sum()
    }

    /// Sum of the terms of the identity of findings.
    #[must_use]
    pub fn findings(&self) -> u64 {
        Account::FINDINGS.iter().map(|term| self.get(*term)).sum()
    }

    /// What has been stored, told of an agent whose store is behind by what `self` has more:
    /// those records are `store_failed` until the store takes them.
    #[must_use]
    pub fn behind(&self, stored: &Self) -> Self {
        let mut told = *stored;
        // Of one identity each, every term is in one of the two sums.
        let ahead = (self.records() - stored.records()).max(self.findings() - stored.findings());
        told.add(Account::StoreFailed, ahead);
        told
    }
}
