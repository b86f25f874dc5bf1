//! The arguments of `sensorctl requests` and `sensorctl costs`.

use std::path::PathBuf;

use clap::{
    Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use jiff::civil::Date;

use crate::model::request::{Declined, Impossible};

const REQUEST_EXAMPLES: &str = "\
Examples:
  sensorctl requests submit request.env           as the desk
  sensorctl requests show REQ-2027-12
  sensorctl requests approve REQ-2027-12          as the responsible, then as the designated agent
  sensorctl requests sent REQ-2027-9 --event 8bcec7a76bc68b98f04ef76e668873d7 \\
      --date 2027-03-02 --proof LRAR-2027-118";

/// Requests of the authority.
#[derive(Debug, Subcommand)]
#[command(after_help = REQUEST_EXAMPLES)]
pub enum Requests {
    /// Hand in a signed request (L. 2321-3, L. 33-14 ¶5, L. 851-1)
    Submit {
        /// The envelope
        file: PathBuf,
    },
    /// List requests, oldest first
    List {
        /// Most requests
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Show one request
    Show {
        /// Its reference
        reference: String,
    },
    /// Print the signed manifests of what went out for a request: categories and counts
    Manifests {
        /// Its reference
        reference: String,
    },
    /// Count requests, answers and categories of data from the journal (R. 9-12-7)
    Report,
    /// Approve a request; the second approval, of the other person, has it answered
    ///
    /// The responsible and the agent designated in writing approve, each with a user of their own that
    /// [requests] names. Where an answer came to nothing, either of the two has it tried again.
    Approve {
        /// Its reference
        reference: String,
        /// Digest of the envelope that `show` told you: another one is refused
        #[arg(long)]
        envelope: Option<String>,
    },
    /// Refuse a request, for good
    Refuse {
        /// Its reference
        reference: String,
        /// Why
        #[arg(long, value_parser = declined())]
        reason: Declined,
    },
    /// Record that a subscriber was informed
    Sent {
        /// Reference of the request
        reference: String,
        /// Id of the event
        #[arg(long)]
        event: String,
        /// When the notice was sent
        #[arg(long)]
        date: Date,
        /// Reference of the proof of sending: the store keeps it, so name no person
        #[arg(long)]
        proof: String,
    },
    /// Record that a subscriber cannot be informed
    Impossible {
        /// Reference of the request
        reference: String,
        /// Id of the event
        #[arg(long)]
        event: String,
        /// Why
        #[arg(long, value_parser = impossible())]
        reason: Impossible,
    },
}

/// The ledger of costs.
#[derive(Debug, Subcommand)]
pub enum Costs {
    /// Print all lines as CSV, or with --json as JSON: no tariff, no amount (L. 2321-3 ¶3)
    Export,
}

fn declined() -> impl TypedValueParser<Value = Declined> {
    PossibleValuesParser::new(Declined::ALL.map(Declined::name)).map(|name| {
        let found = Declined::ALL.into_iter().find(|one| one.name() == name);
        found.unwrap_or(Declined::TakenBack)
    })
}

fn impossible() -> impl TypedValueParser<Value = Impossible> {
    PossibleValuesParser::new(Impossible::ALL.map(Impossible::name)).map(|name| {
        let found = Impossible::ALL.into_iter().find(|one| one.name() == name);
        found.unwrap_or(Impossible::Unreachable)
    })
}
