//! The authority: keys, orders, requests, and an endpoint that takes alerts.

use std::{cell::Cell, fs, os::unix::process::CommandExt as _, process::Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{ENDPOINT, inside, write};
use crate::{
    demo::{sensor::binary, stage::Stage},
    process::Line,
};

/// Takes whatever is posted, and says so.
const SERVER: &str = "import http.server, sys
class Taken(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()
    def log_message(self, *words): pass
host, port = sys.argv[1].split(':')
http.server.HTTPServer((host, int(port)), Taken).serve_forever()
";

/// What it holds: files of keys, and their public halves.
pub struct Authority {
    keys: [(&'static str, String); 3],
    /// File of the age identity, and of one of somebody else's.
    pub identity: String,
    pub other: String,
    /// The public half.
    pub recipient: String,
    serial: Cell<u64>,
}

impl Authority {
    /// Makes its keys.
    pub fn new(stage: &Stage) -> Result<Self> {
        let key = |kind: &'static str| {
            let file = stage.path(&format!("{kind}.key"));
            let said = Line::new(&binary("sensorctl"))
                .args([
                    "bundle",
                    "keygen",
                    "--name",
                    "authority.example",
                    "--out",
                    &file,
                ])
                .tell()?;
            anyhow::Ok((kind, said.trim().to_owned()))
        };
        let (identity, other) = (stage.path("authority.age"), stage.path("other.age"));
        for file in [&identity, &other] {
            Line::new("age-keygen -o").args([file.as_str()]).tell()?;
        }
        let recipient = Line::new("age-keygen -y")
            .args([identity.as_str()])
            .tell()?;
        Ok(Self {
            keys: [key("markers")?, key("request-b")?, key("request-notice")?],
            recipient: recipient.trim().to_owned(),
            identity,
            other,
            serial: Cell::new(0),
        })
    }

    /// The lines that pin its keys, one a kind.
    pub fn pins(&self) -> String {
        let pin = |(kind, key): &(&str, String)| {
            format!("\n[[issuer]]\nkey = {key:?}\nkind = {kind:?}\n")
        };
        self.keys.iter().map(pin).collect()
    }

    /// Starts its endpoint beside the sensor.
    pub fn listen(&self, stage: &Stage) -> Result<()> {
        inside(&stage.network.router, "python3 -c")
            .args([SERVER, ENDPOINT])
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .map(drop)
            .context("cannot start python3")
    }

    /// The file of an order with these markers.
    pub fn order(&self, stage: &Stage, markers: &str) -> Result<String> {
        let more = ["--order", "ORD-1", "--duration", "P30D"];
        self.envelope(stage, "markers", "order", markers, &more)
    }

    /// The file of a request about events.
    pub fn request(
        &self,
        stage: &Stage,
        kind: &str,
        reference: &str,
        ids: &[String],
    ) -> Result<String> {
        let (ground, purpose) = match kind {
            "request-b" => ("L2321-3-2", "characterise-threat"),
            _ => ("L33-14-5", "inform-subscribers"),
        };
        let mut document = json!({
            "type": kind, "reference": reference, "ground": ground, "purpose": purpose, "events": ids,
            "valid_from": "2020-01-01T00:00:00Z", "valid_until": "2099-01-01T00:00:00Z",
            "agent": {"designation": "AG-7", "commission": "COM-1",
                      "from": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"},
        });
        if kind == "request-b" {
            document["beneficiary"] = "public-authority".into();
        }
        self.envelope(
            stage,
            kind,
            reference,
            &document.to_string(),
            &["--kind", kind],
        )
    }

    fn envelope(
        &self,
        stage: &Stage,
        kind: &str,
        name: &str,
        content: &str,
        more: &[&str],
    ) -> Result<String> {
        self.serial.set(self.serial.get() + 1);
        let (serial, key) = (
            self.serial.get().to_string(),
            stage.path(&format!("{kind}.key")),
        );
        let (source, out) = (stage.path("content"), stage.path(&format!("{name}.env")));
        write(&source, content)?;
        Line::new(&binary("sensorctl"))
            .args(["bundle", "create", "--key", &key, "--serial", &serial])
            .args(["--expires", "P1D", "--out", &out])
            .args(more.iter().copied())
            .args([source.as_str()])
            .tell()?;
        ensure!(fs::metadata(&out).is_ok(), "no envelope was made");
        Ok(out)
    }
}
