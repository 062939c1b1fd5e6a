//! What people chose: the lines after the first of a session's file, and what they come to.

use serde::{Deserialize, Serialize};

use super::session::{Item, Session};

/// One of the two models of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    First,
    Second,
}

impl Which {
    pub const BOTH: [Self; 2] = [Self::First, Self::Second];

    pub fn other(self) -> Self {
        if self == Self::First { Self::Second } else { Self::First }
    }
}

/// What a person says of two answers whose models aren't named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    Left,
    Right,
    Tie,
    BothBad,
    /// Says nothing of this one.
    Skip,
}

/// A choice, by model instead of by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Better(Which),
    Tie,
    BothBad,
}

impl Choice {
    /// `None` for a skipped prompt.
    pub fn verdict(self, item: &Item) -> Option<Verdict> {
        match self {
            Self::Left => Some(Verdict::Better(item.left)),
            Self::Right => Some(Verdict::Better(item.left.other())),
            Self::Tie => Some(Verdict::Tie),
            Self::BothBad => Some(Verdict::BothBad),
            Self::Skip => None,
        }
    }
}

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// Its place in the session, from 0.
    pub item: usize,
    pub choice: Choice,
    pub rater: String,
    /// With its time zone.
    pub at: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Takes a person's last choice back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    pub rater: String,
    /// With its time zone.
    pub at: String,
}

/// A line of a session's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first.
    Session(Box<Session>),
    Rating(Rating),
    Undo(Undo),
}

impl Line {
    /// A choice that is made now.
    pub fn rating(item: usize, choice: Choice, rater: &str, note: &str) -> Self {
        let (rater, note) = (rater.to_owned(), note.trim().to_owned());
        Self::Rating(Rating { item, choice, rater, at: jiff::Zoned::now().to_string(), note })
    }

    /// A person's last choice is taken back now.
    pub fn undo(rater: &str) -> Self {
        Self::Undo(Undo { rater: rater.to_owned(), at: jiff::Zoned::now().to_string() })
    }
}

/// Who is logged in on this machine, for ratings without a name.
pub fn user_name() -> String {
    let names = ["USER", "LOGNAME", "USERNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    names.map(|name| name.trim().to_owned()).find(|name| !name.is_empty()).unwrap_or_else(|| "Somebody".to_owned())
}

/// A session with the choices that hold, in the order they were made.
#[derive(Debug, Clone, PartialEq)]
pub struct Rated {
    pub session: Session,
    pub ratings: Vec<Rating>,
}

impl Rated {
    pub fn new(session: Session) -> Self {
        Self { session, ratings: Vec::new() }
    }

    /// Takes one more line; one about a prompt that isn't there says nothing.
    pub fn apply(&mut self, line: Line) {
        match line {
            Line::Rating(rating) if rating.item < self.session.items.len() => {
                self.ratings.retain(|earlier| earlier.item != rating.item || earlier.rater != rating.rater);
                self.ratings.push(rating);
            }
            Line::Undo(undo) => {
                if let Some(at) = self.ratings.iter().rposition(|rating| rating.rater == undo.rater) {
                    self.ratings.remove(at);
                }
            }
            Line::Rating(_) | Line::Session(_) => {}
        }
    }

    pub fn of_rater(&self, rater: &str) -> impl Iterator<Item = &Rating> {
        self.ratings.iter().filter(move |rating| rating.rater == rater)
    }

    /// The next prompt of a person: the first that they said nothing about. What they skipped doesn't come again.
    pub fn next(&self, rater: &str) -> Option<usize> {
        let mut is_done = vec![false; self.session.items.len()];
        self.of_rater(rater).for_each(|rating| is_done[rating.item] = true);
        is_done.iter().position(|done| !done)
    }

    /// All who rated, in the order they began.
    pub fn raters(&self) -> Vec<&str> {
        let mut raters = Vec::new();
        for rating in &self.ratings {
            if !raters.contains(&rating.rater.as_str()) {
                raters.push(&rating.rater);
            }
        }
        raters
    }

    /// By model; nothing where the person skipped it.
    pub fn verdict(&self, rating: &Rating) -> Option<Verdict> {
        rating.choice.verdict(self.session.items.get(rating.item)?)
    }

    /// What all who rated a prompt say together: the model that more of them prefer, or a tie. So each prompt counts
    /// once, however many rated it.
    pub fn together(&self, item: usize) -> Option<Verdict> {
        let said: Vec<_> = self.ratings.iter().filter(|r| r.item == item).filter_map(|r| self.verdict(r)).collect();
        let num = |wanted: Verdict| said.iter().filter(|verdict| **verdict == wanted).count();
        let [first, second] = Which::BOTH.map(|which| num(Verdict::Better(which)));
        match first.cmp(&second) {
            _ if said.is_empty() => None,
            std::cmp::Ordering::Greater => Some(Verdict::Better(Which::First)),
            std::cmp::Ordering::Less => Some(Verdict::Better(Which::Second)),
            std::cmp::Ordering::Equal if num(Verdict::BothBad) * 2 > said.len() => Some(Verdict::BothBad),
            std::cmp::Ordering::Equal => Some(Verdict::Tie),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::session::tests::session;
    use super::*;

    #[test]
    fn the_next_prompt_is_a_persons_own_and_undo_brings_the_last_back() {
        let mut rated = Rated::new(session(3, 1));
        rated.apply(Line::rating(0, Choice::Left, "Ada", " neat "));
        rated.apply(Line::rating(1, Choice::Skip, "Ada", ""));
        rated.apply(Line::rating(0, Choice::Tie, "Bo", ""));
        rated.apply(Line::rating(9, Choice::Tie, "Bo", ""));
        assert_eq!((rated.next("Ada"), rated.next("Bo"), rated.next("Cy")), (Some(2), Some(1), Some(0)));
        assert_eq!((rated.raters(), rated.ratings[0].note.as_str()), (vec!["Ada", "Bo"], "neat"));
        rated.apply(Line::undo("Ada"));
        rated.apply(Line::undo("Cy"));
        assert_eq!((rated.next("Ada"), rated.next("Bo")), (Some(1), Some(1)));
        (1..3).for_each(|item| rated.apply(Line::rating(item, Choice::Right, "Ada", "")));
        assert_eq!(rated.next("Ada"), None);
    }

    #[test]
    fn a_choice_is_of_the_model_that_stood_there() {
        let rated = Rated::new(session(30, 7));
        for item in &rated.session.items {
            assert_eq!(Choice::Left.verdict(item), Some(Verdict::Better(item.left)));
            assert_eq!(Choice::Right.verdict(item), Some(Verdict::Better(item.left.other())));
            let named = |text: &str| if text.starts_with("before") { Which::First } else { Which::Second };
            assert_eq!((named(item.left()), named(item.right())), (item.left, item.left.other()));
        }
    }

    #[test]
    fn each_prompt_counts_once_however_many_rated_it() {
        let mut rated = Rated::new(session(1, 1));
        assert_eq!(rated.together(0), None);
        let left = rated.session.items[0].left;
        rated.apply(Line::rating(0, Choice::Left, "Ada", ""));
        assert_eq!(rated.together(0), Some(Verdict::Better(left)));
        rated.apply(Line::rating(0, Choice::Right, "Bo", ""));
        assert_eq!(rated.together(0), Some(Verdict::Tie));
        rated.apply(Line::rating(0, Choice::BothBad, "Ada", ""));
        rated.apply(Line::rating(0, Choice::BothBad, "Bo", ""));
        assert_eq!(rated.together(0), Some(Verdict::BothBad));
    }
}
