//! Attaching an instance to an interface: natively with frags, natively, generically; by bpf_link
//! only, pinned, so that it outlives the agent.

use aya::programs::{
    XdpMode,
    links::{FdLink, PinnedLink},
    xdp::XdpLink,
};
use rustix::io::Errno;

use super::{
    Error, Features, Variant,
    link_state::{self, LinkState},
    load::Instance,
    migrate,
    pins::Pins,
};

/// How often, and how long apart, a hook is looked at until it is free.
const RELEASE_LOOKS: u32 = 10;
const RELEASE_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// How the program runs on an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// In the driver, before a socket buffer exists.
    #[default]
    Native,
    /// In the network stack, on socket buffers.
    Generic,
}

impl Mode {
    /// The name in status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
        }
    }

    const fn flags(self) -> XdpMode {
        match self {
            Self::Native => XdpMode::Driver,
            Self::Generic => XdpMode::Skb,
        }
    }
}

/// An attached interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Index of the interface when it was attached.
    pub index: u32,
    /// MTU then, bytes.
    pub mtu: u32,
    /// How the program runs.
    pub mode: Mode,
    /// Whether frames of several buffers are accepted.
    pub variant: Variant,
    /// Whether a link left by a former agent was taken over.
    pub adopted: bool,
    /// The layout version whose link that was, when it was another: what its maps held then is
    /// not read.
    pub migrated_from: Option<u32>,
}

/// Attaches, or takes over the link that a former agent pinned.
pub(super) fn attach(
    instance: &mut Instance,
    interface: &str,
    wanted: Option<Mode>,
    features: Features,
    pins: &Pins,
) -> Result<Attachment, Error> {
    let mut state = link_state::query(interface)?;
    if let Some(attachment) = adopt(instance, interface, &state, wanted, features, pins)? {
        return Ok(attachment);
    }
    state = without_released(interface, state)?;
    if let Some((program, _)) = state.xdp {
        return Err(Error::Foreign {
            interface: interface.into(),
            program,
        });
    }
    let mut tried = Vec::new();
    for (mode, variant) in candidates(wanted, features) {
        match create(instance, interface, &state, mode, variant, pins)? {
            Ok(()) => {
                return Ok(Attachment {
                    index: state.index,
                    mtu: state.mtu,
                    mode,
                    variant,
                    adopted: false,
                    migrated_from: None,
                });
            }
            Err(reason) => tried.push(format!("{} {}: {reason}", mode.name(), name_of(variant))),
        }
    }
    Err(Error::Attach {
        interface: interface.into(),
        tried: tried.join("; "),
    })
}

/// Whether a link of ours, of this layout version or of another, holds the hook of an interface.
pub(super) fn holds(interface: &str, pins: &Pins) -> Result<bool, Error> {
    let Some((program, _)) = link_state::query(interface)?.xdp else {
        return Ok(false);
    };
    let ours = migrate::link_behind(&pins.link(interface)).map(|link| link.program_id());
    Ok(ours == Some(program) || migrate::Former::holding(pins, program)?.is_some())
}

fn name_of(variant: Variant) -> &'static str {
    match variant {
        Variant::Frags => "with frags",
        Variant::Linear => "without frags",
    }
}

fn candidates(wanted: Option<Mode>, features: Features) -> Vec<(Mode, Variant)> {
    let mut candidates = Vec::new();
    for mode in [Mode::Native, Mode::Generic] {
        if wanted.is_some_and(|wanted| wanted != mode) {
            continue;
        }
        if features.frags {
            candidates.push((mode, Variant::Frags));
        }
        candidates.push((mode, Variant::Linear));
    }
    candidates
}

/// The interface once a link that was just let go of is gone: the kernel frees it a moment later.
/// A program that stays is somebody else's.
fn without_released(interface: &str, mut state: LinkState) -> Result<LinkState, Error> {
    for _ in 0..RELEASE_LOOKS {
        if state.xdp.is_none() {
            break;
        }
        std::thread::sleep(RELEASE_PAUSE);
        state = link_state::query(interface)?;
    }
    Ok(state)
}

/// One attempt: the outer error ends the search, the inner one is a mode that does not work here.
fn create(
    instance: &mut Instance,
    interface: &str,
    state: &LinkState,
    mode: Mode,
    variant: Variant,
    pins: &Pins,
) -> Result<Result<(), String>, Error> {
    let program = instance.program(variant)?;
    let id = match program.attach_to_if_index(state.index, mode.flags()) {
        Ok(id) => id,
        Err(error) => {
            if let Some((program, _)) = link_state::query(interface)?.xdp {
                return Err(Error::Foreign {
                    interface: interface.into(),
                    program,
                });
            }
            return Ok(Err(reason_of(&error)));
        }
    };
    let link = program.take_link(id)?;
    let Ok(link) = FdLink::try_from(link) else {
        // aya fell back to netlink and has forgotten how to take that back: attach the same
        // program once more for a handle, and detach through it.
        let id = program.attach_to_if_index(state.index, mode.flags())?;
        program.detach(id)?;
        return Err(Error::NoLink {
            interface: interface.into(),
        });
    };
    let path = pins.link(interface);
    link.pin(&path)
        .map_err(|error| super::pins::pin_error(&path, std::io::Error::other(error.to_string())))?;
    Ok(Ok(()))
}

fn reason_of(error: &aya::programs::ProgramError) -> String {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut reason = error.to_string();
    while let Some(error) = source {
        reason = error.to_string();
        source = error.source();
    }
    reason
}

/// Takes over the pinned link that still holds the interface's hook, be it of this layout version
/// or of another; a link pinned for the interface that holds nothing is removed.
fn adopt(
    instance: &mut Instance,
    interface: &str,
    state: &LinkState,
    wanted: Option<Mode>,
    features: Features,
    pins: &Pins,
) -> Result<Option<Attachment>, Error> {
    let path = pins.link(interface);
    let ours = migrate::link_behind(&path).map(|link| link.program_id());
    let own = state.xdp.filter(|(program, _)| Some(*program) == ours);
    if own.is_none() && path.exists() {
        pins.remove_link(interface)?;
    }
    let former = match state.xdp {
        Some((program, _)) => migrate::Former::holding(pins, program)?,
        None => None,
    };
    let Some((_, mode)) = own.or(former.as_ref().and(state.xdp)) else {
        return Ok(None);
    };
    if wanted.is_some_and(|wanted| wanted != mode) {
        // The configured mode has changed: that takes a new link.
        if own.is_some() {
            pins.remove_link(interface)?;
        }
        former.map_or(Ok(()), migrate::Former::unpin)?;
        return Ok(None);
    }
    if let Some(former) = former.as_ref().filter(|_| own.is_none()) {
        former.pin_as(&path)?;
    }
    match update(instance, interface, features, pins) {
        Ok(variant) => {
            let migrated_from = former.as_ref().map(migrate::Former::version);
            // The pin of this layout version keeps the link; the other goes at the latest with
            // all others of its layout.
            if let Some(Err(error)) = former.map(migrate::Former::unpin) {
                tracing::warn!(%error, interface, "the former pin of the link is left");
            }
            Ok(Some(Attachment {
                index: state.index,
                mtu: state.mtu,
                mode,
                variant,
                adopted: true,
                migrated_from,
            }))
        }
        Err(error) => {
            if own.is_none() {
                // The former pin still keeps the link, and the former program runs.
                pins.remove_link(interface)?;
            }
            Err(error)
        }
    }
}

/// Replaces the program behind the pinned link by the first variant that the interface takes.
fn update(
    instance: &mut Instance,
    interface: &str,
    features: Features,
    pins: &Pins,
) -> Result<Variant, Error> {
    if features.frags && replace(instance, interface, Variant::Frags, pins).is_ok() {
        return Ok(Variant::Frags);
    }
    replace(instance, interface, Variant::Linear, pins).map(|()| Variant::Linear)
}

/// Makes the instance's program the one behind the pinned link of an interface: one step, no
/// packet unjudged (`bpf_link_update`).
pub(super) fn replace(
    instance: &mut Instance,
    interface: &str,
    variant: Variant,
    pins: &Pins,
) -> Result<(), Error> {
    let path = pins.link(interface);
    let link = PinnedLink::from_pin(&path)
        .map(FdLink::from)
        .and_then(XdpLink::try_from)
        .map_err(|error| super::pins::pin_error(&path, std::io::Error::other(error.to_string())))?;
    let program = instance.program(variant)?;
    let id = program.attach_to_link(link)?;
    // The pin keeps the link; this handle is not needed.
    drop(program.take_link(id)?);
    Ok(())
}

/// Whether an update failed because the link's interface is gone.
pub(super) fn is_gone(error: &Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>()
            && error.raw_os_error() == Some(Errno::NOLINK.raw_os_error())
        {
            return true;
        }
        source = error.source();
    }
    false
}
