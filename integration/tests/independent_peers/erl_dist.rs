//! `erl_dist` 0.8 at the other end: it dials, and it is dialled.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use erl_dist::DistributionFlags;
use erl_dist::handshake::{ClientSideHandshake, HandshakeStatus, ServerSideHandshake};
use erl_dist::message::{Message, Receiver, RegSend, Sender, channel};
use erl_dist::node::{Creation, LocalNode, NodeName};
use erl_dist::term::{Atom, FixInteger, Pid, PidOrAtom, Reference, Term, Tuple};
use futures::executor::block_on;
use futures::io::AllowStdIo;
use integration::{Cluster, SOON};

const CREATION: u32 = 4711;

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

fn io(stream: TcpStream) -> Io {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    AllowStdIo::new(Stream(Arc::new(stream)))
}

/// Another node as they have it.
struct Theirs {
    name: String,
    send: Sender<Io>,
    receive: Receiver<Io>,
}

impl Theirs {
    fn local(name: &str) -> LocalNode {
        let mut node = LocalNode::new(name.parse().unwrap(), Creation::new(CREATION));
        // All that they can do; the header and fragments are not among it.
        node.flags |= DistributionFlags::DIST_MONITOR
            | DistributionFlags::DIST_MONITOR_NAME
            | DistributionFlags::SEND_SENDER
            | DistributionFlags::EXIT_PAYLOAD
            | DistributionFlags::ALIAS;
        node
    }

    fn over(io: Io, name: &str) -> Self {
        let (send, receive) = channel(io, DistributionFlags::default());
        Self { name: name.to_owned(), send, receive }
    }

    fn dial(cluster: &Cluster, port: u16) -> Self {
        let name = cluster.name("theirs");
        let io = io(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap());
        let io = block_on(async {
            let mut client = ClientSideHandshake::new(io, Self::local(&name), cluster.cookie());
            let version = erl_dist::HIGHEST_DISTRIBUTION_PROTOCOL_VERSION;
            assert_eq!(client.execute_send_name(version).await?, HandshakeStatus::Ok);
            client.execute_rest(true).await
        });
        Self::over(io.unwrap().0, &name)
    }

    /// A name in EPMD, and what is done with the first node that dials it.
    fn be_dialled<T: Send + 'static>(
        cluster: &Cluster,
        then: impl FnOnce(Self, NodeName) -> T + Send + 'static,
    ) -> (String, JoinHandle<T>, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = cluster.epmd.pretend(&cluster.alive("theirs"), port);
        let (name, cookie) = (cluster.name("theirs"), cluster.cookie().to_owned());
        let ours = name.clone();
        let thread = std::thread::spawn(move || {
            loop {
                let io = io(listener.accept().unwrap().0);
                let done = block_on(async {
                    let mut server = ServerSideHandshake::new(io, Self::local(&ours), &cookie);
                    // Who asks for a name gets none here, and comes again with one of its own.
                    let Some(caller) = server.execute_recv_name().await? else { return Ok(None) };
                    let (io, _) = server.execute_rest(HandshakeStatus::Ok).await?;
                    Ok::<_, erl_dist::handshake::HandshakeError>(Some((io, caller)))
                });
                if let Some((io, caller)) = done.unwrap() {
                    return then(Self::over(io, &ours), caller);
                }
            }
        });
        (name, thread, told)
    }

    fn pid(&self) -> Pid {
        Pid::new(self.name.as_str(), 7, 1, CREATION)
    }

    fn reference(&self, number: u32) -> Reference {
        Reference {
            node: Atom::from(self.name.as_str()),
            id: vec![number, 2, 3],
            creation: CREATION,
        }
    }

    fn send(&mut self, message: Message) {
        block_on(self.send.send(message)).unwrap();
    }

    /// The next message that is no tick.
    fn receive(&mut self) -> Message {
        loop {
            match block_on(self.receive.recv()).unwrap() {
                Message::Tick => {}
                message => return message,
            }
        }
    }

    /// Says yes to `net_adm:ping` until the other end closes: what came under other names.
    fn answer_pings(&mut self, caller: &NodeName) -> Vec<RegSend> {
        let mut others = Vec::new();
        while let Ok(message) = block_on(self.receive.recv()) {
            let Message::RegSend(sent) = message else { continue };
            if sent.to_name != Atom::from("net_kernel") {
                others.push(sent);
                continue;
            }
            let Term::Tuple(Tuple { elements }) = sent.message else { panic!("no call") };
            let [call, Term::Tuple(from), question] = elements.as_slice() else {
                panic!("{elements:?}")
            };
            let [Term::Pid(pid), tag] = from.elements.as_slice() else { panic!("{from}") };
            let is_auth = tuple([atom("is_auth"), atom(&caller.to_string())]);
            assert_eq!((call, question), (&atom("$gen_call"), &is_auth));
            self.send(Message::send(pid.clone(), tuple([tag.clone(), atom("yes")])));
        }
        others
    }

    /// `GenServer.call({:flitch, node}, request)`: who answers, and what.
    fn call(&mut self, request: impl Into<Term>) -> (Option<Pid>, Term) {
        let tag = self.reference(1);
        let from = tuple([self.pid().into(), tag.clone().into()]);
        let call = tuple([Atom::from("$gen_call").into(), from, request.into()]);
        self.send(Message::reg_send(self.pid(), Atom::from("flitch"), call));
        let (by, answer) = match self.receive() {
            Message::SendSender(sent) => (Some(sent.from_pid), sent.message),
            Message::Send(sent) => (None, sent.message),
            other => panic!("{other:?}"),
        };
        let Term::Tuple(Tuple { elements }) = answer else { panic!("{answer}") };
        let [answered, answer] = elements.as_slice() else { panic!("{elements:?}") };
        assert_eq!(*answered, Term::from(tag));
        (by, answer.clone())
    }
}

fn tuple<const N: usize>(elements: [Term; N]) -> Term {
    Tuple::from(Vec::from(elements)).into()
}

fn atom(text: &str) -> Term {
    Atom::from(text).into()
}

#[test]
fn erl_dist_dials_and_calls_a_server_of_ours() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let mut theirs = Theirs::dial(&cluster, worker.port());
    worker.await_event("peer is up", |fields| fields["peer"] == theirs.name.as_str());
    assert_eq!(theirs.call(Atom::from("ping")).1, atom("pong"));
    let echoed: Term = tuple([atom("täg"), FixInteger::from(-7).into(), theirs.pid().into()]);
    let request = tuple([atom("echo"), echoed.clone()]);
    assert_eq!(theirs.call(request).1, echoed);
}

#[test]
fn erl_dist_is_told_the_end_of_what_it_monitors_and_is_linked_to() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let mut theirs = Theirs::dial(&cluster, worker.port());
    let (server, _) = theirs.call(Atom::from("ping"));
    let server = server.expect("SEND_SENDER was agreed on");

    let nobody = PidOrAtom::Atom(Atom::from("nobody"));
    theirs.send(Message::monitor_p(theirs.pid(), nobody.clone(), theirs.reference(2)));
    let Message::PayloadMonitorPExit(down) = theirs.receive() else { panic!("no DOWN") };
    assert_eq!((down.from_proc, down.reason), (nobody, atom("noproc")));
    assert_eq!((down.to_pid, down.reference), (theirs.pid(), theirs.reference(2)));

    theirs.send(Message::link(theirs.pid(), server.clone()));
    let id: Term = FixInteger::from(77).into();
    theirs.send(Message::unlink_id(id.clone(), theirs.pid(), server.clone()));
    let Message::UnlinkIdAck(ack) = theirs.receive() else { panic!("no UNLINK_ID_ACK") };
    assert_eq!((ack.id, ack.from_pid, ack.to_pid), (id, server.clone(), theirs.pid()));

    let named = PidOrAtom::Atom(Atom::from("flitch"));
    theirs.send(Message::monitor_p(theirs.pid(), named.clone(), theirs.reference(3)));
    theirs.send(Message::link(theirs.pid(), server.clone()));
    theirs.send(Message::payload_exit2(theirs.pid(), server.clone(), atom("enough")));
    let (mut downs, mut exits) = (0, 0);
    while downs + exits < 2 {
        match theirs.receive() {
            Message::PayloadMonitorPExit(down) => {
                assert_eq!((down.from_proc, down.reason), (named.clone(), atom("enough")));
                downs += 1;
            }
            Message::PayloadExit(exit) => {
                assert_eq!((exit.from_pid, exit.reason), (server.clone(), atom("enough")));
                exits += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((downs, exits), (1, 1));
}

#[test]
fn erl_dist_is_dialled_and_answers_a_ping_as_a_node_does() {
    let cluster = Cluster::new();
    let (name, thread, _told) =
        Theirs::be_dialled(&cluster, |mut theirs, caller| theirs.answer_pings(&caller));
    let output = cluster.cli(&["ping", &name]).run();
    assert!(output.status.success() && output.stdout.contains("pong"), "{output:?}");
    assert_eq!(thread.join().unwrap(), [] as [RegSend; 0]);
}

#[test]
fn erl_dist_is_dialled_and_gets_a_message_under_a_name() {
    let cluster = Cluster::new();
    let (name, thread, _told) =
        Theirs::be_dialled(&cluster, |mut theirs, caller| theirs.answer_pings(&caller));
    let output = cluster.cli(&["send", &name, "desk", ":hello"]).run();
    assert!(output.status.success(), "{output:?}");
    let sent = thread.join().unwrap();
    let [RegSend { to_name, message, .. }] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((to_name, message), (&Atom::from("desk"), &atom("hello")));
}

/// What they write is right: `{12, '', To, Token}`. What they read is not.
#[test]
fn erl_dist_does_not_read_the_traced_send_that_it_writes() {
    let pid = Pid::new("a@127.0.0.1", 7, 1, CREATION);
    let sent = Message::send_tt(pid, atom("hello"), atom("token"));
    let mut bytes = Vec::new();
    sent.clone().write_into(&mut bytes).unwrap();
    let read = Message::read_from(&mut bytes.as_slice());
    assert!(read.is_err(), "mended: {read:?}; ARCHITECTURE.md says otherwise");
}
