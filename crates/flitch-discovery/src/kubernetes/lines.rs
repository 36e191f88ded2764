//! A watch's answer, cut into lines as it comes.

/// The longest line: an object has at most 1.5 MB in etcd, and a few more as JSON.
pub(crate) const LONGEST: usize = 8 << 20;

/// Bytes in ([`Lines::push`]), lines out ([`Lines::next_line`] until it has none).
///
/// What follows the last line break is kept until more comes; a half line at the end of a stream
/// is not an event.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    waiting: Vec<u8>,
    /// Up to where lines have been taken.
    taken: usize,
    /// Up to where there is no line break after `taken`.
    searched: usize,
}

/// A line is longer than any event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Lines {
    /// Takes what came.
    ///
    /// # Errors
    /// A line is longer than [`LONGEST`].
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.waiting.drain(..self.taken);
        self.searched = self.searched.saturating_sub(self.taken);
        self.taken = 0;
        if self.waiting.len() + bytes.len() > LONGEST {
            return Err(TooLong);
        }
        self.waiting.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole line, without its end.
    pub(crate) fn next_line(&mut self) -> Option<&[u8]> {
        let from = self.searched.max(self.taken);
        let Some(length) = self.waiting.get(from..)?.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.waiting.len();
            return None;
        };
        let (start, end) = (self.taken, from + length);
        self.taken = end + 1;
        self.waiting.get(start..end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn half_an_event_at_the_end_of_a_stream_is_no_event() {
        let mut lines = Lines::default();
        lines.push(b"one\nha").unwrap();
        assert_eq!(lines.next_line(), Some(&b"one"[..]));
        assert_eq!(lines.next_line(), None);
        lines.push(b"lf\n").unwrap();
        assert_eq!(lines.next_line(), Some(&b"half"[..]));
        assert_eq!(lines.next_line(), None);
    }

    #[test]
    fn a_line_without_an_end_takes_no_more_memory_than_an_event() {
        let mut lines = Lines::default();
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..8 {
            lines.push(&chunk).unwrap();
            assert_eq!(lines.next_line(), None);
        }
        assert_eq!(lines.push(b"x"), Err(TooLong));
    }

    proptest! {
        #[test]
        fn however_the_bytes_are_cut_the_lines_are_the_same(
            text in "[a-c\n]{0,200}",
            cuts in prop::collection::vec(1_usize..20, 1..20),
        ) {
            let mut lines = Lines::default();
            let (mut found, mut rest) = (Vec::new(), text.as_bytes());
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                lines.push(now).unwrap();
                while let Some(line) = lines.next_line() {
                    found.push(String::from_utf8(line.to_vec()).unwrap());
                }
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            let mut whole: Vec<_> = text.split('\n').map(str::to_owned).collect();
            whole.pop();
            prop_assert_eq!(found, whole);
        }
    }
}
