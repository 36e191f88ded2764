//! What the lab runs for an image: the same files at the same places, without the image.

use std::path::PathBuf;

use crate::flitch;
use crate::lab::enter::Parts;

/// The contents of an image, over those of the machine, and how it starts.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// What lies where.
    pub files: Vec<(PathBuf, String)>,
    /// What is in the environment, unless a manifest says otherwise.
    pub env: Vec<(String, String)>,
    /// The first words of the command line; `args` of a manifest come behind them, or `cmd`.
    pub entrypoint: Vec<String>,
    /// The rest of the command line, unless a manifest has `args`.
    pub cmd: Vec<String>,
}

/// Finds the image of this name, as `docker/` makes it.
///
/// # Errors
/// If the lab has no such image.
pub fn find(name: &str, parts: &Parts) -> Result<Image, String> {
    let checkout = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let env = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let worker = Image {
        files: vec![
            (flitch::binary().to_owned(), "/usr/local/bin/flitch".to_owned()),
            (checkout.join("rel/env.sh"), "/usr/local/bin/env.sh".to_owned()),
            (checkout.join("rel/flitch.toml"), "/etc/flitch/flitch.toml".to_owned()),
        ],
        env: Vec::new(),
        entrypoint: words(&["env.sh"]),
        cmd: words(&["flitch", "node"]),
    };
    let elixir = Image {
        files: vec![(parts.release.clone(), "/app".to_owned())],
        env: env(&[
            ("HOME", "/tmp"),
            ("RELEASE_TMP", "/tmp"),
            ("ERL_CRASH_DUMP", "/tmp/erl_crash.dump"),
        ]),
        entrypoint: words(&["/app/bin/ex_cluster"]),
        cmd: words(&["start"]),
    };
    match name.split(':').next() {
        Some("flitch-worker") => Ok(worker),
        Some("ex-cluster") => Ok(elixir),
        // For a pod that is a host with several nodes on it.
        Some("both") => {
            Ok(Image { files: [worker.files, elixir.files].concat(), ..Image::default() })
        }
        _ => Err(format!("the lab has no image {name}: flitch-worker, ex-cluster and both")),
    }
}
