//! Numbers of all countries: known answers, and that no repair makes a number of another person.

use proptest::{prelude::*, sample::select};
use segprep::decode::Format;
use segprep::decode::frame::LineEnd;
use segprep::schema::{PhoneRegion, Schema, is_in_numbering_plan, to_e164};
use serde_json::json;

use crate::support::in_process::InProcess;
use crate::support::property::check_property;

/// All codes of two letters that have a numbering plan.
fn regions() -> Vec<String> {
    let letters = || b'A'..=b'Z';
    let codes = letters().flat_map(|a| letters().map(move |b| vec![a, b]));
    let codes = codes.map(|code| String::from_utf8(code).expect("ASCII"));
    codes.filter(|code| PhoneRegion::new(code).is_some()).collect()
}

#[test]
fn there_are_plans_for_all_countries() {
    assert!(200 < regions().len(), "{}", regions().len());
}

/// Numbers as they are written in a country, and what they are; `-` for what is not certain.
const KNOWN: &str = "tests/repairs/phone_plans.tsv";

#[test]
fn numbers_of_many_countries_are_known() {
    let text = std::fs::read_to_string(KNOWN).expect("the cases");
    let (mut countries, mut failures) = (std::collections::BTreeSet::new(), Vec::new());
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let [written, expected, country] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("three columns: {line}");
        };
        countries.insert(country);
        let found = to_e164(written, PhoneRegion::new(country));
        if found.as_deref().unwrap_or("-") != expected {
            failures.push(format!("{country} {written}: {found:?} and not {expected}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(40 <= countries.len(), "only {} countries", countries.len());
}

/// What a text of digits may be: as a number with its country's code, or as one of the region, with and
/// without the code in front.
fn readings(digits: &str, region: &str) -> Vec<String> {
    let region = PhoneRegion::new(region).expect("a region");
    let own = to_e164(&format!("+{digits}"), None).filter(|number| *number == format!("+{digits}"));
    let mut readings: Vec<String> = own.into_iter().collect();
    readings.extend(to_e164(digits, Some(region)));
    readings.sort();
    readings.dedup();
    readings
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Digits that are a number of the region are repaired to that number, and to no other that they may be
    /// if the code of the region's own country is in front already.
    #[test]
    fn digits_with_two_readings_stay(
        region in select(regions()),
        digits in "[0-9]{6,13}",
        with_code in any::<bool>(),
    ) {
        let own = PhoneRegion::new(&region).expect("a region");
        let code = own.country_code().to_string();
        let digits = if with_code { format!("{code}{digits}") } else { digits };
        let Some(e164) = to_e164(&digits, Some(own)) else { return Ok(()) };
        prop_assert!(is_in_numbering_plan(e164.as_bytes()));
        if digits.starts_with(&code) {
            let readings = readings(&digits, &region);
            prop_assert!(readings.len() == 1, "{region} {digits}: {readings:?}");
            let both = format!("+{code}{digits}");
            let alone = format!("+{digits}");
            let is_both = is_in_numbering_plan(both.as_bytes());
            prop_assert!(!(is_both && is_in_numbering_plan(alone.as_bytes())), "{region} {digits}");
        }
    }

    /// What a repair makes of a number, it leaves alone: and every spelling of it is the same number.
    #[test]
    fn a_number_stays_itself(region in select(regions()), digits in "[0-9]{6,12}", at in 1_usize..6) {
        let own = PhoneRegion::new(&region).expect("a region");
        let Some(e164) = to_e164(&digits, Some(own)) else { return Ok(()) };
        prop_assert_eq!(to_e164(&e164, None), Some(e164.clone()));
        let (one, two) = e164.split_at(1 + at.min(e164.len() - 4));
        let spaced = format!("{one} {two}");
        prop_assert_eq!(to_e164(&spaced, None), Some(e164.clone()), "{}", spaced);
        let zeros = e164.replace('+', "00");
        prop_assert_eq!(to_e164(&zeros, None), Some(e164));
    }
}

/// With a fixed region, no record of another country gets a number of that region.
#[test]
fn a_record_of_another_country_keeps_its_national_form() {
    let schema = Schema::shipped("pinpoint").expect("it is shipped");
    let program = InProcess::keeping_everything(schema, &["repair.phone={ region = \"US\" }"]);
    check_property(&(select(regions()), "[2-9][0-9]{9}"), |(country, digits)| {
        let record =
            json!({"ChannelType": "SMS", "Address": digits, "Location": {"Country": country}});
        let block = program.block(
            format!("{record}\n").as_bytes(),
            0,
            &Format::JsonLines(LineEnd::Newline),
        );
        if country == "US" {
            return Ok(());
        }
        prop_assert!(block.json.bytes.is_empty(), "{record}");
        let details: Vec<&str> =
            block.rejects[0].problems.iter().map(|problem| problem.detail).collect();
        prop_assert!(details.contains(&"other_country"), "{details:?}");
        Ok(())
    });
}
