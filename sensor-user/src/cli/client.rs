//! HTTP over the control socket.

use std::{
    fs::File,
    io::{self, Read as _},
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    Method, Request, Response,
    body::{Body, Frame, Incoming, SizeHint},
    client::conn::http1,
    header::{CONTENT_LENGTH, HOST},
};
use hyper_util::rt::TokioIo;
use indicatif::{ProgressBar, ProgressStyle};
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::failure::Error;
use crate::model::request::Failure;

/// Bytes handed to the socket at a time.
const CHUNK: usize = 256 << 10;

/// An upload smaller than this has no progress bar.
const WORTH_A_BAR: u64 = 1 << 20;

/// A client of one socket. Every request is a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of this socket; nothing is opened yet.
    #[must_use]
    pub const fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// A whole answer, byte for byte.
    ///
    /// # Errors
    /// [`Error::Refused`] for every status but 2xx; what keeps from reaching the sensor.
    pub async fn call(
        &self,
        method: Method,
        target: &str,
        body: impl Into<Payload>,
    ) -> Result<Bytes, Error> {
        let response = self.open(method, target, body.into()).await?;
        Ok(response.into_body().collect().await?.to_bytes())
    }

    /// Gets a document and reads it.
    ///
    /// # Errors
    /// As [`Client::call`]; [`Error::Answer`].
    pub async fn get<T: DeserializeOwned>(&self, target: &str) -> Result<(T, Bytes), Error> {
        let bytes = self.call(Method::GET, target, Bytes::new()).await?;
        Ok((read(&bytes)?, bytes))
    }

    /// Hands each line of an endless answer to `each`, without its end; returns when it ends.
    ///
    /// # Errors
    /// As [`Client::call`]; what `each` returns.
    pub async fn lines(
        &self,
        target: &str,
        mut each: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let response = self.open(Method::GET, target, Bytes::new().into()).await?;
        let mut body = response.into_body();
        let mut buffer = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            buffer.extend_from_slice(&data);
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line = buffer.split_to(end + 1);
                each(&line[..end])?;
            }
        }
        Ok(())
    }

    async fn open(
        &self,
        method: Method,
        target: &str,
        body: Payload,
    ) -> Result<Response<Incoming>, Error> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|source| self.unreachable(source))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends when the answer is read or the sender dropped; its error comes out of the answer too.
        tokio::spawn(async move { drop(connection.await) });
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, "sensor");
        if body.length > 0 {
            request = request.header(CONTENT_LENGTH, body.length);
        }
        let request = request
            .body(Upload::new(body))
            .map_err(|error| Error::Usage(error.to_string()))?;
        let response = sender.send_request(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let failure: Failure = serde_json::from_slice(&body)
            .map_err(|_| Error::Answer(format!("status {status} without a reason")))?;
        Err(Error::Refused {
            failure: Box::new(failure),
            body,
        })
    }

    fn unreachable(&self, source: io::Error) -> Error {
        let path = self.socket.clone();
        if source.kind() == io::ErrorKind::PermissionDenied {
            Error::Forbidden { path }
        } else {
            Error::Unreachable { path, source }
        }
    }
}

/// Reads a document.
///
/// # Errors
/// [`Error::Answer`]; it names the place, not the content.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Answer(format!("line {}, column {}", error.line(), error.column())))
}

/// What is sent: bytes, then a file.
pub struct Payload {
    head: Bytes,
    file: Option<File>,
    length: u64,
}

impl From<Bytes> for Payload {
    fn from(head: Bytes) -> Self {
        Self {
            length: head.len() as u64,
            file: None,
            head,
        }
    }
}

impl Payload {
    /// A file of this many bytes from where it stands, read as it is sent.
    #[must_use]
    pub const fn file(file: File, length: u64) -> Self {
        Self {
            head: Bytes::new(),
            file: Some(file),
            length,
        }
    }

    /// The same behind a line.
    #[must_use]
    pub fn behind(self, line: &[u8]) -> Self {
        let head = [line, b"\n", &self.head].concat();
        Self {
            length: self.length + line.len() as u64 + 1,
            head: head.into(),
            file: self.file,
        }
    }
}

/// A request body that shows its progress on a terminal.
struct Upload {
    rest: Payload,
    bar: ProgressBar,
}

impl Upload {
    fn new(body: Payload) -> Self {
        let bar = if body.length < WORTH_A_BAR {
            ProgressBar::hidden()
        } else {
            // Draws on standard error, and only on a terminal.
            let style = ProgressStyle::with_template(
                "sending {bar:40} {bytes}/{total_bytes} {bytes_per_sec}",
            );
            ProgressBar::new(body.length)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        };
        Self { rest: body, bar }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.rest.length == 0 {
            return Poll::Ready(None);
        }
        let most = usize::try_from(self.rest.length).map_or(CHUNK, |rest| rest.min(CHUNK));
        let rest = &mut self.rest;
        let chunk = match &mut rest.file {
            Some(file) if rest.head.is_empty() => {
                let mut chunk = BytesMut::zeroed(most);
                // A regular file, and nothing else runs on this thread.
                if let Err(error) = file.read_exact(&mut chunk) {
                    return Poll::Ready(Some(Err(error)));
                }
                chunk.freeze()
            }
            _ => rest.head.split_to(most.min(rest.head.len())),
        };
        self.rest.length -= chunk.len() as u64;
        self.bar.inc(chunk.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.length == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.length)
    }
}
