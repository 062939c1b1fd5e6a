//! The files of a model: one, or the parts that llama.cpp's `gguf-split` made of it (`NAME-00001-of-00003.gguf`).

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, TensorInfo};

use super::{first_line, keys};
use crate::model::ModelError;
use crate::task::catch_panic;
use crate::words::thousands;

/// No model has more parts; a damaged file may claim them.
const MAX_PARTS: u64 = 1000;

pub(super) struct Part {
    pub path: PathBuf,
    pub reader: BufReader<File>,
    pub content: Content,
    num_bytes: u64,
}

impl Part {
    fn open(path: &Path) -> Result<Self, ModelError> {
        let file = File::open(path).map_err(ModelError::io(path))?;
        let num_bytes = file.metadata().map_err(ModelError::io(path))?.len();
        let mut reader = BufReader::new(file);
        // A damaged header can make candle divide by its zero alignment.
        let content = catch_panic(|| Content::read(&mut reader))
            .map_err(|_| ModelError::format(path, "the GGUF header is damaged"))?
            .map_err(|e| unreadable(path, &first_line(&e)))?;
        Ok(Self { path: path.into(), reader, content, num_bytes })
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.content.metadata.get(key).and_then(keys::whole)
    }
}

/// Types of weights that candle doesn't know are not damage.
fn unreadable(path: &Path, message: &str) -> ModelError {
    let number = message.strip_prefix("unknown dtype for tensor ").and_then(|number| number.trim().parse::<u32>().ok());
    let Some(number) = number.filter(|number| *number < 64) else {
        return ModelError::format(path, format!("not a GGUF file, or a damaged one ({message})"));
    };
    let name = match number {
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        _ => "of a later kind",
    };
    let message = format!(
        "some of its weights are {name} (type {number}), which is not read yet; use a file of another quantisation, such as \
         Q4_K_M or Q8_0"
    );
    ModelError::Unsupported { path: path.to_owned(), message }
}

/// In order; only the first has the metadata.
pub(super) struct Parts {
    parts: Vec<Part>,
    /// Tensor → part.
    places: HashMap<String, usize>,
}

impl Parts {
    /// The file, and the others of its model if it is a part of one.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let named = Part::open(path)?;
        let parts = match named.number("split.count") {
            None | Some(0 | 1) => vec![named],
            Some(count @ ..=MAX_PARTS) => join(named, count)?,
            Some(count) => return Err(ModelError::format(path, format!("no model is split into {count} parts"))),
        };
        let mut places = HashMap::new();
        for (place, part) in parts.iter().enumerate() {
            for name in part.content.tensor_infos.keys() {
                if places.insert(name.clone(), place).is_some() {
                    return Err(ModelError::format(&part.path, format!("its tensor {name} is in another part, too")));
                }
            }
        }
        let parts = Self { parts, places };
        match parts.first().number("split.tensors.count") {
            Some(count) if parts.parts.len() > 1 && count != parts.places.len() as u64 => {
                let message =
                    format!("its parts hold {} tensors instead of {}", thousands(parts.places.len()), thousands(count));
                Err(ModelError::format(&parts.first().path, message))
            }
            _ => Ok(parts),
        }
    }

    /// The part with the metadata.
    pub fn first(&self) -> &Part {
        &self.parts[0]
    }

    pub fn num_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.num_bytes).sum()
    }

    pub fn tensors(&self) -> impl Iterator<Item = (&String, &TensorInfo)> + Clone {
        self.parts.iter().flat_map(|part| &part.content.tensor_infos)
    }

    /// Where a tensor lies, and its shape.
    pub fn find(&mut self, name: &str) -> Option<(&mut Part, Vec<usize>)> {
        let part = self.parts.get_mut(*self.places.get(name)?)?;
        let shape = part.content.tensor_infos.get(name)?.shape.dims().to_vec();
        Some((part, shape))
    }
}

/// All parts of a split model, of which one is open.
fn join(named: Part, count: u64) -> Result<Vec<Part>, ModelError> {
    let number = named.number("split.no").unwrap_or_default();
    let paths: Option<Vec<PathBuf>> = (0..count).map(|place| sibling(&named.path, number, place, count)).collect();
    let Some(paths) = paths.filter(|_| number < count) else {
        let message = format!(
            "it is part {} of {count} of a split model, but its name doesn't end in -{:05}-of-{count:05}.gguf, so that \
             the other parts can't be found",
            number + 1,
            number + 1
        );
        return Err(ModelError::format(&named.path, message));
    };
    let mut named = Some(named);
    let open = |(place, path): (u64, &PathBuf)| {
        if place == number
            && let Some(named) = named.take()
        {
            return Ok(named);
        }
        if !path.exists() {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let message = format!("part {} of {count} of the model is missing: {name} must lie beside it", place + 1);
            return Err(ModelError::format(&paths[number as usize], message));
        }
        let part = Part::open(path)?;
        if (part.number("split.no"), part.number("split.count")) != (Some(place), Some(count)) {
            let message = format!("by its name it is part {} of {count}, but its metadata say otherwise", place + 1);
            return Err(ModelError::format(path, message));
        }
        Ok(part)
    };
    (0..count).zip(&paths).map(open).collect()
}

/// `a-00002-of-00003.gguf`, which is the part number 1, → `a-00001-of-00003.gguf`, the part number 0.
fn sibling(path: &Path, number: u64, wanted: u64, count: u64) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let ending = |number: u64| format!("-{:05}-of-{count:05}.", number + 1);
    let (stem, extension) = name.rsplit_once('.')?;
    let stem = format!("{stem}.");
    let start = stem.strip_suffix(&ending(number))?;
    Some(path.with_file_name(format!("{start}{}{extension}", ending(wanted))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_knows_its_siblings_names() {
        let path = Path::new("models/a-7b-00002-of-00003.gguf");
        assert_eq!(sibling(path, 1, 0, 3), Some("models/a-7b-00001-of-00003.gguf".into()));
        assert_eq!(sibling(path, 0, 1, 3), None, "its metadata say that it is another");
        assert_eq!(sibling(Path::new("a.gguf"), 0, 1, 2), None);
    }

    #[test]
    fn weights_of_a_type_that_is_not_read_are_no_damage() {
        let told = |message: &str| unreadable(Path::new("a.gguf"), message).to_string();
        assert!(told("unknown dtype for tensor 23").contains("IQ4_XS (type 23), which is not read yet"));
        assert!(told("unknown dtype for tensor 40").contains("of a later kind"));
        assert!(told("unknown dtype for tensor 99999").contains("damaged"));
        assert!(told("cut off").contains("not a GGUF file"));
    }
}
