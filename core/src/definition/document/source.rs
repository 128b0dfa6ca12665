//! The texts of a definition, and the diagnostics about them.
//!
//! The first text is the file, and each `--set` is another. An [`Origin`] is a span of one of them.
//! Whatever may be a key is hidden before a line of a text leaves this module.

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
    /// Spans that must not be shown. Other text that looks like a key is hidden, too.
    secrets: Vec<Origin>,
    /// The names of the variables that hold keys.
    key_variables: Vec<String>,
}

const BOM: char = '\u{feff}';

impl DefinitionText {
    /// `name` is the name of the file for messages, `sets` are the `PATH=VALUE`s in order.
    pub(crate) fn new(name: &str, file: &str, sets: &[String]) -> DefinitionText {
        let without_bom = file.strip_prefix(BOM);
        DefinitionText {
            name: name.to_owned(),
            had_bom: without_bom.is_some(),
            file: without_bom.unwrap_or(file).to_owned(),
            sets: sets.to_vec(),
            secrets: Vec::new(),
            key_variables: Vec::new(),
        }
    }

    /// The text of the file, without a byte order mark.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    pub(crate) fn sets(&self) -> &[String] {
        &self.sets
    }

    /// Hides these spans from now on, in place of earlier ones.
    pub(crate) fn hide(&mut self, secrets: Vec<Origin>) {
        self.secrets = secrets;
    }

    /// Notes the variables that hold keys, whose values belong nowhere else.
    pub(crate) fn set_key_variables(&mut self, names: Vec<String>) {
        self.key_variables = names;
    }

    /// Whether a variable holds a key.
    pub(crate) fn is_key_variable(&self, name: &str) -> bool {
        self.key_variables.iter().any(|known| known == name)
    }

    /// Returns the bytes that the digest of the definition is made of: the file, then each `--set`
    /// that `counts`. Without a `--set` these are the bytes of the file.
    pub(crate) fn canonical(&self, counts: impl Fn(&str) -> bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.had_bom {
            bytes.extend_from_slice(BOM.to_string().as_bytes());
        }
        bytes.extend_from_slice(self.file.as_bytes());
        for set in self.sets.iter().filter(|set| counts(set)) {
            // TOML allows no NUL, so the parts stay distinct.
            bytes.push(0);
            bytes.extend_from_slice(set.as_bytes());
        }
        bytes
    }

    /// Describes a location: `line 12`, or the path of a `--set`.
    pub(crate) fn describe_place(&self, at: Origin) -> String {
        match at.text.checked_sub(1).and_then(|number| self.sets.get(number)) {
            None => format!("line {}", self.line(at).number),
            Some(set) => format!("`--set {}`", set.split('=').next().unwrap_or_default()),
        }
    }

    /// Makes a diagnostic for a location. `label` is the text beside the carets, which may be empty.
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
            excerpt: self.excerpt(&line, at.text),
            caret,
            label: hide_keys(&label),
            help: hide_keys(&help.into()),
        }
    }

    /// Makes a diagnostic for a line that may be of a data file: each of its characters is hidden.
    pub(crate) fn diagnostic_without_line(
        &self,
        at: Origin,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        let mut diagnostic = self.diagnostic(at, message, "", help);
        diagnostic.excerpt = diagnostic.excerpt.chars().map(|_hidden| '*').collect();
        diagnostic
    }

    /// The line in which a span begins, without its line break.
    pub(crate) fn line_text(&self, at: Origin) -> &str {
        self.line(at).text
    }

    /// Returns the first occurrence of `part` in a span, or the whole span if there is none.
    pub(crate) fn part(&self, at: Origin, part: &str) -> Origin {
        let whole = self.text(at.text).get(at.start..at.end).unwrap_or_default();
        match whole.find(part) {
            Some(offset) => {
                let start = at.start + offset;
                Origin { start, end: start + part.len(), ..at }
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
        let offset = text.floor_char_boundary(at.start);
        let (before, after) = text.split_at(offset);
        let start = before.rfind('\n').map_or(0, |line_end| line_end + 1);
        let end = after.find('\n').map_or(text.len(), |line_end| offset + line_end);
        let line = text.get(start..end).unwrap_or_default();
        Line {
            number: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            start,
            text: line.strip_suffix('\r').unwrap_or(line),
        }
    }

    /// The line with `*` in place of each character that may belong to a secret.
    fn excerpt(&self, line: &Line<'_>, text: usize) -> String {
        let is_secret = |byte: usize| {
            let byte = line.start + byte;
            let covers = |at: &&Origin| at.text == text && at.start <= byte && byte < at.end;
            self.secrets.iter().any(|at| covers(&at))
        };
        let hide = |(byte, char)| if is_secret(byte) { '*' } else { char };
        let excerpt: String = line.text.char_indices().map(hide).collect();
        hide_keys(&excerpt)
    }
}

impl fmt::Debug for DefinitionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DefinitionText({}, {} sets)", self.name, self.sets.len())
    }
}

struct Line<'a> {
    /// Counted from 1.
    number: usize,
    /// The offset in the text, in bytes.
    start: usize,
    text: &'a str,
}

/// A diagnostic with its location, by which diagnostics are sorted.
pub(crate) type PlacedDiagnostic = (Origin, Diagnostic);

/// The diagnostics of a definition, in the order in which they are found.
#[derive(Debug)]
pub(crate) struct Diagnostics<'s> {
    source: &'s DefinitionText,
    found: Vec<PlacedDiagnostic>,
}

impl<'s> Diagnostics<'s> {
    pub(crate) fn new(source: &'s DefinitionText) -> Diagnostics<'s> {
        Diagnostics::with(source, Vec::new())
    }

    /// Continues with the diagnostics found so far.
    pub(crate) fn with(
        source: &'s DefinitionText,
        found: Vec<PlacedDiagnostic>,
    ) -> Diagnostics<'s> {
        Diagnostics { source, found }
    }

    /// Adds a diagnostic. `label` is the text beside the carets, which may be empty.
    pub(crate) fn push(
        &mut self,
        at: Origin,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.found.push((at, self.source.diagnostic(at, message, label, help)));
    }

    /// Adds a diagnostic for a line that must not be shown.
    pub(crate) fn push_without_line(
        &mut self,
        at: Origin,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.found.push((at, self.source.diagnostic_without_line(at, message, help)));
    }

    pub(crate) fn source(&self) -> &'s DefinitionText {
        self.source
    }

    /// Describes the location of something else, for a message.
    pub(crate) fn describe_place(&self, at: Origin) -> String {
        self.source.describe_place(at)
    }

    /// Returns all diagnostics in the order of the file, then of the `--set`s.
    pub(crate) fn in_order(mut self) -> Vec<PlacedDiagnostic> {
        self.found.sort_by_key(|(at, _)| *at);
        self.found
    }
}
