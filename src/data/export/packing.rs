//! Packed files: the ending says how.

use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Gives `write` a place that packs as the ending of `path` says, or `out` itself.
pub fn pack(
    path: &Path,
    out: &mut (dyn Write + Send),
    write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> io::Result<()> {
    match path.extension().map(|ending| ending.to_ascii_lowercase()) {
        Some(ending) if ending == "gz" => {
            let mut packed = GzEncoder::new(out, Compression::default());
            write(&mut packed)?;
            packed.finish().map(drop)
        }
        Some(ending) if ending == "zst" => {
            let mut packed = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
            write(&mut packed)?;
            packed.finish().map(drop)
        }
        _ => write(out),
    }
}
