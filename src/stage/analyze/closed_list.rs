//! A closed list of words: an enum and its words, in order.

/// Declares an enum whose variants are words of a published column, with `ALL`, `word` and `code`.
macro_rules! closed_list {
    ($(#[$about:meta])* $visible:vis $name:ident { $($(#[$meaning:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        $visible enum $name {
            $($(#[$meaning])* $variant,)*
        }

        #[allow(dead_code, reason = "not every list is read in both directions")]
        impl $name {
            /// Every one, in order.
            $visible const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As it is written.
            #[must_use]
            $visible const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// Its position in the list: what stands for it where rows are grouped.
            $visible const fn code(self) -> u32 {
                self as u32
            }
        }
    };
}

pub(crate) use closed_list;
