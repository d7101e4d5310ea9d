//! Small numbers in few bits: the hybrid of runs and packed groups that levels and codes of a dictionary are in.

/// Bits that hold every number up to `largest`; one at least, as not every reader expects none.
pub(super) fn width_of(largest: usize) -> u32 {
    (usize::BITS - largest.leading_zeros()).max(1)
}

/// Appends `values`, each of at most `width` bits: equal neighbours as a run, others packed in groups of eight.
pub(super) fn encode<T: Copy + PartialEq + Into<u32>>(values: &[T], width: u32, out: &mut Vec<u8>) {
    // A run costs some five bytes, with the header of the packed groups after it.
    let pays = (48 / width as usize).next_multiple_of(8).max(8);
    let (mut at, mut packed) = (0, 0);
    while at < values.len() {
        let length = same(&values[at..]);
        if length >= pays || (packed == at && at + length == values.len()) {
            pack_groups(&values[packed..at], width, out);
            run(values[at].into(), length, width, out);
            at += length;
            packed = at;
        } else {
            at = (at + 8).min(values.len());
        }
    }
    pack_groups(&values[packed..], width, out);
}

/// Appends `length` times the same value.
pub(super) fn run(value: u32, length: usize, width: u32, out: &mut Vec<u8>) {
    if length > 0 {
        varint((length as u64) << 1, out);
        out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
    }
}

/// Appends a number, seven bits a byte, the lowest first.
pub(super) fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Appends a number that may be negative, so that small ones are short.
pub(super) fn zigzag(number: i64, out: &mut Vec<u8>) {
    varint(((number << 1) ^ (number >> 63)).cast_unsigned(), out);
}

/// How many values are equal from the first on.
fn same<T: Copy + PartialEq>(values: &[T]) -> usize {
    let first = values[0];
    let mut length = 0;
    for group in values.chunks(8) {
        if group.iter().filter(|value| **value == first).count() < group.len() {
            return length + group.iter().take_while(|value| **value == first).count();
        }
        length += group.len();
    }
    length
}

fn pack_groups<T: Copy + Into<u32>>(values: &[T], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    varint((groups as u64) << 1 | 1, out);
    let bytes = width as usize;
    let mut at = out.len();
    let end = at + groups * bytes;
    // Groups are written as whole words, over the place of the next.
    out.resize(end + 2 * size_of::<u128>(), 0);
    let (whole, rest) = values.as_chunks::<8>();
    let mut last = [0; 8];
    let rest = if rest.is_empty() {
        None
    } else {
        last.iter_mut().zip(rest).for_each(|(into, value)| *into = (*value).into());
        Some(last)
    };
    let all = whole.iter().map(|group| group.map(Into::into)).chain(rest);
    match width {
        0..=8 => all.for_each(|group| {
            let packed = pairs(group, width);
            let packed = (packed[0] | packed[1] << (2 * width)) | (packed[2] | packed[3] << (2 * width)) << (4 * width);
            out[at..at + 8].copy_from_slice(&packed.to_le_bytes());
            at += bytes;
        }),
        9..=16 => all.for_each(|group| {
            let packed = pairs(group, width);
            let [low, high] = [packed[0] | packed[1] << (2 * width), packed[2] | packed[3] << (2 * width)];
            let packed = u128::from(low) | u128::from(high) << (4 * width);
            out[at..at + 16].copy_from_slice(&packed.to_le_bytes());
            at += bytes;
        }),
        _ => all.for_each(|group| {
            let packed = pairs(group, width).map(u128::from);
            let [low, high] = [packed[0] | packed[1] << (2 * width), packed[2] | packed[3] << (2 * width)];
            // Half a group of an odd width ends within a byte, which both halves share.
            let odd = 4 * (width & 1);
            out[at..at + 16].copy_from_slice(&low.to_le_bytes());
            let middle = at + bytes / 2;
            let shared = if odd == 0 { 0 } else { u128::from(out[middle]) };
            out[middle..middle + 16].copy_from_slice(&(high << odd | shared).to_le_bytes());
            at += bytes;
        }),
    }
    out.truncate(end);
}

/// Eight values as four pairs.
fn pairs(group: [u32; 8], width: u32) -> [u64; 4] {
    let (pairs, _) = group.as_chunks::<2>();
    std::array::from_fn(|at| u64::from(pairs[at][0]) | u64::from(pairs[at][1]) << width)
}
