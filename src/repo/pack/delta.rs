//! Objects that are written as differences from another one: parts copied from it, and new bytes between them.

use super::fault::Fault;

const OUT_OF_BOUNDS: Fault = Fault::Damaged("it copies what its base does not have");
const CUT_SHORT: Fault = Fault::Damaged("its difference ends early");
const OTHER_SIZE: Fault = Fault::Damaged("its difference makes another size than it says");
/// What is reserved at once for a size that nothing but the difference itself vouches for.
const RESERVED: usize = 1 << 20;

/// Makes an object from its base.
///
/// # Errors
/// When the difference was made for a base of another size, copies what is not there, or makes another size than it
/// says. [`Fault::Elsewhere`] for what has more than `most` bytes.
pub(super) fn apply(base: &[u8], mut delta: &[u8], most: usize) -> Result<Vec<u8>, Fault> {
    if size(&mut delta)? != base.len() as u64 {
        return Err(Fault::Damaged("its difference was made for another base"));
    }
    let size = size(&mut delta)?;
    if size > most as u64 {
        return Err(Fault::Elsewhere);
    }
    let size = size as usize;
    let mut made = Vec::with_capacity(size.min(RESERVED));
    while let Some((&op, rest)) = delta.split_first() {
        delta = rest;
        let part = if op & 0x80 != 0 {
            let from = number(&mut delta, op & 0x0f)?;
            let len = match number(&mut delta, (op >> 4) & 0x07)? {
                0 => 0x1_0000,
                len => len,
            };
            base.get(from..).and_then(|rest| rest.get(..len)).ok_or(OUT_OF_BOUNDS)?
        } else if op != 0 {
            let (new, rest) = delta.split_at_checked(usize::from(op)).ok_or(CUT_SHORT)?;
            delta = rest;
            new
        } else {
            return Err(Fault::Damaged("its difference has an unknown part"));
        };
        if part.len() > size - made.len() {
            return Err(OTHER_SIZE);
        }
        made.extend_from_slice(part);
    }
    if made.len() == size { Ok(made) } else { Err(OTHER_SIZE) }
}

/// A size at the start of a difference: seven bits a byte, the lowest first.
fn size(delta: &mut &[u8]) -> Result<u64, Fault> {
    let (mut size, mut shift) = (0, 0);
    loop {
        let (&byte, rest) = delta.split_first().ok_or(CUT_SHORT)?;
        *delta = rest;
        if shift > 56 {
            return Err(OTHER_SIZE);
        }
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Ok(size);
        }
    }
}

/// A number of which only the bytes that `present` names are written, the lowest first.
fn number(delta: &mut &[u8], mut present: u8) -> Result<usize, Fault> {
    let (mut number, mut shift) = (0_usize, 0);
    while present != 0 {
        if present & 1 != 0 {
            let (&byte, rest) = delta.split_first().ok_or(CUT_SHORT)?;
            *delta = rest;
            number |= usize::from(byte) << shift;
        }
        present >>= 1;
        shift += 8;
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::pack::inflate::LARGEST;

    #[test]
    fn parts_are_copied_and_put_in() {
        let delta = [5, 7, 0x91, 1, 3, 2, b'x', b'y', 0x90, 2];
        assert_eq!(apply(b"hello", &delta, LARGEST).unwrap(), b"ellxyhe");
    }

    #[test]
    fn a_copy_without_a_length_is_64_kilobytes() {
        let base = vec![7; 0x1_0000];
        assert_eq!(apply(&base, &[0x80, 0x80, 4, 0x80, 0x80, 4, 0x80], LARGEST).unwrap(), base);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let wrong: [&[u8]; 9] = [
            &[],
            &[5],
            &[4, 1, 0x90, 1],
            &[5, 2, 0x90, 1],
            &[5, 1, 0x90, 2],
            &[5, 3, 0x91, 3, 3],
            &[5, 1, 0],
            &[5, 2, 2, b'x'],
            &[0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 1, 0x90, 1],
        ];
        for delta in wrong {
            assert!(matches!(apply(b"hello", delta, LARGEST), Err(Fault::Damaged(_))), "{delta:?}");
        }
    }

    #[test]
    fn a_result_beyond_the_limit_is_left_to_others() {
        let delta = [5, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x90, 1];
        assert!(matches!(apply(b"hello", &delta, LARGEST), Err(Fault::Elsewhere)));
        let delta = [5, 3, 0x90, 3];
        assert!(matches!(apply(b"hello", &delta, 2), Err(Fault::Elsewhere)));
        assert_eq!(apply(b"hello", &delta, 3).unwrap(), b"hel");
    }
}
