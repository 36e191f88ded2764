//! What is refused before anything is sent, and what is never shown.

use super::*;

const PATIENCE: Duration = Duration::from_secs(5);

async fn refused(kubeconfig: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    std::fs::write(&file, kubeconfig).unwrap();
    let access = Access::Kubeconfig { files: vec![file], context: None };
    match Api::connect(&access, PATIENCE).await {
        Ok(_) => panic!("taken: {kubeconfig}"),
        Err(error) => error.message,
    }
}

fn kubeconfig(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: k, cluster: {{{cluster}}}}}]\n\
         users: [{{name: u, user: {{{user}}}}}]\n\
         contexts: [{{name: c, context: {{cluster: k, user: u, namespace: shop}}}}]\n"
    )
}

#[tokio::test]
async fn there_is_no_way_to_ask_without_verified_tls() {
    let skip = "server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true";
    let said = refused(&kubeconfig(skip, "token: s3cr3t")).await;
    assert!(said.contains("insecure-skip-tls-verify") && !said.contains("s3cr3t"), "{said}");
    let plain = kubeconfig("server: 'http://127.0.0.1:1'", "token: s3cr3t");
    let said = refused(&plain).await;
    assert!(said.contains("not https"), "{said}");
}

#[tokio::test]
async fn a_proxy_is_refused_and_not_left_out_silently() {
    let proxy = "server: 'https://127.0.0.1:1', proxy-url: 'http://127.0.0.1:2'";
    let said = refused(&kubeconfig(proxy, "token: s3cr3t")).await;
    assert!(said.contains("proxy-url"), "{said}");
}

#[tokio::test]
async fn a_broken_kubeconfig_or_plugin_never_shows_the_secrets_in_it() {
    let said = refused("users: [{name: u, user: {token: s3cr3t, }\nclusters: {{").await;
    assert!(said.contains("no") && said.contains("YAML") && !said.contains("s3cr3t"), "{said}");
    for script in ["echo s3cr3t; exit 1", "echo '{\"token\": s3cr3t'"] {
        let exec = format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, \
             interactiveMode: Never, args: ['-c', \"{}\"]}}",
            script.replace('"', "\\\"")
        );
        let said = refused(&kubeconfig("server: 'https://127.0.0.1:1'", &exec)).await;
        assert!(said.contains("command") && !said.contains("s3cr3t"), "{said}");
    }
}

#[tokio::test]
async fn a_missing_ca_or_token_names_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let access = Access::ServiceAccount {
        server: "https://127.0.0.1:1".into(),
        server_name: None,
        directory: directory.path().to_owned(),
    };
    let said = Api::connect(&access, PATIENCE).await.err().unwrap().message;
    assert!(said.contains("ca.crt") && said.contains("No such file"), "{said}");
    std::fs::write(directory.path().join("ca.crt"), "nothing").unwrap();
    let said = Api::connect(&access, PATIENCE).await.err().unwrap().message;
    assert!(said.contains("no certificate"), "{said}");
    let said = bearer(&directory.path().join("token")).await.unwrap_err().message;
    let path = directory.path().join("token").display().to_string();
    assert!(said.contains(&path), "{said}");
    let said = own_namespace(&access).unwrap_err().message;
    assert!(said.contains("kubernetes_namespace") && said.contains("namespace:"), "{said}");
}

#[tokio::test]
async fn a_token_that_is_none_is_not_shown_and_a_line_break_behind_one_is_no_part_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "s3cr3t\n").unwrap();
    let header = bearer(&file).await.unwrap();
    assert_eq!(header.as_bytes(), b"Bearer s3cr3t");
    assert!(!format!("{header:?}").contains("s3cr3t"));
    std::fs::write(&file, "s3cr3t\nsecond line").unwrap();
    let said = bearer(&file).await.unwrap_err().message;
    assert!(!said.contains("s3cr3t"), "{said}");
}

#[test]
fn the_namespace_of_a_kubeconfig_is_that_of_its_context() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    std::fs::write(&file, kubeconfig("server: 'https://127.0.0.1:1'", "token: x")).unwrap();
    let access = Access::Kubeconfig { files: vec![file], context: None };
    assert_eq!(own_namespace(&access).unwrap(), "shop");
}

#[tokio::test]
async fn a_body_without_an_end_is_not_read_to_its_end() {
    let answer = |length: usize| Answer {
        response: Response::new(Body::from(vec![b' '; length])),
        server: "https://127.0.0.1:1".into(),
    };
    assert_eq!(answer(LONGEST_BODY).whole().await.unwrap().len(), LONGEST_BODY);
    let said = answer(LONGEST_BODY + 1).whole().await.unwrap_err();
    assert!(said.problem == Problem::Garbage && said.message.contains("64 MB"), "{said}");
}
