//! JSON in all its frames; by lines, each as `serde_json` reads it.

use segprep::decode::Format;
use segprep::schema::Schema;

use crate::all_stages;
use crate::in_process::InProcess;
use crate::strict_json::{Compared, compare};

thread_local! {
    static KEEPS_EVERYTHING: InProcess =
        InProcess::keeping_everything(Schema::shipped("pinpoint").expect("it is shipped"), &[]);
}

/// The first byte chooses the frame and the size of blocks, the rest is the text.
pub fn hold(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else { return };
    let block_bytes = 1 + usize::from(choice / 3) * 64;
    match choice % 3 {
        0 => {
            all_stages::hold(text, &Format::JsonLines, 0, block_bytes);
            KEEPS_EVERYTHING.with(|program| compare(program, text, &mut Compared::default()));
        }
        // By brackets, a chunk begins with a record.
        1 => all_stages::hold(text.trim_ascii_start(), &Format::JsonItems, 0, block_bytes),
        _ => all_stages::hold(text.trim_ascii_start(), &Format::JsonObjects, 0, block_bytes),
    }
}
