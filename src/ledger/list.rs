//! The text of a list: lines of JSON, sorted by the names of inputs.
//!
//! ```text
//! {"segprep_state":1,"name":"newsletter"}
//! {"run":"20261128T020000Z","date":"2026-11-28","fingerprint":"…","account":"…","status":"published",…}
//! {"input":"in/a.csv","bytes":10,"modified":"2026-11-28T01:00:00Z","run":"20261128T020000Z"}
//! ```
//!
//! An input that several runs have taken has a line for each. Lists may be long: a list is one text, whose
//! lines are parsed as they are needed, and since listings of inputs are sorted too, both are compared in
//! one pass (`compare.rs`). An intent is a list of one run.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::VERSION;
use super::error::NotAList;

/// What a list says about a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEntry {
    /// Its id. No two runs of a list have the same.
    pub run: String,
    /// The date that it had in paths.
    pub date: String,
    /// The fingerprint in its manifest.
    pub fingerprint: String,
    /// Identifies its account: a digest of the resolved path.
    pub account: String,
    pub status: RunStatus,
    /// When it ended, as in its manifest.
    pub finished: String,
    /// The numbers of records that it read and wrote.
    pub read: u64,
    pub written: u64,
}

impl RunEntry {
    pub fn is_published(&self) -> bool {
        self.status == RunStatus::Published
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Published,
    /// It took nothing. Only the last run of a list may have this status.
    OverBudget,
}

/// An input that a run has taken, in the state that it had then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputEntry<'a> {
    #[serde(borrow, rename = "input")]
    pub name: Cow<'a, str>,
    pub bytes: u64,
    /// Of a file: when it was last written.
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub modified: Cow<'a, str>,
    /// Of an object.
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub etag: Cow<'a, str>,
    #[serde(borrow)]
    pub run: Cow<'a, str>,
    /// Whether it could not be read to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    #[serde(rename = "segprep_state")]
    version: u32,
    name: String,
    /// Of an intent: the id of the run that this one replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
}

/// A list of taken inputs.
#[derive(Clone, Debug)]
pub struct List {
    text: Vec<u8>,
    name: String,
    replaces: Option<String>,
    runs: Vec<RunEntry>,
    /// Where the lines of inputs begin, and the number of lines before them.
    inputs_at: (usize, u64),
}

impl List {
    /// The list of a definition that has taken nothing.
    pub fn empty(name: &str) -> List {
        List::new(name, None, Vec::new(), std::iter::empty())
    }

    /// `inputs` are sorted by name.
    pub fn new<'a>(
        name: &str,
        replaces: Option<&str>,
        runs: Vec<RunEntry>,
        inputs: impl Iterator<Item = InputEntry<'a>>,
    ) -> List {
        let mut list = List::begun(name, replaces, runs);
        inputs.for_each(|input| push_line(&mut list.text, &input));
        list
    }

    fn begun(name: &str, replaces: Option<&str>, runs: Vec<RunEntry>) -> List {
        let (name, replaces) = (name.to_owned(), replaces.map(str::to_owned));
        let mut text = Vec::new();
        let header = Header { version: VERSION, name, replaces };
        push_line(&mut text, &header);
        for run in &runs {
            push_line(&mut text, run);
        }
        let Header { name, replaces, .. } = header;
        let lines = 1 + runs.len();
        let inputs_at = (text.len(), u64::try_from(lines).unwrap_or(u64::MAX));
        List { text, name, replaces, runs, inputs_at }
    }

    /// Reads the first lines. Those of inputs are checked when they are used.
    pub fn parse(text: Vec<u8>) -> Result<List, NotAList> {
        let (mut at, mut line) = (0, 1);
        let first = next_line(&text, &mut at);
        let header = first.and_then(|line| serde_json::from_slice::<Header>(line).ok());
        let header = header.filter(|header| header.version == VERSION).ok_or(NotAList { line })?;
        let (mut runs, mut ids) = (Vec::new(), BTreeSet::new());
        while text.get(at..).is_some_and(|rest| rest.starts_with(b"{\"run\"")) {
            line += 1;
            let run = next_line(&text, &mut at);
            let run = run.and_then(|line| serde_json::from_slice::<RunEntry>(line).ok());
            let run = run.filter(|run| ids.insert(run.run.clone())).ok_or(NotAList { line })?;
            runs.push(run);
        }
        let Header { name, replaces, .. } = header;
        Ok(List { text, name, replaces, runs, inputs_at: (at, line) })
    }

    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The definition that it belongs to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// In the order in which they ended.
    pub fn runs(&self) -> &[RunEntry] {
        &self.runs
    }

    /// The run with this id.
    pub fn run(&self, id: &str) -> Option<&RunEntry> {
        self.runs.iter().find(|run| run.run == id)
    }

    /// The last run that published.
    pub fn last_published(&self) -> Option<&RunEntry> {
        self.runs.iter().rev().find(|run| run.is_published())
    }

    /// The inputs, sorted by name.
    pub fn inputs(&self) -> Inputs<'_> {
        let (at, line) = self.inputs_at;
        Inputs { text: &self.text, at, line, last: &[], last_name: Cow::Borrowed("") }
    }

    /// The names of the inputs as the text has them, with JSON's escapes. Of a line that no list has, nothing.
    pub(super) fn raw_names(&self) -> impl Iterator<Item = &str> {
        let mut at = self.inputs_at.0;
        let lines = std::iter::from_fn(move || next_line(&self.text, &mut at));
        lines.filter_map(|line| {
            let name = line.strip_prefix(b"{\"input\":\"")?;
            let end = memchr::memchr(b'"', name)?;
            str::from_utf8(name.get(..end)?).ok()
        })
    }

    /// This list and what another one adds: its runs and their inputs, in place of those of the run that it
    /// replaces. Adding the same again changes nothing.
    pub fn with(&self, addition: &List) -> Result<List, NotAList> {
        let gone = |run: &str| {
            let again = addition.run(run).is_some_and(RunEntry::is_published);
            again || addition.replaces.as_deref() == Some(run)
        };
        let stays = |run: &&RunEntry| run.is_published() && !gone(&run.run);
        let runs = self.runs.iter().filter(stays).chain(&addition.runs).cloned().collect();
        let mut merged = List::begun(&self.name, None, runs);
        merged.text.reserve(self.text.len() + addition.text.len());
        let (mut earlier, mut added) = (self.inputs(), addition.inputs());
        let (mut old, mut new) = (earlier.next().transpose()?, added.next().transpose()?);
        // Of inputs with one name, the added ones come last.
        loop {
            let is_old = match (&old, &new) {
                (Some(old), Some(new)) => old.name <= new.name,
                (old, _) => old.is_some(),
            };
            if is_old {
                let is_kept = old.as_ref().is_some_and(|old| !gone(&old.run));
                merged.text.extend_from_slice(if is_kept { earlier.line() } else { &[] });
                old = earlier.next().transpose()?;
            } else if new.is_some() {
                merged.text.extend_from_slice(added.line());
                new = added.next().transpose()?;
            } else {
                return Ok(merged);
            }
        }
    }
}

/// The inputs of a list. Fails at a line that no list has.
#[derive(Debug)]
pub struct Inputs<'a> {
    text: &'a [u8],
    at: usize,
    /// The number of lines read.
    line: u64,
    last: &'a [u8],
    last_name: Cow<'a, str>,
}

impl<'a> Inputs<'a> {
    /// The line of the last input, with its line end.
    fn line(&self) -> &'a [u8] {
        self.last
    }
}

impl<'a> Iterator for Inputs<'a> {
    type Item = Result<InputEntry<'a>, NotAList>;

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.at;
        let line = next_line(self.text, &mut self.at)?;
        self.line += 1;
        self.last = self.text.get(from..self.at).unwrap_or_default();
        let entry = serde_json::from_slice::<InputEntry<'_>>(line).ok();
        let entry =
            entry.filter(|entry| self.last_name <= entry.name && self.last.ends_with(b"\n"));
        let Some(entry) = entry else {
            self.at = self.text.len();
            return Some(Err(NotAList { line: self.line }));
        };
        self.last_name = entry.name.clone();
        Some(Ok(entry))
    }
}

/// The line at an offset, which is moved beyond it. `None`: the text has ended.
fn next_line<'a>(text: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let rest = text.get(*at..).filter(|rest| !rest.is_empty())?;
    let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    *at += rest.len().min(length + 1);
    rest.get(..length)
}

fn push_line(text: &mut Vec<u8>, line: &impl Serialize) {
    serde_json::to_writer(&mut *text, line).expect("a list is plain data");
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> RunEntry {
        RunEntry {
            run: id.to_owned(),
            date: "2026-11-28".to_owned(),
            fingerprint: id.repeat(2),
            account: "a".to_owned(),
            status: RunStatus::Published,
            finished: "2026-11-28T02:00:01.000Z".to_owned(),
            read: 3,
            written: 2,
        }
    }

    fn input<'a>(name: &'a str, bytes: u64, run: &'a str) -> InputEntry<'a> {
        let (name, run, etag) = (name.into(), run.into(), "".into());
        InputEntry {
            name,
            bytes,
            modified: "2026-11-28T01:00:00Z".into(),
            etag,
            run,
            broken: false,
        }
    }

    fn list<'a>(replaces: Option<&str>, id: &'a str, names: &[&'a str]) -> List {
        let inputs = names.iter().map(|name| input(name, 1, id));
        List::new("list", replaces, vec![run(id)], inputs)
    }

    /// Runs and inputs, in short: `1 2: a/1 b/1 b/2`.
    fn shown(list: &List) -> String {
        let runs: Vec<&str> = list.runs().iter().map(|run| run.run.as_str()).collect();
        let inputs = list.inputs().map(|entry| {
            let entry = entry.expect("it is a list");
            format!("{}/{}", entry.name, entry.run)
        });
        format!("{}: {}", runs.join(" "), inputs.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_list_grows_by_what_runs_took() {
        let mut all = List::empty("list");
        let steps = [
            (list(None, "1", &["a", "c"]), "1: a/1 c/1"),
            (list(None, "2", &["b", "d"]), "1 2: a/1 b/2 c/1 d/2"),
            (list(None, "3", &["a", "b"]), "1 2 3: a/1 a/3 b/2 b/3 c/1 d/2"),
            (list(None, "3", &["a", "b"]), "1 2 3: a/1 a/3 b/2 b/3 c/1 d/2"),
            (list(Some("1"), "4", &["c", "e"]), "2 3 4: a/3 b/2 b/3 c/4 d/2 e/4"),
            (list(Some("1"), "4", &["c", "e"]), "2 3 4: a/3 b/2 b/3 c/4 d/2 e/4"),
            (list(Some("9"), "5", &[]), "2 3 4 5: a/3 b/2 b/3 c/4 d/2 e/4"),
        ];
        for (addition, expected) in steps {
            all = all.with(&addition).expect("lists");
            assert_eq!(shown(&all), expected);
            let parsed = List::parse(all.text().to_vec()).expect("it is a list");
            assert_eq!(shown(&parsed), expected);
            assert_eq!(parsed.runs(), all.runs());
        }
    }

    #[test]
    fn a_run_over_budget_is_on_the_list_until_the_next() {
        let mut refused = run("2");
        refused.status = RunStatus::OverBudget;
        let refused = List::new("list", None, vec![refused], std::iter::empty());
        let all = list(None, "1", &["a"]).with(&refused).expect("lists");
        assert_eq!(shown(&all), "1 2: a/1");
        assert_eq!(all.last_published().map(|run| run.run.as_str()), Some("1"));
        assert_eq!(shown(&all.with(&list(None, "3", &["b"])).expect("lists")), "1 3: a/1 b/3");
    }

    #[test]
    fn names_of_any_kind_are_kept() {
        let names = ["\"", "\\n", "a b", "é\u{0}", "\u{202e}x"];
        let text = list(None, "1", &names).text().to_vec();
        let parsed = List::parse(text).expect("it is a list");
        let found: Vec<String> =
            parsed.inputs().map(|entry| entry.expect("a line").name.into_owned()).collect();
        assert_eq!(found, names);
    }

    /// Anybody may have written a list.
    #[test]
    fn what_is_not_a_list_is_an_error() {
        let header = "{\"segprep_state\":1,\"name\":\"list\"}\n";
        let a = "{\"input\":\"a\",\"bytes\":1,\"run\":\"1\"}\n";
        let b = "{\"input\":\"b\",\"bytes\":1,\"run\":\"1\"}\n";
        let run = String::from_utf8(list(None, "1", &[]).text().to_vec()).expect("text");
        let run = run.lines().nth(1).expect("a run").to_owned() + "\n";
        let cases = [
            (header.to_owned(), None),
            (format!("{header}{run}{a}{b}"), None),
            (format!("{header}{a}{a}"), None),
            (String::new(), Some(1)),
            ("\n".to_owned(), Some(1)),
            ("{}\n".to_owned(), Some(1)),
            (header.replace('1', "2"), Some(1)),
            ("\u{0}\u{1}".to_owned(), Some(1)),
            (format!("{header}{run}{run}"), Some(3)),
            (format!("{header}{{\"run\":1}}\n"), Some(2)),
            (format!("{header}{b}{a}"), Some(3)),
            (format!("{header}{a}{}", a.trim_end()), Some(3)),
            (format!("{header}\n{a}"), Some(2)),
            (format!("{header}{a}x\n"), Some(3)),
            (format!("{header}{a}{run}"), Some(3)),
            (format!("{header}{}", a.replace("1,", "-1,")), Some(2)),
            (format!("{header}{}", "[".repeat(100_000)), Some(2)),
        ];
        for (text, expected) in cases {
            let list = List::parse(text.clone().into_bytes());
            let wrong = list.and_then(|list| list.inputs().try_for_each(|entry| entry.map(|_| ())));
            let line = wrong.err().map(|fault| fault.line);
            assert_eq!(line, expected, "{text:.200}");
        }
    }

    /// `SEGPREP_LIST=1000000` reads a list of that many inputs. It must take less than a second in a release
    /// build.
    #[test]
    fn a_long_list_is_read_in_one_pass() {
        let count = std::env::var("SEGPREP_LIST").ok().and_then(|count| count.parse().ok());
        let count: usize = count.unwrap_or(1_000);
        let names: Vec<String> =
            (0..count).map(|number| format!("exports/2026/11/part-{number:09}.json.gz")).collect();
        let inputs = names.iter().map(|name| input(name, 1_048_576, "20261128T020000Z"));
        let text = List::new("list", None, vec![run("20261128T020000Z")], inputs).text().to_vec();
        let begun = std::time::Instant::now();
        let list = List::parse(text).expect("it is a list");
        let read = list.inputs().take_while(Result::is_ok).count();
        assert_eq!(read, count);
        let is_timed = !cfg!(debug_assertions) && 1_000_000 <= count;
        assert!(!is_timed || begun.elapsed().as_secs() < 1, "{:?}", begun.elapsed());
    }
}
