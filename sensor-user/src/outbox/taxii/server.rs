//! A TAXII 2.1 server: one collection of one of its API roots.

use std::{
    collections::{HashMap, HashSet},
    fs,
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    super::{
        Reason, Timeouts,
        web::{self, Client, Response, Url, header},
    },
    status::{Failures, Status},
};
use crate::config;

/// The media type of requests and answers (§1.6.8).
const MEDIA: &str = "application/taxii+json;version=2.1";
/// Answers are read up to here; bytes.
const LONGEST_ANSWER: usize = 4 << 20;
/// Ids asked for at once: a URL of them stays below the 8 KiB that servers take.
const IDS: usize = 50;
/// Pages of a manifest that are read for them.
const PAGES: usize = 20;

/// A collection that may be written.
pub(super) struct Server {
    client: Client,
    collection: Url,
    root: Url,
    login: Option<(String, String)>,
    /// Largest body, bytes (§4.2.1).
    pub longest: usize,
    readable: bool,
}

/// What a server answered instead of taking something in.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Not now, whatever it holds; how long the server asks to wait.
    Later(Reason, Option<Duration>),
    /// It is too long.
    TooLong(Reason),
    /// It is not understood.
    Wrong(Reason),
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::Later(reason, None)
    }
}

#[derive(Deserialize)]
struct Root {
    max_content_length: usize,
}

#[derive(Deserialize)]
struct Collection {
    can_write: bool,
    can_read: bool,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    more: bool,
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    objects: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    version: String,
}

impl Server {
    /// Reads what the server says of the API root and of the collection.
    pub async fn open(config: &config::Taxii, timeouts: Timeouts) -> Result<Self, Refusal> {
        let mut collection = web::parse(&config.url)?;
        if !collection.path().ends_with('/') {
            let path = format!("{}/", collection.path());
            collection.set_path(&path);
        }
        let root = root_of(&collection)?;
        let login = match (&config.user, &config.password_file) {
            (Some(user), Some(path)) => {
                let text = fs::read_to_string(path).map_err(|error| {
                    reason("password_file", format!("{}: {error}", path.display()))
                })?;
                Some((user.clone(), text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            _ => None,
        };
        let mut server = Self {
            client: web::client(&config.tls, timeouts)?,
            collection,
            root,
            login,
            longest: 0,
            readable: false,
        };
        let root: Root = server.get(server.root.clone()).await?;
        let about: Collection = server.get(server.collection.clone()).await?;
        if !about.can_write {
            let text = format!("{} may not be written to by this user", server.name());
            return Err(reason("read_only", text).into());
        }
        (server.longest, server.readable) = (root.max_content_length, about.can_read);
        Ok(server)
    }

    /// The collection in words.
    pub fn name(&self) -> String {
        web::named(&self.collection)
    }

    /// Adds objects (§5.4); `body` is an envelope. Waits until the server is done, `limit` at most.
    pub async fn add(&self, body: Vec<u8>, limit: Duration) -> Result<Failures, Refusal> {
        let url = self.under("objects/")?;
        let deadline = tokio::time::Instant::now() + limit;
        let mut status: Status = self.send(&url, Some(body)).await?;
        let mut pause = Duration::from_millis(100);
        while status.is_pending() {
            if tokio::time::Instant::now() + pause >= deadline {
                let text = format!("{} took it in and is not done with it", self.name());
                return Err(reason("pending", text).into());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
            let url = self.root.join(&format!("status/{}/", status.id));
            let url = url.map_err(|_| self.nonsense("the id of a status"))?;
            status = self.get(url).await?;
        }
        Ok(status.failures())
    }

    /// Which of these objects the collection has, in this version or a later one (§5.3); nothing
    /// where it may not be read. An object without a version is there in any.
    pub async fn present(
        &self,
        wanted: &HashMap<String, Option<Timestamp>>,
    ) -> Result<Option<HashSet<String>>, Refusal> {
        if !self.readable {
            return Ok(None);
        }
        let mut there = HashSet::new();
        let ids: Vec<&str> = wanted.keys().map(String::as_str).collect();
        for some in ids.chunks(IDS) {
            let mut next: Option<String> = None;
            for _ in 0..PAGES {
                let mut url = self.under("manifest/")?;
                url.query_pairs_mut()
                    .append_pair("match[id]", &some.join(","))
                    .append_pair("limit", &IDS.to_string());
                if let Some(next) = &next {
                    url.query_pairs_mut().append_pair("next", next);
                }
                let page: Manifest = self.get(url).await?;
                for listed in page.objects {
                    let version = listed.version.parse().ok();
                    let enough = match wanted.get(&listed.id) {
                        Some(Some(version_sent)) => version >= Some(*version_sent),
                        Some(None) => true,
                        None => false,
                    };
                    if enough {
                        there.insert(listed.id);
                    }
                }
                next = page.next;
                if !page.more || next.is_none() {
                    break;
                }
            }
        }
        Ok(Some(there))
    }

    fn under(&self, path: &str) -> Result<Url, Reason> {
        let url = self.collection.join(path);
        url.map_err(|error| reason("url", format!("{}: {error}", self.name())))
    }

    async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, Refusal> {
        self.send(&url, None).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        url: &Url,
        body: Option<Vec<u8>>,
    ) -> Result<T, Refusal> {
        let request = match body {
            Some(body) => {
                let request = self.client.post(url.clone()).body(body);
                request.header(header::CONTENT_TYPE, MEDIA)
            }
            None => self.client.get(url.clone()),
        };
        let request = request.header(header::ACCEPT, MEDIA);
        let request = match &self.login {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        };
        let answer = request.send().await;
        let mut answer = answer.map_err(|error| web::failure(url, &error))?;
        if !answer.status().is_success() {
            let refusal = refusal(url, &answer);
            web::discard(answer).await;
            return Err(refusal);
        }
        let mut body = Vec::new();
        loop {
            let chunk = answer.chunk().await;
            match chunk.map_err(|error| web::failure(url, &error))? {
                Some(chunk) if body.len() + chunk.len() <= LONGEST_ANSWER => {
                    body.extend_from_slice(&chunk);
                }
                Some(_) => return Err(self.nonsense("an answer that is too long").into()),
                None => break,
            }
        }
        serde_json::from_slice(&body)
            .map_err(|_| self.nonsense("something that is not TAXII 2.1").into())
    }

    fn nonsense(&self, what: &str) -> Reason {
        reason("bad_answer", format!("{} answered {what}", self.name()))
    }
}

/// What a status other than success means for what was sent (§5.4).
fn refusal(url: &Url, answer: &Response) -> Refusal {
    let reason = web::refusal(url, answer.status());
    match answer.status().as_u16() {
        413 => Refusal::TooLong(reason),
        400 | 422 => Refusal::Wrong(reason),
        _ => Refusal::Later(reason, web::retry_after(answer.headers(), Timestamp::now())),
    }
}

/// `https://HOST/API-ROOT/` of `https://HOST/API-ROOT/collections/ID/`.
fn root_of(collection: &Url) -> Result<Url, Reason> {
    let mut parts = collection.path().trim_end_matches('/').rsplitn(3, '/');
    let (_id, collections, root) = (parts.next(), parts.next(), parts.next());
    match (collections, root) {
        (Some("collections"), Some(root)) => {
            let mut url = collection.clone();
            url.set_path(&format!("{root}/"));
            Ok(url)
        }
        _ => Err(reason(
            "url",
            format!(
                "{} is no collection: give its URL, .../API-ROOT/collections/ID/",
                web::named(collection)
            ),
        )),
    }
}

/// The version of an object: when it was modified, or made where it cannot be modified (§3.7);
/// none for observables.
pub(super) fn version(object: &Value) -> Option<Timestamp> {
    let time = object.get("modified").or_else(|| object.get("created"));
    time?.as_str()?.parse().ok()
}

pub(super) fn reason(code: &str, text: String) -> Reason {
    Reason {
        code: code.into(),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_root_is_what_stands_before_the_collections() {
        for (url, root) in [
            ("https://h/api/collections/1/", Some("https://h/api/")),
            ("https://h/a/b/collections/1/", Some("https://h/a/b/")),
            ("https://h/api/collections/1", Some("https://h/api/")),
            ("https://h/api/", None),
            ("https://h/collections", None),
        ] {
            let collection = web::parse(url).expect("a URL");
            let found = root_of(&collection).ok().map(|url| url.to_string());
            assert_eq!(found.as_deref(), root, "{url}");
        }
    }
}
