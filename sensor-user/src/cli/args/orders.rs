//! The arguments of `sensorctl orders`.

use std::path::PathBuf;

use clap::Subcommand;

use super::format;
use crate::model::request::Format;

/// Orders.
#[derive(Debug, Subcommand)]
pub enum Orders {
    /// Accept an order: its markers are exploited from its start to its end
    #[command(after_help = ORDER_EXAMPLES)]
    Submit(Submit),
    /// List orders, oldest first
    List {
        /// Most orders
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Show one order
    Show {
        /// Its reference
        reference: String,
    },
    /// End an order before its time; its markers are kept as withdrawn
    Withdraw {
        /// Its reference
        reference: String,
    },
}

const ORDER_EXAMPLES: &str = "Examples:
  sensorctl orders submit --reference 2026/17 --issuer ANSSI --duration P30D --format stix bundle.json
  sensorctl orders submit --reference 2026/18 --issuer ANSSI --duration 72h --named ids.txt";

/// An order.
#[derive(Debug, clap::Args)]
pub struct Submit {
    /// The authority's reference; one order a reference
    #[arg(long)]
    pub reference: String,
    /// Who issues it
    #[arg(long)]
    pub issuer: String,
    /// How long: ISO 8601 or words, such as P30D or 72h
    #[arg(long)]
    pub duration: String,
    /// First instant of exploitation, RFC 3339 [default: now]
    #[arg(long)]
    pub start: Option<jiff::Timestamp>,
    /// Reference of the elements about the threat
    #[arg(long = "threat")]
    pub threat_reference: Option<String>,
    /// Least TLP of its markers [default: AMBER+STRICT]
    #[arg(long)]
    pub tlp: Option<String>,
    /// Least PAP of its markers [default: AMBER]
    #[arg(long)]
    pub pap: Option<String>,
    /// File of ids of markers already held that are to be exploited, one a line
    #[arg(long, value_name = "FILE")]
    pub named: Option<PathBuf>,
    /// Format of the marker file
    #[arg(long, default_value = "text", value_parser = format())]
    pub format: Format,
    /// Marker file that the order brings, `-` for standard input
    #[arg(required_unless_present = "named")]
    pub file: Option<PathBuf>,
}
