//! The records of Arrow batches as lines of JSON, so that they take the same way through the decoder as those of a
//! file. `part.rs` reads parts in this way, and `src/run/clean` batches of other programs.
//!
//! A batch with one column of text holds lines of JSON already. Any other batch has a record in each row: columns
//! are fields, structs are objects, and what is null is absent. A value that JSON does not have (an infinite number,
//! an instant beyond the calendar) becomes an empty text, which the checks find.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowNumericType, BooleanArray, Float32Array, Float64Array, Int64Array,
    LargeStringArray, PrimitiveArray, RecordBatch, StringArray, StringViewArray, UInt64Array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, FieldRef, Fields, TimeUnit};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// About how much text a row of columns has.
const ROW_BYTES: usize = 512;

/// A batch, ready to be written as lines of JSON.
pub enum BatchText {
    /// Each cell of its only column has lines.
    Lines(LinesColumn),
    /// Each row is a record.
    Rows(JsonRows),
}

/// A column of a type that no field has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownType {
    /// The position of the column, from 1.
    pub column: usize,
    /// Says nothing that the data could say.
    pub data_type: String,
}

impl BatchText {
    /// # Errors
    ///
    /// If a column has a type that no field has.
    pub fn new(batch: &RecordBatch) -> Result<BatchText, UnknownType> {
        if let ([array], [field]) = (batch.columns(), batch.schema_ref().fields().as_ref())
            && let Some(texts) = Texts::new(array)
        {
            return Ok(BatchText::Lines(LinesColumn { field: Arc::clone(field), texts }));
        }
        JsonRows::new(batch).map(BatchText::Rows)
    }

    /// About how many bytes the text of a row has.
    pub fn bytes(&self, row: usize) -> usize {
        match self {
            BatchText::Lines(lines) => lines.texts.get(row).map_or(0, str::len) + 1,
            BatchText::Rows(_) => ROW_BYTES,
        }
    }

    /// Divides so many rows into pieces with about that much text.
    pub fn pieces(&self, rows: usize, bytes: usize) -> Vec<Range<usize>> {
        let (mut pieces, mut start, mut size) = (Vec::new(), 0, 0);
        for row in 0..rows {
            size += self.bytes(row);
            if bytes <= size || row + 1 == rows {
                pieces.push(start..row + 1);
                (start, size) = (row + 1, 0);
            }
        }
        pieces
    }

    /// Appends the text of a row of the batch, with its line end.
    pub fn push(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            BatchText::Lines(lines) => {
                out.extend_from_slice(lines.texts.get(row).unwrap_or("").as_bytes());
                out.push(b'\n');
            }
            BatchText::Rows(rows) => rows.push(row, out),
        }
    }
}

/// A column of lines.
pub struct LinesColumn {
    field: FieldRef,
    texts: Texts,
}

impl LinesColumn {
    pub fn field(&self) -> &FieldRef {
        &self.field
    }
}

/// Texts, in one of the layouts that Arrow has for them.
enum Texts {
    Short(StringArray),
    Long(LargeStringArray),
    Views(StringViewArray),
}

impl Texts {
    /// `None`: the array has no texts.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the types are Arrow's and may grow")]
    fn new(array: &dyn Array) -> Option<Texts> {
        Some(match array.data_type() {
            DataType::Utf8 => Texts::Short(array.as_string().clone()),
            DataType::LargeUtf8 => Texts::Long(array.as_string().clone()),
            DataType::Utf8View => Texts::Views(array.as_string_view().clone()),
            _ => return None,
        })
    }

    fn array(&self) -> &dyn Array {
        match self {
            Texts::Short(array) => array,
            Texts::Long(array) => array,
            Texts::Views(array) => array,
        }
    }

    /// `None`: it is null.
    fn get(&self, row: usize) -> Option<&str> {
        self.array().is_valid(row).then(|| match self {
            Texts::Short(array) => array.value(row),
            Texts::Long(array) => array.value(row),
            Texts::Views(array) => array.value(row),
        })
    }
}

/// Rows of columns.
pub struct JsonRows {
    members: Members,
}

impl JsonRows {
    /// # Errors
    ///
    /// If a column has a type that no field has.
    pub fn new(batch: &RecordBatch) -> Result<JsonRows, UnknownType> {
        let columns = batch.schema_ref().fields().iter().zip(batch.columns()).enumerate();
        let members = columns.map(|(number, (field, array))| {
            let unknown = |data_type| UnknownType { column: number + 1, data_type };
            Ok((name_of(field), Values::new(array).map_err(unknown)?))
        });
        Ok(JsonRows { members: Members(members.collect::<Result<_, _>>()?) })
    }

    /// Appends a row, with its line end.
    pub fn push(&self, row: usize, out: &mut Vec<u8>) {
        self.members.push(row, out);
        out.push(b'\n');
    }
}

/// The members of an object: their names as JSON, with the colon, and their values.
struct Members(Vec<(Vec<u8>, Values)>);

fn name_of(field: &FieldRef) -> Vec<u8> {
    let mut name = Vec::new();
    push_json(field.name(), &mut name);
    name.push(b':');
    name
}

impl Members {
    fn new(fields: &Fields, arrays: &[ArrayRef]) -> Result<Members, String> {
        let members = fields.iter().zip(arrays);
        let members = members.map(|(field, array)| Ok((name_of(field), Values::new(array)?)));
        members.collect::<Result<_, String>>().map(Members)
    }

    fn push(&self, row: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut is_first = true;
        for (name, values) in self.0.iter().filter(|(_, values)| values.is_valid(row)) {
            push_comma(&mut is_first, out);
            out.extend_from_slice(name);
            values.push(row, out);
        }
        out.push(b'}');
    }
}

/// An array, by what its values become.
enum Values {
    /// All are null.
    Nothing,
    Text(Texts),
    Boolean(BooleanArray),
    Signed(Int64Array),
    Unsigned(UInt64Array),
    Single(Float32Array),
    Double(Float64Array),
    Date(PrimitiveArray<Date32Type>),
    Instant(Instants),
    Object {
        nulls: Option<NullBuffer>,
        members: Members,
    },
    List {
        array: Lists,
        items: Box<Values>,
    },
    Map {
        ranges: Lists,
        names: Box<Values>,
        values: Box<Values>,
    },
    Dictionary {
        nulls: Option<NullBuffer>,
        keys: Vec<usize>,
        values: Box<Values>,
    },
}

/// Which items each row has.
struct Lists {
    nulls: Option<NullBuffer>,
    /// The first item of each row, and the end of the last one.
    offsets: Vec<usize>,
}

impl Lists {
    fn new<O: Copy>(
        nulls: Option<&NullBuffer>,
        offsets: &[O],
        usize_of: impl Fn(O) -> usize,
    ) -> Lists {
        let offsets = offsets.iter().map(|offset| usize_of(*offset)).collect();
        Lists { nulls: nulls.cloned(), offsets }
    }

    fn items(&self, row: usize) -> Range<usize> {
        let at = |index: usize| self.offsets.get(index).copied().unwrap_or(0);
        at(row)..at(row + 1)
    }
}

/// Points in time.
struct Instants {
    /// The time since 1970 of each row.
    times: Vec<SignedDuration>,
    nulls: Option<NullBuffer>,
    /// Whether they are instants, and not times of some unknown zone.
    has_zone: bool,
}

impl Instants {
    fn new<T: ArrowPrimitiveType<Native = i64>>(
        array: &dyn Array,
        has_zone: bool,
        time: impl Fn(i64) -> SignedDuration,
    ) -> Instants {
        let times = array.as_primitive::<T>().values().iter().map(|value| time(*value));
        Instants { times: times.collect(), nulls: array.nulls().cloned(), has_zone }
    }

    fn of(unit: TimeUnit, array: &dyn Array, zone: bool) -> Instants {
        let (secs, millis) = (SignedDuration::from_secs, SignedDuration::from_millis);
        let (micros, nanos) = (SignedDuration::from_micros, SignedDuration::from_nanos);
        match unit {
            TimeUnit::Second => Instants::new::<TimestampSecondType>(array, zone, secs),
            TimeUnit::Millisecond => Instants::new::<TimestampMillisecondType>(array, zone, millis),
            TimeUnit::Microsecond => Instants::new::<TimestampMicrosecondType>(array, zone, micros),
            TimeUnit::Nanosecond => Instants::new::<TimestampNanosecondType>(array, zone, nanos),
        }
    }

    /// The text of a row; empty if it is beyond the calendar.
    fn text(&self, row: usize) -> String {
        let time = self.times.get(row).copied().unwrap_or_default();
        let Ok(instant) = Timestamp::from_duration(time) else { return String::new() };
        if self.has_zone {
            return instant.to_string();
        }
        DateTime::from(instant.to_zoned(TimeZone::UTC)).to_string()
    }
}

/// Whether the row is not null.
fn is_valid(nulls: Option<&NullBuffer>, row: usize) -> bool {
    nulls.is_none_or(|nulls| nulls.is_valid(row))
}

fn widened<T, W>(array: &dyn Array) -> PrimitiveArray<W>
where
    T: ArrowPrimitiveType,
    W: ArrowNumericType,
    W::Native: From<T::Native>,
{
    array.as_primitive::<T>().unary(W::Native::from)
}

impl Values {
    /// The error is the name of a type that no field has.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the types are Arrow's and may grow")]
    fn new(array: &dyn Array) -> Result<Values, String> {
        if let Some(texts) = Texts::new(array) {
            return Ok(Values::Text(texts));
        }
        let nulls = array.nulls();
        Ok(match array.data_type() {
            DataType::Null => Values::Nothing,
            DataType::Boolean => Values::Boolean(array.as_boolean().clone()),
            DataType::Int8 => Values::Signed(widened::<Int8Type, Int64Type>(array)),
            DataType::Int16 => Values::Signed(widened::<Int16Type, Int64Type>(array)),
            DataType::Int32 => Values::Signed(widened::<Int32Type, Int64Type>(array)),
            DataType::Int64 => Values::Signed(array.as_primitive().clone()),
            DataType::UInt8 => Values::Unsigned(widened::<UInt8Type, UInt64Type>(array)),
            DataType::UInt16 => Values::Unsigned(widened::<UInt16Type, UInt64Type>(array)),
            DataType::UInt32 => Values::Unsigned(widened::<UInt32Type, UInt64Type>(array)),
            DataType::UInt64 => Values::Unsigned(array.as_primitive().clone()),
            DataType::Float32 => Values::Single(array.as_primitive::<Float32Type>().clone()),
            DataType::Float64 => Values::Double(array.as_primitive::<Float64Type>().clone()),
            DataType::Date32 => Values::Date(array.as_primitive().clone()),
            DataType::Timestamp(unit, zone) => {
                Values::Instant(Instants::of(*unit, array, zone.is_some()))
            }
            DataType::Struct(fields) => Values::Object {
                nulls: nulls.cloned(),
                members: Members::new(fields, array.as_struct().columns())?,
            },
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let array = Lists::new(nulls, list.value_offsets(), short);
                Values::List { array, items: Values::boxed(list.values())? }
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                let array = Lists::new(nulls, list.value_offsets(), long);
                Values::List { array, items: Values::boxed(list.values())? }
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let ranges = Lists::new(nulls, map.value_offsets(), short);
                let (names, values) = (Values::boxed(map.keys())?, Values::boxed(map.values())?);
                if !matches!(*names, Values::Text(_)) {
                    return Err("nested".to_owned());
                }
                Values::Map { ranges, names, values }
            }
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                let (nulls, keys) = (dictionary.keys().nulls().cloned(), keys_of(array));
                Values::Dictionary { nulls, keys, values: Values::boxed(dictionary.values())? }
            }
            // The names of what is inside may be data.
            other if other.is_nested() => return Err("nested".to_owned()),
            other => return Err(other.to_string()),
        })
    }

    fn boxed(array: &dyn Array) -> Result<Box<Values>, String> {
        Values::new(array).map(Box::new)
    }

    fn is_valid(&self, row: usize) -> bool {
        match self {
            Values::Nothing => false,
            Values::Text(texts) => texts.array().is_valid(row),
            Values::Boolean(array) => array.is_valid(row),
            Values::Signed(array) => array.is_valid(row),
            Values::Unsigned(array) => array.is_valid(row),
            Values::Single(array) => array.is_valid(row),
            Values::Double(array) => array.is_valid(row),
            Values::Date(array) => array.is_valid(row),
            Values::Instant(instants) => is_valid(instants.nulls.as_ref(), row),
            Values::Object { nulls, .. } => is_valid(nulls.as_ref(), row),
            Values::List { array, .. } => is_valid(array.nulls.as_ref(), row),
            Values::Map { ranges, .. } => is_valid(ranges.nulls.as_ref(), row),
            Values::Dictionary { nulls, keys, values } => {
                is_valid(nulls.as_ref(), row)
                    && keys.get(row).is_some_and(|key| values.is_valid(*key))
            }
        }
    }

    /// Appends a value; null if it is null.
    fn push(&self, row: usize, out: &mut Vec<u8>) {
        if !self.is_valid(row) {
            return out.extend_from_slice(b"null");
        }
        match self {
            Values::Nothing => {}
            Values::Text(texts) => push_json(texts.get(row).unwrap_or(""), out),
            Values::Boolean(array) => push_json(&array.value(row), out),
            Values::Signed(array) => push_json(&array.value(row), out),
            Values::Unsigned(array) => push_json(&array.value(row), out),
            Values::Single(array) if array.value(row).is_finite() => {
                push_json(&array.value(row), out);
            }
            Values::Double(array) if array.value(row).is_finite() => {
                push_json(&array.value(row), out);
            }
            Values::Single(_) | Values::Double(_) => push_json("", out),
            Values::Date(array) => push_json(&date_text(array.value(row)), out),
            Values::Instant(instants) => push_json(&instants.text(row), out),
            Values::Object { members, .. } => members.push(row, out),
            Values::List { array, items } => {
                out.push(b'[');
                let mut is_first = true;
                for item in array.items(row) {
                    push_comma(&mut is_first, out);
                    items.push(item, out);
                }
                out.push(b']');
            }
            Values::Map { ranges, names, values } => {
                out.push(b'{');
                let mut is_first = true;
                for entry in ranges.items(row) {
                    push_comma(&mut is_first, out);
                    names.push(entry, out);
                    out.push(b':');
                    values.push(entry, out);
                }
                out.push(b'}');
            }
            Values::Dictionary { keys, values, .. } => {
                values.push(keys.get(row).copied().unwrap_or(0), out);
            }
        }
    }
}

/// The index of each row's value in the values of a dictionary.
fn keys_of(array: &dyn Array) -> Vec<usize> {
    let dictionary = array.as_any_dictionary();
    if dictionary.values().is_empty() { Vec::new() } else { dictionary.normalized_keys() }
}

fn short(offset: i32) -> usize {
    usize::try_from(offset).unwrap_or(0)
}

fn long(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or(0)
}

/// A day since 1970 as text; empty if it is beyond the calendar.
fn date_text(days: i32) -> String {
    let epoch = Date::constant(1970, 1, 1);
    // Farther away is beyond the calendar in any case.
    let days = i64::from(days.clamp(-5_000_000, 5_000_000));
    epoch.checked_add(days.days()).map(|date| date.to_string()).unwrap_or_default()
}

fn push_comma(is_first: &mut bool, out: &mut Vec<u8>) {
    if !*is_first {
        out.push(b',');
    }
    *is_first = false;
}

fn push_json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out.by_ref(), value).expect("memory");
}

impl std::fmt::Debug for BatchText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            BatchText::Lines(_) => "BatchText(lines)",
            BatchText::Rows(_) => "BatchText(rows)",
        })
    }
}

impl std::fmt::Debug for LinesColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LinesColumn({} cells)", self.texts.array().len())
    }
}

impl std::fmt::Debug for JsonRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JsonRows({} columns)", self.members.0.len())
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::builder::{ListBuilder, MapBuilder, StringBuilder};
    use arrow_array::types::Int32Type;
    use arrow_array::{
        BinaryArray, Date32Array, DictionaryArray, Int8Array, NullArray, StructArray,
        TimestampMicrosecondArray, TimestampSecondArray,
    };
    use arrow_schema::{Field, Schema};

    use super::*;

    fn rows(columns: Vec<(&str, ArrayRef)>) -> Result<Vec<String>, UnknownType> {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
            .collect();
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
        let text = BatchText::new(&batch)?;
        let line = |row| {
            let mut line = Vec::new();
            text.push(row, &mut line);
            String::from_utf8(line).unwrap().trim_end().to_owned()
        };
        Ok((0..batch.num_rows()).map(line).collect())
    }

    /// The array as the second column of two: its first value, and that a null is left out.
    fn check(array: ArrayRef, expected: &str) {
        let id: ArrayRef = Arc::new(StringArray::from(vec!["i"; array.len()]));
        let found = rows(vec![("Id", id), ("x", array)]).unwrap();
        assert_eq!(found[0], format!(r#"{{"Id":"i","x":{expected}}}"#));
        assert_eq!(found[1], r#"{"Id":"i"}"#);
    }

    #[test]
    fn values_become_json() {
        check(Arc::new(StringArray::from(vec![Some("a\"ü\n"), None])), r#""a\"ü\n""#);
        check(Arc::new(BooleanArray::from(vec![Some(true), None])), "true");
        check(Arc::new(Int8Array::from(vec![Some(-7), None])), "-7");
        check(Arc::new(UInt64Array::from(vec![Some(u64::MAX), None])), "18446744073709551615");
        check(Arc::new(Float32Array::from(vec![Some(0.1), None])), "0.1");
        check(Arc::new(Float64Array::from(vec![Some(1e300), None])), "1e+300");
        check(Arc::new(Float64Array::from(vec![Some(f64::NAN), None])), r#""""#);
        check(Arc::new(Date32Array::from(vec![Some(-1), None])), r#""1969-12-31""#);
        check(Arc::new(Date32Array::from(vec![Some(i32::MAX), None])), r#""""#);
        let dictionary: DictionaryArray<Int32Type> = [Some("EMAIL"), None].into_iter().collect();
        check(Arc::new(dictionary), r#""EMAIL""#);
    }

    #[test]
    fn instants_have_their_zone() {
        let array = TimestampMicrosecondArray::from(vec![Some(1_500_000), None]);
        check(Arc::new(array.clone()), r#""1970-01-01T00:00:01.5""#);
        let with_zone = array.with_timezone("Europe/Berlin");
        check(Arc::new(with_zone), r#""1970-01-01T00:00:01.5Z""#);
        let beyond = TimestampSecondArray::from(vec![Some(i64::MAX), None]);
        check(Arc::new(beyond.with_timezone("UTC")), r#""""#);
    }

    #[test]
    fn what_is_nested_keeps_its_form() {
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value([Some("a"), None]);
        lists.append_null();
        check(Arc::new(lists.finish()), r#"["a",null]"#);
        let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        map.keys().append_value("k");
        map.values().append_value("v");
        map.append(true).unwrap();
        map.append(false).unwrap();
        check(Arc::new(map.finish()), r#"{"k":"v"}"#);
        let city: ArrayRef = Arc::new(StringArray::from(vec![Some("Köln"), None]));
        let fields = Fields::from(vec![Field::new("City", DataType::Utf8, true)]);
        let nulls = NullBuffer::from(vec![true, false]);
        let structs = StructArray::new(fields, vec![city], Some(nulls));
        check(Arc::new(structs), r#"{"City":"Köln"}"#);
    }

    #[test]
    fn one_column_of_text_holds_lines() {
        let texts = vec![Some("{}"), None, Some("a\nb")];
        let arrays: [ArrayRef; 3] = [
            Arc::new(StringArray::from(texts.clone())),
            Arc::new(LargeStringArray::from(texts.clone())),
            Arc::new(StringViewArray::from(texts)),
        ];
        for array in arrays {
            assert_eq!(rows(vec![("any", array)]).unwrap(), ["{}", "", "a\nb"]);
        }
        assert_eq!(rows(vec![("Id", Arc::new(NullArray::new(1)))]).unwrap(), ["{}"]);
    }

    #[test]
    fn a_type_that_no_field_has_is_named_by_its_column() {
        let id: ArrayRef = Arc::new(StringArray::from(vec!["i"]));
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![b"x".as_slice()]));
        let found = rows(vec![("Id", id), ("private name", bytes)]).unwrap_err();
        assert_eq!(found, UnknownType { column: 2, data_type: "Binary".to_owned() });
    }

    #[test]
    fn pieces_are_all_rows_in_order() {
        let array: ArrayRef = Arc::new(StringArray::from(vec!["12345"; 10]));
        let field = Field::new("x", DataType::Utf8, true);
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap();
        let text = BatchText::new(&batch).unwrap();
        assert_eq!(text.pieces(10, 20), [0..4, 4..8, 8..10]);
        assert_eq!(text.pieces(10, 1).len(), 10);
        assert!(text.pieces(0, 1).is_empty());
    }
}
