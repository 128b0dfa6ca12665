//! Chooses which of the fields that were found stands for which field of the schema.

mod endpoints;

use std::collections::{BTreeMap, HashSet};

use super::meaning::{By, Knowledge};
use super::repairs::may_repair;
use super::report::{FieldReport, ScanReport};
use crate::decode::Sense;
use crate::detect::Likelihood;
use crate::schema::{Class, Role, Shape};
use endpoints::Endpoint;

/// The fields of a definition.
#[derive(Default)]
pub(super) struct Chosen<'a> {
    pub(super) fields: Vec<Found<'a>>,
    /// Known names that stand for something else: each with the name that it gets, and why.
    pub(super) away: Vec<(String, String, &'static str)>,
    /// Names of further fields with addresses: a record has one.
    pub(super) other_addresses: Vec<String>,
    /// Names that must not be lost in silence, though another one stands for their field; and first an empty one, if a
    /// column without a name has values.
    pub(super) ignored: Vec<String>,
    /// The opt-outs whose names may not be written: their columns, and the lengths of their names.
    pub(super) unnamed_opt_outs: Vec<(Option<u64>, u64)>,
    /// How many fields are none of the schema's.
    pub(super) unknown: usize,
    /// The channel if no field has it: path, word and reason.
    pub(super) constant: Option<(String, String, String)>,
    /// The names of columns without a header.
    pub(super) columns: Option<Vec<String>>,
    /// Whether records are those of users alone.
    pub(super) is_users_only: bool,
    /// The endpoints of a row, if it may have several; fields say to which of them they belong.
    pub(super) endpoints: Vec<Endpoint>,
    /// The columns that say who has opted out, if an endpoint has several of them.
    pub(super) rival_opt_outs: Vec<String>,
    /// Whether one of them says the opposite of another.
    pub(super) rivals_disagree: bool,
    /// Names of fields whose values would mostly be rejected, whatever is repaired.
    pub(super) unfit: Vec<String>,
    /// Columns that say when or why somebody opted out of messages of which no column says whether.
    pub(super) opt_out_details: Vec<String>,
    /// Whether the id is left out, since the endpoints of a row would share it.
    pub(super) drops_id: bool,
}

/// A field that was found, and the one that it stands for.
pub(super) struct Found<'a> {
    pub(super) field: &'a FieldReport,
    pub(super) name: String,
    pub(super) path: String,
    pub(super) is_renamed: bool,
    /// The endpoint that it belongs to, by its index; `None`: all of them.
    pub(super) endpoint: Option<usize>,
    /// Whether it stands for the same field as one before it, in other inputs.
    pub(super) is_other: bool,
    shape: Option<Shape>,
    is_map: bool,
}

/// Chooses fields. `has_endpoints`: whether a row with several addresses becomes several records.
pub(super) fn choose<'a>(
    report: &'a ScanReport,
    knowledge: &Knowledge,
    has_endpoints: bool,
) -> Chosen<'a> {
    let mut chosen = choose_fields(report, knowledge);
    endpoints::prefer_own_opt_out(report, &mut chosen, knowledge);
    if has_endpoints {
        endpoints::split(report, &mut chosen, knowledge);
    }
    endpoints::ask_about_rivals(report, &mut chosen, knowledge);
    endpoints::ask_about_details(report, &mut chosen, knowledge);
    if chosen.columns.is_none() && report.fields.iter().any(is_unnamed) {
        chosen.ignored.insert(0, String::new());
    }
    chosen
}

/// Whether a column without a name has values.
fn is_unnamed(field: &FieldReport) -> bool {
    let has_no_name = field.name.is_none() && field.name_length.unwrap_or(0) == 0;
    field.column.is_some() && has_no_name && 0 < field.present
}

/// The inputs, by their places in the report, that have neither the address nor the id that a definition reads, though it
/// reads some.
pub(super) fn without_identity(
    report: &ScanReport,
    chosen: &Chosen<'_>,
    knowledge: &Knowledge,
) -> Vec<usize> {
    let roles = [Role::Address, Role::Id].map(|role| knowledge.role_path(role));
    let identities = || chosen.fields.iter().filter(|found| roles.contains(&found.path.as_str()));
    if chosen.columns.is_some() || identities().next().is_none() {
        return Vec::new();
    }
    let has_one =
        |file: &usize| identities().any(|found| found.field.origin.inputs.may_have(*file));
    let has_records = |file: &usize| report.files.get(*file).is_some_and(|file| 0 < file.records);
    (0..report.files.len()).filter(|file| has_records(file) && !has_one(file)).collect()
}

fn choose_fields<'a>(report: &'a ScanReport, knowledge: &Knowledge) -> Chosen<'a> {
    let has_header = |known| report.files.iter().any(|file| file.header == Some(known));
    let bare = has_header(false) && !has_header(true);
    let best = best_fields(report, bare, knowledge);
    let is_best = |field: &FieldReport| {
        let path = field.field.as_deref().unwrap_or_default();
        best.get(path).is_some_and(|known| std::ptr::eq(*known, field))
    };
    let all = report.fields.iter();
    let mut fields: Vec<Found<'a>> =
        all.filter(|field| is_best(field)).map(|field| Found::new(field, knowledge)).collect();
    if !bare {
        fields.extend(others(report, &fields, knowledge));
    }
    let known: HashSet<*const FieldReport> =
        fields.iter().map(|found| std::ptr::from_ref(found.field)).collect();
    let is_chosen = |field: &FieldReport| known.contains(&std::ptr::from_ref(field));
    let opt_out = knowledge.role_path(Role::OptOut);
    let lost = report
        .fields
        .iter()
        .filter(|field| field.field.as_deref() == Some(opt_out) && !is_chosen(field));
    // One that only may say so is not asked about beside one that does.
    let is_said = best.get(opt_out).is_some_and(|field| !field.origin.is_status);
    let unnamed_opt_outs = lost
        .clone()
        .filter(|field| 0 < field.values_met() && !(is_said && field.origin.is_status))
        .filter_map(|field| Some((field.column, field.name_length?)))
        .collect();
    let ignored = lost.filter(|field| field.by != Some(By::Name)).filter_map(own_name);
    let has = |role| fields.iter().any(|found| found.path == knowledge.role_path(role));
    let constant = if has(Role::Channel) { None } else { channel(&fields, knowledge) };
    let columns = bare.then(|| columns_of(report, &fields));
    let is_users_only = !has(Role::Address) && !has(Role::Id);
    let unknown = report.fields.iter().filter(|field| !is_chosen(field)).count();
    let address = knowledge.role_path(Role::Address);
    let others = report.fields.iter().filter(|field| {
        let is_address = field.field.as_deref() == Some(address) && !is_chosen(field);
        is_address && !matches!(field.by, Some(By::Name))
    });
    let other_addresses = others.filter_map(own_name).collect();
    let away = street(report, &fields, address).into_iter().chain(objects(report)).collect();
    let words = columns_called_like_words(report, knowledge);
    let ignored = ignored.chain(words.filter(|field| !is_chosen(field)).filter_map(own_name));
    let ignored = ignored.collect();
    let unfit = report.fields.iter().filter(|field| is_unfit(field, knowledge));
    let unfit = unfit.filter_map(own_name).collect();
    Chosen {
        fields,
        away,
        other_addresses,
        ignored,
        unnamed_opt_outs,
        unknown,
        constant,
        columns,
        is_users_only,
        unfit,
        ..Chosen::default()
    }
}

/// For each field of the schema, the one that stands for it most likely. `bare`: columns have no names.
fn best_fields<'a>(
    report: &'a ScanReport,
    bare: bool,
    knowledge: &Knowledge,
) -> BTreeMap<&'a str, &'a FieldReport> {
    let is_bare = |field: &FieldReport| {
        bare && field.column.is_some() && field.name_length.is_none() && field.name.is_none()
    };
    let mut best: BTreeMap<&str, &FieldReport> = BTreeMap::new();
    for field in report.fields.iter().filter(|field| is_candidate(field, is_bare(field), knowledge))
    {
        let path = field.field.as_deref().unwrap_or_default();
        let known = best.entry(path).or_insert(field);
        if rank(field, knowledge) < rank(known, knowledge) {
            *known = field;
        }
    }
    best
}

fn own_name(field: &FieldReport) -> Option<String> {
    field.origin.name.clone()
}

/// Columns that are called like a value of the schema: a header with such a name would be taken for data.
fn columns_called_like_words<'a>(
    report: &'a ScanReport,
    knowledge: &'a Knowledge,
) -> impl Iterator<Item = &'a FieldReport> {
    let columns = report.fields.iter().filter(|field| field.column.is_some());
    columns.filter(|field| {
        let name = field.origin.name.as_deref();
        name.is_some_and(|name| knowledge.is_any_word(name) && !knowledge.is_column(name))
    })
}

/// Fields that stand for the same ones as those that were chosen, in inputs that have none of these.
fn others<'a>(
    report: &'a ScanReport,
    chosen: &[Found<'a>],
    knowledge: &Knowledge,
) -> Vec<Found<'a>> {
    let mut by_path: BTreeMap<&str, Vec<&FieldReport>> = BTreeMap::new();
    for found in chosen {
        by_path.entry(&found.path).or_default().push(found.field);
    }
    let is_known = |field: &FieldReport| !matches!(field.by, None | Some(By::Values));
    let mut others = Vec::new();
    for field in report
        .fields
        .iter()
        .filter(|field| is_candidate(field, false, knowledge) && is_known(field))
    {
        let Some(path) = field.field.as_deref() else { continue };
        let Some(same) = by_path.get_mut(path) else { continue };
        let is_apart = |one: &&FieldReport| {
            let is_alike = one.origin.sense == field.origin.sense
                && channel_of(one, knowledge) == channel_of(field, knowledge);
            is_alike && !one.origin.inputs.may_meet(&field.origin.inputs)
        };
        if same.iter().all(is_apart) {
            same.push(field);
            others.push(Found { is_other: true, ..Found::new(field, knowledge) });
        }
    }
    others
}

/// The channel that the name or the values of addresses tell.
fn channel_of<'a>(field: &'a FieldReport, knowledge: &Knowledge) -> Option<&'a str> {
    let path = knowledge.role_path(Role::Channel);
    let named = field.origin.constants.iter().find(|(name, _)| name == path);
    named.map(|(_, word)| word.as_str()).or_else(|| address_channel(field))
}

/// The column that is called like the address and is another one, such as a street; and the name that it gets.
fn street(
    report: &ScanReport,
    fields: &[Found<'_>],
    address: &str,
) -> Option<(String, String, &'static str)> {
    let is_own = |found: &Found<'_>| found.path == address && found.name == address;
    let is_called_so =
        |field: &FieldReport| field.by == Some(By::Name) && field.name.as_deref() == Some(address);
    let is_other = !fields.iter().any(is_own) && report.fields.iter().any(is_called_so);
    let why = "its values are no addresses of messages";
    is_other.then(|| (address.to_owned(), "User.UserAttributes.Street".to_owned(), why))
}

/// The columns that are called like an object of the schema, such as `Location`, and have texts.
fn objects(report: &ScanReport) -> impl Iterator<Item = (String, String, &'static str)> {
    let columns = report.fields.iter().filter(|field| field.column.is_some());
    let columns = columns.filter(|field| field.origin.is_object);
    let name = |field: &FieldReport| {
        let name = field.origin.name.clone()?;
        let path = format!("User.UserAttributes.{name}");
        Some((name, path, "the schema has an object of this name"))
    };
    columns.filter_map(name)
}

/// Whether a definition can name the field. `is_bare`: it is a column without a name.
fn is_candidate(field: &FieldReport, is_bare: bool, knowledge: &Knowledge) -> bool {
    let has_name = field.origin.name.is_some() || is_bare;
    let may_be_one = field.field.is_some() && has_name && 0 < field.values_met();
    may_be_one && !is_unfit(field, knowledge)
}

/// Whether most values of a field of another name would be rejected, whatever is repaired. What a record is about, and
/// who has opted out, is never left out for that.
fn is_unfit(field: &FieldReport, knowledge: &Knowledge) -> bool {
    let Some(path) = field.field.as_deref().filter(|_| field.by != Some(By::Name)) else {
        return false;
    };
    let is_needed = [Role::OptOut, Role::Channel].map(|role| knowledge.role_path(role));
    let repaired = field.repairs.iter().filter(|(settings, _)| may_repair(settings));
    let repaired: u64 = repaired.map(|(_, count)| count).sum();
    let fails: u64 = field.fails.values().sum();
    knowledge.class(path) != Class::Identifier
        && !is_needed.contains(&path)
        && field.values_met() < fails.saturating_sub(repaired).saturating_mul(2)
}

/// Which of two fields is rather the schema's; the least is.
fn rank(field: &FieldReport, knowledge: &Knowledge) -> (bool, u8, Option<By>, u64) {
    let is_address = field.field.as_deref() == Some(knowledge.role_path(Role::Address));
    // A street may be called `Address`.
    let is_street = is_address && address_channel(field).is_none() && field.by == Some(By::Name);
    // When and why somebody opted out says less than whether, and a status that may say so says least.
    let doubt = match (field.origin.is_status, field.origin.sense) {
        (true, _) => 2,
        (false, Sense::Details) => 1,
        (false, Sense::Same | Sense::Opposite | Sense::Words) => 0,
    };
    (is_street, doubt, field.by, u64::MAX - field.present)
}

/// The channel of most addresses, as far as values tell.
fn address_channel(field: &FieldReport) -> Option<&'static str> {
    let likely = field.detectors.iter().filter(|found| found.likelihood == Likelihood::Likely);
    let best = likely.filter(|found| matches!(found.name.as_str(), "email" | "phone"));
    best.max_by_key(|found| found.hits)
        .map(|found| if found.name == "email" { "EMAIL" } else { "SMS" })
}

fn channel(fields: &[Found<'_>], knowledge: &Knowledge) -> Option<(String, String, String)> {
    let address = fields.iter().find(|found| found.path == knowledge.role_path(Role::Address))?;
    let path = knowledge.role_path(Role::Channel);
    let constants = &address.field.origin.constants;
    let named = constants.iter().find(|(name, _)| name == path).map(|(_, value)| value.as_str());
    let (word, reason) = match named {
        Some(word) => (word, "by the name of the addresses' field"),
        None => (address_channel(address.field)?, "by the addresses"),
    };
    Some((path.to_owned(), word.to_owned(), reason.to_owned()))
}

/// Names for columns without a header, by position.
fn columns_of(report: &ScanReport, fields: &[Found<'_>]) -> Vec<String> {
    let bare =
        report.fields.iter().filter(|field| field.name.is_none() && field.name_length.is_none());
    let count = bare.filter_map(|field| field.column).max().unwrap_or(0);
    let name = |column: u64| {
        let found = fields
            .iter()
            .find(|found| found.field.column == Some(column) && found.field.name.is_none());
        found.map_or_else(|| format!("Attributes.Column{column}"), |found| found.path.clone())
    };
    (1..=count).map(name).collect()
}

impl<'a> Found<'a> {
    fn new(field: &'a FieldReport, knowledge: &Knowledge) -> Found<'a> {
        let path = field.field.clone().unwrap_or_default();
        let node = knowledge.schema.node(&path).and_then(|node| knowledge.schema.nodes.get(node));
        let name = field.origin.name.clone().unwrap_or_default();
        let is_renamed = !name.is_empty() && name != path;
        let is_map = knowledge.schema.map_and_name(&path).is_some();
        let map_shape = || knowledge.schema.map_and_name(&path).map(|(_, _, shape)| shape);
        let shape = node.map(|node| node.shape).or_else(map_shape);
        let (endpoint, is_other) = (None, false);
        Found { field, name, path, is_renamed, endpoint, is_other, shape, is_map }
    }

    /// One that belongs to an endpoint of a row.
    fn of_endpoint(
        field: &'a FieldReport,
        endpoint: Option<usize>,
        knowledge: &Knowledge,
    ) -> Found<'a> {
        Found { endpoint, ..Found::new(field, knowledge) }
    }

    /// How it was recognised.
    pub(super) fn how(&self) -> &'static str {
        let is_moved = self.field.field.as_ref().is_some_and(|recognised| *recognised != self.path);
        match self.field.by {
            Some(_) if is_moved => "one id for all endpoints of a row",
            Some(By::Name) | None => "the field's name",
            Some(By::Alias) => "other programs call it so",
            Some(By::Near) => "nearly the field's name",
            Some(By::Values) => "by its values",
        }
    }

    /// Whether nobody knows what its words for an opt-out mean.
    pub(super) fn is_open(&self) -> bool {
        let others = self.field.origin.opt_out_others;
        !self.is_detail()
            && self.field.by != Some(By::Name)
            && self.field.values_met() < others.saturating_mul(100)
    }

    /// Whether it says when or why somebody opted out: whoever has a value there has.
    pub(super) fn is_detail(&self) -> bool {
        self.field.origin.sense == Sense::Details
    }

    /// The operation that is proposed, as TOML; one that the field can have.
    pub(super) fn op(&self, knowledge: &Knowledge) -> &'static str {
        let is_needed = [Role::OptOut, Role::Channel].map(|role| knowledge.role_path(role));
        if is_needed.contains(&self.path.as_str()) {
            return "\"keep\"";
        }
        let is_number = matches!(self.shape, Some(Shape::Number | Shape::Numbers));
        let is_degrees = self.path.ends_with("itude");
        let is_text = self.is_map || self.path == "Location.PostalCode";
        match self.field.op {
            "keep" => "\"keep\"",
            "geo" if is_degrees => "{ op = \"geo\", decimals = 1 }",
            "mask" if is_text && !is_number => "{ op = \"mask\", keep_first = 1 }",
            "hmac" if self.is_map && !is_number => "{ op = \"hmac\" }",
            "date_trunc" if self.is_map && !is_number => "{ op = \"date_trunc\", unit = \"year\" }",
            _ => "\"drop\"",
        }
    }
}
