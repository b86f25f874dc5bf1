//! The compiler: markers to image. Deterministic: the same markers give the same digest.

use jiff::Timestamp;

use super::{in_force, pattern_id};
use crate::{
    crypto::sha256,
    model::{Collision, Image, ImageRow, Marker, OrderNumber},
};

/// The image of the markers in force at `now`.
///
/// # Errors
/// [`Collision`].
pub fn compile(markers: &[Marker], now: Timestamp) -> Result<Image, Collision> {
    Image::new(rows(in_force(markers, now).cloned()))
}

/// Markers under the ids of their patterns, as the operator's own.
#[must_use]
pub fn rows(markers: impl IntoIterator<Item = Marker>) -> Vec<ImageRow> {
    markers
        .into_iter()
        .map(|marker| ImageRow {
            id: pattern_id(&marker.pattern),
            order: OrderNumber::OWN,
            marker,
        })
        .collect()
}

/// The digest of an image (SHA-256).
#[must_use]
pub fn digest(image: &Image) -> [u8; 32] {
    image.digest(sha256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        markers::read_text,
        model::{Direction, PatternKind, RowKey},
    };

    fn image(text: &str) -> Image {
        let now = "2026-01-01T00:00:00Z".parse().expect("a time");
        compile(&read_text(text).markers, now).expect("no collision")
    }

    #[test]
    fn the_digest_does_not_depend_on_order_ids_or_spelling() {
        let one = image("ip 203.0.113.5 id=a\ncidr 198.51.100.0/24\n");
        let two = image("cidr 198.51.100.0/24 id=x\nip ::ffff:203.0.113.5\n");
        assert_eq!(digest(&one), digest(&two));
        assert_ne!(digest(&one), digest(&image("ip 203.0.113.5\n")));
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
        let mut ends: Vec<_> = image
            .patterns()
            .map(|pattern| pattern.until.map(|until| until.to_string()))
            .collect();
        ends.sort();
        assert_eq!(ends, [None, Some("2026-03-01T00:00:00Z".into())]);
    }

    /// A few thousand addresses, so that leaves hold several patterns and groups several leaves.
    fn many(from: u32, to: u32) -> Vec<ImageRow> {
        let markers = (from..to).map(|number| {
            let line = format!("ip {} id=m{number}", std::net::Ipv4Addr::from(number * 977));
            read_text(&line).markers.remove(0)
        });
        rows(markers)
    }

    #[test]
    fn an_image_that_was_changed_is_the_image_compiled_anew() {
        let before = Image::new(many(0, 20_000)).expect("no collision");
        let gone = many(1_000, 1_003);
        let gone: Vec<RowKey<'_>> = gone.iter().map(ImageRow::key).collect();
        let after = before
            .with(&gone, many(20_000, 20_005))
            .expect("no collision");
        let anew: Vec<ImageRow> = [many(0, 1_000), many(1_003, 20_005)].concat();
        let anew = Image::new(anew).expect("no collision");
        assert_eq!(digest(&after), digest(&anew));
        assert!(after.all_rows().eq(anew.all_rows()));
        assert_eq!(after.count_of(PatternKind::Ip), 20_002);
        // By their ids they are found, and those that are gone or never came are not.
        assert!(
            after
                .all_rows()
                .all(|row| after.rows(row.id) == [row.clone()])
        );
        let strangers = many(20_005, 40_000);
        let absent = gone.iter().map(|(id, ..)| *id);
        let mut absent = absent.chain(strangers.iter().map(|row| row.id));
        assert!(absent.all(|id| after.rows(id).is_empty()));
        assert_eq!(before.count(), 20_000, "the former image is as it was");
        assert_ne!(digest(&before), digest(&after));
        let difference = before.difference(&after, 8).expect("eight");
        let gone = difference.iter().filter(|one| one.after.is_none());
        assert_eq!((difference.len(), gone.count()), (8, 3));
        assert_eq!(before.difference(&after, 7), None);
        assert_eq!(anew.difference(&after, 0), Some(Vec::new()));
    }

    #[test]
    fn a_second_marker_of_a_pattern_changes_it_and_its_end_is_found() {
        let before = image("ip 203.0.113.5 id=a\nip 203.0.113.6 id=b\n");
        let until = "ip 203.0.113.5 id=c until=2026-02-01T00:00:00Z";
        let added = rows(read_text(until).markers);
        let id = added[0].id;
        let after = before.with(&[], added).expect("no collision");
        let difference = before.difference(&after, 9).expect("one");
        assert_eq!(difference.len(), 1);
        assert_eq!(
            (difference[0].id, difference[0].before.clone()),
            (id, difference[0].after.clone())
        );
        assert_eq!(
            digest(&before),
            digest(&after),
            "the kernel sees no difference"
        );
        let end = after.next_end().expect("one has an end");
        assert_eq!(after.over(end), [(id, "c", OrderNumber::OWN)]);
        let back = after
            .with(&after.over(end), Vec::new())
            .expect("no collision");
        assert!(back.all_rows().eq(before.all_rows()));
    }

    #[test]
    fn a_pattern_looks_at_the_one_side_that_all_its_markers_look_at() {
        let direction = |text: &str| {
            let image = image(text);
            let pattern = image.patterns().next().expect("one");
            pattern.direction
        };
        let source = "ip 203.0.113.5 id=a direction=source\n";
        assert_eq!(direction(source), Direction::Source);
        let both = format!("{source}ip 203.0.113.5 id=b direction=destination\n");
        assert_eq!(direction(&both), Direction::Either);
        assert_ne!(
            digest(&image(source)),
            digest(&image("ip 203.0.113.5 id=a\n"))
        );
    }

    #[test]
    fn a_marker_has_a_row_for_each_of_its_grounds() {
        let own = rows(read_text("ip 203.0.113.5 id=a\n").markers);
        let mut ordered = own.clone();
        ordered[0].order = OrderNumber(7);
        let end: jiff::Timestamp = "2026-02-01T00:00:00Z".parse().expect("a time");
        ordered[0].marker.until = Some(end.into());
        let image = Image::new([own.clone(), ordered].concat()).expect("no collision");
        assert_eq!((image.markers(), image.all_rows().count()), (1, 2));
        let without = image.with(&image.over(end), Vec::new());
        let without = without.expect("no collision");
        assert!(without.all_rows().eq(&own));
    }

    #[test]
    fn every_kind_is_in_the_image() {
        let image = image(
            "domain evil.example\nip 203.0.113.5\nurl http://evil.example/\n\
             ja3 e7d705a3286e19ea42f587b344ee6865\n",
        );
        assert_eq!((image.count(), image.markers()), (4, 4));
        assert_eq!(image.count_of(PatternKind::Url), 1);
    }

    #[test]
    fn two_patterns_of_one_id_are_refused() {
        let mut rows = many(0, 2);
        rows[1].id = rows[0].id;
        let collision = Image::new(rows).expect_err("a collision");
        assert_eq!(
            (collision.first.as_str(), collision.second.as_str()),
            ("m0", "m1")
        );
    }
}
