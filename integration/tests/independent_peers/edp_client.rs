//! `edp_client` 0.16 at the other end. It only dials, and its `Connection` looks for EPMD on port
//! 4369 alone, so a loop of ours drives its parts: EPMD client, handshake, framing, messages.

use edp_client::control::{ControlMessage, ControlMessageType};
use edp_client::epmd_client::EpmdClient;
use edp_client::framing::{FrameMode, MessageDeframer};
use edp_client::state_machine::HandshakeStateMachine;
use edp_client::{Creation, DistributionFlags, Error};
use erltf::types::{Atom, ExternalPid, ExternalReference};
use erltf::{OwnedTerm, decoder};
use flitch_handshake::Flags;
use integration::{Cluster, SOON};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

const CREATION: u32 = 4711;

/// Their default flags have `SPAWN`, `NAME_ME`, `ALIAS` and `FRAGMENTS` in the wrong places, as a
/// test below holds: these bits mean something else, so they are left out.
fn flags() -> DistributionFlags {
    DistributionFlags::DEFAULT_HIDDEN
        - DistributionFlags::SPAWN
        - DistributionFlags::NAME_ME
        - DistributionFlags::ALIAS
        - DistributionFlags::FRAGMENTS
}

struct Theirs {
    name: String,
    stream: TcpStream,
}

impl Theirs {
    async fn dial(cluster: &Cluster, peer: &str, flags: DistributionFlags) -> Result<Self, Error> {
        let name = cluster.name("theirs");
        let epmd = EpmdClient::with_port("127.0.0.1", cluster.epmd.port());
        let port = epmd.lookup_node(peer.split('@').next().unwrap()).await?.port;
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(Error::Io)?;
        let mut machine = HandshakeStateMachine::new(
            name.clone(),
            peer.to_owned(),
            cluster.cookie().to_owned(),
            flags,
            Creation::new(CREATION),
        );
        let deframer = MessageDeframer::new(FrameMode::Handshake);
        machine.begin_connect()?;
        stream.write_all(&machine.prepare_send_name()?).await.map_err(Error::Io)?;
        machine.handle_status(&deframer.read_framed(&mut stream).await.map_err(Error::Io)?)?;
        // They tell the rest of their name before they read the challenge.
        stream.write_all(&machine.prepare_complement()?).await.map_err(Error::Io)?;
        machine.handle_challenge(&deframer.read_framed(&mut stream).await.map_err(Error::Io)?)?;
        stream.write_all(&machine.prepare_challenge_reply()?).await.map_err(Error::Io)?;
        machine
            .handle_challenge_ack(&deframer.read_framed(&mut stream).await.map_err(Error::Io)?)?;
        Ok(Self { name, stream })
    }

    fn pid(&self) -> ExternalPid {
        ExternalPid::new(Atom::new(&self.name), 7, 1, CREATION)
    }

    fn reference(&self, number: u32) -> ExternalReference {
        ExternalReference::new(Atom::new(&self.name), CREATION, vec![number, 2, 3])
    }

    async fn send(&mut self, control: &ControlMessage, payload: Option<&OwnedTerm>) {
        let mut message = vec![112];
        message.extend(erltf::encode(&control.to_term()).unwrap());
        message.extend(payload.map(|term| erltf::encode(term).unwrap()).unwrap_or_default());
        self.stream.write_u32(message.len() as u32).await.unwrap();
        self.stream.write_all(&message).await.unwrap();
    }

    /// The next message that is no tick.
    async fn receive(&mut self) -> (ControlMessage, Option<OwnedTerm>) {
        let deframer = MessageDeframer::new(FrameMode::Distribution);
        loop {
            let message = deframer.read_framed(&mut self.stream);
            let message = tokio::time::timeout(SOON, message).await.expect("in time").unwrap();
            let Some((112, message)) = message.split_first().map(|(kind, rest)| (*kind, rest))
            else {
                assert!(message.is_empty(), "no message without a header");
                continue;
            };
            let (control, payload) = decoder::decode_with_trailing(message).unwrap();
            let control = ControlMessage::from_term(&control).unwrap();
            let payload =
                (!payload.is_empty()).then(|| decoder::decode_with_trailing(payload).unwrap().0);
            return (control, payload);
        }
    }

    /// `GenServer.call({:flitch, node}, request)`.
    async fn call(&mut self, request: OwnedTerm) -> OwnedTerm {
        let tag = OwnedTerm::Reference(self.reference(1));
        let from = OwnedTerm::Tuple(vec![OwnedTerm::Pid(self.pid()), tag.clone()]);
        let call = OwnedTerm::Tuple(vec![atom("$gen_call"), from, request]);
        let control = ControlMessage::RegSend {
            from_pid: OwnedTerm::Pid(self.pid()),
            cookie: atom(""),
            to_name: atom("flitch"),
        };
        self.send(&control, Some(&call)).await;
        let (control, answer) = self.receive().await;
        let (ControlMessage::Send { to_pid, .. } | ControlMessage::SendSender { to_pid, .. }) =
            control
        else {
            panic!("{control:?}")
        };
        assert_eq!(to_pid, OwnedTerm::Pid(self.pid()));
        let Some(OwnedTerm::Tuple(answer)) = answer else { panic!("{answer:?}") };
        let [answered, answer] = answer.as_slice() else { panic!("{answer:?}") };
        assert_eq!(*answered, tag);
        answer.clone()
    }
}

fn atom(text: &str) -> OwnedTerm {
    OwnedTerm::Atom(Atom::new(text))
}

fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    Runtime::new().unwrap().block_on(work)
}

#[test]
fn edp_client_dials_with_the_oldest_name_message_and_calls_a_server_of_ours() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    in_runtime(async {
        let mut theirs = Theirs::dial(&cluster, worker.name(), flags()).await.unwrap();
        worker.await_event("peer is up", |fields| fields["peer"] == theirs.name.as_str());
        assert_eq!(theirs.call(atom("ping")).await, atom("pong"));
        let echoed = OwnedTerm::Tuple(vec![
            OwnedTerm::Integer(-7),
            OwnedTerm::Float(1.5),
            OwnedTerm::Binary(b"text".to_vec()),
            OwnedTerm::Pid(theirs.pid()),
            OwnedTerm::Reference(theirs.reference(9)),
        ]);
        let request = OwnedTerm::Tuple(vec![atom("echo"), echoed.clone()]);
        assert_eq!(theirs.call(request).await, echoed);
    });
}

#[test]
fn edp_client_is_told_the_end_of_what_it_monitors_and_is_linked_to() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    in_runtime(async {
        let mut theirs = Theirs::dial(&cluster, worker.name(), flags()).await.unwrap();
        let us = OwnedTerm::Pid(theirs.pid());
        let reference = OwnedTerm::Reference(theirs.reference(2));
        let OwnedTerm::Map(info) = theirs.call(atom("info")).await else { panic!("no map") };
        let server = info[&atom("pid")].clone();
        let monitor = ControlMessage::MonitorP {
            from_pid: us.clone(),
            to_proc: server.clone(),
            reference: reference.clone(),
        };
        theirs.send(&monitor, None).await;
        let link = ControlMessage::Link { from_pid: us.clone(), to_pid: server.clone() };
        theirs.send(&link, None).await;
        let unlink =
            ControlMessage::UnlinkId { id: 77, from_pid: us.clone(), to_pid: server.clone() };
        theirs.send(&unlink, None).await;
        let (ack, _) = theirs.receive().await;
        let acked =
            ControlMessage::UnlinkIdAck { id: 77, from_pid: server.clone(), to_pid: us.clone() };
        assert_eq!(ack, acked);
        theirs.send(&link, None).await;
        let (from, to) = (us.clone(), server.clone());
        let exit = ControlMessage::PayloadExit2 { from_pid: from, to_pid: to };
        theirs.send(&exit, Some(&atom("enough"))).await;
        let (mut exits, mut downs) = (0, 0);
        while exits + downs < 2 {
            let (control, _) = theirs.receive().await;
            let reason = match control {
                // It offers no EXIT_PAYLOAD, and so has the reasons inside.
                ControlMessage::Exit { reason, .. } => {
                    exits += 1;
                    reason
                }
                ControlMessage::MonitorPExit { reason, .. } => {
                    downs += 1;
                    reason
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(reason, atom("enough"));
        }
        assert_eq!((exits, downs), (1, 1));
    });
}

/// OTP 27 and 29 take it again: `dist_util:recv_name/1`.
#[test]
fn otp_25_does_not_take_the_name_message_with_which_edp_client_dials() {
    let cluster = Cluster::new();
    let beam = cluster.erl("beam").start();
    let release = beam.eval("list_to_integer(erlang:system_info(otp_release))").unwrap();
    let dialled = in_runtime(Theirs::dial(&cluster, beam.name(), flags()));
    let taken = dialled.map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(taken.is_ok(), release != "25", "OTP {release}: {taken:?}; see ARCHITECTURE.md");
}

#[test]
fn edp_client_has_flags_and_an_operation_under_wrong_numbers() {
    for (theirs, ours) in [
        (DistributionFlags::SPAWN, Flags::SPAWN),
        (DistributionFlags::NAME_ME, Flags::NAME_ME),
        (DistributionFlags::ALIAS, Flags::ALIAS),
        (DistributionFlags::FRAGMENTS, Flags::FRAGMENTS),
    ] {
        assert_ne!(theirs.bits(), ours.bits(), "mended; ARCHITECTURE.md says otherwise");
    }
    // Bit 37 is no name but op 37, which they do not know: OTP 28 would send it to them.
    assert_eq!(DistributionFlags::NAME_ME.bits(), 1 << 37);
    assert_eq!(ControlMessageType::AliasSendTt.as_u8(), 38, "34 in OTP's dist.h");
}
