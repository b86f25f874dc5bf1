//! Records of a CSV file (RFC 4180), one at a time, in bounded memory.

use std::io::{self, BufRead as _, Read as _};

use csv_core::{ReadRecordResult, Reader};

use crate::markers::metered::Metered;

/// Most columns.
pub(super) const MOST_COLUMNS: usize = 64;

/// Why there is no further record.
#[derive(Debug)]
pub(super) enum Stop {
    /// The bytes cannot be had.
    Input(u64, io::Error),
    /// The record that begins on this line is none: code and reason.
    Record(u64, &'static str, String),
}

/// The records of a file.
pub(super) struct Records<'a, 'm> {
    input: &'a mut Metered<'m>,
    reader: Reader,
    /// Longest record, bytes.
    longest: usize,
    /// Line that is read next.
    line: u64,
    raw: Vec<u8>,
    text: Vec<u8>,
    ends: [usize; MOST_COLUMNS],
    columns: usize,
}

impl<'a, 'm> Records<'a, 'm> {
    pub(super) fn new(input: &'a mut Metered<'m>, longest: usize) -> Self {
        Self {
            input,
            reader: Reader::new(),
            longest,
            line: 1,
            raw: Vec::new(),
            text: Vec::new(),
            ends: [0; MOST_COLUMNS],
            columns: 0,
        }
    }

    /// Goes to the next record, past blank lines and comments; the line on which it begins, nothing
    /// at the end of the file.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) fn next(&mut self) -> Result<Option<u64>, Stop> {
        let Some(line) = self.gather()? else {
            return Ok(None);
        };
        self.split(line)?;
        Ok(Some(line))
    }

    /// The fields of the record, without white space around them.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends[..self.columns].iter().map(move |end| {
            let field = &self.text[start..*end];
            start = *end;
            // Cut at commas and quotes, which part no character.
            std::str::from_utf8(field).unwrap_or_default().trim_ascii()
        })
    }

    /// The bytes of the record as they stand in the file.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Reads lines until quotes are closed.
    fn gather(&mut self) -> Result<Option<u64>, Stop> {
        self.raw.clear();
        let mut begins = self.line;
        let mut open = false;
        loop {
            let left = self.longest + 1 - self.raw.len();
            let start = self.raw.len();
            let read = self.input.by_ref().take(left as u64);
            let count = { read }
                .read_until(b'\n', &mut self.raw)
                .map_err(|error| Stop::Input(self.line, error))?;
            if self.raw.len() > self.longest {
                let reason = format!("the record is longer than {} bytes", self.longest);
                return Err(Stop::Record(begins, "line_too_long", reason));
            }
            if count == 0 {
                if self.raw.is_empty() {
                    return Ok(None);
                }
                let reason = "a quote is not closed".into();
                return Err(Stop::Record(begins, "bad_quotes", reason));
            }
            self.line += 1;
            if start == 0 {
                if begins == 1 && self.raw.starts_with(b"\xef\xbb\xbf") {
                    self.raw.drain(..3);
                }
                let line = self.raw.trim_ascii();
                if line.is_empty() || line[0] == b'#' {
                    self.raw.clear();
                    begins = self.line;
                    continue;
                }
            }
            // Of this line only: a record may have tens of thousands.
            let added = &self.raw[start.min(self.raw.len())..];
            open ^= added.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
            if !open {
                return Ok(Some(begins));
            }
        }
    }

    fn split(&mut self, line: u64) -> Result<(), Stop> {
        let stop = |code, reason: &str| Err(Stop::Record(line, code, reason.into()));
        if std::str::from_utf8(&self.raw).is_err() {
            return stop("not_utf8", "the record is not UTF-8");
        }
        self.reader.reset();
        self.text.resize(self.raw.len(), 0);
        let mut input = self.raw.as_slice();
        let (mut written, mut columns) = (0, 0);
        loop {
            let (result, read, wrote, ended) = self.reader.read_record(
                input,
                &mut self.text[written..],
                &mut self.ends[columns..],
            );
            input = &input[read..];
            written += wrote;
            columns += ended;
            match result {
                // The next call has nothing to read, which is the end.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record if input.trim_ascii().is_empty() => break,
                ReadRecordResult::Record if lone_return(self.raw.trim_ascii_end()) => {
                    return stop("bad_line_end", "a carriage return stands within the line");
                }
                ReadRecordResult::Record => {
                    let reason = "a quote stands within a field; put the field in quotes, and double it there";
                    return stop("bad_quotes", reason);
                }
                ReadRecordResult::OutputEndsFull => {
                    return stop("too_many_columns", "the record has more than 64 columns");
                }
                ReadRecordResult::OutputFull | ReadRecordResult::End => {
                    return stop("bad_record", "the record cannot be split into fields");
                }
            }
        }
        self.columns = columns;
        Ok(())
    }
}

/// Whether a carriage return ends no line.
fn lone_return(record: &[u8]) -> bool {
    record
        .windows(2)
        .any(|pair| pair[0] == b'\r' && pair[1] != b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markers::Limits;

    fn all(text: &[u8]) -> Result<Vec<(u64, Vec<String>)>, String> {
        let mut input = text;
        let limits = Limits::default();
        let mut input = Metered::new(&mut input, &limits, &|_| {});
        let mut records = Records::new(&mut input, 40);
        let mut all = Vec::new();
        loop {
            match records.next() {
                Ok(Some(line)) => {
                    all.push((line, records.fields().map(str::to_owned).collect()));
                }
                Ok(None) => return Ok(all),
                Err(Stop::Record(line, code, _)) => return Err(format!("{line} {code}")),
                Err(Stop::Input(..)) => return Err("input".into()),
            }
        }
    }

    #[test]
    fn records_quotes_comments_and_line_ends() {
        let text = "\u{feff}# a, \"comment\na,b\r\n\n\"x, \"\"y\"\"\",  z \n\"two\nlines\",\"\"\n,\nlast,é";
        let read = all(text.as_bytes()).expect("records");
        let expected: [(u64, [&str; 2]); 5] = [
            (2, ["a", "b"]),
            (4, ["x, \"y\"", "z"]),
            (5, ["two\nlines", ""]),
            (7, ["", ""]),
            (8, ["last", "é"]),
        ];
        let read: Vec<_> = read
            .iter()
            .map(|(line, fields)| (*line, [fields[0].as_str(), fields[1].as_str()]))
            .collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_no_record_is_named_by_its_first_line() {
        for (text, expected) in [
            (b"a\n\"b\nc".as_slice(), "2 bad_quotes"),
            (b"a\nb\"c\nd\ne\"f\n", "2 bad_quotes"),
            (b"a\n\n\xff\n", "3 not_utf8"),
            (b"a\rb\n", "1 bad_line_end"),
            (&[b'a'; 41], "1 line_too_long"),
            (&[b"# ".as_slice(), &[b'a'; 41]].concat(), "1 line_too_long"),
        ] {
            assert_eq!(all(text).expect_err("no record"), expected);
        }
        assert_eq!(all(b"").expect("nothing"), []);
        let wide = ",".repeat(64);
        let mut input = wide.as_bytes();
        let limits = Limits::default();
        let mut input = Metered::new(&mut input, &limits, &|_| {});
        let mut records = Records::new(&mut input, 1_000);
        let stop = records.next().expect_err("65 columns");
        assert!(
            matches!(stop, Stop::Record(1, "too_many_columns", _)),
            "{stop:?}"
        );
    }
}
