//! How many are there of each fan-out, and how low a tree of them can be.

/// Participants that are there, by fan-out.
#[derive(Debug, Default)]
pub(crate) struct Census {
    speaker: u8,
    counts: Vec<u64>,
}

impl Census {
    /// Someone comes or goes; number 0 is the speaker, who is always counted.
    pub(crate) fn count(&mut self, node: u32, fan_out: u8, comes: bool) {
        if node == 0 {
            self.speaker = fan_out;
            return;
        }
        let place = usize::from(fan_out);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        let count = &mut self.counts[place];
        *count = if comes { *count + 1 } else { count.saturating_sub(1) };
    }

    /// The least height that their fan-outs allow, and how many find no place at all.
    ///
    /// Tier after tier is filled with those who serve most. No tree is lower: exchanging someone for whoever serves more
    /// further down never takes a place from a tier.
    pub(crate) fn least_height(&self) -> (u32, u64) {
        let mut counts = self.counts.clone();
        let mut left: u64 = counts.iter().sum();
        let (mut places, mut height) = (u64::from(self.speaker), 0);
        while left > 0 && places > 0 {
            height += 1;
            let mut open = std::mem::take(&mut places);
            for (fan_out, count) in counts.iter_mut().enumerate().rev() {
                let taken = open.min(*count);
                *count -= taken;
                open -= taken;
                left -= taken;
                places += taken * fan_out as u64;
            }
        }
        (height, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn census(speaker: u8, fan_outs: &[u8]) -> Census {
        let mut census = Census::default();
        census.count(0, speaker, true);
        for fan_out in fan_outs {
            census.count(1, *fan_out, true);
        }
        census
    }

    /// Every way to fill tier after tier.
    fn by_trying(places: usize, left: &[u8]) -> Option<u32> {
        if left.is_empty() {
            return Some(0);
        }
        let subsets = (1u32..1 << left.len()).filter(|chosen| chosen.count_ones() as usize <= places);
        let below = |chosen: u32| {
            let (taken, rest): (Vec<_>, Vec<_>) = left.iter().enumerate().partition(|(at, _)| chosen >> at & 1 == 1);
            let rest: Vec<u8> = rest.into_iter().map(|(_, fan_out)| *fan_out).collect();
            by_trying(taken.into_iter().map(|(_, fan_out)| usize::from(*fan_out)).sum(), &rest)
        };
        subsets.filter_map(below).min().map(|height| height + 1)
    }

    #[test]
    fn known_heights() {
        assert_eq!(census(4, &[4; 1_364]).least_height(), (5, 0));
        assert_eq!(census(4, &[4; 1_365]).least_height(), (6, 0));
        assert_eq!(census(4, &[]).least_height(), (0, 0));
        assert_eq!(census(4, &[0; 10]).least_height(), (1, 6));
        let mut going = census(2, &[4, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(going.least_height(), (2, 0));
        going.count(1, 4, false);
        assert_eq!(going.least_height(), (2, 3));
    }

    proptest! {
        #[test]
        fn no_arrangement_is_lower(speaker in 1u8..4, fan_outs in prop::collection::vec(0u8..4, 0..7)) {
            let (height, left) = census(speaker, &fan_outs).least_height();
            let tried = by_trying(usize::from(speaker), &fan_outs);
            prop_assert_eq!((left == 0).then_some(height), tried);
        }
    }
}
