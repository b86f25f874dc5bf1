//! What may be typed. Marker values are never arguments: everybody on the host can read those.

use std::{ffi::OsString, path::PathBuf};

use clap::{
    Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::failure::USAGE;
use crate::model::{State, request::Format};

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
    /// Submit, list and withdraw orders of the authority
    #[command(subcommand)]
    Orders(Orders),
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
        /// Format of the file
        #[arg(long, default_value = "text", value_parser = format())]
        format: Format,
        /// Marker file, `-` for standard input
        file: PathBuf,
    },
    /// Add the markers of a file
    #[command(after_help = LOAD_EXAMPLES)]
    Add {
        /// Format of the file
        #[arg(long, default_value = "text", value_parser = format())]
        format: Format,
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
    /// is kept but not in force until somebody has looked at it.
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

fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name))
        .map(|name| Format::parse(&name).unwrap_or_default())
}

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
