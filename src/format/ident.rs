//! Names that are checked once, where they are made: deal ids, stage ids and field paths.

use std::fmt;
use std::sync::Arc;

/// The longest id in bytes.
pub const MAX_ID_LEN: usize = 100;

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id: use 1 to 100 of a-z, 0-9, `.`, `_` and `-`, and begin with a letter or a digit")]
pub struct BadId(pub String);

/// Whether a text is an id: `^[a-z0-9][a-z0-9._-]{0,99}$`.
pub fn is_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    !bytes.is_empty()
        && bytes.len() <= MAX_ID_LEN
        && plain(&bytes[0])
        && bytes.iter().all(|b| plain(b) || matches!(b, b'.' | b'_' | b'-'))
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and makes an id of it.
            ///
            /// # Errors
            /// When the text is not an id by [`is_id`].
            pub fn new(text: &str) -> Result<Self, BadId> {
                if is_id(text) { Ok($name(text.into())) } else { Err(BadId(text.to_owned())) }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }
    };
}

id_type! {
    /// The id of a deal: its file's stem. It stays when the deal moves.
    DealId
}
id_type! {
    /// The id of a stage or an end: the name of its folder.
    StageId
}
id_type! {
    /// The id of a criterion, unique in its pipeline.
    CriterionId
}
