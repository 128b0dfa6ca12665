//! CSV with a header, through all stages; and without one, compared with the `csv` crate if RFC 4180
//! allows the text.

use segprep::decode::frame::{Dialect, LineEnd};
use segprep::schema::Schema;

use crate::all_stages;
use crate::support::in_process::InProcess;
use crate::support::strict_csv::compare;

thread_local! {
    static KEEPS_EVERYTHING: InProcess =
        InProcess::keeping_everything(Schema::shipped("pinpoint").expect("it is shipped"), &[]);
}

/// The first byte selects the delimiter and the size of blocks, the second one how rows are written.
/// The rest is the text.
pub fn check(data: &[u8]) {
    let [choice, how, text @ ..] = data else { return };
    let delimiter = b",;\t|"[usize::from(choice % 4)];
    let is = |bit: u8| how >> bit & 1 == 1;
    let line_end = if is(0) { LineEnd::Return } else { LineEnd::Newline };
    let dialect = Dialect { delimiter, line_end, has_escapes: is(1), skips_space: is(2) };
    all_stages::check_csv(text, dialect, [is(3), is(4)], 1 + usize::from(choice / 4) * 64);
    KEEPS_EVERYTHING.with(|program| compare(program, text, delimiter));
}
