//! Where it was measured.

use std::fs;
use std::process::Command;

use serde::Serialize;

/// The machine and the versions.
#[derive(Serialize)]
pub(crate) struct Machine {
    processors: String,
    memory: String,
    kernel: String,
    otp: String,
    elixir: String,
    rustc: String,
    flitch: &'static str,
    /// Of the last minute before it began.
    load: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let file = |path| fs::read_to_string(path).unwrap_or_default();
        let model = file("/proc/cpuinfo");
        let field = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
            line.map_or_else(String::new, |(_, value)| value.trim().to_owned())
        };
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            processors: format!("{count} × {}", field(&model, "model name")),
            memory: field(&file("/proc/meminfo"), "MemTotal"),
            kernel: file("/proc/sys/kernel/osrelease").trim().to_owned(),
            otp: said("erl", &["-noshell", "-eval", OTP]),
            elixir: said("elixir", &["--short-version"]),
            rustc: said("rustc", &["--version"]),
            flitch: env!("CARGO_PKG_VERSION"),
            load: file("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        vec![
            format!("{}, {} of memory, Linux {}", self.processors, self.memory, self.kernel),
            format!("flitch {}, {}", self.flitch, self.rustc),
            format!("OTP {}, Elixir {}", self.otp, self.elixir),
            format!("load before: {}", self.load),
        ]
    }
}

const OTP: &str = "io:put_chars(erlang:system_info(otp_release)), halt().";

fn said(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    output.map_or_else(
        |_| format!("no {program}"),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
