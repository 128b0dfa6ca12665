//! Reads the lists of `[[suppress]]`: the people to drop or to opt out. (`list_files.rs` finds them.)
//!
//! - A list is text in UTF-8, with an entry on each line or in each cell of one CSV column. Blank
//!   entries are ignored.
//! - An entry that does not have the form that the definition sets is unusable: the person it stands
//!   for would not be found, and may have opted out. More of them than `max_unusable` allows end the
//!   run; up to that many are counted, and the summary has a warning.
//! - No message contains an entry. Messages name the file, the lines and what is wrong with them.
//!
//! Files are read [`READ_BYTES`] at a time. All threads share them: each takes a piece of
//! [`PIECE_BYTES`] and computes the digests of its entries.

use std::io::Read;

use rayon::ThreadPool;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::error::{ErrorKind, RunError};
use super::text::escape;
use crate::decode::csv::columns::DELIMITERS;
use crate::decode::frame::{self, Cut, Framing, LineEnd, cut};
use crate::decode::{cell_texts, push_cell_text};
use crate::definition::Suppression;
use crate::engine::Cancel;
use crate::plan::{Entries, EntryDigest, ListSpec, SuppressionList};
use crate::record::trim_invisible;
use crate::store::s3::{Reach, Url};
use crate::store::{Inputs, Listed, Store, StoreError};

/// The number of bytes read at once.
const READ_BYTES: usize = 8 << 20;
/// About how many bytes one thread takes at once.
const PIECE_BYTES: usize = 512 << 10;
/// The length of the longest line or row in bytes.
const ROW_BYTES_MAX: usize = 1 << 20;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What a list contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ListCounts {
    /// The number of distinct entries.
    pub(super) entries: u64,
    /// The number of lines or cells that do not have the form of an entry.
    pub(super) unusable: u64,
    /// Whether one of its files is an object that no checksum confirms.
    pub(super) is_unchecked: bool,
}

/// The most memory of the lists in bytes. The number of entries is limited by `max_entries`, and
/// for files on disk by their size.
pub(super) fn memory_max(lists: &[Suppression], store: &Store) -> usize {
    let entries_of = |suppression: &Suppression| {
        let from: Vec<_> = suppression.from.iter().map(|place| &place.path).collect();
        if from.iter().any(|path| Url::parse(path).is_some()) {
            return usize::try_from(suppression.max_entries).unwrap_or(usize::MAX);
        }
        let bytes = store
            .list_with_hidden(&from)
            .map(|found| found.files.iter().map(|file| file.bytes).sum());
        let entries =
            bytes.map_or(u64::MAX, |bytes: u64| bytes / suppression.entry_bytes_min() + 1);
        usize::try_from(entries.min(suppression.max_entries)).unwrap_or(usize::MAX)
    };
    lists.iter().map(|suppression| Entries::bytes_for(entries_of(suppression))).sum()
}

/// Reads all lists. `files` are the files of each.
pub(super) fn read_lists(
    specs: Vec<ListSpec>,
    store: &Store,
    files: &[Vec<Listed>],
    pool: &ThreadPool,
    cancel: &Cancel,
) -> Result<(Vec<SuppressionList>, Vec<ListCounts>), RunError> {
    let (mut lists, mut counts) = (Vec::new(), Vec::new());
    for (spec, files) in specs.into_iter().zip(files) {
        let mut list = List { spec: &spec, digests: Vec::new(), unusable: Unusable::default() };
        let inputs = store.inputs(files, Reach::Whole)?;
        for number in 0..files.len() {
            list.read_file(&inputs, number, pool, cancel)?;
        }
        let List { digests, unusable, .. } = list;
        if spec.max_unusable < unusable.count || (digests.is_empty() && 0 < unusable.count) {
            return Err(too_many_unusable(&spec, files, &unusable, digests.is_empty()));
        }
        let entries = pool.install(|| Entries::new(digests));
        let count = u64::try_from(entries.len()).expect("fewer than 2^64");
        let is_unchecked = (0..files.len()).any(|number| inputs.is_unchecked(number));
        counts.push(ListCounts { entries: count, unusable: unusable.count, is_unchecked });
        lists.push(spec.with_entries(entries));
    }
    Ok((lists, counts))
}

/// Returns the digests of the entries in a text that is given in place of a list.
pub(super) fn entries_of_text(spec: &ListSpec, text: &str) -> Result<Vec<EntryDigest>, String> {
    let text = text.as_bytes();
    let (column, start) = match &spec.column {
        Some(name) if !text.is_empty() => {
            let (column, start) = column_of(text, name)?;
            (Some(column), start)
        }
        Some(_) | None => (None, 0),
    };
    let (header, rows) = text.split_at_checked(start).unwrap_or_default();
    let mut found = entries(spec, rows, column).map_err(ListError::describe)?;
    if spec.max_unusable < found.unusable.count {
        found.unusable.places.iter_mut().for_each(|place| place.line += line_ends(header));
        let lines: Vec<u64> = found.unusable.places.iter().map(|place| place.line).collect();
        let entry = spec.describe_entry();
        return Err(format!("{} is not {entry}", describe_lines(&lines)));
    }
    Ok(found.digests)
}

/// A list that is being read.
struct List<'s> {
    spec: &'s ListSpec,
    digests: Vec<EntryDigest>,
    unusable: Unusable,
}

/// The entries of one piece of a file.
#[derive(Default)]
struct ListPiece {
    digests: Vec<EntryDigest>,
    /// Their places are relative to the piece.
    unusable: Unusable,
    /// The number of line ends.
    lines: u64,
}

/// The entries that do not have the form that the definition sets.
#[derive(Default)]
struct Unusable {
    count: u64,
    /// The first ones.
    places: Vec<EntryPlace>,
}

/// Where an entry is.
#[derive(Clone, Copy)]
struct EntryPlace {
    file: usize,
    /// From 1.
    line: u64,
}

/// How many unusable entries are named.
const PLACES_MAX: usize = 10;

impl Unusable {
    /// Counts an entry. `line` is only called if the entry is one of the first.
    fn add(&mut self, line: impl FnOnce() -> u64) {
        self.count += 1;
        if self.places.len() < PLACES_MAX {
            self.places.push(EntryPlace { file: 0, line: line() });
        }
    }

    /// Adds those of a piece of a file, before which the file has `lines` line ends.
    fn add_piece(&mut self, piece: &Unusable, file: usize, lines: u64) {
        self.count += piece.count;
        let room = PLACES_MAX - self.places.len();
        let places = piece.places.iter().take(room);
        self.places.extend(places.map(|place| EntryPlace { file, line: lines + place.line }));
    }
}

impl List<'_> {
    fn read_file(
        &mut self,
        inputs: &Inputs<'_>,
        number: usize,
        pool: &ThreadPool,
        cancel: &Cancel,
    ) -> Result<(), RunError> {
        let Some(file) = inputs.listed().get(number) else { return Ok(()) };
        let mut reader = ListReader::new(file, inputs.open(number)?)?;
        let column = match &self.spec.column {
            Some(name) => Some(reader.find_column(name)?),
            None => None,
        };
        while let Some(whole) = reader.next_records(column)? {
            cancel.check()?;
            let held = reader.held.get(..whole).unwrap_or(&[]);
            let pieces = pieces(held, framing(column));
            let found: Vec<Result<ListPiece, ListError>> = pool.install(|| {
                pieces.par_iter().map(|piece| entries(self.spec, piece, column)).collect()
            });
            for found in found {
                let found = found.map_err(|error| reader.bad(&error.describe()))?;
                self.unusable.add_piece(&found.unusable, number, reader.lines);
                reader.lines += found.lines;
                self.digests.extend(found.digests);
            }
            self.check_count(file)?;
            reader.drop_first(whole);
        }
        Ok(())
    }

    fn check_count(&self, file: &Listed) -> Result<(), RunError> {
        let count = u64::try_from(self.digests.len()).expect("fewer than 2^64");
        if count <= self.spec.max_entries {
            return Ok(());
        }
        let (name, max) = (escape(&file.name), self.spec.max_entries);
        let message =
            format!("`{name}`: the list for `{}` has over {max} entries", self.spec.field);
        let hint = "raise `max_entries` under `[[suppress]]`; `segprep check` shows how much memory \
                    that takes";
        Err(RunError::new(ErrorKind::BadInput, message).hint(hint))
    }
}

/// A file of a list that is being read.
struct ListReader<'f> {
    file: &'f Listed,
    reader: Box<dyn Read + Send>,
    /// What was read and not used yet. Begins with a record.
    held: Vec<u8>,
    at_end: bool,
    /// The number of line ends before the pieces that are being read.
    lines: u64,
}

/// The column of a CSV list that holds the entries.
#[derive(Clone, Copy)]
struct Column {
    delimiter: u8,
    number: usize,
}

fn framing(column: Option<Column>) -> Framing {
    let lines = Framing::Lines(LineEnd::Newline);
    column.map_or(lines, |column| Framing::Csv(column.delimiter.into()))
}

impl<'f> ListReader<'f> {
    fn new(file: &'f Listed, reader: Box<dyn Read + Send>) -> Result<ListReader<'f>, RunError> {
        let mut reader = ListReader { file, reader, held: Vec::new(), at_end: false, lines: 0 };
        reader.fill()?;
        if reader.held.starts_with(BOM) {
            reader.drop_first(BOM.len());
        }
        Ok(reader)
    }

    /// Reads until `READ_BYTES` are held, or the file ends.
    fn fill(&mut self) -> Result<(), RunError> {
        let room = READ_BYTES.saturating_sub(self.held.len());
        let limit = u64::try_from(room).expect("a small number");
        let count = (&mut self.reader).take(limit).read_to_end(&mut self.held);
        let count = count.map_err(|error| StoreError::from_read(&self.file.name, error))?;
        self.at_end = count < room;
        Ok(())
    }

    /// Removes the first `count` bytes held.
    fn drop_first(&mut self, count: usize) {
        self.held.drain(..count);
    }

    /// Finds the column with this name in the header, and removes the header.
    fn find_column(&mut self, name: &str) -> Result<Column, RunError> {
        let (column, start) = column_of(&self.held, name).map_err(|what| self.bad(&what))?;
        self.lines = line_ends(self.held.get(..start).unwrap_or(&[]));
        self.drop_first(start);
        Ok(column)
    }

    /// Reads more. Returns how many of the bytes held are whole records, or `None` at the end.
    fn next_records(&mut self, column: Option<Column>) -> Result<Option<usize>, RunError> {
        self.fill()?;
        if self.held.is_empty() {
            return Ok(None);
        }
        match cut(&self.held, framing(column), ROW_BYTES_MAX, self.at_end) {
            Cut::At(whole) | Cut::Last(whole) | Cut::NotClosed(whole) => Ok(Some(whole)),
            // More is held than the longest row may have.
            Cut::More | Cut::Invalid(..) => Err(self.bad(&ListError::Frame.describe())),
        }
    }

    fn bad(&self, what: &str) -> RunError {
        let message = format!("`{}`: {what}", escape(&self.file.name));
        RunError::new(ErrorKind::BadInput, message).hint(
            "a list is UTF-8 text with an entry on each line, or CSV with a header and `column`",
        )
    }
}

/// Returns the column with this name in the header, and the offset of the first row.
fn column_of(text: &[u8], name: &str) -> Result<(Column, usize), String> {
    for delimiter in DELIMITERS {
        let header = frame::record_at(text, 0, Framing::Csv(delimiter.into()), ROW_BYTES_MAX);
        if header.problem.is_some() {
            continue;
        }
        let names = cell_texts(header.bytes(text), delimiter);
        let is_named = |cell: &Vec<u8>| cell.trim_ascii() == name.trim().as_bytes();
        let mut places = names.iter().enumerate().filter(|(_, cell)| is_named(cell));
        if let Some((number, _)) = places.next() {
            return match places.next() {
                None => Ok((Column { delimiter, number }, header.next)),
                Some(_) => Err("two columns have the name that `column` sets".to_owned()),
            };
        }
    }
    Err("the first line has no column with the name that `column` sets".to_owned())
}

/// Why a list cannot be read.
#[derive(Clone, Copy)]
enum ListError {
    Utf8,
    Frame,
}

impl ListError {
    fn describe(self) -> String {
        match self {
            ListError::Utf8 => "the list is not UTF-8".to_owned(),
            ListError::Frame => {
                format!("a row has a quote that is not closed, or is over {ROW_BYTES_MAX} bytes")
            }
        }
    }
}

/// Cuts whole records into pieces of about [`PIECE_BYTES`] each.
fn pieces(whole: &[u8], framing: Framing) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = whole;
    while !rest.is_empty() {
        let start = rest.get(..PIECE_BYTES).unwrap_or(rest);
        let end = match cut(start, framing, ROW_BYTES_MAX, start.len() == rest.len()) {
            Cut::At(end) if 0 < end => end,
            // The first row is longer than a piece.
            Cut::At(_) | Cut::Last(_) | Cut::NotClosed(_) | Cut::More | Cut::Invalid(..) => {
                rest.len()
            }
        };
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Returns the entries of a piece, which is whole records.
fn entries(spec: &ListSpec, piece: &[u8], column: Option<Column>) -> Result<ListPiece, ListError> {
    simdutf8::basic::from_utf8(piece).map_err(|_place| ListError::Utf8)?;
    let mut found = ListPiece { lines: line_ends(piece), ..ListPiece::default() };
    let (mut cell, mut scratch) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < piece.len() {
        let record = frame::record_at(piece, at, framing(column), ROW_BYTES_MAX);
        at = record.next;
        if record.problem.is_some() {
            return Err(ListError::Frame);
        }
        let line = || 1 + line_ends(piece.get(..record.start).unwrap_or(&[]));
        cell.clear();
        match column {
            None => cell.extend_from_slice(record.bytes(piece)),
            Some(Column { delimiter, number }) => {
                if push_cell_text(record.bytes(piece), delimiter, number, &mut cell).is_none() {
                    if !record.bytes(piece).trim_ascii().is_empty() {
                        found.unusable.add(line);
                    }
                    continue;
                }
            }
        }
        let entry = str::from_utf8(&cell).map_or(&[][..], |text| trim_invisible(text).as_bytes());
        if entry.is_empty() {
            continue;
        }
        match spec.digest_of_entry(entry, &mut scratch) {
            Some(digest) => found.digests.push(digest),
            None => found.unusable.add(line),
        }
    }
    Ok(found)
}

fn line_ends(text: &[u8]) -> u64 {
    let count = memchr::memchr_iter(b'\n', text).count();
    u64::try_from(count).expect("fewer than 2^64")
}

/// The error if more entries are unusable than the definition accepts, or all are.
fn too_many_unusable(
    spec: &ListSpec,
    files: &[Listed],
    unusable: &Unusable,
    none_is_usable: bool,
) -> RunError {
    let (count, entry) = (unusable.count, spec.describe_entry());
    let what = match (none_is_usable, count) {
        (true, _) => format!("no entry of the list for `{}` is {entry}", spec.field),
        (false, 1) => format!("1 entry of the list for `{}` is not {entry}", spec.field),
        (false, _) => format!("{count} entries of the list for `{}` are not {entry}", spec.field),
    };
    let message = format!("{what}: {}", describe_places(files, unusable));
    let check = if spec.is_auto() {
        "correct them, or set `normalize` under `[[suppress]]` (`\"none\"` compares entries as they \
         are)"
    } else {
        "correct them, or check `form`, `normalize` and `column` under `[[suppress]]`"
    };
    let accept = if none_is_usable {
        String::new()
    } else {
        format!("; with `max_unusable = {count}`, the people they stand for are not found")
    };
    RunError::new(ErrorKind::BadInput, message).hint(format!("{check}{accept}"))
}

/// The first places of unusable entries, by file, such as `` `a.txt`, lines 1 and 3``.
fn describe_places(files: &[Listed], unusable: &Unusable) -> String {
    let mut texts = Vec::new();
    for places in unusable.places.chunk_by(|one, two| one.file == two.file) {
        let file = places.first().and_then(|place| files.get(place.file));
        let name = file.map_or("", |file| file.name.as_str());
        let lines: Vec<u64> = places.iter().map(|place| place.line).collect();
        texts.push(format!("`{}`, {}", escape(name), describe_lines(&lines)));
    }
    let places = u64::try_from(unusable.places.len()).expect("at most ten");
    let first = if places < unusable.count { "the first are in " } else { "" };
    format!("{first}{}", texts.join("; "))
}

/// `line 1`, `lines 1 and 3`, `lines 1, 3 and 4`.
fn describe_lines(lines: &[u64]) -> String {
    let texts: Vec<String> = lines.iter().map(u64::to_string).collect();
    match texts.as_slice() {
        [] => String::new(),
        [line] => format!("line {line}"),
        [lines @ .., last] => format!("lines {} and {last}", lines.join(", ")),
    }
}
