//! The files that documents and comments name exist.
//!
//! A comment names a file from the comment's own folder, from the folder of the module's children, or
//! from the root of the library or the repository: `rules.rs`, `decode/frame/csv.rs`,
//! `schemas/headers.toml`. Documents name files from a root, or by the name alone where the text says
//! which folder is meant.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::source::{LIBRARY, assert_none, sources};
use crate::support::program::files_below;

/// The folders of the repository that paths begin with.
const ROOTS: [&str; 9] =
    ["core/", "src/", "tests/", "schemas/", "docs/", "benches/", "pipelines/", "samples/", ".ci/"];

/// The files and folders that a text names in backticks, with the numbers of their lines.
fn named_paths<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<(usize, &'a str)> {
    let quoted = lines.flat_map(|(at, line)| {
        let words = line.split('`').skip(1).step_by(2);
        words.filter_map(move |words| Some((at, words.split_whitespace().next()?)))
    });
    quoted.filter(|(_, path)| is_path(path)).collect()
}

/// Whether a word in backticks names one file or folder of the repository.
fn is_path(word: &str) -> bool {
    let is_source = Path::new(word).extension().is_some_and(|end| end == "rs");
    let is_below = ROOTS.iter().any(|root| word.starts_with(root));
    // `NAME` stands for any name, and patterns for several.
    let is_general = word.split(['/', '.']).any(|part| {
        1 < part.len() && part.chars().all(|c| c.is_ascii_uppercase()) && part != "README"
    });
    (is_source || is_below) && !is_general && !word.contains(['*', '…', '{', '<', '=', ':'])
}

/// The findings of a text: what it names that is not in any of these folders.
fn missing(file: &Path, named: &[(usize, &str)], folders: &[PathBuf]) -> Vec<String> {
    let exists = |path: &str| folders.iter().any(|folder| folder.join(path).exists());
    let missing = named.iter().filter(|(_, path)| !exists(path));
    missing.map(|(at, path)| format!("{}:{at}: `{path}` does not exist", file.display())).collect()
}

/// The lines of a document outside of its blocks of code.
fn lines_of_text(document: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    document.lines().enumerate().filter_map(move |(at, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (!is_code && !is_fence).then_some((at + 1, line))
    })
}

#[test]
fn comments_name_files_that_exist() {
    let sources = sources(&["core", "src", "tests/it", "benches"]);
    assert_none(sources.iter().flat_map(|source| {
        let lines = source.text.lines().enumerate().map(|(at, line)| (at + 1, line.trim_start()));
        let named = named_paths(lines.filter(|(_, line)| line.starts_with("//")));
        let folder = source.path.parent().expect("a folder").to_owned();
        let module = source.path.with_extension("");
        missing(&source.path, &named, &["".into(), "core/src".into(), "src".into(), folder, module])
    }));
}

#[test]
fn documents_name_files_that_exist() {
    let pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(PathBuf::from);
    let pages = pages.into_iter().chain(files_below(Path::new("docs")));
    let pages = pages.filter(|page| page.extension().is_some_and(|end| end == "md"));
    let sources = sources(&LIBRARY);
    let is_name = |name: &str| sources.iter().any(|source| source.path.ends_with(name));
    assert_none(pages.flat_map(|page| {
        let text = fs::read_to_string(&page).expect("a document");
        let mut named = named_paths(lines_of_text(&text));
        named.retain(|(_, path)| path.contains('/') || !is_name(path));
        missing(&page, &named, &["".into(), "core/src".into(), "src".into()])
    }));
}

#[test]
fn a_path_that_does_not_exist_is_found() {
    let text = "See `src/lib.rs`, `limits.rs` and `decode/gone.rs`; \
                `src/NAME.rs`, `tests/*.toml` and `a.json` are no files.\n\
                ```\n`src/code.rs`\n```\n`src/gone/ --all`";
    let named = named_paths(lines_of_text(text));
    let expected = [(1, "src/lib.rs"), (1, "limits.rs"), (1, "decode/gone.rs"), (5, "src/gone/")];
    assert_eq!(named, expected);
    let found = missing(
        Path::new("page.md"),
        &named,
        &["".into(), "src".into(), "core/src/validate".into()],
    );
    assert_eq!(
        found,
        ["page.md:1: `decode/gone.rs` does not exist", "page.md:5: `src/gone/` does not exist"]
    );
}

/// A link to a page or a heading, in a page: `[text](settings.md#aws)`.
fn links<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<(usize, &'a str)> {
    let targets = lines.flat_map(|(at, line)| {
        let ends = line.split("](").skip(1);
        ends.filter_map(move |rest| Some((at, rest.split_once(')')?.0)))
    });
    targets.filter(|(_, target)| !target.contains("://")).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> Vec<String> {
    let headings = lines_of_text(page).filter_map(|(_, line)| line.strip_prefix('#'));
    let texts = headings.map(|heading| heading.trim_start_matches('#').trim().to_lowercase());
    texts
        .map(|text| {
            let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn links_of_documents_lead_somewhere() {
    let pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    let pages = pages.map(PathBuf::from).into_iter().chain(files_below(Path::new("docs")));
    let pages = pages.filter(|page| page.extension().is_some_and(|end| end == "md"));
    let mut seen = 0;
    assert_none(pages.flat_map(|page| {
        let text = fs::read_to_string(&page).expect("a document");
        let links = links(lines_of_text(&text));
        seen += links.len();
        let lost = links.into_iter().filter(|(_, target)| !leads_somewhere(&page, &text, target));
        let lost: Vec<_> = lost
            .map(|(at, target)| format!("{}:{at}: `{target}` leads nowhere", page.display()))
            .collect();
        lost
    }));
    assert!(100 < seen, "only {seen} links were found");
}

fn leads_somewhere(page: &Path, text: &str, target: &str) -> bool {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = page.parent().unwrap_or(Path::new("")).join(path);
    if !path.is_empty() && !file.exists() {
        return false;
    }
    let other = (!path.is_empty()).then(|| fs::read_to_string(&file).unwrap_or_default());
    anchor.is_empty() || anchors(other.as_deref().unwrap_or(text)).iter().any(|own| own == anchor)
}
