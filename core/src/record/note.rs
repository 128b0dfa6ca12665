//! What stages noticed about a value that is no reason to reject its record.

use super::Field;

/// What was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// An invalid value was removed.
    RemovedInvalid,
    /// The name of the field was repaired.
    RepairedName,
    /// A text that other programs write for null, where no text means that.
    LooksNull,
    /// A text with the marks of a spreadsheet, where these are not removed.
    Spreadsheet,
    /// Personal data is written as it came in. The number is that of the detector that found it.
    Personal(u8),
}

impl Note {
    /// Whether it is counted in rejects too, since it is about what came in.
    pub fn is_of_input(self) -> bool {
        match self {
            Note::RemovedInvalid | Note::RepairedName | Note::Personal(_) => false,
            Note::LooksNull | Note::Spreadsheet => true,
        }
    }
}

/// A value with a note.
#[derive(Clone, Copy, Debug)]
pub struct Noted {
    pub row: u32,
    pub field: Field,
    pub note: Note,
}
