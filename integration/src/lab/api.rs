//! What the lab itself asks of the API server: through `kubectl`, and through `kubectl proxy` where a
//! process for each question would be too many.

use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::child::Child;
use crate::eventually;
use crate::lab::http::{Request, get};
use crate::lab::run::attempt;

/// On the lab's own loopback, which nobody else has.
const PROXY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8001);

/// How long the API server may take over an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The API server, asked as the cluster's administrator.
pub struct Api {
    kubectl: String,
    kubeconfig: String,
    _proxy: Child,
}

impl Api {
    /// Starts the proxy. The API server need not run yet, and may go and come back.
    #[must_use]
    pub fn start(kubectl: String, kubeconfig: String) -> Self {
        let mut command = Command::new(&kubectl);
        command.args(["--kubeconfig", &kubeconfig, "proxy", "--port", &PROXY.port().to_string()]);
        let proxy = Child::start(&mut command, "kubectl proxy");
        eventually("kubectl proxy listens", || std::net::TcpStream::connect(PROXY).ok());
        Self { kubectl, kubeconfig, _proxy: proxy }
    }

    /// What is at `path`.
    ///
    /// # Errors
    /// What the API server said instead, or why it could not be asked.
    pub fn get(&self, path: &str) -> Result<Value, String> {
        self.send(get(path))
    }

    /// Creates `object` in the collection at `path`.
    ///
    /// # Errors
    /// What the API server said instead, or why it could not be asked.
    pub fn create(&self, path: &str, object: &Value) -> Result<Value, String> {
        self.write("POST", path, "application/json", object)
    }

    /// Merges `change` into what is at `path`.
    ///
    /// # Errors
    /// What the API server said instead, or why it could not be asked.
    pub fn patch(&self, path: &str, change: &Value) -> Result<Value, String> {
        self.write("PATCH", path, "application/merge-patch+json", change)
    }

    /// Deletes what is at `path`.
    ///
    /// # Errors
    /// What the API server said instead, or why it could not be asked.
    pub fn delete(&self, path: &str, options: &Value) -> Result<Value, String> {
        self.write("DELETE", path, "application/json", options)
    }

    /// The changes to the collection at `path` from `version` on, until the server ends it or fails.
    ///
    /// # Errors
    /// What the API server said instead, or why it could not be asked.
    pub fn watch(
        &self,
        path: &str,
        version: &str,
    ) -> Result<impl Iterator<Item = Value> + use<>, String> {
        let sign = if path.contains('?') { '&' } else { '?' };
        let path =
            format!("{path}{sign}watch=1&resourceVersion={version}&allowWatchBookmarks=true");
        let answer = get(&path).send(PROXY, None).map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(answer.text().unwrap_or_default());
        }
        let lines = answer.body.lines().map_while(Result::ok);
        Ok(lines.filter_map(|line| serde_json::from_str(&line).ok()))
    }

    /// How `kubectl` is called, up to its command.
    #[must_use]
    pub fn command_line(&self) -> String {
        format!("{} --kubeconfig {}", self.kubectl, self.kubeconfig)
    }

    /// Runs `kubectl` and gives what it prints.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn kubectl(&self, args: &[&str]) -> String {
        match attempt(&mut self.command(args)) {
            Ok(text) => text,
            Err(why) => panic!("{why}"),
        }
    }

    /// `kubectl apply` of objects that the lab has made.
    ///
    /// # Panics
    /// If the API server does not take them.
    #[track_caller]
    pub fn apply(&self, objects: &[Value]) {
        let list =
            serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        let mut command = self.command(&["apply", "--server-side", "-f", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut kubectl = command.spawn().expect("kubectl starts");
        let pipe = kubectl.stdin.take();
        pipe.expect("a pipe").write_all(list.as_bytes()).expect("kubectl reads");
        let output = kubectl.wait_with_output().expect("kubectl ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl apply: {said}\n{list}");
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.args(["--kubeconfig", &self.kubeconfig]).args(args);
        command
    }

    fn write(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> Result<Value, String> {
        self.send(Request { method, path, content_type, body: body.to_string().as_bytes() })
    }

    fn send(&self, request: Request<'_>) -> Result<Value, String> {
        let what = format!("{} {}", request.method, request.path);
        let answer =
            request.send(PROXY, Some(PATIENCE)).map_err(|error| format!("{what}: {error}"))?;
        let status = answer.status;
        let text = answer.text().map_err(|error| format!("{what}: {error}"))?;
        if !(200..300).contains(&status) {
            return Err(format!("{what}: {status} {text}"));
        }
        serde_json::from_str(&text).map_err(|error| format!("{what}: {error}: {text}"))
    }
}
