//! Roles through the whole exchange: what is denied, what is blanked, in answers and streams.

use std::{
    convert::Infallible,
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex},
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::sync::{broadcast, watch};

use super::{http::Peer, routes::Target, *};
use crate::model::{
    MatchedIn, Pap, PatternKind, RequestKind, Role, Scopes, State, SubscriberSide, Tlp, Vantage,
    request::{JournalPage, Rows},
};

/// Remembers what it was asked, and knows one event.
#[derive(Default)]
struct Recorder {
    asked: Mutex<Vec<RequestKind>>,
}

impl Service for Recorder {
    fn handle(&self, _: &Actor, request: Request) -> Result<Reply, Error> {
        self.asked.lock().expect("no panic").push(request.kind());
        Ok(match request {
            Request::EventsList { .. } => Reply::Events(Rows {
                rows: vec![event()],
                next: None,
            }),
            Request::EventsShow { .. } => Reply::Event(Box::new(event())),
            Request::EventsTail => Reply::Tail,
            Request::JournalFollow { from } => Reply::Follow { from },
            _ => Reply::Journal(JournalPage {
                rows: Vec::new(),
                size: 0,
                root: String::new(),
            }),
        })
    }

    /// One that is empty.
    fn journal(&self) -> Arc<Journal> {
        Arc::new(Journal::in_memory())
    }

    /// The one event, and then the end.
    fn tail(&self, _: &Actor) -> broadcast::Receiver<Arc<Event>> {
        let (sender, receiver) = broadcast::channel(1);
        sender.send(Arc::new(event())).expect("a receiver is there");
        receiver
    }
}

fn event() -> Event {
    let time = jiff::Timestamp::UNIX_EPOCH;
    Event {
        schema: 1,
        id: "e1".into(),
        rev: 1,
        state: State::Open,
        sensor: "pop1".into(),
        vantage: Vantage(0),
        markers: Vec::new(),
        orders: Vec::new(),
        pattern_kind: PatternKind::Ip,
        matched_in: MatchedIn::DstIp,
        first_seen: time,
        last_seen: time,
        src_ip: Some([10, 11, 12, 13].into()),
        src_port: Some(54_321),
        dst_ip: Some([203, 0, 113, 5].into()),
        dst_port: Some(443),
        proto: "tcp".into(),
        packets: 1,
        bytes: 60,
        subscriber_side: SubscriberSide::Src,
        interface: "eth0".into(),
        vlan: Vec::new(),
        generation: 1,
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        test: false,
    }
}

/// Status and text of one exchange, and what the service was asked in it.
async fn exchange(peer: &Peer, line: &str) -> (u16, String, Vec<RequestKind>) {
    let service = Arc::new(Recorder::default());
    let door = Door::new(
        Arc::clone(&service),
        Roles::new(Vec::new()),
        Limits::default(),
    );
    // Of the two streams, this one has no end of its own.
    let (_stop, stopped) = watch::channel(line.ends_with("/follow"));
    let (mut near, far) = UnixStream::pair().expect("a pair");
    far.set_nonblocking(true).expect("set up");
    let far = tokio::net::UnixStream::from_std(far).expect("set up");
    let answer = service_fn(|request| {
        let (door, stopped) = (&door, stopped.clone());
        async move { Ok::<_, Infallible>(door.answer(peer, request, stopped).await) }
    });
    let head = format!("{line} HTTP/1.1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    near.write_all(head.as_bytes()).expect("sends");
    http1::Builder::new()
        .serve_connection(TokioIo::new(far), answer)
        .await
        .expect("serves");
    let mut text = String::new();
    near.read_to_string(&mut text).expect("text");
    let status = text[9..12].parse().expect("status");
    let asked = service.asked.lock().expect("no panic").clone();
    (status, text, asked)
}

fn known(role: Role) -> Peer {
    Peer::Known(Actor { uid: 1000, role }, Scopes::WHOLE)
}

#[tokio::test]
async fn what_a_role_may_not_never_reaches_the_service() {
    let roles = [Role::Reader, Role::Operator, Role::Desk, Role::Oversight];
    for route in &routes::ROUTES {
        let Target::Ask(kind) = route.target else {
            continue;
        };
        let line = format!("{} {}", route.method, route.path.replace(['{', '}'], ""));
        for role in roles {
            let (status, text, asked) = exchange(&known(role), &line).await;
            if roles::allows(role, kind) {
                assert_eq!((status, asked), (200, vec![kind]), "{role:?} {line}");
            } else {
                assert_eq!((status, asked), (403, vec![]), "{role:?} {line}");
                assert!(text.contains("\"denied\""), "{text}");
            }
        }
        for (peer, refusal) in [(Peer::Stranger { uid: 7 }, 403), (Peer::TooMany, 503)] {
            let (status, _, asked) = exchange(&peer, &line).await;
            assert_eq!((status, asked), (refusal, vec![]), "{peer} {line}");
        }
    }
}

#[tokio::test]
async fn readers_see_no_address_anywhere() {
    for path in ["/v1/events", "/v1/events/e1", "/v1/events/tail"] {
        let line = format!("GET {path}");
        let values = ["10.11.12.13", "54321", "203.0.113.5", "443"];
        let (status, text, _) = exchange(&known(Role::Operator), &line).await;
        assert_eq!(status, 200);
        assert!(values.iter().all(|value| text.contains(value)), "{text}");
        let (status, text, _) = exchange(&known(Role::Reader), &line).await;
        assert_eq!(status, 200);
        assert!(text.contains("\"e1\""), "the event is there: {text}");
        assert!(!values.iter().any(|value| text.contains(value)), "{text}");
    }
}
