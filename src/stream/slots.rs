//! Room for connections, in blocks: one allocation for many, and memory that is used again.

use super::connection::Connection;

/// Connections of a block: some 120 KB, which an allocator still takes from its heap.
const BLOCK: usize = 64;

/// Connections by their places.
#[derive(Debug, Clone)]
pub(super) struct Slots<H> {
    blocks: Vec<Vec<Option<Connection<H>>>>,
    free: Vec<u32>,
    len: usize,
}

impl<H> Slots<H> {
    pub(super) fn new() -> Self {
        Self { blocks: Vec::new(), free: Vec::new(), len: 0 }
    }

    /// Places that were ever taken.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, place: u32) -> Option<&Connection<H>> {
        self.blocks.get(place as usize / BLOCK)?.get(place as usize % BLOCK)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut Connection<H>> {
        self.slot(place)?.as_mut()
    }

    /// Puts a connection at a place that is free.
    pub(super) fn insert(&mut self, connection: Connection<H>) -> u32 {
        if let Some(place) = self.free.pop() {
            if let Some(slot) = self.slot(place) {
                *slot = Some(connection);
            }
            return place;
        }
        if self.len.is_multiple_of(BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        if let Some(block) = self.blocks.last_mut() {
            block.push(Some(connection));
        }
        self.len += 1;
        u32::try_from(self.len - 1).unwrap_or(u32::MAX)
    }

    /// Forgets the connection at a place.
    pub(super) fn remove(&mut self, place: u32) {
        if let Some(slot) = self.slot(place).filter(|slot| slot.is_some()) {
            *slot = None;
            self.free.push(place);
        }
    }

    /// Every connection with its place, in the order of places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Connection<H>)> {
        let slots = (0..).zip(self.blocks.iter().flatten());
        slots.filter_map(|(place, slot)| Some((place, slot.as_ref()?)))
    }

    /// Every connection, in the order of places.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Connection<H>> {
        self.blocks.iter_mut().flatten().flatten()
    }

    /// Whether a place still holds this connection.
    pub(super) fn holds(&self, place: u32, number: u64) -> bool
    where
        H: super::Handler,
    {
        self.get(place).is_some_and(|connection| connection.number == number)
    }

    fn slot(&mut self, place: u32) -> Option<&mut Option<Connection<H>>> {
        self.blocks.get_mut(place as usize / BLOCK)?.get_mut(place as usize % BLOCK)
    }
}
