//! The files of a model: one, or the parts that llama.cpp's `gguf-split` made of it (`NAME-00001-of-00003.gguf`).

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::Value;

use super::super::elsewhere;
use super::header::{Header, Refusal, TensorInfo};
use super::keys;
use crate::model::ModelError;
use crate::ops::WeightType;
use crate::words::thousands;

/// No model has more parts; a damaged file may claim them.
const MAX_PARTS: u64 = 1000;

pub(super) struct Part {
    pub path: PathBuf,
    pub header: Header,
    file: File,
    num_bytes: u64,
}

impl Part {
    fn open(path: &Path) -> Result<Self, ModelError> {
        let mut file = File::open(path).map_err(ModelError::io(path))?;
        if let Some(message) = elsewhere::of_file(path) {
            return Err(ModelError::Unsupported { path: path.to_owned(), message });
        }
        let num_bytes = file.metadata().map_err(ModelError::io(path))?.len();
        let header = Header::read(BufReader::new(&mut file), num_bytes).map_err(|refusal| match refusal {
            Refusal::Damaged(message) => ModelError::format(path, message),
            Refusal::Unread(message) => ModelError::Unsupported { path: path.to_owned(), message },
        })?;
        Ok(Self { path: path.into(), header, file, num_bytes })
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.header.metadata.get(key).and_then(keys::whole)
    }

    /// What shows that this isn't a part of the same model. Most later parts say nothing of their model.
    fn stranger_to(&self, first: &Self) -> Option<String> {
        let text = |part: &Self, key: &str| match part.header.metadata.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        ["general.architecture", "general.name"].into_iter().find_map(|key| {
            let (ours, theirs) = (text(self, key)?, text(first, key).unwrap_or_default());
            (ours != theirs).then(|| format!("it is a part of another model ({key} is {ours} and not {theirs})"))
        })
    }

    /// A tensor's bytes, of which the file has enough.
    pub fn bytes(&mut self, name: &str) -> std::io::Result<Vec<u8>> {
        let Some(info) = self.header.tensors.get(name) else { return Err(std::io::ErrorKind::NotFound.into()) };
        let mut bytes = vec![0; info.num_bytes as usize];
        self.file.seek(SeekFrom::Start(info.start))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
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
            for name in part.header.tensors.keys() {
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
        self.parts.iter().flat_map(|part| &part.header.tensors)
    }

    /// The part with a tensor, and its shape and type.
    pub fn find(&mut self, name: &str) -> Option<(&mut Part, Vec<usize>, WeightType)> {
        let part = self.parts.get_mut(*self.places.get(name)?)?;
        let info = part.header.tensors.get(name)?;
        let (shape, dtype) = (info.shape.dims().to_vec(), info.dtype);
        Some((part, shape, dtype))
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
    let parts = (0..count).zip(&paths).map(open).collect::<Result<Vec<_>, _>>()?;
    let strange = parts.iter().skip(1).find_map(|part| Some((part, part.stranger_to(parts.first()?)?)));
    match strange {
        Some((part, message)) => Err(ModelError::format(&part.path, message)),
        None => Ok(parts),
    }
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
}
