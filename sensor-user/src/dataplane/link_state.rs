//! What the kernel says about an interface: index, MTU, who holds its XDP hook (rtnetlink(7)).

use std::io;

use futures_util::TryStreamExt as _;
use rtnetlink::packet_route::link::{LinkAttribute, LinkXdp, XdpAttached};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketType, netdevice::name_to_index, socket},
};

use super::{Error, Mode};

/// One interface, as the kernel describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LinkState {
    /// Index.
    pub index: u32,
    /// MTU, bytes.
    pub mtu: u32,
    /// Program on the XDP hook and the mode it runs in.
    pub xdp: Option<(u32, Mode)>,
}

/// The index of an interface; `None` when there is none of this name. Cheaper than [`query`], for a
/// look every second.
///
/// # Errors
/// When the question cannot be asked.
pub(super) fn index(interface: &str) -> io::Result<Option<u32>> {
    let socket = socket(AddressFamily::UNIX, SocketType::DGRAM, None)?;
    match name_to_index(&socket, interface) {
        Ok(index) => Ok(Some(index)),
        Err(Errno::NODEV) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether an interface is there, in this process's own network namespace: `/sys/class/net` tells
/// of the namespace that sysfs was mounted in.
#[must_use]
pub fn exists(interface: &str) -> bool {
    matches!(index(interface), Ok(Some(_)))
}

/// Asks the kernel; blocks.
///
/// # Errors
/// [`Error::UnknownInterface`], or [`Error::Netlink`] when the question cannot be asked.
pub(super) fn query(interface: &str) -> Result<LinkState, Error> {
    let failed = |reason: String| Error::Netlink {
        interface: interface.into(),
        reason,
    };
    // The query may come from a thread of the agent's own runtime, which must not be blocked on.
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build()
                .map_err(|error| failed(error.to_string()))?;
            runtime.block_on(ask(interface))
        });
        thread
            .join()
            .unwrap_or_else(|_| Err(failed("the query failed".into())))
    })
}

async fn ask(interface: &str) -> Result<LinkState, Error> {
    let failed = |reason: String| Error::Netlink {
        interface: interface.into(),
        reason,
    };
    let (connection, handle, _) =
        rtnetlink::new_connection().map_err(|error| failed(error.to_string()))?;
    let connection = tokio::spawn(connection);
    let mut links = handle
        .link()
        .get()
        .match_name(interface.to_owned())
        .execute();
    let answer = links.try_next().await;
    connection.abort();
    let message = match answer {
        Ok(Some(message)) => message,
        Ok(None) => {
            return Err(Error::UnknownInterface {
                interface: interface.into(),
            });
        }
        Err(rtnetlink::Error::NetlinkError(message))
            if message.raw_code() == -Errno::NODEV.raw_os_error() =>
        {
            return Err(Error::UnknownInterface {
                interface: interface.into(),
            });
        }
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut state = LinkState {
        index: message.header.index,
        ..LinkState::default()
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::Mtu(mtu) => state.mtu = mtu,
            LinkAttribute::Xdp(xdp) => state.xdp = program_of(&xdp),
            _ => {}
        }
    }
    Ok(state)
}

fn program_of(attributes: &[LinkXdp]) -> Option<(u32, Mode)> {
    let mode = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::Attached(XdpAttached::None) => None,
        LinkXdp::Attached(XdpAttached::SocketBuffer) => Some(Mode::Generic),
        LinkXdp::Attached(_) => Some(Mode::Native),
        _ => None,
    })?;
    let program = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::ProgId(id) | LinkXdp::DrvProgId(id) | LinkXdp::SkbProgId(id) => Some(*id),
        _ => None,
    });
    Some((program.unwrap_or(0), mode))
}
