//! Cells of tables: texts that are cut to the columns that a terminal has for them, and filled up to them.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The columns that a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// The beginning of a text that takes up to so many columns.
fn beginning(text: &str, room: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, char)| {
        used += char.width().unwrap_or(0);
        room < used
    });
    text.get(..end.map_or(text.len(), |(at, _)| at)).unwrap_or_default()
}

/// The end of a text that takes up to so many columns.
fn ending(text: &str, room: usize) -> &str {
    let mut used = 0;
    let start = text.char_indices().rev().find(|(_, char)| {
        used += char.width().unwrap_or(0);
        room < used
    });
    let start = start.map_or(0, |(at, char)| at + char.len_utf8());
    text.get(start..).unwrap_or_default()
}

/// A text, cut in the middle if it is too long for `room` columns.
pub(crate) fn cut_middle(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let tail = room / 3;
    let head = room.saturating_sub(1 + tail);
    format!("{}…{}", beginning(text, head), ending(text, tail))
}

/// The path of a field, cut at a place that leaves as much of its own name as possible.
pub(crate) fn cut_path(path: &str, room: usize) -> String {
    if columns(path) <= room {
        return path.to_owned();
    }
    let head = room / 4;
    format!("{}…{}", beginning(path, head), ending(path, room.saturating_sub(1 + head)))
}

/// A text, cut at its end if it is too long for `room` columns.
pub(crate) fn cut_end(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    format!("{}…", beginning(text, room.saturating_sub(1)))
}

/// The blanks that fill a text up to `room` columns.
pub(crate) fn padding(text: &str, room: usize) -> String {
    " ".repeat(room.saturating_sub(columns(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_the_columns_they_take() {
        for (text, room, middle, end) in [
            ("abcdefghij", 10, "abcdefghij", "abcdefghij"),
            ("abcdefghijk", 10, "abcdef…ijk", "abcdefghi…"),
            ("東京都渋谷区", 12, "東京都渋谷区", "東京都渋谷区"),
            ("東京都渋谷区", 9, "東京…区", "東京都渋…"),
            ("e\u{301}tude", 5, "e\u{301}tude", "e\u{301}tude"),
        ] {
            assert_eq!(
                (cut_middle(text, room).as_str(), cut_end(text, room).as_str()),
                (middle, end)
            );
            assert!(columns(&cut_middle(text, room)) <= room);
            assert!(columns(&cut_path(text, room)) <= room);
            let filled = format!("{middle}{}", padding(middle, room));
            assert_eq!(columns(&filled), room, "{filled}");
        }
    }
}
