//! CSV with a header of its own; and without one, each row as the `csv` crate reads it where RFC
//! 4180 allows the text.

use segprep::schema::Schema;

use crate::all_stages;
use crate::in_process::InProcess;
use crate::strict_csv::compare;

thread_local! {
    static KEEPS_EVERYTHING: InProcess =
        InProcess::keeping_everything(Schema::shipped("pinpoint").expect("it is shipped"), &[]);
}

/// The first byte chooses the delimiter and the size of blocks, the rest is the text.
pub fn hold(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else { return };
    let delimiter = b",;\t|"[usize::from(choice % 4)];
    all_stages::hold_csv(text, delimiter, 1 + usize::from(choice / 4) * 64);
    KEEPS_EVERYTHING.with(|program| compare(program, text, delimiter));
}
