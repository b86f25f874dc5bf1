//! What the authority's requests need: two persons, keys, the operator's subscriber system.

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Account, Issuer,
    check::{Check, absolute, need},
    units,
};
use crate::model::{ContentKind, RequestType, order_terms::is_reference};

/// The authority's requests. Without an export directory none is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Requests {
    /// Where answers are left for the authority, and work lists for the subscriber system; made with
    /// mode 0700 when it is not there.
    pub export_dir: Option<PathBuf>,
    /// How long an answer may wait there, 30 days by default: what nobody took away by then is removed.
    /// With an event that is in it, it goes at once.
    #[serde(deserialize_with = "units::some_duration")]
    pub export_retention: Option<Duration>,
    /// Users who approve as the responsible.
    pub responsible: Vec<Account>,
    /// Users who approve as the agent designated in writing.
    pub designated: Vec<Account>,
    /// Commissions of the authority's agents that are in force; no other counts.
    pub commissions: Vec<Commission>,
    /// Whom answers are encrypted to.
    pub recipients: Recipients,
    /// The operator's subscriber system.
    pub adaptor: Option<Adaptor>,
    /// What the ledger of costs names.
    pub tariff: Tariff,
}

/// A commission of an agent, as the authority has told the operator of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Commission {
    /// Its reference.
    pub reference: String,
    /// What its agent may ask for.
    pub types: Vec<RequestType>,
    /// First instant at which it no longer counts.
    pub until: Timestamp,
}

/// Public keys of age (`age1…`, X25519), one for each type of request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipients {
    /// Of type A.
    pub request_a: Option<String>,
    /// Of type B.
    pub request_b: Option<String>,
    /// Of type C.
    pub request_c: Option<String>,
}

impl Recipients {
    /// That of a type; a notice has none.
    #[must_use]
    pub fn of(&self, kind: RequestType) -> Option<&str> {
        match kind {
            RequestType::A => self.request_a.as_deref(),
            RequestType::B => self.request_b.as_deref(),
            RequestType::C => self.request_c.as_deref(),
            RequestType::Notice => None,
        }
    }

    fn all(&self) -> [(&'static str, Option<&str>); 3] {
        [
            ("request-a", self.request_a.as_deref()),
            ("request-b", self.request_b.as_deref()),
            ("request-c", self.request_c.as_deref()),
        ]
    }
}

/// A program that asks the subscriber system: one JSON object in, one out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Adaptor {
    /// The program; it is given no argument and no environment.
    pub command: PathBuf,
    /// Whom it runs as: not root, and nobody who owns anything of the sensor's.
    pub user: Account,
    /// Its group; the user's own by default.
    #[serde(default)]
    pub group: Option<Account>,
    /// How long it may take.
    #[serde(default = "ten_seconds", deserialize_with = "units::duration")]
    pub timeout: Duration,
    /// How long all questions of one request may take.
    #[serde(default = "five_minutes", deserialize_with = "units::duration")]
    pub request_timeout: Duration,
}

const fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

const fn five_minutes() -> Duration {
    Duration::from_mins(5)
}

/// The tariff in force: its codes only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tariff {
    /// Its version.
    pub version: String,
    /// Code of a type A request.
    pub request_a: String,
    /// Code of a type B request.
    pub request_b: String,
    /// Code of a type C request.
    pub request_c: String,
    /// Code of a notice.
    pub request_notice: String,
}

impl Tariff {
    /// The code of a type.
    #[must_use]
    pub fn code(&self, kind: RequestType) -> &str {
        match kind {
            RequestType::A => &self.request_a,
            RequestType::B => &self.request_b,
            RequestType::C => &self.request_c,
            RequestType::Notice => &self.request_notice,
        }
    }
}

impl Requests {
    /// How long an answer may wait to be taken away.
    #[must_use]
    pub fn export_retention(&self) -> Duration {
        self.export_retention
            .unwrap_or(Duration::from_hours(30 * 24))
    }

    pub(super) fn check(&self, issuers: &[Issuer]) -> Check {
        if let Some(directory) = &self.export_dir {
            absolute("requests.export-dir", directory)?;
        }
        let hours = Duration::from_hours;
        need(
            (hours(1)..=hours(180 * 24)).contains(&self.export_retention()),
            "requests.export-retention",
            "must be between 1h and 180 days: no answer outlives its events",
        )?;
        let roots = [Account::Id(0), Account::Name("root".into())];
        for (key, users) in [
            ("requests.responsible", &self.responsible),
            ("requests.designated", &self.designated),
        ] {
            need(
                users.iter().all(|user| !roots.contains(user)),
                key,
                "root is nobody in particular: name a person's user",
            )?;
        }
        need(
            !self
                .responsible
                .iter()
                .any(|user| self.designated.contains(user)),
            "requests.designated",
            "names somebody who is the responsible, too: they are two persons",
        )?;
        need(
            self.commissions
                .iter()
                .all(|one| is_reference(&one.reference) && !one.types.is_empty()),
            "requests.commissions",
            "must each have a reference of 1 to 128 printable ASCII characters, and types",
        )?;
        let recipients = self.recipients.all();
        for (at, (name, key)) in recipients.iter().enumerate() {
            need(
                key.is_none_or(|key| key.starts_with("age1")),
                format!("requests.recipients.{name}"),
                "must be a public key of age: age1…",
            )?;
            let mut earlier = recipients[..at].iter();
            need(
                key.is_none() || earlier.all(|(_, other)| other != key),
                format!("requests.recipients.{name}"),
                "is another type's, too: three types of request have three keys",
            )?;
        }
        if let Some(adaptor) = &self.adaptor {
            absolute("requests.adaptor.command", &adaptor.command)?;
            need(
                (1..=300).contains(&adaptor.timeout.as_secs()),
                "requests.adaptor.timeout",
                "must be between 1s and 5m",
            )?;
            need(
                adaptor.request_timeout >= adaptor.timeout
                    && adaptor.request_timeout <= Duration::from_hours(1),
                "requests.adaptor.request-timeout",
                "must be between the timeout of one question and 1h",
            )?;
            need(
                !roots.contains(&adaptor.user),
                "requests.adaptor.user",
                "must not be root: name a user of its own, which owns nothing of the sensor's",
            )?;
        }
        let tariff = &self.tariff;
        let codes = RequestType::ALL.map(|kind| tariff.code(kind));
        need(
            codes
                .iter()
                .chain([&tariff.version.as_str()])
                .all(|code| code.is_empty() || is_reference(code)),
            "requests.tariff",
            "must hold printable ASCII characters, at most 128 in each",
        )?;
        counterparty(issuers)
    }
}

/// One designated counterparty for type C (L. 851-1 ¶3 CSI), who signs nothing else; of the
/// authority's requests, only the authority's keys.
fn counterparty(issuers: &[Issuer]) -> Check {
    let name = |issuer: &Issuer| issuer.key.split('+').next().unwrap_or_default().to_owned();
    let is_c = |issuer: &Issuer| issuer.kind == ContentKind::RequestC;
    let mut designated: Option<String> = None;
    for (index, issuer) in issuers.iter().enumerate() {
        let key = format!("issuer[{index}].kind");
        let own = name(issuer);
        if is_c(issuer) {
            need(
                designated.as_ref().is_none_or(|one| *one == own),
                &key,
                "request-c has one designated counterparty; another is pinned already",
            )?;
            designated = Some(own.clone());
        }
        need(
            !issuers
                .iter()
                .any(|other| is_c(other) != is_c(issuer) && name(other) == own),
            &key,
            "the counterparty of request-c signs nothing else: it is another service than the authority",
        )?;
        need(
            is_c(issuer) || issuer.kind == ContentKind::Markers || issuer.authority,
            &key,
            "only the authority's keys sign requests: authority must be true",
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    fn refused(text: &str) -> String {
        let parsed = Config::parse(Path::new("sensor.toml"), text);
        parsed.map(drop).expect_err("it is refused").to_string()
    }

    fn issuer(name: &str, kind: &str, more: &str) -> String {
        format!("[[issuer]]\nkey = \"{name}+c74f20a3+AAAA\"\nkind = \"{kind}\"\n{more}\n")
    }

    #[test]
    fn root_is_no_person_and_types_do_not_share_keys() {
        assert!(refused("[requests]\nresponsible = [0]\n").contains("root is nobody"));
        assert!(refused("[requests]\ndesignated = [\"root\"]\n").contains("root is nobody"));
        let one = "[requests]\nresponsible = [\"ann\"]\ndesignated = [\"ann\"]\n";
        assert!(refused(one).contains("two persons"));
        let shared = "[requests.recipients]\nrequest-a = \"age1x\"\nrequest-b = \"age1x\"\n";
        assert!(refused(shared).contains("three keys"));
        assert!(refused("[requests.recipients]\nrequest-a = \"ssh\"\n").contains("age1"));
        let adaptor = |more: &str| refused(&format!("[requests.adaptor]\n{more}\n"));
        assert!(adaptor("command = \"bin/x\"\nuser = \"bss\"").contains("command"));
        assert!(adaptor("command = \"/bin/x\"").contains("user"));
        assert!(adaptor("command = \"/bin/x\"\nuser = 0").contains("root"));
        let short = "command = \"/bin/x\"\nuser = 7\ntimeout = \"10s\"\nrequest-timeout = \"9s\"";
        assert!(adaptor(short).contains("request-timeout"));
        assert!(refused("[requests]\nexport-dir = \"x\"\n").contains("export-dir"));
    }

    #[test]
    fn type_c_has_one_counterparty_who_signs_nothing_else() {
        let two = issuer("gic", "request-c", "") + &issuer("other", "request-c", "");
        assert!(refused(&two).contains("one designated counterparty"));
        let both = issuer("gic", "request-c", "") + &issuer("gic", "request-b", "");
        assert!(refused(&both).contains("signs nothing else"));
        let operator = issuer("us", "request-a", "authority = false");
        assert!(refused(&operator).contains("authority must be true"));
        let good = issuer("gic", "request-c", "") + &issuer("anssi", "request-b", "");
        assert!(Config::parse(Path::new("sensor.toml"), &good).is_ok());
    }
}
