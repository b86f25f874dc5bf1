//! The journal as an endless answer: one row a line, from an index on.

use std::{collections::VecDeque, convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use hyper::body::Frame;
use tokio::{sync::watch, task::spawn_blocking};

use super::socket::stopped;
use crate::{
    journal::{self, Journal},
    model::Scopes,
};

/// Entries read at a time.
const PAGE: u32 = 512;

struct Follow {
    journal: Arc<Journal>,
    size: watch::Receiver<u64>,
    next: u64,
    scopes: Scopes,
    pending: VecDeque<Bytes>,
    stop: watch::Receiver<bool>,
}

/// Lines of NDJSON until the client or the agent leaves. What was written before the agent leaves
/// is still told; a client that reads slowly misses nothing, since the entries wait on disk.
pub(super) fn lines(
    journal: Arc<Journal>,
    from: u64,
    scopes: Scopes,
    stop: watch::Receiver<bool>,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
    let follow = Follow {
        size: journal.watch(),
        journal,
        next: from,
        scopes,
        pending: VecDeque::new(),
        stop,
    };
    stream::unfold(follow, |mut follow| async move {
        let line = follow.next().await?;
        Some((Ok(Frame::data(line)), follow))
    })
}

impl Follow {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.pending.pop_front() {
                return Some(line);
            }
            if self.next < *self.size.borrow_and_update() {
                self.read().await?;
                continue;
            }
            tokio::select! {
                biased;
                changed = self.size.changed() => changed.ok()?,
                () = stopped(&mut self.stop) => return None,
            }
        }
    }

    /// Reads the next entries; `None` when they cannot be read, which ends the stream.
    async fn read(&mut self) -> Option<()> {
        let (journal, from) = (Arc::clone(&self.journal), self.next);
        let page = spawn_blocking(move || journal.page(from, PAGE))
            .await
            .ok()?;
        let page = page
            .inspect_err(|error| tracing::error!(%error, "the journal cannot be followed"))
            .ok()?;
        self.next += page.rows.len() as u64;
        for row in journal::within(self.scopes, page).rows {
            let mut line = serde_json::to_vec(&row).ok()?;
            line.push(b'\n');
            self.pending.push_back(line.into());
        }
        Some(())
    }
}
