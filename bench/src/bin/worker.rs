//! A worker of ours, as `peers/driver.exs` expects its peers: `worker NAME`, cookie and EPMD's port
//! from the environment.

#![allow(clippy::print_stdout, reason = "says that it is up")]

use flitch::etf::Limits;
use flitch::{Caller, Cookie, Epmd, GenServer, Info, Node, Pid, Term};
use serde::de::IgnoredAny;

struct Bench {
    node: Node,
}

impl GenServer for Bench {
    type Call = Term;
    type Cast = IgnoredAny;
    type Reply = Term;

    async fn handle_call(&mut self, call: Term, caller: Caller<Term>) {
        if let Some([_, term]) = call.as_tuple() {
            caller.reply(term.clone());
        }
    }

    async fn handle_cast(&mut self, _: IgnoredAny) {}

    async fn handle_info(&mut self, info: Info) {
        let Info::Message(message) = info else { return };
        let Ok(message) = message.to_term(Limits::DEFAULT) else { return };
        match message.as_tuple() {
            Some([_, to, term]) => self.send(to.as_pid(), 1, term).await,
            Some([_, to, count, term]) => {
                self.send(to.as_pid(), count.as_integer().unwrap_or_default(), term).await;
            }
            _ => {}
        }
    }
}

impl Bench {
    async fn send(&self, to: Option<&Pid>, count: i64, term: &Term) {
        let Some(to) = to else { return };
        for _ in 0..count {
            if self.node.send(to, term).await.is_err() {
                return;
            }
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let name = std::env::args().nth(1).unwrap_or_default();
    let node = Node::builder(name.parse()?).cookie(Cookie::from_env("RELEASE_COOKIE")?);
    let node = node.epmd(Epmd::External).bind("127.0.0.1".parse()?).start().await?;
    node.spawn(Bench { node: node.clone() }).register("bench")?;
    println!("ready");
    std::future::pending().await
}
