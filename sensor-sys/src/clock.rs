//! What the kernel knows about its wall clock.

use std::io;

/// `STA_UNSYNC` of linux/timex.h: nobody disciplines the clock, or it was set by hand since.
const UNSYNCHRONISED: libc::c_int = 0x0040;

/// Whether the kernel takes the wall clock for synchronised (adjtimex(2)).
///
/// # Errors
/// What the kernel says when it does not tell: `PermissionDenied` where a filter of system calls is
/// in the way, although asking needs no capability.
pub fn is_synchronised() -> io::Result<bool> {
    // SAFETY: every bit pattern of zeros is a `timex`: integers only.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel reads and writes one `timex`, which lives until the call returns; `modes`
    // of zero changes nothing.
    let outcome = unsafe { libc::adjtimex(&raw mut state) };
    match outcome {
        ..0 => Err(io::Error::last_os_error()),
        _ => Ok(state.status & UNSYNCHRONISED == 0),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn asking_does_not_change_the_answer() {
        let asked = || super::is_synchronised().expect("nothing is in the way here");
        assert_eq!(asked(), asked());
    }
}
