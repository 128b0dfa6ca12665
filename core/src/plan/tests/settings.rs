//! Every setting of a definition has its effect on the plan, and every setting that is absent its default.

use std::path::PathBuf;

use super::{BASE, plan};
use crate::definition::{DigestKind, InputFormat, RunPlan, TextEncoding, Unknown};

#[test]
fn absent_settings_have_defaults() {
    let plan = plan(BASE);
    let input = &plan.input;
    assert_eq!((input.max_record, input.keep_inactive, input.digest), (1 << 20, false, false));
    assert_eq!((input.unknown, input.column_settings.drop_unknown), (Unknown::Drop, false));
    let kinds: Vec<&str> = input
        .kinds
        .iter()
        .filter_map(|kind| plan.schema.kinds.get(*kind))
        .map(|kind| kind.name.as_str())
        .collect();
    assert_eq!(kinds, ["endpoint", "update"]);
    let [output] = plan.outputs.as_slice() else { panic!("one output") };
    assert_eq!((output.max_bytes, output.digest), (1_000_000_000, DigestKind::Sha256));
    assert_eq!((plan.account.max_rejects, plan.account.keep_rejected), (None, false));
    assert_eq!(plan.account.max_shrink, None);
    assert!((plan.account.max_reject_ratio - 0.05).abs() < f64::EPSILON);
    assert_eq!(plan.run, RunPlan::default());
}

#[test]
fn every_setting_is_in_the_plan() {
    let text = BASE
        .replace("from = [\"in/\"]", "from = [\"in/\", \"more.json\"]\nformat = \"csv\"\nunknown = \"drop\"\ninactive = \"keep\"\nkinds = [\"user\", \"endpoint\"]\nmax_record = 4096\ndigest = true")
        .replace("to = \"out/account/\"", "to = \"out/account/\"\nmax_reject_ratio = 1\nmax_rejects = 7\nmax_shrink = 0.5\nkeep_rejected = true")
        .replace("format = \"pinpoint-json\"", "format = \"pinpoint-json\"\nmax_bytes = \"1.5 kB\"\ndigest = \"crc64nvme\"")
        + "[run]\nthreads = 3\nchunk_bytes = \"64 KiB\"\n";
    let plan = plan(&text);
    assert_eq!(plan.input.from, [PathBuf::from("in/"), PathBuf::from("more.json")]);
    assert_eq!(plan.input.format, Some(InputFormat::Csv));
    assert_eq!(
        (plan.input.column_settings.drop_unknown, plan.input.keep_inactive, plan.input.digest),
        (true, true, true)
    );
    assert_eq!((plan.input.kinds.as_slice(), plan.input.max_record), ([0, 2].as_slice(), 4096));
    assert_eq!((plan.account.max_rejects, plan.account.keep_rejected), (Some(7), true));
    assert_eq!(plan.account.max_shrink, Some(0.5));
    let [output] = plan.outputs.as_slice() else { panic!("one output") };
    assert_eq!((output.max_bytes, output.digest), (1500, DigestKind::Crc64Nvme));
    assert_eq!(plan.run, RunPlan { threads: Some(3), chunk_bytes: Some(65_536) });
}

#[test]
fn every_setting_of_inputs_is_in_the_plan() {
    let text = BASE.replace(
        "from = [\"in/\"]",
        "from = [\"-\", \"in/**/*.csv\"]\nexclude = [\"old/*\"]\nencoding = \"utf-16\"\n\
         max_expansion = 7\non_bad_file = \"skip\"\ndelimiter = \"\\t\"\nheader = false\n\
         columns = [\"Id\", \"\", \"Attributes.a\", \"Attributes.a\"]\nunknown = \"drop\"\n\
         [input.rename]\n\" E-mail\" = \"Address\"\n[input.constants]\n\"User.UserId\" = \"u\"",
    );
    let input = plan(&text).input;
    assert_eq!(input.from, [PathBuf::from("-"), PathBuf::from("in/**/*.csv")]);
    assert_eq!(input.exclude, ["old/*"]);
    assert_eq!((input.encoding, input.max_expansion), (Some(TextEncoding::Utf16), 7));
    assert_eq!((input.skips_bad_files, input.delimiter), (true, Some(b'\t')));
    let columns = input.columns.unwrap_or_default();
    assert_eq!(columns, ["Id", "", "Attributes.a", "Attributes.a"]);
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    assert_eq!(input.column_settings.rename, pair("E-mail", "Address"));
    assert_eq!(input.column_settings.constants, pair("User.UserId", "u"));
    assert!(input.column_settings.drop_unknown);
}
