//! How a person names a data set.

use std::fmt;

use crate::hub::HubError;
use crate::hub::outside::{is_repo_id, is_revision};

/// `owner/name[:subset][@revision]`, or the address of its page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DatasetName {
    /// `owner/name`; a few old ones have no owner.
    pub repo: String,
    pub subset: Option<String>,
    /// A branch, a tag or a commit.
    pub revision: Option<String>,
}

impl DatasetName {
    /// Reads a name or the address of a page.
    ///
    /// # Errors
    /// Where the text is neither; the error says why.
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let text = text.trim();
        let wrong = |reason| HubError::BadName { text: text.to_owned(), reason };
        let parsed = match text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
            Some(address) => of_address(address).ok_or_else(|| {
                wrong("an address of the Hub's data sets continues with /datasets/owner/name after the server")
            })?,
            None => of_name(text.strip_prefix("datasets/").unwrap_or(text)),
        };
        match parsed.repo.split('/').collect::<Vec<_>>().as_slice() {
            [] | [""] => Err(wrong("it is empty")),
            parts if parts.len() > 2 => Err(wrong("it has more than an owner and a name")),
            _ if !is_repo_id(&parsed.repo) => Err(wrong("owner and name are letters, digits and the signs - _ .")),
            _ if !parsed.revision.as_deref().is_none_or(is_revision) => {
                Err(wrong("after the @ comes a branch, a tag or a commit as git writes them"))
            }
            _ => Ok(parsed),
        }
    }
}

fn of_name(text: &str) -> DatasetName {
    let (text, revision) = parted(text, '@');
    let (repo, subset) = parted(text, ':');
    DatasetName { repo: repo.to_owned(), subset, revision }
}

/// `huggingface.co/datasets/OWNER/NAME`, and what the pages below it are called.
fn of_address(address: &str) -> Option<DatasetName> {
    let path = address.split(['?', '#']).next()?.split_once("/datasets/")?.1;
    let path = path.replace("%2F", "/");
    let (path, revision) = parted(path.trim_end_matches('/'), '@');
    let segments: Vec<_> = path.split('/').collect();
    let page = segments.iter().position(|segment| matches!(*segment, "tree" | "blob" | "resolve" | "viewer"));
    // A data set may be called viewer; its page's name follows it.
    let page = page.filter(|at| (1..=2).contains(at));
    let repo = segments[..page.unwrap_or(segments.len())].join("/");
    let after = || page.and_then(|at| segments.get(at + 1));
    let (subset, revision) = match page.map(|at| segments[at]) {
        Some("viewer") => (after().map(|subset| (*subset).to_owned()), revision),
        // The names of branches have no slashes, but for those that the Hub makes: `refs/pr/1`.
        Some(_) if after() == Some(&"refs") => {
            (None, page.map(|at| segments.iter().skip(at + 1).take(3).copied().collect::<Vec<_>>().join("/")))
        }
        Some(_) => (None, after().map(|revision| (*revision).to_owned())),
        None => (None, revision),
    };
    Some(DatasetName { repo, subset, revision })
}

fn parted(text: &str, at: char) -> (&str, Option<String>) {
    match text.split_once(at) {
        Some((before, after)) if !after.is_empty() => (before, Some(after.to_owned())),
        Some((before, _)) => (before, None),
        None => (text, None),
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repo)?;
        if let Some(subset) = &self.subset {
            write!(f, ":{subset}")?;
        }
        match &self.revision {
            Some(revision) => write!(f, "@{revision}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_understood_and_written_in_short() {
        let check = |text: &str, expected: &str| match DatasetName::parse(text) {
            Ok(name) => assert_eq!(name.to_string(), expected, "{text}"),
            Err(error) => assert!(error.to_string().contains(expected), "{text}: {error}"),
        };
        check(" PolyAI/banking77 ", "PolyAI/banking77");
        check("openai/gsm8k:main@v1.0", "openai/gsm8k:main@v1.0");
        check("squad", "squad");
        check("datasets/a/b@refs/pr/1", "a/b@refs/pr/1");
        check("https://huggingface.co/datasets/a/b", "a/b");
        check("https://huggingface.co/datasets/a/b/?sort=1#top", "a/b");
        check("https://huggingface.co/datasets/a/b/tree/dev", "a/b@dev");
        check("https://hf.co/datasets/a/b/tree/refs%2Fconvert%2Fparquet/x", "a/b@refs/convert/parquet");
        check("https://huggingface.co/datasets/a/b/viewer/main/train", "a/b:main");
        check("https://huggingface.co/a/b", "continues with /datasets/");
        check("", "it is empty");
        check("a/b/c", "more than an owner and a name");
        check("../b", "letters, digits");
        check("a b/c", "letters, digits");
        check("org/ds@../../../../pwned", "as git writes them");
        check("https://huggingface.co/datasets/a/b/tree/..", "as git writes them");
        check("org/ds@a\\b", "as git writes them");
    }
}
