//! A server that handles many calls at once.

use std::future::{Future, poll_fn, ready};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

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
use crate::mailbox::{Incoming, Receiver};
use crate::process::{ExitReason, Process, panic_reason};
use crate::task::{self, Name};

/// A [`GenServer`](crate::GenServer) with many calls in flight: each runs in a task of its own, so
/// that a slow one holds up nobody else, and they share the server by reference.
///
/// At most [`Service::limit`] calls run at once; while that many do, what comes waits in the
/// mailbox, in its order. System messages (`:sys.get_state`, `GenServer.stop`) and the end do not
/// wait for that. Casts and other messages are handled one after the other, in the order of
/// arrival: a call that comes behind a cast begins when the cast is done, one that came before it
/// may still run. A panic in a call is the exit reason of that call alone, `{panic, Message}`. When
/// the server ends, for whatever reason, calls that run are dropped where they stand, and their
/// callers learn its reason; a node that shuts down lets them finish first, and those that wait,
/// within its [`drain`](crate::NodeBuilder::drain).
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
        let (service, calls) = (Arc::new(service), JoinSet::new());
        let mut running = Running { service, calls, limit, unseen: false };
        loop {
            // As in a GenServer.
            if let Some(reason) = Box::pin(running.busy(&mut process)).await {
                return reason;
            }
            process.mailbox.ready().await;
        }
    }
}

struct Running<S> {
    service: Arc<S>,
    calls: JoinSet<()>,
    limit: usize,
    /// Something may be in the mailbox that must not wait, though as many calls run as may.
    unseen: bool,
}

/// What a service does next.
enum Next {
    Handle(Option<Incoming>),
    /// See what there is now: a call is done, or something has come that must not wait.
    Look,
}

impl<S: Service> Running<S> {
    /// Handles what there is, and waits for what runs. Says why the server has ended, if it has.
    async fn busy(&mut self, process: &mut Process) -> Option<ExitReason> {
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
                process.entry.clear_crowded();
                return None;
            }
            then = match self.next(process, suspended).await {
                Next::Look => Then::GoOn,
                Next::Handle(Some(Incoming::Message(payload))) => {
                    self.handle(process, payload, suspended).await
                }
                Next::Handle(Some(incoming)) => match Info::of(incoming) {
                    Some(info) => {
                        self.service.handle_info(info).await;
                        Then::GoOn
                    }
                    None => Then::Stop(ExitReason::shutdown()),
                },
                Next::Handle(None) => return Some(ExitReason::normal()),
            };
        }
    }

    /// Waits for what is to be done next.
    async fn next(&mut self, process: &mut Process, suspended: bool) -> Next {
        let Process { context, mailbox } = process;
        let full = self.calls.len() >= self.limit;
        if full && context.entry.set_crowded() {
            self.unseen = true;
        }
        if self.unseen && !suspended {
            return self.look(mailbox).await;
        }
        let incoming = async {
            match suspended {
                true => mailbox.next_where(sys::reaches_suspended).await,
                false => mailbox.next().await,
            }
        };
        tokio::select! {
            biased;
            Some(_) = self.calls.join_next() => Next::Look,
            incoming = incoming, if suspended || !full => Next::Handle(incoming),
            () = poll_fn(|_| context.entry.poll_pressed()), if full => {
                self.unseen = true;
                Next::Look
            }
        }
    }

    /// Goes through the whole mailbox for what must not wait. All else keeps its place. That is
    /// done once when it gets crowded, and then for each that presses, but not for each call: who
    /// serves a long queue would do nothing else.
    async fn look(&mut self, mailbox: &mut Receiver) -> Next {
        let found = {
            let mut found = pin!(mailbox.next_where(sys::reaches_suspended));
            poll_fn(|cx| Poll::Ready(found.as_mut().poll(cx))).await
        };
        match found {
            Poll::Ready(incoming) => return Next::Handle(incoming),
            Poll::Pending if mailbox.is_empty() => {
                mailbox.restore();
                self.unseen = false;
            }
            // Its turn is over.
            Poll::Pending => tokio::task::yield_now().await,
        }
        Next::Look
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
