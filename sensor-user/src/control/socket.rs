//! Accepting: peers, limits, shutdown. Binding is in [`super::bind`].

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    path::Path,
    pin::pin,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::io::Errno;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Door, Service,
    accounts::Accounts,
    bind::{self, Bound, Guard, Trouble},
    http::Peer,
};
use crate::{config::Account, model::Role};

/// Connections beyond the limit, or of strangers, that are told so; still further ones are closed at once.
const TOLD: usize = 16;

/// Pause after the host ran out of descriptors or memory: trying at once again would only burn a CPU.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// A bound control socket. Its file is removed when this is dropped.
pub struct Socket {
    listener: std::os::unix::net::UnixListener,
    bound: Bound,
}

impl Socket {
    /// Binds the socket with mode 0660. The umask is the process's: bind before other threads
    /// create files.
    ///
    /// # Errors
    /// [`bind::Error`] when the path is in use, is no socket or cannot be bound.
    pub fn bind(path: &Path, group: Option<&Account>) -> Result<Self, bind::Error> {
        let (listener, bound) = bind::bind(path, group)?;
        Ok(Self { listener, bound })
    }

    /// What looks after its file while it is served.
    ///
    /// # Errors
    /// When the file cannot be looked at.
    pub fn guard(&self) -> Result<Guard, bind::Error> {
        self.bound.guard()
    }

    /// Puts the file of a socket that is served right; the socket that takes its place, where it had to be
    /// bound anew.
    ///
    /// # Errors
    /// [`bind::Error`]; nobody reaches it.
    pub fn mend(guard: &mut Guard, trouble: Trouble) -> Result<Option<Self>, bind::Error> {
        let fresh = guard.mend(trouble)?;
        Ok(fresh.map(|(listener, bound)| Self { listener, bound }))
    }

    /// Serves until `stop` holds true or its sender is gone; then gives exchanges under way their
    /// time. Needs a tokio runtime with time and I/O.
    ///
    /// # Errors
    /// When the runtime cannot take the socket.
    pub async fn serve<S: Service>(
        self,
        door: Arc<Door<S>>,
        stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let (_none, renewed) = mpsc::channel(1);
        self.serve_renewed(door, stop, renewed).await
    }

    /// The same; a socket that comes by `renewed` takes the place of the one before, whose connections go
    /// on.
    ///
    /// # Errors
    /// As [`Socket::serve`].
    pub async fn serve_renewed<S: Service>(
        self,
        door: Arc<Door<S>>,
        mut stop: watch::Receiver<bool>,
        mut renewed: mpsc::Receiver<Self>,
    ) -> io::Result<()> {
        let Self {
            listener,
            mut bound,
        } = self;
        let mut listener = UnixListener::from_std(listener)?;
        let admission = Admission::new(&door);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = stopped(&mut stop) => break,
                Some(_) = connections.join_next() => {}
                Some(fresh) = renewed.recv() => {
                    listener = UnixListener::from_std(fresh.listener)?;
                    bound = fresh.bound;
                }
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        if let Some((peer, permits)) = admission.admit(&door, &stream) {
                            connections.spawn(converse(
                                Arc::clone(&door), stream, peer, permits, stop.clone(),
                            ));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the control socket cannot accept a client");
                        if is_exhausted(&error) {
                            sleep(EXHAUSTED_PAUSE).await;
                        }
                    }
                },
            }
        }
        drop(listener);
        let all_done = async { while connections.join_next().await.is_some() {} };
        if timeout(door.limits.grace, all_done).await.is_err() {
            tracing::warn!("clients of the control socket did not finish in time and were cut off");
        }
        drop(bound);
        Ok(())
    }
}

/// Waits until `stop` holds true or its sender is gone.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: that is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Who gets in.
struct Admission {
    clients: Arc<Semaphore>,
    guests: Arc<Semaphore>,
    told: Arc<Semaphore>,
    /// Connections by user, of those who are bounded.
    each: Arc<Mutex<BTreeMap<u32, usize>>>,
}

/// A connection's places; free when dropped.
type Permits = (Vec<OwnedSemaphorePermit>, Option<Own>);

/// One of a user's own places.
struct Own {
    uid: u32,
    each: Arc<Mutex<BTreeMap<u32, usize>>>,
}

impl Own {
    fn take(each: &Arc<Mutex<BTreeMap<u32, usize>>>, uid: u32, most: usize) -> Option<Self> {
        let mut taken = each.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(uid).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        let each = Arc::clone(each);
        Some(Self { uid, each })
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let mut taken = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.uid) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.uid);
            }
        }
    }
}

impl Admission {
    fn new<S>(door: &Door<S>) -> Self {
        Self {
            clients: Arc::new(Semaphore::new(door.limits.clients)),
            guests: Arc::new(Semaphore::new(door.limits.guests)),
            told: Arc::new(Semaphore::new(TOLD)),
            each: Arc::default(),
        }
    }

    /// Who the peer is, and its places. None when it is to be closed at once.
    fn admit<S>(&self, door: &Door<S>, stream: &UnixStream) -> Option<(Peer, Permits)> {
        let credentials = stream.peer_cred().ok()?;
        let uid = credentials.uid();
        let actor = door
            .roles
            .actor(uid, credentials.gid(), &Accounts::of_host());
        let told = || Arc::clone(&self.told).try_acquire_owned().ok();
        // Somebody who may ask for nothing takes nobody's place.
        let Some((actor, scopes)) = actor else {
            return Some((Peer::Stranger { uid }, (vec![told()?], None)));
        };
        if let Some(own) = Own::take(&self.each, uid, door.limits.each)
            && let Some(permits) = self.places(actor.role == Role::Operator)
        {
            return Some((Peer::Known(actor, scopes), (permits, Some(own))));
        }
        door.counts.turned_away.fetch_add(1, Relaxed);
        Some((Peer::TooMany, (vec![told()?], None)))
    }

    fn places(&self, operator: bool) -> Option<Vec<OwnedSemaphorePermit>> {
        let mut permits = Vec::new();
        if !operator {
            permits.push(Arc::clone(&self.guests).try_acquire_owned().ok()?);
        }
        permits.push(Arc::clone(&self.clients).try_acquire_owned().ok()?);
        Some(permits)
    }
}

/// One connection, from its first byte to its last.
async fn converse<S: Service>(
    door: Arc<Door<S>>,
    stream: UnixStream,
    peer: Peer,
    permits: Permits,
    mut stop: watch::Receiver<bool>,
) {
    let shared = (&door, &peer, stop.clone());
    let answer = service_fn(move |request| {
        let (door, peer, stop) = (Arc::clone(shared.0), shared.1, shared.2.clone());
        async move { Ok::<_, Infallible>(door.answer(peer, request, stop).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(door.limits.header)
            .keep_alive(!matches!(peer, Peer::TooMany))
            .serve_connection(TokioIo::new(stream), answer)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    drop(permits);
    if let Err(error) = ended {
        if error.is_parse() {
            door.counts.malformed.fetch_add(1, Relaxed);
            // hyper's sentence names the part at fault, never its content.
            tracing::warn!(%peer, "a client of the control socket does not speak HTTP/1.1: {error}");
        } else if error.is_timeout() {
            door.counts.timed_out.fetch_add(1, Relaxed);
        }
    }
}

/// Whether accepting failed because the process or the host ran out of something.
fn is_exhausted(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        errno,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}
