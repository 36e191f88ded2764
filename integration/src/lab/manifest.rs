//! The manifests of `k8s/`, and what scenarios change in them.

use serde_json::{Value, json};

use crate::lab::api::Api;

/// A topology of the worker: its name, and keys and values as in `rel/flitch.toml`, such as
/// `("config__service", "ex-cluster-svc")`.
pub type Topology<'a> = (&'a str, Vec<(&'a str, &'a str)>);

/// Objects that are to be applied.
#[derive(Clone, Debug)]
pub struct Manifests {
    objects: Vec<Value>,
}

impl Manifests {
    /// What `kubectl apply -k k8s/FOLDER` would apply to a namespace.
    ///
    /// # Panics
    /// If kubectl does not take the folder.
    #[must_use]
    #[track_caller]
    pub fn load(api: &Api, namespace: &str, folder: &str) -> Self {
        let path = format!("{}/../k8s/{folder}", env!("CARGO_MANIFEST_DIR"));
        let list =
            api.kubectl(&["apply", "-k", &path, "-n", namespace, "--dry-run=client", "-o", "json"]);
        let list: Value = serde_json::from_str(&list).expect("kubectl prints JSON");
        Self { objects: list["items"].as_array().cloned().unwrap_or_default() }
    }

    /// The objects.
    #[must_use]
    pub fn objects(&self) -> &[Value] {
        &self.objects
    }

    /// One more object.
    #[must_use]
    pub fn with(mut self, object: Value) -> Self {
        self.objects.push(object);
        self
    }

    /// So many pods of the Deployment or StatefulSet `name`.
    #[must_use]
    pub fn replicas(mut self, name: &str, count: usize) -> Self {
        self.workload(name)["spec"]["replicas"] = json!(count);
        self
    }

    /// These variables in the pods of `name`.
    #[must_use]
    pub fn env(mut self, name: &str, variables: &[(&str, &str)]) -> Self {
        let env = self.variables(name);
        for (name, value) in variables {
            env.retain(|variable| variable["name"] != *name);
            env.push(json!({"name": name, "value": value}));
        }
        self
    }

    /// In the worker these topologies instead of its own.
    #[must_use]
    pub fn topologies(mut self, topologies: &[Topology<'_>]) -> Self {
        let env = self.variables("worker");
        env.retain(|variable| {
            !variable["name"].as_str().is_some_and(|name| name.starts_with("FLITCH_TOPOLOGIES__"))
        });
        for (topology, keys) in topologies {
            for (key, value) in keys {
                let name = format!("FLITCH_TOPOLOGIES__{topology}__{key}").to_uppercase();
                env.push(json!({"name": name, "value": value}));
            }
        }
        self
    }

    /// Anything else that is changed in the pod template of `name`.
    #[must_use]
    pub fn template(mut self, name: &str, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.workload(name)["spec"]["template"]);
        self
    }

    /// Anything else that is changed in whichever object.
    #[must_use]
    pub fn each(mut self, change: impl FnMut(&mut Value)) -> Self {
        self.objects.iter_mut().for_each(change);
        self
    }

    fn variables(&mut self, name: &str) -> &mut Vec<Value> {
        let env = &mut self.workload(name)["spec"]["template"]["spec"]["containers"][0]["env"];
        if env.is_null() {
            *env = json!([]);
        }
        env.as_array_mut().expect("a list of variables")
    }

    fn workload(&mut self, name: &str) -> &mut Value {
        let is = |object: &&mut Value| {
            object["metadata"]["name"] == name
                && (object["kind"] == "Deployment" || object["kind"] == "StatefulSet")
        };
        self.objects.iter_mut().find(is).expect("a workload of that name")
    }
}
