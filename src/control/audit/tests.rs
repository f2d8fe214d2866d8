//! The audit log on a real disk: chained, verified, never mended.

use std::path::PathBuf;

use super::*;

struct Log {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Log {
    fn with(lines: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Self { path: folder.path().join("audit.log"), _folder: folder };
        let (audit, said) = log.open();
        assert!(said.is_empty(), "{said:?}");
        for number in 0..lines {
            audit.write(&entry(&format!("note {number}"))).unwrap();
        }
        log
    }

    fn open(&self) -> (Audit, Vec<String>) {
        Audit::open(&self.path).unwrap()
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap()
    }

    fn verified(&self) -> Verified {
        verify(self.text().as_bytes(), 0).unwrap()
    }

    fn put(&self, text: &str) {
        std::fs::write(&self.path, text).unwrap();
    }
}

fn entry(note: &str) -> Entry {
    Entry {
        author: "ops".to_owned(),
        role: "write".to_owned(),
        address: "127.0.0.1:5".to_owned(),
        action: "reload".to_owned(),
        parameters: json!({ "note": note }),
        outcome: "asked".to_owned(),
    }
}

#[test]
fn a_chain_goes_on_where_it_ended() {
    let log = Log::with(3);
    let (audit, said) = log.open();
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(audit.write(&entry("after a restart")).unwrap(), 4);
    let found = log.verified();
    assert_eq!((found.good, found.segments, found.breaks.len()), (4, 0, 0));
    assert_eq!((found.head.seq, found.head.previous), audit.head());
    assert_eq!(audit.lines(None, 2)[0]["parameters"]["note"], "after a restart");
    assert_eq!(audit.lines(Some(2), 9).len(), 1, "lines of before are shown too");
}

#[test]
fn whatever_is_altered_shows() {
    let whole = Log::with(4).text();
    let lines: Vec<&str> = whole.lines().collect();
    let joined = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    for (text, line, words) in [
        (whole.replace("note 1", "note 7"), 2, "altered"),
        (joined(&[lines[0], lines[2], lines[3]]), 2, "does not follow"),
        (joined(&[lines[1], lines[2]]), 1, "does not follow"),
        (joined(&[lines[0], lines[2], lines[1], lines[3]]), 2, "does not follow"),
        (joined(&[lines[0], "{}", lines[1]]), 2, "not a line"),
        (joined(&[lines[0], "", lines[1]]), 2, "not a line"),
        (whole.replacen("\"seq\":3", "\"seq\":9", 1), 3, "altered"),
    ] {
        let found = verify(text.as_bytes(), 0).unwrap();
        let first = &found.breaks[0];
        assert_eq!(first.line, line, "{text}");
        assert!(first.reason.contains(words), "{}", first.reason);
    }
}

#[test]
fn what_is_broken_is_said_and_left_and_a_segment_begins_behind_it() {
    let log = Log::with(3);
    let altered = log.text().replace("note 1", "nothing");
    log.put(&altered);
    let (audit, said) = log.open();
    assert!(said[0].contains("line 2") && said.last().unwrap().contains("new segment"), "{said:?}");
    audit.write(&entry("goes on")).unwrap();
    drop(audit);
    assert!(log.text().starts_with(&altered), "nothing is mended");
    let found = log.verified();
    assert_eq!((found.breaks.len(), found.segments, found.is_broken_at_end), (1, 1, false));
    // It is said again at every start, but begun only once.
    let (_, said) = log.open();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(log.verified().segments, 1);
    // What came before the segment is bound by it as well.
    log.put(&log.text().replace("note 0", "note 8"));
    assert_eq!(log.verified().segments, 0, "the segment no longer fits what is before it");
}

#[test]
fn a_line_that_was_cut_off_is_told_and_the_next_stands_on_its_own() {
    let log = Log::with(2);
    log.put(&log.text()[..log.text().len() - 20]);
    let (audit, said) = log.open();
    assert!(said[0].contains("line 2"), "{said:?}");
    audit.write(&entry("goes on")).unwrap();
    let found = log.verified();
    assert_eq!((found.good, found.breaks.len(), found.segments), (3, 1, 1), "{:?}", found.breaks);
    // A line end that is missing alone is no damage.
    let log = Log::with(2);
    log.put(log.text().trim_end());
    assert!(log.open().1.is_empty());
    let (audit, _) = log.open();
    audit.write(&entry("goes on")).unwrap();
    assert_eq!((log.verified().good, log.verified().breaks.len()), (3, 0));
}

#[test]
fn belongs_to_one_process() {
    let log = Log::with(0);
    let (_audit, _) = log.open();
    assert!(Audit::open(&log.path).unwrap_err().to_string().contains("another process"));
}

#[test]
fn what_cannot_be_written_is_an_error_and_no_line() {
    let log = Log::with(2);
    // A descriptor that takes no writes, as a full disk takes none.
    let audit = Audit::unwritable(&log.path);
    assert!(audit.write(&entry("x")).is_err());
    assert_eq!((audit.head().0, log.verified().good), (0, 2));
    assert!(Audit::open(Path::new("/dev/full")).is_err(), "not a file");
}

#[test]
fn without_a_file_the_last_lines_are_kept() {
    let audit = Audit::in_memory();
    for number in 0..SHOWN_MAX + 5 {
        audit.write(&entry(&number.to_string())).unwrap();
    }
    let shown = audit.lines(None, usize::MAX);
    assert_eq!((shown.len(), &shown[SHOWN_MAX - 1]["seq"]), (SHOWN_MAX, &json!(6)));
    assert!(!audit.is_kept());
}
