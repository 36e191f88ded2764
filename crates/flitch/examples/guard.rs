//! A server that watches processes of other nodes and outlives them: it knows how each ended, also
//! when its whole node went.
//!
//! ```elixir
//! guard = {:guard, :"guard@127.0.0.1"}
//! GenServer.cast(guard, {:watch, :import, importer, self()})
//! GenServer.call(guard, {:ended})       # [import: :killed], or [import: :noconnection]
//! flush()                               # {:ended, :import, :killed}
//! ```
//!
//! After an hour an end is forgotten.
//!
//! `RELEASE_NODE=guard@127.0.0.1 RELEASE_COOKIE=… cargo run --example guard`

use std::collections::HashMap;
use std::time::Duration;

use flitch::{Atom, Caller, Config, Context, GenServer, Info, Pid, Process, Reference, Term, term};
use serde::Deserialize;

/// How long an end is remembered.
const MEMORY: Duration = Duration::from_secs(3600);

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    Ended(), // {:ended}
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cast {
    Watch(Atom, Pid, Pid), // {:watch, :import, who, who_is_told}
}

#[derive(Default)]
struct Guard {
    /// What this process does in its own name: watches, timers, messages.
    context: Option<Context>,
    watched: HashMap<Reference, (Atom, Pid)>,
    ended: Vec<(Atom, Term)>,
}

impl GenServer for Guard {
    type Call = Call;
    type Cast = Cast;
    type Reply = Vec<(Atom, Term)>;

    async fn init(&mut self, process: &Process) {
        self.context = Some(process.context());
    }

    async fn handle_call(&mut self, Call::Ended(): Call, caller: Caller<Self::Reply>) {
        caller.reply(self.ended.clone());
    }

    async fn handle_cast(&mut self, Cast::Watch(name, pid, told): Cast) {
        let Some(context) = &self.context else { return };
        // A process that has ended already says so at once.
        if let Ok(reference) = context.monitor(&pid) {
            self.watched.insert(reference, (name, told));
        }
    }

    async fn handle_info(&mut self, info: Info) {
        let Some(context) = &self.context else { return };
        match info {
            Info::Down { reference, reason, .. } => {
                let Some((name, told)) = self.watched.remove(&reference) else { return };
                // Without waiting for a node that may have gone with the process.
                let _ = context.node().try_send(&told, &(Term::atom("ended"), &name, &reason));
                self.ended.push((name, reason));
                // The timer goes on without its handle, which is for who may cancel it.
                let _ = context.send_after(MEMORY, &term!(:forget));
            }
            // The oldest end is the one that is an hour old.
            Info::Message(message)
                if message.to_value::<Term>().is_ok_and(|it| it.is_atom("forget")) =>
            {
                self.ended.remove(0);
            }
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let config = Config::load(None)?;
    let node = config.builder()?.start().await?;
    node.spawn(Guard::default()).register("guard")?;
    config.join(&node)?;
    tokio::signal::ctrl_c().await?;
    node.shutdown().await;
    Ok(())
}
