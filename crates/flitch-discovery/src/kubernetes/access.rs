//! Where the API server is, and as whom to ask it: what the options and the environment say.

use std::path::{Path, PathBuf};

use super::{Kubernetes, config};
use crate::DiscoveryError;

/// Where Kubernetes puts a pod's `token`, `ca.crt` and `namespace`.
pub(crate) const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// libcluster's default, to which the cluster's domain is appended.
const MASTER: &str = "kubernetes.default.svc";

/// Where the API server is, and as whom to ask it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// As the service account whose files are in `directory`.
    ServiceAccount {
        /// `https://HOST:PORT`.
        server: String,
        /// Its name in its certificate, if that is not what stands in `server`.
        server_name: Option<String>,
        directory: PathBuf,
    },
    /// As the kubeconfigs say, the first of them first.
    Kubeconfig { files: Vec<PathBuf>, context: Option<String> },
}

/// What is outside of the options.
pub(crate) struct Surroundings<'a> {
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) exists: &'a dyn Fn(&Path) -> bool,
}

impl Access {
    /// Whose credentials they are, for sentences.
    pub(crate) fn credentials(&self) -> String {
        match self {
            Self::ServiceAccount { directory, .. } => {
                format!("the token in {}", directory.join("token").display())
            }
            Self::Kubeconfig { .. } => format!("the user of {}", self.source()),
        }
    }

    /// Where all of it is written down, for sentences.
    pub(crate) fn source(&self) -> String {
        match self {
            Self::ServiceAccount { directory, .. } => {
                format!("the service account in {}", directory.display())
            }
            Self::Kubeconfig { files, .. } => {
                let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
                format!("the kubeconfig {}", files.join(", "))
            }
        }
    }
}

impl Kubernetes {
    /// Chooses, in the order that the type's documentation gives.
    ///
    /// # Errors
    /// The options contradict each other or ask for what is not safe, or there is nothing to
    /// choose from.
    pub(crate) fn access(&self, around: &Surroundings<'_>) -> Result<Access, DiscoveryError> {
        let variable = |name| (around.variable)(name).filter(|text| !text.is_empty());
        let ours =
            self.kubernetes_master.is_some() || self.kubernetes_service_account_path.is_some();
        if self.kubeconfig.is_some() || self.context.is_some() {
            if ours {
                return Err(config(
                    "kubeconfig or context is given, and so is kubernetes_master or \
                     kubernetes_service_account_path: these are two ways to find one server",
                ));
            }
        } else if ours {
            return self.service_account(around);
        }
        let context = self.context.clone();
        if let Some(file) = &self.kubeconfig {
            return Ok(Access::Kubeconfig { files: vec![file.clone()], context });
        }
        if let Some(list) = variable("KUBECONFIG") {
            let files = std::env::split_paths(&list).filter(|file| !file.as_os_str().is_empty());
            return Ok(Access::Kubeconfig { files: files.collect(), context });
        }
        if context.is_none() && variable("KUBERNETES_SERVICE_HOST").is_some() {
            return self.service_account(around);
        }
        let usual = variable("HOME").map(|home| Path::new(&home).join(".kube/config"));
        if let Some(file) = usual.filter(|file| context.is_some() || (around.exists)(file)) {
            return Ok(Access::Kubeconfig { files: vec![file], context });
        }
        Err(config(
            "no API server is known: KUBERNETES_SERVICE_HOST is not set, as it would be in a pod, and \
             there is no ~/.kube/config; set KUBECONFIG, or kubeconfig in the options",
        ))
    }

    fn service_account(&self, around: &Surroundings<'_>) -> Result<Access, DiscoveryError> {
        let path = self.kubernetes_service_account_path.as_deref();
        let directory = path.unwrap_or(Path::new(SERVICE_ACCOUNT)).to_owned();
        let variable = |name| (around.variable)(name).filter(|text| !text.is_empty());
        let domain = self.domain(variable("CLUSTER_DOMAIN"));
        let (server, server_name) = match &self.kubernetes_master {
            Some(master) => server(master.trim(), &domain)?,
            None => match variable("KUBERNETES_SERVICE_HOST") {
                Some(host) => {
                    let port = variable("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".into());
                    (format!("https://{}:{port}", bracketed(&host)), None)
                }
                None => server(MASTER, &domain)?,
            },
        };
        Ok(Access::ServiceAccount { server, server_name, directory })
    }
}

/// The URL of a `kubernetes_master`, and the name that its certificate has to have.
fn server(master: &str, domain: &str) -> Result<(String, Option<String>), DiscoveryError> {
    if let Some((scheme, rest)) = master.split_once("://") {
        if scheme == "https" && !rest.is_empty() {
            return Ok((master.to_owned(), None));
        }
        return Err(config(format!(
            "kubernetes_master = {master:?}: the API server is asked over TLS, or the token would \
             be for everybody to read; write https://, or the host alone"
        )));
    }
    if master.parse::<std::net::IpAddr>().is_ok() || master.contains(':') {
        return Ok((format!("https://{}", bracketed(master)), None));
    }
    if let Some(name) = master.strip_suffix('.') {
        // The dot says that it is final, to DNS; certificates do not have it.
        return Ok((format!("https://{master}"), Some(name.to_owned())));
    }
    if master.ends_with(domain) {
        return Ok((format!("https://{master}"), None));
    }
    Ok((format!("https://{master}.{domain}"), None))
}

fn bracketed(host: &str) -> String {
    match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(strategy: &Kubernetes, variables: &[(&str, &str)]) -> Result<Access, String> {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let around = Surroundings { variable: &variable, exists: &|_| true };
        strategy.access(&around).map_err(|error| error.message)
    }

    fn strategy() -> Kubernetes {
        Kubernetes::new("app=a", "a")
    }

    fn server_of(strategy: &Kubernetes, variables: &[(&str, &str)]) -> String {
        match access(strategy, variables).unwrap() {
            Access::ServiceAccount { server, .. } => server,
            Access::Kubeconfig { .. } => panic!("a kubeconfig"),
        }
    }

    const POD: [(&str, &str); 2] =
        [("KUBERNETES_SERVICE_HOST", "10.96.0.1"), ("KUBERNETES_SERVICE_PORT", "443")];

    #[test]
    fn a_pod_asks_as_its_service_account_wherever_it_is() {
        let server = "https://10.96.0.1:443".to_owned();
        let directory = SERVICE_ACCOUNT.into();
        let account = Access::ServiceAccount { server, server_name: None, directory };
        assert_eq!(access(&strategy(), &POD), Ok(account));
        let six = [("KUBERNETES_SERVICE_HOST", "fd00:96::1"), ("KUBERNETES_SERVICE_PORT", "6443")];
        assert_eq!(server_of(&strategy(), &six), "https://[fd00:96::1]:6443");
    }

    #[test]
    fn the_master_gets_the_domain_as_in_libcluster() {
        let of = |master: &str| server_of(&strategy().master(master), &POD);
        assert_eq!(of("kubernetes.default.svc"), "https://kubernetes.default.svc.cluster.local");
        assert_eq!(of("api.cluster.local"), "https://api.cluster.local");
        assert_eq!(of("api.example.org."), "https://api.example.org.");
        assert_eq!(of("10.0.0.1"), "https://10.0.0.1");
        assert_eq!(of("fd00::1"), "https://[fd00::1]");
        assert_eq!(of("api.example.org:6443"), "https://api.example.org:6443");
        assert_eq!(of("https://api.example.org:6443"), "https://api.example.org:6443");
        let europe = strategy().master(MASTER).cluster_name("europe");
        assert_eq!(server_of(&europe, &POD), "https://kubernetes.default.svc.europe.local");
        let domain = [("CLUSTER_DOMAIN", "example.org")];
        let account = strategy().service_account_path("/x");
        assert_eq!(server_of(&account, &domain), "https://kubernetes.default.svc.example.org");
    }

    #[test]
    fn a_server_without_tls_is_refused() {
        let said = access(&strategy().master("http://api.example.org"), &POD).unwrap_err();
        assert!(said.contains("TLS") && said.contains("kubernetes_master"), "{said}");
    }

    #[test]
    fn what_is_written_down_is_stronger_than_what_is_around() {
        let kubeconfig = [("KUBECONFIG", "/a:/b"), POD[0]];
        let files = vec!["/a".into(), "/b".into()];
        assert_eq!(
            access(&strategy(), &kubeconfig),
            Ok(Access::Kubeconfig { files, context: None })
        );
        assert_eq!(server_of(&strategy().master("10.0.0.1"), &kubeconfig), "https://10.0.0.1");
        let file = strategy().kubeconfig("/c").context("lab");
        assert_eq!(
            access(&file, &kubeconfig),
            Ok(Access::Kubeconfig { files: vec!["/c".into()], context: Some("lab".into()) })
        );
        assert!(access(&file.master("x"), &kubeconfig).unwrap_err().contains("two ways"));
    }

    #[test]
    fn without_any_of_them_it_says_what_to_set() {
        assert!(access(&strategy(), &[]).unwrap_err().contains("KUBECONFIG"));
        let home = [("HOME", "/srv/joe")];
        let files = vec!["/srv/joe/.kube/config".into()];
        assert_eq!(access(&strategy(), &home), Ok(Access::Kubeconfig { files, context: None }));
    }
}
