//! Failures on demand: the tests make a change fail, or the agent die, at each of its steps.
//!
//! Compiled in with feature `faults` only, which nothing that ships has. A file named by the
//! environment variable `MARKER_SENSOR_FAULT` holds the name of a point and `fail` or `die`.

/// Names a step; fails or dies there when the test says so.
#[cfg(feature = "faults")]
pub fn point(name: &str) -> Result<(), Fault> {
    let Some(path) = std::env::var_os("MARKER_SENSOR_FAULT") else {
        return Ok(());
    };
    let wanted = std::fs::read_to_string(path).unwrap_or_default();
    match wanted.trim().split_once(' ') {
        Some((point, "die")) if point == name => std::process::abort(),
        Some((point, _)) if point == name => Err(Fault),
        _ => Ok(()),
    }
}

/// Names a step that takes as long as the test says `stall`.
#[cfg(feature = "faults")]
pub fn stall(name: &str) {
    let Some(path) = std::env::var_os("MARKER_SENSOR_FAULT") else {
        return;
    };
    let stalls =
        || std::fs::read_to_string(&path).is_ok_and(|text| text.trim() == format!("{name} stall"));
    while stalls() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Names a step that takes its time: nobody makes it longer in this build.
#[cfg(not(feature = "faults"))]
#[inline]
pub fn stall(_: &str) {}

/// Names a step at which there is nothing that could fail: the agent may only die there.
pub fn crossing(name: &str) {
    // A failure that is asked for here is none.
    let _ = point(name);
}

/// Nanoseconds by which a test has set the wall clock of the daemon, in the file named by
/// `MARKER_SENSOR_CLOCK`: seconds, with a sign.
#[cfg(feature = "faults")]
#[must_use]
pub fn clock_step() -> i128 {
    let seconds = clock_file();
    let seconds = seconds.split_whitespace().next().unwrap_or_default();
    seconds.parse::<i128>().unwrap_or_default() * 1_000_000_000
}

/// What the kernel is to say of the wall clock, behind the seconds in the same file: `synchronised`,
/// `unsynchronised`, or `silent`; the kernel itself is asked where there is nothing.
#[cfg(feature = "faults")]
#[must_use]
pub fn synchronised() -> Option<std::io::Result<bool>> {
    match clock_file().split_whitespace().nth(1)? {
        "synchronised" => Some(Ok(true)),
        "unsynchronised" => Some(Ok(false)),
        _ => Some(Err(std::io::ErrorKind::PermissionDenied.into())),
    }
}

#[cfg(feature = "faults")]
fn clock_file() -> String {
    let path = std::env::var_os("MARKER_SENSOR_CLOCK");
    let read = path.map(|path| std::fs::read_to_string(path).unwrap_or_default());
    read.unwrap_or_default()
}

/// Nanoseconds by which a test has set the wall clock: none in this build.
#[cfg(not(feature = "faults"))]
#[inline]
#[must_use]
pub const fn clock_step() -> i128 {
    0
}

/// What the kernel is to say of the wall clock: it is asked in this build.
#[cfg(not(feature = "faults"))]
#[inline]
#[must_use]
pub const fn synchronised() -> Option<std::io::Result<bool>> {
    None
}

/// Names a step.
///
/// # Errors
/// Never: this build has no failures on demand.
#[cfg(not(feature = "faults"))]
#[inline]
pub fn point(_: &str) -> Result<(), Fault> {
    Ok(())
}

/// A failure that a test asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a test asked for this failure")]
pub struct Fault;
