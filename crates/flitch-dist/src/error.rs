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
    /// A message of a kind that was not agreed on.
    #[error("the peer sent a message of type {0}, which was not agreed on")]
    MessageType(u8),
    /// A control message that is no tuple, or has fields of other types.
    #[error("the peer sent a broken control message: {0}")]
    Control(#[from] DecodeError),
    /// A control message whose payload is missing.
    #[error("the peer sent control message {0} without its payload")]
    NoPayload(u8),
}
