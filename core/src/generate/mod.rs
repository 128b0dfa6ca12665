//! Synthetic segment files, with a list of the faults that were planted in them.
//!
//! A record depends only on the seed, the shape and its number, and a fault also on the format and the
//! share of faults. So the same recipe gives the same bytes on every machine, and a longer file begins with
//! the records of a shorter one.

mod encode;
mod fault;
mod person;
mod random;
mod record;

use fault::Fault;
use random::Random;
use record::Record;

/// What to write.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    pub records: u64,
    pub seed: u64,
    /// The share of records with a fault.
    pub bad: Share,
    pub format: Format,
    pub shape: Shape,
}

/// The format of a synthetic file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One object a line.
    Ndjson,
    /// RFC 4180 with a header and LF.
    Csv,
}

/// What the records of a synthetic file are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The same fields in every record, all of them in the schema.
    Plain,
    /// As exports have it: absent and null fields, inactive endpoints, fields that only exports have.
    Export,
    /// Contacts of a CRM, with its own names.
    Crm,
}

/// A share from 0 to 1, in steps of 2⁻³².
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl Share {
    /// `None` if the ratio is not from 0 to 1.
    pub fn new(ratio: f64) -> Option<Share> {
        (0.0..=1.0).contains(&ratio).then_some(Share(ratio))
    }

    /// Whether a number drawn from all of 32 bits is in the share. (All products are exact.)
    fn holds(self, drawn: u64) -> bool {
        let upper = u32::try_from(drawn >> 32).expect("32 bits are left");
        f64::from(upper) < self.0 * 2_f64.powi(32)
    }
}

/// A planted fault: a line of the truth file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Planted {
    /// The line of the record, 1-based; a CSV header is line 1.
    pub line: u64,
    /// The field of the reject; empty if the record as a whole is at fault.
    pub field: &'static str,
    pub code: &'static str,
}

/// A record that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its fault, if it has one.
    pub planted: Option<Planted>,
}

/// Writes a synthetic file record by record.
#[derive(Debug)]
pub struct Generator {
    recipe: Recipe,
    /// The number of records that were written.
    written: u64,
}

impl Generator {
    pub fn new(recipe: Recipe) -> Generator {
        Generator { recipe, written: 0 }
    }

    /// Appends the next record, after the header if it is the first. `None`: there are no more.
    pub fn push_next(&mut self, out: &mut String) -> Option<Written> {
        let Recipe { records, seed, format, shape, .. } = self.recipe;
        if self.written == 0 {
            self.push_header(out);
        }
        if self.written == records {
            return None;
        }
        let mut random = Random::of_record(seed, self.written);
        let mut record = Record::new(shape, self.written, &mut random);
        // An inactive endpoint is dropped before it is checked, so a fault in it causes no reject.
        let is_checked = !record.has_text("EndpointStatus", "INACTIVE");
        let is_bad = self.recipe.bad.holds(random.number()) && is_checked;
        let fault = is_bad.then(|| Fault::draw(format, shape, &mut random));
        if let Some(fault) = fault {
            fault.change_record(&mut record, &mut random);
        }
        let start = out.len();
        self.push_record(&record, out);
        if let Some(fault) = fault {
            let mut line = out.split_off(start);
            line.pop();
            fault.change_line(&mut line, &mut random);
            out.push_str(&line);
            out.push('\n');
        }
        self.written += 1;
        let line = self.written + self.header_lines();
        let planted = fault.map(|fault| Planted { line, field: fault.field, code: fault.code });
        Some(Written { planted })
    }

    fn push_header(&self, out: &mut String) {
        match self.recipe.format {
            Format::Ndjson => {}
            Format::Csv => encode::push_csv_header(self.columns(), out),
        }
    }

    fn header_lines(&self) -> u64 {
        match self.recipe.format {
            Format::Ndjson => 0,
            Format::Csv => 1,
        }
    }

    fn push_record(&self, record: &Record, out: &mut String) {
        match self.recipe.format {
            Format::Ndjson => encode::push_json_line(record, out),
            Format::Csv => encode::push_csv_row(record, self.columns(), out),
        }
    }

    fn columns(&self) -> &'static [&'static str] {
        match self.recipe.shape {
            Shape::Plain => record::PLAIN_COLUMNS,
            Shape::Export => record::EXPORT_COLUMNS,
            Shape::Crm => record::CRM_COLUMNS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file and the planted faults.
    fn generated(recipe: Recipe) -> (String, Vec<Planted>) {
        let mut generator = Generator::new(recipe);
        let (mut file, mut truth) = (String::new(), Vec::new());
        while let Some(written) = generator.push_next(&mut file) {
            truth.extend(written.planted);
        }
        (file, truth)
    }

    fn recipe(format: Format, shape: Shape) -> Recipe {
        let bad = Share::new(0.25).expect("a ratio");
        Recipe { records: 400, seed: 7, bad, format, shape }
    }

    const FORMATS: [Format; 2] = [Format::Ndjson, Format::Csv];
    const SHAPES: [Shape; 3] = [Shape::Plain, Shape::Export, Shape::Crm];

    #[test]
    fn a_longer_file_begins_with_a_shorter_one() {
        for (format, shape) in FORMATS.into_iter().flat_map(|f| SHAPES.map(|shape| (f, shape))) {
            let (long, truth) = generated(recipe(format, shape));
            let (short, first) = generated(Recipe { records: 150, ..recipe(format, shape) });
            assert!(long.starts_with(&short) && truth.starts_with(&first), "{format:?} {shape:?}");
            let (other, _) = generated(Recipe { seed: 8, ..recipe(format, shape) });
            assert_ne!(long, other, "another seed gives other records");
        }
    }

    #[test]
    fn a_share_of_zero_plants_nothing_and_of_one_plants_a_fault_in_every_record() {
        for (ratio, expected) in [(0.0, 0), (1.0, 400)] {
            let bad = Share::new(ratio).expect("a ratio");
            let (_, truth) = generated(Recipe { bad, ..recipe(Format::Csv, Shape::Plain) });
            assert_eq!(truth.len(), expected);
        }
        assert!([-0.1, 1.1, f64::NAN].into_iter().all(|ratio| Share::new(ratio).is_none()));
    }

    #[test]
    fn addresses_and_numbers_belong_to_nobody() {
        for (format, shape) in FORMATS.into_iter().flat_map(|f| SHAPES.map(|shape| (f, shape))) {
            let bad = Share::new(0.0).expect("a ratio");
            let (file, _) = generated(Recipe { bad, ..recipe(format, shape) });
            let ends = |c: char| matches!(c, '"' | ',' | '\n');
            for word in file.split(ends).filter(|word| word.contains('@')) {
                let host = word.rsplit('@').next().unwrap_or_default();
                let labels: Vec<&str> = host.rsplit('.').collect();
                assert_eq!(labels.get(1), Some(&"example"), "{host}");
            }
            for word in file.split(ends).filter(|word| word.starts_with("+1")) {
                assert_eq!(word.get(5..10), Some("55501"), "{word}");
            }
        }
    }
}
