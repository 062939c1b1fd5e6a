//! Things that hang together: a union-find.

/// Which of `n` things belong together.
pub struct Union {
    parents: Vec<u32>,
}

impl Union {
    /// All alone.
    pub fn new(num: usize) -> Self {
        Self { parents: (0..num as u32).collect() }
    }

    /// The thing that stands for all that belong to `of`.
    pub fn root(&mut self, of: u32) -> u32 {
        let mut at = of;
        while self.parents[at as usize] != at {
            // Halves the way for the next time.
            let grandparent = self.parents[self.parents[at as usize] as usize];
            self.parents[at as usize] = grandparent;
            at = grandparent;
        }
        at
    }

    /// The smaller number stands for both.
    pub fn unite(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b) as usize] = a.min(b);
    }

    /// Those that are not alone; groups and their members in order.
    pub fn groups(&mut self) -> Vec<Vec<u32>> {
        let mut rooted: Vec<(u32, u32)> = (0..self.parents.len() as u32).map(|i| (self.root(i), i)).collect();
        rooted.sort_unstable();
        let groups = rooted.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1);
        groups.map(|group| group.iter().map(|(_, member)| *member).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_united_in_pairs_is_one_group() {
        let mut union = Union::new(7);
        union.unite(5, 3);
        union.unite(6, 1);
        union.unite(3, 6);
        union.unite(2, 0);
        assert_eq!(union.groups(), [vec![0, 2], vec![1, 3, 5, 6]]);
        assert_eq!(union.root(4), 4);
    }
}
