//! What a replay saw, in figures.

use std::fmt;

use sensor_common::{LEDGER_TERMS, LaneClass, LaneFate, OUTCOMES, Outcome, Term, Traffic};

use crate::{
    dataplane::LaneCounts,
    hits::{Account, Judgements},
    inspect::{Class, Counts, Fate},
};

/// Counts of one replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Frames read.
    pub frames: u64,
    /// Of these, shorter than the kernel runs.
    pub too_short: u64,
    /// Of these, longer than the kernel runs.
    pub too_long: u64,
    /// Events written.
    pub events: u64,
    /// Packets in them.
    pub event_packets: u64,
    /// By outcome.
    pub traffic: [Traffic; OUTCOMES as usize],
    /// By term of the kernel's identity.
    pub ledger: [u64; LEDGER_TERMS],
    /// By term of the agent's identities.
    pub accounts: Judgements,
    /// What the kernel made of packets that bear names.
    pub lent: LaneCounts,
    /// What the agent made of those that were lent.
    pub inspected: Counts,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "frames      {}", self.frames)?;
        if self.too_short + self.too_long > 0 {
            writeln!(
                f,
                "not run     {} too short, {} too long for the kernel",
                self.too_short, self.too_long
            )?;
        }
        write!(f, "outcomes   ")?;
        for outcome in Outcome::ALL {
            let packets = self.traffic[outcome as usize].packets;
            if packets > 0 {
                write!(f, " {}={packets}", outcome.name())?;
            }
        }
        write!(f, "\nhits       ")?;
        for term in Term::ALL {
            let count = self.ledger[term as usize];
            if count > 0 || matches!(term, Term::Hits | Term::Records) {
                write!(f, " {}={count}", term.name())?;
            }
        }
        write!(f, "\nrecords    ")?;
        for account in Account::IDENTITY {
            let count = self.accounts.records.get(account);
            if count > 0 || account == Account::Events {
                write!(f, " {}={count}", account.name())?;
            }
        }
        if self.accounts.findings.findings() > 0 {
            write!(f, "\nfindings   ")?;
        }
        for account in Account::FINDINGS {
            let count = self.accounts.findings.get(account);
            if count > 0 {
                write!(f, " {}={count}", account.name())?;
            }
        }
        for class in LaneClass::ALL {
            if self.lent.of(class, LaneFate::Seen) == 0 {
                continue;
            }
            write!(f, "\nbearing     {}:", class.name())?;
            for fate in LaneFate::ALL {
                let count = self.lent.of(class, fate);
                if count > 0 {
                    write!(f, " {}={count}", fate.name())?;
                }
            }
        }
        for class in Class::ALL {
            let counts = self.inspected.of(class);
            if counts.packets == 0 {
                continue;
            }
            write!(
                f,
                "\ninspected   {}: packets={}",
                class.name(),
                counts.packets
            )?;
            for (name, count) in [("stray", counts.stray), ("encrypted", counts.encrypted)] {
                if count > 0 {
                    write!(f, " {name}={count}")?;
                }
            }
            for fate in Fate::ALL {
                let count = counts.fate(fate);
                if count > 0 {
                    write!(f, " {}={count}", fate.name())?;
                }
            }
        }
        write!(
            f,
            "\nevents      {} with {} packets",
            self.events, self.event_packets
        )
    }
}
