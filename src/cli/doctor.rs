//! `tunewright doctor`: what this machine has, and what would keep the studio from working.

use std::path::Path;

use super::Ended;
use super::terminal::{self, bytes};
use crate::hub::{self, Sources};
use crate::ops::product::Isa;
use crate::recipe::ModelRef;

/// Less than this and even the starter model swaps.
const MIN_MEMORY: u64 = 2 << 30;

/// One line of the report.
struct Finding {
    name: &'static str,
    what: String,
    is_fine: bool,
}

pub fn run() -> Result<(), Ended> {
    let sources = Sources::default();
    let findings =
        [version(), processor(), memory(), display(), models_folder(&sources), starter(&sources), fetching(&sources)];
    let width = findings.iter().map(|f| f.name.len()).max().unwrap_or(0);
    for Finding { name, what, is_fine } in &findings {
        terminal::line(&format!("{} {name:width$}  {what}", if *is_fine { "ok" } else { "! " }));
    }
    Ok(())
}

fn version() -> Finding {
    let what = format!("{} on {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
    Finding { name: "tunewright", what, is_fine: true }
}

fn processor() -> Finding {
    let num_cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let isa = Isa::detected();
    let vectors = match isa {
        Isa::Portable if cfg!(target_arch = "x86_64") => ", neither AVX2 nor AVX-512: training will be slow",
        Isa::Portable => "",
        Isa::Neon if isa.has_int8() => ", NEON with dot products; trains in int8",
        Isa::Neon => ", NEON; trains in f32",
        Isa::Avx2 if isa.has_int8() => ", AVX2 with VNNI; trains in int8",
        _ if isa.has_int8() => ", AVX-512; trains in int8",
        Isa::Amx => ", AMX; trains in bf16",
        Isa::Avx512Bf16 => ", AVX-512; trains in bf16",
        Isa::Avx512 => ", AVX-512; trains in f32",
        Isa::Avx2 => ", AVX2; trains in f32",
    };
    Finding { name: "processor", what: format!("{num_cores} cores{vectors}"), is_fine: true }
}

fn memory() -> Finding {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let (available, total) = (system.available_memory(), system.total_memory());
    let what = format!("{} free of {}; the starter model trains in about 2 GB", bytes(available), bytes(total));
    Finding { name: "memory", what, is_fine: available >= MIN_MEMORY }
}

fn display() -> Finding {
    let variable =
        ["WAYLAND_DISPLAY", "DISPLAY"].into_iter().find(|v| std::env::var_os(v).is_some_and(|d| !d.is_empty()));
    let (what, is_fine) = match variable {
        _ if !cfg!(feature = "app") => ("this build has no window".to_owned(), true),
        _ if !cfg!(target_os = "linux") => ("the system's own".to_owned(), true),
        Some(variable) => (variable.to_owned(), true),
        None => {
            ("none (DISPLAY and WAYLAND_DISPLAY are empty): the window can't open, the commands work".to_owned(), false)
        }
    };
    Finding { name: "display", what, is_fine }
}

fn models_folder(sources: &Sources) -> Finding {
    let problem = try_writing(&sources.models_dir).err();
    let what = match &problem {
        None => sources.models_dir.display().to_string(),
        Some(error) => format!("{} can't be written: {error}", sources.models_dir.display()),
    };
    Finding { name: "models folder", what, is_fine: problem.is_none() }
}

fn try_writing(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    tempfile::NamedTempFile::new_in(folder).map(drop)
}

fn starter(sources: &Sources) -> Finding {
    match hub::resolve(&ModelRef::Starter, sources) {
        Ok(path) => Finding { name: "starter model", what: path.display().to_string(), is_fine: true },
        Err(_) => {
            let what = "not fetched yet: tunewright models get starter".to_owned();
            Finding { name: "starter model", what, is_fine: false }
        }
    }
}

fn fetching(sources: &Sources) -> Finding {
    let (what, is_fine) = if sources.is_offline {
        ("HF_HUB_OFFLINE is set: nothing is fetched from the Hub".to_owned(), false)
    } else {
        (sources.endpoint.clone().unwrap_or_else(|| "https://huggingface.co".to_owned()), true)
    };
    Finding { name: "Hub", what, is_fine }
}
