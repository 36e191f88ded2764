//! Objects of the API as JSON, and the addresses in them.
//!
//! Only the fields that matter are read: unknown ones cost nothing, and a newer server's break
//! nothing. See the Kubernetes API reference, `EndpointSlice` (`discovery.k8s.io/v1`), `Endpoints`
//! and `Pod` (`v1`).

mod json;

use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::Resource;
use crate::{DiscoveryError, Problem};
use json::{EndpointsJson, EventJson, ListJson, PodJson, SliceJson, Target, Versioned, filled};

/// An address that the API server knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) ip: IpAddr,
    pub(crate) namespace: Arc<str>,
    /// The service that it stands behind, or that the pod calls its subdomain.
    pub(crate) service: Option<Arc<str>>,
    /// The pod's own name behind that service.
    pub(crate) hostname: Option<Box<str>>,
    /// Which pod has it, where that is known: one with two families has two addresses.
    pub(crate) pod: Option<Box<str>>,
    /// Whether to dial it: it is published, and not terminating.
    pub(crate) dial: bool,
}

/// One object and what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) addresses: Vec<Address>,
    /// Why these may not be all.
    pub(crate) problem: Option<DiscoveryError>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Object>,
    /// Where a watch may go on.
    pub(crate) version: String,
    /// Where the next page begins, if this is not the last.
    pub(crate) token: Option<String>,
}

/// A line of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Added or modified; with the version that follows from it.
    Is(Object, String),
    Gone(Object, String),
    /// Nothing has changed up to this version.
    Bookmark(String),
    /// The watch ends: an HTTP status, and why.
    Error(u16, String),
}

impl Page {
    /// Reads a list of `resource`. Anything that is not one is an error, however well it parses:
    /// an answer of somebody else must never be an empty list.
    pub(crate) fn read(resource: Resource, body: &[u8]) -> Result<Self, String> {
        let list: ListJson<'_> = parse(body)?;
        if list.kind != resource.list_kind() {
            return Err(format!("it says that it is {:?}", shortened(&list.kind)));
        }
        let items = list.items.unwrap_or_default();
        let objects: Result<Vec<_>, _> =
            items.into_iter().map(|item| object(resource, item)).collect();
        let token = list.metadata.token.filter(|token| !token.is_empty());
        Ok(Self { objects: objects?, version: list.metadata.version, token })
    }
}

impl Event {
    pub(crate) fn read(resource: Resource, line: &[u8]) -> Result<Self, String> {
        let event: EventJson<'_> = parse(line)?;
        let version = || {
            let object: Versioned = parse(event.object.get().as_bytes())?;
            match object.metadata.version {
                Some(version) if !version.is_empty() => Ok(version),
                _ => Err("an event has no resourceVersion".to_owned()),
            }
        };
        match event.kind.as_str() {
            "ADDED" | "MODIFIED" => Ok(Self::Is(object(resource, event.object)?, version()?)),
            "DELETED" => Ok(Self::Gone(object(resource, event.object)?, version()?)),
            "BOOKMARK" => version().map(Self::Bookmark),
            "ERROR" => {
                let status = Status::read(event.object.get().as_bytes());
                Ok(Self::Error(status.code, status.message))
            }
            other => Err(format!("an event is {:?}", shortened(other))),
        }
    }
}

/// The API server's own words about why not.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Status {
    #[serde(default)]
    pub(crate) code: u16,
    #[serde(default)]
    pub(crate) message: String,
}

impl Status {
    /// What a body says, if it is a status at all.
    pub(crate) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, String> {
    // The error says line and column, and at most the name of a field or a scalar's value.
    serde_json::from_slice(json).map_err(|error| shortened(&error.to_string()))
}

/// What others wrote, as much of it as a sentence takes, and nothing that moves a terminal.
pub(crate) fn shortened(text: &str) -> String {
    let mut safe = String::new();
    for char in text.chars().take(300) {
        match char {
            ' '..='~' => safe.push(char),
            other => safe.extend(other.escape_default()),
        }
    }
    safe
}

fn object(resource: Resource, json: &RawValue) -> Result<Object, String> {
    let json = json.get().as_bytes();
    match resource {
        Resource::EndpointSlices => parse::<SliceJson>(json).map(slice),
        Resource::Endpoints => parse::<EndpointsJson>(json).map(endpoints),
        Resource::Pods => parse::<PodJson>(json).map(pod),
    }
}

fn slice(json: SliceJson) -> Object {
    let namespace: Arc<str> = json.metadata.namespace.as_str().into();
    let service = json.metadata.labels.unwrap_or_default().service.map(Arc::from);
    let mut object = Object::of(&json.metadata.namespace, &json.metadata.name);
    for endpoint in json.endpoints.unwrap_or_default() {
        // "No semantics are defined for additional addresses beyond the first."
        let Some(text) = endpoint.addresses.unwrap_or_default().into_iter().next() else {
            continue;
        };
        let Some(ip) = object.address(&text) else { continue };
        let conditions = endpoint.conditions.unwrap_or_default();
        object.addresses.push(Address {
            ip,
            namespace: Arc::clone(&namespace),
            service: service.clone(),
            hostname: filled(endpoint.hostname),
            pod: endpoint.target.and_then(Target::pod),
            // Null means yes for the one, and no for the other.
            dial: conditions.ready.unwrap_or(true) && !conditions.terminating.unwrap_or(false),
        });
    }
    object
}

fn endpoints(json: EndpointsJson) -> Object {
    let namespace: Arc<str> = json.metadata.namespace.as_str().into();
    let service: Arc<str> = json.metadata.name.as_str().into();
    let mut object = Object::of(&json.metadata.namespace, &json.metadata.name);
    for subset in json.subsets.unwrap_or_default() {
        let ready = subset.addresses.unwrap_or_default().into_iter().map(|one| (one, true));
        let not = subset.not_ready.unwrap_or_default().into_iter().map(|one| (one, false));
        for (one, dial) in ready.chain(not) {
            let Some(ip) = object.address(&one.ip) else { continue };
            object.addresses.push(Address {
                ip,
                namespace: Arc::clone(&namespace),
                service: Some(Arc::clone(&service)),
                hostname: filled(one.hostname),
                pod: one.target.and_then(Target::pod),
                dial,
            });
        }
    }
    if json.metadata.annotations.unwrap_or_default().over_capacity.as_deref() == Some("truncated") {
        object.problem(
            Problem::Config,
            format!(
                "the Endpoints {} are cut off at 1,000 addresses: let the role list endpointslices, \
                 which have them all (the Role flitch-endpointslices of k8s/rbac.yaml)",
                object.called()
            ),
        );
    }
    object
}

fn pod(json: PodJson) -> Object {
    let mut object = Object::of(&json.metadata.namespace, &json.metadata.name);
    let status = json.status.unwrap_or_default();
    let ended = matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"));
    let Some(text) = status.ip.filter(|ip| !ip.is_empty() && !ended) else { return object };
    let Some(ip) = object.address(&text) else { return object };
    let spec = json.spec.unwrap_or_default();
    object.addresses.push(Address {
        ip,
        namespace: json.metadata.namespace.as_str().into(),
        service: spec.subdomain.filter(|name| !name.is_empty()).map(Arc::from),
        hostname: filled(spec.hostname),
        pod: Some(json.metadata.name.as_str().into()),
        dial: json.metadata.deletion.is_none(),
    });
    object
}

impl Object {
    fn of(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned(), ..Self::default() }
    }

    fn called(&self) -> String {
        shortened(&format!("{}/{}", self.namespace, self.name))
    }

    /// Reads an address; one that is a name, as slices of type FQDN have them, is told.
    fn address(&mut self, text: &str) -> Option<IpAddr> {
        let ip = text.parse().ok();
        if ip.is_none() {
            let said = format!(
                "{} has the address {:?}, which is no IP address: names are for DNSPoll",
                self.called(),
                shortened(text)
            );
            self.problem(Problem::Garbage, said);
        }
        ip
    }

    /// The first problem of an object is the one that is told.
    fn problem(&mut self, problem: Problem, said: String) {
        self.problem.get_or_insert_with(|| DiscoveryError::new(problem, said));
    }
}

#[cfg(test)]
#[path = "object/tests.rs"]
mod tests;
