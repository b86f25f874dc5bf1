//! Where events go.

use std::{collections::HashSet, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{
    check::{Check, absolute, is_name, need},
    units,
};
use crate::model::{Recipient, Retention, order_terms::is_reference};

/// A sink: exactly one of `nats`, `taxii`, `webhook` and `eve` says of which kind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sink {
    /// Its name in status, metrics and journal.
    pub name: String,
    /// Whose it is.
    pub recipient: Recipient,
    /// Reference of the recorded policy under which the authority is sent whole events. Without one
    /// it is sent alerts.
    #[serde(default)]
    pub policy: Option<String>,
    /// How long the recipient keeps what it is sent, as the operator declares it; required where it
    /// leaves this machine.
    #[serde(default, deserialize_with = "units::some_duration")]
    pub retention: Option<Duration>,
    /// A JetStream stream.
    #[serde(default)]
    pub nats: Option<Nats>,
    /// A TAXII 2.1 collection.
    #[serde(default)]
    pub taxii: Option<Taxii>,
    /// An HTTPS endpoint.
    #[serde(default)]
    pub webhook: Option<Webhook>,
    /// Daily files of EVE JSON.
    #[serde(default)]
    pub eve: Option<Eve>,
}

/// A JetStream stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Nats {
    /// `nats://HOST:PORT` or `tls://HOST:PORT`.
    pub url: String,
    /// The stream; it must be there.
    pub stream: String,
    /// Subject of the messages.
    pub subject: String,
    /// File of NATS credentials (`.creds`).
    #[serde(default)]
    pub credentials: Option<PathBuf>,
    /// Certificates of the authorities that the server's is checked against; the system's by default.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

/// A TAXII 2.1 collection.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Taxii {
    /// The collection: `https://HOST/API-ROOT/collections/ID/`.
    pub url: String,
    /// User of basic authentication.
    #[serde(default)]
    pub user: Option<String>,
    /// File with its password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// TLS.
    #[serde(default)]
    pub tls: Tls,
}

/// An HTTPS endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Webhook {
    /// Where batches are posted to.
    pub url: String,
    /// File with the key of the HMAC that signs each batch.
    #[serde(default)]
    pub hmac_key_file: Option<PathBuf>,
    /// TLS.
    #[serde(default)]
    pub tls: Tls,
}

/// Daily files of EVE JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Eve {
    /// Directory, made with mode 0750 when it is not there.
    pub directory: PathBuf,
}

/// How a TLS server is known, and how it knows the sensor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tls {
    /// PEM file of the authorities that the server's certificate is checked against; the system's by
    /// default.
    pub ca: Option<PathBuf>,
    /// PEM file of the sensor's own certificate, and of those up to its authority.
    pub certificate: Option<PathBuf>,
    /// PEM file of its key.
    pub key: Option<PathBuf>,
}

/// Checks all of them; events are kept here for so long.
pub(super) fn check(sinks: &[Sink], kept_here: Retention) -> Check {
    let mut names = HashSet::new();
    for (index, sink) in sinks.iter().enumerate() {
        let key = format!("sink[{index}]");
        need(
            is_name(&sink.name),
            format!("{key}.name"),
            "must be 1 to 64 letters, digits, `.`, `_` or `-`",
        )?;
        need(
            names.insert(&sink.name),
            format!("{key}.name"),
            "is listed twice",
        )?;
        sink.check(&key, kept_here)?;
    }
    Ok(())
}

impl Sink {
    /// What it is: `nats`, `taxii`, `webhook` or `eve`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self { nats: Some(_), .. } => "nats",
            Self { taxii: Some(_), .. } => "taxii",
            Self {
                webhook: Some(_), ..
            } => "webhook",
            _ => "eve",
        }
    }

    fn check(&self, key: &str, kept_here: Retention) -> Check {
        let kinds = [
            self.nats.is_some(),
            self.taxii.is_some(),
            self.webhook.is_some(),
            self.eve.is_some(),
        ];
        need(
            kinds.iter().filter(|there| **there).count() == 1,
            key,
            "needs exactly one of the tables nats, taxii, webhook and eve",
        )?;
        need(
            self.policy.is_none() || self.recipient == Recipient::Authority,
            format!("{key}.policy"),
            "is for the authority's sinks: the operator's are sent whole events as it is",
        )?;
        need(
            self.policy.as_deref().is_none_or(is_reference),
            format!("{key}.policy"),
            "must be 1 to 128 printable ASCII characters",
        )?;
        need(
            self.eve.is_some() || self.retention.is_some(),
            format!("{key}.retention"),
            "is required: declare how long the recipient keeps what it is sent",
        )?;
        let longest = kept_here.elsewhere();
        need(
            self.retention.is_none_or(|kept| kept <= longest),
            format!("{key}.retention"),
            format!(
                "must be at most {}d: nobody may keep an event for longer than it is kept here \
                 (events.retention = {kept_here})",
                longest.as_secs() / 86_400
            ),
        )?;
        if let Some(nats) = &self.nats {
            let here = ["nats://", "tls://"];
            scheme(&format!("{key}.nats.url"), &nats.url, &here)?;
            files(key, "nats.credentials", nats.credentials.as_ref())?;
            files(key, "nats.ca", nats.ca.as_ref())?;
        }
        if let Some(taxii) = &self.taxii {
            scheme(&format!("{key}.taxii.url"), &taxii.url, &WEB)?;
            need(
                taxii.user.is_some() == taxii.password_file.is_some(),
                format!("{key}.taxii.user"),
                "user and password-file go together",
            )?;
            files(key, "taxii.password-file", taxii.password_file.as_ref())?;
            taxii.tls.check(&format!("{key}.taxii.tls"))?;
        }
        if let Some(webhook) = &self.webhook {
            scheme(&format!("{key}.webhook.url"), &webhook.url, &WEB)?;
            files(key, "webhook.hmac-key-file", webhook.hmac_key_file.as_ref())?;
            webhook.tls.check(&format!("{key}.webhook.tls"))?;
        }
        if let Some(eve) = &self.eve {
            need(
                self.recipient == Recipient::Operator,
                format!("{key}.recipient"),
                "must be operator: EVE files are this machine's own",
            )?;
            absolute(&format!("{key}.eve.directory"), &eve.directory)?;
        }
        Ok(())
    }
}

impl Tls {
    fn check(&self, key: &str) -> Check {
        need(
            self.certificate.is_some() == self.key.is_some(),
            format!("{key}.certificate"),
            "certificate and key go together",
        )?;
        files(key, "ca", self.ca.as_ref())?;
        files(key, "certificate", self.certificate.as_ref())?;
        files(key, "key", self.key.as_ref())
    }
}

/// Events leave the machine encrypted, or not at all; plain HTTP is for this machine's own address.
const WEB: [&str; 3] = ["https://", "http://127.0.0.1", "http://[::1]"];

fn scheme(key: &str, url: &str, schemes: &[&str]) -> Check {
    need(
        schemes.iter().any(|scheme| url.starts_with(scheme)),
        key,
        format!("must begin with {}", schemes.join(" or ")),
    )
}

fn files(key: &str, name: &str, path: Option<&PathBuf>) -> Check {
    path.map_or(Ok(()), |path| absolute(&format!("{key}.{name}"), path))
}
