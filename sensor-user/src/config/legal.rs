//! Under which text the sensor is used.

use serde::Deserialize;

use super::check::{Check, need};
use crate::model::order_terms::is_reference;

/// Policy that follows from the law.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Legal {
    /// Version of L. 33-14 CPCE.
    pub regime: Regime,
    /// Reference of the validation of the technical choices (R. 9-12-1 as of 2024).
    pub validation: Option<String>,
    /// The sensor runs on infrastructure of its own and only listens: markers of PAP:RED may load.
    pub dedicated_passive: bool,
}

/// Version of L. 33-14 CPCE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Regime {
    /// Law 2018-607: the operator's own markers, and the authority's.
    #[default]
    #[serde(rename = "2018")]
    Of2018,
    /// Law 2023-703: the authority's only.
    #[serde(rename = "2023")]
    Of2023,
}

impl Regime {
    /// The name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Of2018 => "2018",
            Self::Of2023 => "2023",
        }
    }
}

impl Legal {
    pub(super) fn check(&self) -> Check {
        need(
            self.validation.as_deref().is_none_or(is_reference),
            "legal.validation",
            "must be 1 to 128 printable ASCII characters",
        )?;
        need(
            self.regime == Regime::Of2018 || self.validation.is_some(),
            "legal.validation",
            "is required under regime 2023: the reference of the validation of the technical choices (R. 9-12-1)",
        )
    }
}
