//! Names with the lists that have them: one table for all lists, so that a look-up costs the same
//! however many there are.

use std::collections::HashMap;

use compact_str::CompactString;

/// Number of a list.
pub(super) type ListNumber = u16;

/// Names, each with its lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    of: HashMap<CompactString, u32>,
    /// Sets of lists; most names share one of a few.
    sets: Vec<Vec<ListNumber>>,
    /// The set that another one becomes with one more list.
    grown: HashMap<(Option<u32>, ListNumber), u32>,
}

impl Names {
    /// Adds a name of a list.
    pub(super) fn insert(&mut self, name: &str, list: ListNumber) {
        let before = self.of.get(name).copied();
        let has = |set: u32| self.sets[set as usize].contains(&list);
        if before.is_some_and(has) {
            return;
        }
        let sets = &mut self.sets;
        let set = *self.grown.entry((before, list)).or_insert_with(|| {
            let mut set = before.map_or(Vec::new(), |set| sets[set as usize].clone());
            set.push(list);
            sets.push(set);
            u32::try_from(sets.len() - 1).expect("fewer sets than names")
        });
        self.of.insert(name.into(), set);
    }

    /// The lists that have a name.
    pub(super) fn lists(&self, name: &str) -> &[ListNumber] {
        let set = self.of.get(name);
        set.map_or(&[], |set| &self.sets[*set as usize])
    }
}

/// A name and those above it: `a.b.example`, `b.example`, `example`.
pub(super) fn and_above(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| {
        name.split_once('.').map(|(_, above)| above)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_lists_it_was_added_under() {
        let mut names = Names::default();
        for (name, list) in [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 1), ("c", 2)] {
            names.insert(name, list);
        }
        assert_eq!(names.lists("a"), [1, 2]);
        assert_eq!(names.lists("b"), [1, 2]);
        assert_eq!(names.lists("c"), [2]);
        assert_eq!(names.lists("d"), [0; 0]);
        assert_eq!(names.sets.len(), 3);
        let above: Vec<&str> = and_above("a.b.example").collect();
        assert_eq!(above, ["a.b.example", "b.example", "example"]);
    }
}
