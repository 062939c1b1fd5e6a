//! Packed files that unpack to more than any text would: a few kilobytes can stand for terabytes.

use std::io::{self, Read};

use crate::task::Task;

/// Text packs to a tenth, a log of nearly equal lines to a hundredth.
const MAX_RATIO: u64 = 250;
/// Small enough that its ratio doesn't matter.
const ALWAYS_ALLOWED: u64 = 256 << 20;

/// What is unpacked, until it is too much; ends when the task is stopped, however little of the file that takes.
pub struct Bounded<'a, R> {
    inner: R,
    left: u64,
    task: &'a dyn Task,
}

impl<'a, R: Read> Bounded<'a, R> {
    /// `packed_bytes` is the size of the file.
    pub fn new(inner: R, packed_bytes: u64, task: &'a dyn Task) -> Self {
        Self { inner, left: ALWAYS_ALLOWED.max(packed_bytes.saturating_mul(MAX_RATIO)), task }
    }
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.task.is_stopped() {
            return Err(io::Error::other("stopped"));
        }
        let num_bytes = self.inner.read(buf)?;
        match self.left.checked_sub(num_bytes as u64) {
            Some(left) => self.left = left,
            None => {
                let message =
                    format!("it unpacks to more than {MAX_RATIO} times its size; if that is right, unpack it first");
                return Err(io::Error::other(message));
            }
        }
        Ok(num_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Control, Unwatched};

    #[test]
    fn much_from_little_ends_and_much_from_much_does_not() {
        let read = |bytes: u64, packed: u64| {
            io::copy(&mut Bounded::new(io::repeat(b'a').take(bytes), packed, &Unwatched), &mut io::sink())
        };
        assert_eq!(read(ALWAYS_ALLOWED, 10).unwrap(), ALWAYS_ALLOWED);
        assert!(read(ALWAYS_ALLOWED + 1, 10).unwrap_err().to_string().contains("250 times"));
        assert!(read(ALWAYS_ALLOWED + 1, 2 << 20).is_ok());
    }

    #[test]
    fn it_ends_when_nobody_wants_it() {
        let task = Control::default();
        let mut bounded = Bounded::new(io::repeat(0), 1, &task);
        assert_eq!(bounded.read(&mut [0; 8]).unwrap(), 8);
        task.stop();
        assert!(bounded.read(&mut [0; 8]).is_err());
    }
}
