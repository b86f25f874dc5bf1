//! Bounds on JSON before it is parsed: nesting, strings, objects. A parser that skips what it does
//! not need still remembers how deep it is, and holds a string whole.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

use super::super::Limits;

/// A string that is skipped may be so many times longer than one that is needed.
const LONGER: usize = 256;
/// An object may be so many times longer than a value: a report names each of its objects.
const LARGER: usize = 2048;
/// Nesting at which the objects of a bundle stand: in the list, in the bundle.
const OBJECT: usize = 3;

/// What a file goes beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// Nesting.
    Depth,
    /// A string.
    Text,
    /// An object of the bundle.
    Object,
}

/// A reader of JSON that ends in an error where the JSON goes beyond its bounds.
pub(super) struct Guard<R> {
    input: R,
    excess: Rc<Cell<Option<Excess>>>,
    most: Most,
    depth: usize,
    text: Option<usize>,
    escaped: bool,
    object: usize,
}

struct Most {
    depth: usize,
    text: usize,
    object: usize,
}

impl<R: Read> Guard<R> {
    /// Where it stops, it says why in `excess`.
    pub(super) fn new(input: R, limits: &Limits, excess: Rc<Cell<Option<Excess>>>) -> Self {
        Self {
            input,
            excess,
            most: Most {
                depth: limits.depth,
                text: limits.value.saturating_mul(LONGER),
                object: limits.value.saturating_mul(LARGER),
            },
            depth: 0,
            text: None,
            escaped: false,
            object: 0,
        }
    }

    fn look(&mut self, byte: u8) -> Option<Excess> {
        if let Some(length) = &mut self.text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.text = None;
                    return None;
                }
                _ => {}
            }
            *length += 1;
            return (*length > self.most.text).then_some(Excess::Text);
        }
        match byte {
            b'"' => self.text = Some(0),
            b'{' | b'[' => {
                self.depth += 1;
                if self.depth == OBJECT {
                    self.object = 0;
                }
                return (self.depth > self.most.depth).then_some(Excess::Depth);
            }
            // More of them than opened is the parser's matter.
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        None
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        for byte in &buffer[..count] {
            let mut excess = self.look(*byte);
            if self.depth >= OBJECT {
                self.object += 1;
                if self.object > self.most.object {
                    excess = Some(Excess::Object);
                }
            }
            if excess.is_some() {
                self.excess.set(excess);
                return Err(io::Error::other("beyond the bounds of a bundle"));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excess(json: &str) -> Option<Excess> {
        let limits = Limits {
            value: 1,
            depth: 4,
            ..Limits::default()
        };
        let excess = Rc::new(Cell::new(None));
        let read =
            Guard::new(json.as_bytes(), &limits, excess.clone()).read_to_end(&mut Vec::new());
        assert_eq!(read.is_err(), excess.get().is_some());
        excess.get()
    }

    #[test]
    fn nesting_strings_and_objects_are_bounded_and_nothing_else() {
        let text = |length: usize| format!(r#"["[[[[[\"{}"]"#, "x".repeat(length - 7));
        assert_eq!(excess(&text(LONGER)), None);
        assert_eq!(excess(&text(LONGER + 1)), Some(Excess::Text));
        assert_eq!(excess("[[[[]]],[[[]]]]"), None);
        assert_eq!(excess("[[[[["), Some(Excess::Depth));
        let objects = |length: usize| {
            let object = format!("{{{}}}", " ".repeat(length - 1));
            format!(r#"{{"objects":[{object},{object}]}}"#)
        };
        assert_eq!(excess(&objects(LARGER)), None);
        assert_eq!(excess(&objects(LARGER + 1)), Some(Excess::Object));
        assert_eq!(excess(&"[],".repeat(LARGER)), None);
    }
}
