//! What another layout version left on bpffs: its links are taken over, its maps cannot be read.
//!
//! A link does not depend on the layout: the program behind it is replaced in one step, so no
//! packet goes unjudged. Only then is anything of the other layout unpinned.

use std::path::{Path, PathBuf};

use aya::programs::links::{FdLink, LinkInfo, PinnedLink};

use super::{
    Error,
    pins::{Pins, pin_error},
};
use crate::journal::Receipt;

/// A link that another layout version pinned.
pub(super) struct Former {
    version: u32,
    path: PathBuf,
}

impl Former {
    /// The one behind which a program runs.
    pub(super) fn holding(pins: &Pins, program: u32) -> Result<Option<Self>, Error> {
        // By program, not by name: the interface may have been renamed.
        let all = all(pins)?.into_iter().map(|(former, _)| former);
        let mut holding = all.filter(|former| {
            link_behind(&former.path).is_some_and(|link| link.program_id() == program)
        });
        Ok(holding.next())
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// Pins the same link a second time.
    pub(super) fn pin_as(&self, path: &Path) -> Result<(), Error> {
        let failed = |error: String| pin_error(path, std::io::Error::other(error));
        let link = PinnedLink::from_pin(&self.path).map_err(|error| failed(error.to_string()))?;
        let link = FdLink::from(link).pin(path);
        link.map_err(|error| failed(error.to_string())).map(drop)
    }

    /// Removes the pin: the program is detached unless the link is pinned elsewhere.
    pub(super) fn unpin(self) -> Result<(), Error> {
        std::fs::remove_file(&self.path).map_err(|source| pin_error(&self.path, source))
    }
}

/// What the kernel says about a pinned link.
pub(super) fn link_behind(path: &Path) -> Option<LinkInfo> {
    let link = PinnedLink::from_pin(path).map(FdLink::from).ok()?;
    link.info().ok()
}

/// Every link of another layout version, with the interface that it was pinned for.
fn all(pins: &Pins) -> Result<Vec<(Former, String)>, Error> {
    let mut all = Vec::new();
    for other in pins.others()? {
        for interface in other.linked()? {
            let former = Former {
                version: other.version(),
                path: other.link(&interface),
            };
            all.push((former, interface));
        }
    }
    Ok(all)
}

/// What is left of other layout versions once every configured interface is attached.
pub struct Remains<'a> {
    pins: &'a Pins,
}

impl<'a> Remains<'a> {
    pub(super) fn of(pins: &'a Pins) -> Self {
        Self { pins }
    }

    /// Links that were not taken over, by layout version and the interface they are pinned for.
    ///
    /// # Errors
    /// When the pins cannot be read.
    pub fn strays(&self) -> Result<Vec<(u32, String)>, Error> {
        let taken = self.pins.linked()?.into_iter();
        let taken = taken.filter_map(|name| link_behind(&self.pins.link(&name)));
        let taken: Vec<u32> = taken.map(|link| link.id()).collect();
        let mut strays = all(self.pins)?;
        strays.retain(|(former, _)| {
            link_behind(&former.path).is_none_or(|link| !taken.contains(&link.id()))
        });
        let named = strays.into_iter();
        Ok(named
            .map(|(former, interface)| (former.version, interface))
            .collect())
    }

    /// Detaches one of [`Remains::strays`].
    ///
    /// # Errors
    /// When the pin cannot be removed.
    pub fn detach(&self, stray: &(u32, String), _receipt: &Receipt) -> Result<(), Error> {
        let of = |(former, interface): &(Former, String)| {
            (former.version, interface.as_str()) == (stray.0, stray.1.as_str())
        };
        let found = all(self.pins)?.into_iter().find(of);
        found.map_or(Ok(()), |(former, _)| former.unpin())
    }

    /// Unpins the maps, and the versions that had any. A layout that still has a link of its own
    /// keeps its pins.
    ///
    /// # Errors
    /// When a pin cannot be removed.
    pub fn unpin(&self) -> Result<Vec<u32>, Error> {
        let strays = self.strays()?;
        let mut removed = Vec::new();
        for other in self.pins.others()? {
            if strays
                .iter()
                .all(|(version, _)| *version != other.version())
            {
                other.remove_all()?;
                removed.push(other.version());
            }
        }
        Ok(removed)
    }
}
