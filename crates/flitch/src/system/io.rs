//! The group leader of what we run elsewhere: what it prints comes here.
//!
//! Source: stdlib's "The Erlang I/O Protocol".

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use flitch_dist::{Control, Payload};
use flitch_etf::{Limits, Pid, Term};

use crate::mailbox::{Incoming, Receiver};
use crate::node::Node;

/// Takes what functions print that this node runs elsewhere.
///
/// ```
/// use flitch::{Node, Output};
/// use std::sync::Arc;
///
/// let output: Output = Arc::new(|text| eprint!("{text}"));
/// let builder = Node::builder("worker@10.0.0.7".parse()?).output(move |text| output(text));
/// # let _ = builder;
/// # Ok::<(), flitch::NameError>(())
/// ```
pub type Output = Arc<dyn Fn(&str) + Send + Sync>;

/// How long the node that prints may take to format its own output.
const FORMAT_TIME: Duration = Duration::from_secs(5);

/// Answers I/O requests until the node stops.
pub(crate) async fn serve(node: Node, mut requests: Receiver, output: Output) {
    loop {
        let incoming = tokio::select! {
            // Calls that are under way at a shutdown may still print.
            () = node.ended() => return,
            incoming = requests.next() => incoming,
        };
        let Some(Incoming::Message(payload)) = incoming else { return };
        if let Some(request) = Request::read(&payload) {
            let reply = answer_all(&node, &request.from, &request.body, &output).await;
            request.reply(&node, reply);
        }
    }
}

struct Request {
    from: Pid,
    reply_as: Term,
    body: Term,
}

impl Request {
    fn read(payload: &Payload) -> Option<Self> {
        let term = payload.to_term(Limits::DEFAULT).ok()?;
        match term.as_tuple()? {
            [tag, Term::Pid(from), reply_as, body] if tag.is_atom("io_request") => Some(Self {
                from: from.as_ref().clone(),
                reply_as: reply_as.clone(),
                body: body.clone(),
            }),
            _ => None,
        }
    }

    fn reply(self, node: &Node, reply: Term) {
        let from = Some(node.calls().caller().clone());
        let to = self.from.node.clone();
        let control = Control::Send { from, to: self.from };
        let message = Term::from((Term::atom("io_reply"), self.reply_as, reply));
        node.signal(&to, &control, &message);
    }
}

/// Answers a request and those inside it, up to the first that fails. They are inside one another
/// as deep as the peer likes.
async fn answer_all(node: &Node, from: &Pid, request: &Term, output: &Output) -> Term {
    let mut work = vec![request];
    let mut last = Term::atom("ok");
    while let Some(request) = work.pop() {
        match request.as_tuple() {
            Some([name, requests]) if name.is_atom("requests") => {
                work.extend(requests.as_list().unwrap_or_default().iter().rev());
            }
            _ => last = answer(node, from, request, output).await,
        }
        if is_error(&last) {
            break;
        }
    }
    last
}

async fn answer(node: &Node, from: &Pid, request: &Term, output: &Output) -> Term {
    let parts = request.as_tuple().unwrap_or_default();
    let name = parts.first().and_then(Term::as_atom).map(flitch_etf::Atom::as_str);
    match (name, parts) {
        (Some("put_chars"), [_, data] | [_, _, data]) => print(data, output),
        (Some("put_chars"), [_, _, module, function, arguments]) => {
            match format(node, from, module, function, arguments).await {
                Some(data) => print(&data, output),
                None => error("put_chars"),
            }
        }
        (Some("get_geometry"), _) => error("enotsup"),
        (Some("get_line" | "get_chars" | "get_until" | "get_password"), _) => Term::atom("eof"),
        (Some("setopts"), _) => Term::atom("ok"),
        _ => error("request"),
    }
}

fn error(what: &'static str) -> Term {
    Term::from((Term::atom("error"), Term::atom(what)))
}

fn is_error(reply: &Term) -> bool {
    reply.as_tuple().and_then(<[Term]>::first).is_some_and(|first| first.is_atom("error"))
}

fn print(data: &Term, output: &Output) -> Term {
    let mut text = Vec::new();
    if !chardata(data, &mut text) {
        return error("put_chars");
    }
    let text = String::from_utf8_lossy(&text);
    // The program's own code: if it panics, what is printed later still has somebody to take it.
    match std::panic::catch_unwind(AssertUnwindSafe(|| output(&text))) {
        Ok(()) => Term::atom("ok"),
        Err(_) => error("terminated"),
    }
}

/// Lets the node that prints do its own formatting: we have no `io_lib`.
async fn format(
    node: &Node,
    from: &Pid,
    module: &Term,
    function: &Term,
    arguments: &Term,
) -> Option<Term> {
    let at = from.node.as_str().parse().ok()?;
    let (module, function) = (module.as_atom()?, function.as_atom()?);
    let arguments = arguments.as_list()?;
    node.rpc(&at, module.as_str(), function.as_str(), arguments, FORMAT_TIME).await.ok()
}

/// Flattens `unicode:chardata()`: code points, binaries, and lists of them.
fn chardata(data: &Term, out: &mut Vec<u8>) -> bool {
    let mut work = vec![data];
    while let Some(next) = work.pop() {
        match next {
            Term::Binary(bytes) => out.extend_from_slice(bytes),
            Term::List(_) | Term::ImproperList(_) => work.extend(next.children().rev()),
            Term::Integer(code) => match u32::try_from(*code).ok().and_then(char::from_u32) {
                Some(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
                None => return false,
            },
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use flitch_etf::ImproperList;

    use super::*;

    #[test]
    fn chardata_is_flattened_however_it_is_nested() {
        let mut out = Vec::new();
        let inner = ImproperList::term(vec![Term::from(0xe9)], Term::from("b"));
        let data = Term::from(vec![Term::from("a"), inner, Term::from(vec![Term::from(0x20ac)])]);
        assert!(chardata(&data, &mut out));
        assert_eq!(String::from_utf8(out).unwrap(), "aéb€");
        assert!(!chardata(&Term::atom("a"), &mut Vec::new()));
        assert!(!chardata(&Term::from(-1), &mut Vec::new()));
    }
}
