//! Asking the operator's subscriber system: a program of the operator's, one JSON object in, one out.

use std::{
    io::{Read as _, Write as _},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Instant,
};

use hyper::StatusCode;

use super::{coded, internal};
use crate::{
    config,
    control::Error,
    crypto::Zeroizing,
    legal::answer::{Answer, LONGEST, Question},
};

/// Asks who had an address at a time.
pub(super) fn ask(adaptor: &config::Adaptor, question: &Question<'_>) -> Result<Answer, Error> {
    let failed = |what: &str| {
        let reason = format!(
            "the subscriber system ({}) {what}; nothing was disclosed",
            adaptor.command.display()
        );
        coded(StatusCode::BAD_REQUEST, "adaptor_failed", reason)
    };
    let mut input = Zeroizing::new(serde_json::to_vec(question).map_err(internal)?);
    input.push(b'\n');
    let mut child = Command::new(&adaptor.command)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(&format!("does not start: {error}")))?;
    let deadline = Instant::now() + adaptor.timeout;
    let (mut stdin, mut stdout) = match (child.stdin.take(), child.stdout.take()) {
        (Some(stdin), Some(stdout)) => (stdin, stdout),
        _ => return Err(internal("a child without pipes")),
    };
    let (told, said) = mpsc::channel();
    let reader = thread::spawn(move || {
        // One that reads nothing answers all the same, or not.
        let _ = stdin.write_all(&input);
        drop(stdin);
        let mut answer = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
        let read = (&mut stdout)
            .take(LONGEST as u64 + 1)
            .read_to_end(&mut answer);
        // Nobody waits any more when it took too long.
        let _ = told.send(read.map(|_| answer));
    });
    let answer = said.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    let ended = end(&mut child, answer.is_ok().then_some(deadline));
    if answer.is_ok() {
        // It has sent what it read: it ends at once.
        let _ = reader.join();
    }
    let answer = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(failed(&format!("cannot be read: {error}"))),
        Err(_) => return Err(failed("took too long")),
    };
    if !ended {
        return Err(failed("failed"));
    }
    let refused = |error: crate::legal::answer::BadAnswer| {
        let reason = format!("{error}; nothing was disclosed");
        coded(StatusCode::BAD_REQUEST, "bad_answer", reason)
    };
    if answer.len() > LONGEST {
        return Err(refused(crate::legal::answer::BadAnswer));
    }
    Answer::read(&answer).map_err(refused)
}

/// Waits for a child until the deadline, then kills it; whether it ended well by itself.
fn end(child: &mut Child, deadline: Option<Instant>) -> bool {
    const STEP: std::time::Duration = std::time::Duration::from_millis(5);
    while deadline.is_some_and(|deadline| Instant::now() < deadline) {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(STEP),
            Err(_) => break,
        }
    }
    // It is ours; one that has ended meanwhile is only waited for.
    let _ = child.kill();
    let _ = child.wait();
    false
}
