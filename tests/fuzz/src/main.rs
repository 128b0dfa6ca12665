//! What must hold of any bytes: no panic, a count for every record, and what each target says.
//!
//! `TARGET` chooses one: `frame`, `json`, `csv`, `definition` or `record`.

#![no_main]

mod all_stages;
mod csv;
mod definition;
mod frame;
#[expect(dead_code, reason = "the tests of the main package use all of it")]
#[path = "../../it/in_memory.rs"]
mod in_memory;
#[expect(dead_code, reason = "the tests of the main package use all of it")]
#[path = "../../it/in_process.rs"]
mod in_process;
mod json;
mod record;
#[path = "../../it/strict_csv.rs"]
mod strict_csv;
#[path = "../../it/strict_json.rs"]
mod strict_json;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| match std::env::var("TARGET").as_deref() {
    Ok("frame") => frame::hold,
    Ok("json") => json::hold,
    Ok("csv") => csv::hold,
    Ok("definition") => definition::hold,
    Ok("record") => record::hold,
    Ok(_) | Err(_) => panic!("`TARGET` has to be frame, json, csv, definition or record"),
});

fuzz_target!(|data: &[u8]| TARGET(data));
