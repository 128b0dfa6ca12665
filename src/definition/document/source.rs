//! The texts that a definition is made of, and how a place in them is shown.
//!
//! The first text is the file; each `--set` is one more. An [`Origin`] is a span of one of
//! them. Whatever looks like key material is hidden before a line leaves this module: people
//! paste secrets into the wrong place, and a fault is shown on screens and kept in logs.

use std::fmt;

use super::diagnostic::Diagnostic;
use super::origin::Origin;
use super::secrets::hide_keys;

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

    /// The file's bytes, then every `--set` that `counts`; what the digest of a definition is
    /// made of. Without a `--set` it is the file, byte for byte.
    pub(crate) fn canonical(&self, counts: impl Fn(&str) -> bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.had_bom {
            bytes.extend_from_slice(BOM.to_string().as_bytes());
        }
        bytes.extend_from_slice(self.file.as_bytes());
        for set in self.sets.iter().filter(|set| counts(set)) {
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
