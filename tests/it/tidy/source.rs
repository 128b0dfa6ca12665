//! One file of source as text: its module, its code without comments, its imports and functions.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::program::files_below;

/// The folders of the library's source: that of the crate that computes, and that of the crate around it. A
/// module is in one of them; `crypto` is in both.
pub(super) const LIBRARY: [&str; 2] = ["core/src", "src"];

/// One file of source.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// The top-level module that the file belongs to.
    pub(super) module: String,
    /// Whether the whole file is compiled for tests only.
    pub(super) is_test: bool,
}

/// The Rust files in these folders. Paths are relative to the repository's root, where tests run.
pub(super) fn sources(places: &[&str]) -> Vec<Source> {
    let files = places.iter().flat_map(|place| files_below(Path::new(place)));
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let sources: Vec<Source> = files
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file");
            Source { module: module_of(&path), is_test: is_for_tests(&path), path, text }
        })
        .collect();
    assert!(!sources.is_empty(), "there is no source in {places:?}");
    sources
}

/// Fails with all findings, if there are any.
#[track_caller]
pub(super) fn assert_none(findings: impl Iterator<Item = String>) {
    let findings: Vec<String> = findings.collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// The top-level module of a path: `run` for both `src/run/keys.rs` and `src/run/mod.rs`.
pub(super) fn module_of(path: &Path) -> String {
    let below = below_root(path);
    let first = below.iter().next().unwrap_or_default();
    first.to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The path within the source of its crate.
pub(super) fn below_root(path: &Path) -> &Path {
    LIBRARY.iter().find_map(|root| path.strip_prefix(root).ok()).unwrap_or(path)
}

/// Whether a file is compiled for tests only: its module, or one above it, is declared under
/// `#[cfg(test)]` on the line before.
fn is_for_tests(path: &Path) -> bool {
    let (Some(folder), Some(name)) = (path.parent(), path.file_stem()) else { return false };
    if name == "mod" {
        return !LIBRARY.map(Path::new).contains(&folder) && is_for_tests(folder);
    }
    let parent = fs::read_to_string(folder.join("mod.rs")).unwrap_or_default();
    let declaration = format!("mod {};", name.to_string_lossy());
    let mut pairs = parent.lines().zip(parent.lines().skip(1));
    pairs.any(|(first, second)| first == "#[cfg(test)]" && second.ends_with(&declaration))
        || (folder.join("mod.rs").exists() && is_for_tests(&folder.join("mod.rs")))
}

impl Source {
    /// A finding at a line of this file.
    pub(super) fn finding(&self, line: usize, rule: &str) -> String {
        format!("{}:{line}: {} {rule}", self.path.display(), self.module)
    }

    /// The lines without comments. (A line is also cut at a `//` within a string, which does not
    /// affect these tests.)
    pub(super) fn code(&self) -> Vec<&str> {
        self.text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect()
    }

    /// The number, from 1, of the first line of the tests at the end of the file; one past the last
    /// line if there are none.
    pub(super) fn tests_from(&self) -> usize {
        let lines: Vec<&str> = self.text.lines().collect();
        let begins = |pair: &[&str]| {
            pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
        };
        lines.windows(2).position(begins).unwrap_or(lines.len()) + 1
    }

    /// The code without white space, except one space between two words, and the line number of each
    /// byte of it.
    pub(super) fn squeezed(&self) -> (String, Vec<usize>) {
        let (mut text, mut lines) = (String::new(), Vec::new());
        for (at, line) in self.code().iter().enumerate() {
            for word in line.split_inclusive(|c: char| !is_word(c)) {
                let word = word.trim();
                if text.ends_with(is_word) && word.starts_with(is_word) {
                    text.push(' ');
                }
                text.push_str(word);
                lines.resize(text.len(), at + 1);
            }
        }
        (text, lines)
    }

    /// The top-level modules that `crate::` paths name, each with its line number.
    pub(super) fn imports(&self) -> Vec<(usize, String)> {
        let (text, lines) = self.squeezed();
        let paths = text.match_indices("crate::").map(|(at, path)| {
            let rest = &text[at + path.len()..];
            let end = rest.find(|c: char| !is_word(c));
            (lines[at], rest[..end.unwrap_or(rest.len())].to_owned())
        });
        // Nothing is left before a brace, which another test forbids, and before a star.
        paths.filter(|(_, target)| !target.is_empty()).collect()
    }

    /// The functions: the number of the first line, and the number of lines.
    pub(super) fn functions(&self) -> Vec<(usize, usize)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let heads =
            lines.iter().enumerate().filter(|(_, line)| is_function_head(line.trim_start()));
        heads
            .filter_map(|(at, head)| {
                let rest = lines.get(at..)?;
                let signature = rest.iter().find(|line| line.ends_with(['{', '}', ';']))?;
                let indent = &head[..head.len() - head.trim_start().len()];
                let length = rest.iter().position(|line| *line == format!("{indent}}}"))? + 1;
                signature.ends_with('{').then_some((at + 1, length))
            })
            .collect()
    }
}

/// Whether a character may be part of an identifier.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_function_head(code: &str) -> bool {
    let before = code.split("fn ").next().unwrap_or_default();
    code.contains("fn ") && before.split_whitespace().all(is_modifier)
}

/// Whether a word may stand before `fn`.
fn is_modifier(word: &str) -> bool {
    word.starts_with("pub") || matches!(word, "const" | "async" | "in")
}

#[test]
fn functions_tests_and_imports_are_found() {
    const LINES: usize = 70;
    let body = "    x();\n".repeat(LINES);
    let open = concat!("crate\n    ::", "{");
    let source = Source {
        path: "src/record/mod.rs".into(),
        module: "record".to_owned(),
        is_test: false,
        text: format!(
            "//! Text.\nuse {open}\n  run, store}};\nuse crate::engine; // crate::no\n\
             pub(super) fn long() {{\n{body}}}\n#[cfg(test)]\nmod tests {{\n}}\n"
        ),
    };
    let (squeezed, _) = source.squeezed();
    let expected = "run,store};use crate::engine;pub(super)fn long(){";
    assert!(squeezed.starts_with(&format!("use {}{expected}", concat!("crate::", "{"))));
    assert_eq!(source.imports(), [(5, "engine".to_owned())]);
    assert_eq!(source.functions(), [(6, LINES + 2)]);
    assert_eq!(source.tests_from(), 6 + LINES + 2);
}
