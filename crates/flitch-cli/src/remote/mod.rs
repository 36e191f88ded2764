//! Questions to a node about itself. They ask only what every BEAM has loaded, leave no process
//! and no atom there, and each answer is bounded by how much is asked at once.

pub(crate) mod processes;

use std::time::{Duration, Instant};

use flitch::etf::Export;
use flitch::etf::text::Syntax;
use flitch::{Atom, RpcError, Term};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::client::Client;
use crate::deadline::Deadline;
use crate::failure::{Failure, Stage};

/// A node that is asked about itself, until a deadline.
pub(crate) struct Remote<'a> {
    pub(crate) client: &'a Client,
    deadline: Deadline,
}

/// How many things one call asks about: what it takes over there stays far below the time after
/// which a scheduler would be missed.
pub(crate) const CHUNK: usize = 1000;

/// How many calls are under way at once.
const IN_FLIGHT: usize = 4;

impl<'a> Remote<'a> {
    /// Questions to `client`'s peer, which all have to be answered within `timeout`.
    pub(crate) fn new(client: &'a Client, timeout: Duration) -> Self {
        Self { client, deadline: Deadline::new(timeout, Instant::now()) }
    }

    /// The time that is left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.left(Instant::now())
    }

    /// What a function gives.
    ///
    /// # Errors
    /// What it raised, or why there is no answer.
    pub(crate) async fn call(
        &self,
        module: &'static str,
        function: &'static str,
        arguments: &[Term],
    ) -> Result<Term, Failure> {
        let result = self.ask(module, function, arguments).await;
        result.map_err(|error| self.failed(module, function, arguments.len(), error))
    }

    /// What a function gives; nothing, where it raises, as it does for what is gone by now.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn attempt(
        &self,
        module: &'static str,
        function: &'static str,
        arguments: &[Term],
    ) -> Result<Option<Term>, Failure> {
        match self.ask(module, function, arguments).await {
            Ok(result) => Ok(Some(result)),
            Err(RpcError::Error { .. } | RpcError::Exit(_)) => Ok(None),
            Err(error) => Err(self.failed(module, function, arguments.len(), error)),
        }
    }

    /// `module:function(Argument)` for each of them, in one call.
    ///
    /// # Errors
    /// One of them raised, or there is no answer.
    pub(crate) async fn map(
        &self,
        module: &'static str,
        function: &'static str,
        arguments: Vec<Term>,
    ) -> Result<Vec<Term>, Failure> {
        let function = function_of(module, function, 1);
        list(&self.call("lists", "map", &[function, Term::from(arguments)]).await?)
    }

    /// `module:function(Thing, what)` for each of them, `what` being always the same: in calls of a
    /// bounded number of things, a few at once, the results in the order of the things.
    ///
    /// # Errors
    /// One of them raised, or there is no answer.
    pub(crate) async fn each(
        &self,
        module: &'static str,
        function: &'static str,
        things: &[Term],
        what: &Term,
    ) -> Result<Vec<Term>, Failure> {
        let function = function_of(module, function, 2);
        let chunks = things.chunks(CHUNK).map(|chunk| {
            let same = vec![what.clone(); chunk.len()];
            let arguments = [function.clone(), Term::from(chunk.to_vec()), Term::from(same)];
            async move { list(&self.call("lists", "zipwith", &arguments).await?) }
        });
        let results: Vec<Vec<Term>> =
            stream::iter(chunks).buffered(IN_FLIGHT).try_collect().await?;
        Ok(results.into_iter().flatten().collect())
    }

    /// What each of these nodes gives for `erlang:nodes(visible)`, as `erpc:multicall/5` tells it: the
    /// node asks the others, over the connections that it has, for as many milliseconds.
    ///
    /// # Errors
    /// There is no answer.
    pub(crate) async fn seen_by(&self, nodes: &[Term], wait: u128) -> Result<Vec<Term>, Failure> {
        let wait = i64::try_from(wait).unwrap_or(i64::MAX);
        let asked = [
            Term::from(nodes.to_vec()),
            Term::atom("erlang"),
            Term::atom("nodes"),
            Term::from(vec![Term::atom("visible")]),
            Term::from(wait),
        ];
        list(&self.call("erpc", "multicall", &asked).await?)
    }

    /// The atom of this text, if the node has it already: asking never makes one there.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn existing_atom(&self, text: &str) -> Result<Option<Atom>, Failure> {
        let name = Term::from(text);
        let found =
            self.attempt("erlang", "binary_to_existing_atom", &[name, Term::atom("utf8")]).await?;
        Ok(found.and_then(|atom| atom.as_atom().cloned()))
    }

    async fn ask(
        &self,
        module: &str,
        function: &str,
        arguments: &[Term],
    ) -> Result<Term, RpcError> {
        let Client { node, target, .. } = self.client;
        node.rpc(target, module, function, arguments, self.left()).await
    }

    fn failed(&self, module: &str, function: &str, arity: usize, error: RpcError) -> Failure {
        let label = format!("{module}:{function}/{arity}");
        self.client.no_result(&label, Syntax::Erlang, error)
    }
}

/// `fun module:function/arity`: nothing has to be loaded for it.
fn function_of(module: &'static str, function: &'static str, arity: u8) -> Term {
    let (module, function) = (Atom::from_static(module), Atom::from_static(function));
    Term::from(Export { module, function, arity })
}

/// The elements of a list that was asked for.
pub(crate) fn list(term: &Term) -> Result<Vec<Term>, Failure> {
    match term.as_list() {
        Some(list) => Ok(list.to_vec()),
        None => Err(unexpected("list")),
    }
}

/// The node answers something that no release of OTP answers.
pub(crate) fn unexpected(what: &str) -> Failure {
    Failure::new(Stage::Call, format!("the node gave no {what} where every OTP gives one"))
}

/// A count or a size; nothing, where it is none.
pub(crate) fn count(term: &Term) -> Option<u64> {
    u64::try_from(term).ok()
}
