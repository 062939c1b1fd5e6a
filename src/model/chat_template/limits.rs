//! Bounds on a template's size and nesting, checked before it is parsed: the parser and the compiler recurse, and they
//! overflow the stack. Real templates stay far below: of 165 published ones the longest has 20 KB, the deepest 10
//! blocks in each other, with 7 `elif`s, and the largest tag 27 operators.

use super::scan::{Kind, Token, tags, tokens};

/// In bytes.
const MAX_LENGTH: usize = 256 * 1024;
/// Operators, brackets, filters and attributes in one tag; each may nest what is beside it.
const MAX_OPERATORS: usize = 250;
/// Blocks within blocks, where each `elif` counts as a block within the one before.
const MAX_BLOCKS: usize = 120;

/// Refuses a template that is too large or nested too deeply; the error is a sentence.
pub fn check(source: &str) -> Result<(), String> {
    if source.len() > MAX_LENGTH {
        let (length, most) = (source.len() / 1024, MAX_LENGTH / 1024);
        return Err(format!("it has {length} KB; a template may have at most {most} KB"));
    }
    let line = |at: usize| source[..at].matches('\n').count() + 1;
    // For each open block, it and its `elif`s.
    let mut open: Vec<usize> = Vec::new();
    for tag in tags(source).iter().filter(|tag| matches!(tag.kind, Kind::Block | Kind::Variable)) {
        let tokens = tokens(source, &tag.inner);
        if tokens.iter().filter(|(token, _)| may_nest(token)).count() > MAX_OPERATORS {
            let line = line(tag.whole.start);
            return Err(format!("the expression in line {line} has more than {MAX_OPERATORS} operators and brackets"));
        }
        let (Kind::Block, Some((Token::Name(word), _))) = (tag.kind, tokens.first()) else { continue };
        match *word {
            "elif" => open.last_mut().into_iter().for_each(|block| *block += 1),
            word if word.starts_with("end") => drop(open.pop()),
            "set" if tokens.iter().any(|(token, _)| *token == Token::Sign("=")) => {}
            "else" | "break" | "continue" | "include" | "import" | "from" | "extends" | "do" => {}
            _ => open.push(1),
        }
        if open.iter().sum::<usize>() > MAX_BLOCKS {
            let line = line(tag.whole.start);
            return Err(format!("more than {MAX_BLOCKS} blocks are open in line {line}"));
        }
    }
    Ok(())
}

fn may_nest(token: &Token<'_>) -> bool {
    match token {
        Token::Sign(sign) => !matches!(*sign, "," | ":" | ")" | "]" | "}" | "="),
        Token::Name(name) => matches!(*name, "not" | "and" | "or" | "in" | "is" | "if" | "else"),
        Token::Text(_) | Token::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nests_too_deeply_is_refused_before_parsing() {
        let n = 1000;
        let refused = |source: String| check(&source).is_err();
        assert!(refused(format!("{{{{ {}1 }}}}", "-".repeat(n))));
        assert!(refused(format!("{{{{ 'a'{} }}}}", "|upper".repeat(n))));
        assert!(refused(format!("{{{{ 1{} }}}}", " if 1 else 2".repeat(n))));
        assert!(refused(format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(n))));
        assert!(refused("{% if 1 %}".repeat(n)));
        assert!(refused("{% set a %}".repeat(n)));
        assert!(refused("a".repeat(MAX_LENGTH + 1)));
        assert!(!refused("{% if 1 %}{% elif 2 %}{% endif %}{% set a = 1 %}".repeat(n)));
        let list = vec!["'a--'"; n].join(", ");
        assert!(!refused(format!("{{{{ [{list}] }}}}")));
    }
}
