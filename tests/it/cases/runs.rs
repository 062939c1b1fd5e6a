//! Recipes and run folders.

use std::fs::{copy, create_dir, read_to_string};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tunewright::fs::write_atomic;
use tunewright::words;

use super::super::fixtures::{copy_all, names_in};
use super::{Desk, Ran, case};

/// The lines of `train --json`.
fn events(ran: &Ran, name: &str) -> Vec<Value> {
    let lines = ran.out();
    let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["event"] == name).collect()
}

impl Desk {
    fn train(&self, recipe: &Path, out: &Path) -> Ran {
        self.run(&["train", recipe.to_str().unwrap(), "--out", out.to_str().unwrap(), "--json"])
    }

    /// A run that must be refused before its model is loaded; what is said of it.
    fn refused(&self, recipe: &Path, out: &Path) -> String {
        let ran = self.train(recipe, out);
        assert_eq!(ran.code(), Some(1), "{}", ran.err());
        assert!(events(&ran, "phase").is_empty(), "something was done before: {}", ran.out());
        ran.err()
    }
}

#[test]
fn r06_every_wrong_value_is_told_with_its_own_key_and_line() {
    let lines = |number: usize| [format!("line {number}"), format!("line {number},")];
    let whole = |key: &str, range: &str| format!("{key} must be {range}");
    let rate = "a number from 0 to 1";
    let check = |file: &str, line: usize, parts: &[&str], without: &[&str]| {
        let desk = Desk::new();
        let told = desk.refused(&case(&format!("R06/{file}.toml")), &desk.path("run"));
        assert!(told.contains(&format!("{file}.toml")), "{file}: {told}");
        assert!(lines(line).iter().any(|line| told.contains(line)), "{file} is wrong in line {line}: {told}");
        assert!(parts.iter().all(|part| told.contains(part)), "{file}, {parts:?}: {told}");
        assert!(without.iter().all(|part| !told.contains(part)), "{file}, not {without:?}: {told}");
        assert!(!desk.path("run").exists(), "{file}");
    };
    check("lr_text", 8, &[&whole("training.learning_rate", rate), "\"2e-4\""], &["precision must"]);
    check("comma", 8, &[&whole("training.learning_rate", rate)], &["precision must"]);
    check("lr_2e4", 8, &["training.learning_rate is 20000", rate], &[]);
    check("lr_nan", 8, &["training.learning_rate is NaN", rate], &[]);
    check("epochs0", 7, &["training.num_train_epochs is 0", "from 0.01 to 1000"], &[]);
    check("epochs_neg", 7, &["training.num_train_epochs is -1"], &[]);
    check("maxlen0", 8, &["training.max_length is 0", "from 8 to"], &[]);
    check("bs0", 8, &["training.per_device_train_batch_size is 0", "from 1 to 4096"], &[]);
    let scheduler = whole("training.lr_scheduler_type", "\"cosine\", \"linear\"");
    check("sched", 8, &["cosine_with_restarts", &scheduler], &["precision must"]);
    // Names from other trainers are explained by what they are called here, and nothing is said of the line above.
    let of_another = &["precision must", "precision is"];
    let range = "a whole number from 8 to 1048576";
    check("max_seq_length", 8, &["`max_seq_length`", &format!("training.max_length here: {range}")], of_another);
    check("warm_steps", 8, &["`warmup_steps`", "training.warmup_ratio here: a number from 0 to 1"], of_another);
    check("bf16", 8, &["`bf16`", "training.precision here: \"auto\""], &["precision must"]);
    check("optim", 8, &["unknown field `optim`"], of_another);
    check("twice", 9, &["duplicate key"], &["must be", "precision"]);
}

#[test]
fn r06_what_is_odd_but_right_trains() {
    for file in ["lr_zero", "lr_int", "half_epoch"] {
        let desk = Desk::new();
        let ran = desk.train(&case(&format!("R06/{file}.toml")), &desk.path("run"));
        assert_eq!(ran.code(), Some(0), "{file}: {}", ran.err());
    }
}

#[test]
fn r08_a_person_s_files_are_kept_and_every_place_is_looked_at_first() {
    let desk = Desk::new();
    let recipe = case("R08/recipe.toml");
    desk.write("file", "hello");
    desk.write("full/notes.txt", "mine");
    desk.write("full/recipe.toml", "mine");
    desk.write("notes/notes.txt", "mine");

    let told = desk.refused(&recipe, &desk.path("full"));
    assert!(told.contains("full can't hold the run: a file recipe.toml that no run wrote lies there"), "{told}");
    assert!(told.contains("hint: Choose another folder"), "{told}");
    assert_eq!(names_in(&desk.path("full")), ["notes.txt", "recipe.toml"]);
    assert_eq!(read_to_string(desk.path("full/recipe.toml")).unwrap(), "mine");

    let told = desk.refused(&recipe, &desk.path("file"));
    assert!(told.contains("it is a file, and a run needs a folder"), "{told}");
    let told = desk.refused(&recipe, &desk.path("file/run"));
    assert!(told.contains("so that no folder can be made in it"), "{told}");
    assert_eq!(read_to_string(desk.path("file")).unwrap(), "hello");

    // Beside the recipe itself.
    copy_all(&case("R08"), &desk.path("own"));
    let told = desk.refused(&desk.path("own/recipe.toml"), &desk.path("own"));
    assert!(told.contains("recipe.toml that no run wrote"), "{told}");
    assert_eq!(read_to_string(desk.path("own/recipe.toml")).unwrap(), read_to_string(recipe.clone()).unwrap());

    for out in ["deep/er/run", "mein Lauf 🍵 (1)", "notes"] {
        let ran = desk.train(&recipe, &desk.path(out));
        assert_eq!(ran.code(), Some(0), "{out}: {}", ran.err());
        assert!(desk.path(out).join("checkpoints/step-000002/adapter_model.safetensors").is_file(), "{out}");
        // The same again: it is complete.
        let ran = desk.train(&recipe, &desk.path(out));
        assert_eq!((ran.code(), events(&ran, "step").len()), (Some(0), 0), "{out}: {}", ran.err());
    }
    assert_eq!(read_to_string(desk.path("notes/notes.txt")).unwrap(), "mine");
}

#[cfg(unix)]
#[test]
fn r08_a_folder_that_can_not_be_written_to_is_told_before_the_model_is_loaded() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let place = desk.path("read-only");
    create_dir(&place).unwrap();
    std::fs::set_permissions(&place, PermissionsExt::from_mode(0o555)).unwrap();
    // An administrator may write everywhere; then it has to train.
    let may_write = create_dir(place.join("probe")).is_ok();
    let ran = desk.train(&case("R08/recipe.toml"), &place.join("run"));
    match may_write {
        true => assert_eq!(ran.code(), Some(0), "{}", ran.err()),
        false => {
            assert_eq!((ran.code(), events(&ran, "phase").len()), (Some(1), 0), "{}", ran.err());
            assert!(ran.err().contains("it can't be written to"), "{}", ran.err());
        }
    }
    std::fs::set_permissions(&place, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn a_recipe_beside_somebody_s_metrics_is_no_run() {
    let desk = Desk::new();
    copy_all(&case("R08"), &desk.path("own"));
    for name in ["metrics.jsonl", "status.json", "inputs.json"] {
        desk.write(&format!("out/{name}"), "[1]");
        let told = desk.refused(&case("R08/recipe.toml"), &desk.path("out"));
        assert!(told.contains(&format!("{name} that no run wrote")), "{told}");
        std::fs::remove_file(desk.path("out").join(name)).unwrap();
    }
    desk.write("out/checkpoints/step-000001/state.json", "{}");
    let told = desk.refused(&case("R08/recipe.toml"), &desk.path("out"));
    assert!(told.contains("a folder checkpoints that no run wrote"), "{told}");
}

/// A desk with the files of R11, the model beside them.
fn r11() -> (Desk, PathBuf) {
    let desk = Desk::new();
    copy_all(&case("R11"), &desk.path("."));
    copy_all(&case("_model"), &desk.path("model"));
    let recipe = desk.path("recipe.toml");
    (desk, recipe)
}

#[cfg(unix)]
#[test]
fn r11_a_run_is_not_resumed_on_other_data() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let (desk, recipe) = r11();
    let mut child = desk.program(&["train", "recipe.toml", "--out", "run", "--json"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("{\"event\":\"step\"")), "it ended before its first step");
    // While it trains, nobody else does.
    let told = desk.refused(&recipe, &desk.path("run"));
    assert!(told.contains("another Tunewright trains there"), "{told}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let before = read_to_string(desk.path("data.jsonl")).unwrap();
    let run = || {
        let files = ["run/metrics.jsonl", "run/inputs.json", "run/recipe.toml"];
        files.map(|file| read_to_string(desk.path(file)).unwrap())
    };
    let kept = run();
    copy(desk.path("other.jsonl"), desk.path("data.jsonl")).unwrap();
    let told = desk.refused(&recipe, &desk.path("run"));
    let sizes = format!("data.jsonl has {} bytes instead of {}", 966, words::thousands(before.len()));
    assert!(told.contains("run can't be resumed: ") && told.contains(&sizes), "{told}");
    desk.write("data.jsonl", before.replacen("Tea 0?", "Tea 9?", 1));
    let told = desk.refused(&recipe, &desk.path("run"));
    assert!(told.contains("data.jsonl has another content") && told.contains("hint: Bring back"), "{told}");
    assert_eq!(run(), kept, "a refused run was changed");
}

#[test]
fn a_run_is_resumed_on_what_it_began_with_only() {
    let (desk, _) = r11();
    let text = read_to_string(desk.path("recipe.toml")).unwrap().replace("6000", "3");
    desk.write("short.toml", &text);
    let recipe = desk.path("short.toml");
    let train = || desk.train(&recipe, &desk.path("run"));
    let ran = train();
    assert_eq!(ran.code(), Some(0), "{}", ran.err());
    let inputs: Value = serde_json::from_str(&read_to_string(desk.path("run/inputs.json")).unwrap()).unwrap();
    let data = &inputs["sources"][0];
    assert_eq!(data["num_bytes"], 3980);
    let sha256 = crate::hub_server::sha256(&std::fs::read(desk.path("data.jsonl")).unwrap());
    assert_eq!(data["sha256"], json!(sha256));
    assert_eq!(train().code(), Some(0));

    // Another model in the old one's place: its configuration, its text, its weights.
    let swap = |name: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>, told: &str| {
        let path = desk.path("model").join(name);
        let before = std::fs::read(&path).unwrap();
        write_atomic(&path, &change(before.clone())).unwrap();
        let message = desk.refused(&recipe, &desk.path("run"));
        assert!(message.contains(&format!("of the base model, {name} {told}")), "{message}");
        write_atomic(&path, &before).unwrap();
    };
    swap("config.json", &|text| String::from_utf8(text).unwrap().replace("10000.0", "10001.0").into(), "has another");
    swap("tokenizer_config.json", &|text| [text, b" ".to_vec()].concat(), "has 278 bytes instead of 277");
    let flip = |mut bytes: Vec<u8>| {
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        bytes
    };
    swap("model.safetensors", &flip, "has another content");

    // A run of an earlier version kept nothing: it is resumed, and that is said.
    std::fs::remove_file(desk.path("run/inputs.json")).unwrap();
    let ran = train();
    let warnings = events(&ran, "warning");
    assert_eq!(ran.code(), Some(0), "{}", ran.err());
    assert!(warnings.iter().any(|w| w["message"].as_str().unwrap().contains("can't be checked")), "{warnings:?}");
    assert!(desk.path("run/inputs.json").is_file());

    // The same files that give other tokens are no longer the same.
    let kept = read_to_string(desk.path("run/inputs.json")).unwrap();
    let samples = inputs["samples_sha256"].as_str().unwrap();
    desk.write("run/inputs.json", kept.replace(samples, &"0".repeat(64)));
    let ran = train();
    assert!(ran.code() == Some(1) && ran.err().contains("the same files give other tokens"), "{}", ran.err());
}

#[test]
fn a_run_whose_template_writes_the_time_is_resumed_at_the_time_it_began() {
    let desk = Desk::new();
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(case("_model").join(file), desk.path(file)).unwrap();
    }
    let template = "{{ strftime_now('%H:%M:%S.%f') }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";
    desk.write("chat_template.jinja", template);
    std::fs::copy(case("_tea.jsonl"), desk.path("data.jsonl")).unwrap();
    let recipe = "version = 2\nbase_model = \".\"\n[data]\ntrain = \"data.jsonl\"\nvalidation_split = 0.0\n[training]\nmax_steps = 2\n";
    desk.write("recipe.toml", recipe);
    for _ in 0..2 {
        let ran = desk.run(&["train", "recipe.toml", "--out", "run"]);
        assert_eq!(ran.code(), Some(0), "{}", ran.err());
    }
    // Begun at another time, it has other tokens.
    let kept = read_to_string(desk.path("run/inputs.json")).unwrap();
    let inputs: serde_json::Value = serde_json::from_str(&kept).unwrap();
    let began = inputs["began"].as_str().unwrap();
    desk.write("run/inputs.json", kept.replace(began, "2001-01-01T00:00:00+00:00[UTC]"));
    assert_eq!(desk.run(&["train", "recipe.toml", "--out", "run"]).code(), Some(1));
}

#[test]
fn r13_a_limit_beyond_the_model_s_context_is_told() {
    let desk = Desk::new();
    let ran = desk.train(&case("R13/recipe.toml"), &desk.path("run"));
    assert_eq!(ran.code(), Some(0), "{}", ran.err());
    let warnings: Vec<_> = events(&ran, "warning").iter().map(|w| w["message"].as_str().unwrap().to_owned()).collect();
    let told =
        "max_length is 1024, but the model was made for at most 512 tokens; 3 of 3 examples are longer than that";
    assert!(warnings.iter().any(|warning| warning.starts_with(told)), "{warnings:?}");
}

#[test]
fn numbers_have_bounds() {
    let desk = Desk::new();
    let text = "version = 2\nbase_model = \"MODEL\"\n[data]\ntrain = \"data.jsonl\"\n[training]\n";
    copy(case("R08/data.jsonl"), desk.path("data.jsonl")).unwrap();
    let model = case("_model").display().to_string();
    for (setting, told) in [
        (
            "max_steps = 9223372036854775807",
            "training.max_steps is 9223372036854775807, but it must be a whole number from -1 to 10000000",
        ),
        (
            "max_steps = 2\n[evaluation]\neval_steps = 9223372036854775807",
            "evaluation.eval_steps is 9223372036854775807",
        ),
        ("max_steps = 99999999999999999999", "training.max_steps must be a whole number from -1 to 10000000"),
    ] {
        desk.write("recipe.toml", &(text.replace("MODEL", &model) + setting));
        let told_now = desk.refused(&desk.path("recipe.toml"), &desk.path("run"));
        assert!(told_now.contains(told), "{setting}: {told_now}");
    }

    let generate = ["generate", "--model", &model, "--prompt", "hi"];
    for (flag, value, told) in [
        ("--temperature", "nan", "a number from 0 to 100"),
        ("--temperature", "-1", "a number from 0 to 100"),
        ("--temperature", "inf", "a number from 0 to 100"),
        ("--top-p", "nan", "a number from 0 to 1"),
        ("--top-p", "1.5", "a number from 0 to 1"),
        ("--max-new-tokens", "-1", "invalid"),
    ] {
        let ran = desk.run(&[&generate[..], &[&format!("{flag}={value}")]].concat());
        assert!(ran.code() == Some(2) && ran.err().contains(told), "{flag} {value}: {}", ran.err());
    }
    for command in [
        &["evaluate", "--model", &model, "--data", "data.jsonl", "--max-length", "0"][..],
        &["data", "split", "--validation", "nan", "--project", "p"],
        &["quickstart", "--epochs", "nan"],
        &["bench", "train", "--length", "99999999999999"],
        &["data", "import", "data.jsonl", "--max-row", "18446744073709551615"],
    ] {
        let ran = desk.run(command);
        assert!(ran.code() == Some(2) && ran.err().contains("must be"), "{command:?}: {}", ran.err());
    }
}

#[test]
fn what_ended_an_answer_is_said_and_a_silent_template_is_told() {
    let desk = Desk::new();
    let model = case("_model").display().to_string();
    let ask =
        |model: &str, more: &[&str]| desk.run(&[&["generate", "--model", model, "--prompt", "hi"], more].concat());
    let ran = ask(&model, &["--max-new-tokens", "3"]);
    assert!(ran.code() == Some(0) && ran.err().contains("cut off after 3 tokens (--max-new-tokens)"), "{}", ran.err());
    let ran = ask(&model, &["--max-new-tokens", "100000"]);
    assert!(ran.code() == Some(0) && ran.err().contains("the model reads at most 512 tokens"), "{}", ran.err());

    copy_all(&case("_model"), &desk.path("silent"));
    desk.write("silent/chat_template.jinja", "{# nothing #}");
    let silent = desk.path("silent").display().to_string();
    let ran = ask(&silent, &[]);
    assert!(ran.code() == Some(1) && ran.err().contains("template writes nothing for this prompt"), "{}", ran.err());
}
