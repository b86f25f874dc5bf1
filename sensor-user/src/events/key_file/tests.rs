//! Tests of the key file.

use super::*;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(path_in(self.0.path())).expect("it is there")
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn keys_are_found_again_and_gone_when_destroyed() {
    let place = Place::new();
    let keys = KeyFile::create(place.0.path(), [1; 16]).expect("a new file");
    let seqs = [1, 2, 3, 7, 40_000];
    let made = keys.make(&seqs).expect("room");
    for (seq, key) in seqs.iter().zip(made.iter()) {
        assert_eq!(keys.read(*seq).expect("reads").as_deref(), Some(key));
    }
    for none in [4, 39_999, 9_000_000] {
        assert_eq!(keys.read(none).expect("reads"), None, "{none}");
    }
    drop(keys);
    let (found, keys) = KeyFile::find(place.0.path(), [1; 16]).expect("it is there");
    assert_eq!(found, Found::Own);
    let keys = keys.expect("its own");
    let before = keys.bytes();
    keys.destroy(&[2, 40_000, 50_000]).expect("destroys");
    assert_eq!(keys.read(2).expect("reads"), None);
    assert!(keys.read(3).expect("reads").is_some());
    let bytes = place.bytes();
    assert!(!holds(&bytes, &made[1]) && !holds(&bytes, &made[4]));
    assert!(holds(&bytes, &made[2]));
    assert!(
        keys.bytes() < before,
        "the page of the last one is given back"
    );
    let mode = fs::metadata(path_in(place.0.path())).expect("there").mode();
    assert_eq!(mode & 0o777, 0o600);
    let mode = fs::metadata(place.0.path().join("keys"))
        .expect("there")
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn the_keys_of_months_are_kept_and_destroyed() {
    let place = Place::new();
    let keys = KeyFile::create(place.0.path(), [1; 16]).expect("a new file");
    for month in 1..=16_u32 {
        keys.keep_month(month, &[month as u8; 32]).expect("keeps");
    }
    assert_eq!(keys.month(3).expect("reads").as_deref(), Some(&[3; 32]));
    keys.destroy_month(3).expect("destroys");
    assert_eq!(keys.month(3).expect("reads"), None);
    assert!(!holds(&place.bytes(), &[3; 32]));
    keys.keep_month(17, &[17; 32]).expect("in the free slot");
    keys.keep_month(18, &[18; 32])
        .expect("in that of the earliest");
    assert_eq!(keys.month(1).expect("reads"), None);
    assert_eq!(keys.kept_months().expect("reads").len(), 16);
}

#[test]
fn a_file_of_another_store_is_destroyed_and_an_unknown_one_refused() {
    let place = Place::new();
    assert_eq!(
        KeyFile::find(place.0.path(), [2; 16]).expect("looks").0,
        Found::Missing
    );
    let keys = KeyFile::create(place.0.path(), [1; 16]).expect("a new file");
    drop(keys.make(&[1]).expect("room"));
    let (found, none) = KeyFile::find(place.0.path(), [2; 16]).expect("looks");
    assert_eq!(found, Found::Foreign);
    assert!(none.is_none() && !path_in(place.0.path()).exists());
    fs::write(path_in(place.0.path()), "something else").expect("writable");
    assert!(matches!(
        KeyFile::find(place.0.path(), [2; 16]),
        Err(Error::UnknownKeys { .. })
    ));
}
