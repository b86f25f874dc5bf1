//! Rust text as tokens and comments: enough to tell code from prose, no more.

/// One Rust file.
pub struct Source<'a> {
    pub path: &'a str,
    pub lines: usize,
    pub tokens: Vec<Token<'a>>,
    /// Comment text by line, doc comments included; a block comment is one entry a line.
    pub comments: Vec<(usize, &'a str)>,
}

/// A word, a lifetime, `::` or one other character; every literal but a number is `""`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    pub line: usize,
    pub text: &'a str,
}

impl<'a> Source<'a> {
    pub fn new(path: &'a str, text: &'a str) -> Self {
        let mut lexer = Lexer {
            text,
            at: 0,
            line: 1,
            tokens: Vec::new(),
            comments: Vec::new(),
        };
        while lexer.at < text.len() {
            lexer.step();
        }
        Self {
            path,
            lines: text.lines().count(),
            tokens: lexer.tokens,
            comments: lexer.comments,
        }
    }

    /// The text of the token at `index`; empty outside the file.
    pub fn text(&self, index: usize) -> &'a str {
        self.tokens.get(index).map_or("", |token| token.text)
    }

    /// The text of the token before `index`.
    pub fn before(&self, index: usize) -> &'a str {
        index.checked_sub(1).map_or("", |index| self.text(index))
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token<'a>>,
    comments: Vec<(usize, &'a str)>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return;
        };
        if first == '\n' {
            self.line += 1;
            self.at += 1;
        } else if first.is_whitespace() {
            self.at += first.len_utf8();
        } else if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            self.comments.push((self.line, &rest[..length]));
            self.at += length;
        } else if rest.starts_with("/*") {
            self.block_comment();
        } else if first == '"' {
            self.quoted('"', 1);
        } else if first == '\'' {
            self.quote_or_lifetime();
        } else if first.is_alphanumeric() || first == '_' {
            self.word();
        } else {
            let length = if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            self.push(length);
        }
    }

    fn push(&mut self, length: usize) {
        let text = &self.rest()[..length];
        self.tokens.push(Token {
            line: self.line,
            text,
        });
        self.at += length;
    }

    /// Leaves out `length` bytes as one literal.
    fn literal(&mut self, length: usize) {
        let length = length.min(self.rest().len());
        let skipped = &self.rest()[..length];
        self.tokens.push(Token {
            line: self.line,
            text: "\"\"",
        });
        self.line += skipped.matches('\n').count();
        self.at += length;
    }

    fn block_comment(&mut self) {
        let rest = self.rest();
        let (mut depth, mut end) = (0_usize, rest.len());
        for (at, _) in rest.char_indices() {
            let here = &rest[at..];
            if here.starts_with("/*") {
                depth += 1;
            } else if here.starts_with("*/") {
                depth -= 1;
                if depth == 0 {
                    end = at + 2;
                    break;
                }
            }
        }
        for (offset, text) in rest[..end].split('\n').enumerate() {
            self.comments.push((self.line + offset, text));
        }
        self.line += rest[..end].matches('\n').count();
        self.at += end;
    }

    /// A literal between `quote`s with backslash escapes; `start` is where its inside begins.
    fn quoted(&mut self, quote: char, start: usize) {
        let rest = self.rest();
        let mut escaped = false;
        for (at, character) in rest[start..].char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if character == quote => return self.literal(start + at + 1),
                _ => {}
            }
        }
        self.literal(rest.len());
    }

    fn quote_or_lifetime(&mut self) {
        let mut inside = self.rest()[1..].chars();
        let (first, second) = (inside.next(), inside.next());
        if first == Some('\\') || second == Some('\'') {
            self.quoted('\'', 1);
        } else {
            let name = self.rest()[1..]
                .find(|character: char| !character.is_alphanumeric() && character != '_');
            self.push(1 + name.unwrap_or(self.rest().len() - 1));
        }
    }

    fn word(&mut self) {
        let rest = self.rest();
        let length = rest
            .find(|character: char| !character.is_alphanumeric() && character != '_')
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        match word {
            "r" | "br" | "cr" if after.trim_start_matches('#').starts_with('"') => {
                let hashes = after.len() - after.trim_start_matches('#').len();
                let close = format!("\"{}", "#".repeat(hashes));
                let start = length + hashes + 1;
                let inside = rest[start..].find(&close).unwrap_or(rest.len());
                self.literal(start.saturating_add(inside).saturating_add(close.len()));
            }
            "b" | "c" if after.starts_with('"') => self.quoted('"', length + 1),
            "b" if after.starts_with('\'') => self.quoted('\'', length + 1),
            _ => self.push(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    fn words(text: &str) -> Vec<String> {
        Source::new("a.rs", text)
            .tokens
            .iter()
            .map(|token| token.text.to_owned())
            .collect()
    }

    #[test]
    fn literals_and_comments_are_not_code() {
        assert_eq!(
            words(r##"a("x\" unsafe", r#"y" z"#, b'"', '\'', 'q') /* u /* v */ w */ b // c"##),
            [
                "a", "(", "\"\"", ",", "\"\"", ",", "\"\"", ",", "\"\"", ",", "\"\"", ")", "b"
            ]
        );
    }

    #[test]
    fn lifetimes_raw_names_and_paths_stay() {
        assert_eq!(
            words("fn f<'a>(r#in: &'a u8) -> c::D"),
            [
                "fn", "f", "<", "'a", ">", "(", "r", "#", "in", ":", "&", "'a", "u8", ")", "-",
                ">", "c", "::", "D"
            ]
        );
    }

    #[test]
    fn lines_are_counted_through_literals_and_comments() {
        let source = Source::new("a.rs", "\"a\nb\"\n/* c\nd */ // e\nf");
        assert_eq!(source.tokens.last().unwrap().line, 5);
        assert_eq!(source.comments, [(3, "/* c"), (4, "d */"), (4, "// e")]);
        assert_eq!(source.lines, 5);
    }
}
