//! Configurations as people have them.

use super::*;

/// What is printed, where nothing is left to be said.
#[track_caller]
fn whole(source: &str) -> String {
    let import = import(source);
    assert_eq!(import.problems, [], "{}", toml(&import.topologies));
    readable(&import)
}

/// The text, which TOML has to take.
#[track_caller]
fn readable(import: &Import) -> String {
    let text = toml(&import.topologies);
    let read: Table = text.parse().unwrap_or_else(|error| panic!("{error}:\n{text}"));
    let topologies = read.get("topologies").and_then(Value::as_table);
    for topology in &import.topologies {
        let read = topologies.and_then(|it| it.get(&topology.name)).unwrap();
        let config = read.get("config").and_then(Value::as_table).cloned().unwrap_or_default();
        assert_eq!(config, topology.table(false), "{text}");
    }
    text
}

#[track_caller]
fn said(source: &str) -> Vec<String> {
    let import = import(source);
    readable(&import);
    import.problems.iter().map(|it| format!("{}: {}", it.line, it.message)).collect()
}

const DNS: &str = "\
[topologies.k8s]
strategy = \"Kubernetes.DNS\"

[topologies.k8s.config]
service = \"shop-nodes\"
application_name = \"shop\"
polling_interval = 10000
";

#[test]
fn a_topology_is_found_wherever_elixir_has_it() {
    let list = "k8s: [strategy: Cluster.Strategy.Kubernetes.DNS, config: [
        service: \"shop-nodes\", application_name: 'shop', # the release's
        polling_interval: 10_000,]]";
    for source in [
        format!("import Config\n\nconfig :libcluster,\n  debug: true,\n  topologies: [{list}]\n"),
        format!("use Mix.Config\nconfig :libcluster, topologies: [{list}]\nconfig :x, y: 1"),
        format!("config :libcluster, :topologies, [{list}]"),
        format!("config(:libcluster, topologies: [{list}])"),
        format!("if config_env() == :prod do\n  config :libcluster, topologies: [{list}]\nend"),
        format!("[{list}]"),
        format!("{{:k8s, []}} = nil; topologies: [{list}]"),
        list.to_owned(),
        format!("import Config\n[{list}]"),
        format!("[libcluster: [topologies: [{list}]]]"),
        format!("@topologies [{list}]"),
        format!(
            "defmodule Shop.Application do
               @moduledoc \"topologies: [\"
               def start(_type, _args) do
                 topologies = [{list}]
                 children = [{{Cluster.Supervisor, [topologies, [name: Shop.Cluster]]}}]
                 Supervisor.start_link(children, strategy: :one_for_one)
               end
             end"
        ),
    ] {
        assert_eq!(whole(&source), DNS, "{source}");
    }
}

#[test]
fn every_strategy_of_libcluster_as_its_documentation_has_it() {
    for (elixir, toml) in [
        (
            "Epmd, config: [timeout: 30_000, hosts: [:\"x@10.0.0.1\", :\"y@10.0.0.2\"]]",
            "timeout = 30000\nhosts = [\"x@10.0.0.1\", \"y@10.0.0.2\"]\n",
        ),
        ("LocalEpmd", ""),
        ("ErlangHosts, config: [timeout: 30_000]", "timeout = 30000\n"),
        (
            "Gossip, config: [port: 45893, if_addr: {0, 0, 0, 0}, multicast_if: \"192.168.7.1\",
            multicast_addr: \"233.252.1.33\", multicast_ttl: 1]",
            "port = 45893\nif_addr = \"0.0.0.0\"\nmulticast_if = \"192.168.7.1\"\n\
             multicast_addr = \"233.252.1.33\"\nmulticast_ttl = 1\n",
        ),
        (
            "Gossip, config: [multicast_addr: \"255.255.255.255\", broadcast_only: true]",
            "multicast_addr = \"255.255.255.255\"\nbroadcast_only = true\n",
        ),
        (
            "DNSPoll, config: [query: \"shop.example.org\", node_basename: \"shop\"]",
            "query = \"shop.example.org\"\nnode_basename = \"shop\"\n",
        ),
        (
            "Kubernetes, config: [mode: :hostname, kubernetes_node_basename: \"shop\",
            kubernetes_service_name: \"shop-nodes\", kubernetes_selector: \"app=shop\",
            kubernetes_namespace: \"retail\", kubernetes_ip_lookup_mode: :pods]",
            "mode = \"hostname\"\nkubernetes_node_basename = \"shop\"\n\
             kubernetes_service_name = \"shop-nodes\"\nkubernetes_selector = \"app=shop\"\n\
             kubernetes_namespace = \"retail\"\nkubernetes_ip_lookup_mode = \"pods\"\n",
        ),
        (
            "Kubernetes.DNSSRV, config: [service: \"s\", application_name: \"a\", namespace: \"n\"]",
            "service = \"s\"\napplication_name = \"a\"\nnamespace = \"n\"\n",
        ),
        ("Rancher, config: [node_basename: \"shop\"]", "node_basename = \"shop\"\n"),
    ] {
        let text = whole(&format!("topologies: [t: [strategy: Cluster.Strategy.{elixir}]]"));
        let name = elixir.split(',').next().unwrap();
        let head = format!("[topologies.t]\nstrategy = \"{name}\"\n");
        let config = if toml.is_empty() { "" } else { "\n[topologies.t.config]\n" };
        assert_eq!(text, format!("{head}{config}{toml}"));
    }
}

#[test]
fn what_comes_from_the_environment_has_its_variable_and_its_default() {
    let text = whole(
        "config :libcluster, topologies: [shop: [strategy: Cluster.Strategy.Kubernetes.DNS, config: [
           service: System.get_env(\"SERVICE\") || \"shop-nodes\",
           application_name: System.fetch_env!(\"RELEASE_NAME\"),
           polling_interval: String.to_integer(System.get_env(\"EVERY\", \"5000\"))]]]",
    );
    let config = text.split_once(".config]\n").unwrap().1;
    assert_eq!(
        config,
        "service = \"shop-nodes\" # FLITCH_TOPOLOGIES__SHOP__CONFIG__SERVICE goes over it; \
         SERVICE in Elixir\n\
         # application_name: set FLITCH_TOPOLOGIES__SHOP__CONFIG__APPLICATION_NAME; \
         RELEASE_NAME in Elixir\n\
         polling_interval = 5000 # FLITCH_TOPOLOGIES__SHOP__CONFIG__POLLING_INTERVAL goes over it; \
         EVERY in Elixir\n"
    );
}

#[test]
fn a_secret_is_never_printed_and_never_left_out_in_silence() {
    for secret in [
        "\"HUSHHUSH\"",
        "System.get_env(\"GOSSIP\", \"HUSHHUSH\")",
        "System.get_env(\"GOSSIP\") || \"HUSHHUSH\"",
        "hash(\"HUSHHUSH\")",
    ] {
        let source = format!(
            "topologies: [g: [strategy: Cluster.Strategy.Gossip, config: [secret: {secret}]]]"
        );
        let import = import(&source);
        let text = readable(&import);
        assert!(text.contains("\nsecret_file = \"/run/secrets/flitch/g\"\n"), "{text}");
        assert!(text.contains("FLITCH_TOPOLOGIES__G__CONFIG__SECRET"), "{text}");
        let all = format!("{text}{:?}", import.problems);
        assert!(!all.contains("HUSHHUSH"), "{all}");
    }
}

#[test]
fn what_a_computed_config_has_inside_is_not_shown() {
    let said = said(
        "topologies: [g: [strategy: Cluster.Strategy.Gossip, config: [secret: \"HUSHHUSH\"] ++ x]]",
    );
    assert_eq!(said, ["1: g: config is left out: Elixir computes it"]);
}

#[test]
fn a_name_that_no_variable_can_have_gets_none() {
    let source = "topologies: [\"Shop-1\": [strategy: Cluster.Strategy.DNSPoll, config: [
        query: System.get_env(\"Q\"), node_basename: System.get_env(\"N\", \"shop\")]]]";
    let config = whole(source).split_once(".config]\n").unwrap().1.to_owned();
    assert_eq!(config, "# query = ; Q in Elixir\nnode_basename = \"shop\" # N in Elixir\n");
}

#[test]
fn nil_is_as_if_the_option_were_not_there() {
    let text = whole("a: [strategy: Strategy.Gossip, config: [multicast_if: nil]]");
    assert!(text.ends_with("# multicast_if: nil in Elixir, as if it were not there\n"), "{text}");
}

#[test]
fn what_is_code_is_told_with_its_line_and_the_rest_is_printed() {
    let source = "config :libcluster,
  topologies: [
    a: [
      strategy: Cluster.Strategy.DNSPoll,
      config: [
        query: \"shop.example.org\",
        node_basename: Shop.basename(),
        resolver: &Shop.resolve/1
      ],
      connect: {Shop, :connect, []},
      disconnect: {:erlang, :disconnect_node, []},
      list_nodes: {:erlang, :nodes, [:connected]},
      child_spec: %{restart: :transient},
      weight: 3
    ]
  ]";
    let said = said(source);
    assert_eq!(said.len(), 5, "{said:#?}");
    for (said, parts) in said.iter().zip([
        ["7: a: node_basename", "Elixir computes it: Shop.basename()"],
        ["8: a: resolver", "nameservers"],
        ["10: a: connect", "Topology::links"],
        ["13: a: child_spec", "started again"],
        ["14: a: weight", "list_nodes"],
    ]) {
        assert!(said.starts_with(parts[0]) && said.contains(parts[1]), "{said}");
    }
    assert!(readable(&import(source)).contains("query = \"shop.example.org\"\n"));
}

#[test]
fn the_topologies_that_libclusters_readme_starts_with() {
    let text = whole(
        "topologies: [
           first: [
             # Required.
             strategy: Cluster.Strategy.Epmd,
             config: [hosts: [:\"x@10.0.0.1\"]],
             connect: {:net_kernel, :connect_node, []},
             disconnect: {:erlang, :disconnect_node, []},
             list_nodes: {:erlang, :nodes, [:connected]},
           ],
           \"second one\": [strategy: Cluster.Strategy.LocalEpmd]
         ]",
    );
    assert!(text.contains("[topologies.first]\n"), "{text}");
    assert!(
        text.ends_with("\n\n[topologies.\"second one\"]\nstrategy = \"LocalEpmd\"\n"),
        "{text}"
    );
}

#[test]
fn dns_clusters_queries_are_a_topology() {
    let one =
        "[topologies.dns_cluster]\nstrategy = \"DNSCluster\"\n\n[topologies.dns_cluster.config]\n";
    for (source, config) in [
        (
            "children = [{DNSCluster, query: \"shop.internal\"}, Shop.Endpoint]",
            "query = \"shop.internal\"\n",
        ),
        (
            "{DNSCluster, [query: [\"a.internal\", {\"b\", \"b.internal\"}], resource_types: [:a, :srv]]}",
            "query = [\"a.internal\", { basename = \"b\", query = \"b.internal\" }]\n\
             resource_types = [\"a\", \"srv\"]\n",
        ),
        (
            "config :shop, dns_cluster_query: \"shop.internal\"\nconfig :x, y: 1",
            "query = \"shop.internal\"\n",
        ),
        (
            "config :shop, :dns_cluster_query, System.get_env(\"DNS_CLUSTER_QUERY\")\nconfig :x, y: 1",
            "# query: set FLITCH_TOPOLOGIES__DNS_CLUSTER__CONFIG__QUERY; DNS_CLUSTER_QUERY in Elixir\n",
        ),
    ] {
        assert_eq!(whole(source), format!("{one}{config}"), "{source}");
    }
    assert_eq!(whole("{DNSCluster, query: :ignore}"), "");
    let elsewhere =
        "{DNSCluster, query: Application.get_env(:shop, :dns_cluster_query) || :ignore}";
    let said = said(elsewhere);
    assert!(said.len() == 1 && said[0].contains("config/runtime.exs"), "{said:?}");
}

#[test]
fn topologies_that_are_elsewhere_are_not_taken_for_none() {
    let said = said("topologies = Application.get_env(:libcluster, :topologies)");
    assert!(said.len() == 1 && said[0].starts_with("1: topologies is no list"), "{said:?}");
}

#[test]
fn the_later_of_two_of_a_name_is_taken_and_told() {
    let list = |name| format!("topologies: [{name}: [strategy: Cluster.Strategy.LocalEpmd]]");
    let said = said(&format!("{}\n{}", list("a"), list("a")));
    assert!(said.len() == 1 && said[0].starts_with("2: a: it is there a second time"), "{said:?}");
}

#[test]
fn any_text_is_read_without_harm() {
    for source in [
        "",
        "topologies",
        "topologies:",
        "topologies: [",
        "topologies: [a: [",
        "topologies = ]",
        "[a: 1, b]",
        "config :libcluster,",
        "topologies: [a: [strategy: 1]]",
        "{DNSCluster, ",
        "topologies: [a: 1]",
        "topologies: [\"a\nb\": [strategy: Foo, config: [\"c\nd\": 'e\nf']]]",
        "topologies: [a: [strategy: Foo, config: []]]",
        "\u{0}\"",
        "end end do",
    ] {
        readable(&import(source));
    }
    for depth in [10, 1000, 100_000] {
        import(&format!("topologies: {}", "[a: ".repeat(depth)));
    }
}

#[test]
fn a_list_alone_may_be_written_in_tuples() {
    let source = "[{:k8s, [{:strategy, Cluster.Strategy.Kubernetes.DNS}, {:config, [{:service, \
                  \"shop-nodes\"}, {:application_name, \"shop\"}, {:polling_interval, 10_000}]}]}]";
    assert_eq!(whole(source), DNS);
}
