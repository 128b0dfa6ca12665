//! Writes an output of profiles: rows in parts, the lists of opt-outs, and the field map.
//!
//! Records are read beside the ordered side, on any thread, and added in their order. Once all records are
//! there, `src/profiles` folds them, and everything is written.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;

use super::OutputWriter;
use super::part::Part;
use crate::definition::DigestKind;
use crate::engine::{Deferred, defer};
use crate::group::GroupError;
use crate::pipeline::{Block, Encoded};
use crate::plan::{OutputPlan, ProfilePlan};
use crate::profiles::{ColumnField, Folded, Profiles, Read, Rows, Spill, Unplaced, object_type};
use crate::publish::names::{
    EMAIL_LIST, FIELD_MAP, PARTS_MAX, PHONE_LIST, list_path, profile_part_path,
};
use crate::publish::{Publication, PublishError};
use crate::report::PartNote;

/// The header of the list of phone numbers.
const PHONE_HEADER: &[u8] = b"PhoneNumber\n";
/// What is behind each email address that SES is to suppress.
const EMAIL_REASON: &[u8] = b",COMPLAINT\n";

/// What profiles were made of all records.
#[derive(Clone, Debug)]
pub(crate) struct ProfileCounts {
    pub(crate) profiles: u64,
    pub(crate) columns: u64,
    pub(crate) unplaced: Unplaced,
    /// The addresses on each list.
    pub(crate) phones: u64,
    pub(crate) emails: u64,
}

pub(super) struct ProfilesWriter {
    /// The output's index in the plan.
    number: usize,
    /// The definition's name.
    name: String,
    plan: Arc<ProfilePlan>,
    part_max: u64,
    digest: DigestKind,
    /// `None`: folded.
    profiles: Option<Profiles>,
    /// Where blocks have their records, and the number of these so far.
    encoded: Encoded,
    records: u64,
    /// What is read of the blocks that are not settled yet, the oldest first.
    reading: VecDeque<Deferred<Option<Read>>>,
    parts: Vec<PartNote>,
    counts: Option<ProfileCounts>,
}

/// An error while writing what was folded.
struct Failed(PublishError);

impl From<PublishError> for Failed {
    fn from(error: PublishError) -> Failed {
        Failed(error)
    }
}

impl From<GroupError> for Failed {
    fn from(error: GroupError) -> Failed {
        Failed(of_spill(error))
    }
}

/// The error of a temporary file as one of writing an output.
fn of_spill(error: GroupError) -> PublishError {
    let of = |folder, done, source| PublishError::Spill { folder, done, source };
    match error {
        GroupError::Create { folder, source } => of(folder, "created", source),
        GroupError::Write { folder, source } => of(folder, "written", source),
        GroupError::Read { folder, source } => of(folder, "read", source),
        GroupError::Damaged { folder } => {
            of(folder, "read", std::io::Error::other("it is damaged"))
        }
        GroupError::NoRandomness(error) => {
            PublishError::of_write(std::io::Error::other(error.to_string()))
        }
        GroupError::Cancelled(cancelled) => PublishError::of_write(cancelled.into()),
    }
}

impl ProfilesWriter {
    /// `encoded`: where blocks have the records of the output with this number.
    pub(super) fn new(
        (number, encoded): (usize, Encoded),
        name: &str,
        output: &OutputPlan,
        plan: &Arc<ProfilePlan>,
        spill: &Spill,
    ) -> Result<ProfilesWriter, PublishError> {
        Ok(ProfilesWriter {
            number,
            name: name.to_owned(),
            plan: Arc::clone(plan),
            part_max: output.max_bytes,
            digest: output.digest,
            profiles: Some(Profiles::new(plan, spill.clone()).map_err(of_spill)?),
            encoded,
            records: 0,
            reading: VecDeque::new(),
            parts: Vec::new(),
            counts: None,
        })
    }

    fn files<'p>(
        &self,
        place: Option<&'p Publication>,
        header: Vec<u8>,
        (lines_max, path): (u64, fn(u64) -> String),
    ) -> Files<'p> {
        Files {
            place,
            output: self.number,
            digest: self.digest,
            path,
            header,
            bytes_max: self.part_max,
            lines_max,
            open: None,
            begun: 0,
            lines: 0,
            notes: Vec::new(),
        }
    }

    fn write_all(&mut self, place: Option<&Publication>) -> Result<(), Failed> {
        let Some(profiles) = self.profiles.take() else { return Ok(()) };
        let mut folded = profiles.fold()?;
        let columns = folded.columns().to_vec();
        let unplaced = self.write_rows(&mut folded, &columns, place)?;
        let path: fn(u64) -> String = |file| list_path(PHONE_LIST, file);
        let mut phones = self.files(place, PHONE_HEADER.to_vec(), (u64::MAX, path));
        phones.begin()?;
        folded.phones(|address| phones.add(&[address, b"\n"]))?;
        let path: fn(u64) -> String = |file| list_path(EMAIL_LIST, file);
        let lines_max = self.plan.target.files.list_lines;
        let mut emails = self.files(place, Vec::new(), (lines_max, path));
        emails.begin()?;
        folded.emails(|address| emails.add(&[address, EMAIL_REASON]))?;
        let (phone_count, email_count) = (phones.lines, emails.lines);
        self.parts.extend(phones.finish()?);
        self.parts.extend(emails.finish()?);
        let mut map = Part::new(self.number, FIELD_MAP.to_owned(), self.digest, place)?;
        let text = object_type(&self.name, &columns);
        map.write_all(text.as_bytes()).map_err(PublishError::of_write)?;
        self.parts.push(map.finish(0)?);
        self.counts = Some(ProfileCounts {
            profiles: folded.profiles(),
            columns: count(columns.len()),
            unplaced,
            phones: phone_count,
            emails: email_count,
        });
        Ok(())
    }

    fn write_rows(
        &mut self,
        folded: &mut Folded,
        columns: &[ColumnField],
        place: Option<&Publication>,
    ) -> Result<Unplaced, Failed> {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let header = names.join(",") + "\n";
        let mut files = self.files(place, header.into_bytes(), (u64::MAX, profile_part_path));
        let unplaced = folded.rows(&mut |rows: &Rows| {
            let mut from = 0;
            for end in &rows.ends {
                files.add(&[rows.bytes.get(from..*end).unwrap_or(&[])])?;
                from = *end;
            }
            Ok::<(), Failed>(())
        })?;
        self.parts.extend(files.finish()?);
        Ok(unplaced)
    }
}

/// Files of lines, each of which ends before it would be too long.
struct Files<'p> {
    place: Option<&'p Publication>,
    /// The output's index in the plan.
    output: usize,
    digest: DigestKind,
    /// The path of a file by its number.
    path: fn(u64) -> String,
    header: Vec<u8>,
    bytes_max: u64,
    lines_max: u64,
    /// The open file, with its number of lines, and what is still to be written to it.
    open: Option<(Part, u64, Vec<u8>)>,
    begun: u64,
    lines: u64,
    notes: Vec<PartNote>,
}

/// How many bytes of lines are gathered before they are written.
const GATHERED_BYTES: usize = 256 << 10;

impl Files<'_> {
    /// Begins a file.
    fn begin(&mut self) -> Result<(), Failed> {
        if usize::try_from(self.begun).unwrap_or(usize::MAX) == PARTS_MAX {
            return Err(PublishError::TooManyParts.into());
        }
        let part = Part::new(self.output, (self.path)(self.begun), self.digest, self.place)?;
        self.begun += 1;
        self.open = Some((part, 0, self.header.clone()));
        Ok(())
    }

    /// Adds a line, which consists of these pieces.
    fn add(&mut self, pieces: &[&[u8]]) -> Result<(), Failed> {
        let bytes = count(pieces.iter().map(|piece| piece.len()).sum());
        let is_full = self.open.as_ref().is_some_and(|(part, lines, gathered)| {
            *lines == self.lines_max || self.bytes_max < part.bytes + count(gathered.len()) + bytes
        });
        if is_full {
            self.end()?;
        }
        if self.open.is_none() {
            self.begin()?;
            if self.bytes_max < count(self.header.len()) + bytes {
                return Err(PublishError::PartTooSmall { bytes: self.bytes_max }.into());
            }
        }
        let Some((part, lines, gathered)) = &mut self.open else { return Ok(()) };
        for piece in pieces {
            gathered.extend_from_slice(piece);
        }
        *lines += 1;
        self.lines += 1;
        if GATHERED_BYTES <= gathered.len() {
            part.write_all(gathered).map_err(PublishError::of_write)?;
            gathered.clear();
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failed> {
        let Some((mut part, lines, gathered)) = self.open.take() else { return Ok(()) };
        part.write_all(&gathered).map_err(PublishError::of_write)?;
        self.notes.push(part.finish(lines)?);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<PartNote>, Failed> {
        self.end()?;
        Ok(self.notes)
    }
}

impl OutputWriter for ProfilesWriter {
    fn write(
        &mut self,
        block: &Arc<Block>,
        _place: Option<&Publication>,
    ) -> Result<(), PublishError> {
        let Some(profiles) = &self.profiles else { return Ok(()) };
        let (reader, block, first) = (profiles.reader(), Arc::clone(block), self.records);
        let encoded = self.encoded;
        self.records += block.lines_of(encoded).map_or(0, |records| count(records.ends.len()));
        self.reading.push_back(defer(move || {
            // A block without records has none of any output.
            let Some(records) = block.lines_of(encoded) else { return Some(Read::default()) };
            reader.read(&records.bytes, &records.ends, first)
        }));
        Ok(())
    }

    fn settle(&mut self) -> Result<(), PublishError> {
        let Some(read) = self.reading.pop_front() else { return Ok(()) };
        let unreadable = || std::io::Error::other("a record is not what was written");
        let read = read.wait().ok_or_else(unreadable).map_err(PublishError::of_write)?;
        let profiles = self.profiles.as_mut();
        profiles.map_or(Ok(()), |profiles| profiles.add(&read).map_err(of_spill))
    }

    fn finish(&mut self, place: Option<&Publication>) -> Result<(), PublishError> {
        self.write_all(place).map_err(|Failed(error)| error)
    }

    fn parts(&self) -> &[PartNote] {
        &self.parts
    }

    fn profiles(&self) -> Option<&ProfileCounts> {
        self.counts.as_ref()
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}
