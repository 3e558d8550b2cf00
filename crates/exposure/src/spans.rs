//! Sets of integers as disjoint spans.

use std::{fmt::Debug, ops::RangeInclusive};

/// An integer axis.
pub trait Axis: Copy + Ord + Debug {
    /// The first value.
    const MIN: Self;
    /// The last value.
    const MAX: Self;

    /// The next value, but for the last.
    fn next(self) -> Option<Self>;
    /// The value before, but for the first.
    fn before(self) -> Option<Self>;
    /// How many values there are from `self` to `end`, both included; as many as fit.
    fn count_to(self, end: Self) -> u128;
}

impl Axis for u32 {
    const MIN: Self = Self::MIN;
    const MAX: Self = Self::MAX;

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }

    fn count_to(self, end: Self) -> u128 {
        u128::from(end) - u128::from(self) + 1
    }
}

impl Axis for u128 {
    const MIN: Self = Self::MIN;
    const MAX: Self = Self::MAX;

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }

    fn count_to(self, end: Self) -> u128 {
        (end - self).saturating_add(1)
    }
}

/// A set of integers: spans in ascending order that neither overlap nor touch, so that equal sets are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spans<T>(Vec<(T, T)>);

impl<T> Default for Spans<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Axis> Spans<T> {
    /// The empty set.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Everything.
    pub fn all() -> Self {
        Self(vec![(T::MIN, T::MAX)])
    }

    /// One span; empty where it ends before it starts.
    pub fn one(span: RangeInclusive<T>) -> Self {
        let (start, end) = span.into_inner();
        Self(if start <= end { vec![(start, end)] } else { Vec::new() })
    }

    /// The union of spans in any order.
    pub fn of(spans: impl IntoIterator<Item = (T, T)>) -> Self {
        let mut spans: Vec<_> = spans.into_iter().filter(|(start, end)| start <= end).collect();
        if spans.len() > 1 {
            spans.sort_unstable();
            let mut merged: Vec<(T, T)> = Vec::with_capacity(spans.len());
            for (start, end) in spans {
                match merged.last_mut() {
                    Some(last) if start <= last.1 || last.1.next() == Some(start) => last.1 = last.1.max(end),
                    _ => merged.push((start, end)),
                }
            }
            spans = merged;
        }
        Self(spans)
    }

    /// The spans, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (T, T)> + '_ {
        self.0.iter().copied()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `value` is in it.
    pub fn contains(&self, value: T) -> bool {
        let after = self.0.partition_point(|(start, _)| *start <= value);
        after.checked_sub(1).and_then(|index| self.0.get(index)).is_some_and(|(_, end)| value <= *end)
    }

    /// Whether the two have anything in common.
    pub fn meets(&self, other: &Self) -> bool {
        let (mut mine, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(one), Some(another)) = (mine.peek(), theirs.peek()) {
            if one.1 < another.0 {
                mine.next();
            } else if another.1 < one.0 {
                theirs.next();
            } else {
                return true;
            }
        }
        false
    }

    /// What is in either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            (false, false) => Self::of(self.iter().chain(other.iter())),
        }
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = Vec::new();
        let (mut mine, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(one), Some(another)) = (mine.peek().copied(), theirs.peek().copied()) {
            let (start, end) = (one.0.max(another.0), one.1.min(another.1));
            if start <= end {
                both.push((start, end));
            }
            if one.1 < another.1 {
                mine.next()
            } else {
                theirs.next()
            };
        }
        Self(both)
    }

    /// What is in `self` and not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        let mut left = Vec::new();
        for (start, end) in self.iter() {
            let first = other.0.partition_point(|cut| cut.1 < start);
            let mut start = Some(start);
            for (cut_start, cut_end) in other.iter().skip(first) {
                let Some(from) = start.filter(|from| *from <= end && cut_start <= end) else { break };
                if let Some(to) = cut_start.before().filter(|to| from <= *to) {
                    left.push((from, to));
                }
                start = cut_end.next().map(|next| next.max(from));
            }
            left.extend(start.filter(|from| *from <= end).map(|from| (from, end)));
        }
        Self(left)
    }

    /// How many integers are in it; as many as fit.
    pub fn count(&self) -> u128 {
        self.iter().fold(0, |sum: u128, (start, end)| sum.saturating_add(start.count_to(end)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any() -> impl Strategy<Value = Vec<(u32, u32)>> {
        prop::collection::vec((0_u32..40, 0_u32..12).prop_map(|(start, length)| (start, start + length)), 0..6)
    }

    fn brute(spans: &[(u32, u32)], value: u32) -> bool {
        spans.iter().any(|(start, end)| (*start..=*end).contains(&value))
    }

    proptest! {
        #[test]
        fn sets_of_spans_are_sets(one in any(), other in any()) {
            let (a, b) = (Spans::of(one.clone()), Spans::of(other.clone()));
            for value in 0..64 {
                let (in_a, in_b) = (brute(&one, value), brute(&other, value));
                prop_assert_eq!(a.contains(value), in_a);
                prop_assert_eq!(a.or(&b).contains(value), in_a || in_b);
                prop_assert_eq!(a.and(&b).contains(value), in_a && in_b);
                prop_assert_eq!(a.minus(&b).contains(value), in_a && !in_b);
            }
            prop_assert_eq!(a.meets(&b), !a.and(&b).is_empty());
            prop_assert_eq!(a.count(), (0..64).filter(|value| brute(&one, *value)).count() as u128);
            prop_assert_eq!(a.minus(&b).or(&a.and(&b)), a);
        }
    }

    #[test]
    fn the_ends_of_the_axis_are_in_it() {
        let all = Spans::<u128>::all();
        assert!(all.contains(0) && all.contains(u128::MAX));
        assert_eq!(all.minus(&Spans::one(0..=u128::MAX)), Spans::none());
        assert_eq!(all.minus(&Spans::one(5..=u128::MAX)), Spans::one(0..=4));
        assert_eq!(all.count(), u128::MAX, "as many as fit");
    }
}
