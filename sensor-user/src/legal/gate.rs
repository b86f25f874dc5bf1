//! The gate: nothing is attached and no marker comes into force before the authority was informed
//! of the device as it is.

use crate::{
    config::{Config, Regime},
    model::{
        Marker, Pap,
        declaration::{Declaration, DeclarationReport, Declared, Facts},
    },
};

/// The declared facts of now and the last record.
#[derive(Clone, Debug)]
pub struct Gate {
    facts: Facts,
    digest: String,
    record: Option<Declaration>,
}

/// Why the gate is shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shut {
    /// No declaration was recorded.
    #[error(
        "no declaration is recorded (L. 33-14 ¶1): send the authority what `sensorctl declaration export` prints, then `sensorctl declaration record`"
    )]
    Missing,
    /// The facts have changed since.
    #[error(
        "the configuration is no longer what was declared (R. 9-12-1): send the authority what `sensorctl declaration export` prints, then `sensorctl declaration record`"
    )]
    Outdated,
}

impl Shut {
    /// Stable code of the reason.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "declaration_missing",
            Self::Outdated => "declaration_outdated",
        }
    }
}

impl Gate {
    /// Of these facts and the last record.
    #[must_use]
    pub fn new(facts: Facts, record: Option<Declaration>) -> Self {
        Self {
            digest: super::digest(&facts),
            facts,
            record,
        }
    }

    /// Digest of the facts of now.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether it is open.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), Shut> {
        match &self.record {
            None => Err(Shut::Missing),
            Some(record) if record.digest != self.digest => Err(Shut::Outdated),
            Some(_) => Ok(()),
        }
    }

    /// Takes a record.
    pub fn record(&mut self, record: Declaration) {
        self.record = Some(record);
    }

    /// Whether the facts of now are declared.
    #[must_use]
    pub fn declared(&self) -> Declared {
        match self.check() {
            Ok(()) => Declared::Current,
            Err(Shut::Outdated) => Declared::Outdated,
            Err(Shut::Missing) => Declared::Missing,
        }
    }

    /// All of it.
    #[must_use]
    pub fn report(&self) -> DeclarationReport {
        DeclarationReport {
            declared: self.declared(),
            digest: self.digest.clone(),
            facts: self.facts.clone(),
            record: self.record.clone(),
        }
    }
}

/// Whose markers, and which, may come into force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Law {
    regime: Regime,
    dedicated_passive: bool,
}

/// Why a marker may not come into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// PAP:RED allows passive use on dedicated infrastructure only.
    #[error(
        "PAP:RED allows detection on dedicated, passive infrastructure only: this sensor is not declared so (legal.dedicated-passive)"
    )]
    PapRed,
    /// The operator's own marker, where only the authority's may be used.
    #[error(
        "under regime 2023 only markers of the authority come into force: hand in its signed envelope, with an order"
    )]
    Regime,
}

impl Objection {
    /// Stable code of the reason.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PapRed => "pap_red",
            Self::Regime => "regime",
        }
    }
}

impl Law {
    /// Of the configuration.
    #[must_use]
    pub const fn of(config: &Config) -> Self {
        Self {
            regime: config.legal.regime,
            dedicated_passive: config.legal.dedicated_passive,
        }
    }

    /// What speaks against markers that the operator brings itself, all of them alike.
    ///
    /// # Errors
    /// [`Objection::Regime`].
    pub fn check_own(&self) -> Result<(), Objection> {
        match self.regime {
            Regime::Of2018 => Ok(()),
            Regime::Of2023 => Err(Objection::Regime),
        }
    }

    /// What speaks against a marker on a ground: an order in a signed envelope, or anything else.
    ///
    /// # Errors
    /// [`Objection`].
    pub fn check_on(&self, marker: &Marker, signed_order: bool) -> Result<(), Objection> {
        if !signed_order {
            self.check_own()?;
        }
        self.check(marker)
    }

    /// What speaks against a marker because of its marking.
    ///
    /// # Errors
    /// [`Objection::PapRed`].
    pub fn check(&self, marker: &Marker) -> Result<(), Objection> {
        self.check_pap(marker.pap)
    }

    /// What speaks against a marking.
    ///
    /// # Errors
    /// [`Objection::PapRed`].
    pub fn check_pap(&self, pap: Pap) -> Result<(), Objection> {
        match pap == Pap::Red && !self.dedicated_passive {
            true => Err(Objection::PapRed),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(digest: &str) -> Declaration {
        Declaration {
            reference: "DEC-1".into(),
            date: jiff::civil::date(2027, 1, 31),
            digest: digest.into(),
            recorded: jiff::Timestamp::UNIX_EPOCH,
            uid: 1000,
            receipt: 0,
        }
    }

    #[test]
    fn only_the_facts_of_now_open_the_gate() {
        let facts = super::super::facts(&Config::default(), &[]);
        let mut gate = Gate::new(facts.clone(), None);
        assert_eq!(gate.check(), Err(Shut::Missing));
        gate.record(record("00"));
        assert_eq!(gate.check(), Err(Shut::Outdated));
        assert_eq!(gate.declared(), Declared::Outdated);
        let digest = gate.digest().to_owned();
        gate.record(record(&digest));
        assert_eq!(gate.check(), Ok(()));
        let again = Gate::new(facts, Some(record(&digest)));
        assert_eq!(again.declared(), Declared::Current);
    }

    #[test]
    fn regime_and_marking_decide() {
        let marker = |pap| Marker {
            pap,
            ..Marker::new("m", "ip 203.0.113.5".parse().expect("a pattern"))
        };
        let law = |regime, dedicated_passive| Law {
            regime,
            dedicated_passive,
        };
        let default = Law::default();
        assert_eq!(default.check(&marker(Pap::Amber)), Ok(()));
        assert_eq!(default.check(&marker(Pap::Red)), Err(Objection::PapRed));
        assert_eq!(default.check_own(), Ok(()));
        let dedicated = law(Regime::Of2023, true);
        assert_eq!(dedicated.check(&marker(Pap::Red)), Ok(()));
        assert_eq!(dedicated.check_own(), Err(Objection::Regime));
        let red = marker(Pap::Red);
        assert_eq!(dedicated.check_on(&red, true), Ok(()));
        assert_eq!(dedicated.check_on(&red, false), Err(Objection::Regime));
    }
}
