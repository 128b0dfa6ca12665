//! What `segprep verify` prints: whether a result is sound, and the first places where it is not.

use segprep::report::quantities::counted;
use segprep::report::{VerifyFault, VerifyReport, json_line};
use segprep::run::{Failure, Verified, VerifyOptions};

use super::arguments::{Common, VerifyArguments};
use super::render::{Format, Screen, print};
use super::sheet::{BAD, GOOD, escape, styled};

pub(crate) fn options(arguments: VerifyArguments, common: Common) -> VerifyOptions {
    let VerifyArguments { place, result, workers } = arguments;
    VerifyOptions {
        place,
        sets: common.sets,
        date: result.day.date,
        run: result.run,
        threads: workers.threads(),
        chunk_bytes: workers.chunk_bytes(),
    }
}

/// Prints what was found. As JSON it is one object, with the form of `verify.schema.json`.
pub(crate) fn show(screen: Screen, verified: &Verified) -> Result<(), Failure> {
    verified.notes.iter().for_each(|note| screen.warning(note));
    if screen.format == Format::Json {
        return print(&(json_line(&verified.report) + "\n"));
    }
    if screen.quiet && verified.report.sound {
        return Ok(());
    }
    print(&page(&verified.report, verified.faults))
}

fn page(report: &VerifyReport, faults: u64) -> String {
    let read = format!("{}, {}", counted(report.parts, "part"), counted(report.records, "record"));
    if report.sound {
        return format!("{}: {read}; all of it is as the manifest says\n", styled(GOOD, "sound"));
    }
    let named = u64::try_from(report.faults.len()).unwrap_or(u64::MAX);
    let first = if named < faults { format!("; the first {named}") } else { String::new() };
    let title = styled(BAD, "not sound");
    let lines: String = report.faults.iter().map(line).collect();
    format!("{title}: {} in {read}{first}:\n{lines}", counted(faults, "fault"))
}

/// `out/import/job-000/part-00000.json:17: Attributes.Plan: has …`
fn line(fault: &VerifyFault) -> String {
    let place = fault.line.map(|line| format!(":{line}")).unwrap_or_default();
    let field = fault.field.as_ref().map(|field| format!(" {}:", escape(field)));
    let field = field.unwrap_or_default();
    format!("  {}{place}:{field} {}\n", escape(&fault.part), escape(&fault.what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named_by_their_places() {
        let fault = |line: Option<u64>, field: Option<&str>| VerifyFault {
            part: "out/a\u{1b}.json".to_owned(),
            line,
            field: field.map(str::to_owned),
            what: "is gone".to_owned(),
        };
        let faults = vec![fault(Some(3), Some("Address")), fault(Some(4), None), fault(None, None)];
        let mut report = VerifyReport { sound: false, parts: 1, records: 2, faults };
        let text = anstream::adapter::strip_str(&page(&report, 12)).to_string();
        assert_eq!(
            text,
            "not sound: 12 faults in 1 part, 2 records; the first 3:\n  \
             out/a\\u{1b}.json:3: Address: is gone\n  out/a\\u{1b}.json:4: is gone\n  \
             out/a\\u{1b}.json: is gone\n"
        );
        report.faults.clear();
        report.sound = true;
        let text = anstream::adapter::strip_str(&page(&report, 0)).to_string();
        assert_eq!(text, "sound: 1 part, 2 records; all of it is as the manifest says\n");
    }
}
