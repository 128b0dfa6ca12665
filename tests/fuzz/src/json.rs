//! JSON in all framings, through all stages; lines are also compared with `serde_json`.

use segprep::decode::Format;
use segprep::decode::frame::LineEnd;
use segprep::schema::Schema;

use crate::all_stages;
use crate::support::in_process::InProcess;
use crate::support::strict_json::{Compared, compare};

thread_local! {
    static KEEPS_EVERYTHING: InProcess =
        InProcess::keeping_everything(Schema::shipped("pinpoint").expect("it is shipped"), &[]);
}

/// The first byte selects the framing and the size of blocks. The rest is the text.
pub fn check(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else { return };
    let block_bytes = 1 + usize::from(choice / 3) * 64;
    match choice % 3 {
        0 => {
            all_stages::check(text, &Format::JsonLines(LineEnd::Newline), 0, block_bytes);
            KEEPS_EVERYTHING.with(|program| compare(program, text, &mut Compared::default()));
        }
        // With bracket framing, a chunk begins with a record.
        1 => all_stages::check(
            text.trim_ascii_start(),
            &Format::JsonItems(LineEnd::Newline),
            0,
            block_bytes,
        ),
        _ => all_stages::check(
            text.trim_ascii_start(),
            &Format::JsonObjects(LineEnd::Newline),
            0,
            block_bytes,
        ),
    }
}
