//! Asking the operator's subscriber system: a program of the operator's, one JSON object in, one out.
//!
//! It runs as a user of its own, without capabilities (the kernel takes them from whoever gives up uid 0),
//! without environment, in `/`; in a process group of its own, which ends with the question. What it
//! starts in yet another session is out of reach from here: under systemd it ends with the unit.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use hyper::StatusCode;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
    time::Timespec,
};

use super::{coded, internal};
use crate::{
    config,
    control::{Error, accounts::Accounts},
    crypto::Zeroizing,
    legal::answer::{Answer, BadAnswer, LONGEST, Question},
};

/// Longest pause between two looks at whether the agent stops.
const LOOK: Duration = Duration::from_millis(20);
/// How long a killed program is waited for.
const GONE: Duration = Duration::from_secs(1);

/// The program, with the numbers of the user that it runs as.
pub(super) struct Adaptor {
    command: PathBuf,
    /// User and group.
    user: (u32, u32),
    timeout: Duration,
    /// How long all questions of one request may take.
    whole: Duration,
}

/// Why it cannot run as it should.
#[derive(Debug, thiserror::Error)]
pub enum AdaptorError {
    /// No such user.
    #[error(
        "requests.adaptor.user is not in /etc/passwd: create it, or give its number and requests.adaptor.group"
    )]
    User,
    /// No such group.
    #[error("requests.adaptor.group is not in /etc/group: create it, or give its number")]
    Group,
    /// It would have the agent's rights.
    #[error(
        "requests.adaptor.user is root: name a user of its own, which owns nothing of the sensor's"
    )]
    Root,
}

/// Why nobody answered.
enum Silence {
    Late,
    Stopping,
    Failed(String),
}

impl Adaptor {
    /// As it is configured.
    pub fn of(config: &config::Adaptor, accounts: &Accounts) -> Result<Self, AdaptorError> {
        let known = accounts.user(&config.user);
        let group = match &config.group {
            Some(group) => accounts.gid(group).ok_or(AdaptorError::Group)?,
            None => known.ok_or(AdaptorError::User)?.1,
        };
        let uid = match (&config.user, known) {
            (_, Some((uid, _))) => uid,
            (config::Account::Id(uid), None) => *uid,
            (config::Account::Name(_), None) => return Err(AdaptorError::User),
        };
        if uid == 0 {
            return Err(AdaptorError::Root);
        }
        Ok(Self {
            command: config.command.clone(),
            user: (uid, group),
            timeout: config.timeout,
            whole: config.request_timeout,
        })
    }

    /// When the last answer to a request that is asked for now must be there.
    pub fn end(&self) -> Instant {
        Instant::now() + self.whole
    }

    /// Asks who had an address at a time; until `end` at the latest, or until the agent stops.
    pub fn ask(
        &self,
        question: &Question<'_>,
        end: Instant,
        stopping: &AtomicBool,
    ) -> Result<Answer, Error> {
        let end = end.min(Instant::now() + self.timeout);
        let mut input = Zeroizing::new(serde_json::to_vec(question).map_err(internal)?);
        input.push(b'\n');
        let mut answer = Zeroizing::new(vec![0; LONGEST + 1]);
        let answered = self.exchange(&input, &mut answer, end, stopping);
        let length = answered.map_err(|silence| self.told(silence))?;
        let refused = |error: BadAnswer| {
            let reason = format!("{error}; nothing was disclosed");
            coded(StatusCode::BAD_REQUEST, "bad_answer", reason)
        };
        if length > LONGEST {
            return Err(refused(BadAnswer));
        }
        Answer::read(&answer[..length]).map_err(refused)
    }

    fn told(&self, silence: Silence) -> Error {
        let what = match silence {
            Silence::Stopping => {
                let reason = "the agent stops; nothing was disclosed, and it may be tried again";
                return coded(StatusCode::CONFLICT, "stopping", reason);
            }
            Silence::Late => "took too long".into(),
            Silence::Failed(what) => what,
        };
        let reason = format!(
            "the subscriber system ({}) {what}; nothing was disclosed",
            self.command.display()
        );
        coded(StatusCode::BAD_REQUEST, "adaptor_failed", reason)
    }

    /// Runs it once; how many bytes it answered.
    fn exchange(
        &self,
        input: &[u8],
        answer: &mut [u8],
        end: Instant,
        stopping: &AtomicBool,
    ) -> Result<usize, Silence> {
        let (uid, gid) = self.user;
        let mut child = Command::new(&self.command)
            .env_clear()
            .current_dir("/")
            .gid(gid)
            .uid(uid)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Silence::Failed(format!("does not start: {error}")))?;
        if let Some(mut stdin) = child.stdin.take() {
            // Shorter than what a pipe holds, so that it never waits; one that reads nothing answers all
            // the same, or not.
            let _ = stdin.write_all(input);
        }
        let stdout = child.stdout.take();
        let mut running = Running {
            child,
            collected: false,
        };
        let length = match stdout {
            Some(stdout) => read(stdout, answer, end, stopping)?,
            None => return Err(Silence::Failed("has no output".into())),
        };
        // It has said all: it ends at once.
        running.wait(end, stopping)?;
        Ok(length)
    }
}

/// Reads until the other side closes, the room is full, or it is too late.
fn read(
    mut stdout: ChildStdout,
    answer: &mut [u8],
    end: Instant,
    stopping: &AtomicBool,
) -> Result<usize, Silence> {
    let mut length = 0;
    while length < answer.len() {
        let left = pause(end, stopping)?;
        let left = Timespec::try_from(left).map_err(|_| Silence::Late)?;
        let mut ready = [PollFd::new(&stdout, PollFlags::IN)];
        match poll(&mut ready, Some(&left)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(errno) => return Err(Silence::Failed(format!("cannot be read: {errno}"))),
        }
        match stdout.read(&mut answer[length..]) {
            Ok(0) => break,
            Ok(bytes) => length += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Silence::Failed(format!("cannot be read: {error}"))),
        }
    }
    Ok(length)
}

/// How long may be waited before looking again.
fn pause(end: Instant, stopping: &AtomicBool) -> Result<Duration, Silence> {
    if stopping.load(Relaxed) {
        return Err(Silence::Stopping);
    }
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Silence::Late);
    }
    Ok(left.min(LOOK))
}

/// A program that runs. Its process group ends when the value is dropped.
struct Running {
    child: Child,
    /// Its number may be somebody else's by now.
    collected: bool,
}

impl Running {
    /// Waits until it has ended, and well.
    fn wait(&mut self, end: Instant, stopping: &AtomicBool) -> Result<(), Silence> {
        while !self.has_ended() {
            let step = pause(end, stopping)?.min(Duration::from_millis(2));
            thread::sleep(step);
        }
        self.end_group();
        self.collected = true;
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            _ => Err(Silence::Failed("failed".into())),
        }
    }

    /// Whether it has ended; it is not collected, so that its number stays its own, and its group's.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let waited = |pid| waitid(WaitId::Pid(pid), options);
        self.pid()
            .is_none_or(|pid| !matches!(waited(pid), Ok(None) | Err(Errno::INTR)))
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id().cast_signed())
    }

    fn end_group(&self) {
        if let Some(pid) = self.pid()
            && let Err(errno) = kill_process_group(pid, Signal::KILL)
            && errno != Errno::SRCH
        {
            // Without CAP_KILL nothing of another user's is ended.
            tracing::error!(%errno, "the subscriber system cannot be ended");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.collected {
            return;
        }
        self.end_group();
        let began = Instant::now();
        while began.elapsed() < GONE && !matches!(self.child.try_wait(), Ok(Some(_))) {
            thread::sleep(Duration::from_millis(2));
        }
    }
}
