//! Folders as Transformers writes them: `config.json` and one or several safetensors files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Deserialize;
use serde_json::Value;

use super::fp8::{self, Fp8};
use super::{WeightSource, elsewhere, leftovers};
use crate::model::spec::{NormPlace, Part, ScanPart, WRAPPED, packing};
use crate::model::{ModelError, ModelSpec, StoredTensor};
use crate::ops::{FrozenWeight, WeightType};
use crate::words::thousands;

/// How the names of layers begin that guess further tokens.
const GUESSING: &str = "mtp.";

/// The safetensors format allows no larger header.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// An open folder; tensors are read one by one, so that the whole is never in memory twice.
pub struct SafetensorsFolder {
    path: PathBuf,
    spec: ModelSpec,
    /// What `config.json` says of why the model can't be run.
    problem: Option<String>,
    files: Vec<TensorFile>,
    /// Tensor name → file.
    places: HashMap<String, usize>,
    /// How the file's names of the text model's tensors begin, where it is a part of another model.
    wrapper: Option<&'static str>,
    /// Rows and columns of the blocks that 8-bit floats share a scale in.
    fp8_block: [usize; 2],
}

struct TensorFile {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    /// Where the tensors' bytes begin.
    data_start: u64,
    num_bytes: u64,
}

/// Reads the `config.json` of a folder.
///
/// # Errors
/// Where the file can't be read or isn't JSON; the error names it.
pub fn read_config(folder: &Path) -> Result<Value, ModelError> {
    let path = folder.join("config.json");
    let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound if folder.is_dir() => ModelError::format(folder, elsewhere::in_folder(folder)),
        _ => ModelError::io(&path)(error),
    })?;
    serde_json::from_str(&text).map_err(|e| ModelError::format(&path, e))
}

impl SafetensorsFolder {
    /// Opens a model's folder and reads its headers.
    ///
    /// # Errors
    /// Where a file can't be read, a key of `config.json` is missing or wrong, or two files hold the same tensor; the
    /// error names file and tensor.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let config = read_config(folder)?;
        let spec = ModelSpec::from_config(&config).map_err(|e| ModelError::format(folder, e))?;
        let problem = spec.problem(Some(&config));
        let files = weight_files(folder)?;
        let files = files.iter().map(|path| TensorFile::open(path)).collect::<Result<Vec<_>, _>>()?;
        let mut places = HashMap::new();
        for (place, file) in files.iter().enumerate() {
            for name in file.metadata.tensors().into_keys() {
                if let Some(other) = places.insert(name.clone(), place) {
                    let other = files[other].path.display();
                    return Err(ModelError::format(&file.path, format!("its tensor {name} is in {other}, too")));
                }
            }
        }
        let holds = |start: &&&str| places.contains_key(&format!("{start}embed_tokens.weight"));
        let wrapper = WRAPPED.iter().filter(|_| spec.is_wrapped).find(holds).copied();
        let fp8_block = packing::fp8_block(&config);
        Ok(Self { path: folder.into(), spec, problem, files, places, wrapper, fp8_block })
    }

    /// What the file calls a tensor.
    fn name(&self, part: Part) -> String {
        let name = part.name(&self.spec);
        match (self.wrapper, name.strip_prefix("model.")) {
            (Some(start), Some(rest)) => format!("{start}{rest}"),
            // Beside the text model's other tensors, in the one place or the other.
            (Some("language_model.model."), None) => format!("language_model.{name}"),
            _ => name,
        }
    }

    /// Whether a tensor may be there although no product is made with it: what older versions of Transformers wrote out of
    /// `config.json`, the head of a model whose head is its embedding, which is compared with it on loading, and what a vision
    /// model has besides its text model.
    fn is_harmless(&self, name: &str) -> bool {
        let computed = [".rotary_emb.inv_freq", ".rotary_emb.cos_cached", ".rotary_emb.sin_cached", ".position_ids"];
        let is_seeing = || self.wrapper.is_some_and(|start| !name.starts_with(start)) && !name.contains("lm_head");
        let is_guessing = || self.spec.leaves_out_guessing() && name.starts_with(GUESSING);
        let is_tied_head = || self.spec.tie_word_embeddings && name == self.name(Part::Head);
        computed.iter().any(|end| name.ends_with(end)) || is_tied_head() || is_seeing() || is_guessing()
    }

    /// Whether it has layers that guess further tokens, and are left out.
    pub fn guesses(&self) -> bool {
        self.spec.leaves_out_guessing() && self.places.keys().any(|name| name.starts_with(GUESSING))
    }

    /// The stored type of most matrices: `bf16`.
    pub fn dtype(&self) -> String {
        let mut counts = BTreeMap::<String, usize>::new();
        for info in self.files.iter().flat_map(|file| file.metadata.tensors().into_values()) {
            if let [rows, cols] = info.shape[..] {
                let count = counts.entry(format!("{:?}", info.dtype).to_lowercase()).or_default();
                *count = count.saturating_add(rows.saturating_mul(cols));
            }
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name).unwrap_or_default()
    }

    /// All tensors, with the types they are stored in.
    pub fn stored(&self) -> Vec<StoredTensor> {
        let tensors = self.files.iter().flat_map(|file| file.metadata.tensors());
        let of = |(name, info): (String, &TensorInfo)| StoredTensor {
            name,
            dtype: format!("{:?}", info.dtype).to_lowercase(),
            num_values: info.shape.iter().fold(1, |values: u64, size| values.saturating_mul(*size as u64)),
            // These are widened to f32 as they are read.
            num_bytes: (info.data_offsets.1.saturating_sub(info.data_offsets.0) as u64)
                .saturating_mul(if fp8::is_fp8(info.dtype) { 4 } else { 1 }),
        };
        tensors.map(of).collect()
    }

    pub fn num_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.num_bytes).sum()
    }

    fn frozen(&mut self, name: &str, dims: &[usize], rows: usize, cols: usize) -> Result<FrozenWeight, ModelError> {
        let path = self.path.clone();
        let error = |message: String| ModelError::Tensor { path, tensor: name.to_owned(), message };
        let Some(&place) = self.places.get(name) else {
            return Err(error("is missing".to_owned()));
        };
        let (dtype, bytes) = self.files[place].read(name, dims)?;
        let (dtype, bytes) = match dtype {
            Dtype::F32 => (WeightType::F32, bytes),
            Dtype::F16 => (WeightType::F16, bytes),
            Dtype::BF16 => (WeightType::BF16, bytes),
            dtype if fp8::is_fp8(dtype) => {
                let fp8 = Fp8 { dtype, bytes: &bytes, rows, cols };
                let (scales, shape) = self.scales(name)?;
                (WeightType::BF16, fp8.to_bf16(&scales, &shape, self.fp8_block).map_err(error)?)
            }
            other => return Err(error(format!("has the type {other:?}, which is not read"))),
        };
        Ok(FrozenWeight::new(rows, cols, dtype, bytes)?)
    }

    /// Whether a tensor holds scales of another one, which has 8-bit floats.
    fn is_of_fp8(&self, name: &str) -> bool {
        let dtype = |name: &str| Some(self.files[*self.places.get(name)?].metadata.info(name)?.dtype);
        fp8::scaled_weight(name).and_then(|weight| dtype(&weight)).is_some_and(fp8::is_fp8)
    }

    /// The scales of a tensor of 8-bit floats, and their shape.
    fn scales(&mut self, name: &str) -> Result<(Vec<f32>, Vec<usize>), ModelError> {
        let path = self.path.clone();
        let error = |message: &str| ModelError::Tensor { path, tensor: name.to_owned(), message: message.to_owned() };
        let layer = name.strip_suffix("weight").unwrap_or(name);
        let mut there = fp8::SCALES.iter().map(|scales| format!("{layer}{scales}"));
        let Some((scales, place)) = there.find_map(|name| self.places.get(&name).map(|place| (name, *place))) else {
            return Err(error("is of 8-bit floats, and has no scales (weight_scale) beside it"));
        };
        let shape = self.files[place].metadata.info(&scales).map(|info| info.shape.clone()).unwrap_or_default();
        let num_values = shape.iter().product();
        let (dtype, bytes) = self.files[place].read(&scales, &shape)?;
        let dtype = match dtype {
            Dtype::F32 => WeightType::F32,
            Dtype::F16 => WeightType::F16,
            Dtype::BF16 => WeightType::BF16,
            _ => return Err(error("is of 8-bit floats, and has scales that are not floats of 16 or 32 bits")),
        };
        Ok((FrozenWeight::new(1, num_values, dtype, bytes)?.to_f32()?, shape))
    }
}

/// The files that Transformers would read: `model.safetensors`, else those that its index names, else all
/// `model*.safetensors`.
fn weight_files(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let single = folder.join("model.safetensors");
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index = folder.join("model.safetensors.index.json");
    if index.is_file() {
        let text = std::fs::read_to_string(&index).map_err(ModelError::io(&index))?;
        let index_of: Index = serde_json::from_str(&text).map_err(|e| ModelError::format(&index, e))?;
        let names: BTreeSet<String> = index_of.weight_map.into_values().collect();
        for name in &names {
            let is_plain = Path::new(name).file_name().is_some_and(|plain| plain.to_str() == Some(name));
            if !is_plain || !folder.join(name).is_file() {
                return Err(ModelError::format(
                    &index,
                    format!("it names the part {name}, which is not in the folder"),
                ));
            }
        }
        return Ok(names.into_iter().map(|name| folder.join(name)).collect());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(ModelError::io(folder))? {
        let path = entry.map_err(ModelError::io(folder))?.path();
        let is_weights = path.extension().is_some_and(|e| e == "safetensors")
            && path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("model"));
        if is_weights {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(ModelError::format(folder, elsewhere::in_folder(folder)));
    }
    paths.sort();
    Ok(paths)
}

/// Which file each tensor is in.
#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

impl TensorFile {
    fn open(path: &Path) -> Result<Self, ModelError> {
        let mut file = File::open(path).map_err(ModelError::io(path))?;
        let num_bytes = file.metadata().map_err(ModelError::io(path))?.len();
        let mut prefix = [0; 8];
        file.read_exact(&mut prefix).map_err(|_| ModelError::format(path, "the file is cut off"))?;
        let header_bytes = u64::from_le_bytes(prefix);
        if header_bytes > MAX_HEADER_BYTES.min(num_bytes) {
            return Err(ModelError::format(path, "this isn't a safetensors file"));
        }
        let mut header = vec![0; header_bytes as usize];
        file.read_exact(&mut header).map_err(|_| ModelError::format(path, "the file is cut off"))?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| ModelError::format(path, e))?;
        let end = metadata.tensors().values().map(|info| info.data_offsets.1 as u64).max().unwrap_or_default();
        let end = end.saturating_add(8 + header_bytes);
        if end > num_bytes {
            let (there, wanted) = (thousands(num_bytes), thousands(end));
            let message = format!("the file is cut off: it has {there} of {wanted} bytes; fetch it again");
            return Err(ModelError::format(path, message));
        }
        Ok(Self { path: path.into(), file, metadata, data_start: 8 + header_bytes, num_bytes })
    }

    fn read(&mut self, name: &str, dims: &[usize]) -> Result<(Dtype, Vec<u8>), ModelError> {
        let error = |message: String| ModelError::Tensor { path: self.path.clone(), tensor: name.to_owned(), message };
        let info = self.metadata.info(name).ok_or_else(|| error("is missing".to_owned()))?;
        if info.shape != dims {
            return Err(error(format!("has the shape {:?} instead of {dims:?}", info.shape)));
        }
        let (start, end) = info.data_offsets;
        if start > end || (end as u64).saturating_add(self.data_start) > self.num_bytes {
            return Err(error("reaches past the end of the file, which is cut off".to_owned()));
        }
        let mut bytes = vec![0; end - start];
        let dtype = info.dtype;
        self.file
            .seek(SeekFrom::Start(self.data_start + start as u64))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(|e| error(format!("can't be read: {e}")))?;
        Ok((dtype, bytes))
    }
}

impl WeightSource for SafetensorsFolder {
    fn path(&self) -> &Path {
        &self.path
    }

    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn problem(&self) -> Option<String> {
        let tensors = || {
            let names = self.places.keys().map(String::as_str);
            let is_harmless = |name: &str| self.is_harmless(name) || self.is_of_fp8(name);
            leftovers::problem(&self.spec, names, |part| vec![self.name(part)], is_harmless)
        };
        self.problem.clone().or_else(tensors)
    }

    fn tied_head(&mut self, rows: usize, cols: usize) -> Result<Option<FrozenWeight>, ModelError> {
        let has = |part: Part| self.places.contains_key(&self.name(part));
        match has(Part::Head) && has(Part::Embedding) {
            true => self.matrix(Part::Head, rows, cols).map(Some),
            false => Ok(None),
        }
    }

    fn matrix(&mut self, part: Part, rows: usize, cols: usize) -> Result<FrozenWeight, ModelError> {
        self.frozen(&self.name(part), &[rows, cols], rows, cols)
    }

    fn vector(&mut self, part: Part, len: usize) -> Result<Vec<f32>, ModelError> {
        let mut values = self.frozen(&self.name(part), &part.dims(&self.spec), 1, len)?.to_f32()?;
        let is_norm = match part {
            // This one is never a distance.
            Part::Norm(_, NormPlace::Mixed) => false,
            part => matches!(part, Part::Norm(..) | Part::LastNorm),
        };
        if matches!(part, Part::Decay(_) | Part::Scan(_, ScanPart::Decay)) {
            values.iter_mut().for_each(|value| *value = -value.exp());
        }
        if is_norm && self.spec.family().is_some_and(|family| family.has_norms_from_one) {
            values.iter_mut().for_each(|value| *value += 1.0);
        }
        Ok(values)
    }
}
