use std::process::Command;

use rustix::process::getuid;

use super::*;

/// A file system of one mebibyte, made and unmade by the test.
struct SmallDisk(Scratch);

impl SmallDisk {
    /// `None` when this user may not mount.
    fn mount() -> Option<Self> {
        let scratch = Scratch::new("journal");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "marker-sensor-test"])
            .arg(&scratch.0)
            .status()
            .is_ok_and(|status| status.success());
        mounted.then_some(Self(scratch))
    }

    /// Takes every free byte.
    fn fill(&self) {
        let block = vec![0; 4096];
        let path = self.0.0.join("ballast");
        let mut file = fs::File::create(path).expect("ballast");
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.0.0.join("ballast")).expect("ballast");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0.0).status();
    }
}

const SIZES: Sizes = Sizes {
    segment: 64 << 10,
    reserve: 64 << 10,
};

/// Ordinary entries until the disk is full.
fn append_until_full(journal: &Journal, dir: &Path) {
    for rows in 0..100_000 {
        match journal.append(&ACTOR, Action::EventsRead { rows }) {
            Ok(_) => {}
            Err(Error::Full { dir: named }) => {
                assert_eq!(named, dir);
                return;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the disk never fills");
}

fn detach(journal: &Journal) -> Result<Receipt, Error> {
    let interface = "eth0".to_owned();
    journal.append_reserved(&ACTOR, Action::Detached { interface })
}

/// The disk, or `None` after saying that the test is left out.
fn small_disk(test: &str) -> Option<SmallDisk> {
    let disk = SmallDisk::mount();
    if disk.is_none() {
        assert!(!getuid().is_root(), "root cannot mount a tmpfs");
        eprintln!("SKIP {test}: this user may not mount");
    }
    disk
}

#[test]
fn a_full_disk_stops_changes_but_not_what_must_not_wait() {
    let Some(disk) = small_disk("a full disk") else {
        return;
    };
    let dir = disk.0.0.join("journal");
    let journal = Journal::open_sized(&dir, SIZES).expect("open");
    disk.fill();

    append_until_full(&journal, &dir);
    let full_at = journal.head().size;
    assert!(full_at > 200, "the segment's own space was not used");
    for _ in 0..50 {
        let _: Receipt = detach(&journal).expect("reserve");
        let refused = journal.append(&ACTOR, Action::EventsRead { rows: 0 });
        assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
    }
    assert_eq!(verify_dir(&dir, None).expect("verify"), journal.head());

    // A restart on the full disk finds the reserve again.
    let head = journal.head();
    drop(journal);
    let journal = Journal::open_sized(&dir, SIZES).expect("reopen");
    assert_eq!(journal.head(), head);
    append_until_full(&journal, &dir);
    assert_eq!(journal.head(), head);

    // The reserve ends as it should: refused, whole, and not for good.
    while detach(&journal).is_ok() {}
    assert!(matches!(detach(&journal), Err(Error::Full { .. })));
    let reserved = fs::metadata(&segment_paths(&dir)[0])
        .expect("segment")
        .len();
    assert!(
        reserved > SIZES.segment + SIZES.reserve - 1024,
        "{reserved}"
    );
    assert_eq!(verify_dir(&dir, None).expect("verify"), journal.head());

    disk.free();
    let size = journal.head().size;
    assert_eq!(append(&journal, 0), size);
    let _: Receipt = detach(&journal).expect("space again");
    assert_eq!(segment_paths(&dir)[1], reader::path(&dir, size));
    assert_eq!(verify_dir(&dir, None).expect("verify"), journal.head());
}

/// A journal restored from a copy owns no more than its lines.
#[test]
fn a_restored_journal_on_a_nearly_full_disk_still_takes_what_must_not_wait() {
    let Some(disk) = small_disk("a nearly full disk") else {
        return;
    };
    let dir = disk.0.0.join("journal");
    append(&Journal::open_sized(&dir, SIZES).expect("open"), 0);
    let segment = segment_paths(&dir).remove(0);
    let copy = fs::read(&segment).expect("read");
    fs::remove_file(&segment).expect("remove");
    fs::write(&segment, &copy).expect("restore");
    fs::write(disk.0.0.join("spare"), [0; 8192]).expect("spare");
    disk.fill();
    fs::remove_file(disk.0.0.join("spare")).expect("spare");

    let journal = Journal::open_sized(&dir, SIZES).expect("reopen");
    append_until_full(&journal, &dir);
    assert_eq!(journal.head().size, 1);
    for _ in 0..40 {
        let _: Receipt = detach(&journal).expect("spare space");
    }
    while detach(&journal).is_ok() {}
    assert!(matches!(detach(&journal), Err(Error::Full { .. })));
    disk.free();
    assert_eq!(append(&journal, 0) + 1, journal.head().size);
    assert_eq!(verify_dir(&dir, None).expect("verify"), journal.head());
}
