//! `flitch erl_call`: what OTP's `erl_call` does, and what it prints.

use std::fs::OpenOptions;
use std::io::Read;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use clap::CommandFactory;
use flitch::etf::text::{Syntax, parse};
use flitch::{Atom, Binary, NodeName, Term};

use crate::args::{Args, CommonArgs, Format};
use crate::client::{self, Client};
use crate::config::Target;
use crate::erl_call::{self, ErlCall, ErlCallArgs, Mistake, USAGE};
use crate::failure::Failure;
use crate::out;
use crate::reach::HostPort;
use crate::shell::chars::charlist;
use crate::shell::leader::Line;
use crate::shell::session::{Event, Session};

/// Without `-timeout` there is none, and with it [`run`] sees to it.
const NO_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long a node that was started may take until it answers.
const START_TIME: Duration = Duration::from_secs(10);

/// What a shell sees of a program that an alarm has ended.
const ALARM: u8 = 128 + 14;

/// Why it ends at once, with a sentence for standard error, if there is one.
struct End(u8, String);

type Done<T> = Result<T, End>;

/// Does what the line says. Failures are told, and their exit statuses are, as they are by the
/// original.
pub(crate) async fn run(args: ErlCallArgs) -> Result<ExitCode, Failure> {
    let ended = match ErlCall::read(&args.words) {
        Ok(call) => {
            let limit = call.timeout.unwrap_or(NO_TIMEOUT);
            let alarm = || End(ALARM, format!("no answer within {limit:?}"));
            tokio::time::timeout(limit, ask(&call)).await.unwrap_or_else(|_| Err(alarm()))
        }
        Err(mistake) => Err(explained(mistake)),
    };
    let End(status, said) = ended.err().unwrap_or(End(0, String::new()));
    if !said.is_empty() {
        out::stderr(&format!("erl_call: {said}\n"));
    }
    Ok(ExitCode::from(status))
}

fn explained(mistake: Mistake) -> End {
    let said = match mistake {
        Mistake::Help => {
            let mut command = Args::command();
            if let Some(it) = command.find_subcommand_mut("erl_call") {
                out::stdout(&it.render_long_help().to_string());
            }
            return End(0, String::new());
        }
        Mistake::Usage => {
            out::stderr(USAGE);
            return End(0, String::new());
        }
        Mistake::Cookie => {
            return End(
                1,
                "-c shows the cookie to every user of this machine: put it into ~/.erlang.cookie, \
                 or set RELEASE_COOKIE"
                    .to_owned(),
            );
        }
        Mistake::Illegal(word) => format!("Illegal argument '{word}'."),
        Mistake::Missing(option) => format!("Missing argument(s) for '{option} '."),
    };
    out::stderr(&format!("{said}\n{USAGE}"));
    End(1, String::new())
}

async fn ask(call: &ErlCall) -> Done<()> {
    // Before anything is connected, as the original does.
    let source = if call.compile { Some(standard_input()?) } else { None };
    let client = match connect(call, target(call)?).await {
        Ok(client) => client,
        // Who is to be halted does not run.
        Err(_) if call.halt => return Ok(()),
        Err(end) => return Err(end),
    };
    if call.verbose {
        out::stderr(&format!("erl_call: we are now connected to node \"{}\"\n", client.target));
    }
    if call.halt {
        let _gone = rex(&client, "erlang", "halt", Term::empty_list(), false).await;
        return Ok(());
    }
    if let Some(source) = source {
        compile(&client, &source).await?;
    }
    if call.evaluate {
        let code = standard_input()?;
        let arguments = Term::from(vec![Term::from(Binary::copy_from(code.as_bytes()))]);
        let result = rex(&client, "erl_eval", "eval_str", arguments, call.fetch_stdout).await;
        show(call, &result.map_err(|_| End(1, format!("evaluating input failed: {code}")))?);
    }
    if let Some(apply) = &call.apply {
        let (module, function, text) =
            erl_call::split_apply(apply).map_err(|said| End(1, said.to_owned()))?;
        let arguments = parse(Syntax::Erlang, text)
            .map_err(|_| End(255, format!("Failed to parse arguments,\nArguments: {text}")))?;
        let result = rex(&client, module, function, arguments, call.fetch_stdout).await;
        show(call, &result.map_err(|said| End(255, said))?);
    }
    Ok(())
}

fn show(call: &ErlCall, result: &Term) {
    if !call.no_result_term {
        out::stdout(&erl_call::print::term(result));
    }
}

/// The node with its host: this one's, unless the name has one. Or whoever is at an address.
fn target(call: &ErlCall) -> Done<Target> {
    let host = client::host_name();
    let cut = |host: &str| match call.short {
        true => host.split('.').next().unwrap_or(host).to_owned(),
        false => host.to_owned(),
    };
    let node = match &call.node {
        Some(node) => {
            let (alive, host) = node.split_once('@').unwrap_or((node, &host));
            let node = format!("{alive}@{}", cut(host));
            Some(node.parse().map_err(|error| End(1, format!("{node}: {error}")))?)
        }
        None => None,
    };
    let address = call.address.clone().map(|(given, port)| {
        let host = given.unwrap_or_else(|| host.clone());
        HostPort { host, port }
    });
    let (any_name, own) = (node.is_none(), call.hidden.clone());
    Ok(Target { node, any_name, cookie_file: None, port: None, address, own })
}

/// Whom it is about, for people.
fn whom(target: &Target) -> String {
    match (&target.node, &target.address) {
        (None, Some(HostPort { host, port })) => format!("node with address \"{host}:{port}\""),
        (node, _) => format!("node {}", node.as_ref().map_or("", NodeName::as_str)),
    }
}

async fn connect(call: &ErlCall, target: Target) -> Done<Client> {
    let open = || {
        let common = CommonArgs { timeout: NO_TIMEOUT, output: Format::Text };
        Client::open(target.clone(), common)
    };
    let failed = |failure: Failure| {
        let why = failure.headline();
        End(1, format!("failed to connect to {}\nerl_call: {why}", whom(&target)))
    };
    let failure = match open().await {
        Ok(client) => return Ok(client),
        Err(failure) if call.start && !call.halt => failure,
        Err(failure) => return Err(failed(failure)),
    };
    if call.verbose {
        out::stderr(&format!("erl_call: {}: it is started\n", failure.headline()));
    }
    let Some(name) = &target.node else { return Err(failed(failure)) };
    start(call, name).map_err(|error| End(1, format!("unable to start node, error = {error}")))?;
    let started = async {
        loop {
            match open().await {
                Ok(client) => return client,
                // There is nothing to await in a node that is not there yet.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let waited = tokio::time::timeout(START_TIME, started).await;
    waited.map_err(|_| End(1, format!("unable to start node, no answer within {START_TIME:?}")))
}

/// Starts the node, which outlives this program. It reads its cookie from its own file.
fn start(call: &ErlCall, name: &NodeName) -> std::io::Result<()> {
    let mut erl = Command::new(call.script.as_deref().unwrap_or("erl"));
    let option = if call.short { "-sname" } else { "-name" };
    erl.args(["-noinput", option, name.as_str()]).stdin(Stdio::null());
    match std::env::home_dir().filter(|_| call.debug) {
        Some(home) => {
            let log = home.join(format!(".erl_call.out.{}", name.alive()));
            let log = OpenOptions::new().create(true).append(true).open(log)?;
            erl.stderr(log.try_clone()?).stdout(log);
        }
        None => {
            erl.stdout(Stdio::null()).stderr(Stdio::null());
        }
    }
    // A Ctrl-C for this program is not for the node.
    std::os::unix::process::CommandExt::process_group(&mut erl, 0);
    erl.spawn().map(drop)
}

/// `module:function(...)` through `rex`, which turns an exception into a result too.
async fn rex(
    client: &Client,
    module: &str,
    function: &str,
    arguments: Term,
    fetch: bool,
) -> Result<Term, String> {
    let atom = |text: &str| Atom::new(text).map_err(|error| format!("{text}: {error}"));
    let mut session = Session::new(&client.node);
    session.line(&Line::End);
    let leader = if fetch { Term::from(session.inbox.pid().clone()) } else { Term::atom("user") };
    let (module, function) = (atom(module)?, atom(function)?);
    let request = Term::from((Term::atom("call"), module, function, arguments, leader));
    let calling = client.node.call(("rex", &client.target), &request, client.left());
    let mut calling = std::pin::pin!(calling);
    loop {
        tokio::select! {
            biased;
            event = session.next() => match event {
                Event::Print(text) => out::stdout(&text),
                Event::Over => return Err("the connection was lost".to_owned()),
                Event::Ask(_) | Event::Exit(_) => {}
            },
            result = &mut calling => {
                return result.map_err(|error| client.no_answer("rex", error).headline());
            }
        }
    }
}

/// Compiles and loads a module over there; what is wrong with it is said there, on its console.
async fn compile(client: &Client, source: &str) -> Done<()> {
    let Some(name) = erl_call::module_name(source) else { return Ok(()) };
    let file = format!("{name}.erl");
    let text = Term::from(Binary::copy_from(source.as_bytes()));
    let arguments = Term::from(vec![charlist(&file), text]);
    let written = rex(client, "file", "write_file", arguments, false).await;
    written.map_err(|_| End(1, format!("can't write to source file {file}")))?;
    let arguments = Term::from(vec![charlist(&file), Term::empty_list()]);
    if rex(client, "c", "c", arguments, false).await.is_err() {
        out::stderr(&format!("erl_call: can't compile file {file}\n"));
    }
    Ok(())
}

fn standard_input() -> Done<String> {
    let mut text = Vec::new();
    let read = std::io::stdin().read_to_end(&mut text);
    read.map_err(|error| End(1, format!("can't read stdin: {error}")))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
