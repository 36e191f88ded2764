//! A node on `erl_dist` and `eetf`, as `peers/driver.exs` expects its peers: `erl_dist_peer NAME`,
//! cookie and EPMD's port from the environment. One peer at a time, and nothing slow added.

#![allow(clippy::print_stdout, reason = "says that it is up")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use anyhow::Result;
use erl_dist::DistributionFlags;
use erl_dist::epmd::{EpmdClient, NodeEntry};
use erl_dist::handshake::{HandshakeStatus, ServerSideHandshake};
use erl_dist::message::{Message, Sender, channel};
use erl_dist::node::{Creation, LocalNode, NodeName};
use erl_dist::term::{Pid, Term, Tuple};
use futures::executor::block_on;
use futures::io::AllowStdIo;

/// A blocking stream that both halves of their channel can hold.
#[derive(Clone)]
struct Stream(Arc<TcpStream>);

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        (&*self.0).flush()
    }
}

type Io = AllowStdIo<Stream>;

fn io(stream: TcpStream) -> Result<Io> {
    stream.set_nodelay(true)?;
    Ok(AllowStdIo::new(Stream(Arc::new(stream))))
}

fn main() -> Result<()> {
    let name: NodeName = std::env::args().nth(1).unwrap_or_default().parse()?;
    let (cookie, epmd) = (std::env::var("RELEASE_COOKIE")?, std::env::var("ERL_EPMD_PORT")?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let entry = NodeEntry::new_hidden(name.name(), listener.local_addr()?.port());
    let epmd = io(TcpStream::connect((Ipv4Addr::LOCALHOST, epmd.parse()?))?)?;
    let _registered = block_on(EpmdClient::new(epmd).register(entry))?;
    println!("ready");
    loop {
        let io = io(listener.accept()?.0)?;
        // Whoever breaks off is followed by the next.
        let _ = block_on(serve(io, &name, &cookie));
    }
}

async fn serve(io: Io, name: &NodeName, cookie: &str) -> Result<()> {
    let mut local = LocalNode::new(name.clone(), Creation::new(7));
    local.flags |= DistributionFlags::DIST_MONITOR
        | DistributionFlags::DIST_MONITOR_NAME
        | DistributionFlags::ALIAS;
    let mut server = ServerSideHandshake::new(io, local, cookie);
    let Some(_) = server.execute_recv_name().await? else { return Ok(()) };
    let (io, _) = server.execute_rest(HandshakeStatus::Ok).await?;
    let (mut sender, mut receiver) = channel(io, DistributionFlags::default());
    loop {
        match receiver.recv().await? {
            Message::RegSend(sent) => answer(&mut sender, sent.message).await?,
            Message::Send(sent) => answer(&mut sender, sent.message).await?,
            Message::Tick => sender.send(Message::Tick).await?,
            _ => {}
        }
    }
}

async fn answer(sender: &mut Sender<Io>, message: Term) -> Result<()> {
    let Term::Tuple(Tuple { elements }) = message else { return Ok(()) };
    let (to, count, answer) = match <[Term; 3]>::try_from(elements) {
        Ok([_, Term::Tuple(from), Term::Tuple(echo)]) => {
            let (from, echo) = (from.elements, echo.elements);
            let Ok([Term::Pid(pid), tag]) = <[Term; 2]>::try_from(from) else { return Ok(()) };
            let Some(term) = echo.into_iter().nth(1) else { return Ok(()) };
            (pid, 1, Tuple::from(vec![tag, term]).into())
        }
        Ok([_, Term::Pid(pid), term]) => (pid, 1, term),
        Ok(_) => return Ok(()),
        Err(elements) => match <[Term; 4]>::try_from(elements) {
            Ok([_, Term::Pid(pid), Term::FixInteger(count), term]) => (pid, count.value, term),
            _ => return Ok(()),
        },
    };
    send(sender, to, count, answer).await
}

async fn send(sender: &mut Sender<Io>, to: Pid, count: i32, term: Term) -> Result<()> {
    for _ in 0..count {
        sender.send(Message::send(to.clone(), term.clone())).await?;
    }
    Ok(())
}
