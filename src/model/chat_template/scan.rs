//! Where a template's tags, comments and raw blocks are, without parsing what is in them.

use std::ops::Range;

/// What a part of the source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{% … %}`
    Block,
    /// `{{ … }}`
    Variable,
    /// `{# … #}`
    Comment,
    /// `{% raw %} … {% endraw %}` as a whole.
    Raw,
}

/// A tag. What lies between two tags is text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub kind: Kind,
    /// With its delimiters.
    pub whole: Range<usize>,
    /// Between its delimiters and their `-` or `+`.
    pub inner: Range<usize>,
}

/// A lexical unit inside a block or variable tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    Name(&'a str),
    /// With its quotation marks.
    Text(&'a str),
    Number(&'a str),
    /// One or two characters.
    Sign(&'a str),
}

/// All tags of a source, in order. An unfinished one ends with the source; the parser says what is wrong with it.
pub fn tags(source: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut from = 0;
    while let Some(start) = find_start(source, from) {
        let tag = tag_at(source, start);
        from = tag.whole.end;
        tags.push(tag);
    }
    tags
}

/// The tokens of a block or variable tag with where they are in the source.
pub fn tokens<'a>(source: &'a str, inner: &Range<usize>) -> Vec<(Token<'a>, Range<usize>)> {
    let mut tokens = Vec::new();
    let mut at = inner.start;
    while let Some((token, range)) = next_token(source, at, inner.end) {
        at = range.end;
        tokens.push((token, range));
    }
    tokens
}

fn find_start(source: &str, from: usize) -> Option<usize> {
    let bytes = source.as_bytes();
    (from..bytes.len().saturating_sub(1)).find(|&i| bytes[i] == b'{' && matches!(bytes[i + 1], b'%' | b'{' | b'#'))
}

fn tag_at(source: &str, start: usize) -> Tag {
    let bytes = source.as_bytes();
    let is_sign = |i: usize| matches!(bytes.get(i), Some(b'-' | b'+'));
    let open = start + 2 + usize::from(is_sign(start + 2));
    if bytes[start + 1] == b'#' {
        let close = source[open..].find("#}").map_or(source.len(), |i| open + i);
        return Tag { kind: Kind::Comment, whole: start..(close + 2).min(source.len()), inner: open..close };
    }
    let is_block = bytes[start + 1] == b'%';
    if is_block && let Some(end) = skip_word(source, open, "raw") {
        let (body_end, end) = end_of_raw(source, end);
        return Tag { kind: Kind::Raw, whole: start..end, inner: open..body_end };
    }
    let delimiter = if is_block { "%}" } else { "}}" };
    let mut at = open;
    let mut depth = 0usize;
    let close = loop {
        let rest = skip_space(source, at);
        if depth == 0
            && (source[rest..].starts_with(delimiter) || is_sign(rest) && source[rest + 1..].starts_with(delimiter))
        {
            break Some(rest);
        }
        let Some((token, range)) = next_token(source, at, source.len()) else { break None };
        match token {
            Token::Sign("(" | "[" | "{") => depth += 1,
            Token::Sign(")" | "]" | "}") => depth = depth.saturating_sub(1),
            _ => {}
        }
        at = range.end;
    };
    let kind = if is_block { Kind::Block } else { Kind::Variable };
    match close {
        Some(close) => {
            let end = close + usize::from(is_sign(close)) + 2;
            Tag { kind, whole: start..end, inner: open..close }
        }
        None => Tag { kind, whole: start..source.len(), inner: open..source.len() },
    }
}

/// Behind `word` and its tag's end, if that is all that the tag holds.
fn skip_word(source: &str, at: usize, word: &str) -> Option<usize> {
    let rest = source[skip_space(source, at)..].strip_prefix(word)?.trim_start();
    let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest);
    rest.strip_prefix("%}").map(|rest| source.len() - rest.len())
}

/// Where a raw block's text ends, and where its closing tag does.
fn end_of_raw(source: &str, from: usize) -> (usize, usize) {
    let mut at = from;
    while let Some(found) = source[at..].find("{%") {
        let start = at + found;
        let open = start + 2 + usize::from(matches!(source.as_bytes().get(start + 2), Some(b'-' | b'+')));
        if let Some(end) = skip_word(source, open, "endraw") {
            return (start, end);
        }
        at = start + 2;
    }
    (source.len(), source.len())
}

fn skip_space(source: &str, at: usize) -> usize {
    source.len() - source[at..].trim_start().len()
}

fn next_token(source: &str, at: usize, end: usize) -> Option<(Token<'_>, Range<usize>)> {
    let start = skip_space(source, at);
    let rest = source.get(start..end)?;
    let first = rest.chars().next()?;
    let length = |is_in: &dyn Fn(char) -> bool| rest.find(|c| !is_in(c)).unwrap_or(rest.len());
    let len = match first {
        '"' | '\'' => end_of_text(rest, first),
        c if c.is_alphabetic() || c == '_' => length(&|c| c.is_alphanumeric() || c == '_'),
        c if c.is_ascii_digit() => length(&|c| c.is_alphanumeric() || c == '_'),
        _ if ["**", "//", "==", "!=", "<=", ">="].iter().any(|sign| rest.starts_with(sign)) => 2,
        c => c.len_utf8(),
    };
    let text = &rest[..len];
    let token = match first {
        '"' | '\'' => Token::Text(text),
        c if c.is_alphabetic() || c == '_' => Token::Name(text),
        c if c.is_ascii_digit() => Token::Number(text),
        _ => Token::Sign(text),
    };
    Some((token, start..start + len))
}

/// The length of a quoted text with its marks.
fn end_of_text(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_around_texts_and_braces() {
        let source = "a {%- set x = '%}' -%} {{ {'a': {'b': 1}} }}{# {{ #}{% raw %}{{ x }}{%- endraw %} {{ x";
        let found: Vec<_> = tags(source).into_iter().map(|tag| (tag.kind, &source[tag.inner])).collect();
        let expected = [
            (Kind::Block, " set x = '%}' "),
            (Kind::Variable, " {'a': {'b': 1}} "),
            (Kind::Comment, " {{ "),
            (Kind::Raw, " raw %}{{ x }}"),
            (Kind::Variable, " x"),
        ];
        let trimmed = |(kind, inner): &(Kind, &str)| (*kind, inner.trim().to_owned());
        let found: Vec<_> = found.iter().map(trimmed).collect();
        let expected: Vec<_> = expected.iter().map(trimmed).collect();
        assert_eq!(found, expected);
    }
}
