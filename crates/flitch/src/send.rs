//! Messages without an answer: `send` and `cast`, of a node and of a process.

use std::convert::Infallible;
use std::sync::atomic::Ordering;

use flitch_dist::{Control, Incapable, Lane, PacketError, Target};
use flitch_etf::{Atom, Pid, SerError, write_tuple_header, write_value};
use flitch_name::NodeName;
use serde::Serialize;

use crate::connect_error::ConnectError;
use crate::dest::{Dest, DestError};
use crate::node::Node;
use crate::outbox::NotSent;
use crate::peer_link::PeerLink;
use crate::process::Context;

/// Why a message was not sent.
///
/// ```
/// use flitch::test::Network;
/// use flitch::SendError;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// // As in Erlang: to a name that nobody has is no error, to a node that is not there is one.
/// worker.send("nobody", &"hello").await?;
/// let error = worker.send(("orders", "app@b"), &"hello").await.unwrap_err();
/// assert!(matches!(error, SendError::Connect(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The destination is none.
    #[error(transparent)]
    Dest(#[from] DestError),
    /// Its node cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The message has no form on the wire.
    #[error("the message cannot be encoded: {0}")]
    Encode(#[from] SerError),
    /// There is no connection, and none was to be made.
    #[error("the node is not connected")]
    NotConnected,
    /// More waits for that node than its link may hold, and nobody was to wait.
    #[error("the node does not take what waits for it already: try again later")]
    Busy,
    /// The node could not read the message.
    #[error(transparent)]
    Incapable(#[from] Incapable),
}

impl Node {
    /// Sends a message, dialling the node if need be. Waits while more waits for that node than
    /// its link may hold. As in Erlang, nobody says whether the process is there.
    ///
    /// Messages of the node to one destination keep their order. Those of a process are better
    /// sent with [`Context::send`]: they keep their order with its end, and with all that it sends.
    ///
    /// # Errors
    /// The destination is none, its node cannot be reached, or the message has no form on the
    /// wire.
    pub async fn send<D, M>(&self, to: D, message: &M) -> Result<(), SendError>
    where
        D: TryInto<Dest>,
        DestError: From<D::Error>,
        M: Serialize + ?Sized,
    {
        let dest = to.try_into().map_err(DestError::from)?;
        self.send_dest(self.calls().caller(), &dest, |out| write_value(out, message)).await
    }

    /// `GenServer.cast`: a request without an answer.
    ///
    /// # Errors
    /// As [`Node::send`].
    pub async fn cast<D, M>(&self, to: D, request: &M) -> Result<(), SendError>
    where
        D: TryInto<Dest>,
        DestError: From<D::Error>,
        M: Serialize + ?Sized,
    {
        let dest = to.try_into().map_err(DestError::from)?;
        self.send_dest(self.calls().caller(), &dest, |out| write_cast(out, request)).await
    }

    /// Sends a message without waiting for anything: neither for a connection nor for room.
    /// (`erlang:send/3` with `noconnect` and `nosuspend`.)
    ///
    /// # Errors
    /// As [`Node::send`], and [`SendError::NotConnected`] and [`SendError::Busy`]. Nothing was sent
    /// then.
    pub fn try_send<D, M>(&self, to: D, message: &M) -> Result<(), SendError>
    where
        D: TryInto<Dest>,
        DestError: From<D::Error>,
        M: Serialize + ?Sized,
    {
        let dest = to.try_into().map_err(DestError::from)?;
        let control = message_to(self.calls().caller(), &dest);
        let Some(node) = self.remote(&dest)? else {
            let here = &self.identity().atom;
            let sent = self.try_signal(Lane::NONE, here, &control, |out| write_value(out, message));
            return sent.map_err(SendError::from);
        };
        let link = self.peers().link(&crate::node_atom(&node)).ok_or(SendError::NotConnected)?;
        let lane = self.lane(&control);
        match link.outbox.push_if_room(lane, &control, |out| write_value(out, message)) {
            Ok(()) => {
                self.stats().sent.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(NotSent::Closed) => Err(SendError::NotConnected),
            Err(NotSent::Overflow) => Err(SendError::Busy),
            Err(NotSent::Encode(error)) => Err(error.into()),
        }
    }

    /// Sends what `write` writes, in the name of a process of ours.
    pub(crate) async fn send_dest(
        &self,
        from: &Pid,
        dest: &Dest,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), SerError>,
    ) -> Result<(), SendError> {
        // Nothing below waits while there is room: who sends in a loop lets others run here.
        tokio::task::consume_budget().await;
        let control = message_to(from, dest);
        // Encoded before anything is dialled: a message that has no form is the caller's mistake.
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        let Some(node) = self.remote(dest)? else {
            self.send_here(&control, &bytes);
            return Ok(());
        };
        // A link that closed before it took the message is as one that was not there.
        while let Taken::No =
            self.push_when_room(&*self.reach(&node).await?, &control, &bytes).await?
        {}
        Ok(())
    }

    /// The node that a destination is on, if it is not this one.
    pub(crate) fn remote(&self, dest: &Dest) -> Result<Option<NodeName>, DestError> {
        let node = dest.node()?;
        Ok(node.filter(|node| node != self.name()))
    }

    /// Puts a message on a link as soon as there is room on it.
    pub(crate) async fn push_when_room(
        &self,
        link: &PeerLink,
        control: &Control,
        bytes: &[u8],
    ) -> Result<Taken, Incapable> {
        let lane = self.lane(control);
        match link.outbox.push_when_room(lane, control, |out| copy(out, bytes)).await {
            Ok(()) => {
                self.stats().sent.fetch_add(1, Ordering::Relaxed);
                Ok(Taken::Yes)
            }
            Err(NotSent::Encode(PacketError::Peer(incapable))) => Err(incapable),
            Err(_) => Ok(Taken::No),
        }
    }

    /// Delivers a message to a process of this node.
    pub(crate) fn send_here(&self, control: &Control, bytes: &[u8]) {
        let here = &self.identity().atom;
        // What is encoded already always has a form here.
        let _ = self.try_signal(Lane::NONE, here, control, |out| copy(out, bytes));
    }
}

impl Context {
    /// Sends a message in the name of this process: what it sends to another one arrives there in
    /// this order, its end included. Else as [`Node::send`].
    ///
    /// # Errors
    /// As [`Node::send`].
    pub async fn send<D, M>(&self, to: D, message: &M) -> Result<(), SendError>
    where
        D: TryInto<Dest>,
        DestError: From<D::Error>,
        M: Serialize + ?Sized,
    {
        let dest = to.try_into().map_err(DestError::from)?;
        self.node.send_dest(&self.entry.pid, &dest, |out| write_value(out, message)).await
    }

    /// `GenServer.cast` in the name of this process.
    ///
    /// # Errors
    /// As [`Node::send`].
    pub async fn cast<D, M>(&self, to: D, request: &M) -> Result<(), SendError>
    where
        D: TryInto<Dest>,
        DestError: From<D::Error>,
        M: Serialize + ?Sized,
    {
        let dest = to.try_into().map_err(DestError::from)?;
        self.node.send_dest(&self.entry.pid, &dest, |out| write_cast(out, request)).await
    }
}

impl From<PacketError<SerError>> for SendError {
    fn from(error: PacketError<SerError>) -> Self {
        match error {
            PacketError::Payload(error) => error.into(),
            PacketError::Peer(incapable) => incapable.into(),
        }
    }
}

/// SEND or REG_SEND, as the destination is a pid or a name.
pub(crate) fn message_to(from: &Pid, dest: &Dest) -> Control {
    match dest.target() {
        Target::Pid(to) => Control::Send { from: Some(from.clone()), to },
        Target::Name(to) => Control::RegSend { from: from.clone(), to },
    }
}

fn write_cast<M: Serialize + ?Sized>(out: &mut Vec<u8>, request: &M) -> Result<(), SerError> {
    write_tuple_header(out, 2)?;
    Atom::from_static("$gen_cast").write_to(out);
    write_value(out, request)
}

fn copy(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Infallible> {
    out.extend_from_slice(bytes);
    Ok(())
}

/// Whether a link took a message.
pub(crate) enum Taken {
    Yes,
    /// It is closed.
    No,
}
