//! What a failed read or write means, in everyone's words.

use std::io::{Error, ErrorKind};

/// The words after a colon: "its permissions don't allow it".
pub fn fault(error: &Error) -> String {
    let words = match error.kind() {
        ErrorKind::NotFound => "it is not there any more",
        ErrorKind::PermissionDenied => "its permissions don't allow it",
        ErrorKind::UnexpectedEof => "it ends too early",
        ErrorKind::InvalidData | ErrorKind::InvalidInput => "its data are damaged",
        ErrorKind::StorageFull => "the disk is full",
        ErrorKind::QuotaExceeded => "no more may be stored here",
        ErrorKind::ReadOnlyFilesystem => "nothing can be written on this disk",
        ErrorKind::NotADirectory => "a part of its path isn't a folder",
        ErrorKind::IsADirectory => "it is a folder",
        ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            "the drive or network that it is on doesn't answer"
        }
        ErrorKind::ResourceBusy | ErrorKind::ExecutableFileBusy => "another program is using it",
        ErrorKind::InvalidFilename => "its name is too long or not allowed here",
        _ => return without_number(&error.to_string()),
    };
    words.to_owned()
}

/// The system's own sentence, without the number that nobody looks up.
fn without_number(message: &str) -> String {
    match message.rfind(" (os error ") {
        Some(at) => message[..at].to_owned(),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_in_words_and_numbers_never() {
        let check = |error: Error, expected: &str| assert_eq!(fault(&error), expected);
        check(ErrorKind::PermissionDenied.into(), "its permissions don't allow it");
        check(Error::new(ErrorKind::InvalidInput, "corrupt deflate stream"), "its data are damaged");
        check(Error::other("odd (os error 5)"), "odd");
        check(Error::other("odd"), "odd");
    }
}
