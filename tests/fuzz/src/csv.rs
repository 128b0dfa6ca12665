//! CSV with a header, through all stages; and without one, compared with the `csv` crate if RFC 4180
//! allows the text.

use segprep::schema::Schema;

use crate::all_stages;
use crate::support::in_process::InProcess;
use crate::support::strict_csv::compare;

thread_local! {
    static KEEPS_EVERYTHING: InProcess =
        InProcess::keeping_everything(Schema::shipped("pinpoint").expect("it is shipped"), &[]);
}

/// The first byte selects the delimiter and the size of blocks. The rest is the text.
pub fn check(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else { return };
    let delimiter = b",;\t|"[usize::from(choice % 4)];
    all_stages::check_csv(text, delimiter, 1 + usize::from(choice / 4) * 64);
    KEEPS_EVERYTHING.with(|program| compare(program, text, delimiter));
}
