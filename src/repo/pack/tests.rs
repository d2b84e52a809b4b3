//! Packs made by hand: what git would never write.

use std::path::Path;

use super::{Reader, Store};
use crate::repo::objects::{ObjectError, ObjectId};

/// An entry of a pack made by hand: its id, all of its bytes.
type Made = (ObjectId, Vec<u8>);

const COMMIT: u8 = 1;
const BLOB: u8 = 3;
const TAG: u8 = 4;
const BEFORE: u8 = 6;
const FROM: u8 = 7;

fn id(number: u8) -> ObjectId {
    ObjectId::from_bytes(&[number; 20]).unwrap()
}

/// zlib data that stores its bytes as they are.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let len = bytes.len() as u16;
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    let mut out = vec![0x78, 0x01, 0x01];
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&(!len).to_le_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(&(high << 16 | low).to_be_bytes());
    out
}

fn entry(form: u8, size: u64, base: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![form << 4 | (size & 0x0f) as u8];
    let mut rest = size >> 4;
    while rest > 0 {
        *out.last_mut().unwrap() |= 0x80;
        out.push((rest & 0x7f) as u8);
        rest >>= 7;
    }
    out.extend_from_slice(base);
    out.extend(packed(bytes));
    out
}

fn whole(number: u8, form: u8, bytes: &[u8]) -> Made {
    (id(number), entry(form, bytes.len() as u64, &[], bytes))
}

fn from(number: u8, base: u8, delta: &[u8]) -> Made {
    (id(number), entry(FROM, delta.len() as u64, &[base; 20], delta))
}

/// Writes a pack of these entries with its index; the last bytes of both only have to be the same.
fn write(objects: &Path, name: &str, entries: &[Made]) {
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    let mut places = Vec::new();
    for (id, bytes) in entries {
        places.push((*id, pack.len() as u32));
        pack.extend_from_slice(bytes);
    }
    let mark = [name.len() as u8; 20];
    pack.extend_from_slice(&mark);
    places.sort();
    let mut index = b"\xfftOc\0\0\0\x02".to_vec();
    for first in 0..=255_u8 {
        let count = places.iter().filter(|(id, _)| id.as_bytes()[0] <= first).count() as u32;
        index.extend_from_slice(&count.to_be_bytes());
    }
    places.iter().for_each(|(id, _)| index.extend_from_slice(id.as_bytes()));
    places.iter().for_each(|_| index.extend_from_slice(&[0; 4]));
    places.iter().for_each(|(_, offset)| index.extend_from_slice(&offset.to_be_bytes()));
    index.extend_from_slice(&mark);
    index.extend_from_slice(&[0; 20]);
    std::fs::create_dir_all(objects.join("pack")).unwrap();
    std::fs::write(objects.join(format!("pack/pack-{name}.pack")), pack).unwrap();
    std::fs::write(objects.join(format!("pack/pack-{name}.idx")), index).unwrap();
}

fn with<T>(entries: &[Made], look: impl FnOnce(&mut Reader<'_>) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", entries);
    let store = Store::open(folder.path(), 20);
    look(&mut store.reader())
}

/// What reading the object with this number gives: its bytes, nothing, or an error.
fn read(reader: &mut Reader<'_>, number: u8) -> Result<Option<Vec<u8>>, ObjectError> {
    reader.read(id(number)).map(|found| found.map(|(_, bytes)| bytes.to_vec()))
}

/// Whether it is an error that says this.
fn says(found: Result<Option<Vec<u8>>, ObjectError>, what: &str) -> bool {
    matches!(found, Err(ObjectError::Damaged { why, .. }) if why.contains(what))
}

#[test]
fn a_base_may_lie_behind_what_is_made_from_it() {
    let entries =
        [from(1, 2, &[5, 3, 0x91, 1, 3]), from(2, 3, &[2, 5, 0x90, 2, 3, b'l', b'l', b'o']), whole(3, BLOB, b"he")];
    with(&entries, |reader| {
        assert_eq!(read(reader, 1).unwrap().unwrap(), b"ell");
        assert_eq!(read(reader, 2).unwrap().unwrap(), b"hello");
        assert_eq!(read(reader, 4).unwrap(), None);
    });
}

#[test]
fn a_circle_of_bases_is_damage_and_ends() {
    let one = [0x01, 1, 0x90, 1];
    let circle: Vec<Made> = (0..100).map(|n| from(n, if n == 99 { 40 } else { n + 1 }, &one)).collect();
    with(&circle, |reader| {
        for number in 0..100 {
            assert!(says(read(reader, number), "its own base"), "{number}");
        }
    });
    with(&[from(7, 7, &one)], |reader| assert!(says(read(reader, 7), "its own base")));
}

#[test]
fn a_base_before_the_pack_is_damage() {
    let before = |distance: &[u8]| (id(1), entry(BEFORE, 4, distance, &[1, 1, 0x90, 1]));
    for distance in
        [&[0][..], &[13], &[0xff, 0x7f], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]]
    {
        with(&[before(distance)], |reader| assert!(read(reader, 1).is_err(), "{distance:?}"));
    }
    // The header is no entry either: `P` is a form that there is not.
    with(&[before(&[12])], |reader| assert!(says(read(reader, 1), "unknown form")));
}

#[test]
fn another_size_than_said_is_damage() {
    for size in [4, 6] {
        with(&[(id(1), entry(BLOB, size, &[], b"hello"))], |reader| {
            assert!(says(read(reader, 1), "another size"), "{size}");
        });
    }
}

#[test]
fn what_others_may_be_able_to_read_is_left_to_them() {
    let left = [
        whole(1, TAG, b"a tag"),
        from(2, 9, &[5, 1, 0x90, 1]),
        (id(3), entry(BLOB, 1 << 40, &[], b"short")),
        (id(4), entry(BLOB, u64::MAX, &[], b"short")),
        // It copies the same byte until it is 4 GB.
        from(5, 6, &[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x90, 1]),
        whole(6, BLOB, b"x"),
    ];
    with(&left, |reader| {
        for number in 1..6 {
            assert_eq!(read(reader, number).unwrap(), None, "{number}");
        }
        assert_eq!(read(reader, 6).unwrap().unwrap(), b"x");
    });
}

#[test]
fn what_is_made_from_a_tag_is_left_to_others() {
    let entries = [whole(1, TAG, b"hello"), from(2, 1, &[5, 1, 0x90, 1])];
    with(&entries, |reader| assert_eq!(read(reader, 2).unwrap(), None));
}

#[test]
fn a_damaged_copy_gives_way_to_a_good_one() {
    let folder = tempfile::tempdir().unwrap();
    let bad = |number| (id(number), entry(BLOB, 4, &[], b"hello"));
    write(folder.path(), "a", &[bad(1), bad(2)]);
    write(folder.path(), "bb", &[whole(1, BLOB, b"hello")]);
    let store = Store::open(folder.path(), 20);
    let mut reader = store.reader();
    assert_eq!(read(&mut reader, 1).unwrap().unwrap(), b"hello");
    assert!(says(read(&mut reader, 2), "another size"));
    let place = reader.place(id(1)).unwrap();
    assert_eq!(*reader.read_at(id(1), place).unwrap().unwrap().1, b"hello");
}

#[test]
fn a_long_chain_is_followed_without_recursion() {
    let mut entries = vec![whole(0, COMMIT, &[b'x'; 60_000])];
    let id_of = |n: u32| {
        let mut bytes = [9; 20];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        ObjectId::from_bytes(&bytes).unwrap()
    };
    let copy = [0xe0, 0xd4, 0x03, 0xe0, 0xd4, 0x03, 0xb0, 0x60, 0xea];
    let mut base = id(0);
    for n in 1..=4095 {
        let next = id_of(n);
        entries.push((next, entry(FROM, copy.len() as u64, base.as_bytes(), &copy)));
        base = next;
    }
    with(&entries, |reader| assert_eq!(reader.read(base).unwrap().unwrap().1.len(), 60_000));
}

#[test]
fn an_index_of_another_pack_or_shape_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let open = |folder: &Path| Store::open(folder, 20).reader().place(id(1));
    write(folder.path(), "one", &[whole(1, BLOB, b"hello")]);
    assert!(open(folder.path()).is_some());
    let path = |kind: &str| folder.path().join(format!("pack/pack-one.{kind}"));
    let (index, pack) = (std::fs::read(path("idx")).unwrap(), std::fs::read(path("pack")).unwrap());
    let change = |bytes: &[u8], at: usize, to: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = to;
        bytes
    };
    // Magic bytes, version, fan-out out of order, more objects than there are, another pack's checksum.
    for (at, to) in [(0, 0), (7, 1), (8, 1), (1028, 1), (index.len() - 21, 0)] {
        std::fs::write(path("idx"), change(&index, at, to)).unwrap();
        assert_eq!(open(folder.path()), None, "{at}");
    }
    for len in 0..index.len() {
        std::fs::write(path("idx"), &index[..len]).unwrap();
        assert_eq!(open(folder.path()), None, "{len}");
    }
    std::fs::write(path("idx"), &index).unwrap();
    for (at, to) in [(0, 0), (7, 4), (11, 2), (pack.len() - 1, 0)] {
        std::fs::write(path("pack"), change(&pack, at, to)).unwrap();
        assert_eq!(open(folder.path()), None, "{at}");
    }
    for len in 0..pack.len() {
        std::fs::write(path("pack"), &pack[..len]).unwrap();
        assert_eq!(open(folder.path()), None, "{len}");
    }
}

#[test]
fn names_are_found_however_they_are_spread() {
    // All in one corner of their range, where a guess by their size is always wrong.
    let name = |n: u32| {
        let mut bytes = [0xff; 20];
        bytes[16..].copy_from_slice(&(n * 3).to_be_bytes());
        ObjectId::from_bytes(&bytes).unwrap()
    };
    let entries: Vec<Made> = (0..5000).map(|n| (name(n), entry(BLOB, 4, &[], &n.to_be_bytes()))).collect();
    with(&entries, |reader| {
        for n in 0..5000_u32 {
            assert_eq!(*reader.read(name(n)).unwrap().unwrap().1, n.to_be_bytes(), "{n}");
            let mut beside = name(n).as_bytes().to_vec();
            *beside.last_mut().unwrap() ^= 0x80;
            let beside = ObjectId::from_bytes(&beside).unwrap();
            assert_eq!(reader.place(beside).is_some(), entries.iter().any(|(id, _)| *id == beside), "{n}");
        }
    });
}
