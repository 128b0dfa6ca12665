//! `Debug` output contains no value of a record and no key.

use std::{fs, sync::Arc};

use segprep::decode::frame::LineEnd;
use segprep::decode::{BatchLimits, ColumnRules, ColumnSettings, Columns, Decoder, Format};
use segprep::record::{Batch, Text};
use segprep::schema::Schema;
use segprep::transform::MasterKey;

use crate::support::canary::Canaries;
use crate::support::canary::records::lines;
use crate::support::canary::site::DEFINITION;
use crate::support::in_process::InProcess;

#[test]
fn debug_shows_no_value() {
    let mut c = Canaries::new(60);
    let schema = || Schema::shipped("pinpoint").expect("the target is shipped");
    let text = fs::read_to_string(DEFINITION).expect("a definition");
    let demo = "keys={ current = \"demo\", demo = \"demo:\" }";
    let policy = InProcess::of(DEFINITION, &text, schema(), &[demo]);
    let (plan, stages) = (&policy.plan, &policy.stages);
    c.watch("segprep demo key protects nobody".to_owned());

    let header = format!("Address,{}@,Attributes.{}#", c.text(), c.text());
    let settings = ColumnSettings { drop_unknown: true, ..ColumnSettings::default() };
    let rules = ColumnRules::new(Arc::clone(&plan.schema), settings);
    let columns = Columns::read(header.as_bytes(), b',', &rules).expect("a header");
    let rows = format!("{},{},{}\n", c.text(), c.text(), c.text());
    let lines = lines(&mut c, 100);
    let csv = Format::Csv(columns.into());
    for (format, chunk) in [(Format::JsonLines(LineEnd::Newline), lines), (csv, rows)] {
        let block = policy.block(chunk.as_bytes(), 0, &format);
        let layout = segprep::decode::Layout::new(
            &plan.schema,
            &plan.input.column_settings,
            &plan.input.shapes,
        )
        .into();
        let mut decoder = Decoder::new(layout, 1000);
        let mut batch = Batch::new(plan.schema.nodes.len(), plan.schema.maps.len());
        let limits = BatchLimits { rows: 1000, bytes: 1 << 20 };
        decoder.decode(chunk.as_bytes(), 0, true, &format, limits, &mut batch);
        let text = Text { chunk: chunk.as_bytes(), arena: &batch.arena };
        let shown = format!(
            "{format:?} {block:?} {:?} {decoder:?} {:?} {batch:?} {:?} {text:?} {plan:?} {stages:?}",
            block.rejects, decoder.names, batch.rows,
        );
        assert_eq!(c.find(shown.as_bytes()), None, "in {shown}");
    }
    let key = MasterKey::demo();
    let shown = format!("{key:?} {:?} {plan:#?} {stages:#?} {rules:?}", plan.rules);
    assert_eq!(c.find(shown.as_bytes()), None, "in {shown}");
}
