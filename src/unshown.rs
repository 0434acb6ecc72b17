//! Bytes of the wire that debug output tells nothing of but how many they are: a password may be among them.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// What is held of the wire, or looked at.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Unshown<T>(pub(crate) T);

impl<T: AsRef<[u8]>> fmt::Debug for Unshown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.as_ref().len())
    }
}

impl<T> Deref for Unshown<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Unshown<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
