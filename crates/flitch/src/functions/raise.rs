//! What a function raises, and what a BEAM makes of it.

use std::error::Error;

use flitch_etf::{Atom, Reader, Term, write_value};
use serde::Serialize;

use crate::rpc::RpcError;

/// What a function raises in the place of a result.
///
/// Any error of Rust's becomes one by `?`: a `RuntimeError` of Elixir's with its text.
///
/// ```
/// use flitch::{Raise, Term};
///
/// fn parse(text: &str) -> Result<i64, Raise> {
///     Ok(text.parse()?)                            // raise "invalid digit found in string"
/// }
/// fn positive(number: i64) -> Result<i64, Raise> {
///     match number {
///         1.. => Ok(number),
///         0 => Err(Raise::throw(Term::atom("zero"))),                 // throw(:zero)
///         _ => Err(Raise::error((Term::atom("negative"), number))),   // :erlang.error({:negative, -1})
///     }
/// }
/// # assert!(parse("x").is_err() && positive(0).is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Raise {
    pub(crate) class: Class,
    pub(crate) reason: Term,
}

/// How it is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Error,
    Exit,
    Throw,
}

/// What was raised, and where.
#[derive(Clone, Debug)]
pub(crate) struct Raised {
    pub(crate) raise: Raise,
    pub(crate) stack: Term,
}

impl Raise {
    /// `erlang:error(Reason)`.
    #[must_use]
    pub fn error(reason: impl Into<Term>) -> Self {
        Self { class: Class::Error, reason: reason.into() }
    }

    /// `exit(Reason)`.
    #[must_use]
    pub fn exit(reason: impl Into<Term>) -> Self {
        Self { class: Class::Exit, reason: reason.into() }
    }

    /// `throw(Reason)`. `rpc:call` gives it to its caller as if it were a result.
    #[must_use]
    pub fn throw(reason: impl Into<Term>) -> Self {
        Self { class: Class::Throw, reason: reason.into() }
    }

    pub(crate) fn function_clause() -> Self {
        Self::error(Term::atom("function_clause"))
    }

    pub(crate) fn badarg() -> Self {
        Self::error(Term::atom("badarg"))
    }

    pub(crate) fn undef() -> Self {
        Self::error(Term::atom("undef"))
    }
}

impl<E: Error> From<E> for Raise {
    fn from(error: E) -> Self {
        let fields = [
            (Atom::from_static("__struct__"), Term::atom("Elixir.RuntimeError")),
            (Atom::from_static("__exception__"), Term::from(true)),
            (Atom::from_static("message"), Term::from(error.to_string())),
        ];
        Self::error(flitch_etf::Map::from(fields))
    }
}

impl Raised {
    /// The exit reason of a process that nobody catches it in.
    pub(crate) fn exit_reason(self) -> Term {
        let Raise { class, reason } = self.raise;
        match class {
            Class::Exit => reason,
            Class::Error => Term::from((reason, self.stack)),
            Class::Throw => Term::from(((Term::atom("nocatch"), reason), self.stack)),
        }
    }

    /// The exit reason of `erpc:execute_call/4`.
    pub(crate) fn answer(self, tag: Term) -> Term {
        let Raise { class, reason } = self.raise;
        match class {
            Class::Exit => Term::from((tag, Term::atom("exit"), reason)),
            Class::Throw => Term::from((tag, Term::atom("throw"), reason)),
            Class::Error => Term::from((tag, Term::atom("error"), reason, self.stack)),
        }
    }

    /// What [`Node::rpc`](crate::Node::rpc) to our own node gives.
    pub(crate) fn rpc_error(self) -> RpcError {
        let Raise { class, reason } = self.raise;
        match class {
            Class::Exit => RpcError::Exit(reason),
            Class::Throw => RpcError::Throw(reason),
            Class::Error => RpcError::Error { reason, stack: self.stack },
        }
    }

    /// What `rex` answers.
    pub(crate) fn badrpc(self) -> Term {
        let exit = match self.raise {
            Raise { class: Class::Throw, reason } => return reason,
            Raise { class: Class::Exit, reason } => reason,
            Raise { class: Class::Error, reason } => Term::from((reason, self.stack)),
        };
        Term::from((Term::atom("badrpc"), (Term::atom("EXIT"), exit)))
    }
}

/// A result as a term. One that has no form on the wire is an error of ours.
pub(super) fn to_term<R: Serialize>(result: &R) -> Result<Term, Raise> {
    let mut bytes = Vec::new();
    let written = write_value(&mut bytes, result);
    let bytes = bytes::Bytes::from(bytes);
    let read = written
        .map_err(|error| error.to_string())
        .and_then(|()| Reader::of_shared(&bytes).term().map_err(|error| error.to_string()));
    read.map_err(|error| {
        tracing::error!(error, "a result cannot be encoded");
        Raise::error((Term::atom("unencodable_result"), error))
    })
}
