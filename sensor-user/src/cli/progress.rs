//! Progress of a long change: the sending of its file, then what the sensor says of it.

use std::{io::IsTerminal as _, time::Duration};

use bytes::Bytes;
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    client::{Client, Payload},
    failure::Error,
};
use crate::model::request::{Progress, Stage, Status};

/// How often the sensor is asked how far it is.
const PERIOD: Duration = Duration::from_millis(250);

/// Sends a change and, on a terminal, shows how far it is until its answer comes.
///
/// # Errors
/// As [`Client::call`].
pub async fn watched(
    client: &Client,
    method: Method,
    target: &str,
    body: impl Into<Payload>,
) -> Result<Bytes, Error> {
    let answer = client.call(method, target, body);
    if !std::io::stderr().is_terminal() {
        return answer.await;
    }
    let mut answer = std::pin::pin!(answer);
    let bar = ProgressBar::hidden();
    let mut tick = tokio::time::interval(PERIOD);
    // The first tick comes at once: a change that is quick shows nothing.
    tick.tick().await;
    loop {
        tokio::select! {
            answer = &mut answer => {
                bar.finish_and_clear();
                return answer;
            }
            _ = tick.tick() => {
                // What cannot be asked is not shown; the change itself tells what is wrong.
                if let Ok((status, _)) = client.get::<Status>("/v1/status").await
                    && let Some(progress) = status.change
                {
                    show(&bar, &progress);
                }
            }
        }
    }
}

fn show(bar: &ProgressBar, progress: &Progress) {
    if bar.is_hidden() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
    }
    let template = match progress.stage {
        _ if progress.total == 0 => "{msg} {elapsed}",
        Stage::Reading => "{msg} {bar:40} {bytes}/{total_bytes}",
        _ => "{msg} {bar:40} {human_pos}/{human_len} markers",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_length(progress.total);
    bar.set_position(progress.done);
    bar.set_message(progress.stage.name());
}
