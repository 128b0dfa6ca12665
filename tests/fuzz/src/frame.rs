//! Framing finds the same records in a text and in any prefix of it, and every byte belongs to one.

use segprep::decode::frame::{Cut, Dialect, Framing, LineEnd, Record, cut, record_at};

/// Small, so that short texts contain records over the limit.
const MAX_RECORD: usize = 40;
/// Every prefix of a text is framed, so the time is quadratic in its length.
const TEXT_MAX: usize = 500;

/// The first byte selects the framing. The rest is the text.
pub fn check(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else { return };
    let framings = [
        Framing::Lines(LineEnd::Newline),
        Framing::Csv(b','.into()),
        Framing::Csv(b';'.into()),
        Framing::Lines(LineEnd::Return),
        Framing::Csv(Dialect { line_end: LineEnd::Return, ..Dialect::new(b',') }),
        Framing::Csv(Dialect { has_escapes: true, ..Dialect::new(b',') }),
        Framing::Csv(Dialect { skips_space: true, ..Dialect::new(b',') }),
        Framing::Items,
        Framing::Objects,
    ];
    let framing = framings[usize::from(*choice) % framings.len()];
    // With bracket framing, a chunk begins with a record.
    let text = if framing.is_bracketed() { text.trim_ascii_start() } else { text };
    let text = &text[..text.len().min(TEXT_MAX)];
    let whole = records(text, framing);
    for seen in 0..text.len() {
        let beginning = &text[..seen];
        match cut(beginning, framing, MAX_RECORD, false) {
            Cut::At(end) | Cut::Last(end) => {
                assert!(end <= seen);
                let of_part = records(&beginning[..end], framing);
                assert_eq!(of_part, whole[..of_part.len()], "the same records");
                assert_eq!(of_part.last().map_or(0, |record| record.next), end, "complete records");
            }
            Cut::Invalid(code, detail) => {
                let first = whole.first().expect("a text has a record");
                assert_eq!(first.problem, Some((code, detail)), "the same problem");
                assert!(seen <= first.next, "it ends after the prefix");
            }
            Cut::NotClosed(_) => panic!("more input may follow"),
            Cut::More => {}
        }
    }
}

fn records(text: &[u8], framing: Framing) -> Vec<Record> {
    let (mut records, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let record = record_at(text, at, framing, MAX_RECORD);
        assert!(at <= record.start && record.start <= record.end && record.end <= record.next);
        assert!(at < record.next && record.next <= text.len());
        at = record.next;
        records.push(record);
    }
    records
}
