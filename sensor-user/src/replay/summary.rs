//! What a replay saw, in figures.

use std::fmt;

use sensor_common::{LEDGER_TERMS, OUTCOMES, Outcome, Term, Traffic};

use crate::hits::{Account, Accounts};

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
    /// By term of the agent's identity.
    pub accounts: Accounts,
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
            let count = self.accounts.get(account);
            if count > 0 || account == Account::Events {
                write!(f, " {}={count}", account.name())?;
            }
        }
        write!(
            f,
            "\nevents      {} with {} packets",
            self.events, self.event_packets
        )
    }
}
