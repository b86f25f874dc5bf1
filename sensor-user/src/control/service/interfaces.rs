//! Attaching and detaching, by request and by the agent itself.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use sensor_common::Outcome;

use super::{Error, Sensor, Set, Watched};
use crate::{
    dataplane::{self, Attachment, Variant},
    journal::Action,
    model::{
        Actor,
        request::{InterfaceStatus, OutcomeCount},
    },
};

/// Pause after the first and after later failures to attach an interface that came back.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LAST_RETRY: Duration = Duration::from_secs(300);

impl Sensor {
    /// Attaches every configured interface; the first failure detaches those that this call
    /// attached anew, so that nothing has changed.
    ///
    /// # Errors
    /// What the client is told; the caller is the agent's start.
    pub fn attach_all(&self, actor: &Actor) -> Result<(), Error> {
        let names: Vec<String> = {
            let set = self.set();
            set.interfaces
                .iter()
                .map(|watched| watched.slot.name.clone())
                .collect()
        };
        self.detach_strays(actor, &names)?;
        let mut anew: Vec<String> = Vec::new();
        for name in names {
            let outcome = match self.check_gate() {
                Ok(()) => self.attach(actor, &name).map(drop),
                // What a former agent attached goes on, with an empty generation.
                Err(shut) => self.take_over(actor, &name, &shut),
            };
            if let Err(error) = outcome {
                for name in anew {
                    if let Err(error) = self.detach(actor, &name) {
                        tracing::error!(%error, interface = %name, "could not be detached again");
                    }
                }
                if let Err(error) = self.set().plane.abandon() {
                    tracing::error!(%error, "pins of a start that failed are left");
                }
                return Err(error);
            }
            let adopted = {
                let set = self.set();
                set.plane
                    .attachment(&name)
                    .is_some_and(|attachment| attachment.adopted)
            };
            if !adopted {
                anew.push(name);
            }
        }
        self.clear_other_layouts(actor);
        if let Err(error) = self.set().plane.settle() {
            tracing::warn!(%error, "pins of a former generation are left until the next load");
        }
        Ok(())
    }

    /// Detaches what another layout version left on interfaces that are not configured, and removes
    /// its pins. Everything is attached by now: what fails is told and tried again at the next start.
    fn clear_other_layouts(&self, actor: &Actor) {
        let set = self.set();
        let remains = set.plane.remains();
        let strays = remains.strays().unwrap_or_else(|error| {
            tracing::error!(%error, "links of another layout version cannot be read");
            Vec::new()
        });
        for stray in strays {
            let interface = stray.1.as_str();
            let action = Action::Detached {
                interface: interface.into(),
            };
            let receipt = match self.parts.journal.append_reserved(actor, action) {
                Ok(receipt) => receipt,
                Err(error) => {
                    tracing::error!(%error, interface, "not detached: nothing changes without the journal");
                    return;
                }
            };
            match remains.detach(&stray, &receipt) {
                Ok(()) => tracing::info!(
                    interface,
                    layout = stray.0,
                    "detached: it is no longer configured"
                ),
                Err(error) => {
                    self.journal_failure(actor, &receipt, "detach");
                    tracing::error!(%error, interface, "an interface that is no longer configured could not be detached");
                }
            }
        }
        match remains.unpin() {
            Ok(layouts) => {
                for layout in layouts {
                    tracing::info!(
                        layout,
                        "pins of another layout version are removed; what they held is not read"
                    );
                }
            }
            Err(error) => tracing::error!(%error, "pins of another layout version are left"),
        }
    }

    /// Detaches what a former configuration had attached: nobody would load markers into it.
    fn detach_strays(&self, actor: &Actor, configured: &[String]) -> Result<(), Error> {
        let mut set = self.set();
        let strays = set
            .plane
            .strays(configured)
            .map_err(|error| from_data_plane(&error))?;
        for interface in strays {
            let action = Action::Detached {
                interface: interface.clone(),
            };
            let receipt = self
                .parts
                .journal
                .append_reserved(actor, action)
                .map_err(super::from_journal)?;
            if let Err(error) = set.plane.detach_stray(&interface, &receipt) {
                self.journal_failure(actor, &receipt, "detach");
                return Err(from_data_plane(&error));
            }
            tracing::info!(%interface, "detached: it is no longer configured");
        }
        Ok(())
    }

    pub(super) fn attach(&self, actor: &Actor, interface: &str) -> Result<InterfaceStatus, Error> {
        let attached = {
            let set = self.set();
            position(&set, interface)?;
            set.plane.attachment(interface).is_some()
        };
        if !attached {
            self.check_gate()?;
        }
        self.attach_now(actor, interface)
    }

    /// Takes an interface over that a former agent attached; any other waits for the declaration.
    fn take_over(&self, actor: &Actor, interface: &str, shut: &Error) -> Result<(), Error> {
        let held = {
            let mut set = self.set();
            let set = &mut *set;
            let held = set.plane.holds(interface);
            let held = held.map_err(|error| from_data_plane(&error))?;
            if !held {
                let at = position(set, interface)?;
                set.interfaces[at].trouble = Some(format!("not attached: {shut}"));
                self.tell_interfaces(set);
            }
            held
        };
        if held {
            self.attach_now(actor, interface)?;
        }
        Ok(())
    }

    /// The same for somebody who asks: a refusal is journalled, without the name, which may be anything.
    pub(super) fn attach_asked(&self, actor: &Actor, name: &str) -> Result<InterfaceStatus, Error> {
        let attached = self.attach(actor, name);
        if let Err(Error::NotFound(_)) = &attached {
            let code = "not_configured".into();
            let _receipt = self.journal(actor, Action::AttachRefused { code })?;
        }
        attached
    }

    fn attach_now(&self, actor: &Actor, interface: &str) -> Result<InterfaceStatus, Error> {
        let mut set = self.set();
        let set = &mut *set;
        let at = position(set, interface)?;
        if set.plane.attachment(interface).is_none() {
            let action = Action::Attached {
                interface: interface.into(),
            };
            let receipt = self.journal(actor, action)?;
            let outcome = set.plane.attach(&set.interfaces[at].slot, &receipt);
            let watched = &mut set.interfaces[at];
            watched.wanted = true;
            match outcome {
                Ok(attachment) => {
                    watched.trouble = None;
                    watched.retry = None;
                    tracing::info!(
                        interface,
                        mode = attachment.mode.name(),
                        frags = attachment.variant == Variant::Frags,
                        adopted = attachment.adopted,
                        migrated_from = attachment.migrated_from,
                        "attached"
                    );
                }
                Err(error) => {
                    watched.trouble = Some(error.to_string());
                    // Each attempt is journalled: fewer and fewer of them.
                    let pause = watched.retry.map_or(FIRST_RETRY, |(_, pause)| pause * 2);
                    let pause = pause.min(LAST_RETRY);
                    watched.retry = Some((Instant::now() + pause, pause));
                    self.journal_failure(actor, &receipt, "attach");
                    self.tell_interfaces(set);
                    return Err(from_data_plane(&error));
                }
            }
        }
        self.tell_interfaces(set);
        Ok(self.interface_status(set, at))
    }

    pub(super) fn detach(&self, actor: &Actor, interface: &str) -> Result<InterfaceStatus, Error> {
        let mut set = self.set();
        let set = &mut *set;
        let at = position(set, interface)?;
        if set.plane.attachment(interface).is_some() {
            let action = Action::Detached {
                interface: interface.into(),
            };
            let receipt = self
                .parts
                .journal
                .append_reserved(actor, action)
                .map_err(super::from_journal)?;
            if let Err(error) = set.plane.detach(interface, &receipt) {
                self.journal_failure(actor, &receipt, "detach");
                return Err(from_data_plane(&error));
            }
            tracing::info!(interface, "detached");
        }
        set.interfaces[at].wanted = false;
        set.interfaces[at].trouble = None;
        self.tell_interfaces(set);
        Ok(self.interface_status(set, at))
    }

    /// Looks after patterns that are over and interfaces that went or came back; called once in a
    /// while by the agent. Does nothing while a change is under way.
    pub fn look_after(&self, actor: &Actor) {
        if let Err(error) = self.keep_time(actor) {
            tracing::warn!(%error, "what begins or is over could not be let in or taken out; the kernel ignores what is over");
        }
        self.keep_events(actor);
        self.look_after_requests(actor);
        self.look_after_breakers(actor);
        let open = self.check_gate().is_ok();
        let back: Vec<String> = {
            let Ok(mut set) = self.set.try_lock() else {
                return;
            };
            let set = &mut *set;
            let gone = set.plane.take_gone();
            self.note_gone(set, &gone);
            let now = Instant::now();
            let missing = |watched: &&Watched| {
                open && watched.wanted
                    && watched.retry.is_none_or(|(at, _)| now >= at)
                    && set.plane.attachment(&watched.slot.name).is_none()
            };
            let names = set.interfaces.iter().filter(missing);
            names.map(|watched| watched.slot.name.clone()).collect()
        };
        for name in back {
            if !dataplane::exists(&name) {
                continue;
            }
            if let Err(error) = self.attach(actor, &name) {
                tracing::warn!(%error, interface = name, "an interface is back but cannot be attached");
            }
        }
    }

    /// Journals what the kernel did by itself, afterwards.
    pub(super) fn note_gone(&self, set: &mut Set, gone: &[String]) {
        for name in gone {
            tracing::warn!(
                interface = name,
                "the interface is gone, and the program with it"
            );
            let agent = super::agent();
            let action = Action::InterfaceGone {
                interface: name.clone(),
            };
            if let Err(error) = self.parts.journal.append_reserved(&agent, action) {
                tracing::error!(%error, "a lost interface could not be journalled");
            }
            for watched in &mut set.interfaces {
                if watched.slot.name == *name {
                    watched.trouble =
                        Some("the interface is gone; it is attached when it is back".into());
                }
            }
        }
        if !gone.is_empty() {
            self.tell_interfaces(set);
        }
    }

    pub(super) fn tell_interfaces(&self, set: &Set) {
        let interfaces = (0..set.interfaces.len())
            .map(|at| self.interface_status(set, at))
            .collect();
        self.told
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .interfaces = interfaces;
    }

    fn interface_status(&self, set: &Set, at: usize) -> InterfaceStatus {
        let watched = &set.interfaces[at];
        let attachment = set.plane.attachment(&watched.slot.name);
        let mut notes: Vec<String> = watched.trouble.iter().cloned().collect();
        notes.extend(attachment.into_iter().flat_map(notes_on));
        InterfaceStatus {
            name: watched.slot.name.clone(),
            slot: watched.slot.slot,
            attached: attachment.is_some(),
            mode: attachment.map(|attachment| attachment.mode.name().into()),
            frags: attachment.is_some_and(|attachment| attachment.variant == Variant::Frags),
            notes,
            outcomes: self.outcomes(watched.slot.slot).unwrap_or_default(),
        }
    }

    pub(super) fn outcomes(&self, slot: u8) -> Result<Vec<OutcomeCount>, dataplane::Error> {
        let traffic = self.parts.counts.traffic(slot)?;
        let rows = Outcome::ALL.iter().zip(traffic);
        Ok(rows
            .map(|(outcome, traffic)| OutcomeCount {
                outcome: outcome.name().into(),
                packets: traffic.packets,
                bytes: traffic.bytes,
            })
            .collect())
    }
}

/// What attaching changes about an interface, as far as it is known.
fn notes_on(attachment: &Attachment) -> Vec<String> {
    let mut notes = Vec::new();
    match attachment.migrated_from {
        Some(layout) => notes.push(format!(
            "taken over from layout {layout}; what its agent had not drained is not counted here"
        )),
        None if attachment.adopted => notes.push("taken over from the last run".into()),
        None => {}
    }
    match (attachment.mode, attachment.variant) {
        (dataplane::Mode::Generic, _) => notes.push(
            "generic mode: after the socket buffer is made, slower, and sees merged frames where GRO is on".into(),
        ),
        (dataplane::Mode::Native, Variant::Linear) => {
            notes.push(format!(
                "without frags: the driver limits the MTU (now {}) while the program is attached",
                attachment.mtu
            ));
        }
        (dataplane::Mode::Native, Variant::Frags) => {}
    }
    notes
}

fn position(set: &Set, interface: &str) -> Result<usize, Error> {
    set.interfaces
        .iter()
        .position(|watched| watched.slot.name == interface)
        .ok_or_else(|| {
            Error::NotFound(
                "no such interface in the configuration; add it there and restart".into(),
            )
        })
}

fn from_data_plane(error: &dataplane::Error) -> Error {
    match error {
        dataplane::Error::UnknownInterface { .. } => Error::NotFound(error.to_string()),
        dataplane::Error::Foreign { .. } => Error::Conflict(error.to_string()),
        dataplane::Error::Capability { .. } => Error::Unavailable(error.to_string()),
        _ => Error::Internal(error.to_string()),
    }
}
