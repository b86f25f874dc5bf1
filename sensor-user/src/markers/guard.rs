//! Between a file and the JSON parser: bounds what a document may cost before it is parsed.
//!
//! `serde_json` gathers a whole string before it hands it over, and follows nesting wherever it
//! leads. The guard follows strings and brackets byte by byte, ends the document where it is too
//! deep, and cuts a string that is too long: what is ignored (an attached sample) costs nothing
//! then, and what is read is found to be too long.

use std::io::{self, BufRead, Read};

/// What a document may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Most brackets that are open at once.
    pub depth: usize,
    /// Most bytes of one string as written; what follows is cut out. An escape of six bytes may be
    /// a single byte of the value: six times the longest value that is accepted, at least.
    pub string: usize,
}

/// The byte order mark of UTF-8.
const MARK: [u8; 3] = *b"\xef\xbb\xbf";

/// Why a document ended early.
#[derive(Debug)]
pub(super) enum Broke {
    /// More brackets than [`Bounds::depth`].
    TooDeep,
    /// The input failed, or is too large.
    Input(io::Error),
}

/// A reader that keeps to [`Bounds`].
pub(super) struct Guard<'a> {
    inner: &'a mut dyn BufRead,
    bounds: Bounds,
    depth: usize,
    start: usize,
    state: State,
    broke: Option<Broke>,
}

#[derive(Clone, Copy)]
enum State {
    Outside,
    /// In a string, of which so many bytes were passed on.
    Inside {
        passed: usize,
        escape: Escape,
        /// The last character is the first half of a pair (RFC 8259 §7), which a cut must not part.
        half: bool,
    },
    /// In the part of a string that is cut out; whether the byte before is a backslash.
    Cut {
        escaped: bool,
    },
}

/// Where in an escape the next byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    /// Hexadecimal digits that are still to come, and the value of those before.
    Digits(u8, u16),
}

impl<'a> Guard<'a> {
    pub(super) fn new(inner: &'a mut dyn BufRead, bounds: Bounds) -> Self {
        Self {
            inner,
            bounds,
            depth: 0,
            start: 0,
            state: State::Outside,
            broke: None,
        }
    }

    /// Why the document ended early, if it did.
    pub(super) fn broke(self) -> Option<Broke> {
        self.broke
    }

    fn fail(&mut self, broke: Broke) -> io::Error {
        self.broke = Some(broke);
        io::Error::other("the document is beyond its bounds")
    }

    /// How many bytes are the plain part of a string, which is most of a file: passed on at once.
    fn plain(&mut self, bytes: &[u8]) -> usize {
        let State::Inside {
            passed,
            escape: Escape::None,
            half: false,
        } = &mut self.state
        else {
            return 0;
        };
        let end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        let most = self.bounds.string.saturating_sub(*passed);
        let plain = end.unwrap_or(bytes.len()).min(most);
        *passed += plain;
        plain
    }

    /// Whether a byte is passed on.
    fn judge(&mut self, byte: u8) -> Result<bool, Broke> {
        match &mut self.state {
            State::Outside => match byte {
                b'"' => {
                    self.state = State::Inside {
                        passed: 0,
                        escape: Escape::None,
                        half: false,
                    };
                }
                b'{' | b'[' => {
                    self.depth += 1;
                    if self.depth > self.bounds.depth {
                        return Err(Broke::TooDeep);
                    }
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            },
            State::Cut { escaped } => {
                if *escaped || byte == b'\\' {
                    *escaped = !*escaped;
                } else if byte == b'"' {
                    self.state = State::Outside;
                    return Ok(true);
                }
                return Ok(false);
            }
            State::Inside {
                passed,
                escape,
                half,
            } => {
                let whole = *escape == Escape::None && !*half && byte & 0xc0 != 0x80;
                if byte == b'"' && *escape == Escape::None {
                    self.state = State::Outside;
                    return Ok(true);
                }
                if whole && *passed >= self.bounds.string {
                    self.state = State::Cut {
                        escaped: byte == b'\\',
                    };
                    return Ok(false);
                }
                *passed += 1;
                step(byte, escape, half);
            }
        }
        Ok(true)
    }
}

/// Follows a byte inside a string.
fn step(byte: u8, escape: &mut Escape, half: &mut bool) {
    *escape = match *escape {
        Escape::None => {
            // A half that no escape follows is an error, which the parser finds.
            if byte == b'\\' {
                Escape::Begun
            } else {
                *half = false;
                Escape::None
            }
        }
        Escape::Begun if byte == b'u' => Escape::Digits(4, 0),
        Escape::Begun => {
            *half = false;
            Escape::None
        }
        Escape::Digits(left, value) => {
            let digit = char::from(byte).to_digit(16).unwrap_or(0);
            let value = value << 4 | u16::try_from(digit).unwrap_or(0);
            if left == 1 {
                *half = (0xd800..0xdc00).contains(&value);
                Escape::None
            } else {
                Escape::Digits(left - 1, value)
            }
        }
    };
}

impl Read for Guard<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let chunk = match self.inner.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.fail(Broke::Input(error))),
            };
            let mut bytes = [0; 4096];
            let many = chunk.len().min(buffer.len()).min(bytes.len());
            if many == 0 {
                return Ok(0);
            }
            bytes[..many].copy_from_slice(&chunk[..many]);
            self.inner.consume(many);
            let mut passed = 0;
            let mut rest = &bytes[..many];
            while let [byte, behind @ ..] = rest {
                let plain = self.plain(rest);
                if plain > 0 {
                    buffer[passed..passed + plain].copy_from_slice(&rest[..plain]);
                    passed += plain;
                    rest = &rest[plain..];
                    continue;
                }
                rest = behind;
                if self.start < MARK.len() {
                    // A mark at the start is no part of JSON (RFC 8259 §8.1), but files have one.
                    let marks = *byte == MARK[self.start];
                    self.start = if marks { self.start + 1 } else { MARK.len() };
                    if marks {
                        continue;
                    }
                }
                match self.judge(*byte) {
                    Ok(true) => {
                        buffer[passed] = *byte;
                        passed += 1;
                    }
                    Ok(false) => {}
                    Err(broke) => return Err(self.fail(broke)),
                }
            }
            if passed > 0 {
                return Ok(passed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        depth: 3,
        string: 8,
    };

    fn pass(mut text: &[u8], bounds: Bounds) -> Result<String, Broke> {
        let mut guard = Guard::new(&mut text, bounds);
        let mut passed = String::new();
        match guard.read_to_string(&mut passed) {
            Ok(_) => Ok(passed),
            Err(_) => Err(guard.broke().expect("a reason")),
        }
    }

    #[test]
    fn what_is_within_bounds_passes_unchanged() {
        let text = r#"{"a":["1234567","\"]}}","\\"],"é":1}"#;
        assert_eq!(pass(text.as_bytes(), BOUNDS).expect("in bounds"), text);
    }

    #[test]
    fn long_strings_are_cut_where_the_parser_still_reads_them() {
        for (long, cut) in [
            (r#"["123456789abc",1]"#, r#"["12345678",1]"#),
            // Not within an escape, a character or a pair; quotes in the cut part are escaped.
            (r#"["1234567\n8",1]"#, r#"["1234567\n",1]"#),
            (r#"["12345678\"\\\"x",1]"#, r#"["12345678",1]"#),
            (r#"["1234567é8",1]"#, r#"["1234567é",1]"#),
            (r#"["1234\ud83d\ude00x",1]"#, r#"["1234\ud83d\ude00",1]"#),
        ] {
            let passed = pass(long.as_bytes(), BOUNDS).expect("in bounds");
            assert_eq!(passed, cut);
            let value: serde_json::Value = serde_json::from_str(&passed).expect("JSON");
            assert_eq!(value[1], 1);
        }
    }

    #[test]
    fn depth_ends_it_and_a_mark_is_left_out() {
        assert!(matches!(pass(b"[[[[]]]]", BOUNDS), Err(Broke::TooDeep)));
        assert!(pass(b"[[[]],[[]],\"[[[[\"]", BOUNDS).is_ok());
        assert_eq!(pass(b"\xef\xbb\xbf[]", BOUNDS).expect("in bounds"), "[]");
    }
}
