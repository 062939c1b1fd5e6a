//! The token in the system's keyring: never in a file of ours. Asks another program: not for a thread that can't wait.

use keyring::{Entry, Error};

use super::HubToken;

/// The name that the keyring's own program shows.
const SERVICE: &str = "tunewright";
const USER: &str = "huggingface.co";

/// Why there is nowhere to keep it.
#[derive(Debug, thiserror::Error)]
#[error("this system has no keyring that answers: {0}")]
pub struct NoKeyring(String);

impl From<Error> for NoKeyring {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

/// Reads the token; `None` if none was kept.
///
/// # Errors
/// Where the system has no keyring, or it stays locked.
pub fn load() -> Result<Option<HubToken>, NoKeyring> {
    match Entry::new(SERVICE, USER)?.get_password() {
        Ok(token) => Ok(Some(HubToken::new(token))),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Keeps the token.
///
/// # Errors
/// Where the system has no keyring, or it stays locked.
pub fn keep(token: &HubToken) -> Result<(), NoKeyring> {
    Ok(Entry::new(SERVICE, USER)?.set_password(token.as_str())?)
}

/// Deletes the token, if there is one.
///
/// # Errors
/// Where the system has no keyring, or it stays locked.
pub fn forget() -> Result<(), NoKeyring> {
    match Entry::new(SERVICE, USER)?.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
