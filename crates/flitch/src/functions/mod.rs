//! Functions that other nodes may call here: those that the program offers, and nothing else.
//!
//! Source: `erpc.erl` and `rpc.erl` of kernel.

mod arguments;
mod raise;
mod run;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use flitch_etf::{Atom, AtomError, Pid, Term};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::node::Node;
use crate::process::Process;
use crate::system::builtin::Room;

pub(crate) use arguments::Arguments;
pub use raise::Raise;
pub(crate) use raise::Raised;
pub(crate) use run::{Demand, Found, NotRun, OpenCall};

/// The functions of a node: what `:erpc.call`, `:rpc.call` and `Node.spawn` of other nodes find
/// here. See [`Node::functions`].
///
/// Cheap to clone. The limits that it was given count for each function that is offered through
/// it.
///
/// ```
/// use flitch::Raise;
/// use flitch::test::Network;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let functions = worker.functions().at_most(100).within(Duration::from_secs(5));
/// let quote = |(sku,): (String,)| async move { Ok::<_, Raise>(sku.len()) };
/// functions.offer("Elixir.Pricing", "quote", 1, quote)?;
///
/// // :erpc.call(:worker@a, Pricing, :quote, ["a-1"])
/// let app = network.beam("app@b")?.start().await?;
/// let price: u64 = app.rpc(worker.name(), "Elixir.Pricing", "quote", &["a-1".into()]).await?;
/// assert_eq!(price, 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Functions {
    node: Node,
    at_most: usize,
    within: Option<Duration>,
}

/// How a function was called, for one that was offered with [`Functions::offer_with`].
///
/// ```
/// use flitch::test::Network;
/// use flitch::{Invocation, Raise};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let whoami = |invocation: Invocation, (): ()| async move {
///     Ok::<_, Raise>(invocation.caller.node.as_str().to_owned())
/// };
/// worker.functions().offer_with("audit", "whoami", 0, whoami)?;
///
/// let app = network.beam("app@b")?.start().await?;
/// let name: String = app.rpc(worker.name(), "audit", "whoami", &[]).await?;
/// assert_eq!(name, "app@b");
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
pub struct Invocation {
    /// The process that the function runs in: its pid is what `Node.spawn` gave, and messages
    /// to that come to it.
    pub process: Process,
    /// Who called. For a call by way of `rex`, the process that asked it.
    pub caller: Pid,
    /// The caller's group leader, which takes what is printed ("The Erlang I/O Protocol"). With a
    /// call by way of `rex` it may be a process that is not there.
    pub group_leader: Pid,
}

/// Why a function was not offered.
///
/// ```
/// use flitch::test::Network;
/// use flitch::{OfferError, Raise};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let quote = |(sku,): (String,)| async move { Ok::<_, Raise>(sku.len()) };
/// let functions = worker.functions();
/// functions.offer("Elixir.Pricing", "quote", 1, quote)?;
/// let again = functions.offer("Elixir.Pricing", "quote", 1, quote);
/// assert!(matches!(again, Err(OfferError::Taken(..))));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// A module or function is named by an atom.
    #[error(transparent)]
    Name(#[from] AtomError),
    /// The node has such a function already: offered, or one that every node has.
    #[error("{0}:{1}/{2} is there already: withdraw it first, unless every node has it")]
    Taken(Atom, Atom, u8),
}

/// Module, function, arity.
pub(crate) type Mfa = (Atom, Atom, u8);

type Work = Pin<Box<dyn Future<Output = Result<Term, Raise>> + Send>>;

/// A function that was offered.
pub(crate) struct Offer {
    run: Box<dyn Fn(Invocation, Arguments) -> Work + Send + Sync>,
    room: Arc<Semaphore>,
    within: Option<Duration>,
}

/// What a node offers.
#[derive(Default)]
pub(crate) struct Table {
    offers: RwLock<HashMap<Mfa, Arc<Offer>>>,
    builtins: Room,
}

impl Table {
    pub(crate) fn builtins(&self) -> &Room {
        &self.builtins
    }

    pub(crate) fn find(&self, mfa: &Mfa) -> Option<Arc<Offer>> {
        self.offers.read().unwrap_or_else(PoisonError::into_inner).get(mfa).cloned()
    }

    fn insert(&self, mfa: Mfa, offer: Offer) -> Result<(), OfferError> {
        let mut table = self.offers.write().unwrap_or_else(PoisonError::into_inner);
        match table.entry(mfa) {
            Place::Vacant(place) => {
                place.insert(Arc::new(offer));
                Ok(())
            }
            Place::Occupied(place) => {
                let (module, function, arity) = place.key().clone();
                Err(OfferError::Taken(module, function, arity))
            }
        }
    }
}

impl Node {
    /// The functions that other nodes may call here.
    ///
    /// ```
    /// use flitch::{Cookie, Epmd, Node, Raise, Term};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let node = Node::builder("worker@127.0.0.1".parse()?)
    ///     .cookie(Cookie::new("a secret of this cluster")?)
    ///     .bind("127.0.0.1".parse()?)
    ///     .epmd(Epmd::None)
    ///     .start()
    ///     .await?;
    ///
    /// // :erpc.call(:"worker@10.0.0.7", Pricing, :quote, ["a-1", 2])
    /// node.functions().offer("Elixir.Pricing", "quote", 2, quote)?;
    /// async fn quote((sku, count): (String, u64)) -> Result<u64, Raise> {
    ///     let price = sku.len() as u64;
    ///     price.checked_mul(count).ok_or_else(|| Raise::error(Term::atom("overflow")))
    /// }
    ///
    /// // At most 4 at once, each for a second at the longest.
    /// let slow = node.functions().at_most(4).within(Duration::from_secs(1));
    /// slow.offer("Elixir.Pricing", "parse", 1, |(text,): (String,)| async move {
    ///     Ok(text.parse::<i64>()?) // an error is a RuntimeError with its text
    /// })?;
    ///
    /// assert!(node.functions().withdraw("Elixir.Pricing", "parse", 1));
    /// node.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn functions(&self) -> Functions {
        Functions { node: self.clone(), at_most: Functions::AT_MOST, within: None }
    }
}

impl Functions {
    /// How many calls of one function run at once, unless [`Functions::at_most`] says otherwise.
    pub const AT_MOST: usize = 1024;

    /// Lets so many calls of each function run at once. Callers beyond are answered
    /// `system_limit`, at once.
    #[must_use]
    pub fn at_most(self, calls: usize) -> Self {
        Self { at_most: calls.min(Semaphore::MAX_PERMITS), ..self }
    }

    /// Lets each call take so long. The caller gets the error `timeout` then.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self { within: Some(time), ..self }
    }

    /// Offers a function. Its arguments come as a tuple (`(A,)` for one, `()` for none), or as a
    /// `Vec` if they are all of one type; if they are not of the types that it takes, the caller
    /// gets the error `function_clause`.
    ///
    /// Each call runs in a process of its own, and a panic in it is the error
    /// `{panic, Message}` for its caller alone. The call of one that no longer waits, because
    /// its time is up, or it or its node is gone, ends where it stands: its future is dropped.
    /// What was started by `Node.spawn` or cast runs to its end.
    ///
    /// # Errors
    /// The names are no atoms, or the node has such a function already.
    pub fn offer<A, R, F, W>(
        &self,
        module: &str,
        function: &str,
        arity: u8,
        run: F,
    ) -> Result<(), OfferError>
    where
        A: DeserializeOwned + Send + 'static,
        R: Serialize + Send + 'static,
        F: Fn(A) -> W + Send + Sync + 'static,
        W: Future<Output = Result<R, Raise>> + Send + 'static,
    {
        self.offer_with(module, function, arity, move |invocation, arguments| {
            let work = run(arguments);
            async move {
                // Whoever asks finds the process as long as the function runs.
                let _process = invocation;
                work.await
            }
        })
    }

    /// Offers a function that wants to know who calls, or that receives messages, as one that is
    /// there for `Node.spawn` may.
    ///
    /// ```
    /// # use flitch::{Incoming, Invocation, Node, OfferError, Raise, Term};
    /// # fn offer(node: &Node) -> Result<(), OfferError> {
    /// // pid = Node.spawn(:"worker@10.0.0.7", Echo, :loop, []); send(pid, :hello)
    /// node.functions().offer_with("Elixir.Echo", "loop", 0, |mut call: Invocation, (): ()| async move {
    ///     while let Some(Incoming::Message(message)) = call.process.next().await {
    ///         let term: Term = message.to_value()?;
    ///         call.process.send(&call.caller, &term).await?;
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Functions::offer`].
    pub fn offer_with<A, R, F, W>(
        &self,
        module: &str,
        function: &str,
        arity: u8,
        run: F,
    ) -> Result<(), OfferError>
    where
        A: DeserializeOwned + Send + 'static,
        R: Serialize + Send + 'static,
        F: Fn(Invocation, A) -> W + Send + Sync + 'static,
        W: Future<Output = Result<R, Raise>> + Send + 'static,
    {
        let mfa = (Atom::new(module)?, Atom::new(function)?, arity);
        if crate::system::builtin::find(&mfa).is_some() {
            return Err(OfferError::Taken(mfa.0, mfa.1, mfa.2));
        }
        let named = mfa.clone();
        let run = move |invocation, arguments: Arguments| -> Work {
            match arguments.decode::<A>() {
                Ok(decoded) => {
                    let work = run(invocation, decoded);
                    Box::pin(async move { raise::to_term(&work.await?) })
                }
                Err(error) => {
                    let (module, function, arity) = &named;
                    tracing::warn!(?module, ?function, arity, %error, "arguments cannot be decoded");
                    Box::pin(std::future::ready(Err(Raise::function_clause())))
                }
            }
        };
        let room = Arc::new(Semaphore::new(self.at_most));
        let offer = Offer { run: Box::new(run), room, within: self.within };
        self.node.function_table().insert(mfa, offer)
    }

    /// Takes a function back. Calls that run still run to their end. Says whether it was there.
    #[must_use = "a function that is not there may be a mistake in its name"]
    pub fn withdraw(&self, module: &str, function: &str, arity: u8) -> bool {
        let (Ok(module), Ok(function)) = (Atom::new(module), Atom::new(function)) else {
            return false;
        };
        let table = &self.node.function_table().offers;
        let mut table = table.write().unwrap_or_else(PoisonError::into_inner);
        table.remove(&(module, function, arity)).is_some()
    }

    /// What is offered: module, function, arity, in their order.
    #[must_use]
    pub fn offered(&self) -> Vec<(Atom, Atom, u8)> {
        let table = &self.node.function_table().offers;
        let table = table.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = table.keys().cloned().collect();
        all.sort();
        all
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation").field("caller", &self.caller).finish_non_exhaustive()
    }
}
