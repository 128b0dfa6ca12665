//! A report as Markdown, for a ticket.

use std::fmt::Write;

use super::document::{Block, Cell, Document, Span, Table, Words};
use crate::record::is_hidden;

pub(super) fn page(document: &Document) -> String {
    let mut text = format!("# {}\n", escape(&document.title));
    if let Some(verdict) = document.verdict {
        write!(text, "\n**{}**\n", verdict.words()).expect("memory");
    }
    document.lead.iter().for_each(|block| push_block(block, &mut text));
    for section in &document.sections {
        write!(text, "\n## {}\n", section.title).expect("memory");
        section.blocks.iter().for_each(|block| push_block(block, &mut text));
    }
    text
}

fn push_block(block: &Block, text: &mut String) {
    match block {
        Block::Text(words) => write!(text, "\n{}\n", line(words)).expect("memory"),
        Block::List(items) | Block::Alert(items) => {
            text.push('\n');
            for item in items {
                writeln!(text, "- {}", line(item)).expect("memory");
            }
        }
        Block::Table(table) => push_table(table, text),
        // The table beside it says the same.
        Block::Balance(_) => {}
    }
}

fn push_table(table: &Table, text: &mut String) {
    let marks = table.head.iter().map(|_| "---").collect::<Vec<_>>().join(" | ");
    write!(text, "\n| {} |\n| {marks} |\n", table.head.join(" | ")).expect("memory");
    for row in &table.rows {
        let cells = row.iter().map(|cell| match cell {
            Cell::Words(words) => line(words),
            Cell::Number(number) => escape(number),
        });
        writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | ")).expect("memory");
    }
}

fn line(words: &Words) -> String {
    let span = |span: &Span| match span {
        Span::Plain(text) => escape(text),
        Span::Strong(text) if text.ends_with(' ') => format!("**{}** ", escape(text.trim_end())),
        Span::Strong(text) => format!("**{}**", escape(text)),
        Span::Name(text) => code(text),
    };
    words.iter().map(span).collect()
}

/// A name as code, which no name can end: its own backticks are replaced.
fn code(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("`{}`", cell_safe(&text.replace('`', "'")))
    }
}

/// A text in which nothing is markup, neither of Markdown nor of HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in cell_safe(text).chars() {
        if r"\`*_[]<>#&~!".contains(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

/// A text without hidden characters, line ends, and bars, which would end the cell of a table.
fn cell_safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '|' => safe.push('¦'),
            char if is_hidden(char) => safe.extend(char.escape_default()),
            char => safe.push(char),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::page::document::{name, plain, strong};

    #[test]
    fn names_cannot_become_markup() {
        let words = vec![
            strong("Of: "),
            name("`a|b`\n<img>"),
            plain(" [x](y) **z** <img src=x> a|b\u{202e}"),
        ];
        assert_eq!(
            line(&words),
            "**Of:** `'a¦b'\\n<img>` \\[x\\](y) \\*\\*z\\*\\* \\<img src=x\\> a¦b\\\\u{202e}"
        );
    }
}
