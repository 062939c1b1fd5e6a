//! The way to the Hub: its client, a person's token, and waiting that a person can end.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use hf_hub::{HFClient, HFError};
use reqwest::header::{LINK, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use tokio::runtime::{Builder, Runtime};

use super::sources::HubToken;
use super::{HubError, Sources};
use crate::task::Task;

/// How often a wait looks whether it is still wanted.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// A Hub that can't be reached must not keep the other sources waiting.
pub(super) const ANSWER_SECS: u64 = 8;
/// No byte in this time means that the connection is dead.
pub(super) const STALL_SECS: u64 = 30;
/// A list of a hundred thousand files is smaller.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// How often a Hub that has had too many requests is asked again.
const MAX_WAITS: usize = 4;
/// Nobody sits before a bar that stands for longer.
const LONGEST_WAIT_SECS: u64 = 300;

/// See the module.
pub(super) struct HubClient {
    pub client: HFClient,
    http: reqwest::Client,
    token: Option<HubToken>,
    runtime: Runtime,
}

/// What the Hub said to one question.
pub(super) struct HubAnswer {
    pub status: StatusCode,
    /// The Hub's own word for why it refuses.
    pub code: Option<String>,
    /// Seconds that it wants to be left alone.
    pub retry_after: Option<u64>,
    /// Where the rest of a long list is.
    pub next: Option<Url>,
    pub body: Vec<u8>,
}

impl HubClient {
    /// Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY`); a redirect to another host isn't given the token.
    pub fn open(sources: &Sources) -> Result<Self, HubError> {
        if sources.is_switched_off {
            return Err(HubError::SwitchedOff);
        }
        if sources.is_offline {
            return Err(HubError::Offline);
        }
        let failed =
            |error: &HFError| HubError::Hub { what: sources.endpoint().to_owned(), message: error.to_string() };
        let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(ANSWER_SECS)).build();
        let http = http.map_err(|error| failed(&error.into()))?;
        let token = sources.token();
        let builder = HFClient::builder()
            .endpoint(sources.endpoint())
            .client(http.clone())
            // Tries are counted here, because each resumes from what has arrived.
            .retry_max_attempts(0);
        let builder = match &token {
            Some(token) => builder.token(token.as_str()),
            None => builder,
        };
        let client = builder.build().map_err(|error| failed(&error))?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| HubError::Io { path: "network".into(), source })?;
        Ok(Self { client, http, token, runtime })
    }

    pub fn endpoint(&self) -> &str {
        self.client.endpoint()
    }

    /// An address below the Hub's; a word with slashes in it is one segment.
    pub fn address(&self, words: &[&str]) -> Result<Url, HubError> {
        let url = Url::parse(self.endpoint()).ok().and_then(|mut url| {
            url.path_segments_mut().ok()?.pop_if_empty().extend(words);
            Some(url)
        });
        url.ok_or_else(|| self.nonsense("its address isn't one"))
    }

    /// Asks one question, and waits where the Hub has had too many.
    pub fn ask(&self, url: &Url, task: &dyn Task) -> Result<HubAnswer, HubError> {
        self.patiently(task, || {
            let answer = self.ask_once(url, task)?;
            match answer.status {
                StatusCode::TOO_MANY_REQUESTS => Err(self.too_many(answer.retry_after)),
                _ => Ok(answer),
            }
        })
    }

    fn ask_once(&self, url: &Url, task: &dyn Task) -> Result<HubAnswer, HubError> {
        let asking = async {
            let request = self.http.get(url.clone());
            let request = match &self.token {
                Some(token) => request.bearer_auth(token.as_str()),
                None => request,
            };
            let mut answer = request.send().await?;
            let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
            let code = header("x-error-code").map(str::to_owned);
            let retry_after = header(RETRY_AFTER.as_str()).and_then(|secs| secs.trim().parse().ok());
            let next = header(LINK.as_str()).and_then(next_page);
            let mut body = Vec::new();
            while let Some(bytes) = answer.chunk().await? {
                body.extend_from_slice(&bytes);
                if body.len() > MAX_ANSWER_BYTES {
                    break;
                }
            }
            Ok::<_, reqwest::Error>(HubAnswer { status: answer.status(), code, retry_after, next, body })
        };
        self.wait_for(asking, STALL_SECS, task)?.map_err(|error| self.unreachable(&error))
    }

    /// Does something again after the time that the Hub asks to be left alone.
    pub fn patiently<T>(&self, task: &dyn Task, mut ask: impl FnMut() -> Result<T, HubError>) -> Result<T, HubError> {
        for _ in 0..MAX_WAITS {
            match ask() {
                Err(HubError::TooMany { secs: Some(secs), .. }) if secs <= LONGEST_WAIT_SECS => {
                    log::info!("{}: too many requests; asking again in {secs} s", self.endpoint());
                    self.rest(secs, task)?;
                }
                other => return other,
            }
        }
        ask()
    }

    fn rest(&self, secs: u64, task: &dyn Task) -> Result<(), HubError> {
        match self.wait_for(std::future::pending::<()>(), secs, task) {
            Err(HubError::NoAnswer { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits for the network, but no longer than the person does.
    pub fn wait_for<F: Future>(&self, future: F, secs: u64, task: &dyn Task) -> Result<F::Output, HubError> {
        let begun = Instant::now();
        self.runtime.block_on(async {
            let mut future = pin!(future);
            loop {
                if let Ok(output) = tokio::time::timeout(POLL_INTERVAL, &mut future).await {
                    return Ok(output);
                }
                if task.is_stopped() {
                    return Err(HubError::Stopped);
                }
                if begun.elapsed() >= Duration::from_secs(secs) {
                    return Err(HubError::NoAnswer { what: self.endpoint().to_owned(), secs });
                }
            }
        })
    }

    pub fn unreachable(&self, error: &reqwest::Error) -> HubError {
        let address = self.endpoint().to_owned();
        if error.is_connect() || error.is_timeout() {
            return HubError::Unreachable { address };
        }
        HubError::Hub { what: address, message: error.to_string() }
    }

    pub fn too_many(&self, secs: Option<u64>) -> HubError {
        HubError::TooMany { what: self.endpoint().to_owned(), secs }
    }

    pub fn nonsense(&self, what: impl std::fmt::Display) -> HubError {
        HubError::Hub { what: self.endpoint().to_owned(), message: format!("this is not how the Hub answers: {what}") }
    }
}

/// The address in `<https://…>; rel="next"`.
fn next_page(link: &str) -> Option<Url> {
    let of_next = link.split(',').find(|link| link.contains("rel=\"next\""))?;
    let (_, address) = of_next.split_once('<')?;
    Url::parse(address.split_once('>')?.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_read_out_of_its_header() {
        let next = next_page("<https://hub/api/models?cursor=a>; rel=\"next\"").unwrap();
        assert_eq!(next.as_str(), "https://hub/api/models?cursor=a");
        assert!(next_page("<https://hub/1>; rel=\"first\"").is_none() && next_page("nonsense").is_none());
    }
}
