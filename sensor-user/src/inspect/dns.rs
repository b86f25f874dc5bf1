//! DNS messages (RFC 1035 §4): the names in their question section, queries and responses alike.

use domain::{
    base::{Message, ParsedName},
    dep::octseq::Parser,
};

use crate::model::Name;

/// Bytes of the length before each message over TCP (RFC 7766 §8).
pub const PREFIX: usize = 2;

/// Bytes of a message's header.
const HEADER: usize = 12;
/// Bytes behind the name of a question.
const TYPE_AND_CLASS: usize = 4;

/// Most questions that are read: nobody asks more than one, and a message of 64 KiB could say so
/// thirteen thousand times.
pub const MOST_QUESTIONS: usize = 16;

/// The names that a message asks for, as far as it can be read: of one that was cut, those before the
/// cut. The root is no name here.
#[must_use]
pub fn questions(message: &[u8]) -> Vec<Name> {
    let Ok(header) = Message::from_slice(message) else {
        return Vec::new();
    };
    let asked = usize::from(header.header_counts().qdcount());
    let mut parser = Parser::from_ref(message);
    let mut names = Vec::new();
    if parser.advance(HEADER).is_err() {
        return names;
    }
    for _ in 0..asked.min(MOST_QUESTIONS) {
        let Ok(name) = ParsedName::parse_ref(&mut parser) else {
            break;
        };
        let labels = name.iter().filter(|label| !label.is_root());
        names.extend(Name::of_labels(labels.map(|label| label.as_slice())));
        // Type and class of the last one need not be there: the kernel does not look at them.
        if parser.advance(TYPE_AND_CLASS).is_err() {
            break;
        }
    }
    names
}

/// Whether a message is a response (RFC 1035 §4.1.1).
#[must_use]
pub fn is_answer(message: &[u8]) -> bool {
    message.get(2).is_some_and(|flags| flags & 0x80 != 0)
}

/// The first message of a TCP stream that begins with its length, and whether more of it is needed;
/// the number of bytes that are.
#[must_use]
pub fn first_over_tcp(stream: &[u8]) -> (&[u8], usize) {
    let Some((prefix, rest)) = stream.split_first_chunk::<PREFIX>() else {
        return (&[], PREFIX);
    };
    let length = usize::from(u16::from_be_bytes(*prefix));
    (&rest[..length.min(rest.len())], PREFIX + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(questions: u16) -> Vec<u8> {
        let [high, low] = questions.to_be_bytes();
        vec![0x12, 0x34, 1, 0, high, low, 0, 0, 0, 0, 0, 1]
    }

    fn names(message: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let labels = |name: &Name| name.labels().map(<[u8]>::to_vec).collect();
        questions(message).iter().map(labels).collect()
    }

    #[test]
    fn every_question_is_read_through_pointers_and_up_to_a_cut() {
        let mut message = header(3);
        message.extend(b"\x01A\x04Evil\x07example\0\0\x01\0\x01");
        message.extend(b"\x03www\xc0\x0e\0\x1c\0\x01");
        message.extend(b"\x03a.b\x01\0\0\0\x01\0\x01");
        let all: [&[&[u8]]; 3] = [
            &[b"a", b"evil", b"example"],
            &[b"www", b"evil", b"example"],
            &[b"a.b", b"\0"],
        ];
        let all: Vec<Vec<Vec<u8>>> = all
            .iter()
            .map(|labels| labels.iter().map(|label| label.to_vec()).collect())
            .collect();
        assert_eq!(names(&message), all);
        assert_eq!(names(&message[..message.len() - 4]), all);
        assert_eq!(names(&message[..message.len() - 5]), all[..2]);
        assert_eq!(names(&message[..37]), all[..1]);
        assert!(names(&message[..20]).is_empty());
        assert!(names(&message[..11]).is_empty());
    }

    #[test]
    fn pointers_that_lead_nowhere_end_it() {
        for question in [
            &b"\xc0\x0c"[..],
            b"\x01a\xc0\x0c",
            b"\xc0\xff",
            b"\xc0",
            b"\x40a",
        ] {
            let message = [&header(1), question, &[0, 1, 0, 1]].concat();
            assert!(names(&message).is_empty());
        }
        let root = [&header(1)[..], &[0, 0, 2, 0, 1]].concat();
        assert!(names(&root).is_empty());
        let many = [header(9999), b"\x01a\0\0\x01\0\x01".repeat(9999)].concat();
        assert_eq!(names(&many).len(), MOST_QUESTIONS);
    }

    #[test]
    fn over_tcp_a_message_stands_behind_its_length() {
        let message = [&header(1)[..], b"\x01a\0\0\x01\0\x01"].concat();
        let length = u16::try_from(message.len()).expect("short").to_be_bytes();
        let stream = [&length[..], &message, &length].concat();
        assert_eq!(first_over_tcp(&stream), (&message[..], message.len() + 2));
        assert_eq!(
            first_over_tcp(&stream[..5]),
            (&message[..3], message.len() + 2)
        );
        assert_eq!(first_over_tcp(&stream[..1]), (&[][..], 2));
    }
}
