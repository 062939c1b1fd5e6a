//! Texts that are nearly the same: MinHash finds pairs worth a look, their true Jaccard similarity decides, and pairs
//! that hang together are a cluster.

use std::ops::Range;

use rayon::prelude::*;

use super::text::mix;
use super::union::Union;
use crate::task::Task;

/// Words a shingle.
const SHINGLE_WORDS: usize = 3;
/// How many shingles of a text are kept: the smallest hashes, a fair sample, so that memory stays bounded.
const MAX_SHINGLES: usize = 512;
/// With these, two texts of similarity 0.8 are compared with a probability of 0.998, of 0.5 with one of 0.27.
const NUM_BANDS: usize = 20;
const ROWS_PER_BAND: usize = 6;
const NUM_HASHES: usize = NUM_BANDS * ROWS_PER_BAND;
/// Different texts with the same band that a further one is compared with.
const MAX_REPRESENTATIVES: usize = 32;
/// What is in more texts than these two is the frame that all prompts share, and says nothing.
const FRAME_SHARE: f64 = 0.05;
const MIN_FRAME_TEXTS: u32 = 25;

/// The shingles of all texts, one after the other.
#[derive(Default)]
pub struct Shingles {
    hashes: Vec<u32>,
    /// Where each text's shingles end.
    ends: Vec<usize>,
}

impl Shingles {
    /// Takes in the next text, as [`of_words`] gives it.
    pub fn push(&mut self, shingles: &[u32]) {
        self.hashes.extend_from_slice(shingles);
        self.ends.push(self.hashes.len());
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    fn range(&self, text: usize) -> Range<usize> {
        let start = if text == 0 { 0 } else { self.ends[text - 1] };
        start..self.ends[text]
    }

    fn of(&self, text: usize) -> &[u32] {
        &self.hashes[self.range(text)]
    }

    /// Takes out what is in a good part of all texts, unless nothing would be left of one.
    fn without_frame(&self) -> Self {
        let frequency = Frequency::of(&self.hashes);
        let limit = (self.len() as f64 * FRAME_SHARE).max(f64::from(MIN_FRAME_TEXTS)) as u32;
        let mut rest = Self { hashes: Vec::with_capacity(self.hashes.len()), ends: Vec::with_capacity(self.len()) };
        for text in 0..self.len() {
            let before = rest.hashes.len();
            rest.hashes.extend(self.of(text).iter().filter(|hash| frequency.get(**hash) <= limit));
            if rest.hashes.len() == before {
                rest.hashes.extend_from_slice(self.of(text));
            }
            rest.ends.push(rest.hashes.len());
        }
        rest
    }
}

/// In how many texts a shingle is; may say too many, rarely by more than a few.
struct Frequency(Vec<u32>);

impl Frequency {
    fn of(hashes: &[u32]) -> Self {
        let size = (2 * hashes.len()).next_power_of_two().clamp(1 << 10, 1 << 24);
        let mut counts = vec![0_u32; size];
        for hash in hashes {
            counts[*hash as usize & (size - 1)] += 1;
        }
        Self(counts)
    }

    fn get(&self, hash: u32) -> u32 {
        self.0[hash as usize & (self.0.len() - 1)]
    }
}

/// The different shingles of a text, in order.
pub fn of_words(words: &[u64]) -> Vec<u32> {
    let shingle = |words: &[u64]| mix(words.iter().fold(0, |hash: u64, word| hash.rotate_left(17) ^ *word)) as u32;
    let mut shingles: Vec<u32> = match words.len() {
        0 => Vec::new(),
        1..SHINGLE_WORDS => vec![shingle(words)],
        _ => words.windows(SHINGLE_WORDS).map(shingle).collect(),
    };
    shingles.sort_unstable();
    shingles.dedup();
    shingles.truncate(MAX_SHINGLES);
    shingles
}

/// The share of two texts' shingles that they have in common; for long texts, of the sample that is kept.
fn jaccard(a: &[u32], b: &[u32]) -> f64 {
    let is_sample = a.len() == MAX_SHINGLES || b.len() == MAX_SHINGLES;
    let limit = if is_sample { MAX_SHINGLES } else { usize::MAX };
    let (mut i, mut j, mut num_common, mut num_all) = (0, 0, 0_usize, 0_usize);
    while (i < a.len() || j < b.len()) && num_all < limit {
        let (x, y) = (a.get(i), b.get(j));
        let takes_x = y.is_none_or(|y| x.is_some_and(|x| x <= y));
        let takes_y = x.is_none_or(|x| y.is_some_and(|y| y <= x));
        i += usize::from(takes_x);
        j += usize::from(takes_y);
        num_common += usize::from(takes_x && takes_y);
        num_all += 1;
    }
    if num_all == 0 { 0.0 } else { num_common as f64 / num_all as f64 }
}

/// Unites the texts whose similarity is at least `similarity`; `None` if it was stopped. Texts without words stay
/// alone.
pub fn clusters(shingles: &Shingles, similarity: f64, task: &dyn Task) -> Option<Union> {
    let mut clusters = Union::new(shingles.len());
    let shingles = shingles.without_frame();
    let bands = band_keys(&shingles);
    for band in 0..NUM_BANDS {
        let key = |text: usize| (bands[text][band], text as u32);
        let has_words = |text: &usize| !shingles.of(*text).is_empty();
        let mut keyed: Vec<(u32, u32)> = (0..bands.len()).filter(has_words).map(key).collect();
        keyed.par_sort_unstable();
        for run in keyed.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
            if task.is_stopped() {
                return None;
            }
            unite_run(run, &shingles, similarity, &mut clusters);
        }
    }
    Some(clusters)
}

fn unite_run(run: &[(u32, u32)], shingles: &Shingles, similarity: f64, clusters: &mut Union) {
    let mut representatives: Vec<u32> = Vec::new();
    for (_, text) in run {
        let root = clusters.root(*text);
        if representatives.iter().any(|other| clusters.root(*other) == root) {
            continue;
        }
        let of_text = shingles.of(*text as usize);
        let twin = representatives.iter().find(|other| jaccard(of_text, shingles.of(**other as usize)) >= similarity);
        match twin {
            Some(twin) => clusters.unite(*text, *twin),
            None if representatives.len() < MAX_REPRESENTATIVES => representatives.push(*text),
            None => {}
        }
    }
}

fn band_keys(shingles: &Shingles) -> Vec<[u32; NUM_BANDS]> {
    let salts = salts();
    (0..shingles.len()).into_par_iter().map(|text| bands_of(shingles.of(text), &salts)).collect()
}

/// The smallest value of each of many hash functions, and of these a hash for each band.
fn bands_of(shingles: &[u32], salts: &[(u32, u32); NUM_HASHES]) -> [u32; NUM_BANDS] {
    let mut smallest = [u32::MAX; NUM_HASHES];
    for shingle in shingles {
        // The compiler makes vector instructions of this loop.
        for (smallest, (salt, factor)) in smallest.iter_mut().zip(salts) {
            *smallest = (*smallest).min((shingle ^ salt).wrapping_mul(*factor));
        }
    }
    let mut bands = [0; NUM_BANDS];
    for (band, rows) in bands.iter_mut().zip(smallest.chunks_exact(ROWS_PER_BAND)) {
        *band = mix(rows.iter().fold(0, |hash: u64, value| mix(hash ^ u64::from(*value)))) as u32;
    }
    bands
}

fn salts() -> [(u32, u32); NUM_HASHES] {
    std::array::from_fn(|i| {
        let hash = mix(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(i as u64 + 1));
        // Odd factors, so that no two shingles become one.
        (hash as u32, (hash >> 32) as u32 | 1)
    })
}

#[cfg(test)]
mod tests {
    use super::super::text::word_hashes;
    use super::*;
    use crate::task::Unwatched;

    fn shingles_of(text: &str) -> Vec<u32> {
        let mut words = Vec::new();
        word_hashes(text, &mut words);
        of_words(&words)
    }

    fn groups(texts: &[String]) -> Vec<Vec<u32>> {
        let mut shingles = Shingles::default();
        texts.iter().for_each(|text| shingles.push(&shingles_of(text)));
        clusters(&shingles, 0.8, &Unwatched).unwrap().groups()
    }

    fn sentence(seed: usize, num_words: usize) -> String {
        (0..num_words).map(|i| format!("w{}", mix((seed * 1000 + i) as u64) % 5000)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn similarity_is_the_share_of_common_shingles() {
        assert_eq!(jaccard(&[1, 2, 3, 4], &[2, 3, 4, 5]), 0.6);
        assert_eq!(jaccard(&[], &[]), 0.0);
        assert_eq!(jaccard(&[1], &[]), 0.0);
        let long: Vec<u32> = (0..MAX_SHINGLES as u32).collect();
        assert_eq!(jaccard(&long, &long), 1.0);
    }

    #[test]
    fn twins_are_found_among_many_and_nothing_else() {
        let mut texts: Vec<_> = (0..500).map(|i| sentence(i, 40)).collect();
        texts[400] = texts[7].replacen(' ', "  ", 3).to_uppercase() + "!";
        texts[401] = format!("{} and one more", texts[8]);
        texts[402] = format!("{} thing", texts[401]);
        // Every second word is another.
        texts[403] = texts[9]
            .split(' ')
            .enumerate()
            .map(|(i, w)| if i % 2 == 0 { w } else { "x" })
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(groups(&texts), [vec![7, 400], vec![8, 401, 402]]);
    }

    #[test]
    fn a_frame_that_all_prompts_share_makes_no_twins() {
        let frame = sentence(9999, 60);
        let mut texts: Vec<_> = (0..600).map(|i| format!("{frame} {}", sentence(i, 8))).collect();
        texts[30] = texts[20].clone() + ".";
        assert_eq!(groups(&texts), [vec![20, 30]]);
    }

    #[test]
    fn long_texts_are_compared_by_a_sample() {
        let long = sentence(1, 5000);
        let other = sentence(2, 5000);
        assert_eq!(groups(&[long.clone(), other, long + " the end"]), [vec![0, 2]]);
    }
}
