//! Everything in a Parquet file, decompressed and decoded, as text.

use std::{fs::File, io::Write, path::Path};

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// The metadata of the footer and each value of each column, one per line.
pub(crate) fn texts(file: &Path) -> Vec<u8> {
    let reader =
        SerializedFileReader::new(File::open(file).expect("a file")).expect("it is Parquet");
    let mut texts = Vec::new();
    for entry in reader.metadata().file_metadata().key_value_metadata().into_iter().flatten() {
        push(&mut texts, entry.key.as_bytes());
        push(&mut texts, entry.value.as_deref().unwrap_or_default().as_bytes());
    }
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).expect("a row group");
        for column in 0..group.num_columns() {
            let column = group.get_column_reader(column).expect("a column");
            push_column(&mut texts, column);
        }
    }
    texts
}

fn push(texts: &mut Vec<u8>, text: &[u8]) {
    texts.extend_from_slice(text);
    texts.push(b'\n');
}

fn push_column(texts: &mut Vec<u8>, column: ColumnReader) {
    match column {
        ColumnReader::ByteArrayColumnReader(column) => {
            for value in values(column) {
                push(texts, value.data());
            }
        }
        ColumnReader::FixedLenByteArrayColumnReader(column) => {
            for value in values(column) {
                push(texts, value.data());
            }
        }
        ColumnReader::DoubleColumnReader(column) => push_shown(texts, column),
        ColumnReader::FloatColumnReader(column) => push_shown(texts, column),
        ColumnReader::Int64ColumnReader(column) => push_shown(texts, column),
        ColumnReader::Int32ColumnReader(column) => push_shown(texts, column),
        ColumnReader::BoolColumnReader(column) => push_shown(texts, column),
        ColumnReader::Int96ColumnReader(_) => panic!("the type is deprecated"),
    }
}

fn push_shown<T: DataType<T: std::fmt::Display>>(texts: &mut Vec<u8>, column: ColumnReaderImpl<T>) {
    for value in values(column) {
        writeln!(texts, "{value}").expect("memory");
    }
}

fn values<T: DataType>(mut column: ColumnReaderImpl<T>) -> Vec<T::T> {
    const AT_ONCE: usize = 1 << 16;
    let (mut values, mut definitions, mut repetitions) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let levels = (Some(&mut definitions), Some(&mut repetitions));
        let read = column.read_records(AT_ONCE, levels.0, levels.1, &mut values);
        let (records, ..) = read.expect("a column can be read");
        if records == 0 {
            return values;
        }
    }
}
