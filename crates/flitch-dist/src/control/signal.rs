//! A control message with what it carries, as it comes.

use std::ops::Range;

use bytes::Bytes;
use flitch_etf::{Atom, DecodeError, DecodeErrorKind, Pid, Reader, Reference, Term};

use super::{Control, Target};
use crate::header::HeaderAtoms;
use crate::payload::strip_version;
use crate::{LinkError, Payload};

/// A control message and what it carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// The control message.
    pub control: Control,
    /// The message, reason or arguments; empty exactly if not [`Control::has_payload`].
    pub payload: Payload,
    /// The sequential trace token, if it came with one (`seq_trace`).
    pub token: Option<Term>,
}

impl Signal {
    /// Reads a control tuple and perhaps a payload: in a pass-through message, each with a
    /// version byte.
    pub(crate) fn read(
        mut bytes: Bytes,
        atoms: HeaderAtoms,
        versions: bool,
    ) -> Result<Self, LinkError> {
        if versions {
            strip_version(&mut bytes)?;
        }
        let mut reader = Reader::of_shared(&bytes).with_atoms(&atoms);
        let left = reader.tuple()?;
        let mut fields = Fields { reader: &mut reader, left, reason: None, token: None };
        let control = super::read(&mut fields)?;
        let Fields { reason, token, .. } = fields;
        let end = reader.position();
        let payload = match reason {
            // EXIT and the like carry their reason inside the tuple.
            Some(reason) => bytes.slice(reason),
            None if control.has_payload() => {
                let mut rest = bytes.slice(end..);
                if rest.is_empty() {
                    return Err(LinkError::NoPayload(control.op().0));
                }
                if versions {
                    strip_version(&mut rest)?;
                }
                rest
            }
            None => Bytes::new(),
        };
        Ok(Self { control, payload: Payload::of_message(payload, atoms), token })
    }
}

/// The fields of a control tuple that are still to be read. What is left at the end is moved past:
/// it came in with a later release.
pub(super) struct Fields<'a, 'b> {
    reader: &'a mut Reader<'b>,
    left: usize,
    /// Where a reason stands that is part of the tuple.
    reason: Option<Range<usize>>,
    token: Option<Term>,
}

impl<'b> Fields<'_, 'b> {
    pub(super) fn next<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'b>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                read(self.reader)
            }
            None => Err(self.invalid("a control tuple with too few fields")),
        }
    }

    pub(super) fn invalid(&self, what: &'static str) -> DecodeError {
        DecodeError { offset: self.reader.position(), kind: DecodeErrorKind::Invalid(what) }
    }

    pub(super) fn pid(&mut self) -> Result<Pid, DecodeError> {
        self.next(Reader::pid)
    }

    pub(super) fn atom(&mut self) -> Result<Atom, DecodeError> {
        self.next(Reader::atom)
    }

    pub(super) fn reference(&mut self) -> Result<Reference, DecodeError> {
        self.next(Reader::reference)
    }

    pub(super) fn target(&mut self) -> Result<Target, DecodeError> {
        self.next(Target::read)
    }

    pub(super) fn skip(&mut self) -> Result<(), DecodeError> {
        self.next(|reader| reader.skip().map(|_| ()))
    }

    /// The sequential trace token.
    pub(super) fn read_token(&mut self) -> Result<(), DecodeError> {
        self.token = Some(self.next(Reader::term)?);
        Ok(())
    }

    /// The reason, which stays encoded.
    pub(super) fn read_reason(&mut self) -> Result<(), DecodeError> {
        self.reason = Some(self.next(|reader| {
            let start = reader.position();
            reader.skip()?;
            Ok(start..reader.position())
        })?);
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<(), DecodeError> {
        while self.left > 0 {
            self.skip()?;
        }
        Ok(())
    }
}
