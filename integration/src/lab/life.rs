//! A pod's life, as the kubelet leads it: scheduled, given a network and volumes, started, probed,
//! started again when it ends by itself, and ended in order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::lab::fields::Facts;
use crate::lab::image;
use crate::lab::kubelet::{NODE, World};
use crate::lab::network::{Addresses, GATEWAY};
use crate::lab::pod::{Order, Pod};
use crate::lab::probe::{Probe, Question};
use crate::lab::sandbox::{Container, Host, Running, Sandbox};
use crate::lab::volumes;

/// How often the container is looked at.
const TURN: Duration = Duration::from_millis(25);
/// How long a container that ended by itself stays away, a tenth of what a real kubelet begins with.
const BACKOFF: Duration = Duration::from_secs(1);

/// The thread that leads a pod's life.
pub(super) struct Life {
    world: Arc<World>,
    pod: Arc<Pod>,
    orders: Receiver<Order>,
    told: Value,
}

/// What ended a container.
enum End {
    Itself,
    Stopped,
    Abandoned,
}

struct Probes {
    startup: Option<Probe>,
    readiness: Option<Probe>,
    liveness: Option<Probe>,
}

impl Life {
    pub(super) fn new(world: Arc<World>, pod: Arc<Pod>, orders: Receiver<Order>) -> Self {
        Self { world, pod, orders, told: Value::Null }
    }

    /// Leads it to its end.
    pub(super) fn run(mut self) {
        if let Err(why) = self.lead() {
            self.pod.change(|seen| seen.trouble = Some(why));
            // As a real one: it hangs there with its trouble until somebody deletes it.
            while let Ok(Order::Signal(_)) = self.orders.recv() {}
            self.bury();
        }
        let _ = std::fs::remove_dir_all(self.pod.folder(&self.world));
        self.pod.change(|seen| (seen.ended, seen.ready) = (true, false));
    }

    fn lead(&mut self) -> Result<(), String> {
        let (world, pod) = (Arc::clone(&self.world), Arc::clone(&self.pod));
        let spec = &pod.manifest()["spec"];
        let [description] = spec["containers"].as_array().map_or(&[][..], Vec::as_slice) else {
            return Err("the lab runs pods of one container".to_owned());
        };
        if spec["initContainers"].is_array() {
            return Err("the lab runs no initContainers".to_owned());
        }
        self.schedule()?;
        let addresses = self.addresses();
        let facts = Facts { pod: pod.manifest(), addresses, api: &world.plane.api };
        let container = self.container(&facts, description)?;
        let name = spec["hostname"].as_str().unwrap_or(pod.name());
        let full_name = spec["subdomain"]
            .as_str()
            .map(|domain| format!("{name}.{domain}.{}.svc.cluster.local", pod.namespace()));
        let host = Host { name, full_name, namespace: pod.namespace() };
        let sandbox = Sandbox::start(&world.network, addresses, &pod.folder(&world), &host);
        pod.change(|seen| seen.addresses = Some(addresses));
        let mut end = End::Itself;
        while let End::Itself = end {
            end = self.serve(&sandbox, &container, description)?;
            if let End::Itself = end {
                pod.change(|seen| seen.restarts += 1);
                end = self.rest(&sandbox, description);
            }
        }
        drop(sandbox);
        if let End::Stopped = end {
            self.bury();
        }
        Ok(())
    }

    fn schedule(&self) -> Result<(), String> {
        let target = json!({"apiVersion": "v1", "kind": "Node", "name": NODE});
        let meta = json!({"name": self.pod.name(), "namespace": self.pod.namespace()});
        let binding =
            json!({"apiVersion": "v1", "kind": "Binding", "metadata": meta, "target": target});
        self.world.plane.api.create(&format!("{}/binding", self.path()), &binding).map(drop)
    }

    /// New ones, unless the pod's annotations say that it keeps those of its predecessor.
    fn addresses(&self) -> Addresses {
        let annotations = &self.pod.manifest()["metadata"]["annotations"];
        let keeper = format!("{}/{}", self.pod.namespace(), self.pod.name());
        let keeps = annotations["lab/address"] == "kept";
        self.world.network.give(keeps.then_some(&keeper), annotations["lab/family"] == "IPv6")
    }

    /// Waits before a container that ended by itself is started again.
    fn rest(&mut self, sandbox: &Sandbox, description: &Value) -> End {
        let back = Instant::now() + BACKOFF;
        while let Some(left) = back.checked_duration_since(Instant::now()) {
            self.tell(sandbox, description, false);
            match self.orders.recv_timeout(left.min(TURN)) {
                Ok(Order::Stop(_)) => return End::Stopped,
                Ok(Order::Abandon) => return End::Abandoned,
                Ok(Order::Signal(_)) | Err(_) => {}
            }
        }
        End::Itself
    }

    /// Runs a container to its end.
    fn serve(
        &mut self,
        sandbox: &Sandbox,
        container: &Container,
        description: &Value,
    ) -> Result<End, String> {
        let mut probes = Probes::read(description)?;
        let (title, mut grace, mut signalled) = (self.pod.to_string(), None, false);
        let mut running = sandbox.run(container, &title);
        self.pod.change(|seen| seen.logs.push(Arc::clone(running.log())));
        loop {
            if running.wait(Duration::ZERO).is_some() {
                return Ok(if grace.is_some() { End::Stopped } else { End::Itself });
            }
            if grace.is_some_and(|end| Instant::now() >= end) {
                let trouble =
                    signalled.then(|| "it did not end in its time, and was killed".to_owned());
                self.pod.change(|seen| seen.trouble = trouble);
                running.kill();
            }
            let at = sandbox.addresses().first();
            let (ready, alive) = probes.run(|question, patience| match question {
                Question::Exec(command) => running.exec(command, container, patience).0,
                // From where no netsplit cuts a kubelet off.
                question => sandbox.inside(|| question.ask(at, patience)),
            });
            self.tell(sandbox, description, ready);
            if !alive {
                self.pod.change(|seen| seen.trouble = Some("its livenessProbe failed".to_owned()));
                running.kill();
            }
            match self.orders.recv_timeout(TURN) {
                // A second delete may shorten the time, and `--force` gives none.
                Ok(Order::Stop(time)) if grace.is_some() || time.is_zero() => {
                    let end = Instant::now() + time;
                    grace = Some(grace.map_or(end, |before| end.min(before)));
                    signalled &= !time.is_zero();
                }
                Ok(Order::Stop(time)) => {
                    grace = Some(Instant::now() + time);
                    pre_stop(description, &running, container, time)?;
                    running.signal(Signal::TERM);
                    signalled = true;
                }
                Ok(Order::Abandon) | Err(RecvTimeoutError::Disconnected) => {
                    running.kill();
                    return Ok(End::Abandoned);
                }
                Ok(Order::Signal(signal)) => running.signal(signal),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn container(&self, facts: &Facts<'_>, description: &Value) -> Result<Container, String> {
        let image =
            image::find(description["image"].as_str().unwrap_or_default(), &self.world.parts)?;
        let env = facts.environment(description, &image)?;
        let folder = self.pod.folder(&self.world).join("volumes");
        let mut binds: Vec<_> = image
            .files
            .iter()
            .map(|(source, target)| (source.clone(), target.clone(), false))
            .collect();
        binds.extend(volumes::lay_out(facts, description, &folder)?);
        let of_pod = &facts.pod["spec"]["securityContext"];
        let own = &description["securityContext"];
        let id = |key: &str| own[key].as_u64().or(of_pod[key].as_u64());
        let user = id("runAsUser").unwrap_or(0);
        if own["runAsNonRoot"].as_bool().or(of_pod["runAsNonRoot"].as_bool()) == Some(true)
            && user == 0
        {
            return Err(
                "runAsNonRoot, and neither the image nor the manifest names a user".to_owned()
            );
        }
        Ok(Container {
            command: Facts::command(description, &image, &env),
            env,
            workdir: description["workingDir"].as_str().unwrap_or("/").to_owned(),
            binds,
            user,
            group: id("fsGroup").or(id("runAsGroup")).unwrap_or(user),
            read_only: own["readOnlyRootFilesystem"] == true,
        })
    }

    /// Tells the API server how the pod is, if that has changed since it last heard.
    fn tell(&mut self, sandbox: &Sandbox, description: &Value, ready: bool) {
        self.pod.change(|seen| seen.ready = ready);
        let (addresses, restarts) = (sandbox.addresses(), self.pod.seen().restarts);
        let flag = |kind: &str, is: bool| json!({"type": kind, "status": if is { "True" } else { "False" }});
        let status = json!({
            "phase": "Running",
            "hostIP": GATEWAY, "hostIPs": [{"ip": GATEWAY}],
            "podIP": addresses.first(), "podIPs": addresses.both().map(|ip| json!({"ip": ip})),
            "conditions": [
                flag("PodScheduled", true), flag("Initialized", true),
                flag("ContainersReady", ready), flag("Ready", ready),
            ],
            "containerStatuses": [{
                "name": description["name"], "image": description["image"], "imageID": "",
                "ready": ready, "started": true, "restartCount": restarts, "state": {"running": {}},
            }],
        });
        if status != self.told {
            // While the API server is away, the next turn tries again.
            let path = format!("{}/status", self.path());
            if self.world.plane.api.patch(&path, &json!({"status": status})).is_ok() {
                self.told = status;
            }
        }
    }

    /// Says that nothing of the pod is left, so that its object goes.
    fn bury(&self) {
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0,
            "preconditions": {"uid": self.pod.manifest()["metadata"]["uid"]},
        });
        // The API server may be away; or somebody else has deleted it for good.
        while let Err(why) = self.world.plane.api.delete(&self.path(), &options) {
            let gone = why.contains(": 404 ") || why.contains(": 409 ");
            if gone || matches!(self.orders.recv_timeout(TURN), Ok(Order::Abandon)) {
                return;
            }
        }
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods/{}", self.pod.namespace(), self.pod.name())
    }
}

impl Probes {
    fn read(container: &Value) -> Result<Self, String> {
        let read = |kind| Probe::read(container, kind, Instant::now());
        let (startup, readiness) = (read("startupProbe")?, read("readinessProbe")?);
        Ok(Self { startup, readiness, liveness: read("livenessProbe")? })
    }

    /// Whether the container is ready, and whether it is alive.
    fn run(&mut self, ask: impl Fn(&Question, Duration) -> bool) -> (bool, bool) {
        if let Some(startup) = &mut self.startup {
            if !startup.run(&ask) {
                return (false, true);
            }
            self.startup = None;
        }
        let verdict =
            |probe: &mut Option<Probe>| probe.as_mut().is_none_or(|probe| probe.run(&ask));
        (verdict(&mut self.readiness), verdict(&mut self.liveness))
    }
}

fn pre_stop(
    description: &Value,
    running: &Running,
    container: &Container,
    grace: Duration,
) -> Result<(), String> {
    let hook = &description["lifecycle"]["preStop"];
    if hook.is_null() {
        return Ok(());
    }
    if let Some(seconds) = hook["sleep"]["seconds"].as_u64() {
        std::thread::sleep(Duration::from_secs(seconds).min(grace));
        return Ok(());
    }
    let words = hook["exec"]["command"]
        .as_array()
        .ok_or_else(|| format!("the lab knows no preStop {hook}"))?;
    let words: Vec<String> = words.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    running.exec(&words, container, grace);
    Ok(())
}
