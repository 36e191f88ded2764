//! Calling out: GenServer calls.

use std::sync::Arc;
use std::time::Duration;

use flitch_dist::{Control, Incapable, Target};
use flitch_etf::{
    Atom, DeError, ImproperList, Pid, Reference, SerError, Term, write_pid, write_term,
    write_tuple_header, write_value,
};
use flitch_handshake::Flags;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::calls::{Outcome, Waiting};
use crate::connect_error::ConnectError;
use crate::dest::{Dest, DestError};
use crate::metrics::Watched;
use crate::node::Node;
use crate::peer_link::PeerLink;
use crate::router::no_payload;
use crate::send::message_to;

/// Why a call gave no answer.
///
/// ```
/// use flitch::test::Network;
/// use flitch::{CallError, Term};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let app = network.beam("app@b")?.start().await?;
/// let second = Duration::from_secs(1);
///
/// // GenServer.call({:orders, :app@b}, :count, 1000)
/// let asked = worker.call::<_, _, Term>(("orders", app.name()), &"count", second).await;
/// assert!(matches!(asked, Err(CallError::NoProc)));
///
/// network.cut(worker.name(), app.name());
/// let asked = worker.call::<_, _, Term>(("orders", app.name()), &"count", second).await;
/// assert_eq!(asked.unwrap_err().to_string(), "no answer within 1s");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The destination is none.
    #[error(transparent)]
    Dest(#[from] DestError),
    /// The node cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The request has no form on the wire.
    #[error("the request cannot be encoded: {0}")]
    Encode(#[from] SerError),
    /// The node could not read the request.
    #[error(transparent)]
    Incapable(#[from] Incapable),
    /// No such process.
    #[error("no such process")]
    NoProc,
    /// The callee ended before it answered, or refused the request with an exit.
    #[error("exited: {0:?}")]
    Exit(Term),
    /// The connection was lost before the answer came.
    #[error("the connection was lost before the answer came")]
    NoConnection,
    /// The time is up. A late answer is dropped.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The answer is not of the type that was asked for.
    #[error("the answer is not of the expected type: {0}")]
    Decode(#[from] DeError),
}

impl Node {
    /// `GenServer.call`: a request and its answer, decoded into the type that the caller wants
    /// ([`Term`] for any).
    ///
    /// # Errors
    /// Why there is no answer; after [`CallError::Timeout`] a late one is dropped.
    pub async fn call<D, M, R>(&self, to: D, request: &M, timeout: Duration) -> Result<R, CallError>
    where
        D: TryInto<Dest>,
        DestError: From<D::Error>,
        M: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.call_as(self.calls().caller(), to, request, timeout).await
    }

    /// Likewise, in the name of this process.
    pub(crate) async fn call_as<D, M, R>(
        &self,
        from: &Pid,
        to: D,
        request: &M,
        timeout: Duration,
    ) -> Result<R, CallError>
    where
        D: TryInto<Dest>,
        DestError: From<D::Error>,
        M: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        let dest = to.try_into().map_err(DestError::from)?;
        let mut bytes = Vec::new();
        write_value(&mut bytes, request)?;
        let watched = Watched::call(self, &dest);
        let within = Within::new(timeout);
        let answer = async {
            match within.limit(self.call_outcome(from, &dest, bytes)).await?? {
                Outcome::Reply(payload) => Ok(read_reply(&mut payload.reader())?),
                Outcome::Down(reason) | Outcome::NotSpawned(reason) => Err(down(reason)),
                Outcome::NoConnection => Err(CallError::NoConnection),
            }
        };
        let result = answer.instrument(watched.span()).await;
        watched.ended(&result);
        result
    }

    async fn call_outcome(
        &self,
        from: &Pid,
        dest: &Dest,
        request: Vec<u8>,
    ) -> Result<Outcome, CallError> {
        let link = match self.remote(dest)? {
            Some(name) => Some(self.reach(&name).await?),
            None => None,
        };
        let reference = self.identity().new_reference();
        let alias = link.as_ref().is_none_or(|link| link.flags.contains(Flags::ALIAS));
        // An answer that comes to a pid is told from other messages where that is the caller's.
        let caller = if alias { from } else { self.calls().caller() }.clone();
        let mut call = self.begin(link, caller.clone(), reference.clone());
        call.monitor(dest.target());
        let control = message_to(&caller, dest);
        let mut bytes = Vec::with_capacity(request.len() + 128);
        write_tuple_header(&mut bytes, 3).map_err(SerError::from)?;
        Atom::from_static("$gen_call").write_to(&mut bytes);
        write_tuple_header(&mut bytes, 2).map_err(SerError::from)?;
        write_pid(&mut bytes, &caller);
        let tag = match alias {
            true => ImproperList::term(vec![Term::atom("alias")], reference.into()),
            // The answer comes to the caller's pid then.
            false => reference.into(),
        };
        write_term(&mut bytes, &tag).map_err(SerError::from)?;
        bytes.extend_from_slice(&request);
        call.send(&control, &bytes).await?;
        Ok(call.outcome().await)
    }

    /// Begins a call over a link, or here. It ends with that link.
    pub(crate) fn begin(
        &self,
        link: Option<Arc<PeerLink>>,
        from: Pid,
        reference: Reference,
    ) -> Call<'_> {
        let waiting = self.calls().wait(reference.clone());
        if let Some(link) = &link {
            match link.live_bonds() {
                Some(mut bonds) => {
                    bonds.watching.insert(reference.clone(), from.clone());
                }
                None => {
                    self.calls().lost(&reference);
                }
            }
        }
        Call { node: self, waiting, link, from, reference, target: None, over: false }
    }
}

/// The reply in `{Tag, Reply}`; the tag has done its duty.
fn read_reply<R: DeserializeOwned>(reader: &mut flitch_etf::Reader<'_>) -> Result<R, DeError> {
    reader.tuple()?;
    reader.skip()?;
    flitch_etf::read_value(reader)
}

pub(crate) fn down(reason: Term) -> CallError {
    if reason.is_atom("noproc") {
        CallError::NoProc
    } else if reason.is_atom("noconnection") {
        CallError::NoConnection
    } else {
        CallError::Exit(reason)
    }
}

/// One call that is under way. Dropped before its outcome, it takes back its monitor.
pub(crate) struct Call<'a> {
    node: &'a Node,
    waiting: Waiting<'a>,
    /// The link that it goes over, unless it stays here.
    link: Option<Arc<PeerLink>>,
    from: Pid,
    reference: Reference,
    /// Whom it monitors; a spawned process is monitored from its beginning.
    target: Option<Target>,
    over: bool,
}

impl Call<'_> {
    /// Monitors the callee under the call's reference, until the call is over.
    fn monitor(&mut self, target: Target) {
        let from = self.from.clone();
        let (target, reference) = (self.target.insert(target).clone(), self.reference.clone());
        self.signal(&Control::Monitor { from, target, reference });
    }

    /// Sends the request. A link that is closed ends the call without our doing.
    pub(crate) async fn send(&self, control: &Control, bytes: &[u8]) -> Result<(), Incapable> {
        match &self.link {
            Some(link) => self.node.push_when_room(link, control, bytes).await.map(|_| ()),
            None => {
                self.node.send_here(control, bytes);
                Ok(())
            }
        }
    }

    fn signal(&self, control: &Control) {
        match &self.link {
            Some(link) => self.node.push(link, control, no_payload),
            None => self.node.signal_bare(&self.node.identity().atom, control),
        }
    }

    pub(crate) async fn outcome(&mut self) -> Outcome {
        let outcome = self.waiting.outcome().await;
        // After an end there is nothing to take back.
        self.over = !matches!(outcome, Outcome::Reply(_));
        outcome
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            link.bonds().watching.remove(&self.reference);
        }
        if self.over {
            return;
        }
        let spawned = || self.node.calls().forget(&self.reference).map(Target::Pid);
        if let Some(target) = self.target.take().or_else(spawned) {
            let from = self.from.clone();
            let reference = self.reference.clone();
            self.signal(&Control::Demonitor { from, target, reference });
        }
    }
}

/// A time limit that covers everything from dialling to the answer.
pub(crate) struct Within {
    timeout: Duration,
    until: Option<Instant>,
}

impl Within {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, until: Instant::now().checked_add(timeout) }
    }

    pub(crate) async fn limit<R>(&self, work: impl Future<Output = R>) -> Result<R, CallError> {
        match self.until {
            Some(until) => {
                timeout_at(until, work).await.map_err(|_| CallError::Timeout(self.timeout))
            }
            None => Ok(work.await),
        }
    }
}
