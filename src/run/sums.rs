//! SHA-256 of files, as `sha256sum` writes and checks them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

/// The file of a folder that has the sums of the others.
pub const SUMS_FILE: &str = "SHA256SUMS";

/// The SHA-256 of a file, in hexadecimal digits.
///
/// # Errors
/// The file's own, when it can't be read.
pub fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 18];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            len => hash.update(&piece[..len]),
        }
    }
}

/// A line for each file, of its sum and its name.
pub fn sums_text<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    files.into_iter().map(|(sha256, name)| format!("{sha256}  {name}\n")).collect()
}

/// The sums and names that such a text has.
pub(super) fn parse(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once("  "))
}
