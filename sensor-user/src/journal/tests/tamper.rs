use std::{fs::OpenOptions, io::Write};

use super::*;

/// Lines of a segment, without their newlines.
fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("segment");
    text.lines().map(str::to_owned).collect()
}

fn put(path: &Path, lines: &[String]) {
    fs::write(path, lines.join("\n") + "\n").expect("segment");
}

/// The fault that both the verifier and the agent find at a line (from 1) of a segment.
fn fault_at(dir: &Path, segment: &Path, line: u64) -> Fault {
    let fault = match verify_dir(dir, None) {
        Err(VerifyError::Line {
            path,
            line: at,
            fault,
        }) => {
            assert_eq!((path.as_path(), at), (segment, line));
            fault
        }
        other => panic!("the verifier says {other:?}"),
    };
    let opened = Journal::open_sized(dir, SMALL);
    let same = matches!(&opened, Err(Error::Corrupt(VerifyError::Line { path, line: at, fault: found }))
        if path == segment && *at == line && *found == fault);
    assert!(same, "the agent says {opened:?}");
    fault
}

#[test]
fn a_torn_line_is_cut_off_and_journalled() {
    let scratch = Scratch::new("journal");
    let before = written(&scratch.0, 15);
    let last = segment_paths(&scratch.0).pop().expect("segment");
    let mut file = OpenOptions::new()
        .append(true)
        .open(&last)
        .expect("segment");
    // Longer than the line that will stand in its place.
    let torn = format!(r#"{{"index":15,"time":"{}"#, "2".repeat(1000));
    file.write_all(torn.as_bytes()).expect("write");
    assert_eq!(verify_dir(&scratch.0, None).expect("not written"), before);
    let journal = Journal::open_sized(&scratch.0, SMALL).expect("recover");
    let page = journal.page(15, 10).expect("page");
    let entry: Entry = serde_json::from_str(text(&page.rows[0])).expect("entry");
    let dropped_bytes = torn.len() as u64;
    assert_eq!(entry.action, Action::Recovered { dropped_bytes });
    assert_eq!(entry.role, Role::Agent);
    assert_eq!((page.rows.len(), journal.head().size), (1, 16));
    let earlier = Some((before.size, before.root));
    assert_eq!(
        verify_dir(&scratch.0, earlier).expect("verify"),
        journal.head()
    );
    let after = journal.head();
    drop(journal);
    let again = Journal::open_sized(&scratch.0, SMALL).expect("reopen");
    assert_eq!(again.head(), after, "nothing is left to recover");
}

#[test]
fn a_torn_line_before_the_last_segment_is_not_repaired() {
    let scratch = Scratch::new("journal");
    written(&scratch.0, 35);
    let first = &segment_paths(&scratch.0)[0];
    let count = lines(first).len() as u64;
    fs::write(first, fs::read_to_string(first).expect("read").trim_end()).expect("write");
    assert_eq!(fault_at(&scratch.0, first, count), Fault::Torn);
}

#[test]
fn an_edited_entry_is_found_at_the_next_one() {
    let scratch = Scratch::new("journal");
    written(&scratch.0, 35);
    let segment = &segment_paths(&scratch.0)[1];
    let mut text = lines(segment);
    text[3] = text[3].replace("\"uid\":1000", "\"uid\":1001");
    put(segment, &text);
    assert_eq!(fault_at(&scratch.0, segment, 5), Fault::RootBefore);
}

#[test]
fn swapped_entries_are_found_even_renumbered() {
    let scratch = Scratch::new("journal");
    written(&scratch.0, 5);
    let segment = &segment_paths(&scratch.0)[0];
    let mut text = lines(segment);
    text.swap(2, 3);
    put(segment, &text);
    let expected = Fault::Index {
        expected: 2,
        found: 3,
    };
    assert_eq!(fault_at(&scratch.0, segment, 3), expected);
    text[2] = text[2].replace("\"index\":3", "\"index\":2");
    text[3] = text[3].replace("\"index\":2", "\"index\":3");
    put(segment, &text);
    assert_eq!(fault_at(&scratch.0, segment, 3), Fault::RootBefore);
}

#[test]
fn a_removed_entry_is_found_even_renumbered() {
    let scratch = Scratch::new("journal");
    written(&scratch.0, 5);
    let segment = &segment_paths(&scratch.0)[0];
    let mut text = lines(segment);
    text.remove(2);
    put(segment, &text);
    let expected = Fault::Missing { from: 2, to: 2 };
    assert_eq!(fault_at(&scratch.0, segment, 3), expected);
    for (index, line) in text.iter_mut().enumerate().skip(2) {
        *line = line.replace(
            &format!("\"index\":{}", index + 1),
            &format!("\"index\":{index}"),
        );
    }
    put(segment, &text);
    assert_eq!(fault_at(&scratch.0, segment, 3), Fault::RootBefore);
}

#[test]
fn a_lost_segment_is_found() {
    for lost in [0, 1] {
        let scratch = Scratch::new("journal");
        written(&scratch.0, 35);
        let paths = segment_paths(&scratch.0);
        let before = lines(&paths[0]).len() as u64 * lost as u64;
        fs::remove_file(&paths[lost]).expect("remove");
        let error = verify_dir(&scratch.0, None);
        let gap = |path: &Path, found| path == paths[lost + 1] && found == before;
        assert!(matches!(&error, Err(VerifyError::Gap { path, found }) if gap(path, *found)));
        let error = Journal::open_sized(&scratch.0, SMALL).expect_err("the agent opens it");
        assert!(
            matches!(error, Error::Corrupt(VerifyError::Gap { path, found }) if gap(&path, found))
        );
    }
}

#[test]
fn only_a_checkpoint_finds_what_is_done_to_the_end() {
    let scratch = Scratch::new("journal");
    let head = written(&scratch.0, 35);
    let checkpoint = Some((head.size, head.root));
    let fault = || match verify_dir(&scratch.0, checkpoint) {
        Err(VerifyError::Line { fault, .. } | VerifyError::Whole { fault, .. }) => fault,
        other => panic!("the verifier says {other:?}"),
    };
    assert_eq!(verify_dir(&scratch.0, checkpoint).expect("verify"), head);
    let segment = segment_paths(&scratch.0).pop().expect("segment");
    let text = lines(&segment);

    let mut edited = text.clone();
    let last = edited.last_mut().expect("line");
    *last = last.replace("\"rows\":34", "\"rows\":35");
    put(&segment, &edited);
    assert_eq!(
        verify_dir(&scratch.0, None).expect("no checkpoint").size,
        35
    );
    assert_eq!(fault(), Fault::Rewritten { size: 35 });

    put(&segment, &text[..text.len() - 1]);
    assert_eq!(
        verify_dir(&scratch.0, None).expect("no checkpoint").size,
        34
    );
    assert_eq!(
        fault(),
        Fault::CutOff {
            size: 35,
            found: 34
        }
    );

    let first = 35 - text.len() as u64;
    fs::remove_file(&segment).expect("remove");
    assert_eq!(
        fault(),
        Fault::CutOff {
            size: 35,
            found: first
        }
    );
}

#[test]
fn history_written_anew_does_not_fit_the_checkpoint() {
    let (scratch, forged) = (Scratch::new("journal"), Scratch::new("journal"));
    let head = written(&scratch.0, 12);
    written(&forged.0, 20);
    let fault = match verify_dir(&forged.0, Some((head.size, head.root))) {
        Err(VerifyError::Line { fault, .. }) => fault,
        other => panic!("the verifier says {other:?}"),
    };
    assert_eq!(fault, Fault::Rewritten { size: 12 });
    let no_empty_journal = Some((0, head.root));
    assert!(verify_dir(&forged.0, no_empty_journal).is_err());
}

#[test]
fn what_is_no_entry_is_refused() {
    let long = "7".repeat(LONGEST_LINE + 1);
    let bare = r#"{"index":5,"root_before":""}"#;
    for (bad, expected) in [
        ("", Fault::NotAnEntry),
        ("{}", Fault::NotAnEntry),
        (bare, Fault::NotAnEntry),
        ("\0\0\0\0", Fault::NotAnEntry),
        (&long, Fault::TooLong),
    ] {
        let scratch = Scratch::new("journal");
        written(&scratch.0, 5);
        let segment = &segment_paths(&scratch.0)[0];
        let mut text = lines(segment);
        text.push(bad.to_owned());
        put(segment, &text);
        assert_eq!(fault_at(&scratch.0, segment, 6), expected);
    }
    let scratch = Scratch::new("journal");
    written(&scratch.0, 5);
    fs::write(scratch.0.join("5.log"), "").expect("write");
    assert!(matches!(
        verify_dir(&scratch.0, None),
        Err(VerifyError::Name { .. })
    ));
}
