//! The door of the agent: HTTP/1.1 with JSON over a Unix socket.
//!
//! [`socket`] binds and accepts, [`roles`] says who asks and what they may, [`routes`] turns a
//! request line into a [`Request`], [`http`] does one exchange, [`failure`] turns errors into
//! answers. What is asked is done by a [`Service`].

pub mod accounts;
pub mod bind;
pub mod failure;
mod follow;
pub mod http;
pub mod overseers;
mod patience;
mod response;
pub mod roles;
pub mod routes;
pub mod service;
pub mod socket;
mod spool;
mod submission;
mod tail;
pub mod uri;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use tokio::sync::broadcast;

use crate::{
    journal::Journal,
    model::{
        Actor, Event, RequestKind,
        request::{Reply, Request},
    },
};

pub use failure::Error;
pub use http::Door;
pub use overseers::Overseen;
pub use roles::Roles;
pub use socket::Socket;

/// What the door is a door to.
pub trait Service: Send + Sync + 'static {
    /// Does what is asked; may block for seconds (it runs on a blocking thread). The role has been
    /// checked; addresses are blanked for readers afterwards. [`Request::EventsTail`] comes
    /// here too, to be journalled, and is answered by [`Reply::Tail`]; [`Request::JournalFollow`]
    /// likewise by [`Reply::Follow`].
    ///
    /// # Errors
    /// What the client is told.
    fn handle(&self, actor: &Actor, request: Request) -> Result<Reply, Error>;

    /// Told of what was asked and never handed to [`Service::handle`]: it was not for this role, or could
    /// not be taken in. May block.
    fn unserved(&self, _actor: &Actor, _kind: RequestKind, _error: &Error) {}

    /// The journal, for whoever follows it.
    fn journal(&self) -> Arc<Journal>;

    /// Revisions of events from now on.
    fn tail(&self, actor: &Actor) -> broadcast::Receiver<Arc<Event>>;
}

/// What a client may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections served at once.
    pub clients: usize,
    /// Of these, the most that peers other than operators may take, so that readers cannot
    /// lock the operator out.
    pub guests: usize,
    /// Of these, the most of one user.
    pub each: usize,
    /// Requests that threads work on at once; further ones wait without a thread. Proofs about the journal,
    /// each of which reads all of it, are made one after the other.
    pub asks: usize,
    /// Uploads held at once, on disk or large ones in memory, of operators and of everybody else,
    /// each: so that nobody else locks the operators out. A further one waits for [`Limits::body`].
    pub uploads: usize,
    /// Largest request body, bytes.
    pub max_body: u64,
    /// Where a file waits while it comes in.
    pub spool: PathBuf,
    /// Time to send a request's head, and the longest a connection may idle.
    pub header: Duration,
    /// Longest pause within a request's body; what takes longer as a whole must come at
    /// [`Limits::SLOWEST`].
    pub body: Duration,
    /// Time that exchanges under way get at shutdown.
    pub grace: Duration,
}

impl Limits {
    /// Bytes a second that a body must come with on the average, after [`Limits::body`].
    pub const SLOWEST: u64 = 256 << 10;
}

impl Limits {
    /// Threads that oversight's own socket needs, so that none of its streams ever waits for a request:
    /// one for each of either.
    pub const THREADS_OF_OVERSIGHT: usize = 8 + 16;

    /// Of oversight's own socket: it uploads nothing, and takes no place of anybody else; nor does one
    /// overseer take all places of the others.
    #[must_use]
    pub fn of_oversight() -> Self {
        Self {
            clients: 16,
            guests: 16,
            each: 6,
            asks: 8,
            uploads: 1,
            max_body: 0,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients: 64,
            guests: 48,
            each: usize::MAX,
            asks: 256,
            uploads: 2,
            max_body: 2 << 30,
            spool: std::env::temp_dir(),
            header: Duration::from_secs(5),
            body: Duration::from_secs(15),
            grace: Duration::from_secs(10),
        }
    }
}

/// Counters of the door, for metrics. They only grow.
#[derive(Debug, Default)]
pub struct Counts {
    /// Requests whose head could be read.
    pub requests: AtomicU64,
    /// Answered 403: the peer or its role may not.
    pub denied: AtomicU64,
    /// Answered 5xx.
    pub failed: AtomicU64,
    /// Not HTTP/1.
    pub malformed: AtomicU64,
    /// Heads or bodies that did not come in time.
    pub timed_out: AtomicU64,
    /// Connections turned away because too many were open.
    pub turned_away: AtomicU64,
    /// Requests of the authority that were sent and not judged: the upload was not taken in, or the
    /// sensor failed.
    pub submissions_lost: AtomicU64,
    /// Events that tails missed because their client read too slowly.
    pub lagged: AtomicU64,
}

#[cfg(test)]
mod tests;
