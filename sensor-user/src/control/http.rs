//! One exchange: who, what, may they, body, service, answer.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    Response,
    body::{Body as _, Incoming},
    header::EXPECT,
    http::request::Parts,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    task::spawn_blocking,
    time::timeout,
};

use super::{
    Counts, Error, Limits, Roles, Service, follow,
    patience::{self, Patience},
    response::{Body, found, full, refusal},
    roles,
    routes::{self, Carries, Content, Target},
    spool,
    submission::Submission,
    tail, uri,
};
use crate::model::{
    Actor, RequestKind, Role, Scopes,
    request::{Reply, Request},
};

/// Largest body that is held in memory, whatever is accepted otherwise, bytes.
const MOST_IN_MEMORY: u64 = 64 << 20;

/// A document up to this gives its place back once it is read, bytes.
const SMALL: usize = 1 << 20;

/// What a stream is.
const NDJSON: &str = "application/x-ndjson";

/// Everything that answering needs.
pub struct Door<S> {
    service: Arc<S>,
    pub(super) roles: Roles,
    pub(super) limits: Limits,
    pub(super) counts: Arc<Counts>,
    /// Of operators, and of everybody else.
    uploads: [Semaphore; 2],
    /// Requests that threads work on.
    asks: Arc<Semaphore>,
    /// One proof about the journal is made at a time.
    proofs: Arc<Semaphore>,
    patience: Patience,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(super) enum Peer {
    /// Somebody with a role, who sees these parts of the journal.
    Known(Actor, Scopes),
    /// Somebody without.
    Stranger {
        /// User id.
        uid: u32,
    },
    /// One too many, whoever it is.
    TooMany,
}

impl<S: Service> Door<S> {
    /// A door to `service`.
    pub fn new(service: Arc<S>, roles: Roles, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            service,
            roles,
            uploads: [limits.uploads; 2].map(Semaphore::new),
            asks: Arc::new(Semaphore::new(limits.asks)),
            proofs: Arc::new(Semaphore::new(1)),
            patience: Patience::default(),
            limits,
            counts: Arc::default(),
        })
    }

    /// Its counters.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Answers one request, whatever it is.
    pub(super) async fn answer(
        &self,
        peer: &Peer,
        request: hyper::Request<Incoming>,
        stop: watch::Receiver<bool>,
    ) -> Response<Body> {
        self.counts.requests.fetch_add(1, Relaxed);
        let (head, body) = request.into_parts();
        let mut body = Some(body);
        match self.exchange(peer, &head, &mut body, stop).await {
            Ok(response) => response,
            Err(error) => {
                self.note(peer, &error);
                self.swallow(&head, body);
                refusal(error)
            }
        }
    }

    async fn exchange(
        &self,
        peer: &Peer,
        head: &Parts,
        body: &mut Option<Incoming>,
        stop: watch::Receiver<bool>,
    ) -> Result<Response<Body>, Error> {
        let (actor, scopes) = peer.known()?;
        let (route, parameter) = routes::find(head.method.as_str(), head.uri.path())?;
        let kind = match route.target {
            Target::Ask(kind) => kind,
            Target::Description => {
                return Ok(found("application/json", full(routes::DESCRIPTION)));
            }
        };
        if let Err(denied) = authorise(actor, kind) {
            return Err(self.unserved(actor, kind, denied).await);
        }
        let parameter = uri::decode(parameter)?;
        let query = uri::Query::parse(head.uri.query().unwrap_or_default(), route.query)?;
        // Built without its body first: what is wrong with the address is told before the upload.
        let mut request = routes::request(kind, &parameter, &query, Content::default())?;
        let submission = Submission::new(&self.counts, kind == RequestKind::RequestsSubmit);
        let upload = match route.body {
            Carries::Nothing => None,
            Carries::Document => Some(self.receive(actor, body).await?),
            Carries::File => match self.spool(actor, body).await {
                Ok(upload) => Some(upload),
                Err(error) => return Err(self.unserved(actor, kind, error).await),
            },
        };
        let _permit = match upload {
            None => None,
            Some((content, permit)) => {
                request = routes::request(kind, &parameter, &query, content)?;
                permit
            }
        };
        let reply = self.ask(actor, request.within(scopes)).await;
        if !matches!(&reply, Err(error) if error.status().is_server_error()) {
            submission.judged();
        }
        match reply? {
            Reply::Tail => Ok(self.stream(actor, stop)),
            Reply::Follow { from } => {
                let journal = self.service.journal();
                let lines = follow::lines(journal, from, scopes, stop);
                Ok(found(NDJSON, StreamBody::new(lines).boxed_unsync()))
            }
            reply => {
                let shown = roles::shown_to(actor.role, scopes, reply)?;
                let mut document = routes::document(&shown)?;
                document.push(b'\n');
                Ok(found("application/json", full(document)))
            }
        }
    }

    /// Asks the service, on a thread that may block. It goes on when the client leaves.
    async fn ask(&self, actor: &Actor, request: Request) -> Result<Reply, Error> {
        let bounded = patience::bounded(actor, &request);
        self.patience.check(bounded)?;
        // Waited for here, where no thread waits; kept until it is done, also when the client has left.
        let place = |places: &Arc<Semaphore>| Arc::clone(places).acquire_owned();
        let proof = match request {
            Request::JournalProof(_) => place(&self.proofs).await.ok(),
            _ => None,
        };
        let place = place(&self.asks).await.ok();
        let (service, asking) = (Arc::clone(&self.service), actor.clone());
        let answer = spawn_blocking(move || {
            let _places = (proof, place);
            service.handle(&asking, request)
        })
        .await
        .map_err(|_| {
            Error::Internal("the request met a defect of the agent; see its log".into())
        })?;
        self.patience.note(bounded, &answer);
        answer
    }

    /// Tells the service what was asked and not done, where that is to be journalled; the error.
    async fn unserved(&self, actor: &Actor, kind: RequestKind, error: Error) -> Error {
        use RequestKind as K;
        if !matches!(
            kind,
            K::RequestsSubmit | K::RequestsApprove | K::RequestsRefuse | K::RequestsSettle
        ) {
            return error;
        }
        let (service, actor) = (Arc::clone(&self.service), actor.clone());
        let told = spawn_blocking(move || {
            service.unserved(&actor, kind, &error);
            error
        });
        told.await.unwrap_or_else(|_| {
            Error::Internal("the request met a defect of the agent; see its log".into())
        })
    }

    fn stream(&self, actor: &Actor, stop: watch::Receiver<bool>) -> Response<Body> {
        let events = self.service.tail(actor);
        let lines = tail::lines(events, actor.role, stop, self.counts());
        found(NDJSON, StreamBody::new(lines).boxed_unsync())
    }

    /// Reads a body into memory.
    async fn receive(
        &self,
        actor: &Actor,
        body: &mut Option<Incoming>,
    ) -> Result<(Content, Option<SemaphorePermit<'_>>), Error> {
        let mut sink = Sink::Memory(BytesMut::new());
        let limit = self.limits.max_body.min(MOST_IN_MEMORY);
        let permit = self.take(actor, body, limit, &mut sink).await?;
        let Sink::Memory(bytes) = sink else {
            return Err(Error::Internal("a body went astray".into()));
        };
        let content = Content {
            document: bytes.freeze(),
            ..Content::default()
        };
        // A small one does not keep others out while it waits for a change under way.
        let large = content.document.len() > SMALL;
        Ok((content, large.then_some(permit)))
    }

    /// Reads a body into a file without a name.
    async fn spool(
        &self,
        actor: &Actor,
        body: &mut Option<Incoming>,
    ) -> Result<(Content, Option<SemaphorePermit<'_>>), Error> {
        let file = spool::File::create(self.limits.spool.clone()).await?;
        let mut sink = Sink::File(file);
        let permit = self
            .take(actor, body, self.limits.max_body, &mut sink)
            .await?;
        let Sink::File(file) = sink else {
            return Err(Error::Internal("a body went astray".into()));
        };
        let content = Content {
            file: file.finish()?,
            ..Content::default()
        };
        Ok((content, Some(permit)))
    }

    /// Reads a body within bounds of size and time.
    async fn take(
        &self,
        actor: &Actor,
        body: &mut Option<Incoming>,
        limit: u64,
        sink: &mut Sink,
    ) -> Result<SemaphorePermit<'_>, Error> {
        let too_large = Error::TooLarge { limit };
        let Some(incoming) = body.as_mut() else {
            return Err(Error::Internal("the body was read before".into()));
        };
        if incoming.size_hint().lower() > limit {
            return Err(too_large);
        }
        let permit = timeout(self.limits.body, self.uploads_of(actor).acquire())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| {
                Error::Unavailable("other uploads are in progress; try again after them".into())
            })?;
        let (mut taken, began) = (0_u64, Instant::now());
        loop {
            let most = self.limits.body + Duration::from_secs(taken / Limits::SLOWEST);
            if began.elapsed() > most {
                return Err(Error::TimedOut(
                    "the body comes too slowly; send it again, faster".into(),
                ));
            }
            let frame = timeout(self.limits.body, incoming.frame())
                .await
                .map_err(|_| {
                    Error::TimedOut("the body did not come in time; send it again".into())
                })?;
            let Some(frame) = frame else {
                break;
            };
            let frame = frame
                .map_err(|_| Error::Invalid("the body was broken off; send it again".into()))?;
            if let Ok(data) = frame.into_data() {
                taken += data.len() as u64;
                if taken > limit {
                    return Err(too_large);
                }
                match sink {
                    Sink::Memory(bytes) => bytes.extend_from_slice(&data),
                    Sink::File(file) => file.append(data).await?,
                }
            }
        }
        *body = None;
        Ok(permit)
    }

    const fn uploads_of(&self, actor: &Actor) -> &Semaphore {
        let [operators, others] = &self.uploads;
        match actor.role {
            Role::Operator => operators,
            _ => others,
        }
    }

    /// Reads on, without keeping anything, what a refused client is still sending: closing at once
    /// would break its connection before it reads why. A client that waits for `100 Continue`
    /// is not sending.
    fn swallow(&self, head: &Parts, body: Option<Incoming>) {
        let patience = self.limits.body;
        if let Some(mut body) = body
            && !body.is_end_stream()
            && !head.headers.contains_key(EXPECT)
        {
            tokio::spawn(timeout(patience, async move {
                while let Some(Ok(_)) = body.frame().await {}
            }));
        }
    }

    fn note(&self, peer: &Peer, error: &Error) {
        let counter = match error {
            Error::Denied(_) => &self.counts.denied,
            Error::TimedOut(_) => &self.counts.timed_out,
            Error::Unavailable(_) | Error::Internal(_) => &self.counts.failed,
            _ => return,
        };
        counter.fetch_add(1, Relaxed);
        tracing::warn!(peer = %peer, code = error.code(), "a request was not done: {error}");
    }
}

/// Where a body goes.
enum Sink {
    Memory(BytesMut),
    File(spool::File),
}

impl Peer {
    fn known(&self) -> Result<(&Actor, Scopes), Error> {
        match self {
            Self::Known(actor, scopes) => Ok((actor, *scopes)),
            Self::Stranger { uid } => Err(Error::Denied(format!(
                "user {uid} has no role on this sensor; an operator can give one under [[control.role]] in sensor.toml"
            ))),
            Self::TooMany => Err(Error::Unavailable(
                "too many clients are connected; try again when some have left".into(),
            )),
        }
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(actor, _) => write!(f, "uid {} ({})", actor.uid, actor.role.name()),
            Self::Stranger { uid } => write!(f, "uid {uid} (no role)"),
            Self::TooMany => f.write_str("one too many"),
        }
    }
}

/// The one place where a role is held against a request.
fn authorise(actor: &Actor, kind: RequestKind) -> Result<(), Error> {
    if roles::allows(actor.role, kind) {
        Ok(())
    } else {
        Err(Error::Denied(format!(
            "role {} may not ask for {}; ask an operator of the sensor",
            actor.role.name(),
            kind.name()
        )))
    }
}
