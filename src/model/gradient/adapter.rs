//! The adapter's weights, packed for the products of both directions.

use candle_core::Result;
use rayon::prelude::*;

use crate::model::lora::LoraAdapter;
use crate::model::{Group, ModelSpec, Module};
use crate::ops::product::{Element, Isa, Panels};
use crate::ops::storage::with_slices;

/// One module's pair.
pub struct PackedPair<E> {
    pub module: Module,
    pub r: usize,
    pub scale: f32,
    /// The first of its columns in the group's `x·Aᵀ`.
    pub column: usize,
    /// The index of A's gradient; B's is the next.
    pub gradient: usize,
    /// `scale · Bᵀ`: `[r, out]`
    pub b: Panels<E>,
    /// `scale · B`: `[out, r]`, for the way back.
    pub b_back: Panels<E>,
    /// `A`: `[r, in]`, for the way back.
    pub a_back: Panels<E>,
}

/// The pairs of a group of one block.
pub struct PackedGroup<E> {
    pub pairs: Vec<PackedPair<E>>,
    /// All `Aᵀ` side by side: `[in, width]`.
    pub a: Panels<E>,
    /// Columns of `x·Aᵀ`, each pair's padded to whole groups of depth.
    pub width: usize,
}

impl<E> Default for PackedGroup<E>
where
    Panels<E>: Default,
{
    fn default() -> Self {
        Self { pairs: Vec::new(), a: Panels::default(), width: 0 }
    }
}

impl<E> PackedGroup<E> {
    pub fn pair(&self, module: Module) -> Option<&PackedPair<E>> {
        self.pairs.iter().find(|pair| pair.module == module)
    }
}

/// All groups of all blocks.
pub struct PackedAdapter<E> {
    layers: Vec<[PackedGroup<E>; Group::ALL.len()]>,
}

impl<E> Default for PackedAdapter<E> {
    fn default() -> Self {
        Self { layers: Vec::new() }
    }
}

impl<E: Element> PackedAdapter<E> {
    pub fn group(&self, layer: usize, group: Group) -> &PackedGroup<E> {
        &self.layers[layer][group as usize]
    }

    pub fn set(&mut self, isa: Isa, spec: &ModelSpec, adapter: &LoraAdapter) -> Result<()> {
        self.layers.resize_with(spec.num_layers(), Default::default);
        // Each block's first gradient: blocks are packed at the same time.
        let firsts: Vec<usize> = (0..spec.num_layers())
            .scan(0, |next, layer| {
                let first = *next;
                *next += 2 * adapter.num_pairs(layer);
                Some(first)
            })
            .collect();
        self.layers.par_iter_mut().zip(firsts).enumerate().try_for_each(|(layer, (groups, mut gradient))| {
            Group::ALL
                .into_iter()
                .try_for_each(|group| groups[group as usize].set(isa, spec, adapter, layer, group, &mut gradient))
        })
    }
}

impl<E: Element> PackedGroup<E> {
    fn set(
        &mut self,
        isa: Isa,
        spec: &ModelSpec,
        adapter: &LoraAdapter,
        layer: usize,
        group: Group,
        gradient: &mut usize,
    ) -> Result<()> {
        let mut old: Vec<_> = std::mem::take(&mut self.pairs);
        let mut all_a = Vec::new();
        self.width = 0;
        let mut num_inputs = 0;
        for module in spec.layers[layer].modules().filter(|module| module.group() == group) {
            let Some(pair) = adapter.pair(layer, module) else { continue };
            let (outputs, inputs) = spec.shape(layer, module);
            num_inputs = inputs;
            let (r, scale) = (pair.r(), adapter.scale(pair) as f32);
            let padded = r.next_multiple_of(E::GROUP);
            let mut packed = old.pop().unwrap_or_else(|| PackedPair {
                module,
                r,
                scale,
                column: 0,
                gradient: 0,
                b: Panels::default(),
                b_back: Panels::default(),
                a_back: Panels::default(),
            });
            (packed.module, packed.r, packed.scale) = (module, r, scale);
            (packed.column, packed.gradient) = (self.width, *gradient);
            with_slices([&pair.a, &pair.b], |[a, b]| {
                packed.b.set_transposed(isa, b, outputs, r, scale);
                packed.b_back.set(isa, b, outputs, r, scale);
                packed.a_back.set(isa, a, r, inputs, 1.0);
                all_a.extend_from_slice(a);
                all_a.resize((self.width + padded) * inputs, 0.0);
            })?;
            self.width += padded;
            *gradient += 2;
            self.pairs.push(packed);
        }
        if self.width > 0 {
            self.a.set_transposed(isa, &all_a, self.width, num_inputs, 1.0);
        }
        Ok(())
    }
}
