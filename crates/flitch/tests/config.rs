//! Configurations as people write them: what is taken, what is stronger, and what a mistake says.

use std::time::Duration;

use flitch::config::{EpmdChoice, Ports};
use flitch::{Config, ConfigError};

const WHOLE: &str = r#"
[node]
name = "worker@10.0.0.7"
cookie_file = "/run/secrets/cookie"
dist_port = "9100-9105"
bind = ["10.0.0.7", "fd00::7"]
epmd = "external"
visible = true
connect = ["app@10.0.0.5"]
allow = ["app@*", "db@*"]
peer_port = { "db@*" = 9200, "*@10.*" = 9300 }
peer_cookie_file = { "db@*" = "/run/secrets/db" }
net_ticktime = 30
net_setuptime = 3.5
drain = 20

[http]
listen = "0.0.0.0:4000"

[cluster]
ready = 2

[topologies.beam]
strategy = "Cluster.Strategy.Kubernetes.DNS"
config = { service = "ex-cluster-svc", application_name = "ex-cluster", polling_interval = 5000 }
prune_after = 60000

[topologies.seeds]
strategy = "Epmd"
config = { hosts = ["a@10.0.0.1"] }
"#;

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Config::read(text, variables.iter().map(own).collect::<Vec<_>>())
}

fn refused(text: &str, variables: &[(&str, &str)]) -> String {
    let said = |config: Config| config.topologies().map(|_| ()).and_then(|()| config.name());
    let taken = read(text, variables).and_then(said);
    taken.map_or_else(|error| error.to_string(), |name| format!("{name} was taken from {text}"))
}

#[test]
fn every_key_is_taken() {
    let config = read(WHOLE, &[]).unwrap();
    assert_eq!(config.name().unwrap(), *"worker@10.0.0.7");
    let node = &config.node;
    assert_eq!(node.dist_port, Some(Ports(9100..=9105)));
    assert_eq!((node.bind.len(), node.epmd, node.visible), (2, EpmdChoice::External, true));
    let ports: Vec<_> = node.peer_port.iter().map(|(it, port)| (it.to_string(), *port)).collect();
    assert_eq!(ports, [("db@*".to_owned(), 9200), ("*@10.*".to_owned(), 9300)], "in this order");
    assert_eq!(node.net_ticktime, Some(Duration::from_secs(30)));
    assert_eq!(node.net_setuptime, Some(Duration::from_millis(3500)));
    assert_eq!(node.drain, Some(Duration::from_secs(20)));
    assert_eq!(config.http.listen, Some("0.0.0.0:4000".parse().unwrap()));
    assert_eq!(config.cluster.ready, 2);
    let names: Vec<_> = config.topologies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["beam", "seeds"]);
    assert_eq!(config.topologies[0].1.prune_after, Some(Duration::from_secs(60)));
    assert_eq!(config.topologies().unwrap().len(), 3, "connect is one, too");
}

#[test]
fn the_environment_is_stronger_than_the_file_and_the_program_than_both() {
    let variables = [
        ("FLITCH_NODE__DIST_PORT", "9100"),
        ("FLITCH_NODE__VISIBLE", "false"),
        ("FLITCH_NODE__ALLOW", "['app@*', 'x@*']"),
        ("FLITCH_TOPOLOGIES__BEAM__CONFIG__SERVICE", "other-svc"),
        ("FLITCH_TOPOLOGIES__NEW__STRATEGY", "LocalEpmd"),
        ("RELEASE_NODE", "other@10.0.0.8"),
        ("ERL_DIST_PORT", "9999"),
        ("FLITCH_SERVICE_HOST", "10.96.0.9"),
        ("HOME", "/nowhere"),
    ];
    let mut config = read(WHOLE, &variables).unwrap();
    assert_eq!(config.name().unwrap(), *"other@10.0.0.8");
    assert_eq!(config.node.dist_port, Some(Ports(9100..=9100)), "ours before others'");
    assert!(!config.node.visible);
    assert_eq!(config.node.allow.len(), 2);
    assert_eq!(config.topologies[0].1.config["service"].as_str(), Some("other-svc"));
    assert_eq!(config.topologies[0].1.config["application_name"].as_str(), Some("ex-cluster"));
    assert_eq!(config.topologies[2].0, "new");
    config.node.name = Some("mine@10.0.0.9".to_owned());
    assert_eq!(config.name().unwrap(), *"mine@10.0.0.9");
}

#[test]
fn a_name_without_a_host_is_completed_by_the_pods_address() {
    for (file, variables, name) in [
        ("node.name = 'worker'", [("POD_IP", "10.0.0.7")].as_slice(), "worker@10.0.0.7"),
        ("node.name = 'worker'", &[("POD_IP", "fd00::7")], "worker@fd00::7"),
        ("node.name = 'worker@h.x'", &[("POD_IP", "10.0.0.7")], "worker@h.x"),
        ("", &[("RELEASE_NODE", "worker"), ("POD_IP", "10.0.0.7")], "worker@10.0.0.7"),
        ("", &[("RELEASE_NODE", "worker@db")], "worker@db"),
        ("", &[("FLITCH_NODE__NAME", "a@h.x"), ("RELEASE_NODE", "b@h.x")], "a@h.x"),
        ("node.name = 'worker@h.x'", &[("RELEASE_NODE", "")], "worker@h.x"),
    ] {
        assert_eq!(read(file, variables).unwrap().name().unwrap(), *name);
    }
}

#[test]
fn mistakes_name_the_place_the_key_and_what_is_allowed() {
    for (text, said) in [
        (
            "",
            "node.name: the node needs a name, such as worker@127.0.0.1: set RELEASE_NODE, or name in",
        ),
        ("[nod]", "nod: no such section: there are node, http, cluster and topologies"),
        (
            "[node]\ndist-port = 1",
            "node.dist-port: there is no such key: did you mean dist_port? There are name, cookie_f",
        ),
        (
            "[node]\ndist_port = 70000",
            "node.dist_port: \"70000\" is no port: write a number from 0",
        ),
        ("[node]\nepmd = 'maybe'", "node.epmd: unknown variant `maybe`, expected one of `auto`"),
        ("[node]\nnet_ticktime = -1", "node.net_ticktime: write seconds, such as 5 or 0.5"),
        ("[node]\nconnect = ['app']", "node.connect: "),
        ("[node]\npeer_port = { 'db@*' = 'x' }", "node.peer_port.db@*: invalid type: string \"x\""),
        ("[http]\nlisten = '4000'", "http.listen: invalid socket address syntax"),
        ("[cluster]\nready = -1", "cluster.ready: invalid value: integer `-1`"),
        ("topologies = 1", "topologies: write [topologies.NAME] with a strategy in it"),
        ("[topologies.a]", "topologies.a: it has no strategy: write strategy = \"Kubernetes.DNS\""),
        (
            "[topologies.a]\nstrategy = 'Epmd'\nconf = {}",
            "topologies.a.conf: there is no such key: did you mean config? There are strategy, con",
        ),
        (
            "[topologies.a]\nstrategy = 'Gosip'",
            "topologies.a.strategy: there is no strategy Gosip: did you mean Gossip?",
        ),
        (
            "[topologies.a]\nstrategy = 'DNSPoll'\nconfig.polling_intervall = 1",
            "topologies.a.config.polling_intervall: DNSPoll has no option polling_intervall: did you",
        ),
        ("[node", "unclosed table, expected `]`"),
        ("[node]\nnet_ticktime = 0", "node.net_ticktime: write seconds, such as 5 or 0.5"),
        ("node = 1", "node: it is a section: write [node]"),
        ("[node]\ncookie_file = 5", "node.cookie_file: write the path of a file in quotes"),
    ] {
        let name = [("RELEASE_NODE", "a@h.x")];
        let error = refused(text, if text.is_empty() { &[] } else { &name });
        assert!(error.starts_with(said), "{error:?} for {text:?}, not {said:?}");
    }
}

#[test]
fn a_mistake_in_a_file_has_its_line_and_one_in_a_variable_its_name() {
    let error = read("\n[node]\nname = 'a@h.x'\nepmd = 'maybe'\n", &[]).unwrap_err();
    assert_eq!((error.line(), error.key()), (Some(4), Some("node.epmd")));
    let error = read("\n\n[topologies.x.config]\na = 1\n", &[]).unwrap_err();
    assert_eq!(error.line(), Some(3));
    let error = read("[node]\nepmd = 'auto'", &[("FLITCH_NODE__EPMD", "maybe")]).unwrap_err();
    assert_eq!((error.line(), error.variable_name()), (None, Some("FLITCH_NODE__EPMD")));
    assert!(error.to_string().starts_with("FLITCH_NODE__EPMD: node.epmd: unknown variant `maybe`"));
    let error = read("", &[("ERL_DIST_PORT", "ninety")]).unwrap_err();
    assert!(error.to_string().starts_with("ERL_DIST_PORT: node.dist_port: \"ninety\" is no port"));
    for variable in ["FLITCH_NOD__EPMD", "FLITCH_NODE__", "FLITCH___X", "FLITCH_NODE__EPMD__X"] {
        let error = read("", &[(variable, "x")]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{variable}: stands for no key")), "{error}");
    }
    let text = "[topologies.a]\nstrategy = 'DNSPoll'\nconfig = 1";
    let error = read(text, &[("FLITCH_TOPOLOGIES__A__CONFIG__QUERY", "q")]).unwrap_err();
    let said = "FLITCH_TOPOLOGIES__A__CONFIG__QUERY: config holds no further keys";
    assert_eq!(error.to_string(), said);
}

#[test]
fn no_secret_is_ever_shown() {
    let gossip = |secret: &str| {
        format!(
            "node.name = 'a@h.x'\n[topologies.g]\nstrategy = 'Gossip'\nconfig = {{ secret = {secret} }}"
        )
    };
    for text in [
        "node.cookie = 'CANARY-CANARY'".to_owned(),
        "[node]\ncookie = 'CANARY-CANARY'\nx = [".to_owned(),
        "node.cookie = 'CANARY-CANARY".to_owned(),
        gossip("'CANARY"),
        gossip("['CANARY']"),
        gossip("{ x = 'CANARY' }"),
    ] {
        let error = refused(&text, &[]);
        assert!(!error.contains("CANARY"), "{error}");
    }
    assert!(refused("node.cookie = 'CANARY-CANARY'", &[]).contains("cookie_file"));
    let text = "node.name = 'a@h.x'\n[topologies.g]\nstrategy = 'Gossip'";
    // A number is a secret as good as any.
    let secret = ("FLITCH_TOPOLOGIES__G__CONFIG__SECRET", "1234512345");
    assert!(read(text, &[secret]).unwrap().topologies().is_ok());
    let variables = [secret, ("RELEASE_COOKIE", "CANARY-CANARY")];
    let config = read(&gossip("'CANARY'"), &variables[1..]).unwrap();
    let debug = format!("{config:?}");
    assert!(!debug.contains("CANARY"), "{debug}");
}

#[test]
fn an_option_of_a_strategy_that_is_wrong_has_its_line_or_its_variable() {
    let text = "node.name = 'a@h.x'\n\n[topologies.beam]\nstrategy = 'Kubernetes.DNS'\n\n\
                [topologies.beam.config]\nservice = 'svc'\npolling_interval = '5s'\n";
    let wrong = |variables: &[(&str, &str)]| {
        read(text, variables).unwrap().topologies().map(|_| ()).unwrap_err()
    };
    let error = wrong(&[]);
    assert_eq!(error.key(), Some("topologies.beam.config.polling_interval"));
    assert_eq!(error.line(), Some(8));
    assert!(error.to_string().contains("5s"), "{error}");
    let variable = "FLITCH_TOPOLOGIES__BEAM__CONFIG__POLLING_INTERVAL";
    let error = wrong(&[(variable, "often")]);
    assert_eq!((error.line(), error.variable_name()), (None, Some(variable)));
    let variable = "FLITCH_TOPOLOGIES__BEAM__STRATEGY";
    let error = wrong(&[(variable, "Kubernetes.DSN")]);
    assert_eq!(error.variable_name(), Some(variable));
    assert!(error.to_string().contains("did you mean Kubernetes.DNS"), "{error}");
}

#[test]
fn a_topology_with_dashes_or_capitals_is_reached_from_the_environment() {
    let text = "[topologies.My-Beam]\nstrategy = 'Epmd'\n";
    let variables = [("FLITCH_TOPOLOGIES__MY_BEAM__CONFIG__HOSTS", "['a@h.x']")];
    let config = read(text, &variables).unwrap();
    assert_eq!(config.topologies.len(), 1);
    assert_eq!(config.topologies[0].1.config["hosts"][0].as_str(), Some("a@h.x"));
}

#[test]
fn a_variable_with_one_underscore_too_few_is_told_the_right_one() {
    for (variable, meant) in [
        ("FLITCH_NODE_NAME", "FLITCH_NODE__NAME"),
        ("FLITCH_DIST_PORT", "FLITCH_NODE__DIST_PORT"),
        ("FLITCH_HTTP_LISTEN", "FLITCH_HTTP__LISTEN"),
        ("FLITCH_READY", "FLITCH_CLUSTER__READY"),
        ("FLITCH_TOPOLOGIES_BEAM_STRATEGY", "FLITCH_TOPOLOGIES__NAME__STRATEGY"),
        ("FLITCH_COOKIE", "RELEASE_COOKIE"),
        ("FLITCH_NODE__COOKIE", "RELEASE_COOKIE"),
    ] {
        let error = read("", &[(variable, "CANARY")]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{variable}: ")) && error.contains(meant), "{error}");
        assert!(!error.contains("CANARY"), "{error}");
    }
}

#[test]
fn variables_that_others_set_beside_a_service_of_our_name_are_no_mistake() {
    for variable in [
        "FLITCH_SERVICE_HOST",
        "FLITCH_PORT",
        "FLITCH_PORT_4000_TCP_ADDR",
        "FLITCH_NODE_SERVICE_PORT_EPMD",
        "FLITCH_NODE_PORT",
        "FLITCH_CONFIG",
        "FLITCH_EPMD_DETACHED",
    ] {
        assert!(read("", &[(variable, "tcp://10.0.0.1:80")]).is_ok(), "{variable}");
    }
}

#[test]
fn an_address_of_the_pod_that_is_none_is_refused_and_an_ipv6_one_has_no_brackets() {
    let name = |pod_ip| read("node.name = 'worker'", &[("POD_IP", pod_ip)]).unwrap().name();
    assert_eq!(name("[fd00::7]").unwrap(), *"worker@fd00::7");
    for pod_ip in ["10.0.0.7,fd00::7", "worker-0", "$(POD_IP)"] {
        let error = name(pod_ip).unwrap_err().to_string();
        assert!(error.starts_with("POD_IP: is not one IP address"), "{error}");
    }
}

#[test]
fn the_environments_own_file_comes_before_its_cookie_and_that_before_the_files_file() {
    let file = |path: &str| format!("[node]\nname = 'a@h.x'\ncookie_file = '{path}'");
    let said =
        |text: &str, variables: &[(&str, &str)]| match read(text, variables).unwrap().builder() {
            Ok(_) => "a cookie".to_owned(),
            Err(error) => error.cookie().unwrap().to_string(),
        };
    let cookie = ("RELEASE_COOKIE", "CANARYCANARYCANARY\n");
    assert!(said(&file("/nowhere/file"), &[]).contains("/nowhere/file"));
    assert_eq!(said(&file("/nowhere/file"), &[cookie]), "a cookie");
    let variables = [cookie, ("FLITCH_NODE__COOKIE_FILE", "/nowhere/other")];
    assert!(said(&file("/nowhere/file"), &variables).contains("/nowhere/other"));
    let unusable = said(&file("/nowhere/file"), &[("NODE_COOKIE", &"CANARY".repeat(50))]);
    assert!(unusable.contains("NODE_COOKIE") && !unusable.contains("CANARY"), "{unusable}");
}

#[test]
fn a_value_is_toml_where_it_is_some_and_else_text() {
    let text = "[topologies.a]\nstrategy = 'DNSPoll'";
    for (given, toml) in [
        ("5000", toml::Value::Integer(5000)),
        ("true", toml::Value::Boolean(true)),
        ("'5000'", "5000".into()),
        ("nan", "nan".into()),
        ("2026-01-01", "2026-01-01".into()),
        ("app@10.0.0.5", "app@10.0.0.5".into()),
        ("1\nstrategy = 2", "1\nstrategy = 2".into()),
        ("{ a = 1", "{ a = 1".into()),
    ] {
        let config = read(text, &[("FLITCH_TOPOLOGIES__A__CONFIG__QUERY", given)]).unwrap();
        assert_eq!(config.topologies[0].1.config["query"], toml, "{given}");
    }
}

#[test]
fn a_port_is_one_or_a_range_or_what_a_start_script_leaves_empty() {
    for (text, ports) in
        [("0", 0..=0), ("", 0..=0), (" 9100 ", 9100..=9100), ("9100-9105", 9100..=9105)]
    {
        assert_eq!(text.parse(), Ok(Ports(ports)));
    }
    for text in ["-1", "70000", "9105-9100", "0-9100", "x", "1-2-3"] {
        assert!(text.parse::<Ports>().unwrap_err().contains(text), "{text}");
    }
}
