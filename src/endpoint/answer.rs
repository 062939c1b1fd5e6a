//! Answers as they arrive: server-sent events, or one JSON object from servers that don't stream.

use serde::Deserialize;
use serde_json::Value;

/// An answer of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completion {
    pub text: String,
    /// What the server counted; none where it doesn't say.
    pub num_tokens: Option<usize>,
    /// Rather than by its length.
    pub ended_by_itself: bool,
}

/// Events in the making.
#[derive(Debug, Default)]
pub(super) struct Arriving {
    /// The bytes of a line that hasn't ended.
    line: Vec<u8>,
    pub completion: Completion,
    /// The server said that this is all.
    pub is_whole: bool,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    /// In a stream.
    #[serde(default)]
    delta: Option<Turn>,
    /// In one piece.
    #[serde(default)]
    message: Option<Turn>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Turn {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    completion_tokens: Option<usize>,
}

impl Arriving {
    /// Takes bytes of a stream; gives the new text of the answer.
    ///
    /// # Errors
    /// The reason, where a line isn't what such a server sends, or says that it failed.
    pub fn push(&mut self, bytes: &[u8]) -> Result<String, String> {
        let mut new = String::new();
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    new += &self.end_line(&line)?;
                }
                _ => self.line.push(*byte),
            }
        }
        Ok(new)
    }

    fn end_line(&mut self, line: &[u8]) -> Result<String, String> {
        let line = String::from_utf8_lossy(line);
        let Some(data) = line.trim_end_matches('\r').strip_prefix("data:") else { return Ok(String::new()) };
        match data.trim() {
            "" => Ok(String::new()),
            "[DONE]" => {
                self.is_whole = true;
                Ok(String::new())
            }
            data => self.take(data),
        }
    }

    /// Takes one JSON object, be it a part of the answer or the whole.
    ///
    /// # Errors
    /// The reason, where it isn't one, or says that the server failed.
    pub fn take(&mut self, json: &str) -> Result<String, String> {
        let chunk: Chunk = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if let Some(error) = chunk.error {
            return Err(message_of(&error));
        }
        if let Some(num_tokens) = chunk.usage.and_then(|usage| usage.completion_tokens) {
            self.completion.num_tokens = Some(num_tokens);
        }
        let Some(choice) = chunk.choices.into_iter().next() else { return Ok(String::new()) };
        if let Some(reason) = choice.finish_reason {
            self.is_whole = true;
            self.completion.ended_by_itself = reason != "length";
        }
        let new = choice.delta.or(choice.message).and_then(|turn| turn.content).unwrap_or_default();
        self.completion.text += &new;
        Ok(new)
    }
}

/// What a server says went wrong: `{"error": {"message": …}}`, `{"error": "…"}`, or whatever it is.
pub(super) fn message_of(value: &Value) -> String {
    let error = value.get("error").unwrap_or(value);
    let message = error.get("message").and_then(Value::as_str).or(error.as_str());
    let message = message.map_or_else(|| value.to_string(), str::to_owned);
    message.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_may_be_cut_anywhere() {
        let part = |text: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\r\n\r\n");
        let stream = format!(
            ": a comment\n{}{}data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: \
             {{\"choices\":[],\"usage\":{{\"completion_tokens\":7}}}}\n\ndata: [DONE]\n\n",
            part("Grü"),
            part("ße")
        );
        for size in [1, 2, 3, 7, 1000] {
            let mut arriving = Arriving::default();
            let new: String = stream.as_bytes().chunks(size).map(|bytes| arriving.push(bytes).unwrap()).collect();
            let expected = Completion { text: "Grüße".to_owned(), num_tokens: Some(7), ended_by_itself: true };
            assert_eq!((new.as_str(), &arriving.completion, arriving.is_whole), ("Grüße", &expected, true));
        }
    }

    #[test]
    fn half_a_stream_is_not_whole_and_an_error_is_said() {
        let mut arriving = Arriving::default();
        arriving.push(b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n").unwrap();
        assert!(!arriving.is_whole);
        assert_eq!(
            arriving.push(b"data: {\"error\":{\"message\":\"out of memory\"}}\n"),
            Err("out of memory".to_owned())
        );
        assert!(arriving.push(b"data: <html>\n").is_err());
        let mut whole = Arriving::default();
        whole.take(r#"{"choices":[{"message":{"content":"b"},"finish_reason":"length"}]}"#).unwrap();
        assert!(whole.is_whole && !whole.completion.ended_by_itself && whole.completion.text == "b");
    }
}
