//! Which file lies at a path, whatever it is called.

use std::path::Path;
use std::time::SystemTime;

/// Which file it is, whatever it is called. It is never opened for that: closing it again would take SQLite's locks
/// away from this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// Where there are no inodes, when it was made.
    made: Option<SystemTime>,
    inode: (u64, u64),
}

impl FileId {
    /// `None` where there is no file.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        #[cfg(unix)]
        let id = {
            use std::os::unix::fs::MetadataExt as _;
            Self { made: None, inode: (metadata.dev(), metadata.ino()) }
        };
        #[cfg(not(unix))]
        let id = Self { made: metadata.created().ok(), inode: (0, 0) };
        Some(id)
    }
}
