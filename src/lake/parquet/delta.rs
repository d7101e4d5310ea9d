//! Numbers as differences to the one before.

use super::runs::{varint, zigzag};

/// Differences that share their least, and of these the quarter that shares a width.
const BLOCK: usize = 128;
const MINIBLOCK: usize = 32;

/// Appends `values`, read by `number`, as differences, packed (`DELTA_BINARY_PACKED`).
pub(super) fn encode<T: Copy>(values: &[T], number: impl Fn(T) -> i64, out: &mut Vec<u8>) {
    varint(BLOCK as u64, out);
    varint((BLOCK / MINIBLOCK) as u64, out);
    varint(values.len() as u64, out);
    let Some((&first, rest)) = values.split_first() else { return zigzag(0, out) };
    let mut before = number(first);
    zigzag(before, out);
    let mut differences = [0_i64; BLOCK];
    for block in rest.chunks(BLOCK) {
        let differences = &mut differences[..block.len()];
        for (difference, &value) in differences.iter_mut().zip(block) {
            let value = number(value);
            *difference = value.wrapping_sub(before);
            before = value;
        }
        let least = differences.iter().copied().fold(i64::MAX, i64::min);
        zigzag(least, out);
        let widths = out.len();
        out.extend_from_slice(&[0; BLOCK / MINIBLOCK]);
        for (quarter, miniblock) in differences.chunks(MINIBLOCK).enumerate() {
            let mut above = [0_u64; MINIBLOCK];
            for (above, &difference) in above.iter_mut().zip(miniblock) {
                *above = difference.wrapping_sub(least).cast_unsigned();
            }
            let width = u64::BITS - above.iter().fold(0, |all, above| all | above).leading_zeros();
            out[widths + quarter] = width.to_le_bytes()[0];
            pack(&above, width, out);
        }
    }
}

/// Appends thirty-two numbers, each in `width` bits.
fn pack(values: &[u64; MINIBLOCK], width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let (mut word, mut filled) = (0_u64, 0);
    let mut bytes = [0_u8; MINIBLOCK * size_of::<u64>()];
    let mut at = 0;
    for &value in values {
        word |= value << filled;
        filled += width;
        if filled >= u64::BITS {
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
            at += 8;
            filled -= u64::BITS;
            word = if filled == 0 { 0 } else { value >> (width - filled) };
        }
    }
    // Of an odd width, the last four bytes fill half a word.
    if filled > 0 {
        bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&bytes[..MINIBLOCK / 8 * width as usize]);
}
