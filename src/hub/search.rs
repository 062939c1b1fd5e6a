//! Looking for models on the Hub.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api::{About, is_gated};
use super::client::HubClient;
use super::listing::{Format, problem};
use super::{HubError, Sources, outside};
use crate::model::families;
use crate::task::{Task, Unit};

/// Where nobody says how many.
const USUAL_LIMIT: usize = 30;
/// No more are asked for: what is passed over counts as well.
const MAX_ASKED: usize = 500;
/// What the Hub sends at once.
const PAGE: usize = 100;

/// What is looked for; empty is the most downloaded models.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchQuery {
    /// A part of the name.
    pub text: String,
    /// A family as people write it (`Qwen3`) or as files call it; only its models.
    pub family: Option<String>,
    /// As the Hub calls it: `apache-2.0`.
    pub license: Option<String>,
    /// No model with more parameters than this.
    pub max_parameters: Option<u64>,
    /// Only models in this format.
    pub format: Option<Format>,
    pub sort: SearchSort,
    /// At most this many; 0 for the usual number.
    pub limit: usize,
}

/// The order of what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SearchSort {
    /// In the last 30 days.
    #[default]
    Downloads,
    Likes,
    /// The newest first.
    Updated,
}

impl SearchSort {
    pub const ALL: [Self; 3] = [Self::Downloads, Self::Likes, Self::Updated];

    pub fn name(self) -> &'static str {
        match self {
            Self::Downloads => "downloads",
            Self::Likes => "likes",
            Self::Updated => "updated",
        }
    }
}

/// What a search brought.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchPage {
    #[serde(skip)]
    pub query: SearchQuery,
    pub hits: Vec<SearchHit>,
    /// How many of those that the Hub named were passed over: of another family, too large, or nothing to train.
    pub num_passed_over: usize,
}

/// A repository that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchHit {
    /// `owner/name`
    pub repo: String,
    /// In the last 30 days.
    pub downloads: u64,
    pub likes: u64,
    /// As its card calls it.
    pub license: Option<String>,
    pub is_gated: bool,
    pub num_parameters: Option<u64>,
    /// As people write it; of a family that isn't known as its files do.
    pub family: Option<String>,
    pub formats: Vec<Format>,
    /// The day of the last change: `2025-04-28`.
    pub updated: Option<String>,
    /// Why nothing of it can be trained here, as far as the Hub's facts say; a sentence.
    pub problem: Option<String>,
}

impl SearchQuery {
    fn limit(&self) -> usize {
        if self.limit == 0 { USUAL_LIMIT } else { self.limit.min(MAX_ASKED) }
    }

    /// Whether a hit is what was looked for, as far as the Hub can't tell by itself.
    fn fits(&self, hit: &SearchHit) -> bool {
        let is_family = |family: &str| {
            let find = |name: &str| families::FAMILIES.iter().find(|of| of.name.eq_ignore_ascii_case(name)).copied();
            let wanted = find(family).or_else(|| families::find(family)).map_or(family, |family| family.name);
            hit.family.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(wanted))
        };
        let is_small = |most: u64| hit.num_parameters.is_some_and(|number| number <= most);
        !hit.formats.is_empty()
            && self.format.is_none_or(|format| hit.formats.contains(&format))
            && self.family.as_deref().is_none_or(is_family)
            && self.max_parameters.is_none_or(is_small)
    }
}

/// Asks the Hub for models.
///
/// # Errors
/// Where the Hub can't be reached, or its answer isn't one.
pub fn search(query: &SearchQuery, sources: &Sources, task: &dyn Task) -> Result<SearchPage, HubError> {
    let hub = HubClient::open(sources)?;
    let limit = query.limit();
    let mut page = SearchPage { query: query.clone(), hits: Vec::new(), num_passed_over: 0 };
    let mut next = Some(first_page(&hub, query)?);
    let mut num_seen = 0;
    while let Some(url) = next.take() {
        let answer = hub.ask(&url, task)?;
        if !answer.status.is_success() {
            return Err(refusal(&hub, answer.status.as_u16()));
        }
        let entries: Vec<Value> =
            serde_json::from_slice(&answer.body).map_err(|error| hub.nonsense(format!("its answer: {error}")))?;
        num_seen += entries.len();
        for hit in entries.iter().filter_map(SearchHit::read) {
            match query.fits(&hit) {
                true if page.hits.len() < limit => page.hits.push(hit),
                true => {}
                false => page.num_passed_over += 1,
            }
        }
        task.progress(page.hits.len() as u64, Some(limit as u64), Unit::Files);
        // Only the Hub itself is asked, with the person's token.
        let is_own = |url: &reqwest::Url| url.as_str().starts_with(hub.endpoint());
        next = answer.next.filter(|url| page.hits.len() < limit && num_seen < MAX_ASKED && is_own(url));
    }
    Ok(page)
}

fn first_page(hub: &HubClient, query: &SearchQuery) -> Result<reqwest::Url, HubError> {
    let mut url = hub.address(&["api", "models"])?;
    let mut pairs = url.query_pairs_mut();
    if !query.text.trim().is_empty() {
        pairs.append_pair("search", query.text.trim());
    }
    if let Some(license) = &query.license {
        pairs.append_pair("filter", &format!("license:{}", license.to_ascii_lowercase()));
    }
    if let Some(format) = query.format {
        pairs.append_pair("filter", &format.name().to_ascii_lowercase());
    }
    let sort = match query.sort {
        SearchSort::Downloads => "downloads",
        SearchSort::Likes => "likes",
        SearchSort::Updated => "lastModified",
    };
    let is_filtered = query.family.is_some() || query.max_parameters.is_some() || query.format.is_none();
    let asked = if is_filtered { PAGE } else { query.limit().min(PAGE) };
    pairs.append_pair("sort", sort).append_pair("direction", "-1").append_pair("limit", &asked.to_string());
    for field in
        ["config", "downloads", "gated", "gguf", "lastModified", "likes", "pipeline_tag", "safetensors", "tags"]
    {
        pairs.append_pair("expand[]", field);
    }
    drop(pairs);
    Ok(url)
}

fn refusal(hub: &HubClient, status: u16) -> HubError {
    let message = match status {
        401 | 403 => "the token isn't accepted".to_owned(),
        _ => format!("the server answered {status}"),
    };
    HubError::Hub { what: hub.endpoint().to_owned(), message }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: String,
    #[serde(default)]
    downloads: u64,
    #[serde(default)]
    likes: u64,
    #[serde(default)]
    gated: Value,
    #[serde(default)]
    tags: Vec<String>,
    last_modified: Option<String>,
}

impl SearchHit {
    /// `None` for what isn't an entry, or has a name that can't be a repository's.
    fn read(json: &Value) -> Option<Self> {
        let entry = Entry::deserialize(json).ok()?;
        outside::is_repo_id(&entry.id).then_some(())?;
        let about = About::deserialize(json).unwrap_or_default();
        let has = |tag: &str| entry.tags.iter().any(|own| own == tag);
        let formats = [Format::Gguf, Format::Safetensors].into_iter();
        Some(Self {
            downloads: entry.downloads,
            likes: entry.likes,
            license: entry.tags.iter().find_map(|tag| tag.strip_prefix("license:")).map(str::to_owned),
            is_gated: is_gated(&entry.gated),
            num_parameters: about.num_parameters(),
            family: about.family(),
            formats: formats.filter(|format| has(&format.name().to_ascii_lowercase())).collect(),
            updated: entry.last_modified.and_then(|time| time.get(..10).map(str::to_owned)),
            problem: problem(&about),
            repo: entry.id,
        })
    }
}
