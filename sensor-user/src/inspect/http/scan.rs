//! Heads of requests, read as leniently as servers read them and as the kernel's program does: whoever
//! sends a request chooses the server that takes it.

/// Longest method that is believed.
const LONGEST_METHOD: usize = 32;

/// What stands in a head that need not be well-formed.
pub(super) struct Request<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    /// The first Host field, up to the end of its line.
    pub(super) host: Option<&'a [u8]>,
}

/// How far a head could be read.
pub(super) enum Scanned<'a> {
    /// What it asks for is there.
    Request(Request<'a>),
    /// It may go on.
    Cut,
    /// No head of a request.
    Other,
}

/// Without the line breaks that servers pass over (RFC 9112 §2.2).
fn begin(stream: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let start = stream.iter().position(|byte| !blank(byte));
    &stream[start.unwrap_or(stream.len())..]
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trimmed(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_blank(*byte));
    &text[start.unwrap_or(text.len())..]
}

/// What stands behind `host:` in the first line that begins so, as far as it is there: whatever the
/// first line and the other fields are.
fn field(stream: &[u8]) -> Option<&[u8]> {
    let lines = stream.split_inclusive(|byte| *byte == b'\n').skip(1);
    let mut lines = lines.take_while(|line| !matches!(line[0], b'\r' | b'\n'));
    lines.find_map(|line| {
        let (name, value) = line.split_at_checked(5)?;
        name.eq_ignore_ascii_case(b"host:").then(|| trimmed(value))
    })
}

/// The host's name as the kernel takes it: up to its port, a blank or the end of its line, which must
/// be there.
pub(super) fn host(stream: &[u8]) -> Option<&[u8]> {
    let value = field(stream).or_else(|| field(begin(stream)))?;
    let end = value
        .iter()
        .position(|byte| *byte == b':' || *byte <= b' ')?;
    Some(&value[..end])
}

/// Reads the head at the start of a stream.
pub(super) fn request(stream: &[u8]) -> Scanned<'_> {
    let stream = begin(stream);
    let end = stream.iter().position(|byte| *byte == b'\n');
    let line = &stream[..end.unwrap_or(stream.len())];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let method = line.split(|byte| is_blank(*byte)).next();
    let method = method.unwrap_or_default();
    let is_method = method.len() <= LONGEST_METHOD
        && method
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'));
    if !is_method || method.is_empty() && !line.is_empty() {
        return Scanned::Other;
    }
    if end.is_none() {
        return Scanned::Cut;
    }
    let rest = trimmed(&line[method.len()..]);
    let Some(last) = rest.iter().rposition(|byte| is_blank(*byte)) else {
        return Scanned::Other;
    };
    if !rest[last + 1..].starts_with(b"HTTP/") {
        return Scanned::Other;
    }
    let target = rest[..last].trim_ascii_end();
    let host = field(stream).filter(|value| value.contains(&b'\n'));
    let ends = |two: &[u8]| stream.windows(two.len()).any(|window| window == two);
    if host.is_none() && !ends(b"\n\n") && !ends(b"\n\r\n") {
        return Scanned::Cut;
    }
    Scanned::Request(Request {
        method,
        target,
        host: host.map(<[u8]>::trim_ascii),
    })
}
