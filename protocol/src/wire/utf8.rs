//! Whether bytes are UTF-8. Most text on the wire is ASCII and short, where the standard library's check takes longer
//! than all the other fields of a message together: it is made for long text.

/// Whether these bytes are UTF-8.
pub(super) fn is_utf8(bytes: &[u8]) -> bool {
    is_ascii(bytes) || core::str::from_utf8(bytes).is_ok()
}

/// Whether no byte has its highest bit. A piece from each end, which may overlap, so that no byte is looked at alone and
/// a usual line of chat needs no loop: what a loop costs before its first pass is more than the line.
#[inline(always)]
pub(super) fn is_ascii(bytes: &[u8]) -> bool {
    let seen = match bytes.len() {
        129.. => {
            let (chunks, _) = bytes.as_chunks::<64>();
            let last = bytes.last_chunk().map_or(0, together::<64>);
            chunks
                .iter()
                .fold(last, |seen, chunk| seen | together(chunk))
        }
        64.. => ends::<64>(bytes),
        32.. => ends::<32>(bytes),
        16.. => ends::<16>(bytes),
        8.. => ends::<8>(bytes),
        _ => bytes.iter().fold(0, |seen, byte| seen | u64::from(*byte)),
    };
    seen & 0x8080_8080_8080_8080 == 0
}

/// Every bit that is set in the first or the last `N` bytes.
#[inline(always)]
fn ends<const N: usize>(bytes: &[u8]) -> u64 {
    let first = bytes.first_chunk().map_or(0, together::<N>);
    first | bytes.last_chunk().map_or(0, together::<N>)
}

/// Every bit that is set in a word of eight bytes.
#[inline(always)]
fn together<const N: usize>(chunk: &[u8; N]) -> u64 {
    let (words, _) = chunk.as_chunks::<8>();
    words
        .iter()
        .fold(0, |seen, word| seen | u64::from_ne_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::{is_ascii, is_utf8};

    /// Each length on both sides of each branch, each place of one byte that is not ASCII.
    #[test]
    fn one_byte_is_seen_wherever_it_is() {
        for length in 0..300 {
            let with = |odd| -> alloc::vec::Vec<u8> {
                let byte = |at| if Some(at) == odd { 0x80 } else { b'a' };
                (0..length).map(byte).collect()
            };
            let bytes = with(None);
            assert!(is_ascii(&bytes) && is_utf8(&bytes), "{length} bytes");
            for at in 0..length {
                let bytes = with(Some(at));
                assert!(!is_ascii(&bytes) && !is_utf8(&bytes), "{at} of {length}");
            }
        }
        assert!(is_utf8("überall, 五 and 🎈".as_bytes()));
    }
}
