//! A synthetic record as names and values, before it is written in a format.

use super::Shape;
use super::person::{Person, day, hex_digits, instant};
use super::random::Random;

/// Names and values in the order in which they are written. Fields of one object are neighbours.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) fields: Vec<(&'static str, Value)>,
}

#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    /// A number as JSON writes it.
    Number(&'static str),
    /// Values of one name. In CSV they are in several columns.
    List(Vec<String>),
    /// `null`; an empty cell in CSV.
    Null,
    /// A piece of JSON that is written as it is. Only faults make it.
    Json(String),
}

/// The most values of `Attributes.Interests`, which has as many columns in CSV.
const INTERESTS_MAX: usize = 3;

/// The columns of CSV files with the shape `plain`.
pub(super) const PLAIN_COLUMNS: &[&str] = &[
    "ChannelType",
    "Address",
    "Id",
    "OptOut",
    "EndpointStatus",
    "EffectiveDate",
    "Location.Country",
    "Location.City",
    "Location.PostalCode",
    "Demographic.Locale",
    "Demographic.Timezone",
    "Demographic.Platform",
    "Attributes.Interests",
    "Attributes.Interests",
    "Attributes.Interests",
    "User.UserId",
    "User.UserAttributes.FirstName",
    "User.UserAttributes.Email",
    "User.UserAttributes.Phone",
];

/// The columns of CSV files with the shape `export`.
pub(super) const EXPORT_COLUMNS: &[&str] = &[
    "ChannelType",
    "Address",
    "EndpointStatus",
    "OptOut",
    "RequestId",
    "Location.Latitude",
    "Location.Longitude",
    "Location.PostalCode",
    "Location.City",
    "Location.Region",
    "Location.Country",
    "Demographic.Make",
    "Demographic.Model",
    "Demographic.Timezone",
    "Demographic.Locale",
    "Demographic.AppVersion",
    "Demographic.Platform",
    "EffectiveDate",
    "Attributes.Interests",
    "Attributes.Interests",
    "Attributes.Interests",
    "Attributes.Plan",
    "Attributes.LastSearch",
    "Attributes.SignupSource",
    "Metrics.Visits",
    "Metrics.Revenue",
    "ApplicationId",
    "User.UserId",
    "User.UserAttributes.FirstName",
    "User.UserAttributes.LastName",
    "User.UserAttributes.Birthday",
    "Id",
    "CohortId",
    "CreationDate",
];

/// The columns of CSV files with the shape `crm`.
pub(super) const CRM_COLUMNS: &[&str] = &[
    "Contact ID",
    "First Name",
    "Last Name",
    "Email",
    "Mobile Phone",
    "Country Code",
    "City",
    "Postal Code",
    "Language",
    "Birthday",
    "Lifecycle Stage",
    "Total Revenue",
    "Email Opt Out",
    "Last Modified",
];

/// Drawn with the frequency of this list.
const CHANNELS: &[&str] =
    &["EMAIL", "EMAIL", "EMAIL", "EMAIL", "EMAIL", "SMS", "SMS", "SMS", "VOICE", "GCM", "APNS"];
const OPT_OUTS: &[&str] = &["NONE", "NONE", "NONE", "ALL"];
const PLATFORMS: &[&str] = &["iOS", "Android"];
const INTERESTS: &[&str] = &[
    "outdoor cooking",
    "chamber music, jazz",
    "café culture",
    "Straßenfotografie",
    "long-distance trains",
    "日本語",
    "second-hand books",
    "gardening",
];
const PLANS: &[&str] = &["free", "monthly", "yearly"];
const SEARCHES: &[&str] = &[
    "size L, blue",
    "the \"best\" one",
    "100 % cotton",
    "naïve art",
    "🎉 party",
    "a/b\\c",
    "Größe 42 – neu",
];
const NUMBERS: &[&str] = &["0", "1", "12", "307", "1.0", "2.50", "1e3", "19.99", "-3"];
const DEVICES: &[(&str, &str)] =
    &[("Apple", "iPhone15,2"), ("Google", "Pixel 9"), ("Fairphone", "FP5")];
const STAGES: &[&str] = &["lead", "customer", "evangelist"];
const REVENUES: &[&str] = &["0", "15.20", "99.5", "120.50", "1311"];

impl Record {
    /// The record with this number, without a fault.
    pub(super) fn new(shape: Shape, number: u64, random: &mut Random) -> Record {
        let person = Person::new(number, random);
        match shape {
            Shape::Plain => plain(&person, random),
            Shape::Export => export(&person, random),
            Shape::Crm => crm(&person, random),
        }
    }

    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(super) fn has_text(&self, name: &str, text: &str) -> bool {
        matches!(self.value(name), Some(Value::Text(value)) if value == text)
    }

    pub(super) fn push(&mut self, name: &'static str, value: Value) {
        self.fields.push((name, value));
    }

    /// Replaces the value under this name, which must be there.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        let place = self.fields.iter_mut().find(|(known, _)| *known == name);
        place.expect("every record of the shape has the field").1 = value;
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.fields.retain(|(known, _)| *known != name);
    }

    fn text(&mut self, name: &'static str, text: impl Into<String>) {
        self.push(name, Value::Text(text.into()));
    }

    fn list(&mut self, name: &'static str, values: &[&str]) {
        self.push(name, Value::List(values.iter().map(|value| (*value).to_owned()).collect()));
    }
}

fn plain(person: &Person, random: &mut Random) -> Record {
    let mut record = Record::default();
    let place = person.place;
    push_address(&mut record, person, random);
    record.text("Id", &*person.id);
    record.text("OptOut", random.pick(OPT_OUTS));
    record.text("EndpointStatus", "ACTIVE");
    record.text("EffectiveDate", instant(random));
    record.text("Location.Country", place.country);
    record.text("Location.City", place.city);
    record.text("Location.PostalCode", place.postal_code);
    record.text("Demographic.Locale", place.locale);
    record.text("Demographic.Timezone", place.timezone);
    record.text("Demographic.Platform", random.pick(PLATFORMS));
    push_interests(&mut record, random);
    record.text("User.UserId", format!("customer-{}", person.customer));
    record.list("User.UserAttributes.FirstName", &[person.first_name]);
    record.list("User.UserAttributes.Email", &[&person.email]);
    record.list("User.UserAttributes.Phone", &[&person.phone]);
    record
}

fn export(person: &Person, random: &mut Random) -> Record {
    let mut record = Record::default();
    push_address(&mut record, person, random);
    let status = if random.chance(5) { "INACTIVE" } else { "ACTIVE" };
    record.text("EndpointStatus", status);
    record.text("OptOut", random.pick(OPT_OUTS));
    record.text("RequestId", hex_digits(1, random));
    push_place(&mut record, person, random);
    let (make, model) = random.pick(DEVICES);
    record.text("Demographic.Make", make);
    record.text("Demographic.Model", model);
    record.text("Demographic.Timezone", person.place.timezone);
    record.text("Demographic.Locale", person.place.locale);
    if random.chance(50) {
        record.text("Demographic.AppVersion", format!("{}.{}", random.below(9), random.below(20)));
    }
    record.text("Demographic.Platform", random.pick(PLATFORMS));
    record.text("EffectiveDate", instant(random));
    push_interests(&mut record, random);
    for (name, values) in [("Attributes.Plan", PLANS), ("Attributes.LastSearch", SEARCHES)] {
        if random.chance(70) {
            record.list(name, &[random.pick(values)]);
        }
    }
    if random.chance(20) {
        record.push("Attributes.SignupSource", Value::Null);
    }
    for name in ["Metrics.Visits", "Metrics.Revenue"] {
        if random.chance(60) {
            record.push(name, Value::Number(random.pick(NUMBERS)));
        }
    }
    record.text("ApplicationId", "4fa3c1d2e5b64789a0b1c2d3e4f56789");
    record.text("User.UserId", format!("customer-{}", person.customer));
    record.list("User.UserAttributes.FirstName", &[person.first_name]);
    record.list("User.UserAttributes.LastName", &[person.last_name]);
    record.list("User.UserAttributes.Birthday", &[&person.birthday]);
    record.text("Id", &*person.id);
    record.text("CohortId", random.below(100).to_string());
    record.text("CreationDate", instant(random));
    record
}

fn crm(person: &Person, random: &mut Random) -> Record {
    let mut record = Record::default();
    record.text("Contact ID", person.customer.to_string());
    record.text("First Name", person.first_name);
    record.text("Last Name", person.last_name);
    record.text("Email", &*person.email);
    if random.chance(70) {
        record.text("Mobile Phone", &*person.phone);
    }
    record.text("Country Code", person.place.country);
    record.text("City", person.place.city);
    record.text("Postal Code", person.place.postal_code);
    record.text("Language", person.place.locale);
    if random.chance(60) {
        record.text("Birthday", &*person.birthday);
    }
    record.text("Lifecycle Stage", random.pick(STAGES));
    record.push("Total Revenue", Value::Number(random.pick(REVENUES)));
    record.text("Email Opt Out", if random.chance(20) { "Yes" } else { "No" });
    record.text("Last Modified", format!("{}T00:00:00Z", day(2024, 2025, random)));
    record
}

/// A channel, and the person's address there.
fn push_address(record: &mut Record, person: &Person, random: &mut Random) {
    let channel = random.pick(CHANNELS);
    let address = match channel {
        "EMAIL" => person.email.clone(),
        "SMS" | "VOICE" => person.phone.clone(),
        "APNS" => hex_digits(4, random),
        _ => format!("{}:{}", hex_digits(1, random), hex_digits(8, random)),
    };
    record.text("ChannelType", channel);
    record.text("Address", address);
}

fn push_place(record: &mut Record, person: &Person, random: &mut Random) {
    let place = person.place;
    if random.chance(60) {
        record.push("Location.Latitude", Value::Number(place.latitude));
        record.push("Location.Longitude", Value::Number(place.longitude));
    }
    record.text("Location.PostalCode", place.postal_code);
    record.text("Location.City", place.city);
    record.text("Location.Region", place.region);
    record.text("Location.Country", place.country);
}

fn push_interests(record: &mut Record, random: &mut Random) {
    let limit = u64::try_from(INTERESTS_MAX).expect("a small number");
    let count = usize::try_from(1 + random.below(limit)).expect("a small number");
    let interests: Vec<&str> = (0..count).map(|_| random.pick(INTERESTS)).collect();
    record.list("Attributes.Interests", &interests);
}
