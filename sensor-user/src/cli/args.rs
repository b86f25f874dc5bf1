//! What may be typed. Marker values are never arguments: everybody on the host can read those.

use std::{ffi::OsString, path::PathBuf, str::FromStr};

use clap::{Parser, Subcommand, ValueEnum};
use jiff::{Timestamp, civil::Date};

use super::failure::USAGE;
use crate::model::{Pap, State, Tlp};

const EXAMPLES: &str = "\
Examples:
  sensorctl status --rate 5                    packets per second, over five seconds
  sensorctl markers load markers.txt           replace the whole set
  curl -s https://feed.example/list | sensorctl markers add -
  sensorctl events list --state open
  sensorctl events tail --json | jq .markers
  sensorctl journal show --from 100

Exit codes: 0 done, 64 usage, 65 input refused, 69 sensor not reachable or not able to now,
70 defect, 74 reading or writing failed, 77 not allowed.";

const LOAD_EXAMPLES: &str = "\
One pattern a line, `#` starts a comment:
  ip 203.0.113.5          id=case-7 until=2030-01-01T00:00:00Z tlp=AMBER
  cidr 198.51.100.0/24
  endpoint 203.0.113.5 tcp 443
If one line is refused, nothing is changed and every refused line is listed.";

const RECORD_EXAMPLES: &str = "\
Example:
  sensorctl declaration export > declaration.md      # send it
  sensorctl declaration record --reference DEC-2027-3 --date 2027-01-31";

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

/// Controls a running sensord through its socket.
#[derive(Debug, Parser)]
#[command(name = "sensorctl", version, after_help = EXAMPLES)]
pub struct Args {
    /// Control socket [default: /run/marker-sensor/control.sock]
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Take the path of the socket from this configuration file
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "socket")]
    pub config: Option<PathBuf>,
    /// Print the sensor's own JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what the sensor does now
    Status {
        /// Measure packet rates over this many seconds
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
        rate: Option<u64>,
    },
    /// Load, change and list markers
    #[command(subcommand)]
    Markers(Markers),
    /// What the authority is told of the device (R. 9-12-1 CPCE)
    #[command(subcommand)]
    Declaration(Declaration),
    /// Make, judge and submit signed envelopes
    #[command(subcommand)]
    Bundle(Bundle),
    /// Open and close the circuit breaker of a marker that floods
    #[command(subcommand)]
    Breaker(Breaker),
    /// List, show and follow events
    #[command(subcommand)]
    Events(Events),
    /// Read the journal
    #[command(subcommand)]
    Journal(Journal),
    /// Attach to a configured interface
    Attach {
        /// Its name
        interface: String,
    },
    /// Detach from an interface: its traffic is no longer watched
    Detach {
        /// Its name
        interface: String,
    },
}

/// Markers.
#[derive(Debug, Subcommand)]
pub enum Markers {
    /// Replace the whole set by a file
    #[command(after_help = LOAD_EXAMPLES)]
    Load {
        /// Marker file, `-` for standard input
        file: PathBuf,
    },
    /// Add the markers of a file
    #[command(after_help = LOAD_EXAMPLES)]
    Add {
        /// Marker file, `-` for standard input
        file: PathBuf,
    },
    /// Remove markers by id
    Remove {
        /// File of ids, one a line, `-` for standard input
        file: PathBuf,
    },
    /// Let markers that were held back come into force
    ///
    /// A marker that would match far too much (a /8, an address of your own or of a public resolver)
    /// is kept but not in force until two persons have looked at it: the first release registers an
    /// approval, the one of another user lets it in. Root is nobody in particular.
    Release {
        /// File of ids, one a line, `-` for standard input
        file: PathBuf,
    },
    /// List markers in the order of their ids
    List {
        /// All of them, not only the first page
        #[arg(long)]
        all: bool,
        /// Only those that are held back
        #[arg(long)]
        quarantined: bool,
        /// Rows of a page
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Show one marker
    Show {
        /// Its id; read from standard input when left out
        id: Option<String>,
    },
}

/// The declaration.
#[derive(Debug, Subcommand)]
pub enum Declaration {
    /// Print the document for the authority, Markdown, or with --json the facts
    ///
    /// The four items of R. 9-12-1 from the running configuration, with a digest of the facts.
    /// Before any sensor runs: `sensord declaration`.
    Export,
    /// Record that the declaration was made; what waits for it is attached and comes into force
    #[command(after_help = RECORD_EXAMPLES)]
    Record {
        /// Its reference: the journal keeps it, so name no person
        #[arg(long)]
        reference: String,
        /// When it was made
        #[arg(long)]
        date: Date,
        /// Digest of what was declared; refused when the configuration is another by now
        #[arg(long)]
        digest: Option<String>,
    },
    /// Say whether the device is declared as it is
    Show,
}

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
    /// Add the markers to those that the sensor holds, instead of replacing them
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
    /// Marker file
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

/// Circuit breakers.
#[derive(Debug, Subcommand)]
pub enum Breaker {
    /// Hits of the marker's pattern are counted from now on, and go no further
    Open {
        /// Id of the marker
        id: String,
    },
    /// Hits of the marker's pattern become events again
    Close {
        /// Id of the marker
        id: String,
    },
}

/// Events.
#[derive(Debug, Subcommand)]
pub enum Events {
    /// List events, newest first
    List {
        /// Only in this state
        #[arg(long)]
        state: Option<StateArg>,
        /// Most events
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Show one event
    Show {
        /// Its id, or its first digits as `list` shows them
        id: String,
    },
    /// Follow events as they are stored
    Tail,
}

/// States an event can be listed by.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum StateArg {
    /// Packets may still be added
    Open,
    /// Final
    Closed,
}

impl From<StateArg> for State {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Open => Self::Open,
            StateArg::Closed => Self::Closed,
        }
    }
}

/// The journal.
#[derive(Debug, Subcommand)]
pub enum Journal {
    /// Show entries
    Show {
        /// Index of the first
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Most entries
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Recompute the tree and say whether the journal proves itself
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify {
        /// Directory of a journal, read without any daemon; through the socket otherwise
        #[arg(long)]
        dir: Option<PathBuf>,
        /// Earlier state that the journal must continue, as SIZE:ROOT
        #[arg(long, value_name = "SIZE:ROOT")]
        against: Option<String>,
    },
}

const VERIFY_EXAMPLES: &str = "Examples:
  sensorctl journal verify
  sensorctl journal verify --dir /var/lib/marker-sensor/journal
  sensorctl journal verify --dir copy --against 120:9f86d081884c7d65…";

/// Reads a command line.
///
/// # Errors
/// The exit code, after help, version or what is wrong was printed.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Args, u8> {
    Args::try_parse_from(arguments).map_err(|error| {
        // Nobody is left to tell when this cannot be printed.
        let _ = error.print();
        if error.use_stderr() { USAGE } else { 0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_go_anywhere() {
        let args = Args::try_parse_from(["sensorctl", "events", "tail", "--json"]).expect("parses");
        assert!(args.json && matches!(args.command, Command::Events(Events::Tail)));
        assert!(Args::try_parse_from(["sensorctl", "markers", "add"]).is_err());
        assert!(Args::try_parse_from(["sensorctl", "status", "--rate", "0"]).is_err());
    }
}
