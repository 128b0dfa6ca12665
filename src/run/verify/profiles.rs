//! Reads what an output of profiles has: rows, lists of opt-outs and the field map. `parts` has compared their
//! names and sizes with the manifest.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use crc_fast::{CrcAlgorithm, Digest as Crc};
use data_encoding::{BASE64, HEXLOWER};
use serde::Deserialize;

use super::part::{FoundPart, compare_digest, compare_records, digest_of};
use super::rows::RowReader;
use super::rules::Rules;
use super::state::{Faults, Verifying, instead};
use crate::crypto::Sha256;
use crate::definition::DigestKind;
use crate::pipeline::Expectation;
use crate::publish::names::{FIELD_MAP, PHONE_LIST, is_profile_part, list_of};
use crate::report::ProfilesNote;
use crate::run::error::{Failure, RunError};
use crate::schema::{Format, ProfileTarget, Role, Schema};
use crate::store::s3::Reach;
use crate::store::{Inputs, Listed, StoreError};

/// A field map is far smaller.
const FIELD_MAP_MAX: usize = 4 << 20;
const READ_BYTES: usize = 64 << 10;

/// Reads the parts that are there. `note`: what the manifest says of profiles in the folder `to`.
pub(super) fn check(
    verifying: &mut Verifying<'_>,
    rules: &Rules,
    (note, to): (&ProfilesNote, &Path),
    found: &[FoundPart<'_>],
    listed: &[Listed],
) -> Result<(), Failure> {
    let inputs = verifying.place.store.inputs(listed, Reach::Whole)?;
    let kind = found.iter().find_map(|part| digest_of(part.note)).map(|(kind, _)| kind);
    let mut checking = Checking {
        verifying,
        inputs: &inputs,
        kind,
        rules,
        target: ProfileTarget::shipped(),
        columns: BTreeMap::new(),
    };
    let is_map = |part: &FoundPart<'_>| part.note.path == FIELD_MAP;
    for (number, part) in found.iter().enumerate().filter(|(_, part)| is_map(part)) {
        checking.field_map(number, part)?;
    }
    let (mut rows, mut lists) = (0, BTreeMap::new());
    for (number, part) in found.iter().enumerate().filter(|(_, part)| !is_map(part)) {
        let path = part.note.path.as_str();
        if is_profile_part(path) {
            rows += checking.rows(number, part)?;
        } else if let Some(list) = list_of(path) {
            *lists.entry(list.to_owned()).or_insert(0) += checking.list(number, part, list)?;
        }
    }
    checking.sums(note, to, rows, &lists);
    Ok(())
}

struct Checking<'a, 'v> {
    verifying: &'a mut Verifying<'v>,
    inputs: &'a Inputs<'a>,
    kind: Option<DigestKind>,
    rules: &'a Rules,
    target: &'static ProfileTarget,
    /// What the field map says of each column.
    columns: BTreeMap<String, MappedField>,
}

/// The part of a field map that is checked.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FieldMap {
    fields: BTreeMap<String, MappedField>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MappedField {
    source: String,
    target: String,
    content_type: String,
}

impl Checking<'_, '_> {
    fn faults(&mut self) -> &mut Faults {
        &mut self.verifying.faults
    }

    /// Reads a part, and compares its digest. `each` takes its bytes; if it returns false, the rest is not read.
    fn read(
        &mut self,
        number: usize,
        part: &FoundPart<'_>,
        mut each: impl FnMut(&mut Faults, &[u8]) -> bool,
    ) -> Result<bool, Failure> {
        let mut reader = self.inputs.open(number)?;
        let (mut sha256, mut crc) = (Sha256::new(), Crc::new(CrcAlgorithm::Crc64Nvme));
        let mut buffer = vec![0; READ_BYTES];
        loop {
            self.verifying.cancel.check().map_err(RunError::from)?;
            let read = reader.read(&mut buffer);
            let read = read.map_err(|error| StoreError::from_read(&part.listed.name, error))?;
            if read == 0 {
                break;
            }
            let bytes = buffer.get(..read).unwrap_or(&[]);
            match self.kind {
                Some(DigestKind::Sha256) => sha256.update(bytes),
                Some(DigestKind::Crc64Nvme) => crc.update(bytes),
                None => {}
            }
            self.verifying.progress.advance(u64::try_from(read).unwrap_or(0), 0, 0);
            if !each(&mut self.verifying.faults, bytes) {
                return Ok(false);
            }
        }
        let digest = match self.kind {
            Some(DigestKind::Sha256) => HEXLOWER.encode(&sha256.finish()),
            Some(DigestKind::Crc64Nvme) => BASE64.encode(&crc.finalize().to_be_bytes()),
            None => String::new(),
        };
        let is_whole = part.listed.bytes == part.note.bytes;
        let (kind, digest) = (self.kind, Some(digest.as_str()).filter(|_| is_whole));
        compare_digest(self.faults(), part, kind, digest);
        Ok(true)
    }

    fn field_map(&mut self, number: usize, part: &FoundPart<'_>) -> Result<(), Failure> {
        let mut text = Vec::new();
        let is_read = self.read(number, part, |_, bytes| {
            text.extend_from_slice(bytes);
            text.len() <= FIELD_MAP_MAX
        })?;
        let map = serde_json::from_slice::<FieldMap>(&text).ok().filter(|_| is_read);
        let Some(map) = map else {
            self.faults().of_file(&part.path, "is not a field map");
            return Ok(());
        };
        for (name, field) in &map.fields {
            let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            let has_form = name.len() <= self.target.limits.field_length
                && name.bytes().all(is_letter)
                && field.source == format!("_source.{name}")
                && field.target.starts_with("_profile.");
            if !has_form {
                self.faults()
                    .of_file(&part.path, "has a field of a form that a run does not write");
            }
        }
        self.columns = map.fields;
        Ok(())
    }

    /// Checks rows. Returns how many there are.
    fn rows(&mut self, number: usize, part: &FoundPart<'_>) -> Result<u64, Failure> {
        let checks = RowChecks::new(self);
        let (mut reader, mut rows, mut header) = (RowReader::default(), 0, None);
        let is_read = self.read(number, part, |faults, bytes| {
            reader.feed(bytes, |line, cells| match &header {
                None => {
                    checks.header(faults, part, &cells);
                    header = Some(cells);
                }
                Some(header) => {
                    rows += 1;
                    checks.row(faults, part, line, header, &cells);
                }
            })
        })?;
        if !is_read || !reader.is_at_end() {
            self.faults().of_file(&part.path, "is not CSV as a run writes it");
            return Ok(rows);
        }
        compare_records(self.faults(), part, rows);
        self.verifying.records += rows;
        Ok(rows)
    }

    /// Checks a file of a list. Returns how many addresses it has.
    fn list(&mut self, number: usize, part: &FoundPart<'_>, list: &str) -> Result<u64, Failure> {
        let is_phones = list == PHONE_LIST;
        let format = if is_phones { Format::Phone } else { Format::Email };
        let formats = self.rules.plan.schema.target.formats;
        let (mut reader, mut lines) = (RowReader::default(), 0);
        let is_read = self.read(number, part, |faults, bytes| {
            reader.feed(bytes, |line, cells| {
                if is_phones && line == 1 {
                    if cells != [b"PhoneNumber"] {
                        faults.add(
                            &part.path,
                            Some(line),
                            "",
                            "has another header than `PhoneNumber`",
                        );
                    }
                    return;
                }
                lines += 1;
                let (address, rest) = cells
                    .split_first()
                    .map_or((&[][..], &[][..]), |(first, rest)| (first.as_slice(), rest));
                let has_rest = if is_phones { rest.is_empty() } else { rest == [b"COMPLAINT"] };
                if !has_rest || !format.check(address, &formats) {
                    faults.add(&part.path, Some(line), "", "is not an entry of this list");
                }
            })
        })?;
        if !is_read || !reader.is_at_end() {
            self.faults().of_file(&part.path, "is not a list as a run writes it");
        }
        if !is_phones && self.target.files.list_lines < lines {
            self.faults().of_file(&part.path, "has more lines than SES imports at once");
        }
        compare_records(self.faults(), part, lines);
        Ok(lines)
    }

    /// Compares sums with those of the manifest.
    fn sums(&mut self, note: &ProfilesNote, to: &Path, rows: u64, lists: &BTreeMap<String, u64>) {
        if rows != note.rows {
            let what = format!("has {}", instead(rows, "row", note.rows));
            self.faults().of_file(to, what);
        }
        for (list, expected) in &note.lists {
            let found = lists.get(list).copied().unwrap_or(0);
            if found != *expected {
                let addresses = if found == 1 { "address" } else { "addresses" };
                let what =
                    format!("has {found} {addresses} on the list `{list}` instead of {expected}");
                self.faults().of_file(to, what);
            }
        }
        if note.max_columns < note.columns || count(self.columns.len()) != note.columns {
            let what = format!(
                "has {} columns; the manifest says {}, and at most {}",
                self.columns.len(),
                note.columns,
                note.max_columns
            );
            self.faults().of_file(to, what);
        }
    }
}

/// What a cell must be like.
#[derive(Clone, Copy, Default)]
struct CellCheck {
    format: Option<Format>,
    /// Whether each value is a token.
    is_token: bool,
}

/// What rows must be like.
struct RowChecks<'a> {
    target: &'static ProfileTarget,
    rules: &'a Rules,
    cells: BTreeMap<String, CellCheck>,
    /// The columns that nothing may be in, since the rules drop their fields.
    absent: Vec<String>,
    /// What the names of columns must not begin with, for the same reason.
    absent_prefixes: Vec<&'static str>,
}

impl<'a> RowChecks<'a> {
    fn new(checking: &Checking<'a, '_>) -> RowChecks<'a> {
        let (rules, target) = (checking.rules, checking.target);
        let schema = &*rules.plan.schema;
        let is_kept = |role| rules.expected.of_node(schema.role(role)) == Expectation::Kept;
        let cells = checking.columns.iter().map(|(name, field)| {
            let format = match field.content_type.as_str() {
                "PHONE_NUMBER" => Some(Format::Phone),
                "EMAIL_ADDRESS" => Some(Format::Email),
                _ => None,
            };
            let format = format.filter(|_| is_kept(Role::Address));
            let is_token = *name == target.standard.key && key_is_token(rules, schema);
            (name.clone(), CellCheck { format, is_token })
        });
        let mut checks = RowChecks {
            target,
            rules,
            cells: cells.collect(),
            absent: Vec::new(),
            absent_prefixes: Vec::new(),
        };
        for (node, description) in schema.nodes.iter().enumerate() {
            if let Some(map) = schema.map_of(node) {
                let prefix = target.prefix(&description.path);
                let is_own = prefix != target.prefix("");
                if is_own && rules.expected.map_is_absent(map) {
                    checks.absent_prefixes.push(prefix);
                }
            } else if rules.expected.of_node(node) == Expectation::Absent
                && let Some(member) = target.address_member(&description.path)
            {
                checks
                    .absent
                    .extend(target.standard.address.get(member).map(|(_, name)| name.clone()));
            }
        }
        checks
    }

    fn header(&self, faults: &mut Faults, part: &FoundPart<'_>, cells: &[Vec<u8>]) {
        for (number, cell) in cells.iter().enumerate() {
            let name = String::from_utf8_lossy(cell);
            let is_known = self.cells.contains_key(&*name);
            let is_key = number == 0 && name != self.target.standard.key;
            if !is_known || is_key {
                let what = format!("has a column {} that is not in the field map", number + 1);
                faults.add(&part.path, Some(1), "", what);
            }
            let begins = |prefix: &&str| name.starts_with(*prefix);
            if self.absent.iter().any(|absent| *absent == *name)
                || self.absent_prefixes.iter().any(begins)
            {
                let what = format!("has a column {}, though the rules drop its field", number + 1);
                faults.add(&part.path, Some(1), "", what);
            }
        }
        if cells.len() != self.cells.len() {
            faults.add(&part.path, Some(1), "", "has other columns than the field map");
        }
    }

    fn row(
        &self,
        faults: &mut Faults,
        part: &FoundPart<'_>,
        line: u64,
        header: &[Vec<u8>],
        cells: &[Vec<u8>],
    ) {
        if cells.len() != header.len() {
            faults.add(&part.path, Some(line), "", "has more or fewer cells than the header");
            return;
        }
        let formats = &self.rules.plan.schema.target.formats;
        // Names of columns come from the data, so they are not shown.
        for ((name, cell), number) in header.iter().zip(cells).zip(1..) {
            let name = String::from_utf8_lossy(name);
            let check = self.cells.get(&*name).copied().unwrap_or_default();
            let points = cell.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count();
            let is_empty = cell.is_empty();
            let what =
                if self.target.limits.value_length < points || std::str::from_utf8(cell).is_err() {
                    "a value that a profile cannot hold"
                } else if is_empty && name == self.target.standard.key {
                    "no value"
                } else if !is_empty && check.format.is_some_and(|form| !form.check(cell, formats)) {
                    "a value that does not have the format of its field"
                } else if !is_empty && check.is_token && !self.rules.expected.is_token(cell) {
                    "a value that is no token of a key in the manifest"
                } else {
                    continue;
                };
            faults.add(&part.path, Some(line), "", format!("has {what} in column {number}"));
        }
        let size: usize = cells.iter().map(Vec::len).sum();
        if self.target.limits.profile_size < size {
            faults.add(&part.path, Some(line), "", "is larger than a profile may be");
        }
    }
}

/// Whether all that may tell profiles apart are tokens.
fn key_is_token(rules: &Rules, schema: &Schema) -> bool {
    let of = |role| rules.expected.of_node(schema.role(role));
    let keys = [of(Role::UserId), of(Role::Id)];
    let are_tokens = keys.iter().all(|key| matches!(key, Expectation::Token | Expectation::Absent));
    are_tokens && keys.contains(&Expectation::Token)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}
