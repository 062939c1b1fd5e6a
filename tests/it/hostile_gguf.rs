//! GGUF files that are damaged, cut off, of another kind or full of lies: each is a sentence that names the file, and none
//! takes memory for what it only promises.

use std::path::Path;

use tunewright::model::{Decoder, inspect};
use tunewright::ops::WeightType;
use tunewright::task::Unwatched;

use crate::gguf_builder::{Gguf, Kv, Tensor, TinyLlama, text};

const HUGE: u64 = 1 << 60;

#[track_caller]
fn told(path: &Path, words: &str) {
    let error = Decoder::load(path, &Unwatched).map(|_| ()).unwrap_err().to_string();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(error.contains(words), "{words} is not in: {error}");
    assert!(error.contains(&name) && !error.contains('\n'), "{error}");
    let inspected = match inspect(path) {
        Ok(facts) => facts.problem,
        Err(error) => Some(error.to_string()),
    };
    assert!(inspected.is_some_and(|problem| problem.contains(words)), "inspecting says something else than {error}");
}

/// A file with one tensor of four values and a setting.
fn small() -> Gguf {
    Gguf::default().key("general.architecture", Kv::Text("llama".into())).tensor(
        "a",
        &[2, 2],
        WeightType::F32,
        vec![0; 16],
    )
}

fn list(kind: u32, len: u64) -> Kv {
    Kv::Raw(9, [&kind.to_le_bytes()[..], &len.to_le_bytes()].concat())
}

#[test]
fn headers_that_lie_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lie.gguf");
    let with = |change: fn(&mut Tensor)| {
        let mut gguf = small().tensor("b", &[2, 2], WeightType::F32, vec![0; 16]);
        change(&mut gguf.tensors[1]);
        gguf
    };
    for (gguf, words) in [
        (Gguf { counts: [Some(HUGE), None], ..small() }, "promises 1,152,921,504,606,846,976 tensors"),
        (Gguf { counts: [Some(u64::MAX), Some(u64::MAX)], ..small() }, "more than the file has room for"),
        (Gguf { counts: [None, Some(HUGE)], ..small() }, "and 1,152,921,504,606,846,976 settings"),
        (Gguf { counts: [Some(2), None], ..small() }, "lie.gguf"),
        (
            small().key("k", Kv::Raw(8, HUGE.to_le_bytes().to_vec())),
            "a text in its header is longer than the file (at k)",
        ),
        (small().key("k", list(0, HUGE)), "a list in its header is longer than the file (at k)"),
        (small().key("k", list(8, u64::MAX)), "a list in its header is longer than the file (at k)"),
        (small().key("k", list(9, 1)), "a list of lists"),
        (small().key("k", list(77, 1)), "a list of the kind 77"),
        (small().key("k", Kv::Raw(77, vec![0; 8])), "a value of the kind 77"),
        (small().key("k", Kv::Raw(7, vec![2])), "neither on nor off but 2 (at k)"),
        (small().key("k", Kv::U32(1)).key("k", Kv::U32(2)), "the setting k twice"),
        (with(|tensor| tensor.name = "a".to_owned()), "the tensor a twice"),
        (with(|tensor| tensor.dims = vec![1; 5]), "its tensor b has 5 dimensions"),
        (with(|tensor| tensor.dims = vec![u64::from(u32::MAX); 4]), "too large for any file"),
        (with(|tensor| tensor.dims = vec![HUGE, 32]), "too large for any file"),
        (with(|tensor| tensor.dims = vec![1 << 40, 4]), "its tensor b reaches past the end of the file"),
        (with(|tensor| tensor.dims = vec![2, 3]), "the file is cut off, fetch it again"),
        (
            with(|tensor| tensor.number = 12),
            "its tensor b has rows of 2 values, which is not a whole number of Q4_K blocks",
        ),
        (with(|tensor| tensor.offset = Some(16)), "its tensor b begins between two multiples of 32 bytes"),
        (with(|tensor| tensor.offset = Some(0)), "lie in the same place"),
        (with(|tensor| tensor.offset = Some(u64::MAX - 31)), "its tensor b reaches past the end of the file"),
        (
            with(|tensor| tensor.number = 9),
            "its tensor b is of the type Q8_1, which is not read; fetch the model in another",
        ),
        (with(|tensor| tensor.number = 28), "of the type F64"),
        (with(|tensor| tensor.number = 40), "of the type NVFP4"),
        (with(|tensor| tensor.number = 60), "of a type with the number 60, which is younger than this program"),
        (with(|tensor| tensor.number = 70_000), "of a type with the number 70000, which there is not"),
        (small().key("general.alignment", Kv::U32(0)), "its general.alignment is not a power of two"),
        (small().key("general.alignment", Kv::U32(48)), "its general.alignment is not a power of two"),
        (small().key("general.alignment", Kv::Text("32".into())), "its general.alignment is not a power of two"),
        (Gguf { version: 1, ..small() }, "GGUF's version 1 (2023)"),
        (Gguf { version: 4, ..small() }, "GGUF's version 4, of which nothing is known here"),
        (Gguf { version: 3u32.swap_bytes(), ..small() }, "made for big-endian machines"),
        (Gguf { version: 0x1234_5678, ..small() }, "not a GGUF file, or a damaged one"),
        (small(), "its metadata have no usable llama"),
    ] {
        gguf.write(&path);
        told(&path, words);
    }
    // Many small values take 32 bytes each: no header is allowed as many as fill the memory.
    let many = Kv::Raw(9, [&0u32.to_le_bytes()[..], &(9u64 << 20).to_le_bytes(), &vec![0; 9 << 20]].concat());
    small().key("k", many).write(&path);
    told(&path, "the lists in its header have more than 8,388,608 values");
}

#[test]
fn files_of_other_kinds_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, words) in [
        ("a.gguf", &b""[..], "not a GGUF file"),
        ("a.gguf", b"GGUF", "not a GGUF file"),
        ("a.gguf", b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", "cut off"),
        ("a.gguf", b"a text that is long enough", "not a GGUF file"),
        ("old.gguf", b"tjgg\x03\0\0\0 and so on", "from before GGUF"),
        ("weights", b"PK\x03\x04 a zip file", "can run programs when it is read"),
        ("weights", b"\x80\x02}q\0.", "can run programs when it is read"),
        ("pytorch_model.bin", b"PK\x03\x04 a zip file", "pickles of PyTorch, which can run programs"),
        ("model.pth", b"\x80\x02}q\0.", "fetch the model as safetensors or GGUF"),
        ("model.safetensors", b"\x08\0\0\0\0\0\0\0{      }", "name the folder that it lies in"),
        ("model.onnx", b"onnx", "ONNX"),
    ] {
        let path = crate::fixtures::write(folder.path(), name, bytes);
        told(&path, words);
    }
}

#[test]
fn a_file_is_known_to_be_cut_off_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.gguf");
    let model = TinyLlama { dtype: WeightType::Iq4Xs, seed: 1 }.gguf();
    let bytes = model.bytes();
    model.write(&path);
    Decoder::load(&path, &Unwatched).unwrap();
    let header = bytes.len() - model.tensors.iter().map(|tensor| tensor.bytes.len()).sum::<usize>();
    let in_header = (0..header).step_by(7);
    let in_data = (1..40).map(|i| header + (bytes.len() - header) * i / 40).chain([bytes.len() - 1]);
    for len in in_header.chain(in_data) {
        tunewright::fs::write_atomic(&path, &bytes[..len]).unwrap();
        let error = Decoder::load(&path, &Unwatched).map(|_| ()).unwrap_err().to_string();
        let is_said = ["cut off", "too short", "more than the file has room for", "longer than the file"];
        assert!(is_said.iter().any(|words| error.contains(words)), "{len} of {}: {error}", bytes.len());
    }
}

#[test]
fn both_versions_and_other_alignments_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let model = TinyLlama { dtype: WeightType::Mxfp4, seed: 1 }.gguf();
    for version in [2, 3] {
        Gguf { version, ..model.clone() }.write(&path);
        Decoder::load(&path, &Unwatched).unwrap();
    }
    let expected = Decoder::load(&path, &Unwatched).unwrap();
    Gguf { alignment: 256, ..model.key("general.alignment", Kv::U32(256)) }.write(&path);
    let found = Decoder::load(&path, &Unwatched).unwrap();
    for ((name, found), (_, expected)) in found.frozen_weights().iter().zip(expected.frozen_weights()) {
        assert!(found.bytes() == expected.bytes(), "{name}");
    }
}

/// A model in three parts, as `gguf-split` writes them.
fn parts(model: &Gguf) -> Vec<Gguf> {
    let (num, total) = (3, model.tensors.len());
    (0..num)
        .map(|no| {
            let keys = if no == 0 { model.keys.clone() } else { Vec::new() };
            let tensors = model.tensors.iter().enumerate().filter(|(i, _)| i * num / total == no);
            Gguf { keys, tensors: tensors.map(|(_, tensor)| tensor.clone()).collect(), ..Gguf::default() }
                .key("split.no", Kv::U16(no as u16))
                .key("split.count", Kv::U16(num as u16))
                .key("split.tensors.count", Kv::I32(total as i32))
        })
        .collect()
}

#[test]
fn parts_of_a_split_model_are_joined_and_what_is_wrong_with_them_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = |no: usize| folder.path().join(format!("tiny-q4_k-{:05}-of-00003.gguf", no + 1));
    let model = TinyLlama { dtype: WeightType::Iq3S, seed: 1 }.gguf();
    let write = |parts: &[Gguf]| parts.iter().enumerate().for_each(|(no, part)| part.write(&path(no)));
    let good = parts(&model);
    write(&good);
    let whole = folder.path().join("whole.gguf");
    model.write(&whole);
    let expected = Decoder::load(&whole, &Unwatched).unwrap();
    for no in 0..3 {
        let joined = Decoder::load(&path(no), &Unwatched).unwrap();
        for ((name, found), (_, expected)) in joined.frozen_weights().iter().zip(expected.frozen_weights()) {
            assert!(found.bytes() == expected.bytes(), "{name}");
        }
    }
    for missing in 0..3 {
        std::fs::remove_file(path(missing)).unwrap();
        let named = path((missing + 1) % 3);
        let error = Decoder::load(&named, &Unwatched).map(|_| ()).unwrap_err().to_string();
        let words =
            format!("part {} of 3 of the model is missing: tiny-q4_k-0000{}-of-00003.gguf", missing + 1, missing + 1);
        assert!(error.contains(&words), "{error}");
        write(&good);
    }
    let with = |change: fn(&mut Vec<Gguf>)| {
        let mut parts = good.clone();
        change(&mut parts);
        parts
    };
    let set = |gguf: &mut Gguf, name: &str, value: Kv| {
        gguf.keys.iter_mut().find(|(key, _)| key == name).unwrap().1 = value;
    };
    let cases: Vec<(Vec<Gguf>, &str)> = vec![
        (with(|parts| parts.swap(1, 2)), "by its name it is part 2 of 3, but its metadata say otherwise"),
        (with(|parts| parts[1].tensors[0] = parts[0].tensors[0].clone()), "is in another part, too"),
        (with(|parts| drop(parts[2].tensors.pop())), "its parts hold"),
        (
            with(|parts| parts[1] = parts[1].clone().key("general.architecture", Kv::Text("gemma2".into()))),
            "it is a part of another model (general.architecture is gemma2 and not llama)",
        ),
        (
            with(|parts| parts[2] = parts[2].clone().key("general.name", Kv::Text("Other".into()))),
            "it is a part of another model (general.name is Other",
        ),
    ];
    for (parts, words) in &cases {
        write(parts);
        told_by_first(&path(0), words);
    }
    for (count, words) in
        [(60_000, "no model is split into 60000 parts"), (4, "its name doesn't end in -00001-of-00004")]
    {
        let mut parts = good.clone();
        set(&mut parts[0], "split.count", Kv::U16(count));
        write(&parts);
        told_by_first(&path(0), words);
    }
    let mut parts = good.clone();
    set(&mut parts[1], "split.count", Kv::U16(2));
    write(&parts);
    told_by_first(&path(0), "by its name it is part 2 of 3");
    // A part of a model with other sizes.
    let mut parts = good.clone();
    let first = parts[1].tensors.iter_mut().find(|tensor| tensor.dims.len() == 2).unwrap();
    first.dims[0] /= 2;
    first.bytes.truncate(first.bytes.len() / 2);
    let name = first.name.clone();
    write(&parts);
    told_by_first(&path(0), &format!("tensor {name} has the shape"));
    // One that is cut off.
    write(&good);
    let bytes = std::fs::read(path(2)).unwrap();
    tunewright::fs::write_atomic(&path(2), &bytes[..bytes.len() - 100]).unwrap();
    told_by_first(&path(0), "-00003-of-00003.gguf isn't a model that can be read: its tensor");
}

#[track_caller]
fn told_by_first(path: &Path, words: &str) {
    let error = Decoder::load(path, &Unwatched).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(words), "{words} is not in: {error}");
}

#[test]
fn a_text_of_the_header_may_end_with_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let mut model = TinyLlama { dtype: WeightType::Q4_0, seed: 1 }.gguf();
    model.keys[0].1 = Kv::Raw(8, text("llama\0\0"));
    model.write(&path);
    Decoder::load(&path, &Unwatched).unwrap();
}
