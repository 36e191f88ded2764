//! A server that handles many calls at once.

use std::future::{Future, ready};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use flitch_dist::Payload;
use flitch_etf::read_value;
use futures_util::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::sys::{self, Then};
use super::{Info, Kind, ended, handling, kind, refuse, room};
use crate::caller::Caller;
use crate::mailbox::Incoming;
use crate::process::{ExitReason, Process, panic_reason};
use crate::task::{self, Name};

/// A [`GenServer`](crate::GenServer) with many calls in flight: each runs in a task of its own, so
/// that a slow one holds up nobody else, and they share the server by reference.
///
/// At most [`Service::limit`] calls run at once; while that many do, nothing else is taken from the
/// mailbox. Casts and other messages are handled one after the other, in the order of arrival: a
/// call that comes behind a cast begins when the cast is done, one that came before it may still
/// run. A panic in a call is the exit reason of that call alone, `{panic, Message}`. When the server
/// ends, for whatever reason, calls that run are dropped where they stand, and their callers learn
/// its reason; a node that shuts down lets them finish first, within its
/// [`drain`](crate::NodeBuilder::drain).
///
/// ```
/// use flitch::{Caller, Service};
/// use serde::Deserialize;
/// use std::time::Duration;
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Call { Quote(String) }            // {:quote, "a-1"}
///
/// struct Prices;
///
/// impl Service for Prices {
///     type Call = Call;
///     type Cast = ();
///     type Reply = u64;
///
///     async fn handle_call(&self, Call::Quote(sku): Call, caller: Caller<u64>) {
///         tokio::time::sleep(Duration::from_millis(50)).await;   // a database, say
///         caller.reply(sku.len() as u64 * 100);
///     }
///     async fn handle_cast(&self, _: ()) {}
/// }
///
/// # use flitch::{Cookie, Epmd, Node, Term};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let node = Node::builder("worker@127.0.0.1".parse()?)
/// #     .cookie(Cookie::new("a secret of this cluster")?)
/// #     .bind("127.0.0.1".parse()?)
/// #     .epmd(Epmd::None)
/// #     .start()
/// #     .await?;
/// node.spawn_service(Prices).register("prices")?;
///
/// let quote: u64 =
///     node.call("prices", &(Term::atom("quote"), "a-1"), Duration::from_secs(5)).await?;
/// assert_eq!(quote, 300);
/// # node.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub trait Service: Send + Sync + 'static {
    /// What `GenServer.call` brings.
    type Call: DeserializeOwned + Send + 'static;
    /// What `GenServer.cast` brings.
    type Cast: DeserializeOwned + Send;
    /// What answers a call.
    type Reply: Serialize + Send + 'static;

    /// How many calls run at once, at the most. Asked once, behind [`Service::init`].
    fn limit(&self) -> usize {
        1000
    }

    /// The server begins, as [`GenServer::init`](crate::GenServer::init).
    fn init(&mut self, process: &Process) -> impl Future<Output = ()> + Send {
        let _ = process;
        ready(())
    }

    /// A call. Others run beside it.
    fn handle_call(
        &self,
        call: Self::Call,
        caller: Caller<Self::Reply>,
    ) -> impl Future<Output = ()> + Send;

    /// A cast.
    fn handle_cast(&self, cast: Self::Cast) -> impl Future<Output = ()> + Send;

    /// Any other message, as [`GenServer::handle_info`](crate::GenServer::handle_info).
    fn handle_info(&self, info: Info) -> impl Future<Output = ()> + Send {
        tracing::debug!(?info, "a message that no handle_info wanted");
        ready(())
    }

    /// The server is about to end in order, while calls may still run.
    fn terminate(&self, reason: &ExitReason) -> impl Future<Output = ()> + Send {
        let _ = reason;
        ready(())
    }

    /// What `:sys.get_state` and `:sys.get_status` show.
    fn state(&self) -> impl Serialize {
        sys::opaque::<Self>()
    }
}

/// The life of a service.
#[allow(clippy::manual_async_fn, reason = "an async fn would hold its arguments twice")]
pub(crate) fn live_many<S: Service>(
    mut service: S,
    mut process: Process,
) -> impl Future<Output = ExitReason> + Send {
    async move {
        Box::pin(service.init(&process)).await;
        let limit = service.limit().max(1);
        let mut running = Running { service: Arc::new(service), calls: JoinSet::new() };
        loop {
            // As in a GenServer.
            if let Some(reason) = Box::pin(running.busy(&mut process, limit)).await {
                return reason;
            }
            process.mailbox.ready().await;
        }
    }
}

/// The next that a service takes.
async fn next(process: &mut Process, suspended: bool) -> Option<Incoming> {
    match suspended {
        true => process.mailbox.next_where(sys::reaches_suspended).await,
        false => process.mailbox.next().await,
    }
}

struct Running<S> {
    service: Arc<S>,
    calls: JoinSet<()>,
}

impl<S: Service> Running<S> {
    /// Handles what there is, and waits for what runs. Says why the server has ended, if it has.
    async fn busy(&mut self, process: &mut Process, limit: usize) -> Option<ExitReason> {
        let mut suspended = false;
        let mut then = Then::GoOn;
        loop {
            if let Some(reason) = ended(process, &mut suspended, then) {
                self.service.terminate(&reason).await;
                // Before what runs is dropped: its callers learn this reason.
                process.node.process_ended(&process.entry, &reason.0);
                return Some(reason);
            }
            if self.calls.is_empty() && !suspended && process.mailbox.is_empty() {
                return None;
            }
            let incoming = tokio::select! {
                biased;
                Some(_) = self.calls.join_next() => None,
                incoming = next(process, suspended), if self.calls.len() < limit => Some(incoming),
            };
            then = match incoming {
                // A call is done.
                None => Then::GoOn,
                Some(Some(Incoming::Message(payload))) => {
                    self.handle(process, payload, suspended).await
                }
                Some(Some(incoming)) => match Info::of(incoming) {
                    Some(info) => {
                        self.service.handle_info(info).await;
                        Then::GoOn
                    }
                    None => Then::Stop(ExitReason::shutdown()),
                },
                Some(None) => return Some(ExitReason::normal()),
            };
        }
    }

    async fn handle(&mut self, process: &Process, payload: Payload, suspended: bool) -> Then {
        let mut reader = payload.reader();
        match kind(process, &mut reader) {
            Kind::Call(from) => {
                let caller = Caller::new(process.node.clone(), process.entry.clone(), from.clone());
                let mut request = reader.fork();
                match read_value::<S::Call>(&mut reader) {
                    Ok(call) => self.begin(process, from, call, caller),
                    Err(error) => refuse(process, &mut request, &error, caller),
                }
            }
            Kind::Cast => match read_value::<S::Cast>(&mut reader) {
                Ok(cast) => self.service.handle_cast(cast).await,
                Err(error) => {
                    tracing::warn!(process = %process.pid(), %error, "a cast cannot be decoded");
                }
            },
            Kind::System => {
                let (then, at) =
                    sys::handle(process, &mut reader, suspended, || self.service.state());
                if let Some(at) = at {
                    room(&process.node, &at).await;
                }
                return then;
            }
            Kind::Broken => {}
            Kind::Other => self.service.handle_info(Info::Message(payload)).await,
        }
        Then::GoOn
    }

    fn begin(
        &mut self,
        process: &Process,
        from: crate::caller::From,
        call: S::Call,
        caller: Caller<S::Reply>,
    ) {
        let (service, context) = (Arc::clone(&self.service), process.context());
        let span = handling::<S>(process, &from);
        let name = Name::of(|| format!("call of {}", from.pid));
        task::join(&mut self.calls, name, async move {
            let handled = async {
                let caller = caller.handled_here();
                service.handle_call(call, caller).await;
            };
            let handled = handled.instrument(span);
            if let Err(panic) = AssertUnwindSafe(handled).catch_unwind().await {
                let reason = panic_reason(context.pid(), panic.as_ref());
                from.reject(&context.node, &context.entry, &reason);
            }
            room(&context.node, &from.pid.node).await;
        });
    }
}
