//! The files of `k8s/`, `docker/` and `rel/`: what in them has to be so, and what in one has to agree
//! with another. `make cluster` applies them to a real API server.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The documents of a YAML file. Numbers that begin with 0 are octal, as kubectl takes them.
fn documents(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let found = serde_saphyr::from_multiple_with_options(&text, options);
    found.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every YAML file under `folder`, but for what is a link to another.
fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(yaml_files(&entry.path()));
        } else if kind.is_file() && entry.path().extension().is_some_and(|end| end == "yaml") {
            found.push(entry.path());
        }
    }
    found
}

fn base(file: &str) -> Vec<Value> {
    documents(&top().join("k8s/base").join(file))
}

fn of_kind<'a>(documents: &'a [Value], kind: &str) -> Vec<&'a Value> {
    documents.iter().filter(|document| document["kind"] == kind).collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {value}"))
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    let found = value.pointer(pointer).and_then(Value::as_array);
    found.unwrap_or_else(|| panic!("{pointer} in {value}"))
}

/// The worker's Deployment and the Elixir one's.
fn deployment(name: &str) -> Value {
    let all = base("deploy.yaml");
    let found = all.iter().find(|document| document["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no Deployment {name}"))["spec"].clone()
}

/// The variables of the first container of a pod template, those with a plain value.
fn variables(spec: &Value) -> BTreeMap<String, Option<String>> {
    let of = |entry: &Value| entry["value"].as_str().map(str::to_owned);
    let env = list(spec, "/template/spec/containers/0/env");
    env.iter().map(|entry| (text(entry, "/name").to_owned(), of(entry))).collect()
}

fn port(spec: &Value, name: &str) -> u64 {
    let ports = list(spec, "/template/spec/containers/0/ports");
    let found = ports.iter().find(|port| port["name"] == name);
    found
        .and_then(|port| port["containerPort"].as_u64())
        .unwrap_or_else(|| panic!("no port {name}"))
}

fn configuration() -> toml::Table {
    std::fs::read_to_string(top().join("rel/flitch.toml")).unwrap().parse().unwrap()
}

#[test]
fn every_file_is_yaml() {
    let count =
        yaml_files(&top().join("k8s")).iter().map(|file| documents(file).len()).sum::<usize>();
    assert!(count > 20, "{count}");
    assert!(yaml_files(&top().join("docker")).iter().all(|file| documents(file).len() == 1));
}

#[test]
fn a_role_lists_and_watches_one_kind_and_nothing_more() {
    let rbac = base("rbac.yaml");
    assert!(of_kind(&rbac, "ClusterRole").is_empty());
    for role in of_kind(&rbac, "Role") {
        let [rule] = list(role, "/rules") else { panic!("one rule: {role}") };
        let [resource] = list(rule, "/resources") else { panic!("one kind: {role}") };
        let (who, what) = text(role, "/metadata/name").split_once('-').unwrap();
        assert_eq!(resource, what);
        let group = if what == "endpointslices" { "discovery.k8s.io" } else { "" };
        assert_eq!(list(rule, "/apiGroups"), [group]);
        let watches = if who == "flitch" { &["list", "watch"][..] } else { &["list"][..] };
        assert_eq!(list(rule, "/verbs"), watches, "{role}");
    }
}

#[test]
fn who_asks_the_api_server_is_bound_to_one_role_and_nobody_else_has_a_token() {
    let api = top().join("k8s/components/kubernetes-api");
    let bindings = documents(&api.join("bindings.yaml"));
    let bound: Vec<_> = bindings
        .iter()
        .map(|binding| (text(binding, "/subjects/0/name"), text(binding, "/roleRef/name")))
        .collect();
    assert_eq!(
        bound,
        [("ex-cluster", "libcluster-endpoints"), ("worker", "flitch-endpointslices")]
    );
    let rbac = base("rbac.yaml");
    for (account, role) in bound {
        let has = |kind, name| of_kind(&rbac, kind).iter().any(|it| it["metadata"]["name"] == name);
        assert!(has("ServiceAccount", account) && has("Role", role));
    }
    for name in ["ex-cluster", "worker"] {
        let pod = &deployment(name)["template"]["spec"];
        assert_eq!(pod["serviceAccountName"], name);
        assert_eq!(pod["automountServiceAccountToken"], false);
    }
}

#[test]
fn pods_run_as_nobody_with_no_rights_and_under_limits() {
    for name in ["ex-cluster", "worker"] {
        let pod = &deployment(name)["template"]["spec"];
        let context = &pod["securityContext"];
        assert_eq!(context["runAsNonRoot"], true);
        assert!(context["runAsUser"].as_u64().unwrap() > 0);
        assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
        for container in list(pod, "/containers") {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false);
            assert_eq!(context["readOnlyRootFilesystem"], true);
            assert_eq!(list(context, "/capabilities/drop"), ["ALL"]);
            for resource in ["cpu", "memory"] {
                assert!(container["resources"]["limits"][resource].is_string());
                assert!(container["resources"]["requests"][resource].is_string());
            }
        }
    }
}

#[test]
fn the_cookie_comes_from_the_secret_and_others_cannot_read_its_file() {
    let elixir = deployment("ex-cluster");
    let env = list(&elixir, "/template/spec/containers/0/env");
    let cookie = env.iter().find(|entry| entry["name"] == "RELEASE_COOKIE").unwrap();
    assert_eq!(text(cookie, "/valueFrom/secretKeyRef/name"), "cluster-cookie");

    let worker = deployment("worker");
    let pod = &worker["template"]["spec"];
    assert_eq!(text(pod, "/volumes/0/secret/secretName"), "cluster-cookie");
    assert_eq!(pod["volumes"][0]["secret"]["defaultMode"], 0o400);
    assert_eq!(pod["securityContext"]["fsGroup"], pod["securityContext"]["runAsGroup"]);
    let file = variables(&worker)["FLITCH_NODE__COOKIE_FILE"].clone().unwrap();
    assert_eq!(
        Path::new(&file).parent(),
        Some(Path::new(text(pod, "/containers/0/volumeMounts/0/mountPath")))
    );
    assert_eq!(Path::new(&file).file_name().unwrap(), "cookie");
}

#[test]
fn probes_and_services_name_the_ports_that_the_nodes_listen_on() {
    let config = configuration();
    let http = config["http"]["listen"].as_str().unwrap().rsplit_once(':').unwrap().1;
    let dist = config["node"]["dist_port"].as_str().unwrap();
    let (worker, elixir) = (deployment("worker"), deployment("ex-cluster"));
    assert_eq!(port(&worker, "http").to_string(), http);
    for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
        let asked = &worker["template"]["spec"]["containers"][0][probe]["httpGet"];
        assert_eq!((text(asked, "/path"), text(asked, "/port")), (path, "http"));
    }
    assert_eq!(variables(&elixir)["ERL_DIST_PORT"].as_deref(), Some(dist));
    for spec in [&worker, &elixir] {
        assert_eq!(port(spec, "dist").to_string(), dist);
        assert_eq!(port(spec, "epmd"), 4369);
    }
    for service in base("service.yaml") {
        let ports: Vec<_> = list(&service, "/spec/ports")
            .iter()
            .map(|port| (text(port, "/name").to_owned(), port["port"].to_string()))
            .collect();
        assert_eq!(ports, [("epmd".into(), "4369".into()), ("dist".into(), dist.to_owned())]);
    }
    let image = std::fs::read_to_string(top().join("docker/Dockerfile")).unwrap();
    assert!(image.contains(&format!("\nEXPOSE 4369 {dist} {http}\n")));
}

#[test]
fn what_stops_the_worker_waits_longer_than_it_drains() {
    let drain = configuration()["node"]["drain"].as_integer().unwrap();
    let grace = deployment("worker")["template"]["spec"]["terminationGracePeriodSeconds"].as_i64();
    assert!(grace.unwrap() >= drain + 5);
    let compose = &documents(&top().join("docker/compose.yaml"))[0];
    let grace = text(compose, "/services/worker/stop_grace_period").trim_end_matches('s');
    assert!(grace.parse::<i64>().unwrap() >= drain + 5);
    // What runs there is as little trusted as in a pod.
    for service in compose["services"].as_object().unwrap().values() {
        assert_eq!(service["read_only"], true);
        assert_eq!(list(service, "/cap_drop"), ["ALL"]);
    }
}

#[test]
fn each_basename_has_a_headless_service_that_selects_its_pods_alone() {
    let services = base("service.yaml");
    for name in ["ex-cluster", "worker"] {
        let labels = &deployment(name)["template"]["metadata"]["labels"];
        let of = services.iter().filter(|service| {
            let wanted = service["spec"]["selector"].as_object().unwrap();
            wanted.iter().all(|(key, value)| &labels[key] == value)
        });
        let of: Vec<_> = of.collect();
        let [service] = of[..] else { panic!("{name} is selected by {of:?}") };
        assert_eq!(service["metadata"]["name"], format!("{name}-svc"));
        assert_eq!(service["spec"]["clusterIP"], "None");
        assert_eq!(service["spec"]["publishNotReadyAddresses"], true);
        // `kubernetes_selector` asks for Endpoints and EndpointSlices, which have its labels.
        assert_eq!(service["metadata"]["labels"], service["spec"]["selector"]);
    }
}

#[test]
fn every_service_and_selector_that_is_looked_for_is_there() {
    let services = base("service.yaml");
    let names: BTreeSet<_> = services.iter().map(|it| text(it, "/metadata/name")).collect();
    let mut looked = 0;
    for file in yaml_files(&top().join("k8s")) {
        for document in documents(&file) {
            if document.pointer("/spec/template/spec/containers/0/env").is_none() {
                continue;
            }
            for (name, value) in variables(&document["spec"]) {
                let Some(value) = value else { continue };
                if name.ends_with("__SERVICE") || name.ends_with("_SERVICE_NAME") {
                    assert!(names.contains(value.as_str()), "{}: {value}", file.display());
                    looked += 1;
                } else if name == "LIBCLUSTER_TOPOLOGIES" {
                    assert!(
                        value.contains("\"ex-cluster-svc\"")
                            || value.contains("\"app=ex-cluster\"")
                    );
                    looked += 1;
                }
            }
        }
    }
    assert!(looked >= 8, "{looked}");
}

#[test]
fn what_a_patch_takes_away_is_there_to_be_taken() {
    let worker = variables(&deployment("worker"));
    let patch = &documents(&top().join("k8s/components/kubernetes-api/worker.yaml"))[0];
    let entries = list(patch, "/spec/template/spec/containers/0/env");
    let gone: BTreeSet<_> = entries
        .iter()
        .filter(|entry| entry["$patch"] == "delete")
        .map(|entry| text(entry, "/name"))
        .collect();
    let of_dns = worker.keys().filter(|name| name.starts_with("FLITCH_TOPOLOGIES__"));
    let of_dns: BTreeSet<_> =
        of_dns.map(String::as_str).filter(|it| it.contains("CONFIG")).collect();
    assert_eq!(gone, of_dns, "an option of Kubernetes.DNS is none of Kubernetes");
}

#[test]
fn the_short_paths_lead_to_the_base() {
    for name in ["rbac", "deploy", "service"] {
        let short = std::fs::canonicalize(top().join(format!("k8s/{name}.yaml"))).unwrap();
        let long = std::fs::canonicalize(top().join(format!("k8s/base/{name}.yaml"))).unwrap();
        assert_eq!(short, long);
    }
}
