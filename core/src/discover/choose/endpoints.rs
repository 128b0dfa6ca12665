//! Several addresses in one row: which columns become `[[input.endpoint]]` of a definition, and which column
//! says who has opted out of which.
//!
//! - A column for one channel (`SMS Opt Out`) belongs to its endpoints; one for all (`Unsubscribed`) is shared.
//! - An endpoint has one opt-out. Where a row has two for it, nobody can tell here which of them counts, so the
//!   definition stays open.
//! - A column belongs to one endpoint. Where two would need the same, one of them is left out, with the line that
//!   says so: none is proposed without the opt-out that it has.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Chosen, Found, address_channel};
use crate::decode::Sense;
use crate::discover::meaning::{By, Knowledge};
use crate::discover::report::{FieldReport, Inputs, ScanReport};
use crate::schema::Role;

/// The most endpoints that are proposed.
const ENDPOINTS_MAX: usize = 16;

/// An endpoint of a row.
#[derive(Clone, Debug)]
pub(in crate::discover) struct Endpoint {
    pub(in crate::discover) channel: String,
    /// Why it is this one.
    pub(in crate::discover) reason: &'static str,
}

/// What a column of opt-outs is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Email,
    Texts,
    Calls,
    /// A channel that no endpoint here has.
    Other,
    Everything,
}

/// An address of a row.
struct Candidate<'a> {
    field: &'a FieldReport,
    channel: &'static str,
    reason: &'static str,
    /// The column of its opt-out, as an index.
    opt_out: Option<usize>,
}

/// Gives the rows of a definition several endpoints if they have several addresses. `report` is what `chosen` was
/// chosen from.
pub(super) fn split<'a>(report: &'a ScanReport, chosen: &mut Chosen<'a>, knowledge: &Knowledge) {
    let path = |role| knowledge.role_path(role);
    let has_channel = chosen.fields.iter().any(|found| found.path == path(Role::Channel));
    if !is_csv(report) || has_channel || chosen.columns.is_some() {
        return;
    }
    let opt_outs = opt_outs(report, knowledge);
    let mut candidates = candidates(report, knowledge);
    let rivals = assign(&mut candidates, &opt_outs);
    if candidates.len() < 2 || !are_in_one_row(&candidates) {
        return;
    }
    let used = |number: usize| candidates.iter().filter(move |one| one.opt_out == Some(number));
    let is_shared = |number: usize| used(number).count() == candidates.len();
    let is_role =
        |found: &Found<'_>| [Role::Address, Role::OptOut].iter().any(|r| found.path == path(*r));
    chosen.fields.retain(|found| !is_role(found));
    for (number, candidate) in candidates.iter().enumerate() {
        chosen.fields.push(Found::of_endpoint(candidate.field, Some(number), knowledge));
        chosen
            .endpoints
            .push(Endpoint { channel: candidate.channel.to_owned(), reason: candidate.reason });
    }
    for (number, field) in opt_outs.iter().enumerate() {
        let owner = candidates.iter().position(|one| one.opt_out == Some(number));
        if let Some(owner) = owner {
            let owner = (!is_shared(number)).then_some(owner);
            chosen.fields.push(Found::of_endpoint(field, owner, knowledge));
        }
    }
    chosen.fields.sort_by_key(|found| found.field.column);
    let is_chosen =
        |field: &FieldReport| chosen.fields.iter().any(|f| std::ptr::eq(f.field, field));
    let named = |role: Role| {
        let of_role =
            report.fields.iter().filter(move |field| field.field.as_deref() == Some(path(role)));
        of_role.filter(|field| !is_chosen(field) && field.by != Some(By::Name))
    };
    chosen.ignored = named(Role::OptOut).filter_map(|field| field.origin.name.clone()).collect();
    chosen.other_addresses = named(Role::Address)
        .filter(|field| 0 < field.values_met())
        .map(name_of)
        .map(str::to_owned)
        .filter(|name| !name.is_empty())
        .collect();
    chosen.unknown = report.fields.iter().filter(|field| !is_chosen(field)).count();
    if chosen
        .fields
        .iter()
        .any(|found| found.endpoint.is_some() && found.name == path(Role::Address))
    {
        chosen.away.retain(|(name, ..)| name != path(Role::Address));
    }
    chosen.constant = None;
    chosen.is_users_only = false;
    chosen.rival_opt_outs =
        rivals.iter().filter_map(|number| opt_outs.get(*number)?.origin.name.clone()).collect();
    give_own_ids(chosen, knowledge);
}

/// Whether a row may have all of these addresses.
fn are_in_one_row(candidates: &[Candidate<'_>]) -> bool {
    let all = candidates.iter().map(|one| &one.field.origin.inputs);
    all.clone().all(|one| all.clone().all(|other| one.may_meet(other)))
}

/// Takes the opt-out of the channel of the addresses, or one for all channels, if there is one beside that of another
/// channel. If CSV has several of them, somebody has to decide.
pub(super) fn prefer_own_opt_out<'a>(
    report: &'a ScanReport,
    chosen: &mut Chosen<'a>,
    knowledge: &Knowledge,
) {
    let opt_out = knowledge.role_path(Role::OptOut);
    let Some((_, channel, _)) = &chosen.constant else { return };
    let Some(found) = chosen.fields.iter_mut().find(|found| found.path == opt_out) else { return };
    let all = opt_outs(report, knowledge);
    let own = opt_outs_of(channel, &all).into_iter();
    let own: Vec<&FieldReport> = own.filter_map(|number| all.get(number).copied()).collect();
    if let Some(better) = own.first()
        && !own.iter().any(|one| std::ptr::eq(*one, found.field))
    {
        chosen.ignored.retain(|name| name != name_of(better));
        chosen.ignored.push(found.name.clone());
        *found = Found::of_endpoint(better, None, knowledge);
    }
}

/// Asks about fields that say who has opted out of the same messages: if a record may have two of them, and if an input
/// has only one that is not written. A channel that records have themselves may be any.
pub(super) fn ask_about_rivals(
    report: &ScanReport,
    chosen: &mut Chosen<'_>,
    knowledge: &Knowledge,
) {
    if !chosen.endpoints.is_empty() {
        return;
    }
    let all: Vec<&FieldReport> =
        report.fields.iter().filter(|field| is_opt_out(field, knowledge)).collect();
    let of_messages: Vec<&FieldReport> = match &chosen.constant {
        Some((_, channel, _)) => {
            let own = opt_outs_of(channel, &all).into_iter();
            own.filter_map(|number| all.get(number).copied()).collect()
        }
        None => all.into_iter().filter(|field| about(field) != About::Other).collect(),
    };
    let is_written =
        |field: &FieldReport| chosen.fields.iter().any(|found| std::ptr::eq(found.field, field));
    let written = of_messages.iter().filter(|field| is_written(field));
    let inputs: Vec<&Inputs> = written.map(|field| &field.origin.inputs).collect();
    let sure = opt_outs(report, knowledge);
    let is_asked = |field: &FieldReport| {
        let is_sure = sure.iter().any(|one| std::ptr::eq(*one, field));
        !is_written(field) && (is_sure || !field.origin.inputs.are_among(&inputs))
    };
    if inputs.is_empty() || !of_messages.iter().any(|field| is_asked(field)) {
        return;
    }
    let rivals = of_messages.into_iter().filter(|field| is_written(field) || is_asked(field));
    let rivals: Vec<&FieldReport> = rivals.collect();
    let is_opposite = |field: &&FieldReport| field.origin.sense == Sense::Opposite;
    chosen.rivals_disagree = rivals.iter().any(is_opposite) && !rivals.iter().all(is_opposite);
    let names = rivals.into_iter().map(name_of).map(str::to_owned);
    chosen.rival_opt_outs = names.collect();
    chosen.ignored.retain(|name| !chosen.rival_opt_outs.contains(name));
}

fn is_csv(report: &ScanReport) -> bool {
    report.files.iter().all(|file| file.format == Some("csv"))
}

/// The endpoints of a row can't share an id: it stands for the person, or for nothing.
fn give_own_ids(chosen: &mut Chosen<'_>, knowledge: &Knowledge) {
    let (id, user) = (knowledge.role_path(Role::Id), knowledge.role_path(Role::UserId));
    let has_user = chosen.fields.iter().any(|found| found.path == user);
    for found in chosen.fields.iter_mut().filter(|found| found.path == id) {
        if has_user {
            chosen.drops_id = true;
        } else {
            user.clone_into(&mut found.path);
            found.is_renamed = true;
        }
    }
}

/// The fields that say who has opted out. Those that say when or why count if there is no other, and then those that
/// only may say so.
fn opt_outs<'a>(report: &'a ScanReport, knowledge: &Knowledge) -> Vec<&'a FieldReport> {
    let all = || report.fields.iter().filter(|field| is_opt_out(field, knowledge));
    let (details, others): (Vec<_>, Vec<_>) = all().partition(|field| is_detail(field));
    let (statuses, sure): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|field| field.origin.is_status);
    let fullest = |is_bounce: bool| {
        let of_kind = details.iter().filter(move |field| is_of_bounces(field) == is_bounce);
        of_kind.copied().max_by_key(|field| (field.present, Reverse(field.column)))
    };
    if !sure.is_empty() {
        return sure;
    }
    let details: Vec<_> = [false, true].into_iter().filter_map(fullest).collect();
    if details.is_empty() { statuses } else { details }
}

fn is_detail(field: &FieldReport) -> bool {
    field.origin.sense == Sense::Details
}

/// Whether it is about addresses that bounced for good, and not about people who did not want more.
fn is_of_bounces(field: &FieldReport) -> bool {
    name_of(field).to_lowercase().starts_with("clean")
}

/// Asks about fields that say when or why somebody opted out, if no field says whether for some of the messages.
pub(super) fn ask_about_details(
    report: &ScanReport,
    chosen: &mut Chosen<'_>,
    knowledge: &Knowledge,
) {
    let opt_out = knowledge.role_path(Role::OptOut);
    let told: Vec<&Found<'_>> =
        chosen.fields.iter().filter(|found| found.path == opt_out).collect();
    let is_told = |number: usize| {
        told.iter().any(|found| found.endpoint.is_none_or(|endpoint| endpoint == number))
    };
    let all_are_told = match &chosen.constant {
        Some((_, channel, _)) => {
            told.iter().any(|found| !opt_outs_of(channel, &[found.field]).is_empty())
        }
        None if chosen.endpoints.is_empty() => !told.is_empty(),
        None => (0..chosen.endpoints.len()).all(is_told),
    };
    if all_are_told {
        return;
    }
    let is_asked = |field: &&FieldReport| {
        is_opt_out(field, knowledge) && is_detail(field) && about(field) == About::Everything
    };
    let details = report.fields.iter().filter(is_asked).map(name_of).map(str::to_owned);
    chosen.opt_out_details = details.collect();
    chosen.ignored.retain(|name| !chosen.opt_out_details.contains(name));
}

fn is_opt_out(field: &FieldReport, knowledge: &Knowledge) -> bool {
    field.field.as_deref() == Some(knowledge.role_path(Role::OptOut))
        && field.origin.name.is_some()
        && 0 < field.values_met()
}

/// The addresses of a row, in the order of their columns.
fn candidates<'a>(report: &'a ScanReport, knowledge: &Knowledge) -> Vec<Candidate<'a>> {
    let (address, channel) =
        (knowledge.role_path(Role::Address), knowledge.role_path(Role::Channel));
    let mut found: Vec<Candidate<'a>> = Vec::new();
    for field in report.fields.iter().filter(|field| field.field.as_deref() == Some(address)) {
        let named = field.origin.constants.iter().find(|(name, _)| name == channel);
        let (channel, reason) = match (named.map(|(_, word)| word.as_str()), address_channel(field))
        {
            (Some("EMAIL"), _) => ("EMAIL", "by the name of its column"),
            (Some("SMS"), _) => ("SMS", "by the name of its column"),
            (_, Some(channel)) => (channel, "by its values"),
            (_, None) => continue,
        };
        let is_new = !found.iter().any(|one| one.field.origin.name == field.origin.name);
        if field.origin.name.is_some() && is_new && 0 < field.values_met() {
            found.push(Candidate { field, channel, reason, opt_out: None });
        }
    }
    // What is found by values alone may be the same address again.
    let is_named = |one: &Candidate<'_>| one.field.by != Some(By::Values);
    let named: Vec<&str> =
        found.iter().filter(|one| is_named(one)).map(|one| one.channel).collect();
    found.retain(|one| is_named(one) || !named.contains(&one.channel));
    let is_mobile = |one: &Candidate<'_>| one.channel == "SMS" && is_of_mobile(name_of(one.field));
    if found.iter().any(is_mobile) {
        for one in found.iter_mut().filter(|one| one.channel == "SMS") {
            if !is_of_mobile(name_of(one.field)) {
                (one.channel, one.reason) = ("VOICE", "another column has mobile numbers");
            }
        }
    }
    found.sort_by_key(|one| one.field.column);
    found.truncate(ENDPOINTS_MAX);
    found
}

fn name_of(field: &FieldReport) -> &str {
    field.origin.name.as_deref().unwrap_or_default()
}

/// Whether the name of a column says that its numbers are those of mobile phones.
fn is_of_mobile(name: &str) -> bool {
    const WORDS: [&str; 9] =
        ["mobil", "cell", "sms", "text", "handy", "portable", "celular", "móvil", "telemóvel"];
    let name = name.to_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// What a column of opt-outs is about, by its name.
fn about(field: &FieldReport) -> About {
    const WORDS: [(About, &[&str]); 4] = [
        (About::Email, &["email", "e-mail", "e_mail", "mail"]),
        (About::Texts, &["sms", "text"]),
        (About::Calls, &["call", "phone", "voice", "mobile"]),
        (About::Other, &["fax", "push", "whatsapp", "tracking"]),
    ];
    let name = name_of(field).to_lowercase();
    let found = WORDS.into_iter().find(|(_, words)| words.iter().any(|word| name.contains(word)));
    found.map_or(About::Everything, |(about, _)| about)
}

/// The columns that say who has opted out of a channel, by their indices: those for it alone, and then those for all.
fn opt_outs_of(channel: &str, opt_outs: &[&FieldReport]) -> Vec<usize> {
    let of = |what: About| -> Vec<usize> {
        let all = opt_outs.iter().enumerate();
        all.filter(|(_, field)| about(field) == what).map(|(number, _)| number).collect()
    };
    let own = match channel {
        "EMAIL" => of(About::Email),
        "VOICE" => of(About::Calls),
        // Who does not want calls is not sent text messages, unless there is a column for these.
        _ if of(About::Texts).is_empty() => of(About::Calls),
        _ => of(About::Texts),
    };
    own.into_iter().chain(of(About::Everything)).collect()
}

/// Gives each address the column of its opt-out, and leaves out those that another one needs the column of.
/// Returns the columns of which an address has several, so that somebody has to decide.
fn assign(candidates: &mut Vec<Candidate<'_>>, opt_outs: &[&FieldReport]) -> BTreeSet<usize> {
    let mut rivals = BTreeSet::new();
    for one in candidates.iter_mut() {
        let all = opt_outs_of(one.channel, opt_outs);
        one.opt_out = all.first().copied();
        if 1 < all.len() {
            rivals.extend(all);
        }
    }
    let first = candidates.first().and_then(|one| one.opt_out);
    if candidates.iter().all(|one| one.opt_out == first) {
        return rivals;
    }
    // Text messages before calls, and else the first column.
    let mut taken: Vec<usize> = Vec::new();
    for is_call in [false, true] {
        candidates.retain(|one| {
            let Some(column) = one.opt_out.filter(|_| (one.channel == "VOICE") == is_call) else {
                return true;
            };
            let is_free = !taken.contains(&column);
            taken.push(column);
            is_free
        });
    }
    rivals
}
