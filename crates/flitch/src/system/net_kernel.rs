//! `net_kernel`, as far as others call it: `net_adm:ping` asks it `{is_auth, Node}`.
//!
//! Source: `net_adm.erl` and `net_kernel.erl` of kernel.

use flitch_etf::{Atom, Term};

use crate::caller::Caller;
use crate::gen_server::GenServer;

/// Answers pings.
pub(crate) struct NetKernel;

impl GenServer for NetKernel {
    type Call = Term;
    type Cast = Term;
    type Reply = Atom;

    async fn handle_call(&mut self, call: Term, caller: Caller<Atom>) {
        match call.as_tuple() {
            Some([request, _]) if request.is_atom("is_auth") => {
                caller.reply(Atom::from_static("yes"));
            }
            _ => caller.exit(Term::from((Term::atom("unknown_request"), call))),
        }
    }

    async fn handle_cast(&mut self, _: Term) {}
}
