//! `sensorctl`: the client of the control socket.
//!
//! [`args`] is what may be typed, [`client`] speaks HTTP, [`commands`] does one command,
//! [`print`] and [`status`] show answers, [`failure`] ends in an exit code.

pub mod args;
mod bundle;
mod canary;
pub mod client;
pub mod commands;
mod coverage;
pub mod declaration;
pub mod failure;
mod input;
pub mod journal;
mod orders;
pub mod print;
mod progress;
mod requests;
mod sinks;
pub mod status;

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::config::{self, Config};
use args::Args;
use client::Client;
use commands::Session;
use failure::Error;
use print::Out;

/// Runs one command line; the whole of the program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match args::parse(arguments) {
        Ok(args) => args,
        Err(code) => return code.into(),
    };
    let json = args.json;
    match execute(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when this cannot be printed.
            let _ = report(&error, json);
            error.exit_code().into()
        }
    }
}

fn execute(args: Args) -> Result<(), Error> {
    let session = Session {
        client: Client::new(socket(args.socket, args.config.as_deref())?),
        config: args.config,
        out: Out::stdout(args.json),
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?
        .block_on(commands::run(&session, args.command))
}

/// Where the socket is: as told, as the named configuration file says, or the default.
fn socket(socket: Option<PathBuf>, config: Option<&Path>) -> Result<PathBuf, Error> {
    match (socket, config) {
        (Some(socket), _) => Ok(socket),
        (None, Some(config)) => Ok(Config::load(config)?.control.socket),
        (None, None) => Ok(config::SOCKET.into()),
    }
}

fn report(error: &Error, json: bool) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    if let (Error::Refused { body, .. }, true) = (error, json) {
        stderr.write_all(body)?;
        return stderr.flush();
    }
    writeln!(stderr, "sensorctl: {error}")?;
    if let Error::Refused { failure, .. } = error
        && !failure.refused.is_empty()
    {
        let colour = print::colour_for(io::stderr().is_terminal());
        writeln!(stderr, "{}", print::refusals(failure, colour))?;
    }
    Ok(())
}
