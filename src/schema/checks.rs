//! The keywords that check one value, each compiled to a test and the name of its rule.

use regex::Regex;

use super::format::Format;
use super::place::{SchemaError, SchemaFault, SchemaPlace};
use super::{Check, Shape, Test};

/// All checks that stand at a place, in the order in which they are made.
pub(super) fn checks(place: &SchemaPlace<'_>, shape: Shape) -> Result<Vec<Check>, SchemaError> {
    let mut checks = Vec::new();
    let mut add = |place: &SchemaPlace<'_>, test| checks.push(Check { rule: place.rule(), test });
    if place.is_marked("x-segprep-not-empty")? {
        add(&place.need("x-segprep-not-empty")?, Test::NotEmpty);
    }
    if let Some(values) = place.get("enum") {
        add(&values, Test::Enum(values.texts()?));
    }
    if let Some(name) = place.get("format") {
        add(&name, Test::Format(format(&name)?));
    }
    if let Some(pattern) = place.get("pattern") {
        add(&pattern, Test::Pattern(regex(&pattern)?));
    }
    if let Some(range) = range(place)? {
        add(place, range);
    }
    match checks.iter().find(|check| !fits(&check.test, shape)) {
        None => Ok(checks),
        Some(_) => {
            Err(place.fault(SchemaFault::Contradiction("a check that does not fit the type")))
        }
    }
}

fn fits(test: &Test, shape: Shape) -> bool {
    match test {
        Test::Enum(_) | Test::Format(_) | Test::Pattern(_) => {
            matches!(shape, Shape::Text | Shape::Lists)
        }
        Test::NotEmpty => shape == Shape::Text,
        Test::Range { .. } => matches!(shape, Shape::Number | Shape::Numbers),
    }
}

fn format(name: &SchemaPlace<'_>) -> Result<Format, SchemaError> {
    let text = name.text()?;
    let known = Format::ALL.iter().find(|format| format.name() == text);
    known.copied().ok_or_else(|| {
        name.fault(SchemaFault::Expected(
            "`email`, `phone`, `country`, `date-time-zone`, `locale` or `timezone`",
        ))
    })
}

fn regex(pattern: &SchemaPlace<'_>) -> Result<Regex, SchemaError> {
    Regex::new(pattern.text()?)
        .map_err(|error| pattern.fault(SchemaFault::Pattern(error.to_string())))
}

fn range(place: &SchemaPlace<'_>) -> Result<Option<Test>, SchemaError> {
    let bound = |keyword| place.get(keyword).map(|bound| bound.number()).transpose();
    match (bound("minimum")?, bound("maximum")?) {
        (None, None) => Ok(None),
        (min, max) => Ok(Some(Test::Range {
            min: min.unwrap_or(f64::NEG_INFINITY),
            max: max.unwrap_or(f64::INFINITY),
        })),
    }
}
