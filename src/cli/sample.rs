//! A manifest for tests, with every kind of content.

use std::collections::BTreeMap;

use segprep::report::{
    DefinitionNote, FieldCount, InputCounts, KeyNote, Manifest, OutputNote, PartNote, RecordCounts,
    RejectCounts, Status, Timing,
};

fn counts<const N: usize>(pairs: [(&str, u64); N]) -> BTreeMap<String, u64> {
    pairs.into_iter().map(|(name, number)| (name.to_owned(), number)).collect()
}

fn part(number: u32, bytes: u64, records: u64) -> PartNote {
    let path = format!("job-000/part-{number:05}.json");
    PartNote { path, bytes, records, sha256: None, crc64nvme: None }
}

fn field(path: &str, op: &str, values: u64, op_failed: u64) -> FieldCount {
    FieldCount {
        path: path.to_owned(),
        op: op.to_owned(),
        values,
        op_failed,
        token: None,
        changed: None,
        detectors: BTreeMap::new(),
        names: BTreeMap::new(),
    }
}

pub(crate) fn output() -> OutputNote {
    OutputNote {
        to: "out/newsletter/import/".to_owned(),
        format: "pinpoint-json".to_owned(),
        target: "pinpoint".to_owned(),
        import_ready: true,
        max_bytes: Some(1_000_000_000),
        emptied: None,
        profiles: None,
        formula: None,
        files: vec![part(0, 999_999_412, 903_110), part(1, 327_000_000, 295_760)],
    }
}

/// The manifest of a published run.
pub(crate) fn manifest() -> Manifest {
    Manifest {
        segprep_manifest: 1,
        run: "20261123T020000Z".to_owned(),
        status: Status::Published,
        name: "newsletter".to_owned(),
        purpose: "messaging".to_owned(),
        version: "0.2.0".to_owned(),
        fips: false,
        fingerprint: String::new(),
        shards: None,
        definition: DefinitionNote { sha256: String::new(), settings: BTreeMap::new() },
        schemas: BTreeMap::new(),
        started: String::new(),
        finished: String::new(),
        exceeded: Vec::new(),
        records: RecordCounts {
            read: 1_204_332,
            written: 1_198_870,
            rejected: 3_310,
            dropped: counts([("inactive", 2_152)]),
        },
        inputs: InputCounts {
            files: 5,
            bytes: 1_412_000_000,
            ignored: 2,
            ..InputCounts::default()
        },
        outputs: vec![output()],
        keys: vec![KeyNote { id: "demo".to_owned(), check: String::new(), demo: true }],
        lineage: false,
        retry: None,
        requests: None,
        suppress: Vec::new(),
        fields: vec![
            field("Address", "keep", 1_198_870, 0),
            field("User.UserId", "hmac", 1_100_000, 0),
            field("User.UserAttributes.Birthday", "date_trunc", 7_310, 3),
            field("User.UserAttributes.*", "drop", 44_000, 0),
            field("Metrics.*", "keep", 30, 0),
            field("Location.*", "mask", 0, 0),
        ],
        unknown_fields: counts([
            ("Nickname", 3),
            ("FavouriteColour", 12),
            ("(export only)", 1_400),
        ]),
        removed_invalid: BTreeMap::new(),
        optout_merged: None,
        pii: Vec::new(),
        repairs: BTreeMap::from([("phone".to_owned(), counts([("Address", 12), ("x", 2)]))]),
        rejects: RejectCounts {
            by_code: counts([("email", 2_011), ("phone", 1_299), ("unknown_field", 40)]),
            by_field: counts([("Address", 3_310), ("", 4_000)]),
            by_repair: counts([("repair.phone", 1_204), ("repair.trim + repair.email", 1)]),
            by_setting: counts([("repair.phone.region or repair.phone.region_from", 95)]),
        },
        warnings: vec!["key `demo` is published: tokens made with it protect nobody".to_owned()],
        timing: Timing {
            seconds: 12.44,
            threads: 8,
            records_per_second: 96_811.4,
            mb_per_second: 113.5,
        },
    }
}
