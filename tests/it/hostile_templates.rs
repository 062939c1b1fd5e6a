//! Chat templates that mean harm: none ends the program, runs on, or eats memory. Every test runs in this process, so
//! that an abort shows, and on a stack as small as a worker's.

use std::time::{Duration, Instant};

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use tunewright::model::chat_template::ChatTemplate;
use tunewright::model::{ModelError, Turn};

use super::fixtures::fixture;

const LONGEST: Duration = Duration::from_secs(10);
/// What the engine's longest text has.
const MOST_BYTES: usize = 64 << 20;

/// Loads and renders on 2 MB of stack.
fn tried(source: &str) -> Result<String, ModelError> {
    let start = Instant::now();
    let owned = source.to_owned();
    let run = move || {
        let turns = [Turn::new("user", "Hi"), Turn::new("assistant", "Hello")];
        ChatTemplate::new(Some(&owned), "<s>", "</s>")?.text(&turns, true)
    };
    let result = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
    let shown: String = source.chars().take(200).collect();
    assert!(start.elapsed() < LONGEST, "{:?}: {shown}", start.elapsed());
    if let Ok(text) = &result {
        assert!(text.len() <= MOST_BYTES, "{} bytes: {shown}", text.len());
    }
    result
}

#[test]
fn reported_templates_end() {
    let text = std::fs::read_to_string(fixture("attacks/templates.json")).unwrap();
    let templates: Value = serde_json::from_str(&text).unwrap();
    for (name, source) in templates.as_object().unwrap() {
        assert!(tried(source.as_str().unwrap()).is_err(), "{name}");
    }
}

/// Everything that nests, `n` deep.
fn deep(n: usize) -> Vec<String> {
    let around = |before: &str, open: &str, inner: &str, close: &str, after: &str| {
        [before, &open.repeat(n), inner, &close.repeat(n), after].concat()
    };
    vec![
        around("{{ ", "-", "1", "", " }}"),
        around("{{ ", "not ", "1", "", " }}"),
        around("{{ 'a'", "|upper", "", "", " }}"),
        around("{{ messages", "[0]", "", "", " }}"),
        around("{{ messages", ".a", "", "", " }}"),
        around("{{ 'a'", "~'a'", "", "", " }}"),
        around("{{ 1", "+1", "", "", " }}"),
        around("{{ 1", "<1", "", "", " }}"),
        around("{{ 1", " is number", "", "", " }}"),
        around("{{ a", "()", "", "", " }}"),
        around("{{ 1", " if 1 else 2", "", "", " }}"),
        around("{{ ", "1 if ", "1", " else 2", " }}"),
        around("{{ 1", " and 1", "", "", " }}"),
        around("{{ 1", " or 1", "", "", " }}"),
        around("{{ 2", "**2", "", "", " }}"),
        around("{{ ", "(", "1", ")", " }}"),
        around("{{ ", "[", "1", "]", " }}"),
        around("{{ ", "{1:", "1", "}", " }}"),
        around("{{ ", "a(", "1", ")", " }}"),
        around("{{ ", "a[", "1", "]", " }}"),
        around("{{ 1|default(", "1|default(", "1", ")", ") }}"),
        around("{% set x = ", "[", "1", "]", " %}"),
        around("{% if 0 %}", "{% elif 0 %}", "", "", "{% endif %}"),
        around("", "{% if 1 %}", "a", "{% endif %}", ""),
        around("", "{% for i in [1] %}", "a", "{% endfor %}", ""),
        around("", "{% with %}", "a", "{% endwith %}", ""),
        around("", "{% filter upper %}", "a", "{% endfilter %}", ""),
        around("", "{% set x %}", "a", "{% endset %}", ""),
        around("", "{% macro m() %}", "a", "{% endmacro %}", ""),
        around("", "{% call m() %}", "a", "{% endcall %}", ""),
        around("", "{% generation %}", "a", "{% endgeneration %}", ""),
        around("", "{% if 1 %}{% else %}", "a", "{% endif %}", ""),
        around("", "{{", "", "", ""),
        around("", "{% raw %}", "", "", ""),
        around("", "{#", "", "", ""),
        around("{{ '", "\\", "", "", "' }}"),
        around("{% set x = [1] %}", "{% set x = [x] %}", "", "", "{{ x }}"),
        around("{% set x = [1] %}", "{% set x = [x, x] %}", "", "", "{{ x|tojson|length }}"),
        around("{% set x = [1] %}", "{% set x = {'a': x} %}", "", "", "{{ x == x }}"),
        around("{% set x = [1] %}", "{% set x = x|batch(1)|list %}", "", "", "{{ x|string|length }}"),
        around("{% set x = 'a' %}", "{% set x = x ~ x %}", "", "", "{{ x|length }}"),
    ]
}

#[test]
fn depth_of_any_kind_is_an_error_and_no_overflow() {
    // Also just within and beyond every limit.
    for n in [3, 40, 59, 61, 100, 119, 121, 140, 249, 251, 1000, 20_000, 100_000] {
        for source in deep(n) {
            let result = tried(&source);
            let is_flat = source.starts_with("{{ 1") || source.starts_with("{#") || source.starts_with("{{ '");
            assert!(n < 1000 || result.is_err() || is_flat, "{n}: {}", &source[..40]);
        }
    }
}

#[test]
fn macros_and_loops_that_call_themselves_end() {
    let sources = [
        "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
        "{% macro m(n) %}{% filter upper %}{{ [m(n + 1)]|first }}{% endfilter %}{% endmacro %}{{ m(0) }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% macro m(n) %}{% call m(n) %}{{ caller() }}{% endcall %}{% endmacro %}{{ m(0) }}",
        "{% macro m(x) %}{{ m([x]) }}{% endmacro %}{{ m(1) }}",
        "{% macro m(x) %}{{ m(x|batch(1)|list) }}{% endmacro %}{{ m([1]) }}",
        "{% set ns = namespace() %}{% macro m() %}{{ ns.f() }}{% endmacro %}{% set ns.f = m %}{{ m() }}",
        "{% set ns = namespace() %}{% macro m() %}{{ (ns.f)() }}{% endmacro %}{% set ns.f = m %}{{ m() }}",
        "{% for i in [1] recursive %}{{ loop([i]) }}{% endfor %}",
        "{% for i in [1] recursive %}{% for j in [1] %}{{ loop([i]) }}{% endfor %}{% endfor %}",
        "{% for i in [1] recursive %}{% set x %}{{ loop([i]) }}{% endset %}{% endfor %}",
        "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}{% set x %}{{ 'a' * 60000000 }}{% endset %}{% endfor %}",
        "{% include 'chat' %}",
        "{% extends 'chat' %}",
        "{% import 'chat' as x %}",
        "{% block a %}{{ self.a() }}{% endblock %}",
    ];
    for source in sources {
        assert!(tried(source).is_err(), "{source}");
    }
    let leaves = [
        "{% for i in [1, 2] %}{% filter upper %}{% break %}{% endfilter %}{% endfor %}",
        "{% for i in [1, 2] %}{% with %}{% continue %}{% endwith %}{% endfor %}",
        "{% for i in [1, 2] %}{% set x %}{% continue %}{% endset %}{% endfor %}",
        "{% for i in [1, 2] %}{% generation %}{% break %}{% endgeneration %}{% endfor %}",
    ];
    for source in leaves {
        assert!(tried(source).is_err(), "{source}");
    }
}

#[test]
fn texts_and_lists_beyond_any_use_are_refused() {
    let expressions = [
        "'a' * 9000000000000000000",
        "'ab' * 33554433",
        "['a'] * 9000000000000000000",
        "(1,) * 4000001",
        "10 ** 1000000000",
        "2 ** 127 * 2",
        "-(2 ** 127 - 1) - 2",
        "'a'.center(9000000000000000000)",
        "'a'.zfill(100000000)",
        "'a'.ljust(100000000, 'ä')",
        "'\\t'.expandtabs(9000000000000000000)",
        "'a'|center(9000000000000000000)",
        "'a'|indent(9000000000000000000)",
        "('a\\n' * 1000000)|indent(1000)",
        "('a' * 1000000)|replace('a', 'b' * 1000)",
        "('a' * 1000000).replace('', 'b' * 1000)",
        "('a' * 100000).join('b' * 10000)",
        "(['a'] * 1000000)|join('b' * 1000)",
        "[1]|tojson(indent=9000000000000000000)",
        "[[1]]|tojson(indent=40000000)",
        "([1] * 1000000)|tojson(separators=('a' * 1000, 'b'))",
        "'%9000000000d' % 1",
        "'%*d' % (900000000, 1)",
        "'%.900000000f' % 1.5",
        "'{:900000000}'.format(1)",
        "'{:.900000000f}'.format(1.5)",
        "('{0}' * 100000).format('a' * 100000)",
        "('%s' * 100000) % ((('a' * 100000),) * 100000)",
        "[1]|batch(9000000000000000000, 'x')|list",
        "[1]|slice(9000000000000000000)|list",
        "range(9000000000000000000)|list",
        "range(-(2 ** 126), 2 ** 126)|length",
        "range(0, 2 ** 126, 2 ** 100)|list",
        "range(100000)|map('string')|map('center', 100000)|join|length",
        "('a b ' * 1000000).split()|map('center', 1000)|list|length",
        "('a' * 60000000)|e|e|e|e|e|e|e|length",
        "('&' * 60000000)|forceescape",
        "('ä' * 30000000)|urlencode",
        "('\\u0130' * 20000000)|lower|upper|lower",
        "dict.fromkeys(range(100000), [1] * 1000000)",
        "(range(100000)|list)|unique|list|length",
    ];
    for expression in expressions {
        // Some end with a text, but none with a large one.
        let _ = tried(&format!("{{{{ {expression} }}}}"));
    }
    assert!(tried("{{ 'ab' * 33554433 }}").unwrap_err().to_string().contains("64 MB"));
    let endless = "{% for i in range(1000) %}{{ 'a' * 1000000 }}{% endfor %}";
    assert!(tried(endless).unwrap_err().to_string().contains("64 MB"));
}

#[test]
fn generated_templates_end() {
    let seeds =
        ["'abcdefgh'", "['abcdefgh']", "{'a': 'bcdefgh'}", "(1, 2)", "messages", "1", "'ä' * 1000", "range(100)"];
    let grow = [
        "X + X",
        "X ~ X",
        "[X, X]",
        "[X]",
        "{'a': X, 'b': X}",
        "(X, X)",
        "X * 2",
        "X * X",
        "X|join(X)",
        "X|tojson",
        "X|string",
        "X|list",
        "X|batch(1)|list",
        "X|map('string')|list",
        "X.join(X)",
        "X|replace('a', X)",
        "X.replace('', X)",
        "X|indent(99)",
        "X.center(99999)",
        "'%s%s' % (X, X)",
        "'{0}{0}'.format(X)",
        "X|e",
        "dict(a=X, b=X)",
        "X|groupby('a')",
        "X|dictsort",
        "X.items()|list",
        "X|reverse|list",
        "[X|tojson(indent=9)]",
        "X ** 2",
        "X[::-1]",
        "X|unique|list",
        "X|sort",
        "namespace(a=X)",
        "X|slice(3)|list",
        "X|default(X, true)",
        "X if X else X",
        "X|string * 9",
        "[X] * 99",
        "X.split('a')",
        "X|urlencode",
    ];
    let sinks = [
        "X",
        "X|tojson",
        "X|string|length",
        "X|join|length",
        "X == X",
        "X < X",
        "X in X",
        "[X] == [X]",
        "X|sort|length",
        "X|unique|list",
        "X|map('string')|join",
        "X|dictsort",
        "X ~ X",
        "X|sum",
        "X|max",
        "X|list|tojson(indent=2)",
        "X|groupby(0)",
        "X|length",
        "{'a': X}|tojson(sort_keys=true)",
        "'%r' % (X,)",
        "X is sameas X",
        "X|selectattr('a')|list",
    ];
    let rounds = ["3", "12", "40", "1000", "100000"];
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    for _ in 0..200 {
        let mut body = String::new();
        for _ in 0..rng.random_range(1..4) {
            let grown = grow.choose(&mut rng).unwrap().replace('X', "ns.x");
            body += &format!("{{% set ns.x = {grown} %}}");
        }
        let mut source = format!("{{% for i in range({}) %}}{body}{{% endfor %}}", rounds.choose(&mut rng).unwrap());
        if rng.random_bool(0.3) {
            source = format!("{{% macro m(n) %}}{source}{{{{ m(n) }}}}{{% endmacro %}}{{{{ m(1) }}}}");
        }
        if rng.random_bool(0.3) {
            source = format!("{{% for j in range({}) %}}{source}{{% endfor %}}", rounds.choose(&mut rng).unwrap());
        }
        let sink = sinks.choose(&mut rng).unwrap().replace('X', "ns.x");
        let seed = seeds.choose(&mut rng).unwrap();
        let _ = tried(&format!("{{% set ns = namespace(x={seed}) %}}{source}{{{{ {sink} }}}}"));
    }
}

#[test]
fn sources_of_any_letters_are_read_or_refused() {
    let parts = [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "-",
        "+",
        "'",
        "\"",
        "\\",
        "\n",
        "\r",
        " ",
        "raw",
        "endraw",
        "if",
        "endif",
        "for",
        "in",
        "set",
        "generation",
        "endgeneration",
        "a",
        "1",
        ".",
        "(",
        ")",
        "[",
        "]",
        "|",
        "~",
        "=",
        ",",
        "ä",
        "\u{a0}",
        "\u{2028}",
        "{",
    ];
    let mut rng = ChaCha8Rng::seed_from_u64(14);
    for _ in 0..20_000 {
        let source: String = (0..rng.random_range(1..24)).map(|_| *parts.choose(&mut rng).unwrap()).collect();
        if let Ok(template) = ChatTemplate::new(Some(&source), "", "") {
            let _ = template.text(&[Turn::new("user", "Hi")], false);
        }
    }
}
