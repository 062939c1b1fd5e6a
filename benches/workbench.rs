//! The data workbench at full size: import, search, sort, filter, page, checks.
//!
//! `cargo bench --bench workbench` takes 50,000 examples; `TUNEWRIGHT_BENCH_EXAMPLES=1000000` as many as it says.

#![expect(clippy::expect_used, reason = "a benchmark that can't be set up ends loudly")]

use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;
use tunewright::data::import::ImportRequest;
use tunewright::data::{Role, Split};
use tunewright::project::{ExampleQuery, Having, Project, Review, Sort, SortBy};
use tunewright::task::{Control, Unwatched};
use tunewright::workbench::checks::check;

const NUM_LABELS: u64 = 77;
const WORDS_PER_PROMPT: usize = 24;

fn num_examples() -> u64 {
    std::env::var("TUNEWRIGHT_BENCH_EXAMPLES").ok().and_then(|text| text.parse().ok()).unwrap_or(50_000)
}

/// Prompts of words that are as unevenly common as a language's, about 320 bytes a line.
fn write_examples(folder: &Path, num: u64) -> PathBuf {
    let path = folder.join("examples.jsonl");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let vocabulary: Vec<String> = (0..20_000)
        .map(|_| (0..rng.random_range(2..10)).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect())
        .collect();
    let mut out = std::io::BufWriter::new(std::fs::File::create(&path).expect("the file can be made"));
    for number in 0..num {
        let words: Vec<&str> = (0..WORDS_PER_PROMPT)
            .map(|_| {
                // Zipf's law: the logarithm of a word's rank is uniform.
                let rank = (rng.random::<f64>() * (vocabulary.len() as f64).ln()).exp() as usize;
                vocabulary[rank.min(vocabulary.len()) - 1].as_str()
            })
            .collect();
        let (prompt, label) = (words.join(" "), number * 7919 % NUM_LABELS);
        writeln!(
            out,
            r#"{{"messages": [{{"role": "system", "content": "Sort the message to our bank."}}, {{"role": "user", "content": "{prompt} number{number}?"}}, {{"role": "assistant", "content": "label_{label}"}}]}}"#
        )
        .expect("the file can be written");
    }
    out.flush().expect("the file can be written");
    path
}

fn import(file: &Path, folder: &Path) -> Project {
    let mut project = Project::create(folder).expect("a project can be made");
    project.import(&ImportRequest::new(file), &Unwatched).expect("the file can be imported");
    project
}

/// From the start of an import to its first rows; the import then ends.
fn time_to_first_rows(file: &Path) -> Duration {
    let folder = TempDir::new().expect("a folder can be made");
    let mut project = Project::create(folder.path()).expect("a project can be made");
    let task = Control::default();
    let started = Instant::now();
    let mut shown = None;
    let ended = project.import_showing(&ImportRequest::new(file), &task, &mut |rows| {
        shown = Some((rows.len(), started.elapsed()));
        task.stop();
    });
    assert!(ended.is_err(), "it was stopped");
    let (num_rows, duration) = shown.expect("rows are shown");
    assert_eq!(num_rows, 100);
    duration
}

/// A project remembers what it was asked last: another question comes before.
fn time_to_answer(project: &mut Project, query: &ExampleQuery) -> Duration {
    project.query(&ExampleQuery { edited_only: true, ..page(ExampleQuery::default()) }).expect("a page");
    let started = Instant::now();
    black_box(project.query(&page(query.clone())).expect("a page").num_matching);
    started.elapsed()
}

/// From a search to its first rows.
fn time_to_first_found(project: &mut Project, query: &ExampleQuery) -> Duration {
    project.query(&ExampleQuery { edited_only: true, ..page(ExampleQuery::default()) }).expect("a page");
    let started = Instant::now();
    let query = page(query.clone());
    let first = project.first_rows(&query).expect("a page");
    let first = first.unwrap_or_else(|| project.query(&query).expect("a page"));
    black_box(first.rows.len());
    started.elapsed()
}

fn page(query: ExampleQuery) -> ExampleQuery {
    ExampleQuery { limit: 100, ..query }
}

fn bench(criterion: &mut Criterion) {
    let num = num_examples();
    let folder = TempDir::new().expect("a folder can be made");
    let file = write_examples(folder.path(), num);
    let mut group = criterion.benchmark_group(format!("{num} examples"));
    group.sample_size(10);

    group.throughput(Throughput::Elements(num));
    group.bench_function("import", |bench| {
        bench.iter_with_large_drop(|| {
            let folder = TempDir::new().expect("a folder can be made");
            (import(&file, folder.path()), folder)
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("first 100 rows of an import", |bench| {
        bench.iter_custom(|num_times| (0..num_times).map(|_| time_to_first_rows(&file)).sum());
    });

    let project_folder = folder.path().join("project");
    drop(import(&file, &project_folder));
    group.bench_function("open and first page", |bench| {
        bench.iter(|| {
            let mut project = Project::open(&project_folder).expect("the project opens");
            project.query(&page(ExampleQuery::default())).expect("a page").num_matching
        });
    });
    let mut project = Project::open(&project_folder).expect("the project opens");
    let mut ask = |name: &str, query: ExampleQuery| {
        group.bench_function(name, |bench| {
            bench.iter_custom(|num_times| (0..num_times).map(|_| time_to_answer(&mut project, &query)).sum());
        });
    };
    let search = |words: &str| ExampleQuery { search: words.to_owned(), ..ExampleQuery::default() };
    ask("search, a rare word", search("number777"));
    ask("search, a word of every row", search("message"));
    ask("search, two letters", search("nu"));
    ask(
        "filter, split and label",
        ExampleQuery {
            split: Some(Split::Test),
            label: Some(Having::Value("label_3".to_owned())),
            review: Some(Review::Unreviewed),
            role: Some(Role::System),
            ..ExampleQuery::default()
        },
    );
    let sort = |by| ExampleQuery { sort: Sort { by, descending: true }, ..ExampleQuery::default() };
    ask("sort by label", sort(SortBy::Label));
    ask("sort by prompt", sort(SortBy::Prompt));
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    group.bench_function("page at a random place", |bench| {
        bench.iter(|| {
            let query = ExampleQuery { offset: rng.random_range(0..num), ..page(ExampleQuery::default()) };
            black_box(project.query(&query).expect("a page").rows.len())
        });
    });
    group.bench_function("counts of all filters", |bench| {
        bench.iter(|| project.facets(&ExampleQuery::default()).expect("counts").num_matching);
    });
    for (name, words) in [("a word of every row", "message"), ("two letters", "nu")] {
        group.bench_function(format!("first rows of a search, {name}"), |bench| {
            let query = search(words);
            bench.iter_custom(|num_times| (0..num_times).map(|_| time_to_first_found(&mut project, &query)).sum());
        });
    }
    group.finish();
}

/// All checks that need no model, near-duplicates among them, of as many examples as people have, or fewer.
fn bench_checks(criterion: &mut Criterion) {
    let num = num_examples().min(100_000);
    let folder = TempDir::new().expect("a folder can be made");
    let file = write_examples(folder.path(), num);
    let mut project = import(&file, &folder.path().join("project"));
    let mut group = criterion.benchmark_group(format!("checks of {num} examples"));
    group.sample_size(10).throughput(Throughput::Elements(num));
    group.bench_function("all", |bench| {
        bench.iter(|| black_box(check(&mut project, None, &Unwatched).expect("the checks run").findings.len()));
    });
    group.finish();
}

criterion_group!(benches, bench, bench_checks);
criterion_main!(benches);
