//! Asking a node one thing from a shell: whole processes, from start to end.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use integration::{Cluster, flitch, stock};
use wait4::Wait4;

use super::Effort;
use crate::measure::{Group, OURS, Row, Target, Unit};

/// What a process took. Its most memory is not known here: the system counts what the process had
/// before it became that program, which is ours.
struct Taken {
    wall: f64,
    processor: f64,
}

struct Program {
    title: &'static str,
    path: Result<PathBuf, String>,
    words: Vec<String>,
}

pub(crate) fn measure(effort: Effort) -> Group {
    let cluster = Cluster::new();
    let target = cluster.elixir("target").start();
    let programs = programs(&cluster, target.name());
    let title = "`erlang:node()` of a running node";
    let mut rows = [
        Row::new(format!("{title}: from start to end"), Unit::Nanoseconds)
            .target(Some(Target::Of("erl_call", 1.0))),
        Row::new(format!("{title}: processor time"), Unit::Nanoseconds),
    ];
    for _ in 0..effort.rounds * effort.work {
        for program in &programs {
            let taken = run(&cluster, program);
            let of = |number: fn(&Taken) -> f64| taken.as_ref().map(number).map_err(Clone::clone);
            let numbers = [of(|it| it.wall), of(|it| it.processor)];
            for (row, number) in rows.iter_mut().zip(numbers) {
                row.add(program.title, number);
            }
        }
    }
    let how =
        "Each program is started anew, in turn, and asks the same node on this machine.".to_owned();
    Group { title: "Command line", how, rows: rows.into() }
}

fn programs(cluster: &Cluster, target: &str) -> Vec<Program> {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let found = |name: &str| {
        let found = std::panic::catch_unwind(|| stock::command(name).get_program().into());
        found.map_err(|_| format!("{name} is not installed"))
    };
    let own = format!("asks_{}@127.0.0.1", cluster.epmd.port());
    let (cookie, code) = (cluster.cookie(), "IO.inspect(node())");
    vec![
        Program {
            title: OURS,
            path: Ok(flitch::binary().to_owned()),
            words: words(&["rpc", target, "erlang", "node"]),
        },
        Program {
            title: "erl_call",
            path: found("erl_call"),
            words: words(&["-c", cookie, "-name", target, "-a", "erlang node"]),
        },
        Program {
            title: "elixir --rpc-eval",
            path: found("elixir"),
            words: words(&["--cookie", cookie, "--name", &own, "--rpc-eval", target, code]),
        },
    ]
}

fn run(cluster: &Cluster, program: &Program) -> Result<Taken, String> {
    let mut command = Command::new(program.path.as_ref().map_err(Clone::clone)?);
    cluster.enter(&mut command).env("RELEASE_COOKIE", cluster.cookie()).args(&program.words);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let failed = |error: std::io::Error| error.to_string();
    let since = Instant::now();
    let child = command.spawn().map_err(failed)?;
    let done = child.wait4().map_err(failed)?;
    let wall = since.elapsed();
    if !done.status.success() {
        return Err(format!("it ends with {}", done.status));
    }
    Ok(Taken {
        wall: wall.as_nanos() as f64,
        processor: (done.rusage.utime + done.rusage.stime).as_nanos() as f64,
    })
}
