//! The order of value heads: llama.cpp's files have one of each key head, then another of each, where Transformers has those of a
//! key head next to each other. A model is computed in the order of its file; what is written and read as PEFT's is in that of
//! Transformers.

use candle_core::{Device, Result, Tensor};

use super::{ModelSpec, Module};
use crate::ops::delta::DeltaShape;

/// How a model's value heads lie; `None` where they lie as in Transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueOrder(Option<DeltaShape>);

/// A matrix of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matrix {
    A,
    B,
}

impl ValueOrder {
    pub fn of(spec: &ModelSpec) -> Self {
        Self(spec.delta().filter(|shape| shape.is_tiled && shape.group() > 1))
    }

    /// A matrix of a module's pair in the order of Transformers, from that of the model.
    ///
    /// # Errors
    /// Where its shape isn't the module's.
    pub fn to_file(self, module: Module, matrix: Matrix, tensor: &Tensor) -> Result<Tensor> {
        self.reordered(module, matrix, tensor, |own, file| (file, own))
    }

    /// A matrix of a module's pair in the order of the model, from that of Transformers.
    ///
    /// # Errors
    /// Where its shape isn't the module's.
    pub fn from_file(self, module: Module, matrix: Matrix, tensor: &Tensor) -> Result<Tensor> {
        self.reordered(module, matrix, tensor, |own, file| (own, file))
    }

    /// `direction` says of the places in the model and in the file which is written from which.
    fn reordered(
        self,
        module: Module,
        matrix: Matrix,
        tensor: &Tensor,
        direction: impl Fn(usize, usize) -> (usize, usize),
    ) -> Result<Tensor> {
        let Some(shape) = self.0 else { return Ok(tensor.clone()) };
        // Rows of B are a module's outputs, columns of A its inputs.
        let (start, block) = match (module, matrix) {
            (Module::DeltaQkvProj, Matrix::B) => (2 * shape.key_width(), shape.value_dim),
            (Module::DeltaGateProj, Matrix::B) | (Module::DeltaOutProj, Matrix::A) => (0, shape.value_dim),
            (Module::DeltaBetaProj | Module::DeltaStepProj, Matrix::B) => (0, 1),
            _ => return Ok(tensor.clone()),
        };
        let dim = if matrix == Matrix::A { 1 } else { 0 };
        let mut sources: Vec<u32> = (0..tensor.dim(dim)? as u32).collect();
        for own in 0..shape.num_value_heads {
            let file = shape.key_head(own) * shape.group() + own / shape.num_key_heads;
            let (to, from) = direction(own, file);
            for place in 0..block {
                if let Some(source) = sources.get_mut(start + to * block + place) {
                    *source = (start + from * block + place) as u32;
                }
            }
        }
        tensor.index_select(&Tensor::new(sources, &Device::Cpu)?, dim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_come_back_to_where_they_were() {
        let shape = DeltaShape { num_key_heads: 2, num_value_heads: 6, key_dim: 1, value_dim: 2, is_tiled: true };
        let order = ValueOrder(Some(shape));
        let column = |values: Vec<f32>| {
            let len = values.len();
            Tensor::from_vec(values, (len, 1), &Device::Cpu).unwrap()
        };
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        // One of each key head, then another: (0, 0) (1, 0) (0, 1) (1, 1) (0, 2) (1, 2).
        let own = column((0..6).map(|head| head as f32).collect());
        let file = order.to_file(Module::DeltaBetaProj, Matrix::B, &own).unwrap();
        assert_eq!(values(&file), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
        assert_eq!(values(&order.from_file(Module::DeltaBetaProj, Matrix::B, &file).unwrap()), values(&own));
        let wide = column((0..16).map(|value| value as f32).collect());
        let file = order.to_file(Module::DeltaQkvProj, Matrix::B, &wide).unwrap();
        let expected = [0, 1, 2, 3, 4, 5, 8, 9, 12, 13, 6, 7, 10, 11, 14, 15].map(|value| value as f32);
        assert_eq!(values(&file), expected, "queries and keys stay");
        let row = own.t().unwrap();
        assert_eq!(
            values(&order.to_file(Module::DeltaBetaProj, Matrix::A, &row).unwrap()),
            values(&own),
            "inputs stay"
        );
        let row = column((0..12).map(|value| value as f32).collect()).t().unwrap();
        let file = order.to_file(Module::DeltaOutProj, Matrix::A, &row).unwrap();
        assert_eq!(values(&file)[..4], [0.0, 1.0, 4.0, 5.0]);
        assert_eq!(values(&order.from_file(Module::DeltaOutProj, Matrix::A, &file).unwrap()), values(&row));
        assert_eq!(values(&ValueOrder(None).to_file(Module::DeltaOutProj, Matrix::A, &row).unwrap()), values(&row));
    }
}
