//! What an answer that is not 200 means, in words: whose fault it is and what to do.

use super::object::shortened;
use super::request::{Resource, Scope};
use crate::{DiscoveryError, Problem};

/// Where the roles are that our sentences name.
const ROLES: &str = "k8s/rbac.yaml";

/// What was asked, for sentences.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) verb: &'a str,
    pub(crate) resource: Resource,
    pub(crate) scope: &'a Scope,
    /// Where our credentials come from, such as `the token in FILE`.
    pub(crate) credentials: &'a str,
}

impl Asked<'_> {
    /// The API server says no, in these words of its own.
    pub(crate) fn refused(&self, status: u16, said: &str) -> DiscoveryError {
        let (verb, what, place) = (self.verb, self.resource.as_str(), self.scope.place());
        match status {
            401 => self.unknown(),
            403 => self.forbidden(said),
            404 => DiscoveryError::new(
                Problem::Api,
                format!(
                    "the API server knows no {what} (404): it is older than Kubernetes 1.21, or what \
                     answers is no API server{}",
                    quoted(said)
                ),
            ),
            429 => DiscoveryError::new(
                Problem::Api,
                format!("the API server has too much to do (429) to {verb} {what} {place}"),
            ),
            400 | 422 => DiscoveryError::new(
                Problem::Config,
                format!(
                    "the API server does not understand the question ({status}): is \
                     kubernetes_selector a label selector?{}",
                    quoted(said)
                ),
            ),
            _ => DiscoveryError::new(
                Problem::Api,
                format!("the API server fails ({status}) to {verb} {what} {place}{}", quoted(said)),
            ),
        }
    }

    fn unknown(&self) -> DiscoveryError {
        DiscoveryError::new(
            Problem::Forbidden,
            format!(
                "the API server does not know who asks (401): {} is not valid, or not any more",
                self.credentials
            ),
        )
    }

    fn forbidden(&self, said: &str) -> DiscoveryError {
        let (verb, what, place) = (self.verb, self.resource.as_str(), self.scope.place());
        let who = user(said).unwrap_or_else(|| self.credentials.to_owned());
        let role = match &self.scope.namespace {
            Some(_) => format!("bind the Role flitch-{what} of {ROLES} to it"),
            None => format!("bind a ClusterRole with the rules of flitch-{what} in {ROLES} to it"),
        };
        DiscoveryError::new(
            Problem::Forbidden,
            format!("{who} may not {verb} {what} {place} (403): {role}"),
        )
    }

    /// What came is no answer.
    pub(crate) fn garbage(&self, said: &str) -> DiscoveryError {
        let (verb, what, place) = (self.verb, self.resource.as_str(), self.scope.place());
        DiscoveryError::new(
            Problem::Garbage,
            format!("what answers to {verb} {what} {place} is no API server: {said}"),
        )
    }
}

/// `User "system:serviceaccount:shop:worker" cannot list …`: what the API server calls us.
fn user(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("User \"")?;
    let (user, _) = rest.split_once('"')?;
    let named = match user.strip_prefix("system:serviceaccount:") {
        Some(_) => format!("the service account {}", shortened(user)),
        None if user == "system:anonymous" => {
            "a request without credentials (system:anonymous)".to_owned()
        }
        None => format!("the user {}", shortened(user)),
    };
    Some(named)
}

fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {}", shortened(said)) }
}

#[cfg(test)]
mod tests {
    use super::super::object::Status;
    use super::*;

    fn said(status: u16, body: &[u8], namespace: Option<&str>) -> String {
        let scope = Scope {
            namespace: namespace.map(str::to_owned),
            selector: Some("app=shop".into()),
            service: None,
            cached: false,
        };
        let resource = Resource::EndpointSlices;
        let asked =
            Asked { verb: "list", resource, scope: &scope, credentials: "the token in FILE" };
        asked.refused(status, &Status::read(body).message).message
    }

    #[test]
    fn a_403_names_who_may_not_do_what_and_the_role_that_allows_it() {
        let recorded = include_bytes!("../../tests/data/kubernetes/403.json");
        assert_eq!(
            said(403, recorded, Some("shop")),
            "the service account system:serviceaccount:shop:worker may not list endpointslices in \
             namespace shop (403): bind the Role flitch-endpointslices of k8s/rbac.yaml to it"
        );
        let all = said(403, recorded, None);
        assert!(all.contains("in all namespaces") && all.contains("ClusterRole"), "{all}");
        assert!(said(403, b"<html>", Some("shop")).starts_with("the token in FILE may not list"));
    }

    #[test]
    fn a_401_says_whose_credentials_they_are_and_never_what_they_are() {
        let recorded = include_bytes!("../../tests/data/kubernetes/401.json");
        let said = said(401, recorded, Some("shop"));
        assert!(said.contains("(401)") && said.contains("the token in FILE"), "{said}");
    }

    #[test]
    fn what_a_server_says_is_escaped_and_cut() {
        let body = format!(r#"{{"message":"\u001b[2J{}"}}"#, "x".repeat(100_000));
        let said = said(500, body.as_bytes(), Some("shop"));
        assert!(said.len() < 600 && !said.contains('\u{1b}'), "{said}");
        let unknown = include_bytes!("../../tests/data/kubernetes/404.json");
        assert!(super::tests::said(404, unknown, None).contains("older than Kubernetes 1.21"));
    }
}
