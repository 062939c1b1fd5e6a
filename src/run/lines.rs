//! Files of a JSON value a line, which only ever grow. One write a line, so that a crash leaves at most the last line
//! unfinished; what comes next begins a line of its own, and the unfinished one is passed over.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Opens a file for more lines; it is made if need be.
pub(super) fn append_to(path: &Path) -> std::io::Result<File> {
    let mut file = File::options().create(true).read(true).append(true).open(path)?;
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

pub(super) fn write_line(mut file: &File, value: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// Adds one line, and waits until it is on the disk.
///
/// # Errors
/// The file's own, when it can't be written.
pub fn append_line(path: &Path, value: &impl Serialize) -> std::io::Result<()> {
    let file = append_to(path)?;
    write_line(&file, value)?;
    file.sync_data()
}

/// Every line that can be read as such a value; none if there is no file.
///
/// # Errors
/// The file's own, when it is there and can't be read.
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> std::io::Result<Vec<T>> {
    Ok(split(&bytes(path)?).filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// None if there is no file.
pub(super) fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

pub(super) fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}
