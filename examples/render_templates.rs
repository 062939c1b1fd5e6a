//! Renders chat templates for `scripts/check_templates.py`, which holds them against Transformers.
//!
//! Reads a JSON object a line (`template`, `messages`, `tools`, `add_generation_prompt`, `special_tokens`, and `folder` for
//! a model with this template, `thinking` as a recipe has it) and writes one a line: `text` and `generations` (the bytes of what stood in
//! `{% generation %}` blocks, or null), or `error`. Of the folder's model `encoded`, its text, and `answers`, the bytes of
//! what it is to write in each turn.

use std::io::{BufRead, Write};
use std::path::Path;

use serde_json::{Value, json};
use tunewright::model::chat_template::ChatTemplate;
use tunewright::model::chat_template::sources::Sources;
use tunewright::model::{Chat, Conversation, ModelError, Turn};
use tunewright::recipe::choices::Choice;
use tunewright::recipe::{ChatFormat, Thinking};

fn main() -> std::io::Result<()> {
    let (input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    for line in input.lines() {
        let answer = match serde_json::from_str(&line?) {
            Ok(question) => answer(&question).unwrap_or_else(|e| json!({"error": e.to_string()})),
            Err(e) => json!({"error": format!("the line isn't JSON: {e}")}),
        };
        writeln!(output, "{answer}")?;
    }
    Ok(())
}

fn answer(question: &Value) -> Result<Value, ModelError> {
    let source = question["template"].as_str().unwrap_or_default();
    let tokens = question["special_tokens"].as_object().into_iter().flatten();
    let tokens = tokens.filter_map(|(name, token)| Some((name.clone(), token.as_str()?.to_owned())));
    let template = ChatTemplate::from_sources(Sources::one(source), tokens.collect())?;
    let turns: Vec<Turn<'_>> = question["messages"].as_array().into_iter().flatten().map(turn).collect();
    let tools = question["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    let thinking = question["thinking"].as_str().and_then(Thinking::from_key).unwrap_or_default();
    let format = ChatFormat { thinking, ..ChatFormat::OF_MODEL };
    let conversation = Conversation { turns: &turns, tools, format, ..Conversation::default() };
    let add_generation_prompt = question["add_generation_prompt"].as_bool().unwrap_or_default();
    let text = template.text(conversation, add_generation_prompt)?;
    let generations = template.render_generations(&conversation)?;
    let spans = generations.map(|(_, spans)| spans.into_iter().map(|s| [s.start, s.end]).collect::<Vec<_>>());
    let mut answer = json!({"text": text, "generations": spans});
    if let Some(folder) = question["folder"].as_str() {
        let encoded = Chat::load(Path::new(folder))?.encode(conversation, add_generation_prompt)?;
        let answers = encoded.answers.into_iter().map(|span| span.map(|span| [span.start, span.end]));
        answer["answers"] = json!(answers.collect::<Vec<_>>());
        answer["encoded"] = json!(encoded.text);
    }
    Ok(answer)
}

fn turn(message: &Value) -> Turn<'_> {
    let text = |name: &str| message[name].as_str();
    Turn {
        name: text("name"),
        tool_calls: message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default(),
        tool_call_id: text("tool_call_id"),
        ..Turn::new(text("role").unwrap_or_default(), text("content").unwrap_or_default())
    }
}
