//! `DNSCluster`: the queries of Elixir's `dns_cluster`.

use std::fmt;
use std::time::Duration;

use flitch_name::NodePattern;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::naming::Naming;
use crate::options::{self, setters};
use crate::question::{About, Asks, Question, given};
use crate::resolve::Nameserver;
use crate::{DiscoveryError, Problem};

/// Nodes named `BASENAME@ADDRESS`, for each address of each query.
///
/// A query without a basename is about nodes that have ours; with `node_pattern`, about those that
/// EPMD lists at each address and that fit. In TOML a query is a text, a table
/// `{ basename = "remote", query = "remote-app.internal" }`, or an array of these. One query that
/// fails leaves the others' answers as they are.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsCluster {
    query: Queries,
    #[serde(default = "resource_types")]
    resource_types: Vec<ResourceType>,
    #[serde(default, deserialize_with = "options::pattern")]
    node_pattern: Option<NodePattern>,
    #[serde(default = "options::polling_interval", deserialize_with = "options::millis")]
    interval: Duration,
    #[serde(default, deserialize_with = "options::texts")]
    nameservers: Vec<Nameserver>,
}

/// Which records hold the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceType {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Services: the addresses of their hosts, of either family.
    Srv,
}

fn resource_types() -> Vec<ResourceType> {
    vec![ResourceType::A, ResourceType::Aaaa]
}

#[derive(Clone, Debug, Default)]
struct Queries(Vec<Query>);

#[derive(Clone, Debug)]
struct Query {
    basename: Option<String>,
    query: String,
}

impl DnsCluster {
    /// Nodes with our own basename at the addresses of `query`.
    pub fn new(query: impl Into<String>) -> Self {
        Self::none().query(query)
    }

    /// Nodes called `basename` at the addresses of `query`.
    pub fn named(basename: impl Into<String>, query: impl Into<String>) -> Self {
        Self::none().named_query(basename, query)
    }

    fn none() -> Self {
        Self {
            query: Queries::default(),
            resource_types: resource_types(),
            node_pattern: None,
            interval: options::POLLING_INTERVAL,
            nameservers: Vec::new(),
        }
    }

    /// One more query.
    #[must_use]
    pub fn query(mut self, query: impl Into<String>) -> Self {
        self.query.0.push(Query { basename: None, query: query.into() });
        self
    }

    /// One more query, for nodes called `basename`.
    #[must_use]
    pub fn named_query(mut self, basename: impl Into<String>, query: impl Into<String>) -> Self {
        self.query.0.push(Query { basename: Some(basename.into()), query: query.into() });
        self
    }

    /// Which records to ask for: A and AAAA unless given.
    #[must_use]
    pub fn resource_types(mut self, types: impl IntoIterator<Item = ResourceType>) -> Self {
        self.resource_types = types.into_iter().collect();
        self
    }

    /// Where a query has no basename: the nodes that fit, of those that EPMD lists.
    #[must_use]
    pub fn node_pattern(mut self, pattern: NodePattern) -> Self {
        self.node_pattern = Some(pattern);
        self
    }

    /// How often to ask: 5 seconds unless given.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    setters!(nameservers);

    /// What to ask for each query.
    fn about(&self) -> Result<Vec<About>, DiscoveryError> {
        let has = |kind| self.resource_types.contains(&kind);
        let addresses = match (has(ResourceType::A), has(ResourceType::Aaaa)) {
            (true, true) => Some(About::Addresses),
            (true, false) => Some(About::V4),
            (false, true) => Some(About::V6),
            (false, false) => None,
        };
        let hosts = has(ResourceType::Srv).then_some(About::AddressesOfHosts);
        let about: Vec<_> = addresses.into_iter().chain(hosts).collect();
        if about.is_empty() {
            let said = "resource_types is empty: name some of \"a\", \"aaaa\", \"srv\"";
            return Err(DiscoveryError::new(Problem::Config, said));
        }
        Ok(about)
    }
}

impl Asks for DnsCluster {
    const NAME: &'static str = "DNSCluster";

    fn questions(&self, own: &str, _: Option<&str>) -> Result<Vec<Question>, DiscoveryError> {
        let about = self.about()?;
        let mut questions = Vec::new();
        for Query { basename, query } in &self.query.0 {
            let naming = match (basename, &self.node_pattern) {
                (Some(basename), _) => Naming::of("basename", Some(basename), None)?,
                (None, Some(pattern)) => Naming::Learned(Some(pattern.clone())),
                (None, None) => Naming::Basename(own.to_owned()),
            };
            let name = given("query", query)?;
            questions.extend(about.iter().map(|about| Question {
                name: name.clone(),
                about: *about,
                naming: naming.clone(),
            }));
        }
        if questions.is_empty() {
            let said = "query is empty: give a name such as \"myapp.internal\"";
            return Err(DiscoveryError::new(Problem::Config, said));
        }
        Ok(questions)
    }

    fn every(&self) -> Duration {
        self.interval
    }

    fn servers(&self) -> &[Nameserver] {
        &self.nameservers
    }
}

const EXPECTED: &str = "a name, { basename = \"..\", query = \"..\" }, or an array of these";

impl<'de> Deserialize<'de> for Queries {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Several;

        impl<'de> Visitor<'de> for Several {
            type Value = Queries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: Error>(self, query: &str) -> Result<Queries, E> {
                Ok(Queries(vec![One.visit_str(query)?]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Queries, A::Error> {
                Ok(Queries(vec![One.visit_map(map)?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Queries, A::Error> {
                let mut queries = Vec::new();
                while let Some(query) = seq.next_element()? {
                    queries.push(query);
                }
                Ok(Queries(queries))
            }
        }

        input.deserialize_any(Several)
    }
}

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(One)
    }
}

struct One;

impl<'de> Visitor<'de> for One {
    type Value = Query;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, query: &str) -> Result<Query, E> {
        Ok(Query { basename: None, query: query.to_owned() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Query, A::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Pair {
            basename: String,
            query: String,
        }
        let pair = Pair::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(Query { basename: Some(pair.basename), query: pair.query })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions(options: &str) -> Vec<(String, About, Naming)> {
        let strategy: DnsCluster = toml::from_str(options).unwrap();
        let questions = strategy.questions("own", None).unwrap();
        questions.into_iter().map(|q| (q.name, q.about, q.naming)).collect()
    }

    fn named(name: &str, basename: &str) -> (String, About, Naming) {
        (name.into(), About::Addresses, Naming::Basename(basename.into()))
    }

    #[test]
    fn every_form_of_dns_clusters_query_is_taken() {
        assert_eq!(questions("query = 'a.internal'"), [named("a.internal", "own")]);
        assert_eq!(
            questions("query = { basename = 'remote', query = 'b.internal' }"),
            [named("b.internal", "remote")]
        );
        let several = "query = ['a.internal', { basename = 'remote', query = 'b.internal' }]";
        assert_eq!(questions(several), [named("a.internal", "own"), named("b.internal", "remote")]);
    }

    #[test]
    fn a_pattern_is_for_the_queries_without_a_basename() {
        let several = "node_pattern = 'app-*'\n\
                       query = ['a', { basename = 'remote', query = 'b' }]";
        let asked = questions(several);
        assert!(matches!(&asked[0].2, Naming::Learned(Some(_))));
        assert_eq!(asked[1], named("b", "remote"));
    }

    #[test]
    fn resource_types_say_what_is_asked() {
        let about = |types: &str| {
            let options = format!("query = 'a'\nresource_types = {types}");
            questions(&options).into_iter().map(|asked| asked.1).collect::<Vec<_>>()
        };
        assert_eq!(about("['a']"), [About::V4]);
        assert_eq!(about("['aaaa']"), [About::V6]);
        assert_eq!(about("['srv', 'a', 'aaaa']"), [About::Addresses, About::AddressesOfHosts]);
    }

    #[test]
    fn mistakes_say_what_is_allowed() {
        let said = |options: &str| match toml::from_str::<DnsCluster>(options) {
            Err(error) => error.to_string(),
            Ok(strategy) => strategy.questions("own", None).unwrap_err().message,
        };
        assert!(said("query = 5").contains("{ basename = "));
        assert!(said("query = []").contains("myapp.internal"));
        assert!(said("query = ''").contains("query"));
        assert!(said("query = 'a'\nresource_types = []").contains("aaaa"));
        assert!(said("query = 'a'\nresource_types = ['mx']").contains("`srv`"));
        assert!(said("query = { name = 'a', query = 'b' }").contains("basename"));
    }
}
