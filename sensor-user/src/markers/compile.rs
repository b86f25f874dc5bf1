//! The compiler: markers to image. Deterministic: the same markers give the same digest.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::{in_force, pattern_id};
use crate::{
    crypto::sha256,
    model::{Image, ImagePattern, Marker, Pattern},
};

/// Why a set cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// Two patterns hash to one id.
    #[error("markers {first} and {second} have different patterns with one id; remove one of them")]
    Collision {
        /// Id of a marker of the first pattern.
        first: String,
        /// Id of a marker of the second pattern.
        second: String,
    },
}

/// The image of the markers in force at `now`.
///
/// # Errors
/// [`CompileError::Collision`], which a 64-bit hash makes as rare as one set in 37 million of a
/// million patterns.
pub fn compile(markers: &[Marker], now: Timestamp) -> Result<Image, CompileError> {
    // The latest end of each pattern's markers; none wins over any.
    let mut ends: BTreeMap<Pattern, (Option<Timestamp>, &Marker)> = BTreeMap::new();
    for marker in in_force(markers, now) {
        ends.entry(marker.pattern)
            .and_modify(|(until, _)| {
                *until = match (*until, marker.until) {
                    (Some(one), Some(other)) => Some(one.max(other)),
                    _ => None,
                };
            })
            .or_insert((marker.until, marker));
    }
    let mut owners = HashMap::with_capacity(ends.len());
    let mut patterns = Vec::with_capacity(ends.len());
    let mut canonical = String::new();
    for (pattern, (until, marker)) in ends {
        let id = pattern_id(&pattern);
        if let Some(first) = owners.insert(id, marker) {
            return Err(CompileError::Collision {
                first: first.id.clone(),
                second: marker.id.clone(),
            });
        }
        push_line(&mut canonical, &pattern, until);
        patterns.push(ImagePattern { id, pattern, until });
    }
    Ok(Image {
        patterns,
        digest: sha256(&[canonical.as_bytes()]),
    })
}

fn push_line(canonical: &mut String, pattern: &Pattern, until: Option<Timestamp>) {
    use std::fmt::Write as _;
    let written = match until {
        Some(until) => writeln!(canonical, "{pattern} until={until}"),
        None => writeln!(canonical, "{pattern}"),
    };
    written.expect("a string takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{markers::read, model::request::Format};

    fn image(text: &str) -> Image {
        let now = "2026-01-01T00:00:00Z".parse().expect("a time");
        compile(&read(Format::Text, text.as_bytes()).markers, now).expect("no collision")
    }

    #[test]
    fn the_digest_does_not_depend_on_order_ids_or_spelling() {
        let one = image("ip 203.0.113.5 id=a\ncidr 198.51.100.0/24\n");
        let two = image("cidr 198.51.100.0/24 id=x\nip ::ffff:203.0.113.5\n");
        assert_eq!(one.digest, two.digest);
        assert_ne!(one.digest, image("ip 203.0.113.5\n").digest);
    }

    #[test]
    fn a_pattern_ends_with_the_last_of_its_markers_and_expired_ones_are_out() {
        let image = image(
            "ip 203.0.113.5 id=a until=2026-02-01T00:00:00Z\n\
             ip 203.0.113.5 id=b until=2026-03-01T00:00:00Z\n\
             ip 203.0.113.6 id=c until=2026-02-01T00:00:00Z\n\
             ip 203.0.113.6 id=d\n\
             ip 203.0.113.7 id=e until=2025-12-31T00:00:00Z\n",
        );
        let ends: Vec<_> = image
            .patterns
            .iter()
            .map(|pattern| pattern.until.map(|until| until.to_string()))
            .collect();
        assert_eq!(ends, [Some("2026-03-01T00:00:00Z".into()), None]);
    }
}
