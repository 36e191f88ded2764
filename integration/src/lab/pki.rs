//! What the control plane proves itself with: a CA, the API server's certificate, the key that signs
//! service accounts' tokens, and the tokens of those who run the cluster.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::lab::network::API_SERVICE;
use crate::lab::run::run;

/// The files, in a folder of the lab.
pub struct Pki {
    folder: PathBuf,
}

/// Who runs the cluster: user, token, group.
const USERS: [(&str, &str, &str); 2] =
    [("admin", "lab-admin", "system:masters"), ("coredns", "lab-coredns", "lab:dns")];

impl Pki {
    /// Makes all of it.
    ///
    /// # Panics
    /// If openssl fails.
    #[must_use]
    pub fn make(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("a folder of the lab");
        let pki = Self { folder: folder.to_owned() };
        let curve =
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        let request = |name: &str, key: &str, certificate: &str, extensions: &[&str]| {
            let mut args = vec!["req", "-x509"];
            args.extend(curve);
            let subject = format!("/CN={name}");
            let (key, certificate) = (pki.file(key), pki.file(certificate));
            args.extend(["-subj", &subject, "-keyout", &key, "-out", &certificate]);
            args.extend(extensions);
            run("openssl", args);
        };
        let ca = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"];
        request("lab", "ca.key", "ca.crt", &ca);
        let names = format!(
            "subjectAltName=IP:127.0.0.1,IP:{API_SERVICE},DNS:kubernetes.default.svc,\
             DNS:kubernetes.default.svc.cluster.local"
        );
        let (ca, ca_key) = (pki.file("ca.crt"), pki.file("ca.key"));
        let leaf = "basicConstraints=critical,CA:FALSE";
        let signed = ["-CA", &ca, "-CAkey", &ca_key, "-addext", leaf, "-addext", &names];
        request("kube-apiserver", "apiserver.key", "apiserver.crt", &signed);
        let accounts = pki.file("accounts.key");
        run("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &accounts]);
        pki.write_users();
        pki
    }

    /// The path of one of the files.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The path of a kubeconfig for one of the users.
    #[must_use]
    pub fn kubeconfig(&self, user: &str) -> String {
        self.file(&format!("{user}.kubeconfig"))
    }

    fn write_users(&self) {
        let mut tokens = String::new();
        for (user, token, group) in USERS {
            tokens += &format!("{token},{user},{user},{group}\n");
            let server = format!("https://{API_SERVICE}");
            // JSON is YAML, and kubectl reads either.
            let config = json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "lab",
                "clusters": [{"name": "lab", "cluster": {"server": server, "certificate-authority": self.file("ca.crt")}}],
                "users": [{"name": user, "user": {"token": token}}],
                "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": user}}],
            });
            self.write(&format!("{user}.kubeconfig"), &config.to_string());
        }
        self.write("tokens.csv", &tokens);
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).expect("a file of the lab");
    }
}
