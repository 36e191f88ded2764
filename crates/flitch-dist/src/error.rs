//! Why a link cannot go on.

use flitch_etf::DecodeError;

/// The peer broke the protocol: the link is dropped, and this is the reason that is logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// A frame over the limit.
    #[error("the peer announced a frame of {length} bytes, over the limit of {max}")]
    FrameTooLarge {
        /// Bytes announced.
        length: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A message in fragments that is over the limit.
    #[error("the peer sent more than {max} bytes of one message in fragments")]
    MessageTooLarge {
        /// Bytes allowed.
        max: usize,
    },
    /// Messages that are begun and not ended take more than they may, all together.
    #[error("the peer has more messages in fragments under way than {max} bytes can hold")]
    Unfinished {
        /// Bytes allowed.
        max: usize,
    },
    /// A fragment that is not the next one of its message, or of a message that was never begun
    /// or was given up for its silence.
    #[error("the peer sent fragment {fragment} of message {sequence}, which is not its turn")]
    Fragment {
        /// The message's number.
        sequence: u64,
        /// The fragment's number; 1 is the last.
        fragment: u64,
    },
    /// A message of a kind that does not exist.
    #[error("the peer sent a message of type {0}, which is none of the protocol's")]
    MessageType(u8),
    /// A distribution header that is cut short.
    #[error("the peer sent a distribution header that is cut short")]
    ShortHeader,
    /// A distribution header with an atom that is none.
    #[error("the peer sent a distribution header with an atom that is no UTF-8 or too long")]
    AtomText,
    /// A distribution header that refers to a place of the atom cache that was never filled.
    #[error("the peer referred to place {0} of the atom cache, where nothing stands")]
    NoSuchAtom(usize),
    /// A control message that is no tuple, or has fields of other types.
    #[error("the peer sent a broken control message: {0}")]
    Control(#[from] DecodeError),
    /// A control message whose payload is missing.
    #[error("the peer sent control message {0} without its payload")]
    NoPayload(u8),
}
