//! What has to be said of how turns are written, beside what a single example shows.

use crate::model::Chat;
use crate::recipe::{ChatFormat, TemplateChoice, Thinking};

/// What was chosen, each a sentence without a full stop.
pub fn notes(chat: &Chat, format: ChatFormat) -> Vec<String> {
    let chosen = format.chat_template.in_words();
    let template = match (format.chat_template, chat.template.name()) {
        (TemplateChoice::Model, _) => None,
        (_, None) => Some(format!("Turns are written as {chosen}, as the recipe chose")),
        (_, Some(_)) => {
            Some(format!("Turns are written as {chosen}, as the recipe chose, and not by the model's own template"))
        }
    };
    let thinking = match format.thinking {
        Thinking::Template => None,
        Thinking::Keep => Some("The thinking of every answer is kept"),
        Thinking::Drop => Some("The thinking of answers is left out"),
        Thinking::Empty => Some("The thinking of answers is left out, and an empty thought is in its place"),
    };
    template.into_iter().chain(thinking.map(str::to_owned)).collect()
}

/// What a person has to know of it.
pub fn warnings(chat: &Chat, format: ChatFormat) -> Vec<String> {
    let marks = chat.template.marks_as_text(format.chat_template);
    let chosen = format.chat_template.in_words();
    let words =
        || format!("{chosen}'s marks {} aren't tokens of this model: they are trained as plain text", marks.join(", "));
    (!marks.is_empty()).then(words).into_iter().collect()
}
