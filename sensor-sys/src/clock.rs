//! What the kernel knows about its wall clock.

/// `STA_UNSYNC` of linux/timex.h: nobody disciplines the clock, or it was set by hand since.
const UNSYNCHRONISED: libc::c_int = 0x0040;

/// Whether the kernel takes the wall clock for synchronised (adjtimex(2)); false when it does not
/// tell.
#[must_use]
pub fn is_synchronised() -> bool {
    // SAFETY: every bit pattern of zeros is a `timex`: integers only.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel reads and writes one `timex`, which lives until the call returns; `modes`
    // of zero changes nothing.
    let outcome = unsafe { libc::adjtimex(&raw mut state) };
    outcome >= 0 && state.status & UNSYNCHRONISED == 0
}

#[cfg(test)]
mod tests {
    #[test]
    fn asking_does_not_change_the_answer() {
        assert_eq!(super::is_synchronised(), super::is_synchronised());
    }
}
