//! The texts that a definition is made of, and how a place in them is shown.
//!
//! The first text is the file; each `--set` is one more. An [`Origin`] is a span of one of
//! them. Whatever looks like key material is hidden before a line leaves this module: people
//! paste secrets into the wrong place, and a fault is shown on screens and kept in logs.

use std::{fmt, ops::Range};

use super::diagnostic::Diagnostic;
use super::set;

/// Where a value or a name of the definition stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// 0 is the file, `n` the n-th `--set`.
    text: usize,
    start: usize,
    end: usize,
}

impl Origin {
    /// A span of the file, in bytes.
    pub(crate) fn file(span: Range<usize>) -> Origin {
        Origin { text: 0, start: span.start, end: span.end }
    }

    /// A span of the `--set` of that number, counted from 0, in bytes.
    pub(crate) fn set(number: usize, span: Range<usize>) -> Origin {
        Origin { text: number + 1, start: span.start, end: span.end }
    }
}

/// A value with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub at: Origin,
}

/// The texts of a definition.
pub(crate) struct DefinitionText {
    name: String,
    had_bom: bool,
    file: String,
    sets: Vec<String>,
    /// What must not be shown, beside what looks like a key wherever it stands.
    secrets: Vec<Origin>,
}

const BOM: char = '\u{feff}';

impl DefinitionText {
    /// `name` is the file as messages name it; `sets` are the `PATH=VALUE`s in their order.
    pub(crate) fn new(name: &str, file: &str, sets: &[String]) -> DefinitionText {
        let without_bom = file.strip_prefix(BOM);
        DefinitionText {
            name: name.to_owned(),
            had_bom: without_bom.is_some(),
            file: without_bom.unwrap_or(file).to_owned(),
            sets: sets.to_vec(),
            secrets: Vec::new(),
        }
    }

    /// The file's text, without a byte order mark.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    pub(crate) fn sets(&self) -> &[String] {
        &self.sets
    }

    /// From now on these spans are not shown, and no others.
    pub(crate) fn hide(&mut self, secrets: Vec<Origin>) {
        self.secrets = secrets;
    }

    /// The file's bytes, then every `--set` that can change an output; what the digest of a
    /// definition is made of. Without a `--set` it is the file, byte for byte.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.had_bom {
            bytes.extend_from_slice(BOM.to_string().as_bytes());
        }
        bytes.extend_from_slice(self.file.as_bytes());
        for set in self.sets.iter().filter(|set| !set::is_of_run(set)) {
            // TOML has no NUL, so the parts can't run into each other.
            bytes.push(0);
            bytes.extend_from_slice(set.as_bytes());
        }
        bytes
    }

    /// Where in words: `line 12`, or the `--set` by its path.
    pub(crate) fn describe_place(&self, at: Origin) -> String {
        match at.text.checked_sub(1).and_then(|number| self.sets.get(number)) {
            None => format!("line {}", self.line(at).number),
            Some(set) => format!("`--set {}`", set.split('=').next().unwrap_or_default()),
        }
    }

    /// The fault at that place.
    pub(crate) fn diagnostic(
        &self,
        at: Origin,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        let line = self.line(at);
        let chars_to = |byte: usize| line.text.get(..byte).unwrap_or(line.text).chars().count();
        let caret = chars_to(at.start - line.start)..chars_to(at.end.max(at.start) - line.start);
        let label = if line.text.is_empty() { String::new() } else { label.into() };
        Diagnostic {
            message: hide_keys(&message.into()),
            file: if at.text == 0 { self.name.clone() } else { "--set".to_owned() },
            line: line.number,
            column: caret.start + 1,
            excerpt: self.shown(&line, at.text),
            caret,
            label: hide_keys(&label),
            help: hide_keys(&help.into()),
        }
    }

    /// The part of a span that reads so, or else the whole span.
    pub(crate) fn part(&self, at: Origin, wanted: &str) -> Origin {
        let whole = self.text(at.text).get(at.start..at.end).unwrap_or_default();
        match whole.find(wanted) {
            Some(place) => {
                let start = at.start + place;
                Origin { start, end: start + wanted.len(), ..at }
            }
            None => at,
        }
    }

    fn text(&self, number: usize) -> &str {
        let set = number.checked_sub(1).and_then(|number| self.sets.get(number));
        set.unwrap_or(&self.file)
    }

    /// The line in which a span begins.
    fn line(&self, at: Origin) -> Line<'_> {
        let text = self.text(at.text);
        let place = text.floor_char_boundary(at.start);
        let (before, after) = text.split_at(place);
        let start = before.rfind('\n').map_or(0, |line_end| line_end + 1);
        let end = after.find('\n').map_or(text.len(), |line_end| place + line_end);
        let line = text.get(start..end).unwrap_or_default();
        Line {
            number: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            start,
            text: line.strip_suffix('\r').unwrap_or(line),
        }
    }

    /// The line with a `*` for each character that may be of a key.
    fn shown(&self, line: &Line<'_>, text: usize) -> String {
        let is_secret = |byte: usize| {
            let byte = line.start + byte;
            let spans = |at: &&Origin| at.text == text && at.start <= byte && byte < at.end;
            self.secrets.iter().any(|at| spans(&at))
        };
        let hide = |(byte, char)| if is_secret(byte) { '*' } else { char };
        let shown: String = line.text.char_indices().map(hide).collect();
        hide_keys(&shown)
    }
}

impl fmt::Debug for DefinitionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DefinitionText({}, {} sets)", self.name, self.sets.len())
    }
}

struct Line<'a> {
    number: usize,
    /// In bytes of its text.
    start: usize,
    text: &'a str,
}

/// The kinds of source of a key that begin a text which is no key itself.
const HARMLESS: [&str; 5] = ["env:", "file:", "demo:", "kms:", "secretsmanager:"];

/// Whether a text under `[keys]` says where a key is, so that it may be shown.
pub(crate) fn is_harmless_key_text(text: &str) -> bool {
    let text = text.trim().trim_start_matches(['"', '\'']);
    let holds_key = ["hex:", "base64:"].iter().any(|form| text.contains(form));
    let is_bare = text.split_once(':').is_some_and(|(_, rest)| is_bare_key(rest));
    !holds_key && !is_bare && HARMLESS.iter().any(|kind| text.starts_with(kind))
}

/// Whether it is the text of a key without its form, and no name of anything: 32 bytes or more as
/// digits, or as base64 in which small and capital letters and digits all occur.
pub(crate) fn is_bare_key(text: &str) -> bool {
    const BASE64_CHARS_MIN: usize = 43;
    let text = text.trim_end_matches(['"', '\'', ' ']).trim_end_matches('=');
    let all = |is: fn(&u8) -> bool| text.bytes().all(|byte| is(&byte));
    let any = |is: fn(&u8) -> bool| text.bytes().any(|byte| is(&byte));
    let is_hex = KEY_CHARS_MIN <= text.len() && all(u8::is_ascii_hexdigit);
    let is_base64 = BASE64_CHARS_MIN <= text.len()
        && !text.starts_with('/')
        && all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte));
    let is_mixed =
        any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase) && any(u8::is_ascii_digit);
    is_hex || is_base64 && is_mixed
}

/// The spans of a file that may hold keys, found without parsing: for a file that is no TOML.
pub(crate) fn secrets_in_lines(file: &str) -> Vec<Origin> {
    let mut secrets = Vec::new();
    let mut in_keys = false;
    let mut start = 0;
    for line in file.split_inclusive('\n') {
        let text = line.trim_start();
        match text.strip_prefix('[') {
            Some(header) => in_keys = names_keys(header.trim_start_matches(['[', ' ', '\t'])),
            // A table in braces may go on below: then it ends, for this purpose, with the next header.
            None => in_keys = in_keys || names_keys(text),
        }
        let value = line.find('=').map_or(0, |sign| sign + 1);
        let is_header = text.starts_with('[');
        if in_keys && !is_header && !line.get(value..).is_some_and(is_harmless_key_text) {
            secrets.push(Origin::file(start + value..start + line.len()));
        }
        start += line.len();
    }
    secrets
}

/// As `secrets_in_lines`, of the `--set` of that number.
pub(crate) fn secret_in_set(number: usize, set: &str) -> Option<Origin> {
    let value = set.find('=').map_or(0, |sign| sign + 1);
    let is_open = set.get(value..).is_some_and(is_harmless_key_text);
    // No id of a key is as long as a key: such a name is one in the wrong place.
    let is_long = |name: &str| KEY_CHARS_MIN <= name.len();
    let path = set.get(..value).unwrap_or_default();
    let start = if path.split(['.', '=']).any(is_long) { 0 } else { value };
    let hides = names_keys(set.trim_start()) && (start < value || !is_open);
    hides.then(|| Origin::set(number, start..set.len()))
}

fn names_keys(text: &str) -> bool {
    let text = text.trim_start_matches(['"', '\'']);
    text.starts_with("keys") || text.starts_with("aws")
}

/// How many characters a run has that is long enough for a key.
const KEY_CHARS_MIN: usize = 32;

/// Puts a `*` for each character of what follows `hex:` or `base64:`, and of whatever else
/// is as long as a key and looks as random.
pub(crate) fn hide_keys(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut run = String::new();
    for char in text.chars() {
        if is_key_char(char) {
            run.push(char);
        } else {
            push_run(&mut shown, &run);
            run.clear();
            shown.push(char);
        }
    }
    push_run(&mut shown, &run);
    shown
}

fn is_key_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '+' | '/' | '=' | '_' | '-')
}

fn push_run(shown: &mut String, run: &str) {
    let declared = shown.ends_with("hex:") || shown.ends_with("base64:");
    if declared || looks_random(run) {
        shown.extend(run.chars().map(|_| '*'));
    } else {
        shown.push_str(run);
    }
}

/// Whether a run has the length and the mix of a key: hexadecimal digits alone, or upper and
/// lower case and digits that change places far more often than in names and paths.
fn looks_random(run: &str) -> bool {
    let is_hex = || run.bytes().all(|byte| byte.is_ascii_hexdigit());
    run.len() >= KEY_CHARS_MIN && (is_hex() || changes_of_class(run) * 3 >= run.len())
}

fn changes_of_class(run: &str) -> usize {
    let class = |byte: u8| (byte.is_ascii_uppercase(), byte.is_ascii_lowercase());
    run.bytes().zip(run.bytes().skip(1)).filter(|(a, b)| class(*a) != class(*b)).count()
}

/// A fault with its place, by which faults are put in order.
pub(crate) type PlacedDiagnostic = (Origin, Diagnostic);

/// All faults of a definition, as they are found.
#[derive(Debug)]
pub(crate) struct Diagnostics<'s> {
    source: &'s DefinitionText,
    found: Vec<PlacedDiagnostic>,
}

impl<'s> Diagnostics<'s> {
    pub(crate) fn new(source: &'s DefinitionText) -> Diagnostics<'s> {
        Diagnostics::with(source, Vec::new())
    }

    /// Goes on from faults found before.
    pub(crate) fn with(
        source: &'s DefinitionText,
        found: Vec<PlacedDiagnostic>,
    ) -> Diagnostics<'s> {
        Diagnostics { source, found }
    }

    pub(crate) fn push(
        &mut self,
        at: Origin,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.found.push((at, self.source.diagnostic(at, message, label, help)));
    }

    pub(crate) fn source(&self) -> &'s DefinitionText {
        self.source
    }

    /// Where another thing stands, for a message.
    pub(crate) fn describe_place(&self, at: Origin) -> String {
        self.source.describe_place(at)
    }

    /// All of them in the order of the file, then of the `--set`s.
    pub(crate) fn in_order(mut self) -> Vec<PlacedDiagnostic> {
        self.found.sort_by_key(|(at, _)| *at);
        self.found
    }
}
