//! Commands about the journal.

use std::path::PathBuf;

use clap::{Args, Subcommand};

const VERIFY_EXAMPLES: &str = "\
Examples:
  sensorctl journal verify
  sensorctl journal verify --dir copy --key pop1.operator.example+c74f20a3+ARpc2Q…
  sensorctl journal verify --dir copy --key journal.pub --against checkpoint-of-monday

Finds, with a sentence and a code (--json: `code`): edited, reordered, gap from the files; with --key also
what was rewritten as a whole up to the last checkpoint; with --against also cut_off and forked.
Exit codes: 0 it proves itself, 65 it does not, 74 a file cannot be read.";

const CHECKPOINT_EXAMPLES: &str = "\
Examples:
  sensorctl journal checkpoint > checkpoint-of-monday      # keep it elsewhere; witnesses may cosign it
  sensorctl journal checkpoint --key > journal.pub         # pin it once, when the sensor is set up";

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
    /// Follow entries as they are written
    Follow {
        /// Index of the first
        #[arg(long, default_value_t = 0)]
        from: u64,
    },
    /// Print the signed checkpoint (C2SP tlog-checkpoint)
    #[command(after_help = CHECKPOINT_EXAMPLES)]
    Checkpoint {
        /// Print the key that verifies it instead
        #[arg(long)]
        key: bool,
    },
    /// Prove that the journal holds an entry, or continues an earlier size (RFC 6962)
    Proof {
        /// Index of the entry
        #[arg(long, conflicts_with = "from", required_unless_present = "from")]
        index: Option<u64>,
        /// The earlier size
        #[arg(long)]
        from: Option<u64>,
        /// Size of the tree; the whole journal when left out
        #[arg(long)]
        size: Option<u64>,
    },
    /// Recompute the tree and say whether the journal proves itself
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(Verify),
}

/// What to verify, and with what.
#[derive(Args, Debug)]
pub struct Verify {
    /// Directory of a journal or of a copy, read without any daemon; through the socket otherwise
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// The journal's key, or a file that holds it
    #[arg(long, value_name = "KEY|FILE", requires = "dir")]
    pub key: Option<String>,
    /// Earlier state that the journal must continue: a checkpoint file, or SIZE:ROOT in hexadecimal
    #[arg(long, value_name = "FILE|SIZE:ROOT")]
    pub against: Option<String>,
}
