//! The keywords that check one value, compiled to tests with the names of their rules.

use regex::Regex;

use super::format::Format;
use super::value::{SchemaError, SchemaErrorKind, SchemaValue};
use super::{Check, Shape, Test};

/// Compiles all checks of a field, in the order in which they are made.
pub(super) fn checks(field: &SchemaValue<'_>, shape: Shape) -> Result<Vec<Check>, SchemaError> {
    let mut checks = Vec::new();
    let mut add =
        |keyword: &SchemaValue<'_>, test| checks.push(Check { rule: keyword.rule(), test });
    if field.is_marked("x-segprep-not-empty")? {
        add(&field.need("x-segprep-not-empty")?, Test::NotEmpty);
    }
    if let Some(values) = field.get("enum") {
        add(&values, Test::Enum(values.texts()?));
    }
    if let Some(name) = field.get("format") {
        add(&name, Test::Format(format(&name)?));
    }
    if let Some(pattern) = field.get("pattern") {
        add(&pattern, Test::Pattern(regex(&pattern)?));
    }
    if let Some(range) = range(field)? {
        add(field, range);
    }
    match checks.iter().find(|check| !fits(&check.test, shape)) {
        None => Ok(checks),
        Some(_) => {
            Err(field.error(SchemaErrorKind::Contradiction("a check that does not fit the type")))
        }
    }
}

/// Whether values of that shape can be tested so.
fn fits(test: &Test, shape: Shape) -> bool {
    match test {
        Test::Enum(_) | Test::Format(_) | Test::Pattern(_) => {
            matches!(shape, Shape::Text | Shape::Lists)
        }
        Test::NotEmpty => shape == Shape::Text,
        Test::Range { .. } => matches!(shape, Shape::Number | Shape::Numbers),
    }
}

fn format(name: &SchemaValue<'_>) -> Result<Format, SchemaError> {
    let text = name.text()?;
    let known = Format::ALL.iter().find(|format| format.name() == text);
    known.copied().ok_or_else(|| {
        name.error(SchemaErrorKind::Expected(
            "`email`, `phone`, `country`, `date-time-zone`, `locale` or `timezone`",
        ))
    })
}

fn regex(pattern: &SchemaValue<'_>) -> Result<Regex, SchemaError> {
    Regex::new(pattern.text()?)
        .map_err(|error| pattern.error(SchemaErrorKind::Pattern(error.to_string())))
}

fn range(field: &SchemaValue<'_>) -> Result<Option<Test>, SchemaError> {
    let bound = |keyword| field.get(keyword).map(|bound| bound.number()).transpose();
    match (bound("minimum")?, bound("maximum")?) {
        (None, None) => Ok(None),
        (min, max) => Ok(Some(Test::Range {
            min: min.unwrap_or(f64::NEG_INFINITY),
            max: max.unwrap_or(f64::INFINITY),
        })),
    }
}
