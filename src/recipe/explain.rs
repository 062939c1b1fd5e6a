//! What is wrong with a recipe's text: the key and the line, what the key may be, and what a name from elsewhere is called
//! here.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::params::{self, PARAMS, Param};

/// What other trainers call our parameters.
const NAMES_ELSEWHERE: &[(&str, &str)] = &[
    ("max_seq_length", "training.max_length"),
    ("max_seq_len", "training.max_length"),
    ("model_max_length", "training.max_length"),
    ("sequence_len", "training.max_length"),
    ("cutoff_len", "training.max_length"),
    ("lr", "training.learning_rate"),
    ("epochs", "training.num_train_epochs"),
    ("num_epochs", "training.num_train_epochs"),
    ("batch_size", "training.per_device_train_batch_size"),
    ("micro_batch_size", "training.per_device_train_batch_size"),
    ("lr_scheduler", "training.lr_scheduler_type"),
    ("warmup_steps", "training.warmup_ratio"),
    ("bf16", "training.precision"),
    ("fp16", "training.precision"),
    ("sample_packing", "training.packing"),
    ("train_on_inputs", "training.train_on"),
    ("rank", "lora.r"),
    ("lora_r", "lora.r"),
    ("lora_rank", "lora.r"),
    ("alpha", "lora.lora_alpha"),
    ("dropout", "lora.lora_dropout"),
];

/// What an error's place in the text belongs to.
#[derive(Debug, PartialEq)]
enum Place {
    /// `training.seed`: the name itself is wrong, or one too many.
    Key(String),
    /// The name is right, but not what is written for it.
    Value(String),
}

/// The parser shows the place and speaks of Rust's types; the table of parameters says what the key may be.
pub(super) fn explain(text: &str, error: &toml::de::Error) -> String {
    let message = error.to_string().trim_end().to_owned();
    let at = error.span().map(|span| span.start);
    match at.and_then(|at| place(text, at)) {
        Some(Place::Value(key)) => match params::find(&key) {
            Some(param) => format!("{message}\n{key} must be {}", param.allowed()),
            None => message,
        },
        Some(Place::Key(key)) => match called_here(&key) {
            Some(param) => format!("{message}\n{key} is {} here: {}", param.key, param.allowed()),
            None => message,
        },
        None => message,
    }
}

/// The line, from 1, that a key such as `training.seed` is in.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut names = key.split('.').peekable();
    while let Some(name) = names.next() {
        let (found, value) = table.iter().find(|(found, _)| found.get_ref() == name)?;
        if names.peek().is_none() {
            return Some(text.get(..found.span().start)?.matches('\n').count() + 1);
        }
        table = value.get_ref().as_table()?;
    }
    None
}

/// A parameter that isn't known by this key: one of another section, or one with another name elsewhere.
fn called_here(key: &str) -> Option<&'static Param> {
    let name = key.rsplit('.').next()?;
    let known = NAMES_ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name).map(|(_, here)| *here);
    let param = known.and_then(params::find).or_else(|| PARAMS.iter().find(|param| param.name() == name))?;
    (param.key != key).then_some(param)
}

fn place(text: &str, at: usize) -> Option<Place> {
    match DeTable::parse(text) {
        Ok(document) => place_in(document.get_ref(), "", at),
        Err(_) => place_in_line(text, at),
    }
}

fn place_in(table: &DeTable<'_>, section: &str, at: usize) -> Option<Place> {
    let holds = |span: Range<usize>| span.contains(&at) || span.start == at;
    table.iter().find_map(|(name, value)| {
        let key = if section.is_empty() { name.get_ref().to_string() } else { format!("{section}.{}", name.get_ref()) };
        match value.get_ref() {
            _ if holds(name.span()) => Some(Place::Key(key)),
            // A section's place is its heading; what is in it may be elsewhere.
            DeValue::Table(table) => place_in(table, &key, at),
            _ => holds(value.span()).then_some(Place::Value(key)),
        }
    })
}

/// In a text that isn't TOML: by the line that the error is in, and the heading above it.
fn place_in_line(text: &str, at: usize) -> Option<Place> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let (name, _) = text.get(start..)?.lines().next()?.split_once('=')?;
    let heading = text[..start].lines().rev().find_map(|line| line.trim().strip_prefix('[')?.split(']').next());
    let key = match heading {
        Some(section) => format!("{section}.{}", name.trim()),
        None => name.trim().to_owned(),
    };
    Some(if at > start + name.len() { Place::Value(key) } else { Place::Key(key) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_error_names_its_own_key() {
        let text = "version = 2\n[training]\nseed = 7\nlearning_rate = \"a\"\n[lora]\ntarget_modules = [\n  3,\n]\n";
        let of = |part: &str| place(text, text.find(part).unwrap()).unwrap();
        assert_eq!(of("seed"), Place::Key("training.seed".into()));
        assert_eq!(of("7"), Place::Value("training.seed".into()));
        assert_eq!(of("learning"), Place::Key("training.learning_rate".into()));
        assert_eq!(of("\"a\""), Place::Value("training.learning_rate".into()));
        assert_eq!(of("3,"), Place::Value("lora.target_modules".into()));
        let text = "training = { seed = \"x\" }\nlora.r = 0\n";
        assert_eq!(place(text, text.find("\"x\"").unwrap()), Some(Place::Value("training.seed".into())));
        assert_eq!((line_of(text, "lora.r"), line_of(text, "lora.x")), (Some(2), None));
        let broken = "[training]\nseed = 1\nseed = 2\nlearning_rate = 1,\n";
        let of = |at: usize| place(broken, at).unwrap();
        assert_eq!(of(broken.rfind("seed").unwrap()), Place::Key("training.seed".into()));
        assert_eq!(of(broken.find(',').unwrap()), Place::Value("training.learning_rate".into()));
    }

    #[test]
    fn every_name_from_elsewhere_leads_to_a_parameter_and_is_none_itself() {
        for (elsewhere, here) in NAMES_ELSEWHERE {
            assert!(params::find(here).is_some(), "{here}");
            assert!(PARAMS.iter().all(|param| param.name() != *elsewhere), "{elsewhere}");
        }
        assert_eq!(called_here("lora.seed").unwrap().key, "training.seed");
        assert!(called_here("training.seed").is_none() && called_here("training.optim").is_none());
    }
}
