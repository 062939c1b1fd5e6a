//! The header of a GGUF file: what it says of the model, and where its tensors lie. Nothing in it is believed before the
//! file has been seen to be that long.

use std::collections::HashMap;
use std::io::{BufRead, Read};

use candle_core::Shape;
use candle_core::quantized::gguf_file::Value;

use crate::ops::{WeightType, unread_name};
use crate::words::thousands;

/// Values in all lists together: those of the largest vocabularies are a tenth of it, and a value takes 32 bytes here.
const MAX_VALUES: u64 = 8 << 20;
/// No tensor has more dimensions.
const MAX_DIMS: u32 = 4;
const USUAL_ALIGNMENT: u64 = 32;

/// Where a tensor lies.
#[derive(Debug)]
pub struct TensorInfo {
    pub dtype: WeightType,
    /// The outermost dimension first.
    pub shape: Shape,
    /// From the beginning of the file.
    pub start: u64,
    pub num_bytes: u64,
}

#[derive(Debug)]
pub struct Header {
    pub metadata: HashMap<String, Value>,
    pub tensors: HashMap<String, TensorInfo>,
}

/// Why a file can't be used, as the rest of a sentence that begins with its path.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// The file isn't one, is damaged or is not whole.
    Damaged(String),
    /// The file is well, but not for this program.
    Unread(String),
}

impl Header {
    /// Reads the header of a file of `num_bytes` bytes, from its beginning.
    pub fn read(reader: impl BufRead, num_bytes: u64) -> Result<Self, Refusal> {
        let mut from = Source { reader, left: num_bytes, num_values: 0 };
        from.signature()?;
        let (num_tensors, num_keys) = (from.u64()?, from.u64()?);
        // The least that each takes: an empty name, a type, a value of one byte; a name, dimensions, a type, an offset.
        let least = num_tensors.saturating_mul(24).saturating_add(num_keys.saturating_mul(13));
        if least > from.left {
            return Err(damaged(format!(
                "its header promises {} tensors and {} settings, which is more than the file has room for",
                thousands(num_tensors),
                thousands(num_keys)
            )));
        }
        let mut metadata = HashMap::new();
        for _ in 0..num_keys {
            let key = from.text()?;
            let kind = from.u32()?;
            let value = from.value(kind).map_err(|refusal| refusal.at(&key))?;
            if metadata.insert(key.clone(), value).is_some() {
                return Err(damaged(format!("its header has the setting {key} twice")));
            }
        }
        let alignment = alignment(&metadata)?;
        let mut infos = Vec::new();
        for _ in 0..num_tensors {
            infos.push(from.info()?);
        }
        let data_start = (num_bytes - from.left).next_multiple_of(alignment);
        let mut header = Self { metadata, tensors: HashMap::with_capacity(infos.len()) };
        for (name, mut info) in infos {
            if !info.start.is_multiple_of(alignment) {
                return Err(damaged(format!("its tensor {name} begins between two multiples of {alignment} bytes")));
            }
            info.start = info.start.saturating_add(data_start);
            let end = info.start.saturating_add(info.num_bytes);
            if end > num_bytes {
                return Err(damaged(format!(
                    "its tensor {name} reaches past the end of the file, which has {} of at least {} bytes: the file is cut \
                     off, fetch it again",
                    thousands(num_bytes),
                    thousands(end)
                )));
            }
            if header.tensors.insert(name.clone(), info).is_some() {
                return Err(damaged(format!("its header has the tensor {name} twice")));
            }
        }
        header.check_overlaps()?;
        Ok(header)
    }

    /// No two tensors share bytes.
    fn check_overlaps(&self) -> Result<(), Refusal> {
        let mut in_order: Vec<_> = self.tensors.iter().filter(|(_, info)| info.num_bytes > 0).collect();
        in_order.sort_by_key(|(_, info)| info.start);
        for pair in in_order.windows(2) {
            if let [(first, before), (second, after)] = pair
                && before.start + before.num_bytes > after.start
            {
                return Err(damaged(format!("its tensors {first} and {second} lie in the same place")));
            }
        }
        Ok(())
    }
}

impl Refusal {
    /// Says at which of the settings or tensors.
    fn at(self, name: &str) -> Self {
        match self {
            Self::Damaged(message) => Self::Damaged(format!("{message} (at {name})")),
            unread => unread,
        }
    }
}

fn damaged(message: impl Into<String>) -> Refusal {
    Refusal::Damaged(message.into())
}

/// What tensors begin at multiples of.
fn alignment(metadata: &HashMap<String, Value>) -> Result<u64, Refusal> {
    match metadata.get("general.alignment") {
        None => Ok(USUAL_ALIGNMENT),
        Some(value) => super::keys::whole(value)
            .filter(|alignment| alignment.is_power_of_two() && *alignment <= 1 << 20)
            .ok_or_else(|| damaged("its general.alignment is not a power of two")),
    }
}

/// What is read from, and how much of it is left.
struct Source<R> {
    reader: R,
    left: u64,
    num_values: u64,
}

impl<R: BufRead> Source<R> {
    /// The first bytes, and the version.
    fn signature(&mut self) -> Result<(), Refusal> {
        let magic: [u8; 4] = self.array().map_err(|_| damaged("not a GGUF file: it is too short"))?;
        let unread = |message: &str| Err(Refusal::Unread(message.to_owned()));
        match &magic {
            b"GGUF" => {}
            b"lmgg" | b"fmgg" | b"tjgg" => {
                return unread(
                    "the file is from before GGUF (GGML of 2023), which is not read; fetch the model as GGUF or safetensors",
                );
            }
            b"PK\x03\x04" | [0x80, 2..=5, ..] => {
                return unread(
                    "the file is a pickle of PyTorch, which can run programs when it is read, and is not opened; fetch the \
                     model as safetensors or GGUF",
                );
            }
            _ => return Err(damaged("not a GGUF file")),
        }
        let version = self.u32().map_err(|_| damaged("not a GGUF file, or one that is cut off"))?;
        match version {
            2 | 3 => Ok(()),
            1 => unread("the file is of GGUF's version 1 (2023), which is not read; fetch a newer file of the model"),
            // The other order of bytes.
            version if version.swap_bytes() <= 0xFFFF => unread(
                "the file was made for big-endian machines, which this one is not; fetch the usual file of the model, whose name \
                 has no -be",
            ),
            version if version <= 0xFFFF => Err(Refusal::Unread(format!(
                "the file is of GGUF's version {version}, of which nothing is known here; fetch a file of version 2 or 3"
            ))),
            _ => Err(damaged("not a GGUF file, or a damaged one")),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let mut array = [0; N];
        let cut_off = || damaged("its header is cut off: fetch the file again");
        self.left = self.left.checked_sub(N as u64).ok_or_else(cut_off)?;
        self.reader.read_exact(&mut array).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => cut_off(),
            _ => damaged(format!("its header can't be read: {error}")),
        })?;
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, Refusal> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Refusal> {
        self.array().map(u64::from_le_bytes)
    }

    /// Texts are UTF-8 without a zero at their end; some files have other ones.
    fn text(&mut self) -> Result<String, Refusal> {
        let len = self.u64()?;
        if len > self.left {
            return Err(damaged("a text in its header is longer than the file"));
        }
        let mut text = Vec::new();
        let num_read = (&mut self.reader).take(len).read_to_end(&mut text);
        if num_read.ok() != Some(len as usize) {
            return Err(damaged("its header is cut off: fetch the file again"));
        }
        self.left -= len;
        while text.last() == Some(&0) {
            text.pop();
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn value(&mut self, kind: u32) -> Result<Value, Refusal> {
        Ok(match kind {
            0 => Value::U8(self.array::<1>()?[0]),
            1 => Value::I8(i8::from_le_bytes(self.array()?)),
            2 => Value::U16(u16::from_le_bytes(self.array()?)),
            3 => Value::I16(i16::from_le_bytes(self.array()?)),
            4 => Value::U32(self.u32()?),
            5 => Value::I32(i32::from_le_bytes(self.array()?)),
            6 => Value::F32(f32::from_le_bytes(self.array()?)),
            7 => match self.array()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [other] => return Err(damaged(format!("a switch in its header is neither on nor off but {other}"))),
            },
            8 => Value::String(self.text()?),
            9 => self.list()?,
            10 => Value::U64(self.u64()?),
            11 => Value::I64(i64::from_le_bytes(self.array()?)),
            12 => Value::F64(f64::from_le_bytes(self.array()?)),
            _ => return Err(damaged(format!("its header has a value of the kind {kind}, which there is not"))),
        })
    }

    fn list(&mut self) -> Result<Value, Refusal> {
        let (kind, len) = (self.u32()?, self.u64()?);
        // What an element takes at least.
        let least = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            9 => return Err(damaged("its header has a list of lists, which GGUF does not know")),
            _ => return Err(damaged(format!("its header has a list of the kind {kind}, which there is not"))),
        };
        self.num_values = self.num_values.saturating_add(len);
        if len.saturating_mul(least) > self.left {
            return Err(damaged("a list in its header is longer than the file"));
        }
        if self.num_values > MAX_VALUES {
            return Err(damaged(format!("the lists in its header have more than {} values", thousands(MAX_VALUES))));
        }
        (0..len).map(|_| self.value(kind)).collect::<Result<_, _>>().map(Value::Array)
    }

    /// A tensor, whose start is still one among the data.
    fn info(&mut self) -> Result<(String, TensorInfo), Refusal> {
        let name = self.text()?;
        let num_dims = self.u32()?;
        if num_dims > MAX_DIMS {
            return Err(damaged(format!("its tensor {name} has {num_dims} dimensions")));
        }
        let dims = (0..num_dims).map(|_| self.u64()).collect::<Result<Vec<u64>, _>>()?;
        let number = self.u32()?;
        let start = self.u64()?;
        let dtype = WeightType::from_number(number).ok_or_else(|| unread_type(&name, number))?;
        let too_large =
            || damaged(format!("its tensor {name} has the shape {dims:?}, which is too large for any file"));
        // The innermost dimension comes first here, and is a whole number of blocks.
        let rows =
            dims.iter().skip(1).try_fold(1u64, |product, dim| product.checked_mul(*dim)).ok_or_else(too_large)?;
        let cols = usize::try_from(dims.first().copied().unwrap_or(1)).map_err(|_| too_large())?;
        if rows.checked_mul(cols as u64).is_none_or(|num| num > isize::MAX as u64) {
            return Err(too_large());
        }
        let Some(row_bytes) = dtype.row_bytes(cols) else {
            return Err(damaged(format!(
                "its tensor {name} has rows of {cols} values, which is not a whole number of {dtype} blocks of {}",
                dtype.block_size()
            )));
        };
        let num_bytes = rows.checked_mul(row_bytes as u64).ok_or_else(too_large)?;
        let shape = Shape::from(dims.iter().rev().map(|dim| *dim as usize).collect::<Vec<_>>());
        Ok((name, TensorInfo { dtype, shape, start, num_bytes }))
    }
}

/// A type of weights that isn't read is named, and no damage.
fn unread_type(name: &str, number: u32) -> Refusal {
    let instead = "fetch the model in another type, such as Q4_K_M, IQ4_XS or Q8_0";
    match unread_name(number) {
        Some(kind) => Refusal::Unread(format!("its tensor {name} is of the type {kind}, which is not read; {instead}")),
        None if number < 256 => Refusal::Unread(format!(
            "its tensor {name} is of a type with the number {number}, which is younger than this program; {instead}"
        )),
        None => damaged(format!("its tensor {name} is of a type with the number {number}, which there is not")),
    }
}
