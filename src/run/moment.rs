//! Which run this is: its id and its date, which stand for `{run}` and `{date}` in paths.
//!
//! A run is called by its start, `20261129T020000Z`, unless `--run` gives it a name. Both texts end up in
//! paths, so whatever comes from a file instead of the clock is checked here first.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use super::error::{ErrorKind, RunError};

/// The most characters of an id.
const RUN_CHARS_MAX: usize = 64;
/// The most digits of the days in `-3d`.
const DAY_DIGITS_MAX: usize = 5;

/// The id and the date of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) run: String,
    pub(super) date: String,
}

impl Moment {
    /// `run` and `date`: as the command line gives them.
    pub(super) fn new(
        run: Option<&str>,
        date: Option<&str>,
        now: Timestamp,
    ) -> Result<Moment, RunError> {
        let wrong =
            |message: &str, hint: &str| RunError::new(ErrorKind::Definition, message).hint(hint);
        let today = now.to_zoned(TimeZone::UTC).date();
        let date = date.map_or(Some(today), |text| date_of(text, today));
        let date = date.ok_or_else(|| wrong("`--date` is not a date", DATE_HINT))?;
        if run.is_some_and(|run| !is_run_id(run)) {
            return Err(wrong("`--run` is not an id of a run", RUN_HINT));
        }
        let run = run.map_or_else(|| now.strftime("%Y%m%dT%H%M%SZ").to_string(), str::to_owned);
        Ok(Moment { run, date: date.to_string() })
    }

    /// What a file says about another run. `None`: no run can have these.
    pub(super) fn of_file(run: &str, date: &str) -> Option<Moment> {
        let is_date = date.parse::<Date>().is_ok_and(|parsed| parsed.to_string() == date);
        let (run, date) = (run.to_owned(), date.to_owned());
        (is_run_id(&run) && is_date).then_some(Moment { run, date })
    }

    /// The same run under the next id: `…Z`, `…Z-2`, `…Z-3`.
    pub(super) fn with_suffix(&self, number: u32) -> Moment {
        Moment { run: format!("{}-{number}", self.run), ..self.clone() }
    }
}

const DATE_HINT: &str = "write it like 2026-11-23, `yesterday`, or `-3d` for three days ago";
const RUN_HINT: &str =
    "use 1 to 64 letters, digits, `.`, `_` and `-`, and begin with a letter or a digit";

/// Whether this may be the id of a run. It becomes the name of a folder.
pub fn is_run_id(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.len() <= RUN_CHARS_MAX
        && text.bytes().all(is_allowed)
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// Whether `--date` accepts this.
pub fn is_run_date(text: &str) -> bool {
    date_of(text, Date::constant(2000, 1, 1)).is_some()
}

/// The date that a text means: `2026-11-23`, `yesterday`, or `-3d`.
fn date_of(text: &str, today: Date) -> Option<Date> {
    if text == "yesterday" {
        return today.checked_sub(1.day()).ok();
    }
    if let Some(days) = text.strip_prefix('-').and_then(|rest| rest.strip_suffix('d')) {
        let is_number = (1..=DAY_DIGITS_MAX).contains(&days.len())
            && days.bytes().all(|byte| byte.is_ascii_digit());
        let days = days.parse::<i64>().ok().filter(|_| is_number)?;
        return today.checked_sub(days.days()).ok();
    }
    text.parse::<Date>().ok().filter(|date| date.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(run: Option<&str>, date: Option<&str>) -> Option<(String, String)> {
        let now: Timestamp = "2026-03-01T02:03:04.9Z".parse().expect("a time");
        let moment = Moment::new(run, date, now).ok()?;
        Some((moment.run, moment.date))
    }

    #[test]
    fn a_date_is_written_out_or_relative_to_today() {
        let cases = [
            (None, Some("2026-03-01")),
            (Some("2026-11-23"), Some("2026-11-23")),
            (Some("yesterday"), Some("2026-02-28")),
            (Some("-0d"), Some("2026-03-01")),
            (Some("-3d"), Some("2026-02-26")),
            (Some("-365d"), Some("2025-03-01")),
            (Some("-99999d"), Some("1752-05-17")),
            (Some("-100000d"), None),
            (Some("-d"), None),
            (Some("--3d"), None),
            (Some("-3"), None),
            (Some("3d"), None),
            (Some("20261123"), None),
            (Some("2026-02-30"), None),
            (Some("tomorrow"), None),
            (Some(""), None),
        ];
        for (text, expected) in cases {
            let date = moment(None, text).map(|(_, date)| date);
            assert_eq!(date.as_deref(), expected, "{text:?}");
            assert!(text.is_none_or(|text| is_run_date(text) == expected.is_some()), "{text:?}");
        }
    }

    #[test]
    fn a_run_is_called_by_its_start_or_as_it_is_told() {
        let long = "r".repeat(65);
        let cases = [
            (None, Some("20260301T020304Z")),
            (Some("night-1"), Some("night-1")),
            (Some("A.b_c"), Some("A.b_c")),
            (Some(long.get(1..).expect("it is longer")), long.get(1..)),
            (Some(long.as_str()), None),
            (Some(""), None),
            (Some(".."), None),
            (Some(".hidden"), None),
            (Some("_x"), None),
            (Some("-1"), None),
            (Some("a/b"), None),
            (Some("é"), None),
        ];
        for (text, expected) in cases {
            let run = moment(text, None).map(|(run, _)| run);
            assert_eq!(run.as_deref(), expected, "{text:?}");
        }
        let moment = Moment::new(None, None, Timestamp::UNIX_EPOCH).expect("a date");
        assert_eq!(moment.with_suffix(2).run, "19700101T000000Z-2");
    }

    #[test]
    fn a_file_names_only_runs_that_can_be() {
        let cases = [
            ("20260301T020304Z-2", "2026-03-01", true),
            ("../x", "2026-03-01", false),
            ("r", "yesterday", false),
            ("r", "2026-3-1", false),
            ("r", "../..", false),
        ];
        for (run, date, expected) in cases {
            assert_eq!(Moment::of_file(run, date).is_some(), expected, "{run} {date}");
        }
    }
}
