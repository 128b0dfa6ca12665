//! Properties of any input: no panic, every record is counted, and what each target adds to that.
//!
//! The variable `TARGET` selects `frame`, `json`, `csv`, `columns`, `definition` or `record`.

#![no_main]

mod all_stages;
mod columns;
mod csv;
mod definition;
mod frame;
mod json;
mod record;
#[expect(dead_code, reason = "the tests of the main package use all of it")]
#[path = "../../it/support"]
mod support {
    pub(crate) mod in_memory;
    pub(crate) mod in_process;
    pub(crate) mod reference;
    pub(crate) mod strict_csv;
    pub(crate) mod strict_json;
}

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| match std::env::var("TARGET").as_deref() {
    Ok("frame") => frame::check,
    Ok("json") => json::check,
    Ok("csv") => csv::check,
    Ok("columns") => columns::check,
    Ok("definition") => definition::check,
    Ok("record") => record::check,
    Ok(_) | Err(_) => panic!("`TARGET` must be frame, json, csv, columns, definition or record"),
});

fuzz_target!(|data: &[u8]| TARGET(data));
