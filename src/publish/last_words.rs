//! What a run leaves in its account if it fails: events that say so, where no result is there whose files they would
//! be among.
//!
//! Such a file is ours by what it says, without a manifest, so the next run replaces it.

use std::fmt;
use std::io::Write;

use serde::Deserialize;

use super::Publication;
use super::account::AccountPlace;
use super::error::PublishError;
use super::names::LINEAGE;

/// Makes the text of the file when the run has failed.
pub(super) struct LastWords(Box<dyn Fn() -> String + Send + Sync>);

impl fmt::Debug for LastWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastWords")
    }
}

/// As much of an event as tells whose it is.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "eventType")]
    kind: String,
    producer: String,
}

/// Whether an account has such a file.
pub(super) fn are_in(account: &dyn AccountPlace) -> Result<bool, PublishError> {
    if !account.has(LINEAGE)? {
        return Ok(false);
    }
    Ok(account.read(LINEAGE)?.is_some_and(|text| are(&text)))
}

fn are(text: &[u8]) -> bool {
    let lines = text.strip_suffix(b"\n").map(|text| text.split(|byte| *byte == b'\n'));
    let events = lines.into_iter().flatten().map(|line| serde_json::from_slice::<Event>(line).ok());
    let is_ours = |event: &Event| event.producer.starts_with("urn:segprep:");
    let kinds: Vec<Option<String>> =
        events.map(|event| event.filter(is_ours).map(|event| event.kind)).collect();
    let [Some(start), Some(end)] = kinds.as_slice() else { return false };
    start == "START" && (end == "FAIL" || end == "ABORT")
}

impl Publication {
    /// Leaves events with this text in the account if the run fails, unless an earlier result is there.
    pub(crate) fn leave_if_it_fails(&mut self, text: impl Fn() -> String + Send + Sync + 'static) {
        self.last_words = Some(LastWords(Box::new(text)));
    }

    /// Leaves them. Everything else that the run wrote is gone by now, but for the journal.
    pub(super) fn leave_last_words(&self) -> Result<(), PublishError> {
        let Some(LastWords(text)) = &self.last_words else { return Ok(()) };
        if self.is_published || self.earlier.is_any() {
            return Ok(());
        }
        self.account.prepare()?;
        let mut file = self.account.stage(LINEAGE, false)?;
        file.write_all(text().as_bytes()).map_err(PublishError::of_write)?;
        file.finish()?;
        self.account.move_files_in()?;
        self.account.clean_up(false, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_a_failure_are_ours() {
        let event = |kind: &str, by: &str| {
            format!("{{\"eventType\":\"{kind}\",\"producer\":\"urn:{by}:0.1.0\"}}\n")
        };
        let cases = [
            (event("START", "segprep") + &event("FAIL", "segprep"), true),
            (event("START", "segprep") + &event("ABORT", "segprep"), true),
            (event("START", "segprep") + &event("COMPLETE", "segprep"), false),
            (event("START", "segprep"), false),
            (event("START", "other") + &event("FAIL", "segprep"), false),
            (event("START", "segprep") + &event("FAIL", "segprep") + "notes\n", false),
            (String::new(), false),
            ("notes".to_owned(), false),
        ];
        for (text, expected) in cases {
            assert_eq!(are(text.as_bytes()), expected, "{text}");
        }
    }
}
