//! The BEAMs, each in a network namespace of its own, and what is done to them.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use fastrand::Rng;
use integration::child::Child;
use integration::lab::network::{Addresses, Network};
use integration::lab::space::Space;
use integration::{Beam, Cluster, eventually, stock};

/// How many processes of each BEAM call ours.
const CALLERS: usize = 20;

/// Seconds of silence after which a node is dead, at all nodes.
pub(crate) const TICKTIME: u32 = 4;

/// A host with its EPMD and its node.
pub(crate) struct Host {
    space: Space,
    base: String,
    /// Whom its node calls.
    worker: Option<String>,
    _epmd: Child,
    beam: Option<Beam>,
}

impl Host {
    /// A host whose BEAM calls `worker`, if there is one.
    pub(crate) fn start(
        cluster: &Cluster,
        network: &Network,
        base: &str,
        worker: Option<&str>,
    ) -> Self {
        let space = Space::start(network, network.give(None, false));
        let mut epmd = Command::new("nsenter");
        epmd.arg(format!("--net=/proc/{}/ns/net", space.pid()));
        epmd.arg(stock::command("epmd").get_program());
        epmd.args(["-port", &cluster.epmd.port().to_string()]);
        let epmd = Child::start(&mut epmd, "epmd");
        let (base, worker) = (base.to_owned(), worker.map(str::to_owned));
        let mut host = Self { space, base, worker, _epmd: epmd, beam: None };
        let port = cluster.epmd.port();
        eventually("EPMD listens", || {
            host.space.inside(|| std::net::TcpStream::connect(("127.0.0.1", port)).ok())
        });
        host.begin(cluster);
        host
    }

    /// The name of its node.
    pub(crate) fn name(&self) -> String {
        self.beam.as_ref().map(|beam| beam.name().to_owned()).unwrap_or_default()
    }

    /// Its node begins, or begins anew, with the load on it.
    fn begin(&mut self, cluster: &Cluster) {
        let beam = cluster
            .erl(&self.base)
            .host(&self.space.addresses().v4().to_string())
            .flags(&format!("-kernel net_ticktime {TICKTIME}"))
            .network_of(self.space.pid())
            .start();
        if let Some(worker) = &self.worker {
            let file = stock::script("chaos.erl");
            let load = "{ok, M, Code} = compile:file(File, [binary, report]), \
                        code:load_binary(M, File, Code)";
            beam.expect(&format!("File = {file:?}, {load}"), "{module,chaos}");
            beam.expect(&format!("chaos:start('{worker}', {CALLERS})"), "true");
        }
        self.beam = Some(beam);
    }

    /// Ends the load on it, and gives what the load has to say: `{Answers, Losses, Untrue}`.
    pub(crate) fn stop(&self) -> String {
        let said = self.beam.as_ref().map(|beam| {
            beam.eval_timeout("chaos:stop()", Duration::from_secs(120))
                .unwrap_or_else(|why| format!("nothing: {why}"))
        });
        said.unwrap_or_default()
    }

    /// What hangs on its server.
    pub(crate) fn bonds(&self) -> String {
        self.ask("erlang:process_info(whereis(echo), [monitored_by, links])")
    }

    /// Its address, for [`Network::split`].
    pub(crate) fn addresses(&self) -> Addresses {
        self.space.addresses()
    }

    /// What its node has printed.
    pub(crate) fn log(&self) -> String {
        self.beam.as_ref().map(Beam::log).unwrap_or_default()
    }

    /// What its node says to that, or nothing.
    pub(crate) fn ask(&self, source: &str) -> String {
        let said = self.beam.as_ref().map(|beam| beam.eval(source));
        said.and_then(Result::ok).unwrap_or_default()
    }
}

/// What happens to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// `SIGKILL`, and another node under the same name.
    Kill,
    /// `SIGSTOP`, for less or more than the ticktime.
    Freeze,
    /// Its cable is pulled.
    Cut,
    /// It drops the connection.
    Disconnect,
    /// Some are cut off together, from all others.
    Split,
}

impl Blow {
    pub(crate) const ALL: [Self; 5] =
        [Self::Kill, Self::Freeze, Self::Cut, Self::Disconnect, Self::Split];

    /// Deals it, and takes it back. Gives a line about it.
    pub(crate) fn deal(
        self,
        hosts: &mut [Host],
        random: &mut Rng,
        (cluster, network, worker): (&Cluster, &Network, &str),
    ) -> String {
        let victim = random.usize(..hosts.len());
        let pause = Duration::from_millis(random.u64(100..u64::from(TICKTIME) * 2000));
        let addresses: Vec<Addresses> = hosts.iter().map(|host| host.space.addresses()).collect();
        match self {
            Self::Kill => {
                if let Some(beam) = hosts[victim].beam.take() {
                    beam.kill();
                }
                sleep(pause / 4);
                hosts[victim].begin(cluster);
            }
            Self::Freeze => {
                if let Some(beam) = &hosts[victim].beam {
                    beam.freeze();
                    sleep(pause);
                    beam.thaw();
                }
            }
            Self::Cut => {
                network.split([addresses[victim]]);
                sleep(pause);
                network.heal([addresses[victim]]);
            }
            Self::Disconnect => {
                hosts[victim].ask(&format!("erlang:disconnect_node('{worker}')"));
            }
            Self::Split => {
                let some = addresses.iter().copied().skip(1 + victim % 2);
                network.split(some.clone());
                sleep(pause);
                network.heal(some);
            }
        }
        format!("{self:?} of {} for {pause:?}", hosts[victim].base)
    }
}
