//! A table of rows of one kind, column by column.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;

use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::SCHEMA;
use crate::facts::Time;

/// Rows that are written together: what is in memory at once.
const GROUP: usize = 16_384;

/// A column of a table.
pub(super) struct Column<T> {
    /// Its name; letters, digits and underlines.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) about: &'static str,
    pub(super) value: Value<T>,
}

/// What a column takes of a row.
pub(super) enum Value<T> {
    /// UTF-8, as the capture had it: hostile.
    Text(fn(&T) -> Option<String>),
    /// What is counted or numbered.
    Number(fn(&T) -> Option<u64>),
    /// A time in UTC, to the microsecond: what every reader takes.
    Time(fn(&T) -> Option<Time>),
    /// Yes or no.
    Flag(fn(&T) -> bool),
}

impl<T> Value<T> {
    /// In the language of Parquet schemas. Texts, numbers and times may be missing.
    fn declared(&self, name: &str) -> String {
        match self {
            Self::Text(_) => format!("optional binary {name} (STRING);"),
            Self::Number(_) => format!("optional int64 {name};"),
            Self::Time(_) => format!("optional int64 {name} (TIMESTAMP(MICROS,true));"),
            Self::Flag(_) => format!("required boolean {name};"),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number(_) => "64-bit integer",
            Self::Time(_) => "timestamp, UTC, microseconds",
            Self::Flag(_) => "boolean",
        }
    }

    fn write(&self, rows: &[T], writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match self {
            Self::Text(of) => optional::<ByteArrayType, _>(rows, writer, |row| {
                of(row).map(|text| ByteArray::from(text.into_bytes()))
            }),
            Self::Number(of) => optional::<Int64Type, _>(rows, writer, |row| {
                of(row).map(|number| i64::try_from(number).unwrap_or(i64::MAX))
            }),
            Self::Time(of) => {
                optional::<Int64Type, _>(rows, writer, |row| of(row).map(|time| time.0.div_euclid(1000)))
            }
            Self::Flag(of) => {
                let values: Vec<bool> = rows.iter().map(of).collect();
                writer.typed::<BoolType>().write_batch(&values, None, None).map(drop)
            }
        }
    }
}

fn optional<D: DataType, T>(
    rows: &[T],
    writer: &mut SerializedColumnWriter<'_>,
    of: impl Fn(&T) -> Option<D::T>,
) -> Result<(), ParquetError> {
    let values: Vec<Option<D::T>> = rows.iter().map(of).collect();
    let there: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<D::T> = values.into_iter().flatten().collect();
    writer.typed::<D>().write_batch(&values, Some(&there), None).map(drop)
}

/// Writes a table.
pub(super) fn write<T>(
    name: &str,
    columns: &[Column<T>],
    mut rows: impl Iterator<Item = T>,
    out: impl Write + Send,
) -> io::Result<()> {
    let fields: Vec<String> = columns.iter().map(|column| column.value.declared(column.name)).collect();
    let schema = parse_message_type(&format!("message {name} {{ {} }}", fields.join(" ")))
        .map_err(io::Error::other)?;
    let about = KeyValue::new("tdscope.schema".to_owned(), SCHEMA.to_owned());
    let properties = WriterProperties::builder()
        .set_created_by(concat!("tdscope version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![about]))
        .build();
    let mut file =
        SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(unwrapped)?;
    loop {
        let group: Vec<T> = rows.by_ref().take(GROUP).collect();
        if group.is_empty() {
            break;
        }
        let mut writer = file.next_row_group().map_err(unwrapped)?;
        for column in columns {
            if let Some(mut writer) = writer.next_column().map_err(unwrapped)? {
                column.value.write(&group, &mut writer).and_then(|()| writer.close()).map_err(unwrapped)?;
            }
        }
        writer.close().map_err(unwrapped)?;
    }
    file.close().map(drop).map_err(unwrapped)
}

/// The error of the writer below, where it is one.
fn unwrapped(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

/// A table and its columns in Markdown.
pub(super) fn describe<T>(name: &str, columns: &[Column<T>], text: &mut String) {
    // A String takes everything.
    let _ = write!(text, "### `{name}`\n\n| Column | Type | What it is |\n|---|---|---|\n");
    for Column { name, about, value } in columns {
        let _ = writeln!(text, "| `{name}` | {} | {about} |", value.kind());
    }
    text.push('\n');
}
