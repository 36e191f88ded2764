//! A server that Elixir calls as if it were a `GenServer`.
//!
//! Source of the messages: `gen.erl` and `gen_server.erl` of stdlib.

mod service;
mod sys;

use std::any::type_name;
use std::future::{Future, ready};
use std::task::Poll;

use flitch_dist::{Payload, Target};
use flitch_etf::{Atom, DeError, Pid, Reader, Reference, Term, read_value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::{Instrument, Span};

use crate::caller::{Caller, From};
use crate::mailbox::Incoming;
use crate::node::Node;
use crate::process::{ExitReason, Process};

pub use service::Service;
pub(crate) use service::live_many;
use sys::Then;
pub(crate) use sys::reaches_suspended;

/// A server: typed requests in, typed answers out.
///
/// Requests are decoded straight into [`GenServer::Call`] and [`GenServer::Cast`]; take
/// [`Term`] for what has no fixed type. A call that cannot be decoded ends with a
/// `function_clause` exit for its caller, and the server lives on.
///
/// ```
/// use flitch::{Caller, GenServer};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Call { Get() }                    // {:get}
/// #[derive(Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Cast { Add(i64) }                 // {:add, 5}
///
/// struct Counter(i64);
///
/// impl GenServer for Counter {
///     type Call = Call;
///     type Cast = Cast;
///     type Reply = i64;
///
///     async fn handle_call(&mut self, Call::Get(): Call, caller: Caller<i64>) {
///         caller.reply(self.0);
///     }
///     async fn handle_cast(&mut self, Cast::Add(more): Cast) {
///         self.0 += more;
///     }
/// }
/// ```
///
/// A server that watches others does so from [`GenServer::init`]:
///
/// ```
/// use flitch::{Caller, GenServer, Info, Pid, Process, Term};
///
/// /// Keeps an eye on a worker on another node.
/// struct Guard { worker: Pid, lost: Option<Term> }
///
/// impl GenServer for Guard {
///     type Call = Term;
///     type Cast = Term;
///     type Reply = Option<Term>;
///
///     async fn init(&mut self, process: &Process) {
///         process.trap_exit(true);           // Process.flag(:trap_exit, true)
///         process.link(&self.worker);        // Process.link(worker)
///     }
///     async fn handle_call(&mut self, _: Term, caller: Caller<Option<Term>>) {
///         caller.reply(self.lost.clone());   // nil while all is well
///     }
///     async fn handle_cast(&mut self, _: Term) {}
///     async fn handle_info(&mut self, info: Info) {
///         if let Info::Exit { reason, .. } = info {
///             self.lost = Some(reason);      // {:EXIT, worker, reason}
///         }
///     }
/// }
/// ```
pub trait GenServer: Send + 'static {
    /// What `GenServer.call` brings.
    type Call: DeserializeOwned + Send;
    /// What `GenServer.cast` brings.
    type Cast: DeserializeOwned + Send;
    /// What answers a call.
    type Reply: Serialize + Send;

    /// The server begins: the moment to trap exits, to link, and to monitor. What comes of that is
    /// for [`GenServer::handle_info`].
    fn init(&mut self, process: &Process) -> impl Future<Output = ()> + Send {
        let _ = process;
        ready(())
    }

    /// A call. The answer may be given now or later: `caller` can be kept and moved.
    fn handle_call(
        &mut self,
        call: Self::Call,
        caller: Caller<Self::Reply>,
    ) -> impl Future<Output = ()> + Send;

    /// A cast.
    fn handle_cast(&mut self, cast: Self::Cast) -> impl Future<Output = ()> + Send;

    /// Any other message, the end of a monitored process, or, where exits are trapped, that of a
    /// linked one. Logged and dropped unless this says otherwise.
    fn handle_info(&mut self, info: Info) -> impl Future<Output = ()> + Send {
        tracing::debug!(?info, "a message that no handle_info wanted");
        ready(())
    }

    /// The server is about to end in order: it was stopped, or the node shuts down. A node that
    /// shuts down waits for it as long as its [`drain`](crate::NodeBuilder::drain) has left.
    fn terminate(&mut self, reason: &ExitReason) -> impl Future<Output = ()> + Send {
        let _ = reason;
        ready(())
    }

    /// What `:sys.get_state` and `:sys.get_status` show. Nothing but its type unless this says
    /// otherwise.
    fn state(&self) -> impl Serialize {
        sys::opaque::<Self>()
    }
}

/// What a server receives beside calls and casts.
///
/// ```
/// use flitch::test::Network;
/// use flitch::{Caller, GenServer, Info, Term};
///
/// #[derive(Default)]
/// struct Counter(u64);
///
/// impl GenServer for Counter {
///     type Call = Term;
///     type Cast = Term;
///     type Reply = u64;
///     async fn handle_call(&mut self, _: Term, caller: Caller<u64>) {
///         caller.reply(self.0);
///     }
///     async fn handle_cast(&mut self, _: Term) {}
///     async fn handle_info(&mut self, info: Info) {
///         if let Info::Message(message) = info {
///             self.0 += message.to_value::<u64>().unwrap_or(0);
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let counter = worker.spawn(Counter::default());
///
/// let app = network.beam("app@b")?.start().await?;
/// app.send(counter.pid(), &5).await?;   // send(counter, 5)
/// assert_eq!(app.call::<_, _, u64>(counter.pid(), &Term::atom("count")).await?, 5);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Info {
    /// A message, still encoded.
    Message(Payload),
    /// A linked process is gone, and the server traps exits.
    Exit {
        /// Who is gone.
        from: Pid,
        /// Why.
        reason: Term,
    },
    /// A monitored process is gone.
    Down {
        /// The monitor.
        reference: Reference,
        /// Who is gone, as the monitor named it.
        target: Target,
        /// Why.
        reason: Term,
    },
}

impl Info {
    /// What it is to a server, unless it is the order to end, or a message.
    fn of(incoming: Incoming) -> Option<Self> {
        match incoming {
            Incoming::Message(payload) => Some(Self::Message(payload)),
            Incoming::Exit { from, reason } => Some(Self::Exit { from, reason }),
            Incoming::Down { reference, target, reason } => {
                Some(Self::Down { reference, target, reason })
            }
            Incoming::Node(_) | Incoming::Shutdown => None,
        }
    }
}

/// The life of a server. It holds server and process in the one place, where they stay.
#[allow(clippy::manual_async_fn, reason = "an async fn would hold its arguments twice")]
pub(crate) fn live<S: GenServer>(
    mut server: S,
    mut process: Process,
) -> impl Future<Output = ExitReason> + Send {
    async move { serve(&mut server, &mut process).await }
}

async fn serve<S: GenServer>(server: &mut S, process: &mut Process) -> ExitReason {
    Box::pin(server.init(process)).await;
    loop {
        // What a server needs to handle messages it holds while there are some: of a million, most
        // are idle.
        if let Some(reason) = Box::pin(busy(server, process)).await {
            return reason;
        }
        process.mailbox.ready().await;
    }
}

/// Handles what there is. Says why the server has ended, if it has.
async fn busy<S: GenServer>(server: &mut S, process: &mut Process) -> Option<ExitReason> {
    let mut suspended = false;
    let mut then = Then::GoOn;
    loop {
        // Also what `init` has said.
        if let Some(reason) = ended(process, &mut suspended, then) {
            server.terminate(&reason).await;
            // Before the server is dropped: callers that it has not answered learn this reason.
            process.node.process_ended(&process.entry, &reason.0);
            return Some(reason);
        }
        let incoming = match suspended {
            false => match process.mailbox.try_next().await {
                Poll::Ready(incoming) => incoming,
                Poll::Pending => return None,
            },
            true => process.mailbox.next_where(sys::reaches_suspended).await,
        };
        then = match incoming {
            Some(Incoming::Message(payload)) => handle(server, process, payload, suspended).await,
            Some(incoming) => match Info::of(incoming) {
                Some(info) => {
                    server.handle_info(info).await;
                    Then::GoOn
                }
                None => Then::Stop(ExitReason::shutdown()),
            },
            None => return Some(ExitReason::normal()),
        };
    }
}

/// Goes by what a message has said. Why the server ends now, if it does.
fn ended(process: &mut Process, suspended: &mut bool, then: Then) -> Option<ExitReason> {
    if let Some(reason) = process.entry.stopped() {
        return Some(ExitReason(reason));
    }
    match then {
        Then::GoOn => {}
        Then::Suspend => *suspended = true,
        Then::Resume => {
            *suspended = false;
            process.mailbox.restore();
        }
        Then::Stop(reason) => return Some(reason),
    }
    None
}

/// Handles one message.
async fn handle<S: GenServer>(
    server: &mut S,
    process: &Process,
    payload: Payload,
    suspended: bool,
) -> Then {
    let mut reader = payload.reader();
    match kind(process, &mut reader) {
        Kind::Call(from) => {
            let at = from.pid.node.clone();
            let span = handling::<S>(process, &from);
            let caller = Caller::new(process.node.clone(), process.entry.clone(), from);
            let mut request = reader.fork();
            match read_value::<S::Call>(&mut reader) {
                Ok(call) => server.handle_call(call, caller).instrument(span).await,
                Err(error) => refuse(process, &mut request, &error, caller),
            }
            room(&process.node, &at).await;
        }
        Kind::Cast => match read_value::<S::Cast>(&mut reader) {
            Ok(cast) => server.handle_cast(cast).await,
            Err(error) => {
                tracing::warn!(process = %process.pid(), %error, "a cast cannot be decoded");
            }
        },
        Kind::System => {
            let (then, at) = sys::handle(process, &mut reader, suspended, || server.state());
            if let Some(at) = at {
                room(&process.node, &at).await;
            }
            return then;
        }
        Kind::Broken => {}
        Kind::Other => server.handle_info(Info::Message(payload)).await,
    }
    Then::GoOn
}

/// What a message is to a server.
enum Kind {
    Call(From),
    Cast,
    System,
    Other,
    /// A call that nobody could be answered for.
    Broken,
}

/// Says what a message is, with the cursor at its request.
fn kind(process: &Process, reader: &mut Reader<'_>) -> Kind {
    match envelope(reader).as_ref().map(Atom::as_str) {
        Some("$gen_call") => match From::read(reader) {
            Ok(from) => Kind::Call(from),
            Err(error) => {
                tracing::warn!(process = %process.pid(), %error, "a call without a caller");
                Kind::Broken
            }
        },
        Some("$gen_cast") => Kind::Cast,
        Some("system") => Kind::System,
        _ => Kind::Other,
    }
}

/// What the work on a call is done in, for those who collect spans.
fn handling<S>(process: &Process, from: &From) -> Span {
    tracing::debug_span!(
        "handle_call",
        otel.kind = "server",
        server = type_name::<S>(),
        process = %process.pid(),
        from = %from.pid,
    )
}

/// The first element of a message that has the shape of a call, a cast or a system message, with
/// the cursor behind it.
fn envelope(reader: &mut Reader<'_>) -> Option<Atom> {
    let arity = reader.tuple().ok()?;
    let name = reader.atom().ok()?;
    let shape = match name.as_str() {
        "$gen_call" | "system" => 3,
        "$gen_cast" => 2,
        _ => return None,
    };
    (arity == shape).then_some(name)
}

/// Waits until a peer that reads slowly has room for more answers, so that a fast server does not
/// fill our memory with them. One that does not read at all loses the link when its answers are
/// too many, and holds up nobody else.
async fn room(node: &Node, peer: &Atom) {
    if let Some(link) = node.peers().link(peer) {
        link.outbox.room().await;
    }
}

/// A call that cannot be decoded: its caller gets what a missing function clause gives.
fn refuse<R>(process: &Process, request: &mut Reader<'_>, error: &DeError, caller: Caller<R>) {
    tracing::warn!(process = %process.pid(), %error, "a call cannot be decoded");
    let request = request.term().unwrap_or_default();
    let arguments = Term::from(vec![request, Term::from(error.to_string())]);
    let frame = (Term::atom("flitch"), Term::atom("handle_call"), arguments, Term::empty_list());
    let stack = Term::from(vec![Term::from(frame)]);
    caller.exit(Term::from((Term::atom("function_clause"), stack)));
}

#[cfg(test)]
mod tests {
    use flitch_etf::write_term;

    use super::*;

    fn named(term: &Term) -> Option<String> {
        let payload = Payload::encode(|out| write_term(out, term)).unwrap();
        let found = envelope(&mut payload.reader());
        found.map(|atom| atom.to_string())
    }

    #[test]
    fn only_whole_envelopes_are_calls_and_casts() {
        let call = |arity: usize| {
            let mut parts = vec![Term::atom("$gen_call")];
            parts.resize(arity, Term::from(1));
            Term::tuple(parts)
        };
        assert_eq!(named(&call(3)).as_deref(), Some("$gen_call"));
        assert_eq!(named(&call(2)), None);
        assert_eq!(named(&call(4)), None);
        assert_eq!(named(&Term::from((Term::atom("$gen_cast"), 1))).as_deref(), Some("$gen_cast"));
        assert_eq!(named(&Term::atom("$gen_call")), None);
        assert_eq!(named(&Term::from((1, 2, 3))), None);
    }
}
