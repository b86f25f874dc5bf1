//! Bytes of a stream that come in any order: the first of two that overlap wins, as Linux has it for
//! what it has not delivered yet.

use std::borrow::Cow;

use crate::model::Wiped;

/// Most pieces of a stream, those that follow each other joined: nobody leaves more gaps.
const MOST_PIECES: usize = 64;

/// Pieces of one stream, apart and in their order. What they hold is overwritten when they go.
#[derive(Default)]
pub struct Pieces {
    pieces: Vec<(i64, Wiped)>,
    held: usize,
}

/// There is no place for a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl Pieces {
    /// Adds bytes at a position; how many of them are new.
    ///
    /// # Errors
    /// [`TooMany`]; nothing was added.
    pub fn insert(&mut self, start: i64, bytes: &[u8]) -> Result<usize, TooMany> {
        let end = start.saturating_add(i64::try_from(bytes.len()).map_err(|_| TooMany)?);
        let mut gaps = Vec::new();
        let mut from = start;
        for (at, piece) in &self.pieces {
            let behind = at + length(piece);
            if behind <= from {
                continue;
            }
            if *at >= end {
                break;
            }
            if *at > from {
                gaps.push((from, *at));
            }
            from = from.max(behind);
        }
        if from < end {
            gaps.push((from, end));
        }
        if self.pieces.len() + gaps.len() > MOST_PIECES {
            self.join();
        }
        if self.pieces.len() + gaps.len() > MOST_PIECES {
            return Err(TooMany);
        }
        let mut added = 0;
        for (from, to) in gaps {
            let piece = &bytes[index(from - start)..index(to - start)];
            added += piece.len();
            let place = self.pieces.partition_point(|(at, _)| *at < from);
            self.pieces.insert(place, (from, Wiped::of(piece)));
        }
        self.held += added;
        Ok(added)
    }

    /// Makes one piece of those that follow each other without a gap.
    fn join(&mut self) {
        let mut joined: Vec<(i64, Wiped)> = Vec::with_capacity(self.pieces.len());
        let mut pieces = std::mem::take(&mut self.pieces).into_iter().peekable();
        while let Some((at, first)) = pieces.next() {
            let mut run = vec![first];
            let mut end = at + length(&run[0]);
            while let Some((_, piece)) = pieces.next_if(|(next, _)| *next == end) {
                end += length(&piece);
                run.push(piece);
            }
            let piece = match run.len() {
                1 => run.remove(0),
                _ => {
                    let mut whole = Wiped::with_room(index(end - at));
                    run.iter().for_each(|piece| whole.add_slice(piece));
                    whole
                }
            };
            joined.push((at, piece));
        }
        self.pieces = joined;
    }

    /// What is there from a position on without a gap. A copy, when several pieces make it up, is the
    /// caller's to overwrite.
    #[must_use]
    pub fn from(&self, start: i64) -> Cow<'_, [u8]> {
        let mut run = self.run(start);
        let Some(first) = run.next() else {
            return Cow::Borrowed(&[]);
        };
        let all = self.reach(start);
        if all == first.len() {
            return Cow::Borrowed(first);
        }
        // Never grown: what is left behind elsewhere could not be overwritten.
        let mut whole = Vec::with_capacity(all);
        whole.extend_from_slice(first);
        run.for_each(|piece| whole.extend_from_slice(piece));
        Cow::Owned(whole)
    }

    /// How many bytes those are.
    #[must_use]
    pub fn reach(&self, start: i64) -> usize {
        self.run(start).map(<[u8]>::len).sum()
    }

    /// The pieces from a position on, as far as there is no gap.
    fn run(&self, start: i64) -> impl Iterator<Item = &[u8]> {
        let mut next = start;
        let mut pieces = self.pieces.iter();
        std::iter::from_fn(move || {
            let (at, piece) = pieces.find(|(at, piece)| at + length(piece) > next)?;
            let piece = (*at <= next).then(|| &piece[index(next - at)..])?;
            next += length(piece);
            Some(piece)
        })
    }

    /// Bytes that are held.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }
}

fn length(piece: &[u8]) -> i64 {
    i64::try_from(piece.len()).expect("a piece came in a packet")
}

fn index(distance: i64) -> usize {
    usize::try_from(distance).expect("it lies within the piece")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_any_order_make_the_stream() {
        let whole: Vec<u8> = (0..40).collect();
        // Every order of four pieces, each a little longer than its share.
        for order in 0..24_usize {
            let mut left = vec![0, 1, 2, 3];
            let mut pieces = Pieces::default();
            let mut code = order;
            for size in (1..=4).rev() {
                let at = left.remove(code % size) * 10;
                code /= size;
                let end = (at + 13).min(40);
                pieces
                    .insert(at as i64 - 5, &whole[at..end])
                    .expect("a place");
            }
            assert_eq!(&pieces.from(-5)[..], &whole[..], "{order}");
            assert_eq!(pieces.held(), 40);
            assert_eq!(&pieces.from(2)[..], &whole[7..]);
        }
    }

    #[test]
    fn the_first_of_two_wins_and_gaps_end_it() {
        let mut pieces = Pieces::default();
        assert_eq!(pieces.insert(4, b"bbbb"), Ok(4));
        assert_eq!(pieces.insert(0, b"aaaaaaaaaaaa"), Ok(8));
        assert_eq!(pieces.insert(2, b"cccc"), Ok(0));
        assert_eq!(&pieces.from(0)[..], b"aaaabbbbaaaa");
        assert_eq!(pieces.insert(20, b"d"), Ok(1));
        assert_eq!(pieces.from(0).len(), 12);
        assert!(pieces.from(12).is_empty());
        for at in 0..MOST_PIECES as i64 - 2 {
            assert_eq!(pieces.insert(30 + 2 * at, b"x"), Ok(1));
        }
        assert_eq!(pieces.insert(500, b"x"), Err(TooMany));
    }

    #[test]
    fn pieces_that_follow_each_other_take_one_place() {
        let whole: Vec<u8> = (0..u8::MAX).cycle().take(1000).collect();
        let mut pieces = Pieces::default();
        // Backwards, so that each is before all others, and a gap at 500.
        for (at, byte) in whole.iter().enumerate().rev() {
            if at != 500 {
                assert_eq!(pieces.insert(at as i64, &[*byte]), Ok(1));
            }
        }
        assert_eq!((pieces.reach(0), pieces.held()), (500, 999));
        assert_eq!(pieces.insert(499, &[0, whole[500], 0]), Ok(1));
        assert_eq!(&pieces.from(0)[..], &whole[..]);
    }
}
