//! Things by number, whose numbers are used again.

/// A store whose entries keep their number until they are taken out.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn put(&mut self, entry: T) -> u32 {
        if let Some(number) = self.free.pop() {
            self.entries[number as usize] = Some(entry);
            return number;
        }
        self.entries.push(Some(entry));
        u32::try_from(self.entries.len() - 1).expect("four thousand million things do not fit the memory")
    }

    pub(crate) fn take(&mut self, number: u32) -> Option<T> {
        let entry = self.entries.get_mut(number as usize)?.take();
        if entry.is_some() {
            self.free.push(number);
        }
        entry
    }

    /// All numbers are below this.
    pub(crate) fn numbers(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.entries.get(number as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.entries.get_mut(number as usize)?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again_and_not_twice() {
        let mut slab = Slab::new();
        let (a, b) = (slab.put("a"), slab.put("b"));
        assert_eq!(slab.take(a), Some("a"));
        assert_eq!(slab.take(a), None);
        let c = slab.put("c");
        assert_eq!((c, slab.get(b), slab.get(c)), (a, Some(&"b"), Some(&"c")));
    }
}
