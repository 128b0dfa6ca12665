//! Finds the records inside of larger JSON values: `records = "EndpointsResponse.Item"`, for the replies of
//! an API.
//!
//! A [`RecordFinder`] takes the text of a file in pieces of any size, and blanks whatever is around the
//! records. What is left is a series of objects, and each is where it was, so offsets and lines stay:
//!
//! ```text
//! {"Next":"x","Item":[{"Id":"a"},{"Id":"b"}]}
//!                     {"Id":"a"} {"Id":"b"}
//! ```
//!
//! - The array or object at the path holds the records. An item that is no object leaves its first byte,
//!   which is then a reject, and so is the end of a text that stops within a value.
//! - A value without the path becomes an empty object in its place, which lacks all that a record needs.
//!   (If the value is longer than the longest record, the object is where the value ends.)
//! - What is around the records is not checked, only followed: strings, braces and brackets. Names beside
//!   the path that are those of fields are counted: nobody else would notice that they are lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Lookalikes;
use crate::schema::{Role, Schema};

/// Where the records are in larger values, and which names beside them would mean something.
#[derive(Clone, Debug)]
pub struct RecordsPath(Arc<Meaning>);

#[derive(Debug)]
struct Meaning {
    names: Vec<Box<[u8]>>,
    /// `None`: nothing beside the records is noted.
    lookalikes: Option<Lookalikes>,
    opt_out: String,
    /// Names that are dropped on purpose.
    ignore: Vec<String>,
}

impl RecordsPath {
    /// `ignore`: the names that the definition drops on purpose.
    pub fn new(schema: &Schema, path: &[String], ignore: &[String]) -> RecordsPath {
        RecordsPath(Arc::new(Meaning {
            names: path.iter().map(|name| name.as_bytes().into()).collect(),
            lookalikes: Some(Lookalikes::new(schema)),
            opt_out: schema.role_path(Role::OptOut).to_owned(),
            ignore: ignore.to_vec(),
        }))
    }

    /// A path beside which nothing is noted: for a look at what files hold.
    pub fn alone(path: &[String]) -> RecordsPath {
        RecordsPath(Arc::new(Meaning {
            names: path.iter().map(|name| name.as_bytes().into()).collect(),
            lookalikes: None,
            opt_out: String::new(),
            ignore: Vec::new(),
        }))
    }

    /// The field that a name means, exactly or nearly.
    fn field_of(&self, name: &str) -> Option<String> {
        let Meaning { lookalikes, ignore, .. } = &*self.0;
        let is_ignored = ignore.iter().any(|ignored| ignored == name);
        lookalikes.as_ref()?.of("", name).filter(|_| !is_ignored)
    }
}

/// Fields that are beside records, and not in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// How many values have each, by its path.
    pub fields: BTreeMap<String, u64>,
    /// Whether the opt-out is one of them: it would be lost.
    pub has_opt_out: bool,
}

/// Follows the text of a file, and blanks what is around its records.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact about the text so far")]
pub struct RecordFinder {
    path: RecordsPath,
    beside: Beside,
    /// The most bytes of a value that are kept back until the path is found.
    kept_max: usize,
    state: State,
    in_string: bool,
    is_escaped: bool,
    /// The braces and brackets that are open in the value, or in the item.
    depth: usize,
    /// The names of the path that have been found; the object of the last one is at depth `matched` + 1.
    matched: usize,
    /// Whether a name comes next in that object.
    expects_name: bool,
    /// The name that is read there, up to a byte more than [`NAME_BYTES_MAX`].
    name: Vec<u8>,
    /// Whether the name before the colon was the next one of the path.
    is_next: bool,
    /// Whether the value had the path.
    is_found: bool,
    /// The number of arrays around the values.
    arrays: usize,
    /// The blanked text of the value from its first byte on, until the path is found or it is too long.
    kept: Vec<u8>,
    keeps: bool,
}

/// The most bytes of a name around the records that are read; no name of a path or field is longer.
const NAME_BYTES_MAX: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between the values of the file.
    Between,
    /// In a value, around the records.
    Around,
    /// In the array that holds the records, between its items.
    Array,
    /// In a record; in an array, if so.
    Record { in_array: bool },
    /// In an item that is no object.
    Other,
}

impl RecordFinder {
    /// `kept_max`: the most bytes of a value that are kept back until the path is found in it.
    pub fn new(path: &RecordsPath, kept_max: usize) -> RecordFinder {
        RecordFinder {
            path: path.clone(),
            beside: Beside::default(),
            kept_max,
            state: State::Between,
            in_string: false,
            is_escaped: false,
            depth: 0,
            matched: 0,
            expects_name: false,
            name: Vec::new(),
            is_next: false,
            is_found: false,
            arrays: 0,
            kept: Vec::new(),
            keeps: false,
        }
    }

    /// The fields beside the records so far.
    pub fn beside(&self) -> &Beside {
        &self.beside
    }

    /// Appends a piece of text to `out`, as far as it is decided what is left of it.
    pub fn add(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for byte in piece {
            self.take(*byte, out);
        }
    }

    /// Appends the rest, once the text has ended.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let is_whole = self.state == State::Between && self.arrays == 0;
        let is_in_record = matches!(self.state, State::Record { .. });
        // A value that was kept back begins with its brace, which then is not closed.
        let is_kept = self.keeps;
        out.append(&mut self.kept);
        self.keeps = false;
        if !is_whole && !is_in_record && !is_kept {
            out.extend_from_slice(b" ]");
        }
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.state {
            State::Between => self.take_between(byte, out),
            State::Around => self.take_around(byte, out),
            State::Array => self.take_in_array(byte, out),
            State::Record { in_array } => {
                out.push(byte);
                if self.closes(byte) {
                    self.state = if in_array { State::Array } else { State::Around };
                    self.depth = self.matched + 1;
                }
            }
            State::Other => self.take_other(byte, out),
        }
    }

    fn take_between(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'{' => {
                self.state = State::Around;
                (self.depth, self.matched) = (1, 0);
                (self.expects_name, self.is_next, self.is_found) = (true, false, false);
                self.keeps = true;
                self.kept.push(byte);
            }
            b'[' => {
                self.arrays += 1;
                out.push(b' ');
            }
            b']' if 0 < self.arrays => {
                self.arrays -= 1;
                out.push(b' ');
            }
            b',' if 0 < self.arrays => out.push(b' '),
            // Other text between values is a reject.
            _ => out.push(byte),
        }
    }

    fn take_around(&mut self, byte: u8, out: &mut Vec<u8>) {
        let is_on_path = self.depth == self.matched + 1;
        if self.in_string {
            self.take_in_string(byte);
            if self.expects_name && is_on_path && self.in_string {
                self.push_to_name(byte);
            }
            return self.blank(byte, out);
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.name.clear();
            }
            b':' if is_on_path && self.expects_name => {
                self.expects_name = false;
                let name = self.whole_name();
                self.is_next = name.is_some() && name.as_deref() == self.next_name();
                if let Some(name) = name.filter(|_| !self.is_next) {
                    self.note_beside(&name);
                }
            }
            b',' if is_on_path => (self.expects_name, self.is_next) = (true, false),
            b'{' | b'[' => return self.open(byte, is_on_path, out),
            b'}' | b']' => {
                if is_on_path && 0 < self.matched {
                    self.matched -= 1;
                }
                self.depth -= 1;
                self.expects_name = false;
                if self.depth == 0 {
                    return self.end_value(out);
                }
            }
            _ => {}
        }
        self.blank(byte, out);
    }

    /// Opens an object or an array around the records, or the one that holds them.
    fn open(&mut self, byte: u8, is_on_path: bool, out: &mut Vec<u8>) {
        let is_next = std::mem::take(&mut self.is_next) && is_on_path;
        let is_last = self.matched + 1 == self.path.0.names.len();
        if is_next && is_last {
            self.find(out);
            if byte == b'{' {
                self.begin_record(false, out);
            } else {
                self.state = State::Array;
                out.push(b' ');
            }
            return;
        }
        self.depth += 1;
        if is_next && byte == b'{' {
            self.matched += 1;
            self.expects_name = true;
        }
        self.blank(byte, out);
    }

    fn begin_record(&mut self, in_array: bool, out: &mut Vec<u8>) {
        self.state = State::Record { in_array };
        self.depth = 1;
        out.push(b'{');
    }

    /// Notes that the value has the path: nothing of what is around is kept back any more.
    fn find(&mut self, out: &mut Vec<u8>) {
        self.is_found = true;
        if std::mem::take(&mut self.keeps)
            && let Some(brace) = self.kept.first_mut()
        {
            *brace = b' ';
        }
        out.append(&mut self.kept);
    }

    /// Ends the value with this brace.
    fn end_value(&mut self, out: &mut Vec<u8>) {
        self.state = State::Between;
        if self.keeps {
            self.keeps = false;
            self.kept.push(b'}');
            out.append(&mut self.kept);
        } else if self.is_found {
            out.push(b' ');
        } else {
            // The first of the two is in place of the byte before, which is kept back for it.
            self.kept.clear();
            out.extend_from_slice(b"{}");
        }
    }

    fn take_in_array(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'{' => self.begin_record(true, out),
            b']' => {
                self.state = State::Around;
                out.push(b' ');
            }
            b',' => out.push(b' '),
            b' ' | b'\t' | b'\r' | b'\n' => out.push(byte),
            _ => {
                self.state = State::Other;
                self.depth = 0;
                out.push(byte);
                self.closes(byte);
            }
        }
    }

    /// Takes a byte of an item that is no object. Only its first byte is left.
    fn take_other(&mut self, byte: u8, out: &mut Vec<u8>) {
        let is_outside = !self.in_string && self.depth == 0;
        if is_outside && matches!(byte, b',' | b']') {
            self.state = State::Array;
            self.depth = self.matched + 1;
            return self.take_in_array(byte, out);
        }
        self.closes(byte);
        out.push(blank_of(byte));
    }

    /// Follows a byte of an item. Returns whether it closes what was opened first.
    fn closes(&mut self, byte: u8) -> bool {
        if self.in_string {
            self.take_in_string(byte);
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }

    fn take_in_string(&mut self, byte: u8) {
        if self.is_escaped {
            self.is_escaped = false;
        } else if byte == b'\\' {
            self.is_escaped = true;
        } else if byte == b'"' {
            self.in_string = false;
        }
    }

    fn push_to_name(&mut self, byte: u8) {
        if self.name.len() <= NAME_BYTES_MAX {
            self.name.push(byte);
        }
    }

    fn next_name(&self) -> Option<&[u8]> {
        self.path.0.names.get(self.matched).map(|name| &**name)
    }

    /// The name that was read, without escapes. `None`: it is too long, or no text.
    fn whole_name(&self) -> Option<Vec<u8>> {
        if NAME_BYTES_MAX < self.name.len() {
            return None;
        }
        if !self.name.contains(&b'\\') {
            return Some(self.name.clone());
        }
        let quoted = [b"\"", self.name.as_slice(), b"\""].concat();
        serde_json::from_slice::<String>(&quoted).ok().map(String::into_bytes)
    }

    fn note_beside(&mut self, name: &[u8]) {
        let name = str::from_utf8(name).unwrap_or_default();
        let Some(field) = self.path.field_of(name) else { return };
        self.beside.has_opt_out |= field == self.path.0.opt_out;
        // `Attributes.Plan` would be any name of the data.
        let field = field.split('.').next().unwrap_or_default().to_owned();
        *self.beside.fields.entry(field).or_default() += 1;
    }

    /// Blanks a byte around the records.
    fn blank(&mut self, byte: u8, out: &mut Vec<u8>) {
        let blank = blank_of(byte);
        if self.keeps {
            self.kept.push(blank);
            if self.kept_max < self.kept.len() {
                self.keeps = false;
                if let Some(brace) = self.kept.first_mut() {
                    *brace = b' ';
                }
            }
            if self.keeps {
                return;
            }
        } else if self.is_found {
            out.push(blank);
            return;
        } else {
            self.kept.push(blank);
        }
        // One byte stays, for the empty object in place of a value without the path.
        let last = self.kept.pop();
        out.append(&mut self.kept);
        self.kept.extend(last);
    }
}

/// What is left of a byte around the records: line ends, and NULs, by which UTF-16 is recognised.
fn blank_of(byte: u8) -> u8 {
    if matches!(byte, b'\n' | b'\r' | 0) { byte } else { b' ' }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(path: &str, text: &str, piece: usize, kept_max: usize) -> String {
        let mut finder = RecordFinder::new(&path_of(path), kept_max);
        let mut out = Vec::new();
        text.as_bytes().chunks(piece).for_each(|piece| finder.add(piece, &mut out));
        finder.finish(&mut out);
        String::from_utf8(out).expect("only ASCII is made")
    }

    fn path_of(path: &str) -> RecordsPath {
        thread_local! {
            static SCHEMA: Arc<Schema> = Arc::new(Schema::shipped("pinpoint").expect("it is shipped"));
        }
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        SCHEMA.with(|schema| RecordsPath::new(schema, &path, &["Abgemeldet".to_owned()]))
    }

    #[track_caller]
    fn check_beside(text: &str, fields: &[(&str, u64)], has_opt_out: bool) {
        for piece in [1, 3, 1000] {
            let mut finder = RecordFinder::new(&path_of("A.B"), 1000);
            text.as_bytes().chunks(piece).for_each(|piece| finder.add(piece, &mut Vec::new()));
            let fields =
                fields.iter().map(|(field, count)| ((*field).to_owned(), *count)).collect();
            assert_eq!(finder.beside(), &Beside { fields, has_opt_out }, "{text}");
        }
    }

    #[test]
    fn fields_beside_the_records_are_counted() {
        check_beside(r#"{"Next":"x","A":{"Count":1,"B":{"OptOut":"ALL"}}}"#, &[], false);
        check_beside(r#"{"OptOut":"ALL","A":{"B":{}}}"#, &[("OptOut", 1)], true);
        check_beside(r#"{"A":{"B":[{}],"opt_out":"ALL"}}"#, &[("OptOut", 1)], true);
        check_beside(r#"{"Opt\u004fut":"ALL","A":{"B":{}}}"#, &[("OptOut", 1)], true);
        check_beside(r#"{"Unsubscribed":true,"A":{"B":{}}}"#, &[("OptOut", 1)], true);
        check_beside(r#"{"Abgemeldet":true,"A":{"B":{}}}"#, &[], false);
        check_beside(r#"{"x":{"OptOut":"ALL"},"A":{"y":{"OptOut":1},"B":{}}}"#, &[], false);
        let several = r#"{"User":{"UserId":"u"},"attributes.Ada":1,"A":{"B":{}}} {"User":7}"#;
        check_beside(several, &[("Attributes", 1), ("User", 2)], false);
    }

    /// `expected`: what is left, without the blanks around it. Each byte of it is where it was.
    #[track_caller]
    fn check(path: &str, text: &str, expected: &[&str]) {
        for piece in [1, 2, 3, 7, 1000] {
            let out = found(path, text, piece, 1000);
            let left: Vec<&str> = out.split_whitespace().collect();
            assert_eq!(left, expected, "{text} in pieces of {piece}");
            let is_in_place = |(blanked, own): (char, char)| blanked == ' ' || blanked == own;
            assert!(out.chars().zip(text.chars()).all(is_in_place), "{text}: {out}");
        }
    }

    #[test]
    fn records_stay_where_they_are() {
        check("Item", r#"{"Item":{"Id":"a"}}"#, &[r#"{"Id":"a"}"#]);
        check("Item", r#"{"Item":[{"a":1}, {"b":"}]"}]}"#, &[r#"{"a":1}"#, r#"{"b":"}]"}"#]);
        check("A.B", r#"{"x":{"A":{"B":{}}},"A":{"B":[{"c":1}]}}"#, &[r#"{"c":1}"#]);
        check("A", "{\"A\":{}}\n{\"A\":{}}", &["{}", "{}"]);
        check("A", r#"[{"A":{}},{"A":[{}]}]"#, &["{}", "{}"]);
        check("A", r#"{"\u0041":{}}"#, &["{}"]);
        check("A", r#"{"A":[]}"#, &[]);
        check("A", r#"{"A":{},"A":{}}"#, &["{}", "{}"]);
        check("A", r#"{"a":"\"A\":{","A":{"\\":"}"}}"#, &[r#"{"\\":"}"}"#]);
        check("A.B", r#"{"A":{"C":1,"B":{"x":1}},"B":{}}"#, &[r#"{"x":1}"#]);
    }

    #[test]
    fn a_value_without_the_path_is_an_empty_object() {
        check("Item", r#"{"Id":"a"}"#, &["{", "}"]);
        check("Item", "{}", &["{}"]);
        check("Item", "{\"Item\":7}\n{\"Item\":null}", &["{", "}", "{", "}"]);
        check("A.B", r#"{"A":[{"B":{}}]}"#, &["{", "}"]);
        check("A.B", r#"{"B":{},"A":{"C":{"B":{}}}}"#, &["{", "}"]);
        for piece in [1, 2, 1000] {
            let long = found("A", r#"{"b":"12345","c":1}"#, piece, 4);
            assert_eq!(long, format!("{:>19}", "{}"));
            let long = found("A", r#"{"b":"12345","A":{}}"#, piece, 4);
            assert_eq!(long, format!("{:>19} ", "{}"));
        }
    }

    #[test]
    fn what_is_no_object_and_what_ends_too_early_leaves_a_trace() {
        check("A", r#"{"A":[1,"x{}",[{"a":1}],null]}"#, &["1", "\"", "[", "n"]);
        check("A", r#"{"A":[{}"#, &["{}", "]"]);
        check("A", r#"{"A":{"a""#, &[r#"{"a""#]);
        check("A", r#"{"b":"#, &["{"]);
        check("A", r#"[{"A":{}}"#, &["{}", "]"]);
        check("A", r#"{"A":{}}}x{"A":{}}"#, &["{}", "}x", "{}"]);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference_and_nothing_moves(
            text in "([{}\\[\\],:]|\"A\":|\"B\":|\"|\\\\|[a1 \n]|\\{\"a\":1\\}){0,40}",
            piece in 1_usize..9,
            kept_max in 0_usize..9,
        ) {
            let whole = found("A.B", &text, 1000, kept_max);
            prop_assert_eq!(&found("A.B", &text, piece, kept_max), &whole);
            prop_assert!(whole.len() == text.len() || whole.len() == text.len() + 2, "{whole:?}");
        }
    }
}
