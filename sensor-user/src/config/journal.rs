//! How the journal shows that somebody is there, and signs.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::{
    check::{Check, absolute, is_name, need},
    units,
};

/// Heartbeats and checkpoints of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Journal {
    /// How often a heartbeat is written, so that silence shows.
    #[serde(deserialize_with = "units::duration")]
    pub heartbeat: Duration,
    /// How often a checkpoint is signed and kept, where there are new entries.
    #[serde(deserialize_with = "units::duration")]
    pub checkpoint: Duration,
    /// Most entries without a checkpoint behind them.
    pub checkpoint_entries: u64,
    /// Name of the journal in its checkpoints, and of the key: one in the world. The sensor's name
    /// when the key is made without.
    pub origin: Option<String>,
    /// File of the key that signs checkpoints, made at the first start; `journal.key` of the state
    /// directory by default.
    pub key_file: Option<PathBuf>,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(3600),
            checkpoint: Duration::from_secs(300),
            checkpoint_entries: 1000,
            origin: None,
            key_file: None,
        }
    }
}

impl Journal {
    /// File of the key.
    #[must_use]
    pub fn key_file(&self, state_dir: &Path) -> PathBuf {
        self.key_file
            .clone()
            .unwrap_or_else(|| state_dir.join("journal.key"))
    }

    pub(super) fn check(&self) -> Check {
        let (second, day) = (Duration::from_secs(1), Duration::from_secs(86_400));
        need(
            (second..=day).contains(&self.heartbeat),
            "journal.heartbeat",
            "must be between 1s and 1d",
        )?;
        need(
            (second..=day).contains(&self.checkpoint),
            "journal.checkpoint",
            "must be between 1s and 1d",
        )?;
        need(
            (1..=1_000_000).contains(&self.checkpoint_entries),
            "journal.checkpoint-entries",
            "must be between 1 and 1000000",
        )?;
        need(
            self.origin.as_deref().is_none_or(is_name),
            "journal.origin",
            "must be 1 to 64 letters, digits, `.`, `_` or `-`",
        )?;
        self.key_file
            .as_deref()
            .map_or(Ok(()), |path| absolute("journal.key-file", path))
    }
}
