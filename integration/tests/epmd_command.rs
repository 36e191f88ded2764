//! `flitch epmd` beside stock `epmd`: the same words, the same texts, the same exit statuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use integration::port::Port;
use integration::{Epmd, Signal, eventually, flitch, stock};
use rustix::process::{Pid, kill_process};
use tempfile::TempDir;

/// A folder with our program under the name of the stock one.
struct Link(TempDir);

impl Link {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        symlink(flitch::binary(), folder.path().join("epmd")).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("epmd")
    }
}

/// A daemon that has left its parent: it ends with this.
struct Detached {
    program: PathBuf,
    port: u16,
}

impl Drop for Detached {
    fn drop(&mut self) {
        let _ = run(&self.program, &["-port", &self.port.to_string(), "-kill"], &[]);
    }
}

fn run(program: &Path, words: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program);
    for name in ["ERL_EPMD_PORT", "ERL_EPMD_ADDRESS", "ERL_EPMD_RELAXED_COMMAND_CHECK", "POD_IP"] {
        command.env_remove(name);
    }
    command.args(words).envs(environment.iter().copied()).output().unwrap()
}

fn stock_epmd() -> PathBuf {
    stock::command("epmd").get_program().into()
}

fn told(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn is_open(address: &str, port: u16) -> bool {
    TcpStream::connect(SocketAddr::new(address.parse().unwrap(), port)).is_ok()
}

/// The questions, put to one daemon by the stock command and by ours: the same is printed.
fn ask_both_ways(epmd: &Epmd) {
    let (ours, stock) = (Link::new(), stock_epmd());
    let port = epmd.port().to_string();
    let _nodes = [epmd.pretend("one", 1001), epmd.pretend("two", 1002)];
    for words in [["-names"].as_slice(), &["-started"], &["-kill"], &["-stop", "one"]] {
        let line = [&["-port", &port], words].concat();
        let (ours, stock) = (run(&ours.path(), &line, &[]), run(&stock, &line, &[]));
        assert_eq!(told(&ours), told(&stock), "{words:?}");
    }
}

#[test]
fn our_command_prints_what_the_stock_one_does_about_either_daemon() {
    let mut epmd = Epmd::absent();
    epmd.start_flitch(&[]);
    ask_both_ways(&epmd);
    epmd.stop();
    let port = epmd.port().to_string();
    let stock = stock_epmd();
    let _daemon = Detached { program: stock.clone(), port: epmd.port() };
    run(&stock, &["-port", &port, "-daemon"], &[]);
    eventually("the stock daemon answers", || epmd.names());
    ask_both_ways(&epmd);
}

#[test]
fn stop_and_kill_work_between_ours_and_the_stock_one_where_they_are_allowed() {
    let link = Link::new();
    for ours_serves in [true, false] {
        let mut epmd = Epmd::absent();
        match ours_serves {
            true => epmd.start_flitch(&["-relaxed_command_check"]),
            false => epmd.start_again(),
        }
        let other = if ours_serves { stock_epmd() } else { link.path() };
        let port = epmd.port().to_string();
        let ask = |words: &[&str]| told(&run(&other, &[&["-port", &port], words].concat(), &[]));
        let mut node = epmd.pretend("one", 1001);
        assert_eq!(ask(&["-stop", "one"]), (Some(0), "STOPPED\n".to_owned()));
        let _ = node.read_to_end(&mut Vec::new());
        assert_eq!(ask(&["-stop", "one"]), (Some(0), "NOEXIST\n".to_owned()));
        let _node = epmd.pretend("two", 1002);
        assert_eq!(ask(&["-kill"]), (Some(0), "Killed\n".to_owned()));
        let ended = epmd.daemon().unwrap().wait(Duration::from_secs(5));
        assert_eq!(ended.unwrap().code(), Some(0));
        assert_eq!(ask(&["-names"]).0, Some(1));
    }
}

#[test]
fn what_cannot_be_understood_ends_as_it_does_in_the_stock_one() {
    let (ours, stock) = (Link::new(), stock_epmd());
    for words in [
        ["-foo"].as_slice(),
        &["-port"],
        &["-port", "0"],
        &["-names", "-d"],
        &["-stop"],
        &["-packet_timeout", "x"],
        &["-address"],
        &["-port", "4369", "-address", "1.2.3"],
        &["-port", "1", "-names"],
        &["-port", "1", "-started"],
        &["-port", "1", "-kill"],
        &["-systemd"],
    ] {
        let (ours, stock) = (run(&ours.path(), words, &[]), run(&stock, words, &[]));
        assert_eq!(told(&ours), told(&stock), "{words:?}");
        let said = String::from_utf8_lossy(&ours.stderr).into_owned();
        let usage =
            |output: &Output| String::from_utf8_lossy(&output.stderr).contains("usage: epmd [-d");
        assert!(usage(&ours) || !usage(&stock), "{words:?}: {said}");
    }
    let help = run(flitch::binary(), &["epmd", "--help"], &[]);
    assert!(told(&help).1.contains("Examples:"), "{help:?}");
    assert_eq!(told(&help), told(&run(&ours.path(), &["-help"], &[])));
}

#[test]
fn a_daemon_leaves_its_parent_and_its_terminal_and_serves_when_the_parent_returns() {
    let (link, port) = (Link::new(), Port::claim());
    let number = port.number().to_string();
    let words = ["-port", &number, "-daemon"];
    let _daemon = Detached { program: link.path(), port: port.number() };
    let first = run(&link.path(), &words, &[]);
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    assert!(is_open("127.0.0.1", port.number()), "the port is open when the parent returns");

    let pid = daemons(&words).pop().expect("it runs");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.split(' ').collect();
    assert_eq!(fields[1], "(epmd)", "what `pidof epmd` looks for");
    assert_eq!((fields[5], fields[6]), (&*pid.to_string(), "0"), "its session and its terminal");
    assert_eq!(std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
    for stream in 0..3 {
        let open = std::fs::read_link(format!("/proc/{pid}/fd/{stream}")).unwrap();
        assert_eq!(open, Path::new("/dev/null"));
    }

    // Whoever starts an EPMD wants one to run, and one does.
    for words in [words.as_slice(), &["-port", &number]] {
        let again = run(&link.path(), words, &[]);
        assert_eq!((again.status.code(), again.stderr.len()), (Some(0), 0), "{again:?}");
    }
    kill_process(Pid::from_raw(pid).unwrap(), Signal::HUP).unwrap();
    assert!(told(&run(&stock_epmd(), &["-port", &number, "-names"], &[])).1.contains(&number));
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    eventually("a signal ends it", || {
        daemons(&["-port", &number, "-daemon"]).is_empty().then_some(())
    });
}

#[test]
fn a_daemon_keeps_none_of_the_descriptors_that_it_was_started_with() {
    let (link, port) = (Link::new(), Port::claim());
    let number = port.number().to_string();
    let words = ["-port", &number, "-daemon"];
    let _daemon = Detached { program: link.path(), port: port.number() };
    // Whoever reads from the other end waits until nobody has this one.
    let (mut end, held) = std::io::pipe().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec 5>&0 9>&0 0</dev/null; exec \"$0\" \"$@\""]);
    shell.arg(link.path()).args(words).env_remove("POD_IP").stdin(held);
    assert!(shell.status().unwrap().success());
    drop(shell);
    let (told, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || told.send(end.read(&mut [0])));
    let ended = ended.recv_timeout(Duration::from_secs(5)).expect("the daemon holds the pipe open");
    assert_eq!(ended.unwrap(), 0);
    assert!(is_open("127.0.0.1", port.number()));
}

/// The processes with these words at the end of their command lines.
fn daemons(words: &[&str]) -> Vec<i32> {
    let ending: Vec<u8> = words.iter().flat_map(|word| [b"\0", word.as_bytes()].concat()).collect();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        line.strip_suffix(b"\0")?.ends_with(&ending).then_some(pid)
    });
    processes.collect()
}

#[test]
fn a_daemon_that_cannot_listen_says_so_to_whoever_starts_it() {
    let (link, port) = (Link::new(), Port::claim());
    // 192.0.2.0/24 is for documentation; .77 is nobody's.
    let words = ["-port", &port.number().to_string(), "-address", "192.0.2.77", "-daemon"];
    let output = run(&link.path(), &words, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("192.0.2.77"), "{output:?}");
}

#[test]
fn it_listens_on_the_loopback_and_the_addresses_given_and_under_the_stock_name_everywhere() {
    let link = Link::new();
    let flitch = flitch::binary().to_path_buf();
    // 127.0.0.2 and .3 are this host's as well, and stand in for its outer addresses.
    let none = [].as_slice();
    let pod = [("POD_IP", "127.0.0.3")];
    let variable = [("ERL_EPMD_ADDRESS", "127.0.0.2")];
    let open = |program: &Path, words: &[&str], environment: &[(&str, &str)]| {
        let port = Port::claim();
        let number = port.number().to_string();
        let words = [words, &["-port", &number, "-daemon"]].concat();
        let _daemon = Detached { program: link.path(), port: port.number() };
        let output = run(program, &words, environment);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(is_open("127.0.0.1", port.number()), "{words:?} {environment:?}");
        ["127.0.0.2", "127.0.0.3"].map(|address| is_open(address, port.number()))
    };
    assert_eq!(open(&flitch, &["epmd"], none), [false, false]);
    assert_eq!(open(&flitch, &["epmd", "-address", "127.0.0.2"], none), [true, false]);
    assert_eq!(open(&flitch, &["epmd", "-address", "127.0.0.2,127.0.0.3"], &pod), [true, true]);
    assert_eq!(open(&flitch, &["epmd"], &pod), [false, true]);
    assert_eq!(open(&link.path(), &[], none), [true, true]);
    assert_eq!(open(&link.path(), &[], &pod), [false, true]);
    assert_eq!(open(&link.path(), &[], &variable), [true, false]);
}

#[test]
fn the_environment_says_the_port_and_what_is_allowed() {
    let (link, port) = (Link::new(), Port::claim());
    let number = port.number().to_string();
    let environment = [("ERL_EPMD_PORT", &*number), ("ERL_EPMD_RELAXED_COMMAND_CHECK", "")];
    let _daemon = Detached { program: link.path(), port: port.number() };
    assert_eq!(run(&link.path(), &["-daemon"], &environment).status.code(), Some(0));
    let ask = |words: &[&str]| told(&run(&stock_epmd(), words, &environment));
    assert_eq!(ask(&["-stop", "nobody"]), (Some(0), "NOEXIST\n".to_owned()));
    assert_eq!(ask(&["-kill"]), (Some(0), "Killed\n".to_owned()));
}

#[test]
fn a_peer_that_sends_a_byte_now_and_then_is_cut_off_after_the_packet_timeout() {
    let mut epmd = Epmd::absent();
    epmd.start_flitch(&["-packet_timeout", "1"]);
    let mut peer = TcpStream::connect(("127.0.0.1", epmd.port())).unwrap();
    let since = Instant::now();
    // The stock daemon waits on as long as bytes come.
    while peer.write_all(&[0]).is_ok() && since.elapsed() < Duration::from_secs(10) {
        let mut answer = [0; 1];
        peer.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        if let Ok(0) = peer.read(&mut answer) {
            break;
        }
    }
    let took = since.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_busy_daemon_can_be_acted() {
    for words in [["-delay_accept", "1"], ["-delay_write", "1"]] {
        let mut epmd = Epmd::absent();
        epmd.start_flitch(&words);
        let since = Instant::now();
        assert_eq!(epmd.names(), Some(Vec::new()));
        assert!(since.elapsed() >= Duration::from_secs(1), "{words:?}: {:?}", since.elapsed());
    }
}
