//! A pod's volumes, as the kubelet lays them out: each a folder whose files are links into a version
//! of it, so that what is replaced is replaced whole.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::lab::fields::{Facts, list};
use crate::lab::kubelet::World;
use crate::lab::pod::Pod;

/// How long a token lasts that a pod asks for nothing about: the API server's own least.
const LEAST: u64 = 600;

/// Lays out all volumes under `folder`; gives the binds of a container.
///
/// # Errors
/// If a volume is of a kind that the lab does not know, or refers to what is not there.
pub fn lay_out(
    facts: &Facts<'_>,
    container: &Value,
    folder: &Path,
) -> Result<Vec<(PathBuf, String, bool)>, String> {
    let spec = &facts.pod["spec"];
    let group = spec["securityContext"]["fsGroup"].as_u64();
    for volume in list(&spec["volumes"]) {
        let name = volume["name"].as_str().unwrap_or_default();
        let at = folder.join(name);
        if volume["emptyDir"].is_object() {
            make(&at, 0o777)?;
        } else {
            let (files, mode) = contents(facts, volume)?;
            replace(&at, &files, mode, group).map_err(|error| format!("volume {name}: {error}"))?;
        }
    }
    let mounts = list(&container["volumeMounts"]).map(|mount| {
        let at = folder.join(mount["name"].as_str().unwrap_or_default());
        let at = at.join(mount["subPath"].as_str().unwrap_or_default());
        let target = mount["mountPath"].as_str().unwrap_or_default().to_owned();
        let empty = list(&spec["volumes"])
            .any(|it| it["name"] == mount["name"] && it["emptyDir"].is_object());
        (at, target, empty && mount["readOnly"] != true)
    });
    Ok(mounts.collect())
}

/// Writes the files of a volume anew, all at once for whoever reads them.
fn replace(
    volume: &Path,
    files: &BTreeMap<String, Vec<u8>>,
    mode: u32,
    group: Option<u64>,
) -> std::io::Result<()> {
    std::fs::create_dir_all(volume)?;
    let version =
        (1..).map(|number| format!("..{number}")).find(|name| !volume.join(name).exists());
    let version = version.unwrap_or_default();
    for (name, bytes) in files {
        let file = volume.join(&version).join(name);
        std::fs::create_dir_all(file.parent().unwrap_or(volume))?;
        std::fs::write(&file, bytes)?;
        let mode = if group.is_some() { mode | 0o440 } else { mode };
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode))?;
        chown(&file, Some(0), group.and_then(|group| group.try_into().ok()))?;
        let first = Path::new(name).iter().next().unwrap_or_default();
        if !volume.join(first).is_symlink() {
            symlink(Path::new("..data").join(first), volume.join(first))?;
        }
    }
    symlink(&version, volume.join("..new"))?;
    std::fs::rename(volume.join("..new"), volume.join("..data"))
}

/// Gives the pod a new token in place of the one that it has, as a kubelet does when that has lived
/// for most of its time.
///
/// # Errors
/// What the API server said, or why the file cannot be written.
pub fn rotate(world: &World, pod: &Pod) -> Result<(), String> {
    let facts = Facts { pod: pod.manifest(), addresses: pod.addresses(), api: &world.plane.api };
    let spec = &pod.manifest()["spec"];
    let has_token = |volume: &&Value| {
        list(&volume["projected"]["sources"]).any(|it| it["serviceAccountToken"].is_object())
    };
    let volume = list(&spec["volumes"]).find(has_token).ok_or("the pod has no token")?;
    let (files, mode) = contents(&facts, volume)?;
    let at = pod.volume(world, volume["name"].as_str().unwrap_or_default());
    let group = spec["securityContext"]["fsGroup"].as_u64();
    replace(&at, &files, mode, group).map_err(|error| error.to_string())
}

/// A token for the pod's service account, void once that pod is gone.
fn token(facts: &Facts<'_>, audience: Option<&str>) -> Result<Vec<u8>, String> {
    let account = facts.pod["spec"]["serviceAccountName"].as_str().unwrap_or("default");
    let path = format!("/api/v1/namespaces/{}/serviceaccounts/{account}/token", facts.namespace());
    let meta = &facts.pod["metadata"];
    let reference =
        json!({"kind": "Pod", "apiVersion": "v1", "name": meta["name"], "uid": meta["uid"]});
    let spec = json!({
        "audiences": audience.into_iter().collect::<Vec<_>>(), "expirationSeconds": LEAST, "boundObjectRef": reference,
    });
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    let answer = facts.api.create(&path, &request)?;
    Ok(answer["status"]["token"].as_str().unwrap_or_default().as_bytes().to_owned())
}

fn contents(facts: &Facts<'_>, volume: &Value) -> Result<(BTreeMap<String, Vec<u8>>, u32), String> {
    let (kind, source) = volume
        .as_object()
        .and_then(|fields| fields.iter().find(|(key, _)| *key != "name"))
        .ok_or_else(|| format!("a volume of no kind: {volume}"))?;
    let mode =
        source["defaultMode"].as_u64().and_then(|mode| mode.try_into().ok()).unwrap_or(0o644);
    let mut files = BTreeMap::new();
    if kind == "projected" {
        for part in list(&source["sources"]) {
            for (kind, source) in part.as_object().into_iter().flatten() {
                files.extend(part_of(facts, kind, source)?);
            }
        }
    } else {
        files = part_of(facts, kind, source)?;
    }
    Ok((files, mode))
}

fn part_of(
    facts: &Facts<'_>,
    kind: &str,
    source: &Value,
) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let path = |item: &Value| item["path"].as_str().unwrap_or_default().to_owned();
    match kind {
        "secret" | "configMap" => {
            let name =
                source["secretName"].as_str().or(source["name"].as_str()).unwrap_or_default();
            let mut texts =
                facts.texts(if kind == "secret" { "secrets" } else { "configmaps" }, name)?;
            if !source["items"].is_array() {
                return Ok(texts);
            }
            let named = list(&source["items"]).map(|item| {
                let text = texts.remove(item["key"].as_str().unwrap_or_default());
                Ok((path(item), text.ok_or_else(|| format!("{kind} {name} lacks {item}"))?))
            });
            named.collect()
        }
        "downwardAPI" => {
            let fields = list(&source["items"]).map(|item| {
                let field =
                    facts.field(item["fieldRef"]["fieldPath"].as_str().unwrap_or_default())?;
                Ok((path(item), field.into_bytes()))
            });
            fields.collect()
        }
        "serviceAccountToken" => {
            let token = token(facts, source["audience"].as_str())?;
            Ok(BTreeMap::from([(path(source), token)]))
        }
        _ => Err(format!("the lab knows no volume of the kind {kind}")),
    }
}

fn make(folder: &Path, mode: u32) -> Result<(), String> {
    let made = std::fs::create_dir_all(folder);
    let made =
        made.and_then(|()| std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)));
    made.map_err(|error| format!("{}: {error}", folder.display()))
}
