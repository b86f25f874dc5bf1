//! Endless answers: one event a line, as they are stored.

use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use hyper::body::Frame;
use tokio::sync::{broadcast, broadcast::error::RecvError, watch};

use super::{Counts, roles, socket::stopped};
use crate::model::{Event, Role};

struct Tail {
    events: broadcast::Receiver<Arc<Event>>,
    role: Role,
    stop: watch::Receiver<bool>,
    counts: Arc<Counts>,
}

/// Lines of NDJSON until the client or the agent leaves. A client that reads too slowly gets a
/// line `{"lagged": n}` where `n` events are missing: it can list them.
pub(super) fn lines(
    events: broadcast::Receiver<Arc<Event>>,
    role: Role,
    stop: watch::Receiver<bool>,
    counts: Arc<Counts>,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
    let tail = Tail {
        events,
        role,
        stop,
        counts,
    };
    stream::unfold(tail, |mut tail| async move {
        let line = tail.next().await?;
        Some((Ok(Frame::data(line)), tail))
    })
}

impl Tail {
    async fn next(&mut self) -> Option<Bytes> {
        let received = tokio::select! {
            () = stopped(&mut self.stop) => return None,
            received = self.events.recv() => received,
        };
        let mut line = match received {
            Ok(event) => {
                let event = roles::event_shown_to(self.role, Event::clone(&event));
                serde_json::to_vec(&event).ok()?
            }
            Err(RecvError::Lagged(missed)) => {
                self.counts.lagged.fetch_add(missed, Relaxed);
                format!("{{\"lagged\": {missed}}}").into_bytes()
            }
            Err(RecvError::Closed) => return None,
        };
        line.push(b'\n');
        Some(line.into())
    }
}
