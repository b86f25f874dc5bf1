//! Status and the snapshot behind the metrics page: told without waiting for a change under way.

use std::sync::PoisonError;

use sensor_common::{Outcome, Term};

use super::{Error, Sensor, internal};
use crate::{
    clock,
    crypto::hex,
    hits::Account,
    metrics::Snapshot,
    model::{
        Destroyed, Role,
        request::{
            BreakerStatus, Count, EventStatus, InterfaceStatus, JournalStatus, MarkerStatus, Status,
        },
    },
};

/// What drained flows told.
const BESIDE: [Account; 3] = [
    Account::EventsFromFlows,
    Account::FlowPackets,
    Account::UnconfirmedPackets,
];

impl Sensor {
    pub(super) fn status(&self, role: Role) -> Result<Status, Error> {
        // Accounts first: what the kernel emits in between is in flight, never too much.
        let agent_records = self.agent_records()?;
        let head = self.parts.journal.head();
        let count = |term: &str, count| Count {
            term: term.into(),
            count,
        };
        let ledger = self.parts.counts.ledger().map_err(internal)?;
        let (markers, interfaces) = self.told()?;
        let breakers = self.told_breakers();
        Ok(Status {
            sensor: self.facts.sensor.clone(),
            version: self.facts.version.into(),
            kernel: self.facts.kernel.clone(),
            clock: self.facts.clock.into(),
            clock_trusted: self.destruction_allowed(),
            clock_synchronised: clock::read().synchronised,
            started: self.facts.started,
            interfaces,
            markers,
            declared: self.declaration_show().declared,
            change: self.work.progress(),
            breakers,
            events: self.event_status(role)?,
            kernel_hits: Term::ALL
                .iter()
                .zip(ledger)
                .map(|(term, value)| count(term.name(), value))
                .collect(),
            agent_records: agent_records
                .into_iter()
                .map(|(term, value)| count(term, value))
                .collect(),
            findings: std::iter::once(("findings", self.parts.live.accounts().findings.findings()))
                .chain(self.findings())
                .map(|(term, value)| count(term, value))
                .collect(),
            lent: self
                .lent_packets()?
                .into_iter()
                .map(|(term, value)| count(term, value))
                .collect(),
            journal: JournalStatus {
                size: head.size,
                root: hex(&head.root),
            },
        })
    }

    /// Figures for the metrics page.
    ///
    /// # Errors
    /// When a map or the store cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        let (markers, interfaces) = self.told()?;
        let agent_records = self.agent_records()?;
        let ledger = self.parts.counts.ledger().map_err(internal)?;
        let accounts = self.parts.live.accounts().records;
        let mut traffic = Vec::new();
        for interface in &interfaces {
            let counts = self
                .parts
                .counts
                .traffic(interface.slot)
                .map_err(internal)?;
            for (outcome, count) in Outcome::ALL.iter().zip(counts) {
                traffic.push((
                    interface.name.clone(),
                    outcome.name(),
                    count.packets,
                    count.bytes,
                ));
            }
        }
        let events = self.event_status(Role::Agent)?;
        let breakers = self.told_breakers();
        let count = |open| breakers.iter().filter(|one| one.open == open).count() as u64;
        Ok(Snapshot {
            traffic,
            attached: interfaces
                .iter()
                .map(|interface| (interface.name.clone(), interface.attached))
                .collect(),
            kernel_hits: Term::ALL
                .iter()
                .map(|term| term.name())
                .zip(ledger)
                .collect(),
            // The whole is the kernel's term; the parts alone are shown beside it.
            agent_records: agent_records.into_iter().skip(1).collect(),
            findings: self.findings(),
            lent: self.lent_packets()?.into_iter().skip(1).collect(),
            flow_events: BESIDE
                .iter()
                .map(|account| (account.name(), accounts.get(*account)))
                .collect(),
            patterns: markers
                .in_force
                .iter()
                .map(|kind| (kind.kind.name(), kind.count))
                .collect(),
            markers: markers.total,
            quarantined: markers.quarantined,
            breakers: [("open", count(true)), ("advised", count(false))],
            generation: markers.generation,
            events,
            journal: self.parts.journal.head().size,
            door: Vec::new(),
            sinks: self.sink_snapshots()?,
            lane: self.lane_snapshot()?,
        })
    }

    fn event_status(&self, role: Role) -> Result<EventStatus, Error> {
        let mut reader = self.reader_of(role);
        let (stored, open) = reader.counts().map_err(internal)?;
        let (destroyed, undelivered) = reader.destroyed().map_err(internal)?;
        let count = |term: &str, count| Count {
            term: term.into(),
            count,
        };
        let reasons = Destroyed::ALL.into_iter();
        Ok(EventStatus {
            stored,
            open,
            bytes: reader.bytes().map_err(internal)?,
            most_bytes: reader.most_bytes(),
            full: self.parts.live.is_full(),
            destroyed: reasons
                .map(|reason| {
                    let known = destroyed.get(&reason).copied();
                    count(reason.name(), known.unwrap_or_default())
                })
                .collect(),
            expired_undelivered: undelivered
                .iter()
                .map(|(sink, known)| count(sink, *known))
                .collect(),
        })
    }

    /// Findings of the inspection lane, by where each ended.
    fn findings(&self) -> Vec<(&'static str, u64)> {
        let findings = self.parts.live.accounts().findings;
        let terms = Account::FINDINGS.iter();
        terms
            .map(|account| (account.name(), findings.get(*account)))
            .collect()
    }

    /// Packets that the kernel lent, then where each is, then those still on their way to the store's accounts.
    fn lent_packets(&self) -> Result<Vec<(&'static str, u64)>, Error> {
        let accounts = self.parts.live.accounts().lent;
        let by_cpu = self.parts.counts.lent_by_cpu().map_err(internal)?;
        let lent: u64 = by_cpu.iter().sum();
        let mut terms = vec![("lent", lent)];
        terms.extend(accounts.terms());
        terms.push(("in_flight", lent.saturating_sub(accounts.sum())));
        Ok(terms)
    }

    /// Records that the kernel emitted, then where each ended, then those still on their way.
    fn agent_records(&self) -> Result<Vec<(&'static str, u64)>, Error> {
        let accounts = self.parts.live.accounts().records;
        let ledger = self.parts.counts.ledger().map_err(internal)?;
        let records = ledger[Term::Records as usize];
        let mut terms = vec![(Term::Records.name(), records)];
        terms.extend(
            Account::IDENTITY
                .iter()
                .map(|account| (account.name(), accounts.get(*account))),
        );
        terms.push(("in_flight", records.saturating_sub(accounts.records())));
        Ok(terms)
    }

    pub(super) fn tell_markers(&self, markers: MarkerStatus) {
        self.told
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .markers = markers;
    }

    fn told_breakers(&self) -> Vec<BreakerStatus> {
        let told = self.told.read().unwrap_or_else(PoisonError::into_inner);
        told.breakers.clone()
    }

    /// What was last told, with the counters of now.
    pub(super) fn told(&self) -> Result<(MarkerStatus, Vec<InterfaceStatus>), Error> {
        let (markers, mut interfaces) = {
            let told = self.told.read().unwrap_or_else(PoisonError::into_inner);
            (told.markers.clone(), told.interfaces.clone())
        };
        for interface in &mut interfaces {
            interface.outcomes = self.outcomes(interface.slot).map_err(internal)?;
        }
        Ok((markers, interfaces))
    }
}
