//! The house rules that no compiler knows. Every rule carries a bad example that it must find and a good one that it
//! must leave alone.

pub mod rust;
mod tree;
mod words;

use tree::{root, tracked_files};
pub(super) use tree::{sources, test_modules};

use rust::{code_only, crate_paths, end_of_item, find_all, find_words, is_ident, module_path, without_tests};

/// Who may import whom, as prefixes of paths below `crate::`. A module may always name itself, `fs`, `task` and
/// `words`.
#[rustfmt::skip]
const IMPORTS: &[(&str, &[&str])] = &[
    ("fs", &[]),
    ("task", &[]),
    ("words", &[]),
    ("ops", &[]),
    ("data", &[]),
    ("recipe", &[]),
    ("model", &["ops", "recipe"]),
    ("hub", &["model", "recipe::ModelRef"]),
    ("generate", &["data", "model", "ops", "recipe"]),
    ("endpoint", &["data", "generate"]),
    ("render", &["data", "model", "ops", "recipe"]),
    ("run", &["data", "model::peft", "recipe"]),
    ("evaluate", &["data", "endpoint", "model", "generate", "recipe", "render", "run"]),
    ("report", &["evaluate", "recipe", "render", "run"]),
    ("train", &["data", "model", "ops", "recipe", "render", "run", "evaluate"]),
    ("project", &["data", "recipe", "run"]),
    ("monitor", &["data", "run"]),
    ("workbench", &["data", "model", "project", "recipe", "render", "run", "evaluate", "report", "train", "monitor"]),
    ("engine", &[
        "ops", "data", "recipe", "model", "hub", "generate", "render", "report", "run", "train", "evaluate", "project",
        "monitor", "workbench",
    ]),
    // A command runs in its own thread and prints; it opens the window, too.
    ("cli", &[
        "ops", "data", "recipe", "model", "hub", "generate", "render", "report", "run", "train", "evaluate", "project",
        "monitor", "workbench", "engine", "app",
    ]),
    // From what computes, only the plain data that a screen shows or asks with, by name.
    ("app", &[
        "data", "recipe", "project", "engine",
        "model::ModelFacts", "model::ModelSize", "model::TensorGroup",
        "hub::Beside", "hub::CatalogueChoice", "hub::CatalogueModel", "hub::Dataset", "hub::DatasetName", "hub::Format",
        "hub::FoundModel", "hub::HubToken", "hub::LeftOut", "hub::NotOffered", "hub::RepoListing", "hub::SearchHit",
        "hub::SearchPage", "hub::SearchQuery", "hub::SearchSort", "hub::Unfinished", "hub::Variant", "hub::catalogue",
        "hub::dataset", "hub::fitting", "hub::keyring", "hub::models_dir",
        "generate::Sampling",
        "render::Tally", "render::TokenPiece", "render::TokenView", "render::tally",
        "run::RunAbout", "run::RunDir", "run::RunNote", "run::RunRecord", "run::RunStatus", "run::checkpoints",
        "train::EvalMetrics", "train::RunMessage", "train::StepMetrics", "train::Told", "train::observer::RunFacts",
        "train::estimate", "train::memory::Fit", "train::remedy::Change", "train::remedy::Remedy",
        "train::preview::MemoryEstimate", "train::preview::Noted", "train::preview::RunPreview", "train::smoothing",
        "train::timing",
        "evaluate::Answer", "evaluate::AnswerEnd", "evaluate::Change", "evaluate::ContenderReport",
        "evaluate::EvaluationRequest", "evaluate::ExampleResult", "evaluate::Judge",
        "evaluate::Judgement", "evaluate::KeptPair", "evaluate::Measured", "evaluate::Stale", "evaluate::Verdict",
        "evaluate::is_exact_match", "evaluate::Evaluation", "evaluate::Figure", "evaluate::MetricFindings",
        "evaluate::SliceFindings", "evaluate::Turn", "evaluate::metrics", "evaluate::significance", "evaluate::slices",
        "evaluate::rating::Choice", "evaluate::rating::Item", "evaluate::rating::Line", "evaluate::rating::PairsReport",
        "evaluate::rating::Rated", "evaluate::rating::Session", "evaluate::rating::Summary", "evaluate::rating::Tally",
        "evaluate::rating::Verdict", "evaluate::rating::Which", "evaluate::rating::lock", "evaluate::rating::user_name",
        "workbench::data_export", "workbench::rating::KeptSession", "workbench::rating::SessionRequest",
        "workbench::scores::QueueReport", "workbench::scores::ScoreReport",
        "workbench::scores::base_judge", "workbench::scores::run_judge",
    ]),
];

/// Paths that stay forbidden although their module is allowed: the engine without threads is for tests.
const FORBIDDEN: &[(&str, &str)] = &[("cli", "engine::fake"), ("app", "engine::fake")];

const MAX_LINES: usize = 600;
const MAX_LINES_OF_MAIN: usize = 50;
const MAX_FILE_BYTES: u64 = 2 << 20;

/// A Rust file, with `/` in its path on every platform.
pub(super) struct Source {
    pub path: String,
    pub text: String,
}

/// What a rule found: the line, from 1, and a sentence.
type Finding = (usize, String);

struct Rule {
    name: &'static str,
    check: fn(&Source) -> Vec<Finding>,
    /// Whether test code keeps it, too.
    in_tests: bool,
    bad: (&'static str, &'static str),
    good: (&'static str, &'static str),
}

const RULES: &[Rule] = &[
    Rule {
        name: "import table",
        check: imports,
        in_tests: false,
        bad: ("src/data/a.rs", "use crate::{fs::x, train::{sft, observer::Phase}};"),
        good: (
            "src/hub/a.rs",
            "/// [`crate::app`]\nuse crate::{fs::x, model::A, recipe::{ModelRef}};\nuse super::Found;",
        ),
    },
    Rule {
        name: "forbidden parts",
        check: imports,
        in_tests: false,
        bad: ("src/app/a.rs", "use crate::engine::{Backend, fake::FakeEngine};"),
        good: ("src/app/a.rs", "use crate::engine::Backend;\n#[cfg(test)]\nmod tests { use crate::engine::fake::A; }"),
    },
    Rule {
        name: "no model in the window",
        check: imports,
        in_tests: false,
        bad: ("src/app/screens/a.rs", "fn f() { crate::model::LanguageModel::load() }"),
        good: ("src/app/screens/a.rs", "use crate::model::ModelFacts;\nuse crate::train::{Told, preview::RunPreview};"),
    },
    Rule {
        name: "no whole module of them",
        check: imports,
        in_tests: false,
        bad: ("src/app/screens/a.rs", "use crate::train;\nfn f() { train::sft::run() }"),
        good: ("src/app/screens/a.rs", "use crate::app::screens::train;\nfn f() { train::obstacle() }"),
    },
    Rule {
        name: "imports through super",
        check: imports,
        in_tests: false,
        bad: ("src/model/weights/gguf.rs", "use super::super::super::train::sft;"),
        good: ("src/model/weights/gguf.rs", "use super::super::spec::ModelSpec;"),
    },
    Rule {
        name: "no panic outside tests",
        check: no_panic,
        in_tests: false,
        bad: ("src/data/a.rs", "fn f() { x.unwrap(); }\n#[cfg(test)]\nmod tests { fn g() {} }"),
        good: (
            "src/data/a.rs",
            "// x.unwrap()\nfn f() -> &str { \"panic!\"; r#\"todo!(\"#; x.unwrap_or(b'\\'') }\n\
             #[cfg(test)]\nmod tests {\n fn g() { x.unwrap(); panic!(\"{\") }\n}",
        ),
    },
    Rule {
        name: "a panic with a reason",
        check: no_panic,
        in_tests: false,
        bad: ("src/data/a.rs", "#[inline]\nfn f() { x.expect(\"\"); }"),
        good: ("src/data/a.rs", "#[expect(clippy::expect_used, reason = \"\")]\nlet a = x.expect(\"\");"),
    },
    Rule {
        name: "no allow",
        check: no_allow,
        in_tests: true,
        bad: ("src/data/a.rs", "#[allow(dead_code)]\nfn f() {}"),
        good: ("src/data/a.rs", "#[expect(dead_code, reason = \"#[allow(..)] gives none\")]\nfn f() {}"),
    },
    Rule {
        name: "only the window knows egui",
        check: egui_only_in_app,
        in_tests: false,
        bad: ("src/engine/a.rs", "use egui::Context;"),
        good: ("src/engine/a.rs", "//! Knows no egui.\nuse crate::fs;"),
    },
    Rule {
        name: "no tensor in the window",
        check: no_tensor_in_the_window,
        in_tests: false,
        bad: ("src/app/a.rs", "fn f(t: candle_core::Tensor) {}"),
        good: ("src/app/a.rs", "fn f(loss: f64) {}"),
    },
    Rule {
        name: "unsafe only in ops",
        check: no_unsafe,
        in_tests: false,
        bad: ("src/data/a.rs", "fn f() { /* SAFETY: no */ unsafe { g() } }"),
        good: ("src/data/a.rs", "#[expect(unsafe_code)]\nfn f() { \"unsafe\"; }"),
    },
    Rule {
        name: "every unsafe says why it is sound",
        check: no_unsafe,
        in_tests: false,
        bad: ("src/ops/a.rs", "fn f() {\n    unsafe { g() }\n}"),
        good: ("src/ops/a.rs", "unsafe fn f() {\n    // SAFETY: g has no precondition.\n    unsafe { g() }\n}"),
    },
    Rule {
        name: "a job's facts stand in its lane's table",
        check: few_jobs,
        in_tests: false,
        bad: (
            "src/app/a.rs",
            "match job {\n J::Io(IoJob::A { .. } | IoJob::B { .. } | IoJob::C { .. }) => 1,\n IoJob::D { x, .. } if x => 2,\n \
             NetJob::E => 3,\n StoreJob::F { .. } | StoreJob::G { .. } | StoreJob::H { .. } | StoreJob::I { .. } => 4 }",
        ),
        good: (
            "src/app/a.rs",
            "f(IoJob::A, IoJob::B { x }, IoJob::C, IoJob::D, IoJob::E, NetJob::F, NetJob::G, StoreJob::H, StoreJob::I);\n\
             matches!(job, IoJob::A { .. } | IoJob::B { .. })",
        ),
    },
    Rule {
        name: "colours come from the theme",
        check: no_colour_literal,
        in_tests: false,
        bad: ("src/app/screens/a.rs", "let c = Color32::from_rgb(1, 2, 3);"),
        good: ("src/app/kit/theme.rs", "let c = Color32::from_rgb(1, 2, 3);"),
    },
    Rule {
        name: "no hex colours",
        check: no_colour_literal,
        in_tests: false,
        bad: ("src/app/screens/a.rs", "let c = hex(\"#1e66F5\");"),
        good: ("src/app/screens/a.rs", "let c = \"#123\"; // issue #123456"),
    },
    Rule {
        name: "the kit knows nothing of the domain",
        check: kit_alone,
        in_tests: false,
        bad: ("src/app/kit/a.rs", "use crate::data::Role;"),
        good: (
            "src/app/kit/a.rs",
            "use super::theme::Theme;\nuse crate::words::thousands;\nuse crate::app::kit::Text;",
        ),
    },
    Rule {
        name: "nor of the screens",
        check: kit_alone,
        in_tests: false,
        bad: ("src/app/kit/a.rs", "fn f(state: &super::super::state::AppState) {}"),
        good: ("src/app/parts/a.rs", "use crate::app::state::AppState;"),
    },
    Rule {
        name: "a screen's logic changes its own state",
        check: screens_alone,
        in_tests: false,
        bad: ("src/app/screens/a/state.rs", "impl State { fn apply(&mut self, window: &mut AppState) {} }"),
        good: ("src/app/screens/a.rs", "fn update(state: &mut AppState, cx: &Cx<'_>) { state.a.apply(cx); }"),
    },
    Rule {
        name: "and gives effects on the window",
        check: screens_alone,
        in_tests: false,
        bad: ("src/app/screens/a.rs", "fn update(state: &mut AppState) { state.status = \"Done\".into(); }"),
        good: (
            "src/app/screens/a.rs",
            "fn rail(state: &AppState) { state.screen == Screen::A && state.status.is_of_edit }",
        ),
    },
    Rule {
        name: "one list of all screens",
        check: no_list_of_screens,
        in_tests: true,
        bad: (
            "src/app/a.rs",
            "fn f(s: Screen) { match s { Screen::Model => 1, Screen::Data => 2, Screen::Train => 3, Screen::Runs => 4,\n\
             Screen::Compare => 5, _ => 6 } }",
        ),
        good: (
            "src/app/a.rs",
            "use screens::{model, data, train, evaluate, compare, export};\nfn f() { model::f(); data::g() }\n\
             fn g() { Screen::Train.name(); evaluate::f(); compare::model() }",
        ),
    },
    Rule {
        name: "nor of their fields",
        check: no_list_of_screens,
        in_tests: true,
        bad: (
            "src/app/a.rs",
            "struct S { a: model::State, b: data::State, c: train::State, d: evaluate::State, e: compare::State }",
        ),
        good: ("src/app/screens/table.rs", "model::A data::A train::A evaluate::A compare::A export::A"),
    },
    Rule {
        name: "short main",
        check: length,
        in_tests: true,
        bad: (
            "src/main.rs",
            "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
        ),
        good: (
            "src/data/main.rs",
            "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
        ),
    },
];

#[test]
fn the_tree_keeps_every_rule() {
    let sources = sources();
    assert!(sources.iter().any(|s| s.path == "src/lib.rs"), "the sources were not found");
    let tests = test_modules(&sources);
    let mut findings = Vec::new();
    for source in &sources {
        for rule in RULES {
            if !rule.in_tests && tests.iter().any(|t| source.path.starts_with(t.as_str())) {
                continue;
            }
            for (line, message) in (rule.check)(source) {
                findings.push(format!("{}:{line}: {message}", source.path));
            }
        }
    }
    findings.sort();
    findings.dedup();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn every_rule_finds_its_bad_example_and_leaves_the_good_one() {
    for rule in RULES {
        let findings =
            |(path, text): (&str, &str)| (rule.check)(&Source { path: path.to_owned(), text: text.to_owned() });
        assert!(!findings(rule.bad).is_empty(), "{}: the bad example passes", rule.name);
        assert_eq!(findings(rule.good), [], "{}: the good example fails", rule.name);
    }
    let long = Source { path: "src/data/a.rs".into(), text: "\n".repeat(MAX_LINES + 1) };
    assert_eq!(length(&long).len(), 1);
}

#[test]
fn every_module_is_in_the_import_table() {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules: Vec<_> = lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(modules.len() > 10);
    for module in modules {
        assert!(IMPORTS.iter().any(|(name, _)| *name == module), "{module} has no row in IMPORTS");
    }
}

#[test]
fn the_table_of_screens_is_read_as_it_is_written() {
    assert_eq!(screens().len(), 10);
}

#[test]
fn no_large_file_is_tracked() {
    assert!(is_too_large(MAX_FILE_BYTES + 1) && !is_too_large(MAX_FILE_BYTES));
    let files = tracked_files();
    assert!(files.iter().any(|f| f.ends_with("Cargo.toml")));
    let large: Vec<_> = files
        .iter()
        .filter(|f| std::fs::metadata(f).is_ok_and(|m| is_too_large(m.len())))
        .map(|f| f.display().to_string())
        .collect();
    assert!(large.is_empty(), "over 2 MB: {large:?}");
}

fn is_too_large(num_bytes: u64) -> bool {
    num_bytes > MAX_FILE_BYTES
}

// --- rules

/// Whether a path is this one or below it.
fn is_within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn imports(source: &Source) -> Vec<Finding> {
    let module_path = module_path(&source.path);
    let Some(module) = module_path.first() else { return Vec::new() };
    let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| name == module) else { return Vec::new() };
    let code = without_tests(&code_only(&source.text));
    crate_paths(&code, &module_path)
        .into_iter()
        .filter(|(_, path)| {
            let first = path.split("::").next().unwrap_or_default();
            let is_module = IMPORTS.iter().any(|(name, _)| *name == first);
            let is_own = first == module || ["fs", "task", "words"].contains(&first);
            let is_forbidden = FORBIDDEN.iter().any(|(who, what)| who == module && is_within(path, what));
            is_forbidden || (is_module && !is_own && !allowed.iter().any(|a| is_within(path, a)))
        })
        .map(|(line, path)| (line, format!("{module} may not import crate::{path}")))
        .collect()
}

fn kit_alone(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("src/app/kit/") {
        return Vec::new();
    }
    let code = without_tests(&code_only(&source.text));
    let is_elsewhere = |path: &str| !["app::kit", "words"].iter().any(|own| is_within(path, own));
    let paths = crate_paths(&code, &module_path(&source.path)).into_iter().filter(|(_, path)| is_elsewhere(path));
    paths.map(|(line, path)| (line, format!("app::kit may not import crate::{path}: see app::parts"))).collect()
}

/// What a screen decides can be tested without a window: it is told what it needs to know, and gives effects.
fn screens_alone(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("src/app/screens/") {
        return Vec::new();
    }
    let code = without_tests(&code_only(&source.text));
    let of_window = ["status", "screen", "dialog", "project", "settings", "saving"];
    let changes = of_window.map(|field| format!("state.{field} = "));
    let mut found = find_all(&code, &changes.each_ref().map(String::as_str), "is the window's: give an Effect");
    if source.path.ends_with("/state.rs") || source.path.contains("/state/") {
        found.extend(find_words(&code, &["AppState", "Cx"], "is the window's: take what is needed of it"));
    }
    found
}

/// Where the rows are that everything with a line for each screen is made of.
const SCREEN_TABLE: &str = "src/app/screens/table.rs";

/// More than this in one item is a list of the screens, and forgets the next one.
const MOST_SCREENS: usize = 4;

/// `Model { model: model }` in the table is two names: `Screen::Model` and `model::`.
fn screens() -> Vec<[String; 2]> {
    let table = std::fs::read_to_string(root().join(SCREEN_TABLE)).unwrap();
    let row = |line: &str| {
        let (name, module) = line.trim().strip_suffix(" }")?.split_once(" { ")?;
        let (_, module) = module.split_once(": ")?;
        let is_row = [name, module].iter().all(|word| word.chars().all(is_ident));
        is_row.then(|| [format!("Screen::{name}"), format!("{module}::")])
    };
    table.lines().filter_map(row).collect()
}

fn no_list_of_screens(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("src/app/") || source.path == SCREEN_TABLE {
        return Vec::new();
    }
    let code = without_tests(&code_only(&source.text));
    let has = |item: &str, name: &str| {
        let begins = |at: usize| !item[..at].ends_with(is_ident);
        item.match_indices(name)
            .any(|(at, _)| begins(at) && !(name.starts_with('S') && item[at + name.len()..].starts_with(is_ident)))
    };
    let screens = screens();
    let mut found = Vec::new();
    for (start, item) in items(&code) {
        let num = screens.iter().filter(|names| names.iter().any(|name| has(item, name))).count();
        if num > MOST_SCREENS && !item.trim_start_matches("pub ").starts_with("use ") {
            let line = code[..start].matches('\n').count() + 1;
            found.push((line, format!("names {num} screens: what each has a line of is made in {SCREEN_TABLE}")));
        }
    }
    found
}

/// The items of a file with the places where they begin; of an `impl`, each of its functions.
fn items(code: &str) -> Vec<(usize, &str)> {
    let mut items = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let end = at + end_of_item(&code[at..]).max(1);
        let start = at + code[at..end].len() - code[at..end].trim_start().len();
        let starts: Vec<usize> = match code[start..end].starts_with("impl") {
            true => code[start..end].match_indices(" fn ").map(|(of_fn, _)| start + of_fn).collect(),
            false => vec![start],
        };
        let ends = starts.iter().skip(1).copied().chain([end]);
        items.extend(starts.iter().zip(ends).map(|(from, to)| (*from, &code[*from..to])));
        at = end;
    }
    items
}

fn no_panic(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let banned =
        [".unwrap()", ".expect(", ".unwrap_err()", ".expect_err(", "panic!", "todo!", "unimplemented!", "dbg!"];
    let code = without_tests(&code_only(&source.text));
    let lines: Vec<_> = code.lines().collect();
    let has_reason = |line: usize| line > 1 && lines[line - 2].contains("#[expect(clippy::");
    let found = find_all(&code, &banned, "can end the program: return an error");
    found.into_iter().filter(|(line, _)| !has_reason(*line)).collect()
}

fn no_allow(source: &Source) -> Vec<Finding> {
    find_all(&code_only(&source.text), &["#[allow(", "#![allow("], "say why: #[expect(.., reason = \"..\")]")
}

fn egui_only_in_app(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("src/") || source.path.starts_with("src/app/") {
        return Vec::new();
    }
    let names = ["egui", "eframe", "rfd", "egui_extras", "egui_plot"];
    find_words(&code_only(&source.text), &names, "belongs to src/app")
}

fn no_tensor_in_the_window(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("src/app/") {
        return Vec::new();
    }
    find_words(&code_only(&source.text), &["candle_core", "candle_nn", "Tensor"], "belongs to the engine")
}

fn no_unsafe(source: &Source) -> Vec<Finding> {
    let found = find_words(&code_only(&source.text), &["unsafe"], "belongs to src/ops");
    if !source.path.starts_with("src/ops/") {
        return found;
    }
    let lines: Vec<_> = source.text.lines().collect();
    let is_explained = |line: usize| {
        lines[line.saturating_sub(8)..line].iter().any(|l| l.contains("SAFETY:") || l.contains("# Safety"))
    };
    found
        .into_iter()
        // A function's own `unsafe` is for its caller; clippy sees to the documentation of public ones.
        .filter(|(line, _)| !lines[line - 1].contains("unsafe fn") && !is_explained(*line))
        .map(|(line, _)| (line, "`unsafe` without a `SAFETY:` line above it".to_owned()))
        .collect()
}

fn no_colour_literal(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("src/") || source.path.starts_with("src/app/kit/") {
        return Vec::new();
    }
    let mut found = find_all(&code_only(&source.text), &["Color32::from_"], "belongs to src/app/kit");
    for (index, line) in source.text.lines().enumerate() {
        let is_hex = |quoted: &str| {
            let digits = quoted.split('"').next().unwrap_or_default();
            matches!(digits.len(), 6 | 8) && digits.chars().all(|c| c.is_ascii_hexdigit())
        };
        if line.split("\"#").skip(1).any(is_hex) {
            found.push((index + 1, "a hex colour belongs to assets/ or src/app/kit".to_owned()));
        }
    }
    found
}

fn length(source: &Source) -> Vec<Finding> {
    let max = if source.path == "src/main.rs" { MAX_LINES_OF_MAIN } else { MAX_LINES };
    let num_lines = source.text.lines().count();
    if num_lines > max { vec![(max, format!("{num_lines} lines, {max} are enough"))] } else { Vec::new() }
}

/// Nobody but the table and the lanes asks which of many jobs it is.
fn few_jobs(source: &Source) -> Vec<Finding> {
    const MOST_JOBS: usize = 8;
    if !source.path.starts_with("src/") || source.path.starts_with("src/engine/") {
        return Vec::new();
    }
    let code = without_tests(&code_only(&source.text));
    let mut jobs = std::collections::BTreeSet::new();
    for lane in ["StoreJob::", "IoJob::", "NetJob::", "TrainJob::", "ComputeJob::"] {
        for (at, _) in code.match_indices(lane).filter(|(at, _)| !code[..*at].ends_with(is_ident)) {
            let rest = &code[at + lane.len()..];
            let (name, rest) = rest.split_at(rest.find(|c| !is_ident(c)).unwrap_or(rest.len()));
            let fields = rest.trim_start().strip_prefix('{').and_then(|r| r.split_once('}'));
            let after = fields.map_or(rest, |(_, after)| after).trim_start_matches([')', ' ', '\n']);
            let leaves_some = fields.is_some_and(|(fields, _)| fields.trim_end().ends_with(".."));
            if leaves_some || ["=>", "|", "if "].iter().any(|token| after.starts_with(token)) {
                jobs.insert((lane, name));
            }
        }
    }
    let words = || format!("asks for {} jobs, {MOST_JOBS} are enough: a fact of a job belongs to its row", jobs.len());
    if jobs.len() > MOST_JOBS { vec![(1, words())] } else { Vec::new() }
}
