//! Chat templates: Jinja, as Transformers' `apply_chat_template` runs it.

mod arguments;
pub mod clock;
mod compiled;
mod filters;
mod format;
mod functions;
mod generation;
mod json;
mod limits;
mod methods;
mod numbers;
mod operators;
mod percent;
mod predicates;
mod print;
mod rewrite;
mod rewrite_expr;
mod scan;
mod sorting;
pub mod sources;
mod text_methods;
mod text_parts;
mod values;
mod whitespace;

use std::ops::Range;

use minijinja::{Value, context};

use super::ModelError;
use super::conversation::{Conversation, template_tools, template_turns};
use compiled::Compiled;
use sources::Sources;

/// For models that bring no template: plain turns, each answer closed by the end-of-sequence token.
const PLAIN: &str = "{% for message in messages %}{{ message['role'] | capitalize }}{{ ':\n' }}{{ message['content'] }}\
{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ 'Assistant:\n' }}{% endif %}";

/// A text, and the byte ranges of what was in its `{% generation %}` blocks.
pub type Generations = (String, Vec<Range<usize>>);

/// A model's compiled templates with the tokens they may name.
pub struct ChatTemplate {
    /// `None` for a model that brings none.
    own: Option<Sources>,
    default: Option<Compiled>,
    /// For conversations with tools, where the model has one.
    tool_use: Option<Result<Compiled, ModelError>>,
    /// By the names that templates have for them: `bos_token`.
    special_tokens: Vec<(String, String)>,
}

impl ChatTemplate {
    /// A template of one source; `None` is for models without one, which get plain turns.
    ///
    /// # Errors
    /// [`ModelError::Template`] where the template is too large or can't be compiled; the error names the line.
    pub fn new(source: Option<&str>, bos_token: &str, eos_token: &str) -> Result<Self, ModelError> {
        let sources = source.map(Sources::one).unwrap_or_default();
        let tokens = [("bos_token", bos_token), ("eos_token", eos_token)];
        Self::from_sources(sources, tokens.map(|(name, token)| (name.to_owned(), token.to_owned())).to_vec())
    }

    /// A model's templates, and the special tokens by the names that templates have for them (`bos_token`); empty ones
    /// are not defined.
    ///
    /// # Errors
    /// Where the template for conversations without tools can't be used.
    pub fn from_sources(sources: Sources, special_tokens: Vec<(String, String)>) -> Result<Self, ModelError> {
        let own = (!sources.is_empty()).then_some(sources);
        let (default, tool_use) = match &own {
            Some(sources) => (sources.default.as_deref().map(Compiled::new).transpose()?, sources.tool_use.as_deref()),
            None => (Some(Compiled::new(PLAIN)?), None),
        };
        let tool_use = tool_use.map(Compiled::new);
        let special_tokens = special_tokens.into_iter().filter(|(_, token)| !token.is_empty()).collect();
        Ok(Self { own, default, tool_use, special_tokens })
    }

    /// In words: `ChatML`. `None` for a model without a template of its own.
    pub fn name(&self) -> Option<&'static str> {
        self.own.as_ref().map(|sources| sources.first().map_or("Own", template_name))
    }

    /// The mark of a text's beginning; empty for models without one.
    pub fn bos_token(&self) -> &str {
        self.special_tokens.iter().find(|(name, _)| name == "bos_token").map_or("", |(_, token)| token)
    }

    /// Whether the template that is used for conversations with (or without) tools shows the model which there are.
    pub fn shows_tools(&self, has_tools: bool) -> bool {
        self.source_names(has_tools, "tools")
    }

    /// Whether the template that is used for conversations with (or without) tools writes the calls that a turn makes.
    pub fn writes_tool_calls(&self, has_tools: bool) -> bool {
        self.source_names(has_tools, "tool_calls")
    }

    fn source_names(&self, has_tools: bool, word: &str) -> bool {
        let source = self.own.as_ref().and_then(|sources| sources.used(has_tools));
        source.is_some_and(|source| source.contains(word))
    }

    /// The template that Transformers takes, too.
    fn used(&self, has_tools: bool) -> Result<&Compiled, ModelError> {
        match (&self.tool_use, &self.default) {
            (Some(Ok(compiled)), _) if has_tools => Ok(compiled),
            (Some(Err(e)), _) if has_tools => Err(ModelError::Template(format!("tool_use: {}", e.template_message()))),
            (_, Some(compiled)) => Ok(compiled),
            _ => {
                let names = self.own.as_ref().map(|sources| sources.names.join(", ")).unwrap_or_default();
                Err(ModelError::Template(format!(
                    "the model has several ({names}), but none called default; put the one to use into \
                     chat_template.jinja in the model's folder"
                )))
            }
        }
    }

    /// The conversation as one text; with `add_generation_prompt` up to where the answer begins.
    pub(super) fn render(
        &self,
        conversation: &Conversation<'_>,
        add_generation_prompt: bool,
    ) -> Result<String, ModelError> {
        let context = self.context(conversation, add_generation_prompt, None);
        self.used(!conversation.tools.is_empty())?.render(context)
    }

    /// The conversation as one text, as [`Self::render`] writes it without a prompt, and the byte ranges of what was in
    /// `{% generation %}` blocks. `None` where the template that is used has no such blocks, or looks into what they
    /// hold, so that it can't be known.
    ///
    /// # Errors
    /// [`ModelError::Template`] where the template refuses the conversation or goes beyond its limits.
    pub fn render_generations(&self, conversation: &Conversation<'_>) -> Result<Option<Generations>, ModelError> {
        let compiled = self.used(!conversation.tools.is_empty())?;
        if !compiled.has_generations {
            return Ok(None);
        }
        let text = compiled.render(self.context(conversation, false, None))?;
        let Some(marks) = generation::unused_marks(&[&text, &compiled.source]) else { return Ok(None) };
        let marked = compiled.render(self.context(conversation, false, Some(marks)));
        let found = marked.ok().and_then(|marked| generation::take_marks(&marked, marks));
        Ok(found.filter(|(unmarked, _)| *unmarked == text))
    }

    /// The text of a conversation, for whoever needs no tokens.
    ///
    /// # Errors
    /// [`ModelError::Template`] where the template refuses the conversation or goes beyond its limits.
    pub fn text<'a>(
        &self,
        conversation: impl Into<Conversation<'a>>,
        add_generation_prompt: bool,
    ) -> Result<String, ModelError> {
        self.render(&conversation.into(), add_generation_prompt)
    }

    fn context(
        &self,
        conversation: &Conversation<'_>,
        add_generation_prompt: bool,
        generation_marks: Option<[char; 2]>,
    ) -> Value {
        let given = context! {
            messages => template_turns(conversation),
            tools => template_tools(conversation),
            documents => (),
            add_generation_prompt,
        };
        let marks = generation_marks.map(|marks| (generation::MARKS.to_owned(), Value::from(String::from_iter(marks))));
        let tokens = self.special_tokens.iter().map(|(name, token)| (name.clone(), Value::from(token.as_str())));
        let others = Value::from_pairs(tokens.chain(marks));
        context! { ..given, ..others }
    }
}

/// The family of a template, by the marks it writes.
pub fn template_name(source: &str) -> &'static str {
    let marks = [
        ("<|im_start|>", "ChatML"),
        ("<|start_header_id|>", "Llama 3"),
        ("<start_of_turn>", "Gemma"),
        ("[INST]", "Mistral"),
        ("<|user|>", "Zephyr"),
    ];
    marks.iter().find(|(mark, _)| source.contains(mark)).map_or("Own", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Turn;

    fn render(template: &ChatTemplate, turns: &[Turn<'_>], add_generation_prompt: bool) -> Result<String, ModelError> {
        template.render(&turns.into(), add_generation_prompt)
    }

    #[test]
    fn python_methods_and_exceptions_work() {
        let source = "{% if messages[0].content.strip().startswith('no') %}{{ raise_exception('refused: ' + messages[0].role) }}{% endif %}{{ bos_token }}{{ messages[0]['content'].upper() }}";
        let template = ChatTemplate::new(Some(source), "<s>", "</s>").unwrap();
        assert_eq!(render(&template, &[Turn::new("user", "hi")], false).unwrap(), "<s>HI");
        let error = render(&template, &[Turn::new("user", " no")], false).unwrap_err().to_string();
        assert_eq!(error, "the chat template can't be used: refused: user");
    }

    #[test]
    fn a_model_without_a_template_gets_plain_turns() {
        let template = ChatTemplate::new(None, "", "</s>").unwrap();
        assert_eq!(template.name(), None);
        let turns = [Turn::new("user", "Hi"), Turn::new("assistant", "Hello")];
        assert_eq!(render(&template, &turns, true).unwrap(), "User:\nHi\nAssistant:\nHello</s>\nAssistant:\n");
    }

    #[test]
    fn a_template_that_never_ends_is_stopped() {
        let source = "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}";
        let template = ChatTemplate::new(Some(source), "", "").unwrap();
        assert!(render(&template, &[], false).is_err());
        assert!(ChatTemplate::new(Some("{% if %}"), "", "").is_err());
    }
}
