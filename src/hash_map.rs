//! Maps and sets by hash, with little code for each type of keys and values.
//!
//! A table of places is the same for all of them; keys and values are in a list, in the order in which they came (a removal puts the last one in the place
//! of what goes). Rust's own maps have all of their code once for each type, which in the linker's module for JavaScript is more than the linker has
//! for planning. Hashes are seeded, each map by itself: keys come from guests.

use std::borrow::Borrow;
use std::fmt::{self, Debug, Formatter};
use std::hash::{BuildHasher, Hash};
use std::ops::Index;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Where things are in a list, by their hashes.
#[derive(Clone, Default)]
struct Places(HashTable<Place>);

#[derive(Clone, Copy)]
struct Place {
    hash: u32,
    position: u32,
}

/// The table takes the bits at one end for where it begins to look, and those at the other to tell things apart.
fn spread(hash: u32) -> u64 {
    (u64::from(hash) << 32) | u64::from(hash)
}

// None of these is for one type of keys, and so none is inlined into what is.
impl Places {
    #[inline(never)]
    fn find(&self, hash: u32, same: &dyn Fn(usize) -> bool) -> Option<usize> {
        let is = |place: &Place| place.hash == hash && same(place.position as usize);
        let found = self.0.find(spread(hash), is)?;
        Some(found.position as usize)
    }

    /// `position`: there is nothing of its key, and it is below 2^32.
    #[inline(never)]
    fn add(&mut self, hash: u32, position: usize) {
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        let place = Place { hash, position };
        self.0
            .insert_unique(spread(hash), place, |place| spread(place.hash));
    }

    /// Takes a position out, and gives it to what was last in the list, of the other hash.
    #[inline(never)]
    fn swap_remove(&mut self, hash: u32, position: usize, last: usize, last_hash: u32) {
        let at = |wanted: usize| move |place: &Place| place.position as usize == wanted;
        if let Ok(gone) = self.0.find_entry(spread(hash), at(position)) {
            gone.remove();
        }
        if let Some(moved) = self.0.find_mut(spread(last_hash), at(last)) {
            moved.position = u32::try_from(position).unwrap_or(u32::MAX);
        }
    }

    #[inline(never)]
    fn reserve(&mut self, more: usize) {
        self.0.reserve(more, |place| spread(place.hash));
    }

    #[inline(never)]
    fn clear(&mut self) {
        self.0.clear();
    }
}

#[derive(Clone)]
struct Item<K, V> {
    hash: u32,
    key: K,
    value: V,
}

/// See the [module](self).
#[derive(Clone)]
pub struct HashMap<K, V> {
    places: Places,
    items: Vec<Item<K, V>>,
    hasher: RandomState,
}

impl<K, V> Default for HashMap<K, V> {
    fn default() -> Self {
        HashMap {
            places: Places::default(),
            items: Vec::new(),
            hasher: RandomState::default(),
        }
    }
}

impl<K, V> HashMap<K, V> {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with_capacity(count: usize) -> Self {
        let mut map = Self::default();
        map.reserve(count);
        map
    }

    pub fn reserve(&mut self, more: usize) {
        self.places.reserve(more);
        self.items.reserve(more);
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn clear(&mut self) {
        self.places.clear();
        self.items.clear();
    }

    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter(self.items.iter())
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.items
            .iter_mut()
            .map(|item| (&item.key, &mut item.value))
    }

    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> + Clone {
        self.items.iter().map(|item| &item.key)
    }

    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> + Clone {
        self.items.iter().map(|item| &item.value)
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.items.iter_mut().map(|item| &mut item.value)
    }

    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.items.into_iter().map(|item| item.value)
    }

    pub fn drain(&mut self) -> impl Iterator<Item = (K, V)> + '_ {
        self.places.clear();
        self.items.drain(..).map(|item| (item.key, item.value))
    }

    pub fn retain(&mut self, mut stays: impl FnMut(&K, &mut V) -> bool) {
        self.items
            .retain_mut(|item| stays(&item.key, &mut item.value));
        self.places.clear();
        for (position, item) in self.items.iter().enumerate() {
            self.places.add(item.hash, position);
        }
    }
}

impl<K: Hash + Eq, V> HashMap<K, V> {
    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u32 {
        let hash = self.hasher.hash_one(key);
        // Both halves are as good as each other.
        (hash ^ (hash >> 32)) as u32
    }

    fn find<Q: Eq + ?Sized>(&self, hash: u32, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
    {
        let items = self.items.as_slice();
        let same = |position: usize| match items.get(position) {
            Some(item) => item.key.borrow() == key,
            None => false,
        };
        self.places.find(hash, &same)
    }

    fn position<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
    {
        if self.items.is_empty() {
            return None;
        }
        self.find(self.hash(key), key)
    }

    pub fn contains_key<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.position(key).is_some()
    }

    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let item = self.items.get(self.position(key)?)?;
        Some(&item.value)
    }

    pub fn get_key_value<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let item = self.items.get(self.position(key)?)?;
        Some((&item.key, &item.value))
    }

    pub fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let position = self.position(key)?;
        let item = self.items.get_mut(position)?;
        Some(&mut item.value)
    }

    /// Gives what was there of the key, which stays as it is.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = self.hash(&key);
        let position = self.find(hash, &key);
        match position.and_then(|position| self.items.get_mut(position)) {
            Some(item) => Some(std::mem::replace(&mut item.value, value)),
            None => {
                self.push(hash, key, value);
                None
            }
        }
    }

    /// Adds what is not there.
    fn push(&mut self, hash: u32, key: K, value: V) -> &mut V {
        self.places.add(hash, self.items.len());
        let item = Item { hash, key, value };
        &mut self.items.push_mut(item).value
    }

    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let position = self.position(key)?;
        let last = self.items.len().checked_sub(1)?;
        let (hash, last_hash) = (self.items.get(position)?.hash, self.items.get(last)?.hash);
        self.places.swap_remove(hash, position, last, last_hash);
        Some(self.items.swap_remove(position).value)
    }

    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        let hash = self.hash(&key);
        match self.find(hash, &key) {
            Some(position) => Entry::Occupied(OccupiedEntry {
                items: &mut self.items,
                position,
            }),
            None => Entry::Vacant(VacantEntry {
                map: self,
                hash,
                key,
            }),
        }
    }
}

/// A place in a map, for a key.
pub enum Entry<'a, K, V> {
    Occupied(OccupiedEntry<'a, K, V>),
    Vacant(VacantEntry<'a, K, V>),
}

pub struct OccupiedEntry<'a, K, V> {
    items: &'a mut Vec<Item<K, V>>,
    /// Of an item that is there.
    position: usize,
}

pub struct VacantEntry<'a, K, V> {
    map: &'a mut HashMap<K, V>,
    hash: u32,
    key: K,
}

impl<'a, K: Hash + Eq, V> Entry<'a, K, V> {
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        self.or_insert_with_key(|_| make())
    }

    pub fn or_insert_with_key(self, make: impl FnOnce(&K) -> V) -> &'a mut V {
        match self {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => {
                let value = make(&place.key);
                place.insert(value)
            }
        }
    }
}

impl<'a, K, V> OccupiedEntry<'a, K, V> {
    pub fn into_mut(self) -> &'a mut V {
        &mut self.items[self.position].value
    }
}

impl<'a, K: Hash + Eq, V> VacantEntry<'a, K, V> {
    pub fn insert(self, value: V) -> &'a mut V {
        self.map.push(self.hash, self.key, value)
    }
}

impl<K: Debug, V: Debug> Debug for HashMap<K, V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<K: Hash + Eq, V: PartialEq> PartialEq for HashMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .iter()
                .all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<K: Hash + Eq, V: Eq> Eq for HashMap<K, V> {}

impl<K: Hash + Eq, V> Extend<(K, V)> for HashMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, items: I) {
        for (key, value) in items {
            self.insert(key, value);
        }
    }
}

impl<K: Hash + Eq, V> FromIterator<(K, V)> for HashMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(items: I) -> Self {
        let mut map = HashMap::default();
        map.extend(items);
        map
    }
}

impl<K: Hash + Eq, V, const N: usize> From<[(K, V); N]> for HashMap<K, V> {
    fn from(items: [(K, V); N]) -> Self {
        HashMap::from_iter(items)
    }
}

impl<K: Borrow<Q> + Hash + Eq, Q: Hash + Eq + ?Sized, V> Index<&Q> for HashMap<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("the map has the key")
    }
}

/// What is in a map, in order.
pub struct Iter<'a, K, V>(std::slice::Iter<'a, Item<K, V>>);

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Iter(self.0.clone())
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.0.next()?;
        Some((&item.key, &item.value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}

impl<'a, K, V> IntoIterator for &'a HashMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// All of what was in a map, in order.
pub struct IntoIter<K, V>(std::vec::IntoIter<Item<K, V>>);

impl<K, V> Iterator for IntoIter<K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.0.next()?;
        Some((item.key, item.value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<K, V> IntoIterator for HashMap<K, V> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> Self::IntoIter {
        IntoIter(self.items.into_iter())
    }
}

/// See the [module](self).
#[derive(Clone)]
pub struct HashSet<T>(HashMap<T, ()>);

impl<T> Default for HashSet<T> {
    fn default() -> Self {
        HashSet(HashMap::default())
    }
}

impl<T> HashSet<T> {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with_capacity(count: usize) -> Self {
        HashSet(HashMap::with_capacity(count))
    }

    pub fn reserve(&mut self, more: usize) {
        self.0.reserve(more);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn iter(&self) -> SetIter<'_, T> {
        SetIter(self.0.iter())
    }

    pub fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        self.0.drain().map(|(item, ())| item)
    }

    pub fn retain(&mut self, mut stays: impl FnMut(&T) -> bool) {
        self.0.retain(|item, ()| stays(item));
    }
}

impl<T: Hash + Eq> HashSet<T> {
    pub fn contains<Q: Hash + Eq + ?Sized>(&self, item: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.0.contains_key(item)
    }

    pub fn get<Q: Hash + Eq + ?Sized>(&self, item: &Q) -> Option<&T>
    where
        T: Borrow<Q>,
    {
        Some(self.0.get_key_value(item)?.0)
    }

    /// Whether it was not there.
    pub fn insert(&mut self, item: T) -> bool {
        self.0.insert(item, ()).is_none()
    }

    /// Whether it was there.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, item: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.0.remove(item).is_some()
    }

    pub fn is_disjoint(&self, other: &HashSet<T>) -> bool {
        self.iter().all(|item| !other.contains(item))
    }
}

impl<T: Debug> Debug for HashSet<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

impl<T: Hash + Eq> PartialEq for HashSet<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Hash + Eq> Eq for HashSet<T> {}

impl<T: Hash + Eq> Extend<T> for HashSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            self.insert(item);
        }
    }
}

impl<'a, T: Hash + Eq + Copy + 'a> Extend<&'a T> for HashSet<T> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, items: I) {
        self.extend(items.into_iter().copied());
    }
}

impl<T: Hash + Eq> FromIterator<T> for HashSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut set = HashSet::default();
        set.extend(items);
        set
    }
}

impl<T: Hash + Eq, const N: usize> From<[T; N]> for HashSet<T> {
    fn from(items: [T; N]) -> Self {
        HashSet::from_iter(items)
    }
}

/// What is in a set, in order.
pub struct SetIter<'a, T>(Iter<'a, T, ()>);

impl<T> Clone for SetIter<'_, T> {
    fn clone(&self) -> Self {
        SetIter(self.0.clone())
    }
}

impl<'a, T> Iterator for SetIter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        Some(self.0.next()?.0)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T> ExactSizeIterator for SetIter<'_, T> {}

impl<'a, T> IntoIterator for &'a HashSet<T> {
    type Item = &'a T;
    type IntoIter = SetIter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// All of what was in a set, in order.
pub struct SetIntoIter<T>(IntoIter<T, ()>);

impl<T> Iterator for SetIntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        Some(self.0.next()?.0)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T> IntoIterator for HashSet<T> {
    type Item = T;
    type IntoIter = SetIntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        SetIntoIter(self.0.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap as Std;

    /// Random calls, of a map of theirs and of ours.
    #[test]
    fn does_what_rusts_own_does() {
        let (mut ours, mut theirs) = (HashMap::<u64, u64>::new(), Std::<u64, u64>::new());
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        for step in 0..40_000u64 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let key = state % 300;
            match (state >> 40) % 9 {
                0..=2 => assert_eq!(ours.insert(key, step), theirs.insert(key, step)),
                3 | 4 => assert_eq!(ours.remove(&key), theirs.remove(&key)),
                5 => assert_eq!(
                    *ours.entry(key).or_insert(step),
                    *theirs.entry(key).or_insert(step)
                ),
                6 if step % 400 == 0 => {
                    ours.retain(|key, value| (key ^ *value) % 3 != 0);
                    theirs.retain(|key, value| (key ^ *value) % 3 != 0);
                }
                7 if step % 4000 == 0 => {
                    let (mut here, mut there): (Vec<_>, Vec<_>) =
                        (ours.drain().collect(), theirs.drain().collect());
                    here.sort_unstable();
                    there.sort_unstable();
                    assert_eq!(here, there);
                }
                _ => {
                    assert_eq!(ours.get(&key), theirs.get(&key));
                    assert_eq!(ours.contains_key(&key), theirs.contains_key(&key));
                }
            }
            assert_eq!(ours.len(), theirs.len());
            if step % 500 == 0 {
                let mut here: Vec<_> = ours.iter().map(|(k, v)| (*k, *v)).collect();
                let mut there: Vec<_> = theirs.iter().map(|(k, v)| (*k, *v)).collect();
                here.sort_unstable();
                there.sort_unstable();
                assert_eq!(here, there);
                assert_eq!(ours, here.into_iter().collect());
            }
        }
    }

    #[test]
    fn things_come_in_the_order_in_which_they_were_added() {
        let mut set: HashSet<String> = ["c", "a", "b", "a"].map(String::from).into();
        assert_eq!(set.iter().collect::<Vec<_>>(), ["c", "a", "b"]);
        assert!(set.remove("c") && !set.remove("c"));
        assert_eq!(set.get("a"), Some(&"a".to_string()));
        assert!(!set.insert("b".into()) && set.insert("d".into()));
        assert_eq!(set.into_iter().collect::<Vec<_>>(), ["b", "a", "d"]);
    }
}
