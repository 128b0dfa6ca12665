//! Results of definitions' tests.

use std::path::Path;

use segprep::report::quantities::counted;
use segprep::run::{Difference, Tested, TestedCase};
use serde::Serialize;

use super::sheet::{BAD, GOOD, escape, styled};

/// The same as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct TestEvent<'a> {
    file: &'a Path,
    definition: &'a Path,
    holds: bool,
    cases: Vec<CaseEvent<'a>>,
}

#[derive(Debug, Serialize)]
struct CaseEvent<'a> {
    name: &'a str,
    holds: bool,
    differences: Vec<DifferenceEvent<'a>>,
}

#[derive(Debug, Serialize)]
struct DifferenceEvent<'a> {
    place: &'a str,
    wanted: &'a str,
    made: &'a str,
}

impl<'a> TestEvent<'a> {
    pub(crate) fn of(tested: &'a Tested) -> TestEvent<'a> {
        let cases = tested.cases.iter().map(|case| CaseEvent {
            name: &case.name,
            holds: case.differences.is_empty(),
            differences: case
                .differences
                .iter()
                .map(|Difference { place, expected, actual }| DifferenceEvent {
                    place,
                    wanted: expected,
                    made: actual,
                })
                .collect(),
        });
        TestEvent {
            file: &tested.file,
            definition: &tested.definition,
            holds: tested.holds(),
            cases: cases.collect(),
        }
    }
}

/// Returns a line for the file, and what differs in each failed case.
pub(crate) fn page(tested: &Tested) -> String {
    let differing: Vec<&TestedCase> =
        tested.cases.iter().filter(|case| !case.differences.is_empty()).collect();
    let all = counted(u64::try_from(tested.cases.len()).unwrap_or(u64::MAX), "case");
    let file = escape(tested.file.display());
    if differing.is_empty() {
        return format!("{} {file}, {all}\n", styled(GOOD, "passed"));
    }
    let number = differing.len();
    let mut lines = vec![format!("{} {file}, {number} of {all}\n", styled(BAD, "failed"))];
    for case in differing {
        lines.push(format!("  {}\n", escape(&case.name)));
        lines.extend(case.differences.iter().map(lines_of));
    }
    lines.concat()
}

fn lines_of(difference: &Difference) -> String {
    let side = |style, mark, text: &str| match text {
        "" => format!("      {} nothing\n", styled(style, mark)),
        text => format!("      {} {}\n", styled(style, mark), escape(text)),
    };
    let Difference { place, expected, actual } = difference;
    let (expected, actual) = (side(GOOD, "expected", expected), side(BAD, "actual  ", actual));
    format!("    {}\n{expected}{actual}", escape(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_shown_side_by_side() {
        let differences = vec![Difference {
            place: "output line 1, `Id`".to_owned(),
            expected: "\"a\"".to_owned(),
            actual: String::new(),
        }];
        let cases = vec![
            TestedCase { name: "ids stay".to_owned(), differences },
            TestedCase { name: "others too".to_owned(), differences: Vec::new() },
        ];
        let tested = Tested { file: "a.test.toml".into(), definition: "a.toml".into(), cases };
        let expected = "\
failed a.test.toml, 1 of 2 cases
  ids stay
    output line 1, `Id`
      expected \"a\"
      actual   nothing
";
        assert_eq!(anstream::adapter::strip_str(&page(&tested)).to_string(), expected);
    }
}
