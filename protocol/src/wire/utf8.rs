//! Whether bytes are UTF-8. Most text on the wire is ASCII and short, where the standard library's check takes longer
//! than all the other fields of a message together: it is made for long text.

/// Whether these bytes are UTF-8.
pub(super) fn is_utf8(bytes: &[u8]) -> bool {
    is_ascii(bytes) || core::str::from_utf8(bytes).is_ok()
}

/// Whether no byte has its highest bit. Chunks in order, and the last chunk from the end, where it may overlap, so that
/// no byte is looked at alone.
#[inline(always)]
pub(super) fn is_ascii(bytes: &[u8]) -> bool {
    let seen = if let Some(last) = bytes.last_chunk::<32>() {
        let [mut a, mut b, mut c, mut d] = words(last);
        let mut rest = bytes;
        while let Some((chunk, after)) = rest.split_first_chunk::<32>() {
            let [e, f, g, h] = words(chunk);
            [a, b, c, d] = [a | e, b | f, c | g, d | h];
            rest = after;
        }
        a | b | c | d
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>())
    {
        let both = u128::from_ne_bytes(*first) | u128::from_ne_bytes(*last);
        both as u64 | (both >> 64) as u64
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        u64::from(u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last))
    } else {
        bytes.iter().fold(0, |seen, byte| seen | u64::from(*byte))
    };
    seen & 0x8080_8080_8080_8080 == 0
}

#[inline(always)]
fn words(chunk: &[u8; 32]) -> [u64; 4] {
    let word = |at: usize| {
        let word = chunk.get(at..).and_then(|rest| rest.first_chunk::<8>());
        word.map_or(0, |word| u64::from_ne_bytes(*word))
    };
    [word(0), word(8), word(16), word(24)]
}

#[cfg(test)]
mod tests {
    use super::{is_ascii, is_utf8};

    /// Each length on both sides of each branch, each place of one byte that is not ASCII.
    #[test]
    fn one_byte_is_seen_wherever_it_is() {
        for length in 0..100 {
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
