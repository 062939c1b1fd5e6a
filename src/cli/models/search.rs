//! `tunewright models search`: models on the Hub.

use clap::Args;

use super::{asking, parameters, print_json};
use crate::cli::Ended;
use crate::cli::interrupt::Interrupt;
use crate::cli::terminal::{self, thousands};
use crate::hub::{self, Format, SearchHit, SearchQuery, SearchSort};

#[derive(Debug, Args)]
pub struct SearchArgs {
    /// A part of the name
    text: Option<String>,
    /// Only models of this family, as Qwen3 or gemma3_text
    #[arg(long, value_name = "NAME")]
    family: Option<String>,
    /// Only models under this licence, as the Hub calls it: apache-2.0, mit
    #[arg(long, value_name = "NAME")]
    license: Option<String>,
    /// No model with more parameters: 600M, 4B
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
    /// Only models in this format: gguf or safetensors
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
    /// The order: downloads, likes or updated
    #[arg(long, value_name = "ORDER", default_value = "downloads", value_parser = sort)]
    sort: SearchSort,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 30)]
    limit: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: SearchArgs, interrupt: &Interrupt) -> Result<(), Ended> {
    let query = SearchQuery {
        text: args.text.unwrap_or_default(),
        family: args.family,
        license: args.license,
        max_parameters: args.max_size,
        format: args.format,
        sort: args.sort,
        limit: args.limit,
    };
    let page = asking(|sources| hub::search(&query, sources, &interrupt.control))?;
    if args.json {
        return print_json(&page);
    }
    page.hits.iter().for_each(print);
    let num = thousands(page.hits.len());
    terminal::note(&format!("{num} found; {} others were passed over", thousands(page.num_passed_over)));
    Ok(())
}

fn print(hit: &SearchHit) {
    terminal::line(&hit.repo);
    let formats: Vec<_> = hit.formats.iter().map(|format| format.name()).collect();
    let facts = [
        hit.family.clone(),
        hit.num_parameters.map(parameters),
        Some(format!("{} downloads", thousands(hit.downloads))),
        hit.license.clone(),
        Some(formats.join(" and ")),
        hit.is_gated.then(|| "gated".to_owned()),
        hit.updated.clone(),
    ];
    terminal::line(&format!("  {}", facts.into_iter().flatten().collect::<Vec<_>>().join(" · ")));
    if let Some(problem) = &hit.problem {
        terminal::line(&format!("  can't be trained here: {problem}"));
    }
}

fn size(text: &str) -> Result<u64, String> {
    let wrong = || "it must be a number of parameters, as 600M or 4B".to_owned();
    let (number, factor) = match text.trim().to_ascii_uppercase().chars().last() {
        Some('B') => (&text.trim()[..text.trim().len() - 1], 1e9),
        Some('M') => (&text.trim()[..text.trim().len() - 1], 1e6),
        _ => (text.trim(), 1.0),
    };
    let number = number.trim().parse::<f64>().ok().filter(|number| *number > 0.0 && number.is_finite());
    Ok((number.ok_or_else(wrong)? * factor) as u64)
}

fn format(text: &str) -> Result<Format, String> {
    let formats = [Format::Gguf, Format::Safetensors];
    let found = formats.into_iter().find(|format| format.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "it must be gguf or safetensors".to_owned())
}

fn sort(text: &str) -> Result<SearchSort, String> {
    let found = SearchSort::ALL.into_iter().find(|sort| sort.name() == text);
    found.ok_or_else(|| format!("it must be one of {}", SearchSort::ALL.map(SearchSort::name).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(
            [size("600M"), size("4b"), size(" 1.7 B "), size("42")],
            [600e6, 4e9, 1.7e9, 42.0].map(|n| Ok(n as u64))
        );
        assert!(size("B").is_err() && size("-1B").is_err() && size("many").is_err() && size("").is_err());
    }
}
