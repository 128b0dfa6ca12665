//! Mutated inputs: pieces of the samples and of the hostile cases with a few random edits. The
//! generator is seeded, so every run gets the same texts.

use std::path::Path;

use crate::support::program::files_below;
use crate::support::random::Random;

/// The minimum number of documents that a decoder test reads: `SEGPREP_DOCUMENTS`, or a default that all tests have
/// time for.
pub(crate) fn documents() -> u64 {
    let set = std::env::var("SEGPREP_DOCUMENTS").ok().and_then(|set| set.parse().ok());
    set.unwrap_or(20_000)
}

/// The contents of the samples and hostile cases with these file extensions, except large files.
pub(crate) fn files(ends: &[&str]) -> Vec<Vec<u8>> {
    const BYTES_MAX: usize = 100_000;
    let files = ["tests/hostile", "samples"].map(|folder| files_below(Path::new(folder)));
    let is_of = |file: &&std::path::PathBuf| {
        file.extension().and_then(|end| end.to_str()).is_some_and(|end| ends.contains(&end))
    };
    let texts =
        files.iter().flatten().filter(is_of).map(|file| std::fs::read(file).expect("a file"));
    texts.filter(|text| text.len() <= BYTES_MAX).collect()
}

/// An edit at one offset of a text.
#[derive(Clone, Debug)]
pub(crate) enum Break {
    Replace(u8),
    Insert(&'static [u8]),
    Remove(usize),
    Repeat(usize),
    Cut,
}

impl Break {
    pub(crate) fn apply(&self, at: usize, text: &mut Vec<u8>) {
        let to = |len: usize| text.len().min(at + len);
        match self {
            Break::Replace(byte) => drop(text.splice(at..to(1), [*byte])),
            Break::Insert(snippet) => drop(text.splice(at..at, snippet.iter().copied())),
            Break::Remove(len) => drop(text.drain(at..to(*len))),
            Break::Repeat(len) => {
                let copy = text[at..to(*len)].to_vec();
                text.splice(at..at, copy);
            }
            Break::Cut => text.truncate(at),
        }
    }

    /// Applies a random edit at a random offset.
    pub(crate) fn at_random(random: &mut Random, snippets: &[&'static [u8]], text: &mut Vec<u8>) {
        let how = match random.below(9) {
            0 => Break::Replace(random.byte()),
            1..5 => Break::Insert(random.of::<&[u8]>(snippets)),
            5..7 => Break::Remove(1 + random.below(3)),
            7 => Break::Repeat(1 + random.below(20)),
            _ => Break::Cut,
        };
        how.apply(random.below(text.len() + 1), text);
    }
}

/// Snippets to insert into JSON, separated by spaces.
const JSON: &[u8] = b", : \" \\ { } [ ] [] {} - + 0 1 . e E5 1e400 01 -0 nul null true NaN \
    \t \r \x00 \x01 \x0b \x1f \x7f \xff \xc3 \xa9 \xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \xc3\xa9 \
    \xef\xbb\xbf \xe2\x80\xa8 \\u0000 \\u00 \\uD83D\\uDE00 \\ud83d \\ude00 \\ud83d\\n \\ud83d\\u0041 \
    \\x41 \\' /**/ ' \"Id\":\"i\", \"\\u0049d\":\"i\", \"a\":1, ,\"a\":1";

pub(crate) fn json_snippets() -> Vec<&'static [u8]> {
    JSON.split(|byte| *byte == b' ').collect()
}

/// Snippets to insert into CSV, separated by dots.
const CSV: &[u8] =
    b"\".\"\".\",\".,.;.,,.\t.|.\r\n.\n.\r.\n\n.\r\n\r\n. .  .a.\"a\".\",\n\".\"a,b\n\".\
    \"\"\"\".\"\"\"a\".,\"\".\"\",.\xc3\xa9.\xff.\x00.\xef\xbb\xbf.=1+1.007";

pub(crate) fn csv_snippets() -> Vec<&'static [u8]> {
    CSV.split(|byte| *byte == b'.').collect()
}

/// Up to `lines_max` consecutive lines of a text, from a random line on.
pub(crate) fn some_lines(random: &mut Random, text: &[u8], lines_max: usize) -> Vec<u8> {
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let from = random.below(lines.len().max(1));
    let count = 1 + random.below(lines_max);
    lines.iter().skip(from).take(count).flat_map(|line| line.iter().copied()).collect()
}
