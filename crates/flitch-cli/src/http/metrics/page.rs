//! The page that Prometheus reads: families of samples under names, with help.
//!
//! Authority: Prometheus, "Exposition formats", text format 0.0.4, which every scraper reads.

use std::fmt::Error;

use flitch::Latency;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Samples are written to it, family by family.
pub(super) struct Page<'a>(pub(super) DescriptorEncoder<'a>);

/// What tells the samples of a family apart.
pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Page<'_> {
    /// A number that goes up and down, without labels.
    pub(super) fn value(
        &mut self,
        name: &str,
        help: &str,
        value: impl EncodeGaugeValue,
    ) -> Result<(), Error> {
        self.gauge(name, help, [(Labels::new(), value)])
    }

    /// Numbers that go up and down.
    pub(super) fn gauge<'l, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l>, V)>,
    ) -> Result<(), Error> {
        self.family(name, help, MetricType::Gauge, samples)
    }

    /// A number that only grows, without labels.
    pub(super) fn count(&mut self, name: &str, help: &str, value: u64) -> Result<(), Error> {
        self.counter(name, help, [(Labels::new(), value)])
    }

    /// Numbers that only grow. The name ends in `_total`.
    pub(super) fn counter<'l>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l>, u64)>,
    ) -> Result<(), Error> {
        self.family(name, help, MetricType::Counter, samples)
    }

    /// In this format a family has the very name of its samples. The library's counters would be
    /// `x` for samples `x_total`, as OpenMetrics has it; its gauges are written as they are named.
    fn family<'l, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        samples: impl IntoIterator<Item = (Labels<'l>, V)>,
    ) -> Result<(), Error> {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in samples {
            // An empty set of labels is written as none.
            if labels.is_empty() {
                family.encode_gauge(&value)?;
            } else {
                family.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }

    /// How long things took, in seconds.
    pub(super) fn histogram<'l>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l>, &'l Latency)>,
    ) -> Result<(), Error> {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, times) in samples {
            let bounds = times.buckets.iter().map(|(bound, count)| (bound.as_secs_f64(), *count));
            let buckets: Vec<_> = bounds.chain([(f64::INFINITY, times.beyond)]).collect();
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                times.sum.as_secs_f64(),
                times.count(),
                &buckets,
                None,
            )?;
        }
        Ok(())
    }
}
