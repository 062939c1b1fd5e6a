//! Models behind an OpenAI-compatible address, such as Ollama, llama-server, LM Studio or vLLM on this computer.

mod answer;
mod client;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use answer::Completion;
pub use client::Client;

/// Where a model answers, and what it is called there: `http://127.0.0.1:11434/v1#llama3.2:1b`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// Up to and with `/v1`.
    pub url: String,
    pub model: String,
}

impl Endpoint {
    /// Whether it is on this computer: what is asked of any other leaves it.
    pub fn is_local(&self) -> bool {
        let host = reqwest::Url::parse(&self.url).ok().and_then(|url| url.host_str().map(str::to_owned));
        host.is_some_and(|host| matches!(&*host, "localhost" | "127.0.0.1" | "[::1]"))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.url, self.model)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError::Address { text: text.to_owned() };
        let (url, model) = text.split_once('#').ok_or_else(wrong)?;
        let parsed = reqwest::Url::parse(url).map_err(|_| wrong())?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() || model.trim().is_empty() {
            return Err(wrong());
        }
        Ok(Self { url: url.trim_end_matches('/').to_owned(), model: model.trim().to_owned() })
    }
}

/// Why an endpoint gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    #[error(
        "{text:?} names no endpoint: write its address, # and the model, as in http://127.0.0.1:11434/v1#llama3.2:1b"
    )]
    Address { text: String },
    #[error("{url} can't be reached ({reason}): is the server running, and is this its address?")]
    Unreachable { url: String, reason: String },
    #[error("{url} says {status}: {message}")]
    Status { url: String, status: u16, message: String },
    #[error("{url} answers with a web page, not as an OpenAI-compatible server: its address usually ends in /v1")]
    WebPage { url: String },
    #[error("{url} answers in a way that an OpenAI-compatible server doesn't: {reason}")]
    Nonsense { url: String, reason: String },
    #[error("{url} is too busy: it refused {tries} times, for {} s in all", waited.as_secs())]
    TooBusy { url: String, tries: u32, waited: Duration },
    #[error("{url} said nothing for {} s", silence.as_secs())]
    Silent { url: String, silence: Duration },
    #[error("{url} broke off after {num_chars} characters of the answer: {reason}")]
    BrokeOff { url: String, num_chars: usize, reason: String },
    #[error("stopped")]
    Stopped,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_server_and_a_model() {
        let endpoint: Endpoint = "http://127.0.0.1:11434/v1/#llama3.2:1b".parse().unwrap();
        assert_eq!((&*endpoint.url, &*endpoint.model), ("http://127.0.0.1:11434/v1", "llama3.2:1b"));
        assert_eq!(endpoint.to_string().parse::<Endpoint>().unwrap(), endpoint);
        assert!(endpoint.is_local());
        assert!(!"https://api.example.com/v1#m".parse::<Endpoint>().unwrap().is_local());
        for wrong in ["http://a/v1", "a#m", "ftp://a/v1#m", "http://a/v1# ", "http://#m"] {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
    }
}
