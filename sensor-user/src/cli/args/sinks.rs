//! The arguments of `sensorctl sinks`.

use clap::Subcommand;

/// Sinks.
#[derive(Debug, Subcommand)]
pub enum Sinks {
    /// How each sink fares: what waits, since when, and why
    List,
    /// What a sink refused for good
    Dead {
        /// Name of the sink
        sink: String,
        /// Most events
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Try again what a sink refused for good
    Replay {
        /// Name of the sink
        sink: String,
    },
}
