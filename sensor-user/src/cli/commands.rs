//! One function a command.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::Method;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    args::{Breaker, Command, Events, Markers},
    bundle,
    client::{Client, read},
    declaration,
    failure::Error,
    input::payload,
    journal,
    print::{self, Out},
    progress, status,
};
use crate::{
    control::uri::encode,
    model::{
        Event, State,
        request::{
            BreakerStatus, Changed, DestroyedEvents, EventCommitment, InterfaceStatus, MarkerRow,
            Page, Rows, Status,
        },
    },
};

/// What every command needs.
pub struct Session {
    /// The sensor.
    pub client: Client,
    /// The configuration file that was named.
    pub config: Option<PathBuf>,
    /// Where answers go.
    pub out: Out,
}

/// Does one command.
///
/// # Errors
/// Why it could not be done.
pub async fn run(session: &Session, command: Command) -> Result<(), Error> {
    match command {
        Command::Status { rate } => session.status(rate).await,
        Command::Coverage => session.coverage().await,
        Command::Markers(markers) => session.markers(markers).await,
        Command::Orders(orders) => session.orders(orders).await,
        Command::Requests(requests) => session.requests(requests).await,
        Command::Costs(costs) => session.costs(costs).await,
        Command::Declaration(declaration) => declaration::run(session, declaration).await,
        Command::Bundle(bundle) => bundle::run(session, bundle).await,
        Command::Breaker(Breaker::Open { id }) => session.breaker(Method::POST, &id).await,
        Command::Breaker(Breaker::Close { id }) => session.breaker(Method::DELETE, &id).await,
        Command::Events(events) => session.events(events).await,
        Command::Canary => session.canary().await,
        Command::Sinks(sinks) => session.sinks(sinks).await,
        Command::Journal(command) => journal::run(session, command).await,
        Command::Attach { interface } => session.interface(&interface, "attach").await,
        Command::Detach { interface } => session.interface(&interface, "detach").await,
    }
}

impl Session {
    /// Gets a document and shows it: as it came, or as `table` prints it.
    pub(super) async fn show<T: DeserializeOwned>(
        &self,
        target: &str,
        table: impl FnOnce(&T, &Out) -> String,
    ) -> Result<T, Error> {
        let (document, bytes) = self.client.get(target).await?;
        self.out.answer(&bytes, || table(&document, &self.out))?;
        Ok(document)
    }

    async fn status(&self, rate: Option<u64>) -> Result<(), Error> {
        let target = "/v1/status";
        let Some(seconds) = rate else {
            let print = |now: &Status, out: &Out| status::text(now, None, out);
            return self.show(target, print).await.map(drop);
        };
        let begin = Instant::now();
        let (before, _) = self.client.get::<Status>(target).await?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let (now, bytes) = self.client.get::<Status>(target).await?;
        let since = status::Since {
            before: &before,
            elapsed: begin.elapsed(),
        };
        self.out
            .answer(&bytes, || status::text(&now, Some(&since), &self.out))
    }

    async fn markers(&self, command: Markers) -> Result<(), Error> {
        match command {
            Markers::Load { format, file } => {
                let target = format!("/v1/markers?format={}", format.name());
                self.change(Method::PUT, &target, &file).await
            }
            Markers::Add { format, file } => {
                let target = format!("/v1/markers?format={}", format.name());
                self.change(Method::POST, &target, &file).await
            }
            Markers::Remove {
                false_positive,
                file,
            } => {
                let target = match false_positive {
                    true => "/v1/markers/remove?false_positive=true",
                    false => "/v1/markers/remove",
                };
                self.change(Method::POST, target, &file).await
            }
            Markers::Release { file } => {
                self.change(Method::POST, "/v1/markers/release", &file)
                    .await
            }
            Markers::List {
                all,
                quarantined,
                limit,
            } => {
                let (limit, most) = if all {
                    (Page::MOST, u64::MAX)
                } else {
                    (limit, limit.into())
                };
                let rows = |page: &Rows<MarkerRow>, first, out: &Out| {
                    print::markers(&page.rows, first, out)
                };
                let filter = if quarantined { "&quarantined=true" } else { "" };
                self.pages("/v1/markers", filter, limit, most, rows).await
            }
            Markers::Show { id } => {
                let id = id.map_or_else(|| id_from(io::stdin().lock()), Ok)?;
                let target = format!("/v1/markers/{}", encode(&id));
                self.show(&target, print::marker).await.map(drop)
            }
        }
    }

    async fn change(&self, method: Method, target: &str, file: &Path) -> Result<(), Error> {
        let body = payload(file)?;
        let bytes = progress::watched(&self.client, method, target, body).await?;
        let changed: Changed = read(&bytes)?;
        self.out.answer(&bytes, || print::changed(&changed))
    }

    async fn events(&self, command: Events) -> Result<(), Error> {
        match command {
            Events::List {
                state,
                day,
                marker,
                limit,
            } => {
                let mut filter = String::from(match state.map(State::from) {
                    None => "",
                    Some(State::Open) => "&state=open",
                    Some(State::Closed) => "&state=closed",
                });
                if let Some(day) = day {
                    filter += &format!("&day={day}");
                }
                if let Some(marker) = marker {
                    filter += &format!("&marker={}", encode(&marker));
                }
                let rows =
                    |page: &Rows<Event>, first, out: &Out| print::events(&page.rows, first, out);
                let page = limit.min(Page::MOST);
                self.pages("/v1/events", &filter, page, limit.into(), rows)
                    .await
            }
            Events::Show { id } => {
                let target = format!("/v1/events/{}", encode(&id));
                self.show(&target, print::event).await.map(drop)
            }
            Events::NotUseful { ids } => {
                for id in ids {
                    self.not_useful(&id).await?;
                }
                Ok(())
            }
            Events::Commitment { id } => {
                let target = format!("/v1/events/{}/commitment", encode(&id));
                let text = |it: &EventCommitment, _: &Out| {
                    format!("commitment  {}\nsalt        {}", it.commitment, it.salt)
                };
                self.show(&target, text).await.map(drop)
            }
            Events::Tail => self.tail().await,
        }
    }

    async fn not_useful(&self, id: &str) -> Result<(), Error> {
        let target = format!("/v1/events/{}/not-useful", encode(id));
        let call = self.client.call(Method::POST, &target, Bytes::new());
        let bytes = call.await?;
        let destroyed: DestroyedEvents = read(&bytes)?;
        self.out
            .answer(&bytes, || format!("{} events destroyed", destroyed.events))
    }

    /// Shows page after page, at most `most` rows. The sensor's JSON is one document a page.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        filter: &str,
        limit: u32,
        most: u64,
        table: impl Fn(&Rows<T>, bool, &Out) -> String,
    ) -> Result<(), Error> {
        let (mut shown, mut after) = (0_u64, String::new());
        loop {
            let limit = u64::from(limit).min(most - shown);
            let target = format!("{path}?limit={limit}{filter}{after}");
            let first = shown == 0;
            let page = self
                .show(&target, |page: &Rows<T>, out: &Out| table(page, first, out))
                .await?;
            shown += page.rows.len() as u64;
            let Some(next) = page.next.filter(|_| !page.rows.is_empty()) else {
                return Ok(());
            };
            if shown >= most {
                return self.out.remark("there are more; raise --limit");
            }
            after = format!("&after={}", encode(&next));
        }
    }

    async fn tail(&self) -> Result<(), Error> {
        let each = |line: &[u8]| {
            if self.out.json {
                return self.out.line(line);
            }
            match read::<Line>(line)? {
                Line::Event(event) => self.out.line(print::one_line(&event).as_bytes()),
                Line::Lagged { lagged } => self.out.remark(&format!(
                    "{lagged} revisions are missing here: they came faster than they were read"
                )),
            }
        };
        self.client.lines("/v1/events/tail", each).await?;
        Err(Error::Ended)
    }

    async fn breaker(&self, method: Method, id: &str) -> Result<(), Error> {
        let target = format!("/v1/markers/{}/breaker", encode(id));
        let bytes = self.client.call(method, &target, Bytes::new()).await?;
        let breaker: BreakerStatus = read(&bytes)?;
        self.out
            .answer(&bytes, || status::breaker_sentence(&breaker))
    }

    async fn interface(&self, name: &str, action: &str) -> Result<(), Error> {
        let target = format!("/v1/interfaces/{}/{action}", encode(name));
        let bytes = self
            .client
            .call(Method::POST, &target, Bytes::new())
            .await?;
        let interface: InterfaceStatus = read(&bytes)?;
        self.out
            .answer(&bytes, || status::interface_sentence(&interface))
    }
}

/// A line of the tail.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Lagged { lagged: u64 },
    Event(Box<Event>),
}

/// The one id on standard input.
fn id_from(mut input: impl Read) -> Result<String, Error> {
    let mut text = String::new();
    input
        .read_to_string(&mut text)
        .map_err(|source| Error::Input {
            path: "standard input".into(),
            source,
        })?;
    match text.trim() {
        "" => Err(Error::Usage(
            "give a marker's id, as argument or on standard input".into(),
        )),
        id if id.contains('\n') => Err(Error::Usage(
            "standard input holds more than one line; give one id".into(),
        )),
        id => Ok(id.to_owned()),
    }
}

impl Out {
    /// An answer: as it came, or in words.
    pub(super) fn answer(&self, bytes: &[u8], text: impl FnOnce() -> String) -> Result<(), Error> {
        if self.json {
            self.line(bytes.trim_ascii_end())
        } else {
            let text = text();
            if text.is_empty() {
                Ok(())
            } else {
                self.line(text.trim_end().as_bytes())
            }
        }
    }

    pub(super) fn line(&self, line: &[u8]) -> Result<(), Error> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(line)
            .and_then(|()| stdout.write_all(b"\n"))
            .and_then(|()| stdout.flush())
            .map_err(Error::Output)
    }

    /// Something beside the answer, on standard error.
    pub(super) fn remark(&self, text: &str) -> Result<(), Error> {
        writeln!(io::stderr(), "sensorctl: {text}").map_err(Error::Output)
    }
}
