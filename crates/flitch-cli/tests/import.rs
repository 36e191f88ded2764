//! `flitch topology import`: an Elixir configuration in, tables of flitch.toml out.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::process::Stdio;

use support::{Ran, command};

const RUNTIME: &str = r#"
import Config

config :libcluster,
  topologies: [
    shop: [
      strategy: Cluster.Strategy.Epmd,
      config: [hosts: [:"shop@10.0.0.5", :"shop@10.0.0.6"], timeout: 30_000]
    ]
  ]
"#;

/// Runs `flitch topology import` on a text.
#[track_caller]
fn import(text: &str, args: &[&str]) -> Ran {
    let mut import = command(&["topology", "import"]);
    import.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = import.spawn().unwrap();
    // It may refuse what it has read so far.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    Ran::of(child.wait_with_output().unwrap())
}

#[test]
fn a_configuration_of_elixir_becomes_tables_that_discover_reads() {
    let ran = import(RUNTIME, &[]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("flitch.toml");
    std::fs::write(&file, &ran.stdout).unwrap();
    let mut discover = command(&["discover", "shop", "--output", "json", "--config"]);
    let seen = Ran::of(discover.arg(&file).output().unwrap());
    assert_eq!(seen.status, Some(0), "{seen:?}");
    let wanted = &seen.json()["topologies"][0]["wanted"];
    assert_eq!(*wanted, serde_json::json!(["shop@10.0.0.5", "shop@10.0.0.6"]), "{seen:?}");
}

#[test]
fn what_is_code_is_told_with_its_line_and_the_rest_is_printed() {
    let text = RUNTIME.replace("timeout: 30_000", "timeout: Shop.timeout()");
    let ran = import(&text, &["-"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.starts_with("flitch: line 8: shop: timeout is left out: "), "{ran:?}");
    assert!(ran.stdout.contains("hosts = [\"shop@10.0.0.5\", \"shop@10.0.0.6\"]\n"), "{ran:?}");
    let json = import(&text, &["--output", "json"]);
    assert_eq!((json.status, json.stderr.as_str()), (Some(1), ""));
    assert_eq!(json.json()["problems"][0]["line"], 8);
    assert_eq!(json.json()["topologies"]["shop"]["strategy"], "Epmd");
}

#[test]
fn what_is_no_configuration_is_refused_in_words() {
    for (text, said) in [
        ("", "there is no topology in standard input"),
        ("config :shop, ecto_repos: [Shop.Repo]", "config :libcluster"),
        (&"#".repeat(2 << 20), "more than a mebibyte"),
    ] {
        let ran = import(text, &[]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    let ran = import("", &["no/such/config.exs"]);
    assert!(ran.stderr.contains("cannot read no/such/config.exs"), "{ran:?}");
}
