//! What may be typed. Marker values are never arguments: everybody on the host can read those.

mod bundle;
mod journal;
mod orders;
mod requests;
mod sinks;

use std::{ffi::OsString, path::PathBuf};

use clap::{
    Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use jiff::civil::Date;

use super::failure::USAGE;
use crate::model::{State, request::Format};
pub use bundle::{Bundle, Create, When};
pub use journal::{Journal, Verify};
pub use orders::{Orders, Submit};
pub use requests::{Costs, Requests};
pub use sinks::Sinks;

const EXAMPLES: &str = "\
Examples:
  sensorctl status --rate 5                    packets per second, over five seconds
  sensorctl markers load markers.txt           replace your own set
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
    /// Show what the sensor could judge, and why not the rest
    Coverage,
    /// Load, change and list markers
    #[command(subcommand)]
    Markers(Markers),
    /// Submit, list and withdraw orders of the authority
    #[command(subcommand)]
    Orders(Orders),
    /// Submit, decide and settle requests of the authority
    #[command(subcommand)]
    Requests(Requests),
    /// The ledger of costs
    #[command(subcommand)]
    Costs(Costs),
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
    /// Run the self-test: a packet through the live programs, up to your own sinks
    Canary,
    /// How sinks fare, and what they refused
    #[command(subcommand)]
    Sinks(Sinks),
    /// Read the journal, and hold it to what it signed
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
    /// Replace the operator's own set by a file
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
        /// They were wrong: destroy the events that they made, too
        #[arg(long)]
        false_positive: bool,
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

fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name))
        .map(|name| Format::parse(&name).unwrap_or_default())
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
        /// Only with their first packet on this UTC day, as 2027-01-31
        #[arg(long)]
        day: Option<jiff::civil::Date>,
        /// Only of the marker with this id; --day must be given with it
        #[arg(long, requires = "day")]
        marker: Option<String>,
        /// Most events
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Show one event
    Show {
        /// Its id, or its first digits as `list` shows them
        id: String,
    },
    /// Destroy events that are not useful, now
    NotUseful {
        /// Their ids, or the first digits as `list` shows them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Show what links journal entries to an event: commitment and salt
    Commitment {
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
