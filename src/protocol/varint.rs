//! Variable-length integers of QUIC (RFC 9000, section 16): the two highest bits of the first byte
//! say how many bytes follow, so values go to 2^62 - 1.

/// Reads an integer from the front of `bytes`: its value and how many bytes it took, or `None` when
/// they end too soon.
pub fn read_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let size = 1_usize << (first >> 6);
    let rest = bytes.get(1..size)?;
    let value = rest.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte));
    Some((value, size))
}

/// Bytes that [`write_varint`] takes for `value`: 1, 2, 4 or 8.
pub const fn varint_size(value: u64) -> usize {
    match value {
        0..=0x3f => 1,
        0x40..=0x3fff => 2,
        0x4000..=0x3fff_ffff => 4,
        _ => 8,
    }
}

/// Appends `value` in its shortest form. Values above 2^62 - 1 have no form; their two highest bits
/// are cut off.
pub fn write_varint(value: u64, out: &mut Vec<u8>) {
    let size = varint_size(value);
    let tag = size.trailing_zeros() as u8;
    let start = out.len();
    out.extend_from_slice(&value.to_be_bytes()[8 - size..]);
    out[start] = (out[start] & 0x3f) | tag << 6;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_examples_of_rfc_9000_appendix_a1() {
        let long = [0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c];
        assert_eq!(read_varint(&long), Some((151_288_809_941_952_652, 8)));
        assert_eq!(read_varint(&[0x9d, 0x7f, 0x3e, 0x7d]), Some((494_878_333, 4)));
        assert_eq!(read_varint(&[0x7b, 0xbd]), Some((15_293, 2)));
        assert_eq!(read_varint(&[0x25]), Some((37, 1)));
        assert_eq!(read_varint(&[0x40, 0x25]), Some((37, 2)));
        assert_eq!(read_varint(&[]), None);
        assert_eq!(read_varint(&[0x9d, 0x7f]), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in 0..1_u64 << 62) {
            let mut bytes = Vec::new();
            write_varint(value, &mut bytes);
            prop_assert_eq!(bytes.len(), varint_size(value));
            prop_assert_eq!(read_varint(&bytes), Some((value, bytes.len())));
        }
    }
}
