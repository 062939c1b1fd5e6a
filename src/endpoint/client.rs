//! Asks an endpoint for an answer, with patience and an end.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use super::answer::{Arriving, message_of};
use super::{Completion, Endpoint, EndpointError};
use crate::data::Message;
use crate::generate::Sampling;
use crate::task::Task;

const CONNECT_SECS: u64 = 8;
/// A model may have to be loaded before its first word.
const SILENCE: Duration = Duration::from_secs(180);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How often a server that has too much to do is asked again.
const MAX_TRIES: u32 = 5;
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// An answer is smaller.
const MAX_BYTES: usize = 16 << 20;

/// The way to one endpoint.
pub struct Client {
    endpoint: Endpoint,
    key: Option<String>,
    http: reqwest::Client,
    runtime: Runtime,
    silence: Duration,
}

/// What one question came to.
enum Asked {
    Answered(Completion),
    /// It wants to be asked again after this time.
    Busy(Option<Duration>),
}

impl Client {
    /// `key` goes into the `Authorization` header, and nowhere else.
    ///
    /// # Errors
    /// [`EndpointError::Unreachable`] where this computer can open no connections.
    pub fn new(endpoint: Endpoint, key: Option<String>) -> Result<Self, EndpointError> {
        let failed = |reason: String| EndpointError::Unreachable { url: endpoint.url.clone(), reason };
        let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(CONNECT_SECS)).build();
        let http = http.map_err(|error| failed(error.to_string()))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(error.to_string()))?;
        Ok(Self { endpoint, key, http, runtime, silence: SILENCE })
    }

    /// With another time after which a silent server is given up.
    #[must_use]
    pub fn patient_for(self, silence: Duration) -> Self {
        Self { silence, ..self }
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Answers a prompt; `observe` gets the text as it arrives.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn answer(
        &self,
        prompt: &[Message],
        tools: &[Value],
        sampling: &Sampling,
        observe: &mut dyn FnMut(&str),
        task: &dyn Task,
    ) -> Result<Completion, EndpointError> {
        let body = request(&self.endpoint.model, prompt, tools, sampling);
        let began = Instant::now();
        let mut pause = Duration::from_secs(1);
        for _ in 0..MAX_TRIES {
            match self.runtime.block_on(self.ask(&body, observe, task))? {
                Asked::Answered(completion) => return Ok(completion),
                Asked::Busy(after) => {
                    let after = after.unwrap_or(pause).min(LONGEST_WAIT);
                    let pausing = async { self.unless_stopped(tokio::time::sleep(after), after, task).await };
                    self.runtime.block_on(pausing)?;
                    pause *= 2;
                }
            }
        }
        Err(EndpointError::TooBusy { url: self.url(), tries: MAX_TRIES, waited: began.elapsed() })
    }

    fn url(&self) -> String {
        self.endpoint.url.clone()
    }

    async fn ask(&self, body: &Value, observe: &mut dyn FnMut(&str), task: &dyn Task) -> Result<Asked, EndpointError> {
        let request = self.http.post(format!("{}/chat/completions", self.endpoint.url)).json(body);
        let request = match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let answer = self.unless_stopped(request.send(), self.silence, task).await?;
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (kind, after) = (header(CONTENT_TYPE.as_str()), header(RETRY_AFTER.as_str()));
        let status = answer.status();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            return Ok(Asked::Busy(after.and_then(|secs| secs.trim().parse().ok()).map(Duration::from_secs)));
        }
        let is_page = kind.as_ref().is_some_and(|kind| kind.contains("text/html"));
        let is_stream = status.is_success() && kind.as_ref().is_some_and(|kind| kind.contains("event-stream"));
        if is_page {
            return Err(EndpointError::WebPage { url: self.url() });
        }
        let mut arriving = Arriving::default();
        let mut whole = Vec::new();
        let mut num_bytes = 0;
        loop {
            let chunk = self.unless_stopped(answer.chunk(), self.silence, task).await?;
            let Some(bytes) = chunk.map_err(|error| self.broke_off(&arriving, reason_of(&error)))? else { break };
            num_bytes += bytes.len();
            if num_bytes > MAX_BYTES {
                return Err(self.broke_off(&arriving, "it is endless".to_owned()));
            }
            match is_stream {
                true => {
                    let new =
                        arriving.push(&bytes).map_err(|reason| EndpointError::Nonsense { url: self.url(), reason })?;
                    if !new.is_empty() {
                        observe(&new);
                    }
                }
                false => whole.extend_from_slice(&bytes),
            }
        }
        if !status.is_success() {
            let message = match serde_json::from_slice::<Value>(&whole) {
                Ok(value) => message_of(&value),
                Err(_) => String::from_utf8_lossy(&whole).trim().chars().take(200).collect(),
            };
            return Err(EndpointError::Status { url: self.url(), status: status.as_u16(), message });
        }
        if !is_stream {
            let json = String::from_utf8_lossy(&whole);
            if json.trim_start().starts_with('<') {
                return Err(EndpointError::WebPage { url: self.url() });
            }
            let new = arriving.take(&json).map_err(|reason| EndpointError::Nonsense { url: self.url(), reason })?;
            observe(&new);
        }
        match arriving.is_whole {
            true => Ok(Asked::Answered(arriving.completion)),
            false => Err(self.broke_off(&arriving, "the connection ended".to_owned())),
        }
    }

    fn broke_off(&self, arriving: &Arriving, reason: String) -> EndpointError {
        let num_chars = arriving.completion.text.chars().count();
        EndpointError::BrokeOff { url: self.url(), num_chars, reason }
    }

    fn unreachable(&self, error: &reqwest::Error) -> EndpointError {
        EndpointError::Unreachable { url: self.url(), reason: reason_of(error) }
    }

    /// Waits for it, at most so long, and looks now and then whether it is still wanted.
    async fn unless_stopped<T>(
        &self,
        wanted: impl Future<Output = T>,
        longest: Duration,
        task: &dyn Task,
    ) -> Result<T, EndpointError> {
        let began = Instant::now();
        let mut wanted = pin!(wanted);
        loop {
            if task.is_stopped() {
                return Err(EndpointError::Stopped);
            }
            match tokio::time::timeout(POLL_INTERVAL, &mut wanted).await {
                Ok(done) => return Ok(done),
                Err(_) if began.elapsed() > longest.max(POLL_INTERVAL) + POLL_INTERVAL => {
                    return Err(EndpointError::Silent { url: self.url(), silence: longest });
                }
                Err(_) => {}
            }
        }
    }
}

/// The innermost reason: "connection refused" rather than "error sending request".
fn reason_of(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}

/// OpenAI's chat completion; what differs from the defaults and isn't OpenAI's is said by the names of llama.cpp and vLLM.
fn request(model: &str, prompt: &[Message], tools: &[Value], sampling: &Sampling) -> Value {
    let messages: Vec<Value> = prompt
        .iter()
        .map(|message| {
            // OpenAI's weight is for training.
            let message = Message { weight: None, ..message.clone() };
            serde_json::to_value(message).unwrap_or_default()
        })
        .collect();
    let mut body = json!({
        "model": model,
        "messages": messages,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_new_tokens,
        "seed": sampling.seed,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    if !tools.is_empty() {
        body["tools"] = Value::from(tools.to_vec());
    }
    body
}
