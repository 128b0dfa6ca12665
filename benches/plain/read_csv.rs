//! Reads CSV with dotted headers, with the `csv` crate.
//!
//! The header is turned into a list of setters once. An empty cell is an absent field. Columns with the
//! same name are the values of one list.

use std::{error::Error, fs::File, path::Path};

use csv::{ReaderBuilder, StringRecord};
use serde_json::Number;

use super::{
    BUFFER_BYTES, Job,
    check::Problem,
    endpoint::{Endpoint, Named},
};

/// The field that the cells of a column set.
enum Column {
    Text(Place<String>),
    Number(Place<Number>),
    Attribute(String),
    Metric(String),
    UserAttribute(String),
    Unknown,
}

type Place<T> = fn(&mut Endpoint) -> &mut Option<T>;

pub(super) fn read(path: &Path, job: &mut Job) -> Result<(), Box<dyn Error>> {
    let input = File::open(path)?;
    let mut reader =
        ReaderBuilder::new().buffer_capacity(BUFFER_BYTES).flexible(true).from_reader(input);
    let columns: Vec<Column> = reader.headers()?.iter().map(column).collect();
    let mut row = StringRecord::new();
    while reader.read_record(&mut row)? {
        let line = row.position().map_or(0, csv::Position::line);
        job.take(line, endpoint(&columns, &row))?;
    }
    Ok(())
}

fn endpoint(columns: &[Column], row: &StringRecord) -> Result<Endpoint, Problem> {
    if columns.len() != row.len() {
        return Err(Problem::new("", "csv_syntax"));
    }
    let mut endpoint = Endpoint::default();
    for (column, cell) in columns.iter().zip(row) {
        if !cell.is_empty() {
            column.set(&mut endpoint, cell)?;
        }
    }
    Ok(endpoint)
}

impl Column {
    fn set(&self, endpoint: &mut Endpoint, cell: &str) -> Result<(), Problem> {
        match self {
            Column::Text(place) => *place(endpoint) = Some(cell.to_owned()),
            Column::Number(place) => *place(endpoint) = Some(number(cell)?),
            Column::Attribute(name) => push(&mut endpoint.attributes, name, cell),
            Column::Metric(name) => {
                let metrics = endpoint.metrics.get_or_insert_default();
                metrics.0.push((name.clone(), number(cell)?));
            }
            Column::UserAttribute(name) => {
                push(&mut endpoint.user.get_or_insert_default().user_attributes, name, cell);
            }
            Column::Unknown => {}
        }
        Ok(())
    }
}

fn push(map: &mut Option<Named<Vec<String>>>, name: &str, cell: &str) {
    map.get_or_insert_default().entry(name).push(cell.to_owned());
}

fn number(cell: &str) -> Result<Number, Problem> {
    cell.parse().ok().ok_or_else(|| Problem::new("", "type"))
}

fn column(header: &str) -> Column {
    let name = header.trim();
    if let Some(name) = name.strip_prefix("Attributes.") {
        Column::Attribute(name.to_owned())
    } else if let Some(name) = name.strip_prefix("Metrics.") {
        Column::Metric(name.to_owned())
    } else if let Some(name) = name.strip_prefix("User.UserAttributes.") {
        Column::UserAttribute(name.to_owned())
    } else {
        field(name)
    }
}

fn field(name: &str) -> Column {
    match name {
        "Id" => Column::Text(|e| &mut e.id),
        "ChannelType" => Column::Text(|e| &mut e.channel_type),
        "Address" => Column::Text(|e| &mut e.address),
        "OptOut" => Column::Text(|e| &mut e.opt_out),
        "EndpointStatus" => Column::Text(|e| &mut e.endpoint_status),
        "EffectiveDate" => Column::Text(|e| &mut e.effective_date),
        "RequestId" => Column::Text(|e| &mut e.request_id),
        "User.UserId" => Column::Text(|e| &mut e.user.get_or_insert_default().user_id),
        _ => demographic_field(name).or_else(|| location_field(name)).unwrap_or(Column::Unknown),
    }
}

fn demographic_field(name: &str) -> Option<Column> {
    let place: Place<String> = match name.strip_prefix("Demographic.")? {
        "AppVersion" => |e| &mut e.demographic.get_or_insert_default().app_version,
        "Locale" => |e| &mut e.demographic.get_or_insert_default().locale,
        "Make" => |e| &mut e.demographic.get_or_insert_default().make,
        "Model" => |e| &mut e.demographic.get_or_insert_default().model,
        "ModelVersion" => |e| &mut e.demographic.get_or_insert_default().model_version,
        "Platform" => |e| &mut e.demographic.get_or_insert_default().platform,
        "PlatformVersion" => |e| &mut e.demographic.get_or_insert_default().platform_version,
        "Timezone" => |e| &mut e.demographic.get_or_insert_default().timezone,
        _ => return None,
    };
    Some(Column::Text(place))
}

fn location_field(name: &str) -> Option<Column> {
    Some(match name.strip_prefix("Location.")? {
        "City" => Column::Text(|e| &mut e.location.get_or_insert_default().city),
        "Country" => Column::Text(|e| &mut e.location.get_or_insert_default().country),
        "Latitude" => Column::Number(|e| &mut e.location.get_or_insert_default().latitude),
        "Longitude" => Column::Number(|e| &mut e.location.get_or_insert_default().longitude),
        "PostalCode" => Column::Text(|e| &mut e.location.get_or_insert_default().postal_code),
        "Region" => Column::Text(|e| &mut e.location.get_or_insert_default().region),
        _ => return None,
    })
}
