//! The findings of many values of one field, and what they say about the field.

use super::{Detectors, Findings, Likelihood};

/// One in so many values must be a likely hit for a field to be a likely one.
const LIKELY_IN: u64 = 10;

/// How many values of a field each detector hit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnFindings {
    values: u64,
    /// By the detector's index: all hits, and the likely ones.
    hits: Vec<(u64, u64)>,
}

/// What a detector says about a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    pub detector: &'a str,
    /// The number of values that it hit.
    pub hits: u64,
    pub likelihood: Likelihood,
}

impl ColumnFindings {
    /// Counts so many equal values that are neither absent nor empty.
    pub fn add(&mut self, findings: Findings, count: u64) {
        self.values += count;
        for (index, likelihood) in findings.iter() {
            if self.hits.len() <= index {
                self.hits.resize(index + 1, (0, 0));
            }
            if let Some((all, likely)) = self.hits.get_mut(index) {
                *all += count;
                *likely += if likelihood == Likelihood::Likely { count } else { 0 };
            }
        }
    }

    /// Adds the counts of other values of the same field.
    pub fn merge(&mut self, other: &ColumnFindings) {
        self.values += other.values;
        let length = self.hits.len().max(other.hits.len());
        self.hits.resize(length, (0, 0));
        for ((all, likely), (more, more_likely)) in self.hits.iter_mut().zip(&other.hits) {
            *all += more;
            *likely += more_likely;
        }
    }

    /// What the detectors that hit say, in their order. A field is a likely one if at least one in ten of
    /// its values is a likely hit; less than that is a finding in a field that is for something else.
    pub fn verdicts<'a>(&self, detectors: &'a Detectors) -> Vec<Verdict<'a>> {
        let named = detectors.all().iter().zip(&self.hits);
        named
            .filter(|(_, (hits, _))| 0 < *hits)
            .map(|(detector, (hits, likely))| Verdict {
                detector: &detector.name,
                hits: *hits,
                likelihood: if self.values <= likely.saturating_mul(LIKELY_IN) {
                    Likelihood::Likely
                } else {
                    Likelihood::Possible
                },
            })
            .collect()
    }
}
