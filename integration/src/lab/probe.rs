//! Probes as the kubelet makes them: when one is due, what it asks, and what its answers add up to.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::fields::list;
use crate::lab::http::get;

/// A probe and what came of it so far.
#[derive(Clone, Debug)]
pub struct Probe {
    question: Question,
    period: Duration,
    patience: Duration,
    needed: u64,
    tolerated: u64,
    due: Instant,
    in_a_row: u64,
    last: Option<bool>,
    verdict: bool,
}

/// What a probe asks.
#[derive(Clone, Debug)]
pub enum Question {
    /// `httpGet`
    Http {
        /// The port.
        port: u16,
        /// The path.
        path: String,
    },
    /// `tcpSocket`
    Tcp {
        /// The port.
        port: u16,
    },
    /// `exec`
    Exec(Vec<String>),
}

impl Probe {
    /// Reads the probe `kind`, such as `readinessProbe`, of a container that starts now.
    ///
    /// # Errors
    /// If it asks what the lab does not know.
    pub fn read(container: &Value, kind: &str, now: Instant) -> Result<Option<Self>, String> {
        let probe = &container[kind];
        if !probe.is_object() {
            return Ok(None);
        }
        let number = |key: &str, default| probe[key].as_u64().unwrap_or(default);
        let question = if let Some(words) = probe["exec"]["command"].as_array() {
            Question::Exec(words.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        } else if probe["tcpSocket"].is_object() {
            Question::Tcp { port: port(container, &probe["tcpSocket"]["port"])? }
        } else if probe["httpGet"].is_object() {
            let path = probe["httpGet"]["path"].as_str().unwrap_or("/").to_owned();
            Question::Http { port: port(container, &probe["httpGet"]["port"])?, path }
        } else {
            return Err(format!("the lab knows no {kind} {probe}"));
        };
        Ok(Some(Self {
            question,
            period: Duration::from_secs(number("periodSeconds", 10)),
            patience: Duration::from_secs(number("timeoutSeconds", 1)),
            needed: number("successThreshold", 1),
            tolerated: number("failureThreshold", 3),
            due: now + Duration::from_secs(number("initialDelaySeconds", 0)),
            in_a_row: 0,
            last: None,
            // Not ready until it says so; alive until it says otherwise.
            verdict: kind == "livenessProbe",
        }))
    }

    /// Has it asked, if it is time: `ask` says whether the answer was good, and came within the
    /// time. Gives what the answers add up to.
    pub fn run(&mut self, ask: impl Fn(&Question, Duration) -> bool) -> bool {
        if Instant::now() >= self.due {
            self.due = Instant::now() + self.period;
            let answer = ask(&self.question, self.patience);
            self.take(answer);
        }
        self.verdict
    }

    fn take(&mut self, answer: bool) {
        self.in_a_row = if self.last == Some(answer) { self.in_a_row + 1 } else { 1 };
        self.last = Some(answer);
        if self.in_a_row >= if answer { self.needed } else { self.tolerated } {
            self.verdict = answer;
        }
    }
}

impl Question {
    /// Asks it of `at`, if it is one for the network.
    #[must_use]
    pub fn ask(&self, at: IpAddr, patience: Duration) -> bool {
        match self {
            Self::Http { port, path } => {
                let answer = get(path).send(SocketAddr::new(at, *port), Some(patience));
                answer.is_ok_and(|answer| (200..400).contains(&answer.status))
            }
            Self::Tcp { port } => {
                TcpStream::connect_timeout(&SocketAddr::new(at, *port), patience).is_ok()
            }
            Self::Exec(_) => false,
        }
    }
}

/// A port by number, or by its name among the container's ports.
fn port(container: &Value, port: &Value) -> Result<u16, String> {
    let by_name =
        || list(&container["ports"]).find(|it| it["name"] == *port)?["containerPort"].as_u64();
    let number = port.as_u64().or_else(by_name).and_then(|number| number.try_into().ok());
    number.ok_or_else(|| format!("no port {port} in the container"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_ready_at_once_and_unready_after_three_failures() {
        let container = serde_json::json!({
            "ports": [{"name": "http", "containerPort": 4000}],
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
        });
        let mut probe = Probe::read(&container, "readinessProbe", Instant::now()).unwrap().unwrap();
        let mut say = |answer| {
            probe.take(answer);
            probe.verdict
        };
        let verdicts = [false, true, false, false, true, false, false, false].map(&mut say);
        assert_eq!(verdicts, [false, true, true, true, true, true, true, false]);
    }
}
