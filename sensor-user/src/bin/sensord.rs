//! The daemon: `sensord run`, `sensord check`, `sensord replay`.

use std::{
    io::{self, BufWriter, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use ipnet::IpNet;
use jiff::civil::Date;
use sensor_user::{
    agent,
    config::{self, Config},
    dataplane,
    envelope::Issuers,
    hits::Timeouts,
    legal, markers,
    model::{order_terms::is_reference, request::Format},
    replay::{self, Replay, capture},
};

/// Exit codes of sysexits.h.
mod exit {
    pub(super) const DATA: u8 = 65;
    pub(super) const NO_INPUT: u8 = 66;
    pub(super) const UNAVAILABLE: u8 = 69;
    pub(super) const SOFTWARE: u8 = 70;
    pub(super) const IO: u8 = 74;
    pub(super) const NO_PERMISSION: u8 = 77;
    pub(super) const CONFIG: u8 = 78;
}

/// Passive sensor for technical markers on routers (L. 33-14 CPCE): matches in XDP, never changes
/// a packet's fate.
#[derive(Parser)]
#[command(name = "sensord", version, after_help = EXAMPLES)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "Examples:
  sensord run --config /etc/marker-sensor/sensor.toml
  sensord run --interface eth0 --interface eth1 --subscribers 198.51.100.0/24
  sensord declaration --config /etc/marker-sensor/sensor.toml > declaration.md
  sensord declaration --record DEC-2027-3 --date 2027-01-31
  sensord check --config sensor.toml
  sensord replay --markers markers.txt capture.pcapng > events.ndjson";

#[derive(Subcommand)]
enum Action {
    /// Attach to the configured interfaces and store events until stopped.
    ///
    /// Stopping the agent does not detach: the kernel part goes on and the next start takes over.
    /// `sensorctl detach` detaches.
    Run(RunArgs),
    /// Read and check a configuration file; change nothing.
    Check {
        /// The file.
        #[arg(long, default_value = config::PATH)]
        config: PathBuf,
    },
    /// Print the declaration of the device for the authority (R. 9-12-1 CPCE), or record that it was
    /// made.
    ///
    /// For before the first start. A running agent takes the record by `sensorctl declaration record`.
    Declaration {
        #[command(flatten)]
        run: RunArgs,
        /// Print the facts as JSON.
        #[arg(long)]
        json: bool,
        /// Reference of the declaration that was made; records it instead of printing.
        #[arg(long, value_name = "REFERENCE", requires = "date")]
        record: Option<String>,
        /// When it was made.
        #[arg(long, requires = "record")]
        date: Option<Date>,
    },
    /// Go on from a store or journal that was restored from a backup.
    ///
    /// `run` refuses to start when catalogue and journal are not of one time. Put the other one back as
    /// well, or take responsibility with this command: it is journalled, and no envelope that was
    /// accepted before is accepted again. The agent must not run.
    AcceptRestore(RunArgs),
    /// Take the wall clock for right, against a time that was believed before and was not.
    ///
    /// Time never goes back by itself: a clock that ran ahead, the first one of a machine say, would
    /// stand for good. What was over by it stays over: an order is to be submitted again under another
    /// reference. It is journalled. The agent must not run.
    AcceptClock(RunArgs),
    /// Push captures through the same program; print one event a line as JSON.
    Replay(ReplayArgs),
}

#[derive(Args)]
struct RunArgs {
    /// Configuration file. Without it and without --interface, the one in /etc is read.
    #[arg(long, conflicts_with_all = ["interface", "subscribers"])]
    config: Option<PathBuf>,
    /// Interface to watch (repeat for several); for running without a file.
    #[arg(long, requires = "subscribers")]
    interface: Vec<String>,
    /// Prefix of the operator's subscribers (repeat for several).
    #[arg(long, requires = "interface")]
    subscribers: Vec<IpNet>,
    /// Directory of store and journal.
    #[arg(long)]
    state_dir: Option<PathBuf>,
    /// Path of the control socket.
    #[arg(long)]
    socket: Option<PathBuf>,
}

#[derive(Args)]
struct ReplayArgs {
    /// Marker file.
    #[arg(long)]
    markers: PathBuf,
    /// Its format.
    #[arg(long, default_value = "text", value_parser = Format::ALL.map(Format::name))]
    format: String,
    /// Prefix of the operator's subscribers (repeat for several); without any, every hit is
    /// reported, its side unknown.
    #[arg(long)]
    subscribers: Vec<IpNet>,
    /// Seconds without a packet after which an event is over, in capture time.
    #[arg(long, default_value_t = 60)]
    idle_timeout: u64,
    /// Seconds after which an event is cut, in capture time.
    #[arg(long, default_value_t = 1800)]
    active_timeout: u64,
    /// Captures: pcap or pcapng.
    #[arg(required = true)]
    captures: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let command = Command::parse();
    let outcome = match &command.action {
        Action::Run(args) => run(args),
        Action::Check { config } => check(config),
        Action::Declaration {
            run,
            json,
            record,
            date,
        } => declaration(run, *json, record.as_deref().zip(*date)),
        Action::AcceptRestore(args) => accept_restore(args),
        Action::AcceptClock(args) => accept_clock(args),
        Action::Replay(args) => replay(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, sentence)) => {
            eprintln!("sensord: {sentence}");
            ExitCode::from(code)
        }
    }
}

fn check(path: &Path) -> Result<(), (u8, String)> {
    let config = Config::load(path).map_err(|error| (exit::CONFIG, error.to_string()))?;
    Issuers::of(&config.issuers).map_err(|error| (exit::CONFIG, error.to_string()))?;
    println!("{} interfaces, nothing wrong", config.interfaces.len());
    Ok(())
}

fn run(args: &RunArgs) -> Result<(), (u8, String)> {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    let config = configuration(args)?;
    agent::run(&config).map_err(|error| (run_code(&error), error.to_string()))
}

fn declaration(
    args: &RunArgs,
    json: bool,
    record: Option<(&str, Date)>,
) -> Result<(), (u8, String)> {
    let config = configuration(args)?;
    let failed = |error: agent::Error| (run_code(&error), error.to_string());
    let Some((reference, date)) = record else {
        let report = agent::declaration(&config).map_err(failed)?;
        let text = if json {
            serde_json::to_string(&report).map_err(|error| (exit::SOFTWARE, error.to_string()))?
        } else {
            legal::markdown(&report.facts, &report.digest)
        };
        println!("{}", text.trim_end());
        // No declared fact: a new one changes nothing of the device.
        if let Some(key) = agent::disclosure_key(&config).map_err(failed)? {
            eprintln!("sensord: what this sensor discloses is signed by {key}");
        }
        return Ok(());
    };
    if !is_reference(reference) {
        let sentence = "the reference must be 1 to 128 printable ASCII characters";
        return Err((exit::DATA, sentence.into()));
    }
    let recorded = agent::record_declaration(&config, reference, date).map_err(failed)?;
    println!(
        "{}",
        if recorded {
            "recorded: the agent may attach and load markers"
        } else {
            "the device is declared as it is already; nothing was changed"
        }
    );
    Ok(())
}

fn accept_restore(args: &RunArgs) -> Result<(), (u8, String)> {
    accept(
        args,
        agent::accept_restore,
        [
            "accepted and journalled; start the agent, then load what is missing",
            "catalogue and journal are of one time; nothing was changed",
        ],
    )
}

fn accept_clock(args: &RunArgs) -> Result<(), (u8, String)> {
    accept(
        args,
        agent::accept_clock,
        [
            "accepted and journalled; start the agent",
            "the wall clock is believed already; nothing was changed",
        ],
    )
}

fn accept(
    args: &RunArgs,
    take: fn(&Config) -> Result<bool, agent::Error>,
    [taken, unchanged]: [&str; 2],
) -> Result<(), (u8, String)> {
    let config = configuration(args)?;
    let accepted = take(&config).map_err(|error| (run_code(&error), error.to_string()))?;
    println!("{}", if accepted { taken } else { unchanged });
    Ok(())
}

fn configuration(args: &RunArgs) -> Result<Config, (u8, String)> {
    let read = match &args.config {
        Some(path) => Config::load(path),
        None if args.interface.is_empty() => Config::load(config::PATH.as_ref()),
        None => Config::from_flags(&args.interface, &args.subscribers),
    };
    let mut config = read.map_err(|error| match (&args.config, error) {
        (None, error @ config::Error::Read { .. }) => {
            let hint = "give --config FILE, or --interface and --subscribers";
            (exit::CONFIG, format!("{error}; {hint}"))
        }
        (_, error) => (exit::CONFIG, error.to_string()),
    })?;
    if let Some(path) = &args.state_dir {
        config.state_dir.clone_from(path);
    }
    if let Some(path) = &args.socket {
        config.control.socket.clone_from(path);
    }
    Ok(config)
}

fn run_code(error: &agent::Error) -> u8 {
    use sensor_user::control;
    match error {
        agent::Error::DataPlane(dataplane::Error::Capability { .. }) => exit::NO_PERMISSION,
        agent::Error::DataPlane(
            dataplane::Error::NotBpffs { .. }
            | dataplane::Error::PinMismatch { .. }
            | dataplane::Error::PinsIncomplete { .. },
        )
        | agent::Error::Interface(control::Error::NotFound(_))
        | agent::Error::Issuer(_)
        | agent::Error::Slots { .. }
        | agent::Error::Warninglist(_) => exit::CONFIG,
        agent::Error::Restored(_) => exit::DATA,
        agent::Error::Interface(control::Error::Conflict(_)) | agent::Error::Socket(_) => {
            exit::UNAVAILABLE
        }
        agent::Error::Journal(_)
        | agent::Error::Store(_)
        | agent::Error::Directory { .. }
        | agent::Error::Metrics { .. } => exit::IO,
        _ => exit::SOFTWARE,
    }
}

fn replay(args: &ReplayArgs) -> Result<(), (u8, String)> {
    let file = std::fs::File::open(&args.markers).map_err(|error| {
        (
            exit::NO_INPUT,
            format!("{}: {error}", args.markers.display()),
        )
    })?;
    // clap has refused every other name.
    let format = Format::parse(&args.format).unwrap_or_default();
    let limits = markers::Limits::default();
    let intake = markers::read(format, &mut io::BufReader::new(file), &limits, &|_| {});
    for refusal in &intake.refused {
        eprintln!("{}:{refusal}", args.markers.display());
    }
    if intake.refused_total > 0 {
        let told = format!("refused in the marker file: {}", intake.refused_total);
        if intake.fatal {
            return Err((exit::DATA, format!("{told}; nothing was replayed")));
        }
        eprintln!("sensord: {told}; the rest is used");
    }
    let replay = Replay {
        markers: intake.markers,
        captures: args.captures.clone(),
        subscribers: args.subscribers.clone(),
        timeouts: Timeouts {
            idle: Duration::from_secs(args.idle_timeout),
            active: Duration::from_secs(args.active_timeout),
        },
    };
    let bar = progress_bar();
    let mut progress = |path: &std::path::Path, read: u64, length: Option<u64>| {
        bar.set_length(length.unwrap_or(read));
        bar.set_position(read);
        bar.set_message(
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        );
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let outcome = replay.run(&mut out, &mut progress);
    bar.finish_and_clear();
    match outcome {
        Ok(summary) => {
            // The events are written; a summary that nobody can read is no failure.
            let _ = writeln!(io::stderr(), "{summary}");
            Ok(())
        }
        Err(replay::Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err((replay_code(&error), error.to_string())),
    }
}

fn replay_code(error: &replay::Error) -> u8 {
    match error {
        replay::Error::Capture(capture::Error::Open { .. }) => exit::NO_INPUT,
        replay::Error::Capture(_) | replay::Error::Compile(_) => exit::DATA,
        replay::Error::DataPlane(dataplane::Error::Capability { .. }) => exit::NO_PERMISSION,
        replay::Error::Output(_) => exit::IO,
        replay::Error::DataPlane(_) | replay::Error::Crypto(_) => exit::SOFTWARE,
    }
}

fn progress_bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}
