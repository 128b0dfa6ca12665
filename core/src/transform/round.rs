//! `round`: rounds a number to the nearest multiple of a step. Ties go to the even multiple.
//!
//! The arithmetic is decimal, so 2.675 to two decimals is 2.68, as on paper: it has no binary
//! fractions. `geo` is the same for coordinates.

use super::Outcome;
use super::decimal::Decimal;
use super::decimal::RoundingStep;

/// The operations `round` and `geo`.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    pub step: RoundingStep,
}

impl Round {
    /// Appends the rounded number in its shortest form. Fails if the value is not a JSON number, or
    /// its absolute value is 10^309 or more.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        if value.is_empty() {
            return Outcome::PLAIN;
        }
        let Some(number) = Decimal::parse(value) else { return Outcome::Failed };
        number.round_to(self.step).write(out);
        Outcome::PLAIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::vectors;

    #[test]
    fn matches_the_vectors() {
        for file in [
            include_str!("../../schemas/vectors/round.json"),
            include_str!("../../schemas/vectors/geo.json"),
        ] {
            vectors::check(file, |params, value, out| {
                let step = match vectors::text(params, "step") {
                    Some(step) => {
                        Decimal::parse(step.as_bytes()).and_then(|step| RoundingStep::new(&step))
                    }
                    None => vectors::count(params, "decimals")
                        .map(|decimals| RoundingStep::of_decimals(decimals.try_into().unwrap())),
                };
                Round { step: step.unwrap() }.apply(value, out)
            });
        }
    }
}
