//! Conversations as a Parquet table: `messages`, a list of `{role, content}`, the split and the date.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// Texts that are gathered before they are written as one group of rows.
const GROUP_BYTES: usize = 16 << 20;

const MESSAGES: &str = "required group messages (LIST) { repeated group list { required group element {
    required binary role (STRING); required binary content (STRING); } } }";

/// The rows of a group, column by column.
#[derive(Default)]
struct Group {
    roles: Vec<ByteArray>,
    contents: Vec<ByteArray>,
    /// 1 where there is a turn, 0 for a row without any.
    definitions: Vec<i16>,
    /// 0 at a row's first turn, 1 at its others.
    repetitions: Vec<i16>,
    splits: Vec<ByteArray>,
    dates: Vec<ByteArray>,
    /// 1 where there is a date, 0 for a row without; nothing if the table has none.
    has_date: Vec<i16>,
    num_bytes: usize,
}

pub struct TurnsTable<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    group: Group,
    with_date: bool,
}

impl<W: Write + Send> TurnsTable<W> {
    pub fn new(out: W, with_split: bool, with_date: bool) -> io::Result<Self> {
        let split = if with_split { "required binary split (STRING);" } else { "" };
        let date = if with_date { "optional binary date (STRING);" } else { "" };
        let schema = format!("message examples {{ {MESSAGES} {split} {date} }}");
        let schema = parse_message_type(&schema).map_err(failed)?;
        let packing = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder().set_compression(packing).build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        Ok(Self { writer, group: Group::default(), with_date })
    }

    pub fn write(&mut self, turns: &[(&str, &str)], split: Option<&str>, date: Option<&str>) -> io::Result<()> {
        let group = &mut self.group;
        for (at, (role, content)) in turns.iter().enumerate() {
            group.roles.push((*role).into());
            group.contents.push((*content).into());
            group.definitions.push(1);
            group.repetitions.push(i16::from(at > 0));
            group.num_bytes += role.len() + content.len();
        }
        if turns.is_empty() {
            group.definitions.push(0);
            group.repetitions.push(0);
        }
        group.splits.extend(split.map(ByteArray::from));
        if self.with_date {
            group.has_date.push(i16::from(date.is_some()));
            group.dates.extend(date.map(ByteArray::from));
        }
        if group.num_bytes >= GROUP_BYTES { self.write_group().map_err(failed) } else { Ok(()) }
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let group = std::mem::take(&mut self.group);
        if group.definitions.is_empty() {
            return Ok(());
        }
        let mut rows = self.writer.next_row_group()?;
        let (definitions, repetitions) = (Some(group.definitions.as_slice()), Some(group.repetitions.as_slice()));
        for turns in [&group.roles, &group.contents] {
            if let Some(mut column) = rows.next_column()? {
                column.typed::<ByteArrayType>().write_batch(turns, definitions, repetitions)?;
                column.close()?;
            }
        }
        if !group.splits.is_empty()
            && let Some(mut column) = rows.next_column()?
        {
            column.typed::<ByteArrayType>().write_batch(&group.splits, None, None)?;
            column.close()?;
        }
        if let Some(mut column) = rows.next_column()? {
            column.typed::<ByteArrayType>().write_batch(&group.dates, Some(&group.has_date), None)?;
            column.close()?;
        }
        rows.close()?;
        Ok(())
    }

    pub fn finish(mut self) -> io::Result<()> {
        self.write_group().and_then(|()| self.writer.close()).map(drop).map_err(failed)
    }
}

/// What the disk said stays what it is.
fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
