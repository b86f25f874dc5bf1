//! What a stream must be before anything is sent to it.

use std::time::Duration;

use async_nats::jetstream::stream::Config;

use crate::{config, model::Retention};

/// A window in which the server tells duplicates apart that is shorter than this is worth a word:
/// what is sent again after a longer while arrives twice, and recipients go by `id.rev` alone.
pub(super) const RETRY_SPAN: Duration = Duration::from_secs(3_600);

/// Why nothing is sent: a code, and a sentence about the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfit(pub &'static str, pub String);

/// The longest that a stream may keep messages, given what the operator declares.
pub(super) fn longest(declared: Option<Duration>) -> Duration {
    let most = Retention::MOST.elsewhere();
    declared.map_or(most, |declared| declared.min(most))
}

/// Whether a stream may be sent events, and acknowledges them.
pub(super) fn judge(
    stream: &Config,
    wanted: &config::Nats,
    longest: Duration,
) -> Result<(), Unfit> {
    // Zero is without limit.
    if stream.max_age.is_zero() || stream.max_age > longest {
        let kept = match stream.max_age.as_secs() {
            0 => "for ever".into(),
            seconds => format!("for {seconds} s"),
        };
        return Err(Unfit(
            "stream_keeps_too_long",
            format!(
                "it keeps messages {kept}: set its max_age to at most {} s",
                longest.as_secs()
            ),
        ));
    }
    if !stream
        .subjects
        .iter()
        .any(|filter| covers(filter, &wanted.subject))
    {
        return Err(Unfit(
            "wrong_subject",
            format!(
                "the subject {} is not one of its subjects: bind it, or change `subject`",
                wanted.subject
            ),
        ));
    }
    if stream.no_ack {
        let text = "it acknowledges nothing: set its no_ack to false".into();
        return Err(Unfit("stream_no_ack", text));
    }
    if stream.sealed {
        let text = "it is sealed and takes no message any more: name another".into();
        return Err(Unfit("stream_sealed", text));
    }
    Ok(())
}

/// Whether the filter of a stream covers a subject without wildcards (NATS subject rules: `*` is one
/// token, a final `>` one or more).
fn covers(filter: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in filter.split('.') {
        let Some(token) = tokens.next() else {
            return false;
        };
        match wanted {
            ">" => return true,
            "*" => {}
            wanted if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn wanted() -> config::Nats {
        config::Nats {
            url: "nats://127.0.0.1:4222".into(),
            stream: "EVENTS".into(),
            subject: "events.pop1".into(),
            credentials: None,
            ca: None,
        }
    }

    fn stream(max_age: Duration) -> Config {
        Config {
            subjects: vec!["events.*".into()],
            max_age,
            ..Config::default()
        }
    }

    #[test]
    fn a_stream_keeps_no_longer_than_declared_and_than_six_months() {
        for (age, declared, fit) in [
            (Duration::ZERO, None, false),
            (Duration::ZERO, Some(DAY), false),
            (180 * DAY, None, true),
            (180 * DAY + Duration::from_nanos(1), None, false),
            (180 * DAY, Some(365 * DAY), true),
            (181 * DAY, Some(365 * DAY), false),
            (30 * DAY, Some(30 * DAY), true),
            (31 * DAY, Some(30 * DAY), false),
        ] {
            let code = judge(&stream(age), &wanted(), longest(declared)).map_err(|unfit| unfit.0);
            let expected = if fit {
                Ok(())
            } else {
                Err("stream_keeps_too_long")
            };
            assert_eq!(code, expected, "{age:?} {declared:?}");
        }
    }

    #[test]
    fn a_stream_that_would_not_take_or_tell_is_unfit() {
        let fit = stream(DAY);
        for (config, code) in [
            (
                Config {
                    subjects: vec!["other".into()],
                    ..fit.clone()
                },
                "wrong_subject",
            ),
            (
                Config {
                    no_ack: true,
                    ..fit.clone()
                },
                "stream_no_ack",
            ),
            (
                Config {
                    sealed: true,
                    ..fit
                },
                "stream_sealed",
            ),
        ] {
            let found = judge(&config, &wanted(), longest(None)).map_err(|unfit| unfit.0);
            assert_eq!(found, Err(code));
        }
    }

    #[test]
    fn filters_cover_subjects_as_nats_has_it() {
        for (filter, subject, covered) in [
            ("a.b", "a.b", true),
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", false),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a", true),
            ("a", "a.b", false),
            ("a.b.c", "a.b", false),
            ("*.b", "a.b", true),
        ] {
            assert_eq!(covers(filter, subject), covered, "{filter} {subject}");
        }
    }
}
