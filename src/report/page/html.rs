//! A report as one page of HTML: no script, nothing from elsewhere, and readable in any browser, on paper, on a
//! phone, in the dark, and by a screen reader.

use super::document::{Block, Cell, Document, Section, Span, Table, Verdict, Words};
use super::flow;
use super::writer::Html;

const STYLE: &str = include_str!("style.css");
/// Nothing is loaded, run or sent; the only style is the one whose digest this is (`tests/it/report.rs` computes it).
const POLICY: &str = "default-src 'none'; style-src 'sha256-7bvXf+FJ6X/0dWZLG885TPA3T7pR75gweMKLls3zsQ8='; base-uri 'none'; form-action 'none'";

pub(crate) fn page(document: &Document) -> String {
    let mut html = Html::document();
    html.tag("html", &[("lang", "en")], |html| {
        html.newline();
        html.tag("head", &[], |html| head(html, document));
        html.newline();
        html.tag("body", &[], |html| body(html, document));
    });
    html.newline();
    html.finish()
}

fn head(html: &mut Html, document: &Document) {
    html.empty("meta", &[("charset", "utf-8")]);
    html.empty("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
    let viewport = [("name", "viewport"), ("content", "width=device-width, initial-scale=1")];
    html.empty("meta", &viewport);
    html.empty("meta", &[("name", "color-scheme"), ("content", "light dark")]);
    html.empty("meta", &[("name", "referrer"), ("content", "no-referrer")]);
    html.leaf("title", &[], &document.title);
    html.tag("style", &[], |html| html.literal(STYLE));
}

fn body(html: &mut Html, document: &Document) {
    html.tag("header", &[], |html| {
        html.leaf("h1", &[], &document.title);
        if let Some(verdict) = document.verdict {
            let class = match verdict {
                Verdict::Published => "badge good",
                Verdict::OverBudget | Verdict::OverBudgetAfterwards => "badge bad",
                Verdict::DryRun => "badge",
            };
            html.tag("p", &[], |html| html.leaf("strong", &[("class", class)], verdict.words()));
        }
    });
    html.newline();
    html.tag("nav", &[("aria-label", "Contents")], |html| {
        html.tag("ul", &[], |html| {
            for Section { id, title, .. } in &document.sections {
                html.tag("li", &[], |html| html.leaf("a", &[("href", &format!("#{id}"))], title));
            }
        });
    });
    html.newline();
    html.tag("main", &[], |html| {
        for block in &document.lead {
            push_block(html, block);
        }
        for Section { id, title, blocks } in &document.sections {
            let heading = format!("{id}-title");
            html.tag("section", &[("id", id), ("aria-labelledby", &heading)], |html| {
                html.leaf("h2", &[("id", &heading)], title);
                for block in blocks {
                    push_block(html, block);
                }
            });
            html.newline();
        }
    });
}

fn push_block(html: &mut Html, block: &Block) {
    html.newline();
    match block {
        Block::Text(words) => html.tag("p", &[], |html| push_words(html, words)),
        Block::List(items) => push_list(html, "plain", items),
        Block::Alert(items) => push_list(html, "alert", items),
        Block::Table(table) => push_table(html, table),
        Block::Balance(flows) => {
            flow::push(html, flows.iter().map(|flow| flow.records).sum(), flows);
        }
    }
}

fn push_list(html: &mut Html, class: &'static str, items: &[Words]) {
    html.tag("ul", &[("class", class)], |html| {
        for item in items {
            html.tag("li", &[], |html| push_words(html, item));
        }
    });
}

fn push_words(html: &mut Html, words: &Words) {
    for span in words {
        match span {
            Span::Plain(text) => html.text(text),
            Span::Name(text) => html.leaf("code", &[], text),
            Span::Strong(text) => html.leaf("strong", &[], text),
        }
    }
}

/// A table that scrolls by itself where it is wider than the page, also by keyboard.
fn push_table(html: &mut Html, table: &Table) {
    let around =
        [("class", "table"), ("role", "region"), ("tabindex", "0"), ("aria-label", &table.caption)];
    html.tag("div", &around, |html| {
        html.tag("table", &[], |html| {
            html.leaf("caption", &[], &table.caption);
            html.tag("thead", &[], |html| {
                html.tag("tr", &[], |html| {
                    let cells = table.rows.first().into_iter().flatten();
                    for (head, cell) in table.head.iter().zip(cells) {
                        let class = if matches!(cell, Cell::Number(_)) { "number" } else { "text" };
                        html.leaf("th", &[("scope", "col"), ("class", class)], head);
                    }
                });
            });
            html.tag("tbody", &[], |html| {
                for row in &table.rows {
                    html.newline();
                    html.tag("tr", &[], |html| push_row(html, &table.head, row));
                }
            });
        });
    });
}

/// Each cell also has the name of its column, which is shown where the cells are below each other.
fn push_row(html: &mut Html, head: &[&'static str], row: &[Cell]) {
    for (column, cell) in row.iter().enumerate() {
        let label = head.get(column).copied().unwrap_or_default();
        match cell {
            Cell::Words(words) if column == 0 => {
                html.tag("th", &[("scope", "row")], |html| push_words(html, words));
            }
            Cell::Words(words) => {
                html.tag("td", &[("data-label", label)], |html| push_words(html, words));
            }
            Cell::Number(text) => {
                html.leaf("td", &[("class", "number"), ("data-label", label)], text);
            }
        }
    }
}
