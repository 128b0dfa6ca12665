//! `segprep report`: prints the report of an account as a page or as Markdown.

use segprep::engine::Cancel;
use segprep::report::{html_report, markdown_report};
use segprep::run::{Failure, VerifyOptions, account_manifest};

use super::arguments::{Common, ReportArguments, ReportFormat, WhichResult};
use super::render::print;

pub(crate) fn report(arguments: ReportArguments, common: Common) -> Result<(), Failure> {
    let ReportArguments { place, result, format } = arguments;
    let WhichResult { day, run } = result;
    let options =
        VerifyOptions { place, date: day.date, run, sets: common.sets, ..VerifyOptions::default() };
    let manifest = account_manifest(&options, &Cancel::new())?;
    print(&match format {
        ReportFormat::Html => html_report(&manifest),
        ReportFormat::Md => markdown_report(&manifest),
    })
}
