//! For programs: one JSON document on standard output, whatever happens.

use flitch::{NodeName, Term};
use serde::Serialize;

use crate::failure::{Failure, Stage};
use crate::out::exception::Exception;

/// Prints an answer.
///
/// # Errors
/// It has no form in JSON.
pub(crate) fn answer<T: Serialize>(answer: &T) -> Result<(), Failure> {
    super::stdout(&line(answer)?);
    Ok(())
}

/// An answer as a line.
///
/// # Errors
/// It has no form in JSON.
pub(crate) fn line<T: Serialize>(answer: &T) -> Result<String, Failure> {
    document(answer).map_err(|error| {
        let message = format!("the answer has no form in JSON, ask for text instead: {error}");
        Failure::new(Stage::Call, message)
    })
}

/// Prints a failure: of one of several nodes, with its name.
pub(crate) fn failure(failure: &Failure, node: Option<&NodeName>) {
    let told = |with_reason| {
        let told = ErrorDocument::new(failure, with_reason);
        document(&ErrorDocument { node: node.map(NodeName::as_str), ..told })
    };
    // A reason that has no form in JSON is in the message as well.
    let text = told(true).or_else(|_| told(false));
    match text {
        Ok(text) => super::stdout(&text),
        Err(_) => super::text::failure(failure),
    }
}

/// On one line, for a terminal as well: a list of lines of digits helps nobody.
fn document<T: Serialize>(value: &T) -> serde_json::Result<String> {
    Ok(serde_json::to_string(value)? + "\n")
}

/// `{"error": {"stage": …, "message": …}}`, with `"node"` before it where there are several
#[derive(Serialize)]
struct ErrorDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    stage: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Term>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stacktrace: Option<&'a [String]>,
}

impl<'a> ErrorDocument<'a> {
    fn new(failure: &'a Failure, with_reason: bool) -> Self {
        let exception = failure.exception.as_deref();
        let message = match exception {
            Some(Exception { banner, .. }) => format!("{}: {banner}", failure.message),
            None => failure.message.clone(),
        };
        let error = ErrorBody {
            stage: failure.stage.as_str(),
            message,
            kind: exception.map(|exception| exception.kind),
            reason: exception.filter(|_| with_reason).map(|exception| &exception.reason),
            stacktrace: exception.map(|exception| exception.stack.as_slice()),
        };
        Self { node: None, error }
    }
}

#[cfg(test)]
mod tests {
    use flitch::etf::text::Syntax;
    use serde_json::{Value, json};

    use super::*;

    fn shown(failure: &Failure, with_reason: bool) -> serde_json::Result<Value> {
        serde_json::to_value(ErrorDocument::new(failure, with_reason))
    }

    #[test]
    fn a_failure_has_a_stage_and_a_message_and_no_more_than_there_is() {
        let failure = Failure::new(Stage::Dns, "no address");
        let expected = json!({ "error": { "stage": "dns", "message": "no address" } });
        assert_eq!(shown(&failure, true).unwrap(), expected);
    }

    #[test]
    fn an_exception_is_told_in_the_message_and_in_parts() {
        let exception = Exception::exit(Term::atom("boom"), Syntax::Elixir);
        let failure = Failure::raised("M.f/0 failed on a@b.c", exception);
        let expected = json!({ "error": {
            "stage": "call",
            "message": "M.f/0 failed on a@b.c: ** (exit) :boom",
            "kind": "exit",
            "reason": "boom",
            "stacktrace": [],
        } });
        assert_eq!(shown(&failure, true).unwrap(), expected);
    }

    #[test]
    fn a_reason_that_json_cannot_hold_does_not_hide_the_failure() {
        let mut deep = Term::empty_list();
        for _ in 0..1000 {
            deep = Term::from(vec![deep]);
        }
        let failure = Failure::raised("M.f/0 failed", Exception::exit(deep, Syntax::Elixir));
        assert!(shown(&failure, true).is_err());
        assert_eq!(shown(&failure, false).unwrap()["error"]["kind"], "exit");
    }
}
