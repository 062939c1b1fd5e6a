//! What to label next: prompts that a model is unsure about, unlike what is labelled already and unlike each other.

use std::collections::HashMap;

use rayon::prelude::*;

use super::checks::text::word_hashes;

/// How many words of a text are compared: those that say most.
const MAX_WORDS: usize = 64;
/// Texts nearer than this say the same.
const SAME: f64 = 1e-4;

/// A prompt that could be labelled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate<'a> {
    pub text: &'a str,
    /// How unsure the model is of its answer; only the order counts.
    pub doubt: f64,
}

/// A chosen one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pick {
    /// Among the candidates.
    pub index: usize,
    /// 0 to 1: how far the prompt is from everything known and everything picked before it.
    pub novelty: f64,
}

/// Picks up to `count` candidates, the most worthwhile first. The worth of one is its rank in doubt times its distance to
/// the nearest of the `known` texts and of those picked before (as in maximal marginal relevance, Carbonell and Goldstein
/// 1998; the product of informativeness and distance is that of Settles and Craven 2008). The distance is 1 − the cosine
/// of the words, weighted by their rarity. What says the same as another text is not picked.
pub fn pick(candidates: &[Candidate<'_>], known: &[&str], count: usize) -> Vec<Pick> {
    let texts: Vec<&str> = candidates.iter().map(|c| c.text).chain(known.iter().copied()).collect();
    let vectors = vectors(&texts);
    let (of_candidates, of_known) = vectors.split_at(candidates.len());
    let ranks = ranks(candidates);
    let mut distances: Vec<f64> = of_candidates
        .par_iter()
        .map(|vector| of_known.iter().map(|k| distance(vector, k)).fold(1.0, f64::min))
        .collect();
    let mut picks = Vec::new();
    while picks.len() < count {
        let worth = |at: &usize| ranks[*at] * distances[*at];
        let free = (0..candidates.len()).filter(|at| distances[*at] > SAME);
        // The first of equals.
        let Some(index) = free.rev().max_by(|a, b| worth(a).total_cmp(&worth(b))) else { break };
        picks.push(Pick { index, novelty: distances[index] });
        distances.par_iter_mut().zip(of_candidates).for_each(|(nearest, vector)| {
            *nearest = nearest.min(distance(vector, &of_candidates[index]));
        });
    }
    picks
}

/// The share of all candidates that the model is at most as unsure about, for each of them.
fn ranks(candidates: &[Candidate<'_>]) -> Vec<f64> {
    let mut sorted: Vec<f64> = candidates.iter().map(|c| c.doubt).collect();
    sorted.sort_by(f64::total_cmp);
    let num_below = |doubt: f64| sorted.partition_point(|other| other.total_cmp(&doubt).is_le());
    candidates.iter().map(|c| num_below(c.doubt) as f64 / sorted.len() as f64).collect()
}

/// Words by their hash, in order, with weights whose squares sum to 1; empty for a text without words.
type Vector = Vec<(u64, f64)>;

fn vectors(texts: &[&str]) -> Vec<Vector> {
    let counts: Vec<HashMap<u64, f64>> = texts.par_iter().map(|text| word_counts(text)).collect();
    let mut num_texts_with: HashMap<u64, f64> = HashMap::new();
    for word in counts.iter().flat_map(HashMap::keys) {
        *num_texts_with.entry(*word).or_default() += 1.0;
    }
    let rarity = |word: &u64| {
        let num_with = num_texts_with.get(word).copied().unwrap_or_default();
        1.0 + ((1.0 + texts.len() as f64) / (1.0 + num_with)).ln()
    };
    let vector = |counts: &HashMap<u64, f64>| {
        let mut vector: Vector = counts.iter().map(|(word, count)| (*word, count * rarity(word))).collect();
        // By the word where weights are equal, so that it is the same every time.
        vector.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        vector.truncate(MAX_WORDS);
        let length = vector.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|(_, weight)| *weight /= length);
        vector.sort_by_key(|(word, _)| *word);
        vector
    };
    counts.par_iter().map(vector).collect()
}

fn word_counts(text: &str) -> HashMap<u64, f64> {
    let mut words = Vec::new();
    word_hashes(text, &mut words);
    let mut counts = HashMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1.0;
    }
    counts
}

/// 1 − cosine.
fn distance(a: &Vector, b: &Vector) -> f64 {
    let (mut i, mut j, mut cosine) = (0, 0, 0.0);
    while let (Some((x, weight)), Some((y, other))) = (a.get(i), b.get(j)) {
        if x == y {
            cosine += weight * other;
        }
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    (1.0_f64 - cosine).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(candidates: &[(&str, f64)], known: &[&str], count: usize) -> Vec<usize> {
        let candidates: Vec<_> = candidates.iter().map(|(text, doubt)| Candidate { text, doubt: *doubt }).collect();
        pick(&candidates, known, count).iter().map(|pick| pick.index).collect()
    }

    #[test]
    fn the_most_doubtful_come_first_where_all_are_equally_new() {
        let candidates = [("alpha", 0.1), ("bravo", 0.9), ("charlie", 0.5), ("delta", 0.9)];
        assert_eq!(picked(&candidates, &[], 9), [1, 3, 2, 0]);
        assert_eq!(picked(&candidates, &[], 2), [1, 3]);
        assert_eq!(picked(&[], &["alpha"], 3), [0; 0]);
    }

    #[test]
    fn what_is_known_or_picked_already_is_not_asked_again() {
        let candidates = [
            ("Where is my parcel?", 0.9),
            ("where is my parcel", 0.9),
            ("Where is my red parcel, please?", 0.9),
            ("Cancel the subscription", 0.4),
            ("My lamp is broken", 0.8),
        ];
        // The red parcel shares the fewest words with what is known. The second says what the first did, and the broken
        // lamp is known in other words.
        assert_eq!(picked(&candidates, &["My lamp arrived broken"], 3), [2, 0, 3]);
        assert_eq!(picked(&candidates, &["my LAMP is broken!"], 9).len(), 3, "nothing twice, nothing known");
    }

    #[test]
    fn novelty_falls_with_what_words_are_shared() {
        let candidate = |text| [Candidate { text, doubt: 1.0 }];
        let novelty = |text, known: &[&str]| pick(&candidate(text), known, 1).first().map(|pick| pick.novelty);
        assert_eq!(novelty("one two three", &["four five"]), Some(1.0));
        let (near, far) = (novelty("one two three", &["one two"]), novelty("one two three", &["one six seven"]));
        assert!(near < far && near > Some(0.0), "{near:?} {far:?}");
        assert_eq!(novelty("one two three", &["three, ONE two", "x"]), None);
    }
}
