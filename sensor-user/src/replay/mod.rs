//! `sensord replay`: captures through the same program and the same agent path, without an
//! interface, a store or a declaration.

pub mod capture;
mod run;
mod summary;

use std::io;

pub use run::{Progress, Replay};
pub use summary::Summary;

use crate::{crypto, dataplane, model::Collision};

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A capture cannot be read.
    #[error(transparent)]
    Capture(#[from] capture::Error),
    /// The markers cannot be compiled.
    #[error(transparent)]
    Compile(#[from] Collision),
    /// The program cannot be loaded or run.
    #[error(transparent)]
    DataPlane(dataplane::Error),
    /// No randomness.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// Events cannot be written.
    #[error("standard output: {0}")]
    Output(#[source] io::Error),
}
