//! The real program, as a person or a script runs it, on a tiny model.

use std::fs::{read, read_dir, read_to_string};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::program::Desk;
use super::window::harness::made::chat;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/llama");

/// An empty machine: no models, no network, no settings.
struct Bench {
    desk: Desk,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { desk: Desk::new() };
        let line = |i: u32| chat(&[("user", &format!("say {}", i % 7)), ("assistant", &(i % 7).to_string())]);
        let lines = |from: u32, to: u32| (from..to).map(line).collect::<String>();
        bench.write("train.jsonl", &lines(0, 16));
        bench.write("validation.jsonl", &lines(16, 22));
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.desk.path(name)
    }

    fn write(&self, name: &str, text: &str) {
        self.desk.write(name, text);
    }

    fn recipe(&self, training: &str) {
        let text = format!(
            "version = 2\nbase_model = {MODEL:?}\n[data]\ntrain = \"train.jsonl\"\nvalidation = \"validation.jsonl\"\n\
             [lora]\nr = 4\nlora_alpha = 8\n[training]\nmax_length = 96\nper_device_train_batch_size = 4\n{training}\n"
        );
        self.write("recipe.toml", &text);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.desk.program(arguments);
        // No pip either.
        command.env("PATH", "");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The standard output of a run that must go well.
    fn out(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// The names of a run's checkpoints, in order.
fn checkpoints(run: &Path) -> Vec<String> {
    let mut names: Vec<_> = read_dir(run.join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_recipe_trains_and_its_adapter_can_be_evaluated_and_asked() {
    let bench = Bench::new();
    bench.recipe("num_train_epochs = 2\nlearning_rate = 5e-3");
    let events = json_lines(&bench.out(&["train", "recipe.toml", "--out", "run", "--json"]));

    // 16 examples in batches of 4, twice.
    let of = |name: &str| -> Vec<Value> { events.iter().filter(|e| e["event"] == name).cloned().collect() };
    let steps = of("step");
    assert_eq!(steps.iter().map(|s| s["step"].as_u64().unwrap()).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    assert!(steps.iter().all(|s| s["loss"].as_f64().unwrap().is_finite() && s["grad_norm"].as_f64().unwrap() > 0.0));
    assert!(of("eval").len() >= 2, "no evaluation before and after");
    // What a program reads here is what it reads in the file.
    let untagged: Vec<Value> = events
        .iter()
        .filter(|e| e["event"] == "step" || e["event"] == "eval")
        .cloned()
        .map(|mut event| {
            event.as_object_mut().unwrap().remove("event");
            event
        })
        .collect();
    let run = bench.path("run");
    assert_eq!(json_lines(&read_to_string(run.join("metrics.jsonl")).unwrap()), untagged);

    let adapter = run.join("checkpoints").join(checkpoints(&run).last().unwrap());
    for file in ["adapter_config.json", "adapter_model.safetensors"] {
        assert!(adapter.join(file).is_file(), "{file}");
    }
    let adapter = adapter.to_str().unwrap();

    let evaluate = |more: &[&str]| -> Value {
        let out = bench.out(&[&["evaluate", "--model", MODEL, "--data", "validation.jsonl", "--json"], more].concat());
        let mut report: Value = serde_json::from_str(&out).unwrap();
        report["contenders"][0].take()
    };
    let (base, tuned) = (evaluate(&[]), evaluate(&["--adapter", adapter, "--generate"]));
    assert_eq!(base["num_examples"], 6);
    assert_eq!((base["tally"]["num_examples"].as_u64(), base["tally"]["num_left_out"].as_u64()), (Some(6), Some(0)));
    let refused = bench.run(&["evaluate", "--model", MODEL, "--data", "validation.jsonl", "--max-length", "8"]);
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && message.contains("6 examples are longer than 8 tokens"), "{message}");
    let cut = evaluate(&["--max-length", "8", "--too-long", "cut_left"]);
    assert_eq!((cut["num_examples"].as_u64(), cut["tally"]["num_cut"].as_u64()), (Some(6), Some(6)));
    assert!(tuned["loss"].as_f64() < base["loss"].as_f64(), "{base} → {tuned}");

    // A run of a project has its held-out examples; the result stays with it.
    let of_run = |more: &[&str]| bench.run(&[&["evaluate", "--run", "run"], more].concat());
    let lacks = of_run(&[]);
    assert_eq!(lacks.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&lacks.stderr).contains("test.jsonl is not there"), "{lacks:?}");
    std::fs::create_dir_all(run.join("data")).unwrap();
    std::fs::copy(bench.path("validation.jsonl"), run.join("data/test.jsonl")).unwrap();
    let told = of_run(&["--generate"]);
    let words = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.status.success() && words.contains("Loss "), "{words}");
    let kept = tunewright::evaluate::kept(&run, Some(Path::new(adapter))).unwrap();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].kept.report.before().is_some() && kept[0].kept.generate);

    // May it be released, and what is said of it.
    let gate = |more: &[&str]| bench.run(&[&["gate", "--run", "run"], more].concat());
    let ships = gate(&["--require", "loss<=100", "--no-worse-than", MODEL]);
    let words = String::from_utf8_lossy(&ships.stdout).into_owned();
    assert!(ships.status.code() == Some(0) && words.starts_with("SHIP") && words.contains("no measure of"), "{words}");
    let held = gate(&["--require", "loss<=0.001", "--require", "label_accuracy>=0.5", "--json"]);
    let verdict: Value = serde_json::from_slice(&held.stdout).unwrap();
    assert_eq!((held.status.code(), &verdict["ships"]), (Some(2), &Value::Bool(false)), "{verdict}");
    assert!(verdict["checks"][1]["words"].as_str().unwrap().contains("was not measured"), "{verdict}");
    assert_eq!(gate(&["--require", "loss"]).status.code(), Some(2), "clap's own code for a wrong argument");
    bench.out(&["report", "--run", "run"]);
    let report = read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("Loss on answers") && report.contains("looked at 3"), "{report}");
    assert!(read_to_string(run.join("MODEL_CARD.md")).unwrap().contains("| Loss on answers |"));

    // A metric that doesn't fit, or that there is none of, is an error that says so.
    let metrics = |name: &str| of_run(&["--generate", "--metrics", name]);
    let unknown = metrics("exact");
    let message = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(unknown.status.code() == Some(1) && message.contains("there are exact_match"), "{message}");
    assert!(String::from_utf8_lossy(&metrics("json_valid").stderr).contains("no expected answer is a JSON object"));

    let answer = |more: &[&str]| -> String {
        bench.out(&[&["generate", "--model", MODEL, "--prompt", "say 3", "--max-new-tokens", "12"], more].concat())
    };
    assert!(!answer(&["--adapter", adapter]).trim().is_empty());
    let sampled = ["--temperature", "1.5", "--seed"];
    let with_seed = |seed: &'static str| answer(&[&sampled[..], &[seed]].concat());
    assert_eq!(with_seed("1"), with_seed("1"));
    assert!((2..8).any(|seed| with_seed(["2", "3", "4", "5", "6", "7"][seed - 2]) != with_seed("1")));
}

#[test]
fn the_recipe_in_a_run_folder_repeats_the_run() {
    let bench = Bench::new();
    bench.recipe("max_steps = 3");
    bench.out(&["train", "recipe.toml", "--out", "first"]);
    bench.out(&["train", "first/recipe.toml", "--out", "second"]);
    let weights = |run: &str| {
        let run = bench.path(run);
        read(run.join("checkpoints").join(checkpoints(&run).last().unwrap()).join("adapter_model.safetensors")).unwrap()
    };
    assert_eq!(weights("first"), weights("second"));
}

#[test]
fn where_nothing_beats_the_base_model_the_best_step_has_its_own_loss() {
    let bench = Bench::new();
    // What is learned makes these answers ever less likely.
    let turn = |role: &str, text: &str| serde_json::json!({"role": role, "content": text});
    let row = serde_json::json!({"messages": [turn("user", "say 3"), turn("assistant", "zq xv jk wz qx vj kw")]});
    bench.write("validation.jsonl", &format!("{row}\n"));
    bench.recipe("max_steps = 60\nlearning_rate = 5e-2\n[evaluation]\neval_steps = 20");
    let events = json_lines(&bench.out(&["train", "recipe.toml", "--out", "run", "--json"]));
    let evals: Vec<_> = events.iter().filter(|e| e["event"] == "eval").collect();
    let loss = |eval: &Value| eval["eval_loss"].as_f64().unwrap();
    let (base, after) = evals.split_first().unwrap();
    assert!(after.len() == 3 && after.iter().all(|eval| loss(eval) > loss(base)), "{evals:?}");
    assert!(after.iter().all(|eval| eval["is_best"] == false), "{evals:?}");
    let best = after.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap();
    let finished = events.last().unwrap();
    assert_eq!((&finished["best_step"], &finished["best_eval_loss"]), (&best["step"], &best["eval_loss"]));
    let run = tunewright::run::RunRecord::read(&bench.path("run")).unwrap();
    assert_eq!((run.best_step.map(|step| step as u64), run.best_eval_loss), (best["step"].as_u64(), Some(loss(best))));
    assert_eq!(run.first_eval_loss, Some(loss(base)));
    // Said again where nothing is left to do, for the checkpoint kept both.
    let told = stderr(&bench.run(&["train", "recipe.toml", "--out", "run"]));
    assert!(told.contains(&format!("at step {}: no evaluation beat the base model", best["step"])), "{told}");
}

#[test]
fn a_run_of_version_1_is_resumed_as_it_began_and_kept_as_version_2() {
    let bench = Bench::new();
    bench.recipe("max_steps = 3\ntoo_long = \"cut_right\"");
    bench.out(&["train", "recipe.toml", "--out", "run"]);
    let kept = read_to_string(bench.path("run/recipe.toml")).unwrap();
    assert!(kept.starts_with("version = 2\n") && kept.contains("too_long = \"cut_right\"\n"), "{kept}");
    let old = kept.replace("version = 2", "version = 1").replace("too_long = \"cut_right\"\n", "");
    bench.write("run/recipe.toml", &old);

    let again = || stderr(&bench.run(&["train", "run/recipe.toml", "--out", "run"]));
    let told = again();
    assert_eq!(told.matches("version 1").count(), 1, "{told}");
    assert!(told.contains("3 of 3 steps"), "{told}");
    assert_eq!(read_to_string(bench.path("run/recipe.toml")).unwrap(), kept);
    assert!(!again().contains("version 1"));

    bench.recipe("max_steps = 3");
    let told = stderr(&bench.run(&["train", "recipe.toml", "--out", "run"]));
    assert!(told.contains("another recipe (its training.too_long is cut_right, not drop)"), "{told}");
}

#[test]
fn a_wrong_recipe_is_told_by_key_and_what_it_may_be() {
    let bench = Bench::new();
    for (training, parts) in [
        ("learning_rat = 1e-4", &["learning_rat", "learning_rate"][..]),
        ("learning_rate = \"high\"", &["training.learning_rate must be a number from 0 to 1"]),
        ("learning_rate = 2.0", &["training.learning_rate is 2", "a number from 0 to 1"]),
        ("adam_beta1 = 1.0", &["training.adam_beta1 is 1", "a number from 0 to below 1"]),
        ("lr_scheduler_type = \"cosin\"", &["cosin", "cosine", "linear", "constant_with_warmup"]),
        ("per_device_train_batch_size = 0", &["training.per_device_train_batch_size is 0", "a whole number from 1"]),
        ("max_steps = -2", &["training.max_steps is -2", "from -1"]),
    ] {
        bench.recipe("");
        let text = read_to_string(bench.path("recipe.toml")).unwrap();
        let text = text.replace("per_device_train_batch_size = 4\n", "") + training;
        bench.write("recipe.toml", &text);
        let output = bench.run(&["train", "recipe.toml", "--out", "run"]);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{training}: {told}");
        assert!(told.starts_with("error: ") && parts.iter().all(|part| told.contains(part)), "{training}: {told}");
        assert!(!bench.path("run").exists(), "{training} left a run folder");
    }
}

#[test]
fn failures_and_wrong_usage_have_their_own_exit_codes() {
    let bench = Bench::new();
    bench.write("broken.jsonl", "{\"messages\": [\n");
    for (arguments, code, told) in [
        (&["--help"][..], 0, ""),
        (&["--version"], 0, ""),
        (&["doctor"], 0, ""),
        (&["trian"], 1, "no display"),
        (&["export"], 2, "examples are exported by `tunewright data export`"),
        (&["export", "--project", "p", "--to", "out.jsonl"], 2, "examples are exported by `tunewright data export`"),
        (&["train"], 2, "RECIPE"),
        (&["evaluate", "--model", MODEL], 2, "--data"),
        (&["generate", "--model", MODEL, "--prompt", "a", "--temperature", "warm"], 2, "warm"),
        (&["train", "none.toml", "--out", "run"], 1, "none.toml"),
        (&["generate", "--model", "starter", "--prompt", "a"], 1, "could not be fetched"),
        (&["generate", "--model", "none.gguf", "--prompt", "a"], 1, "none.gguf"),
        (&["evaluate", "--model", MODEL, "--data", "broken.jsonl"], 1, "broken.jsonl"),
        (
            &["evaluate", "--run", "."],
            1,
            ". isn't a run: it has no recipe.toml.\nhint: Runs of a project lie in PROJECT/runs",
        ),
        (&["evaluate", "--model", MODEL, "--adapter", "none", "--data", "train.jsonl"], 1, "none"),
    ] {
        let output = bench.run(arguments);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(told), "{arguments:?}: {text}");
        assert!(!text.contains("panicked"), "{arguments:?}: {text}");
        assert_eq!(text.matches("error:").count(), usize::from(code != 0), "{arguments:?}: {text}");
    }
}

#[test]
fn a_command_s_old_name_does_the_same_and_says_the_new_one() {
    let bench = Bench::new();
    bench.out(&["data", "import", "train.jsonl", "--project", "p"]);
    for arguments in [&["stats", "--project", "p", "--json"][..], &["split", "--project", "p", "--dry-run", "--json"]] {
        let (old, new) = (bench.run(arguments), bench.run(&[&["data"], arguments].concat()));
        assert_eq!((old.status.code(), &old.stdout), (Some(0), &new.stdout), "{arguments:?}: {}", stderr(&old));
        let name = arguments[0];
        assert!(stderr(&old).contains(&format!("`tunewright {name}` is called `tunewright data {name}` now")));
        assert!(!stderr(&new).contains("is called"), "{}", stderr(&new));
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_a_checkpoint_and_ends_with_130() {
    use std::io::{BufRead, BufReader};

    let bench = Bench::new();
    bench.recipe("max_steps = 100000");
    let mut child = bench
        .command(&["train", "recipe.toml", "--out", "run", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_step = |line: &String| line.starts_with("{\"event\":\"step\"");
    assert!(lines.by_ref().map(Result::unwrap).any(|line| is_step(&line)), "it ended before its first step");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let last_step = lines.map(Result::unwrap).filter(is_step).last();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let metrics = json_lines(&read_to_string(bench.path("run/metrics.jsonl")).unwrap());
    let last = metrics.iter().rev().find(|m| m["loss"].is_number()).unwrap()["step"].as_u64().unwrap();
    assert!(last < 100_000);
    if let Some(line) = last_step {
        assert_eq!(json_lines(&line)[0]["step"], last);
    }
    assert!(checkpoints(&bench.path("run")).contains(&format!("step-{last:06}")));
}

#[test]
fn benchmarks_print_their_figures_and_name_what_the_cpu_has() {
    let bench = Bench::new();
    let train = ["bench", "train", "--model", MODEL, "--batch", "2", "--length", "9", "--steps", "3", "--json"];
    for precision in ["bf16", "f32"] {
        let figures: Value =
            serde_json::from_str(&bench.out(&[&train[..], &["--precision", precision]].concat())).unwrap();
        for key in ["tokens_per_sec", "step_secs", "matmul_share", "peak_memory_mb", "peak_memory_when_loaded_mb"] {
            assert!(figures[key].as_f64().is_some_and(|value| value > 0.0), "{key}: {figures}");
        }
        assert_eq!(figures["precision"], precision);
        assert_eq!(figures["losses"].as_array().map(Vec::len), Some(3));
        assert!(figures["phase_secs"]["backward"].as_f64().is_some_and(|secs| secs > 0.0), "{figures}");
    }
    // Batches from a file, half of them trained.
    let sequence = serde_json::json!({"input_ids": [3, 4, 5, 6], "labels": [-100, -100, 5, 6]});
    bench.write("data.json", &serde_json::json!({"batches": [[sequence, sequence]]}).to_string());
    let figures = bench.out(&[&train[..], &["--data", "data.json", "--isa", "portable"]].concat());
    assert!(figures.contains("\"tokens_per_sec\""), "{figures}");

    let figures: Value = serde_json::from_str(&bench.out(&["bench", "matmul", "--model", MODEL, "--json"])).unwrap();
    assert!(figures["f32_gflops"].is_object() && figures["bf16_gflops"].is_object(), "{figures}");
    let output = bench.run(&["bench", "matmul", "--model", MODEL, "--isa", "mmx"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("this CPU has portable"), "{}", stderr(&output));
    bench.write("empty.json", r#"{"batches": []}"#);
    let output = bench.run(&["bench", "train", "--model", MODEL, "--data", "empty.json"]);
    assert!(stderr(&output).contains("There is nothing to train"), "{}", stderr(&output));
}
