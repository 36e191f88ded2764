//! What a pod's manifest says with values that are known when it runs: `fieldRef`, `secretKeyRef`,
//! `configMapKeyRef`, `$(NAME)`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::lab::api::Api;
use crate::lab::image::Image;
use crate::lab::network::{API_SERVICE, Addresses, GATEWAY};

/// What is known of a pod at its start.
pub struct Facts<'a> {
    /// The pod, as the API server has it.
    pub pod: &'a Value,
    /// What it is reached at.
    pub addresses: Addresses,
    /// Where Secrets and ConfigMaps are.
    pub api: &'a Api,
}

impl Facts<'_> {
    /// The pod's namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.pod["metadata"]["namespace"].as_str().unwrap_or_default()
    }

    /// The value of a `fieldPath`.
    ///
    /// # Errors
    /// If the lab does not know the path.
    pub fn field(&self, path: &str) -> Result<String, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(match path {
            "status.podIP" => self.addresses.first().to_string(),
            "status.podIPs" => self.addresses.both().map(|ip| ip.to_string()).join(","),
            "status.hostIP" => GATEWAY.to_string(),
            "spec.nodeName" => super::kubelet::NODE.to_owned(),
            "metadata.name" | "metadata.namespace" | "metadata.uid" | "spec.serviceAccountName" => {
                text(
                    self.pod
                        .pointer(&format!("/{}", path.replace('.', "/")))
                        .unwrap_or(&Value::Null),
                )
            }
            _ => {
                let map = path.strip_suffix("']").and_then(|path| path.split_once("['"));
                match map {
                    Some(("metadata.labels", key)) => text(&self.pod["metadata"]["labels"][key]),
                    Some(("metadata.annotations", key)) => {
                        text(&self.pod["metadata"]["annotations"][key])
                    }
                    _ => return Err(format!("the lab knows no fieldPath {path}")),
                }
            }
        })
    }

    /// The texts of a Secret or ConfigMap, by key.
    ///
    /// # Errors
    /// If it is not there.
    pub fn texts(&self, kind: &str, name: &str) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let object =
            self.api.get(&format!("/api/v1/namespaces/{}/{kind}/{name}", self.namespace()))?;
        let Some(data) = object["data"].as_object() else { return Ok(BTreeMap::new()) };
        let bytes = |value: &Value| {
            let text = value.as_str().unwrap_or_default();
            if kind == "secrets" { unbase64(text) } else { text.as_bytes().to_owned() }
        };
        Ok(data.iter().map(|(key, value)| (key.clone(), bytes(value))).collect())
    }

    /// The whole environment of a container.
    ///
    /// # Errors
    /// If a reference leads nowhere.
    pub fn environment(
        &self,
        container: &Value,
        image: &Image,
    ) -> Result<Vec<(String, String)>, String> {
        let mut env: Vec<(String, String)> = [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
            ("HOME", "/".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("HOSTNAME", self.field("metadata.name")?),
            ("KUBERNETES_SERVICE_HOST", API_SERVICE.to_string()),
            ("KUBERNETES_SERVICE_PORT", "443".to_owned()),
            ("KUBERNETES_SERVICE_PORT_HTTPS", "443".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        env.extend(image.env.iter().cloned());
        for source in list(&container["envFrom"]) {
            for (kind, from) in
                [("secrets", &source["secretRef"]), ("configmaps", &source["configMapRef"])]
            {
                let Some(name) = from["name"].as_str() else { continue };
                let texts = self.texts(kind, name)?.into_iter();
                env.extend(
                    texts.map(|(key, text)| (key, String::from_utf8_lossy(&text).into_owned())),
                );
            }
        }
        for variable in list(&container["env"]) {
            let name = variable["name"].as_str().unwrap_or_default().to_owned();
            let value = match variable["value"].as_str() {
                Some(value) => expand(value, &env),
                None => self.reference(&variable["valueFrom"])?,
            };
            env.push((name, value));
        }
        Ok(env)
    }

    /// The command line of a container.
    #[must_use]
    pub fn command(container: &Value, image: &Image, env: &[(String, String)]) -> Vec<String> {
        let given = |key: &str| {
            let words = container[key].as_array()?.iter();
            Some(
                words
                    .map(|word| expand(word.as_str().unwrap_or_default(), env))
                    .collect::<Vec<_>>(),
            )
        };
        match (given("command"), given("args")) {
            (Some(command), args) => [command, args.unwrap_or_default()].concat(),
            (None, Some(args)) => [image.entrypoint.clone(), args].concat(),
            (None, None) => [image.entrypoint.clone(), image.cmd.clone()].concat(),
        }
    }

    fn reference(&self, from: &Value) -> Result<String, String> {
        if let Some(path) = from["fieldRef"]["fieldPath"].as_str() {
            return self.field(path);
        }
        for (kind, of) in
            [("secrets", &from["secretKeyRef"]), ("configmaps", &from["configMapKeyRef"])]
        {
            if let (Some(name), Some(key)) = (of["name"].as_str(), of["key"].as_str()) {
                let text = self.texts(kind, name)?.remove(key);
                let text = text.ok_or_else(|| format!("{kind}/{name} has no key {key}"))?;
                return Ok(String::from_utf8_lossy(&text).into_owned());
            }
        }
        Err(format!("the lab knows no valueFrom {from}"))
    }
}

/// The elements of a list; none if it is missing.
pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// `$(NAME)` by what is known so far, as the kubelet does it.
fn expand(text: &str, env: &[(String, String)]) -> String {
    let replace =
        |text: String, (name, value): &(String, String)| text.replace(&format!("$({name})"), value);
    env.iter().rev().fold(text.to_owned(), replace)
}

fn unbase64(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => Some(u32::from(letter - b'A')),
        b'a'..=b'z' => Some(u32::from(letter - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(letter - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u32> = text.bytes().filter_map(value).collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - four.len()));
        bits.to_be_bytes().into_iter().skip(1).take(four.len() * 6 / 8)
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_whatever_its_length() {
        for (text, bytes) in
            [("", ""), ("YQ==", "a"), ("YWI=", "ab"), ("YWJj", "abc"), ("/+8=", "\u{fffd}\u{fffd}")]
        {
            assert_eq!(String::from_utf8_lossy(&unbase64(text)), bytes, "{text}");
        }
    }

    #[test]
    fn variables_are_put_in_and_unknown_ones_left() {
        let env = [("POD_IP".to_owned(), "10.244.0.7".to_owned())];
        assert_eq!(expand("worker@$(POD_IP) $(ELSE)", &env), "worker@10.244.0.7 $(ELSE)");
    }
}
