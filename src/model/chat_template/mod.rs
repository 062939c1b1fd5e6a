//! Chat templates: Jinja, as Transformers' `apply_chat_template` runs it.

mod arguments;
mod builtin;
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
mod thinking;
mod values;
mod whitespace;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::{Value, context};

use super::ModelError;
use super::conversation::{Conversation, template_tools, template_turns};
use crate::recipe::{ChatFormat, TemplateChoice, Thinking};
pub use builtin::{end_mark, marks};
use compiled::Compiled;
use sources::Sources;
pub use thinking::{leaves_out_earlier, without_thinking};

/// A text, and the byte ranges of what was in its `{% generation %}` blocks.
pub type Generations = (String, Vec<Range<usize>>);

/// A model's templates with the tokens they may name.
pub struct ChatTemplate {
    /// `None` for a model that brings none.
    own: Option<Sources>,
    of_model: Arc<Written>,
    /// With another template, or with what becomes of thinking; compiled when they are first asked for.
    others: Mutex<HashMap<ChatFormat, Arc<Written>>>,
    /// By the names that templates have for them: `bos_token`.
    special_tokens: Vec<(String, String)>,
    tokenizer: TokenizerFacts,
}

/// What a template that is chosen needs to know of a model's tokenizer.
#[derive(Debug, Clone, Default)]
pub struct TokenizerFacts {
    /// Those of [`marks`] that are single tokens.
    pub marks: BTreeSet<&'static str>,
    /// Whether the texts that the model learned begin with its `bos_token`.
    pub begins_with_bos: bool,
}

/// Compiled templates.
struct Written {
    default: Option<Compiled>,
    /// For conversations with tools, where the model has one.
    tool_use: Option<Result<Compiled, ModelError>>,
}

impl Written {
    /// # Errors
    /// Where the template for conversations without tools can't be used.
    fn new(sources: &Sources, thinking: Thinking) -> Result<Self, ModelError> {
        let compiled = |source: &str| Compiled::new(&thinking::edited(source, thinking));
        Ok(Self {
            default: sources.default.as_deref().map(compiled).transpose()?,
            tool_use: sources.tool_use.as_deref().map(compiled),
        })
    }
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
        let plain = Sources::one(builtin::PLAIN);
        let of_model = Written::new(own.as_ref().unwrap_or(&plain), Thinking::Template)?;
        let special_tokens = special_tokens.into_iter().filter(|(_, token)| !token.is_empty()).collect();
        Ok(Self {
            own,
            of_model: Arc::new(of_model),
            others: Mutex::default(),
            special_tokens,
            tokenizer: TokenizerFacts::default(),
        })
    }

    /// Tells what templates that are chosen need to know.
    pub fn set_tokenizer(&mut self, tokenizer: TokenizerFacts) {
        self.tokenizer = tokenizer;
        self.others = Mutex::default();
    }

    /// Those of the marks that a chosen template writes which are no single tokens of the model: they become several, of
    /// plain text.
    pub fn marks_as_text(&self, choice: TemplateChoice) -> Vec<&'static str> {
        marks(choice).iter().filter(|mark| !self.tokenizer.marks.contains(*mark)).copied().collect()
    }

    /// The texts of a format's templates; `None` for a model without one, and where none is chosen.
    pub fn sources(&self, choice: TemplateChoice) -> Option<Sources> {
        let is_token = |mark: &str| self.tokenizer.marks.contains(mark);
        match builtin::source(choice, is_token, self.tokenizer.begins_with_bos) {
            Some(source) => Some(Sources::one(&source)),
            None => self.own.clone(),
        }
    }

    fn written(&self, format: ChatFormat) -> Result<Arc<Written>, ModelError> {
        if format == ChatFormat::OF_MODEL {
            return Ok(Arc::clone(&self.of_model));
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(written) = others.get(&format) {
            return Ok(Arc::clone(written));
        }
        let sources = self.sources(format.chat_template).unwrap_or_else(|| Sources::one(builtin::PLAIN));
        let written = Arc::new(Written::new(&sources, format.thinking)?);
        others.insert(format, Arc::clone(&written));
        Ok(written)
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
    fn used<'a>(&self, written: &'a Written, has_tools: bool) -> Result<&'a Compiled, ModelError> {
        match (&written.tool_use, &written.default) {
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
        let written = self.written(conversation.format)?;
        let compiled = self.used(&written, !conversation.tools.is_empty())?;
        compiled.render(self.context(compiled, conversation, add_generation_prompt, None))
    }

    /// The conversation as one text, as [`Self::render`] writes it without a prompt, and the byte ranges of what was in
    /// `{% generation %}` blocks. `None` where the template that is used has no such blocks, or looks into what they
    /// hold, so that it can't be known.
    ///
    /// # Errors
    /// [`ModelError::Template`] where the template refuses the conversation or goes beyond its limits.
    pub fn render_generations(&self, conversation: &Conversation<'_>) -> Result<Option<Generations>, ModelError> {
        let written = self.written(conversation.format)?;
        let compiled = self.used(&written, !conversation.tools.is_empty())?;
        if !compiled.has_generations {
            return Ok(None);
        }
        let text = compiled.render(self.context(compiled, conversation, false, None))?;
        let Some(marks) = generation::unused_marks(&[&text, &compiled.source]) else { return Ok(None) };
        let marked = compiled.render(self.context(compiled, conversation, false, Some(marks)));
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
        compiled: &Compiled,
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
        let thinking = thinking::variables(&compiled.source, conversation.format.thinking);
        let thinking = thinking.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
        let others = Value::from_pairs(tokens.chain(marks).chain(thinking));
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
