//! `tunewright models inspect`: what a model is made of, here or on the Hub.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::facts::Facts;
use super::{asking, parameters, print_json};
use crate::cli::Ended;
use crate::cli::interrupt::Interrupt;
use crate::cli::terminal::{self, bytes, thousands};
use crate::data::import::ImportRequest;
use crate::data::{Example, read_examples};
use crate::hub::{self, HubError, RepoListing, Sources, fitting};
use crate::model::facts::{available_memory, template};
use crate::model::weights::gguf::GgufFile;
use crate::model::weights::safetensors::SafetensorsFolder;
use crate::model::{Chat, ModelError, ModelFacts, ModelSize, TensorGroup, weights};
use crate::recipe::{ChatFormat, ModelRef, RenderSpec};
use crate::render::{self, Inspected};

#[derive(Debug, Args)]
pub struct InspectArgs {
    /// A GGUF file, a folder, or a Hub repository owner/name, fetched or not
    #[arg(value_name = "MODEL")]
    model: String,
    /// Show what the model's template makes of a conversation in this file, and which of its tokens are trained
    #[arg(long, value_name = "FILE")]
    conversation: Option<PathBuf>,
    /// Which conversation of the file
    #[arg(long, value_name = "N", default_value_t = 1, requires = "conversation", value_parser = clap::value_parser!(u64).range(1..))]
    row: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A model on this disk.
#[derive(Serialize)]
struct OnDisk {
    #[serde(flatten)]
    facts: Facts,
    tensors: Vec<StoredType>,
    special_tokens: Vec<SpecialToken>,
    /// The template's source.
    template: Option<String>,
    conversation: Option<Inspected>,
}

/// All tensors of one type.
#[derive(Serialize)]
struct StoredType {
    dtype: String,
    num_tensors: usize,
    num_values: u64,
    num_bytes: u64,
}

#[derive(Serialize)]
struct SpecialToken {
    id: u32,
    text: String,
    /// An answer ends with it.
    ends_answer: bool,
}

/// A repository that wasn't fetched.
#[derive(Serialize)]
struct OnHub {
    #[serde(flatten)]
    listing: RepoListing,
    /// The largest of its variants that fits into the free memory.
    fits: Option<String>,
}

pub fn run(args: InspectArgs, interrupt: &Interrupt) -> Result<(), Ended> {
    let model = ModelRef::parse(&args.model);
    match (hub::resolve(&model, &Sources::default()), &model) {
        (Err(HubError::NotFetched { .. }), ModelRef::Hub { repo, revision, .. }) if args.conversation.is_none() => {
            let list = |sources: &Sources| hub::list_repo(repo, revision.as_deref(), sources, &interrupt.control);
            on_hub(asking(list)?, args.json)
        }
        (found, _) => on_disk(&found?, &args, interrupt),
    }
}

fn on_disk(path: &Path, args: &InspectArgs, interrupt: &Interrupt) -> Result<(), Ended> {
    let facts = crate::model::inspect(path)?;
    // A model that can't be trained still has much that can be said.
    let chat = Chat::load(path);
    let conversation = match &args.conversation {
        None => None,
        Some(file) => {
            let example = example(file, args.row, interrupt)?;
            let chat = chat.as_ref().map_err(|error| Ended::failed(error.to_string()))?;
            Some(render::inspect(chat, &example, RenderSpec::WHOLE)?)
        }
    };
    let shown = OnDisk {
        tensors: stored_types(path)?,
        special_tokens: chat.as_ref().map(special_tokens).unwrap_or_default(),
        template: template(path)?,
        conversation,
        facts: Facts::from(&facts),
    };
    if args.json {
        return print_json(&shown);
    }
    print(&facts, &shown);
    Ok(())
}

/// One conversation of a file of examples, in any shape that is imported.
fn example(file: &Path, row: u64, interrupt: &Interrupt) -> Result<Example, Ended> {
    let (mut found, mut left) = (None, row);
    read_examples(&ImportRequest::new(file), &interrupt.control, &mut |read| {
        left -= 1;
        if left > 0 {
            return ControlFlow::Continue(());
        }
        found = Some(read.example);
        ControlFlow::Break(())
    })?;
    found.ok_or_else(|| Ended::failed(format!("{} has no conversation {}", file.display(), thousands(row))))
}

/// The tensors by their types, those with the most bytes first.
fn stored_types(path: &Path) -> Result<Vec<StoredType>, ModelError> {
    let tensors = match path.is_dir() {
        true => SafetensorsFolder::open(path)?.stored(),
        false => GgufFile::open(path)?.stored(),
    };
    let of = |group: TensorGroup| {
        let TensorGroup { dtype, num_tensors, num_values, num_bytes } = group;
        StoredType { dtype, num_tensors, num_values, num_bytes }
    };
    let size = ModelSize::of_tensors(weights::open(path)?.spec().clone(), &tensors);
    Ok(size.groups.into_iter().map(of).collect())
}

fn special_tokens(chat: &Chat) -> Vec<SpecialToken> {
    let tokenizer = &chat.tokenizer;
    let special = |id: u32| {
        let text = tokenizer.id_to_token(id)?;
        let is_special = matches!(&*tokenizer.find_specials(&text), [(range, _)] if *range == (0..text.len()));
        is_special.then(|| SpecialToken { ends_answer: chat.is_stop(id, ChatFormat::OF_MODEL), id, text })
    };
    (0..tokenizer.vocab_size() as u32).filter_map(special).collect()
}

fn print(facts: &ModelFacts, shown: &OnDisk) {
    let line = |name: &str, what: String| terminal::line(&format!("{name:14}{what}"));
    line("model", facts.name.clone());
    line("path", facts.path.display().to_string());
    line("family", format!("{} ({})", facts.family, facts.architecture));
    let sizes = format!(
        "{} layers, hidden {}, inner {}, {} heads, {} key heads, {} tokens{}",
        facts.num_layers,
        thousands(facts.hidden_size),
        thousands(facts.intermediate_size),
        facts.num_heads,
        facts.num_kv_heads,
        thousands(facts.vocab_size),
        if facts.has_tied_embeddings { ", head tied to the embedding" } else { "" }
    );
    line("shape", format!("{}: {sizes}", parameters(facts.num_parameters)));
    line("context", format!("{} tokens", thousands(facts.context_length)));
    line("licence", facts.license.clone().unwrap_or_else(|| "not said".to_owned()));
    for of in &shown.tensors {
        line("tensors", format!("{} × {}, {}", thousands(of.num_tensors), of.dtype, bytes(of.num_bytes)));
    }
    let is_used = |token: &&SpecialToken| {
        token.ends_answer || shown.template.as_ref().is_some_and(|template| template.contains(&token.text))
    };
    let used: Vec<_> = shown.special_tokens.iter().filter(is_used).map(SpecialToken::shown).collect();
    line("special", format!("{} tokens; in use {}", thousands(shown.special_tokens.len()), used.join(" ")));
    line("template", facts.chat_template.clone().unwrap_or_else(|| "none".to_owned()));
    if let Some(problem) = &facts.problem {
        line("problem", problem.clone());
    }
    facts.notes.iter().for_each(|note| line("note", note.clone()));
    shown.conversation.iter().for_each(print_conversation);
}

impl SpecialToken {
    /// `<|im_end|>=2`, with a sign where an answer ends with it.
    fn shown(&self) -> String {
        format!("{}={}{}", self.text, self.id, if self.ends_answer { " (ends an answer)" } else { "" })
    }
}

/// Trained tokens stand in brackets.
fn print_conversation(of: &Inspected) {
    terminal::line("");
    let mut text = String::new();
    let mut was_trained = false;
    for token in &of.tokens {
        match (was_trained, token.trained) {
            (false, true) => text.push('⟦'),
            (true, false) => text.push('⟧'),
            _ => {}
        }
        was_trained = token.trained;
        text.push_str(&token.text.replace("\\n", "\n"));
    }
    if was_trained {
        text.push('⟧');
    }
    terminal::line(&text);
    let (tokens, trained) = (thousands(of.tokens.len()), thousands(of.num_trained));
    terminal::line(&format!("\n{tokens} tokens, {trained} of them trained (in ⟦ ⟧)"));
    of.warnings.iter().for_each(|warning| terminal::line(&format!("note: {warning}")));
}

fn on_hub(listing: RepoListing, json: bool) -> Result<(), Ended> {
    let marked = fitting(&listing.variants, available_memory(), |variant| variant.num_bytes + variant.num_bytes / 2);
    let fits = marked.map(|index| listing.variants[index].name.clone());
    if json {
        return print_json(&OnHub { listing, fits });
    }
    terminal::line(&listing.repo);
    let facts = [
        listing.architecture.clone(),
        listing.num_parameters.map(parameters),
        listing.license.clone(),
        listing.downloads.map(|downloads| format!("{} downloads", thousands(downloads))),
        listing.context_length.map(|length| format!("context {}", thousands(length))),
        listing.is_gated.then(|| "gated".to_owned()),
    ];
    terminal::line(&format!("  {}", facts.into_iter().flatten().collect::<Vec<_>>().join(" · ")));
    if let Some(problem) = &listing.problem {
        terminal::line(&format!("  can't be trained here: {problem}"));
    }
    for variant in &listing.variants {
        let mark =
            if fits.as_deref() == Some(&variant.name) { " · the largest that fits into free memory" } else { "" };
        let files = crate::words::count(variant.files.len(), "file", "files");
        let (repo, name, size) = (&listing.repo, &variant.name, bytes(variant.num_bytes));
        terminal::line(&format!("  {repo}:{name} · {} · {size} · {files}{mark}", variant.format.name()));
    }
    for left_out in &listing.left_out {
        terminal::line(&format!("  not offered: {} ({})", left_out.path, left_out.reason));
    }
    Ok(())
}
