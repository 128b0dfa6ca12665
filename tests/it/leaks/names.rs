//! Names from the data may be those of people: none appears in a message or an account, wherever a record
//! or a header has it, unless many records have it.

use crate::support::canary::site::CanarySite;
use crate::support::program::code;

/// Records in which names are canaries, at each place where a record has names.
fn records(site: &mut CanarySite) -> String {
    let c = &mut site.canaries;
    let record = |number: usize| {
        let names: Vec<String> = (0..6).map(|_| c.text()).collect();
        let [unknown, inside, attribute, metric, of_user, twice] = names.as_slice() else {
            unreachable!("there are six")
        };
        format!(
            "{{\"Id\":\"{number}\",\"{unknown}\":{{\"{inside}\":1}},\"Attributes\":{{\"{attribute}\":\"x\"}},\
             \"Metrics\":{{\"{metric}\":\"x\"}},\"User\":{{\"{of_user}\":1,\"UserAttributes\":\
             {{\"{twice}\":[],\"{twice}\":[]}}}},\"optOut\":1}}\n"
        )
    };
    (0..30).map(record).collect()
}

#[test]
fn no_rare_name_of_json_appears() {
    for sets in
        [&[][..], &["input.unknown=\"reject\""], &["fields.\"*\"=\"keep\"", "repair.lists=true"]]
    {
        for format in [None, Some("--json")] {
            let mut site = CanarySite::new(40);
            let text = records(&mut site);
            site.input("a.json", "{\"Id\":\"one\"}\n".to_owned() + &text);
            let mut command = site.run();
            for set in sets {
                command.args(["--set", set]);
            }
            command.args(format);
            site.check(command, 0);
        }
    }
}

#[test]
fn no_name_of_a_header_that_is_data_appears() {
    for known in ["", "Id,"] {
        let mut site = CanarySite::new(41);
        let c = &mut site.canaries;
        let row = |c: &mut crate::support::canary::Canaries| {
            (0..4).map(|_| c.text()).collect::<Vec<_>>().join(",")
        };
        let header = row(c);
        let rows = (0..20).map(|_| row(c) + "\n").collect::<String>();
        let rows = rows.replace('\n', &format!("{}\n", if known.is_empty() { "" } else { ",x" }));
        site.input("a.csv", format!("{known}{header}\n{rows}"));
        let output = site.run().output().expect("the program runs");
        let shown = [output.stdout.as_slice(), &output.stderr].concat();
        assert_eq!(site.canaries.find(&shown), None, "in {}", String::from_utf8_lossy(&shown));
        assert!([0, 3, 65].contains(&code(&output)));
        site.check_files();
    }
}

/// A name that ten records have is shown, in rejects from the tenth on.
#[test]
fn a_common_name_is_shown() {
    for (records, is_shown) in [(9, false), (10, true)] {
        let site = CanarySite::new(42);
        let record = "{\"Id\":\"a\",\"Attributes\":{\"Quagmire\":\"x\"},\"Quicksand\":1}\n";
        site.input("a.json", "{\"Id\":\"one\"}\n".to_owned() + &record.repeat(records));
        let mut site = site;
        let mut command = site.run();
        command.args(["--set", "fields.\"Attributes.*\"=\"keep\"", "--chunk-bytes", "100"]);
        assert_eq!(code(&command.output().expect("the program runs")), 0);
        let (manifest, rejects) = (site.place.manifest(), site.place.rejects());
        assert_eq!(manifest["unknown_fields"]["Quicksand"].is_u64(), is_shown, "{manifest}");
        let by_field = &manifest["rejects"]["by_field"];
        assert_eq!(by_field["Attributes.Quagmire"].is_u64(), is_shown, "{manifest}");
        assert_eq!(rejects.matches("Attributes.Quagmire").count(), usize::from(is_shown));
        assert!(rejects.contains("Attributes.(name of 8 characters)"), "{rejects}");
    }
}
