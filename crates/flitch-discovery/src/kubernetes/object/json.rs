//! The fields of the API's objects that are read. What may be missing may be null as well.

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub(super) struct ListJson<'a> {
    pub(super) kind: String,
    pub(super) metadata: ListMetaJson,
    /// Go writes an empty list as null here and there, but never leaves it out.
    #[serde(borrow, deserialize_with = "present")]
    pub(super) items: Option<Vec<&'a RawValue>>,
}

/// An `Option` that serde does not take for one that may be missing.
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(input: D) -> Result<T, D::Error> {
    T::deserialize(input)
}

#[derive(Deserialize)]
pub(super) struct ListMetaJson {
    #[serde(rename = "resourceVersion")]
    pub(super) version: String,
    #[serde(rename = "continue", default)]
    pub(super) token: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct EventJson<'a> {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(borrow)]
    pub(super) object: &'a RawValue,
}

#[derive(Deserialize)]
pub(super) struct Versioned {
    pub(super) metadata: VersionJson,
}

#[derive(Deserialize)]
pub(super) struct VersionJson {
    #[serde(rename = "resourceVersion")]
    pub(super) version: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct MetaJson {
    pub(super) name: String,
    #[serde(default)]
    pub(super) namespace: String,
    pub(super) labels: Option<LabelsJson>,
    pub(super) annotations: Option<AnnotationsJson>,
    #[serde(rename = "deletionTimestamp")]
    pub(super) deletion: Option<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
pub(super) struct LabelsJson {
    #[serde(rename = "kubernetes.io/service-name")]
    pub(super) service: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct AnnotationsJson {
    #[serde(rename = "endpoints.kubernetes.io/over-capacity")]
    pub(super) over_capacity: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct SliceJson {
    pub(super) metadata: MetaJson,
    pub(super) endpoints: Option<Vec<EndpointJson>>,
}

#[derive(Deserialize)]
pub(super) struct EndpointJson {
    pub(super) addresses: Option<Vec<String>>,
    pub(super) conditions: Option<ConditionsJson>,
    pub(super) hostname: Option<String>,
    #[serde(rename = "targetRef")]
    pub(super) target: Option<Target>,
}

#[derive(Default, Deserialize)]
pub(super) struct ConditionsJson {
    pub(super) ready: Option<bool>,
    pub(super) terminating: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct Target {
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
}

impl Target {
    pub(super) fn pod(self) -> Option<Box<str>> {
        filled(self.name.filter(|_| self.kind.as_deref() == Some("Pod")))
    }
}

#[derive(Deserialize)]
pub(super) struct EndpointsJson {
    pub(super) metadata: MetaJson,
    pub(super) subsets: Option<Vec<SubsetJson>>,
}

#[derive(Deserialize)]
pub(super) struct SubsetJson {
    pub(super) addresses: Option<Vec<AddressJson>>,
    #[serde(rename = "notReadyAddresses")]
    pub(super) not_ready: Option<Vec<AddressJson>>,
}

#[derive(Deserialize)]
pub(super) struct AddressJson {
    pub(super) ip: String,
    pub(super) hostname: Option<String>,
    #[serde(rename = "targetRef")]
    pub(super) target: Option<Target>,
}

#[derive(Deserialize)]
pub(super) struct PodJson {
    pub(super) metadata: MetaJson,
    pub(super) spec: Option<PodSpecJson>,
    pub(super) status: Option<PodStatusJson>,
}

#[derive(Default, Deserialize)]
pub(super) struct PodSpecJson {
    pub(super) hostname: Option<String>,
    pub(super) subdomain: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct PodStatusJson {
    pub(super) phase: Option<String>,
    #[serde(rename = "podIP")]
    pub(super) ip: Option<String>,
}

/// A text that says something.
pub(super) fn filled(text: Option<String>) -> Option<Box<str>> {
    text.filter(|text| !text.is_empty()).map(String::into_boxed_str)
}
