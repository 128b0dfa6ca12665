//! `bucket`: replaces a number by the range that it is in: `<18`, `18-30`, `65+`.
//!
//! A range includes its lower edge and excludes its upper one. Numbers are compared exactly, in
//! decimal.

use super::Outcome;
use super::decimal::Decimal;

/// The `bucket` operation.
#[derive(Debug)]
pub struct Bucket {
    /// In ascending order.
    edges: Vec<Decimal>,
    /// Below the first edge, between each two, from the last on: one more than there are edges.
    labels: Vec<String>,
}

impl Bucket {
    /// Returns `None` if there are no edges, or they do not ascend.
    pub fn new(edges: Vec<Decimal>) -> Option<Bucket> {
        let (first, last) = (edges.first()?.text(), edges.last()?.text());
        if !edges.is_sorted_by(|one, next| one < next) {
            return None;
        }
        let between = edges.iter().zip(edges.iter().skip(1));
        let mut labels = vec![format!("<{first}")];
        labels.extend(between.map(|(from, to)| format!("{}-{}", from.text(), to.text())));
        labels.push(format!("{last}+"));
        Some(Bucket { edges, labels })
    }

    /// The names of the ranges, in ascending order.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Appends the range of the value. Fails if the value is not a JSON number.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        if value.is_empty() {
            return Outcome::PLAIN;
        }
        let Some(number) = Decimal::parse(value) else { return Outcome::Failed };
        let place = self.edges.partition_point(|edge| *edge <= number);
        let label = self.labels.get(place).expect("there is one label more than edges");
        out.extend_from_slice(label.as_bytes());
        Outcome::PLAIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::vectors;

    #[test]
    fn matches_the_vectors() {
        let file = include_str!("../../schemas/vectors/bucket.json");
        vectors::check(file, |params, value, out| {
            let edges = params["edges"].as_array().unwrap().iter();
            let edges = edges.map(|edge| Decimal::parse(edge.as_str().unwrap().as_bytes()));
            Bucket::new(edges.collect::<Option<_>>().unwrap()).unwrap().apply(value, out)
        });
    }

    #[test]
    fn edges_ascend() {
        let bucket = |edges: &[&str]| {
            let edges = edges.iter().map(|edge| Decimal::parse(edge.as_bytes()).unwrap());
            Bucket::new(edges.collect())
        };
        for edges in [&[][..], &["2", "1"], &["1", "1.0"], &["-1", "-2"]] {
            assert!(bucket(edges).is_none(), "{edges:?}");
        }
        assert_eq!(bucket(&["-5", "0.50"]).unwrap().labels(), ["<-5", "-5-0.5", "0.5+"]);
    }
}
