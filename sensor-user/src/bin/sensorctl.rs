//! Controls a running sensord; everything is in [`sensor_user::cli`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    sensor_user::cli::run(std::env::args_os())
}
