//! White space as Jinja2 keeps and drops it (`trim_blocks`, `lstrip_blocks`, `-` and `+`), written out: the result means
//! the same to an engine that trims nothing. Line numbers stay what they were.

use std::ops::Range;

use super::generation;
use super::scan::{Kind, Tag, Token, tags, tokens};

/// A source without white space control, and whether it has `{% generation %}` blocks.
pub struct Resolved {
    pub source: String,
    pub has_generations: bool,
}

/// Takes a source with `\n` as its only line end.
pub fn resolve(source: &str) -> Resolved {
    // Jinja2 drops one line end at the very end.
    let source = source.strip_suffix('\n').unwrap_or(source);
    let mut out = Writer { out: String::with_capacity(source.len() + 64), num_dropped_lines: 0 };
    let mut has_generations = false;
    let mut from = 0;
    let mut is_line_start = true;
    for tag in tags(source) {
        let text = &source[from..tag.whole.start];
        let kept = before_tag(text, sign_at(source, tag.whole.start + 2), tag.kind, is_line_start);
        out.text(kept);
        out.drop_lines(&text[kept.len()..]);
        from = behind_tag(source, &tag);
        is_line_start = source[..from].ends_with('\n') && from > 0;
        match tag.kind {
            Kind::Comment => out.drop_lines(&source[tag.whole.start..from]),
            Kind::Raw => out.raw(source, &tag, from),
            Kind::Variable => out.tag("{{", &source[tag.inner.clone()], "}}", &source[tag.inner.end..from]),
            Kind::Block => {
                let inner = match generation_tag(source, &tag.inner) {
                    Some(inner) => {
                        has_generations = true;
                        inner
                    }
                    None => &source[tag.inner.clone()],
                };
                out.tag("{%", inner, "%}", &source[tag.inner.end..from]);
            }
        }
    }
    out.text(&source[from.min(source.len())..]);
    Resolved { source: out.out, has_generations }
}

/// What stands in the tag instead, if it is one of the generation tags.
fn generation_tag(source: &str, inner: &Range<usize>) -> Option<&'static str> {
    match tokens(source, inner).as_slice() {
        [(Token::Name("generation"), _)] => Some(generation::OPEN),
        [(Token::Name("endgeneration"), _)] => Some(generation::CLOSE),
        _ => None,
    }
}

/// Python's `str.isspace`.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

fn sign_at(source: &str, at: usize) -> Option<u8> {
    source.as_bytes().get(at).copied().filter(|c| matches!(c, b'-' | b'+'))
}

/// What a tag leaves of the text before it.
fn before_tag(text: &str, sign: Option<u8>, kind: Kind, is_line_start: bool) -> &str {
    match sign {
        Some(b'-') => text.trim_end_matches(is_space),
        None if kind != Kind::Variable => {
            let line = text.rfind('\n').map_or(0, |at| at + 1);
            let is_indentation = text[line..].chars().all(is_space);
            if (line > 0 || is_line_start) && is_indentation { &text[..line] } else { text }
        }
        _ => text,
    }
}

/// Where the text behind a tag begins.
fn behind_tag(source: &str, tag: &Tag) -> usize {
    let end = tag.whole.end;
    let rest = &source[end..];
    // The sign before the closing delimiter.
    match end.checked_sub(3).and_then(|at| sign_at(source, at)).filter(|_| end - 3 >= tag.inner.start) {
        Some(b'-') => source.len() - rest.trim_start_matches(is_space).len(),
        None if tag.kind != Kind::Variable && rest.starts_with('\n') => end + 1,
        _ => end,
    }
}

struct Writer {
    out: String,
    /// Line ends that were dropped since the last tag.
    num_dropped_lines: usize,
}

impl Writer {
    fn drop_lines(&mut self, dropped: &str) {
        self.num_dropped_lines += dropped.matches('\n').count();
    }

    fn text(&mut self, text: &str) {
        match text.strip_suffix('{') {
            // It must not become a part of what follows.
            Some(before) => {
                self.out.push_str(before);
                self.out.push_str("{{ '{' }}");
            }
            None => self.out.push_str(text),
        }
    }

    /// A tag; the lines that were dropped go into it.
    fn tag(&mut self, open: &str, inner: &str, close: &str, dropped_behind: &str) {
        self.out.push_str(open);
        self.out.push(' ');
        self.out.extend(std::iter::repeat_n('\n', std::mem::take(&mut self.num_dropped_lines)));
        self.out.push_str(inner);
        self.drop_lines(dropped_behind);
        self.out.extend(std::iter::repeat_n('\n', std::mem::take(&mut self.num_dropped_lines)));
        self.out.push(' ');
        self.out.push_str(close);
    }

    /// A raw block as a whole, whose text ends where the tag's inner part does.
    fn raw(&mut self, source: &str, tag: &Tag, end: usize) {
        let inner = &source[tag.inner.clone()];
        let (head, mut body) = inner.split_once("%}").unwrap_or((inner, ""));
        if head.ends_with('-') {
            body = body.trim_start_matches(is_space);
        }
        let sign = sign_at(source, tag.inner.end + 2);
        let kept = before_tag(body, sign, Kind::Raw, false);
        let all = source[tag.whole.start..end].matches('\n').count();
        if !kept.is_empty() {
            self.out.push_str("{% raw %}");
            self.out.push_str(kept);
            self.out.push_str("{% endraw %}");
        }
        self.num_dropped_lines += all - kept.matches('\n').count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_written_out() {
        let resolved = |source: &str| resolve(source).source.replace(['\u{1}'], "");
        assert_eq!(resolved("a\n  {% if x %}\nb\n{% endif %}\n"), "a\n{%  if x \n %}b\n{%  endif  %}");
        assert_eq!(resolved("a {%- if x -%} b {%+ endif +%}\n\n"), "a{%  if x  %}b {%  endif  %}\n");
        assert_eq!(resolved("a {# b\n #}\nc { {{- x -}} }"), "a c{{ '{' }}{{ \n\n x  }}}");
        assert_eq!(resolved(" {% raw %}\n{{ {%- endraw %}"), "{% raw %}\n{{{% endraw %}");
        assert!(resolve("{% generation %}a{%- endgeneration %}").has_generations);
        assert!(!resolve("{# {% generation %} #}{{ '{% generation %}' }}").has_generations);
    }
}
