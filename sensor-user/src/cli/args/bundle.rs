//! The arguments of `sensorctl bundle`.

use std::{path::PathBuf, str::FromStr};

use clap::Subcommand;
use jiff::Timestamp;

use super::format;
use crate::model::{ContentKind, Pap, RequestType, Tlp, request::Format};

const KEYGEN_EXAMPLES: &str = "\
Example:
  sensorctl bundle keygen --name authority.example --out authority.key
The printed key goes into the configuration of every sensor:
  [[issuer]]
  key = \"authority.example+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\"";

const CREATE_EXAMPLES: &str = "\
Examples:
  sensorctl bundle create --key authority.key --serial 7 --expires P7D --out july.env markers.txt
  sensorctl bundle create --key authority.key --serial 8 --expires P7D --add --out order.env \\
      --order ORD-2027-12 --threat THR-88 --duration P30D --tlp AMBER markers.txt
  sensorctl bundle verify --issuer \"$KEY\" order.env";

/// Signed envelopes.
#[derive(Debug, Subcommand)]
pub enum Bundle {
    /// Make a key pair: the signing key goes to a file, the other one is printed
    #[command(after_help = KEYGEN_EXAMPLES)]
    Keygen {
        /// Who will sign with it: letters, digits, `.`, `_`, `-`
        #[arg(long)]
        name: String,
        /// New file of the signing key (mode 0600)
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Make a signed envelope of a marker file
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Box<Create>),
    /// Judge an envelope as a sensor would, and show what it says; needs no sensor
    ///
    /// Keys are taken from --issuer, or from the configuration that --config names. Only a sensor
    /// knows which serial was the last.
    Verify {
        /// The envelope
        file: PathBuf,
        /// A key that counts, as `keygen` printed it (repeat for several)
        #[arg(long, value_name = "KEY")]
        issuer: Vec<String>,
        /// Name of the sensor that it must be for
        #[arg(long)]
        recipient: Option<String>,
        /// Judge as of this time
        #[arg(long, value_name = "TIME")]
        at: Option<Timestamp>,
    },
    /// Hand an envelope to the sensor
    Submit {
        /// The envelope
        file: PathBuf,
    },
}

/// What an envelope is made of.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// File of the signing key, readable by nobody else
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Higher than that of every envelope before it
    #[arg(long)]
    pub serial: u64,
    /// When it is no longer accepted: a time, or a duration from now such as P7D
    #[arg(long, value_name = "TIME")]
    pub expires: When,
    /// The sensor that it is for; any when left out
    #[arg(long)]
    pub recipient: Option<String>,
    /// Add the markers to those that the sensor holds, instead of replacing what this issuer brought
    /// before; an order always does
    #[arg(long)]
    pub add: bool,
    /// Reference of the order that the markers come with
    #[arg(long, value_name = "REFERENCE", requires = "duration")]
    pub order: Option<String>,
    /// How long the order lasts, such as P30D or P3M
    #[arg(long, requires = "order")]
    pub duration: Option<jiff::Span>,
    /// When it begins [default: now]
    #[arg(long, value_name = "TIME", requires = "order")]
    pub start: Option<Timestamp>,
    /// Reference of the threat
    #[arg(long, value_name = "REFERENCE", requires = "order")]
    pub threat: Option<String>,
    /// Markers already held that the order names: a file of ids, one a line
    #[arg(long, value_name = "FILE", requires = "order")]
    pub named: Option<PathBuf>,
    /// Least restrictive TLP of the order's markers
    #[arg(long, value_parser = tlp, requires = "order")]
    pub tlp: Option<Tlp>,
    /// Least restrictive PAP of the order's markers
    #[arg(long, value_parser = pap, requires = "order")]
    pub pap: Option<Pap>,
    /// New file of the envelope, `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// What the content is: markers, request-a, request-b, request-c, request-notice
    #[arg(long, default_value = "markers", value_parser = kind, conflicts_with_all = ["order", "add"])]
    pub kind: ContentKind,
    /// Format of the marker file
    #[arg(long, default_value = "text", value_parser = format())]
    pub format: Format,
    /// Marker file, or the JSON document of a request
    pub content: PathBuf,
}

/// A time, or a duration from now.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// A time.
    At(Timestamp),
    /// A duration from now.
    After(jiff::Span),
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at = text.parse().map(Self::At);
        at.or_else(|_| text.parse().map(Self::After))
            .map_err(|_| "neither a time such as 2027-01-31T12:00:00Z nor a duration such as P7D")
    }
}

fn tlp(text: &str) -> Result<Tlp, &'static str> {
    Tlp::parse(text).ok_or("none of CLEAR, GREEN, AMBER, AMBER+STRICT, RED")
}

fn pap(text: &str) -> Result<Pap, &'static str> {
    Pap::parse(text).ok_or("none of CLEAR, GREEN, AMBER, RED")
}

fn kind(text: &str) -> Result<ContentKind, &'static str> {
    match RequestType::parse(text) {
        Some(RequestType::A) => Ok(ContentKind::RequestA),
        Some(RequestType::B) => Ok(ContentKind::RequestB),
        Some(RequestType::C) => Ok(ContentKind::RequestC),
        Some(RequestType::Notice) => Ok(ContentKind::RequestNotice),
        None if text == ContentKind::Markers.name() => Ok(ContentKind::Markers),
        None => Err("none of markers, request-a, request-b, request-c, request-notice"),
    }
}
