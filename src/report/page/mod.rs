//! The report of a run for people: `report.html` in the account, and the same as Markdown.
//!
//! Everything in it is from the manifest, so the report of an old account can be made again. The manifest has no
//! value of a record, and neither has the report. [`document`] has the parts of a report, [`facts`],
//! [`operations`] and [`personal`] say what they are, and [`html`] and [`markdown`] write them.

pub(crate) mod document;
mod facts;
mod flow;
mod html;
mod markdown;
mod operations;
mod personal;
mod writer;

use super::Manifest;

/// The report as a page of HTML.
pub fn html_report(manifest: &Manifest) -> String {
    html::page(&facts::document(manifest))
}

/// Any document as a page of HTML.
pub(crate) fn html_page(document: &document::Document) -> String {
    html::page(document)
}

/// The report as Markdown.
pub fn markdown_report(manifest: &Manifest) -> String {
    markdown::page(&facts::document(manifest))
}
