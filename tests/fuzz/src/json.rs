//! JSON in all framings, through all stages; lines are also compared with `serde_json`. Records inside of
//! larger values are found in any pieces of the text.

use segprep::decode::frame::LineEnd;
use segprep::decode::{Format, RecordFinder, RecordsPath};
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
    let block_bytes = 1 + usize::from(choice / 6) * 64;
    let line_end = LineEnd::of_text(text);
    match choice % 6 {
        0 => {
            all_stages::check(text, &Format::JsonLines(LineEnd::Newline), 0, block_bytes);
            KEEPS_EVERYTHING.with(|program| compare(program, text, &mut Compared::default()));
        }
        1 => all_stages::check(text, &Format::JsonLines(line_end), 0, block_bytes),
        // With bracket framing, a chunk begins with a record.
        2 => {
            let text = text.trim_ascii_start();
            all_stages::check(text, &Format::JsonItems(line_end), 0, block_bytes);
        }
        3 => {
            let text = text.trim_ascii_start();
            all_stages::check(text, &Format::JsonObjects(line_end), 0, block_bytes);
        }
        which => {
            let path = if which == 4 { &["Item"][..] } else { &["EndpointsResponse", "Item"] };
            let found = found_records(path, text, block_bytes);
            all_stages::check(
                found.trim_ascii_start(),
                &Format::JsonObjects(line_end),
                0,
                block_bytes,
            );
        }
    }
}

/// What is left of a text once only the records at a path are; the same for any pieces of it.
fn found_records(path: &[&str], text: &[u8], piece: usize) -> Vec<u8> {
    const KEPT_MAX: usize = 64;
    let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
    let path = KEEPS_EVERYTHING.with(|program| RecordsPath::new(&program.plan.schema, &path, &[]));
    let find = |piece: usize| {
        let mut finder = RecordFinder::new(&path, KEPT_MAX);
        let mut found = Vec::new();
        text.chunks(piece).for_each(|piece| finder.add(piece, &mut found));
        finder.finish(&mut found);
        found
    };
    let whole = find(usize::MAX);
    assert!(whole.len() == text.len() || whole.len() == text.len() + 2, "nothing moves");
    assert!(find(piece) == whole, "pieces make no difference");
    whole
}
