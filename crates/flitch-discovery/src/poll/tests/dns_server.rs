//! A name server of a test's own, on loopback: UDP and TCP on one port, and every way to fail.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{NS, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::Nameserver;

/// What the server does about a question.
pub(super) enum Reaction {
    Records(Vec<RData>),
    Code(ResponseCode),
    /// Truncated over UDP; over TCP, these records.
    Truncated(Vec<RData>),
    Silence,
    /// No records, and the name servers of another zone, as of a server that does not recurse.
    Referral,
    /// Bytes that are no answer.
    Garbage,
    /// What real servers answered over UDP and over TCP.
    Recorded([Option<Vec<u8>>; 2]),
}

/// There is no such name.
pub(super) const NXDOMAIN: Reaction = Reaction::Code(ResponseCode::NXDomain);
/// The name has no such records.
pub(super) const NODATA: Reaction = Reaction::Records(Vec::new());
pub(super) const SERVFAIL: Reaction = Reaction::Code(ResponseCode::ServFail);

type React = dyn Fn(&str, RecordType) -> Reaction + Send + Sync;

pub(super) struct DnsServer {
    pub(super) address: Nameserver,
    asked: Arc<Mutex<Vec<String>>>,
}

impl DnsServer {
    /// A server that reacts to each name, with its final dot, and type.
    pub(super) async fn start(
        react: impl Fn(&str, RecordType) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        Self::start_at("127.0.0.1", react).await
    }

    pub(super) async fn start_at(
        host: &str,
        react: impl Fn(&str, RecordType) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let ip: IpAddr = host.parse().unwrap();
        let (udp, tcp) = sockets(ip).await;
        let address = Nameserver(udp.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let react: Arc<React> = Arc::new(react);
        let (seen, how) = (Arc::clone(&asked), Arc::clone(&react));
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            loop {
                let Ok((len, from)) = udp.recv_from(&mut buffer).await else { continue };
                if let Some(answer) = answer(&buffer[..len], "udp", &*how, &seen) {
                    let _ = udp.send_to(&answer, from).await;
                }
            }
        });
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = tcp.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&react), Arc::clone(&seen)));
            }
        });
        Self { address, asked }
    }

    /// The questions so far, as `udp A svc.`.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// A free port of both protocols.
async fn sockets(ip: IpAddr) -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind((ip, 0)).await.unwrap();
        let address: SocketAddr = udp.local_addr().unwrap();
        if let Ok(tcp) = TcpListener::bind(address).await {
            return (udp, tcp);
        }
    }
}

async fn serve(mut stream: TcpStream, react: Arc<React>, asked: Arc<Mutex<Vec<String>>>) {
    while let Ok(len) = stream.read_u16().await {
        let mut question = vec![0; len.into()];
        stream.read_exact(&mut question).await.unwrap();
        let Some(answer) = answer(&question, "tcp", &*react, &asked) else { continue };
        let len = u16::try_from(answer.len()).unwrap();
        stream.write_u16(len).await.unwrap();
        stream.write_all(&answer).await.unwrap();
    }
}

fn answer(
    question: &[u8],
    over: &str,
    react: &React,
    asked: &Mutex<Vec<String>>,
) -> Option<Vec<u8>> {
    let mut message = Message::from_vec(question).unwrap().into_response();
    message.edns = None;
    let query = message.queries[0].clone();
    let name = query.name().to_ascii();
    asked.lock().unwrap().push(format!("{over} {} {name}", query.query_type()));
    let records = match react(&name, query.query_type()) {
        Reaction::Truncated(_) if over == "udp" => {
            message.metadata.truncation = true;
            Vec::new()
        }
        Reaction::Records(records) | Reaction::Truncated(records) => records,
        Reaction::Code(code) => {
            message.metadata.response_code = code;
            Vec::new()
        }
        Reaction::Silence => return None,
        Reaction::Referral => {
            let host = NS(Name::from_ascii("a.root.").unwrap());
            message.add_authority(Record::from_rdata(Name::root(), 5, RData::NS(host)));
            Vec::new()
        }
        Reaction::Garbage => return Some(b"\xff\xff\xffgarbage".to_vec()),
        Reaction::Recorded([udp, tcp]) => {
            let mut answer = if over == "udp" { udp } else { tcp }?;
            answer.splice(..2, question[..2].iter().copied());
            return Some(answer);
        }
    };
    let owner = query.name();
    message.add_answers(records.into_iter().map(|data| Record::from_rdata(owner.clone(), 5, data)));
    Some(message.to_vec().unwrap())
}

/// Records of addresses, of one family.
pub(super) fn ips(ips: &[&str]) -> Reaction {
    Reaction::Records(addresses(ips))
}

pub(super) fn addresses(ips: &[&str]) -> Vec<RData> {
    ips.iter().map(|ip| RData::from(ip.parse::<IpAddr>().unwrap())).collect()
}

/// Records of services on these hosts.
pub(super) fn hosts(hosts: &[&str]) -> Reaction {
    let service = |host: &&str| RData::SRV(SRV::new(10, 50, 0, Name::from_ascii(host).unwrap()));
    Reaction::Records(hosts.iter().map(service).collect())
}
