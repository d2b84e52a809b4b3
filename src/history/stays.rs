//! Visits in little room. Fifty thousand deals make a quarter of a million visits, and whoever goes through all of them
//! mostly waits for memory: five or six bytes each are read faster than fifty.
//!
//! For each deal by its number there is the number of its visits, then the visits. One that begins where and when the one
//! before ended says so in a bit; times are differences to the time before.

use std::collections::BTreeMap;

use super::bytes::{In, Out};
use super::event::ValidAt;
use super::spell::Stay;

/// It is over.
const LEFT: u8 = 1;
/// It is known where the deal went.
const LED: u8 = 1 << 1;
/// Its true beginning is not known.
const CENSORED: u8 = 1 << 2;
/// It began where and when the one before ended.
const FOLLOWS: u8 = 1 << 3;

/// So many deals lie between two places at which reading can begin.
const STRIDE: u32 = 512;

/// Visits, by deal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stays {
    pub(super) bytes: Vec<u8>,
    /// Where the deals 0, 512, 1024 … begin.
    pub(super) marks: Vec<usize>,
    /// One more than the highest number of a deal.
    pub(super) deals: u32,
    /// How many visits there are.
    pub(super) count: usize,
}

impl Stays {
    /// Puts down the visits of the next deal.
    pub(super) fn push(&mut self, stays: &[Stay]) {
        if self.deals.is_multiple_of(STRIDE) {
            self.marks.push(self.bytes.len());
        }
        let mut out = Out(std::mem::take(&mut self.bytes));
        put(&mut out, stays);
        self.bytes = out.0;
        self.deals += 1;
        self.count += stays.len();
    }

    /// Visits that are sorted by deal.
    pub(super) fn of(sorted: &[Stay]) -> Stays {
        let mut stays = Stays::default();
        for own in sorted.chunk_by(|a, b| a.deal == b.deal) {
            let Some(first) = own.first() else { continue };
            while stays.deals < first.deal {
                stays.push(&[]);
            }
            stays.push(own);
        }
        stays
    }

    /// Gives the visits of the deals of these numbers, in rising order, one deal after the other.
    pub(super) fn of_deals(&self, numbers: &[u32], mut each: impl FnMut(&[Stay])) {
        for wanted in numbers.chunk_by(|a, b| a / STRIDE == b / STRIDE) {
            let Some(stride) = wanted.first().map(|number| (number / STRIDE) as usize) else { continue };
            let Some(part) = self.stride(stride) else { continue };
            part.each_deal(|own| {
                if own.first().is_some_and(|stay| wanted.binary_search(&stay.deal).is_ok()) {
                    each(own);
                }
            });
        }
    }

    /// These visits, with others of some deals in place of their own.
    pub(super) fn with(&self, changed: &BTreeMap<u32, Vec<Stay>>) -> Stays {
        let deals = self.deals.max(changed.last_key_value().map_or(0, |(deal, _)| deal + 1));
        let mut all = Stays { bytes: Vec::with_capacity(self.bytes.len() + 1024), ..Stays::default() };
        for stride in 0..deals.div_ceil(STRIDE) {
            let (first, at) = (stride * STRIDE, stride as usize);
            let after = deals.min(first + STRIDE);
            let part = self.stride(at);
            let is_whole = part.as_ref().is_some_and(|part| part.deals.end == after);
            if let Some(part) = part.as_ref().filter(|_| is_whole && changed.range(first..after).next().is_none()) {
                all.marks.push(all.bytes.len());
                let end = self.marks.get(at + 1).zip(self.marks.get(at)).map(|(end, start)| end - start);
                all.bytes.extend_from_slice(part.bytes.get(..end.unwrap_or(part.bytes.len())).unwrap_or_default());
                all.deals = after;
                continue;
            }
            let mut own: BTreeMap<u32, Vec<Stay>> = BTreeMap::new();
            if let Some(part) = part {
                part.each_deal(|stays| {
                    own.extend(stays.first().map(|stay| (stay.deal, stays.to_vec())));
                });
            }
            for deal in first..after {
                let stays = changed.get(&deal).or_else(|| own.get(&deal));
                all.push(stays.map_or(&[], Vec::as_slice));
            }
        }
        let count = |stays: &Vec<Stay>| stays.len();
        let mut before = 0;
        self.of_deals(&changed.keys().copied().collect::<Vec<_>>(), |own| before += own.len());
        all.count = (self.count + changed.values().map(count).sum::<usize>()).saturating_sub(before);
        all
    }

    fn stride(&self, at: usize) -> Option<Part<'_>> {
        let first = at as u32 * STRIDE;
        let bytes = self.bytes.get(*self.marks.get(at)?..)?;
        Some(Part { bytes, deals: first..first.saturating_add(STRIDE).min(self.deals) })
    }

    /// The visits in about so many parts, none where there are none.
    pub(super) fn parts(&self, count: usize) -> Vec<Part<'_>> {
        let strides = self.marks.len().div_ceil(count.max(1)).max(1);
        let starts = (0..self.marks.len()).step_by(strides);
        let part = |at: usize| {
            let first = at as u32 * STRIDE;
            let bytes = self.bytes.get(*self.marks.get(at)?..)?;
            let after = first.saturating_add(strides as u32 * STRIDE).min(self.deals);
            Some(Part { bytes, deals: first..after })
        };
        starts.filter_map(part).collect()
    }
}

fn put(out: &mut Out, stays: &[Stay]) {
    out.count(stays.len());
    let (mut before, mut leads) = (0, None);
    for stay in stays {
        let follows = leads == Some((stay.stage, stay.entered));
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        out.0.push(
            flag(stay.left.is_some(), LEFT)
                | flag(stay.to.is_some(), LED)
                | flag(stay.left_censored, CENSORED)
                | flag(follows, FOLLOWS),
        );
        if !follows {
            out.number(u64::from(stay.stage));
            out.signed(stay.entered.0.wrapping_sub(before));
        }
        before = stay.entered.0;
        if let Some(left) = stay.left {
            out.signed(left.0.wrapping_sub(before));
            before = left.0;
        }
        if let Some(to) = stay.to {
            out.number(u64::from(to));
        }
        leads = stay.to.zip(stay.left);
    }
}

/// The visits of deals whose numbers follow each other.
#[derive(Clone, Debug)]
pub struct Part<'s> {
    bytes: &'s [u8],
    deals: std::ops::Range<u32>,
}

impl Part<'_> {
    /// Gives the visits of one deal after the other, each in the order in which they happened. Deals that have none are
    /// left out.
    pub fn each_deal(&self, mut each: impl FnMut(&[Stay])) {
        let mut input = In::new(self.bytes, 0);
        let mut own = Vec::new();
        for deal in self.deals.clone() {
            own.clear();
            // Bytes that were not written by `put` end here.
            if take(&mut input, deal, &mut own).is_none() {
                return;
            }
            if !own.is_empty() {
                each(&own);
            }
        }
    }
}

fn take(input: &mut In, deal: u32, own: &mut Vec<Stay>) -> Option<()> {
    let (mut before, mut leads) = (0_i64, None);
    for _ in 0..input.count(2)? {
        let flags = input.byte()?;
        let (stage, entered) =
            if flags & FOLLOWS != 0 { leads? } else { (input.small()?, ValidAt(before.wrapping_add(input.signed()?))) };
        before = entered.0;
        let mut left = None;
        if flags & LEFT != 0 {
            before = before.wrapping_add(input.signed()?);
            left = Some(ValidAt(before));
        }
        let to = if flags & LED != 0 { Some(input.small()?) } else { None };
        leads = to.zip(left);
        own.push(Stay { deal, stage, to, entered, left, left_censored: flags & CENSORED != 0 });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times() -> impl Strategy<Value = i64> {
        prop_oneof![1_700_000_000_i64..1_800_000_000, any::<i64>()]
    }

    fn sorted(mut stays: Vec<Stay>) -> Vec<Stay> {
        stays.sort_by_key(|stay| stay.deal);
        stays
    }

    fn any_stay() -> impl Strategy<Value = Stay> {
        let links = (0..40_u32, proptest::option::of(0..40_u32));
        (0..1_500_u32, links, times(), proptest::option::of(times()), any::<bool>()).prop_map(
            |(deal, (stage, to), entered, left, left_censored)| Stay {
                deal,
                stage,
                to,
                entered: ValidAt(entered),
                left: left.map(ValidAt),
                left_censored,
            },
        )
    }

    fn all(stays: &Stays, parts: usize) -> Vec<Stay> {
        let mut found = Vec::new();
        for part in stays.parts(parts) {
            part.each_deal(|own| found.extend_from_slice(own));
        }
        found
    }

    proptest! {
        #[test]
        fn what_was_put_down_is_read_again_in_any_number_of_parts(
            mut stays in proptest::collection::vec(any_stay(), 0..60),
            follow in any::<bool>(),
        ) {
            stays.sort_by_key(|stay| stay.deal);
            if follow {
                for at in 1..stays.len() {
                    let before = stays[at - 1];
                    if let (Some(to), Some(left)) = (before.to, before.left) {
                        (stays[at].stage, stays[at].entered) = (to, left);
                    }
                }
            }
            let packed = Stays::of(&stays);
            prop_assert_eq!(packed.count, stays.len());
            for parts in [0, 1, 2, 3, 100] {
                prop_assert_eq!(&all(&packed, parts), &stays);
            }
        }

        #[test]
        fn other_visits_of_some_deals_are_put_in_the_place_of_their_own(
            stays in proptest::collection::vec(any_stay(), 0..60).prop_map(sorted),
            other in proptest::collection::vec(any_stay(), 0..8).prop_map(sorted),
        ) {
            let changed: BTreeMap<u32, Vec<Stay>> =
                other.chunk_by(|a, b| a.deal == b.deal).map(|own| (own[0].deal, own.to_vec())).collect();
            let left = stays.iter().filter(|stay| !changed.contains_key(&stay.deal)).copied();
            let expected = sorted(left.chain(other.iter().copied()).collect());
            let (packed, again) = (Stays::of(&stays).with(&changed), Stays::of(&expected));
            prop_assert_eq!(&all(&packed, 1), &expected);
            prop_assert_eq!(packed, again);
            let numbers: Vec<u32> = changed.keys().copied().collect();
            let mut found = Vec::new();
            Stays::of(&expected).of_deals(&numbers, |own| found.extend_from_slice(own));
            prop_assert_eq!(found, other);
        }

        #[test]
        fn bytes_that_mean_nothing_are_read_without_harm(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            deals in 0..2_000_u32,
        ) {
            let stays = Stays { marks: vec![0, bytes.len() / 2, 10_000], bytes, deals, count: 7 };
            all(&stays, 2);
        }
    }
}
