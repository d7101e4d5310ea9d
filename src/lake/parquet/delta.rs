//! Numbers as differences to the one before, and texts as what they do not share with the one before.

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

/// Bytes of each text that the one before it begins with too.
pub(super) fn shared(texts: &[&[u8]], shared: &mut Vec<u32>) {
    shared.clear();
    let mut before: &[u8] = &[];
    shared.extend(texts.iter().map(|&text| {
        let length = common(before, text);
        before = text;
        u32::try_from(length).expect("a text has less than 2^32 bytes")
    }));
}

/// Appends `texts`, each without the bytes it shares with the one before (`DELTA_BYTE_ARRAY`).
pub(super) fn encode_ends(texts: &[&[u8]], shared: &[u32], lengths: &mut Vec<u32>, out: &mut Vec<u8>) {
    encode(shared, i64::from, out);
    let end = |(text, &shared): (&&[u8], &u32)| text.len() - shared as usize;
    encode_lengths(texts.iter().zip(shared).map(end), lengths, out);
    texts.iter().zip(shared).for_each(|(text, &shared)| out.extend_from_slice(&text[shared as usize..]));
}

/// Appends `texts`, their lengths first (`DELTA_LENGTH_BYTE_ARRAY`).
pub(super) fn encode_texts(texts: &[&[u8]], lengths: &mut Vec<u32>, out: &mut Vec<u8>) {
    encode_lengths(texts.iter().map(|text| text.len()), lengths, out);
    texts.iter().for_each(|text| out.extend_from_slice(text));
}

fn encode_lengths(of: impl Iterator<Item = usize>, lengths: &mut Vec<u32>, out: &mut Vec<u8>) {
    lengths.clear();
    lengths.extend(of.map(|length| u32::try_from(length).expect("a text has less than 2^32 bytes")));
    encode(lengths, i64::from, out);
    out.reserve(lengths.iter().map(|&length| length as usize).sum());
}

/// How many first bytes are equal.
fn common(left: &[u8], right: &[u8]) -> usize {
    let length = left.len().min(right.len());
    let (left, right) = (&left[..length], &right[..length]);
    let ((lefts, _), (rights, _)) = (left.as_chunks::<8>(), right.as_chunks::<8>());
    for (number, (left, right)) in lefts.iter().zip(rights).enumerate() {
        let differing = u64::from_le_bytes(*left) ^ u64::from_le_bytes(*right);
        if differing != 0 {
            return number * 8 + differing.trailing_zeros() as usize / 8;
        }
    }
    let whole = lefts.len() * 8;
    whole + left[whole..].iter().zip(&right[whole..]).take_while(|(left, right)| left == right).count()
}
