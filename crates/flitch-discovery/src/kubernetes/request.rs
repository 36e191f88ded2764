//! What to ask the API server: paths and queries.
//!
//! See the Kubernetes API concepts, "Retrieving large results sets in chunks" and "Efficient
//! detection of changes".

use hyper::http::Request;
use kube::core::params::{ListParams, WatchParams};
use kube::core::request::{Error, Request as Path};

/// Objects in one page of a list. A slice holds up to 1,000 endpoints, a pod's description can
/// have 100 kB: this many fit into what is read as one body.
pub(crate) const PAGE: u32 = 100;

/// A kind of object that knows addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    EndpointSlices,
    Endpoints,
    Pods,
}

impl Resource {
    /// As RBAC and paths write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::EndpointSlices => "endpointslices",
            Self::Endpoints => "endpoints",
            Self::Pods => "pods",
        }
    }

    /// The `kind` of a list.
    pub(crate) fn list_kind(self) -> &'static str {
        match self {
            Self::EndpointSlices => "EndpointSliceList",
            Self::Endpoints => "EndpointsList",
            Self::Pods => "PodList",
        }
    }

    fn group(self) -> &'static str {
        match self {
            Self::EndpointSlices => "/apis/discovery.k8s.io/v1",
            Self::Endpoints | Self::Pods => "/api/v1",
        }
    }
}

/// Which objects are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// None: all namespaces.
    pub(crate) namespace: Option<String>,
    pub(crate) selector: Option<String>,
    /// Only what belongs to this service.
    pub(crate) service: Option<String>,
    /// Whether a list may come from the server's cache.
    pub(crate) cached: bool,
}

impl Scope {
    /// For sentences: `in namespace shop`, `in all namespaces`.
    pub(crate) fn place(&self) -> String {
        match &self.namespace {
            Some(name) => format!("in namespace {name}"),
            None => "in all namespaces".to_owned(),
        }
    }

    /// One page of a list; `token` is where the one before has ended.
    pub(crate) fn list(
        &self,
        resource: Resource,
        token: Option<&str>,
    ) -> Result<Request<Vec<u8>>, Error> {
        // From the cache it is all or nothing: a page of it would come from etcd again.
        let (limit, version) = if self.cached { (None, Some("0")) } else { (Some(PAGE), None) };
        self.path(resource).list(&ListParams {
            label_selector: self.labels(resource),
            field_selector: self.fields(resource),
            limit,
            continue_token: token.map(str::to_owned),
            resource_version: version.map(str::to_owned),
            ..ListParams::default()
        })
    }

    /// All changes after `version`, for `seconds`.
    pub(crate) fn watch(
        &self,
        resource: Resource,
        version: &str,
        seconds: u32,
    ) -> Result<Request<Vec<u8>>, Error> {
        let params = WatchParams {
            label_selector: self.labels(resource),
            field_selector: self.fields(resource),
            timeout: Some(seconds),
            bookmarks: true,
            send_initial_events: false,
        };
        self.path(resource).watch(&params, version)
    }

    fn path(&self, resource: Resource) -> Path {
        let (group, plural) = (resource.group(), resource.as_str());
        Path::new(match &self.namespace {
            Some(namespace) => format!("{group}/namespaces/{namespace}/{plural}"),
            None => format!("{group}/{plural}"),
        })
    }

    /// A slice says by a label whose it is.
    fn labels(&self, resource: Resource) -> Option<String> {
        let of = |service: &String| format!("kubernetes.io/service-name={service}");
        let service =
            self.service.as_ref().filter(|_| resource == Resource::EndpointSlices).map(of);
        match (&self.selector, service) {
            (Some(selector), Some(service)) => Some(format!("{selector},{service}")),
            (selector, service) => service.or_else(|| selector.clone()),
        }
    }

    /// Endpoints are called as their service is.
    fn fields(&self, resource: Resource) -> Option<String> {
        let service = self.service.as_ref().filter(|_| resource == Resource::Endpoints)?;
        Some(format!("metadata.name={service}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope {
            namespace: Some("shop".into()),
            selector: Some("app=shop,tier in (a,b)".into()),
            service: None,
            cached: false,
        }
    }

    fn uri(request: Result<Request<Vec<u8>>, Error>) -> String {
        request.unwrap().uri().to_string()
    }

    #[test]
    fn a_list_is_asked_for_in_pages_and_a_selector_cannot_break_out_of_its_parameter() {
        assert_eq!(
            uri(scope().list(Resource::EndpointSlices, Some("a+b=="))),
            "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?\
             &labelSelector=app%3Dshop%2Ctier+in+%28a%2Cb%29&limit=100&continue=a%2Bb%3D%3D"
        );
        let evil = Scope { selector: Some("a=b&watch=true#".into()), ..scope() };
        let uri = uri(evil.list(Resource::Pods, None));
        assert!(uri.ends_with("?&labelSelector=a%3Db%26watch%3Dtrue%23&limit=100"), "{uri}");
    }

    #[test]
    fn cached_resources_are_asked_for_with_version_zero_as_libcluster_does() {
        let cached = Scope { cached: true, selector: None, ..scope() };
        let uri = uri(cached.list(Resource::Endpoints, None));
        assert_eq!(uri, "/api/v1/namespaces/shop/endpoints?&resourceVersion=0");
    }

    #[test]
    fn a_service_is_a_label_of_slices_and_the_name_of_endpoints() {
        let service = Scope { service: Some("app".into()), namespace: None, ..scope() };
        let slices = uri(service.watch(Resource::EndpointSlices, "7", 290));
        assert!(slices.starts_with("/apis/discovery.k8s.io/v1/endpointslices?"), "{slices}");
        assert!(slices.contains("kubernetes.io%2Fservice-name%3Dapp"), "{slices}");
        assert!(
            slices.contains("allowWatchBookmarks=true") && slices.contains("resourceVersion=7")
        );
        assert!(slices.contains("timeoutSeconds=290"), "{slices}");
        let endpoints = uri(service.list(Resource::Endpoints, None));
        assert!(endpoints.contains("fieldSelector=metadata.name%3Dapp"), "{endpoints}");
        assert!(!endpoints.contains("service-name"), "{endpoints}");
    }
}
