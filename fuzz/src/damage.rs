//! Damage to modules that leaves their framing whole: the section's contents change, and its length follows. What hits the framing
//! itself is found by the fuzzer's own means.

use libfuzzer_sys::fuzzer_mutate;

/// xorshift64*
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n.max(1)
    }
}

const HEADER: usize = 8;

/// A section: its number, and its contents.
type Section = (u8, Vec<u8>);

fn sections(module: &[u8]) -> Option<Vec<Section>> {
    let mut rest = module.get(HEADER..)?;
    let mut all = Vec::new();
    while let Some((&id, behind)) = rest.split_first() {
        let (length, behind) = number(behind)?;
        let contents = behind.get(..length)?;
        all.push((id, contents.to_vec()));
        rest = behind.get(length..)?;
    }
    Some(all)
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (n, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(n + 1..)?));
        }
    }
    None
}

fn put_number(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn assemble(header: &[u8], sections: &[Section]) -> Vec<u8> {
    let mut out = header.to_vec();
    for (id, contents) in sections {
        out.push(*id);
        put_number(&mut out, contents.len());
        out.extend(contents);
    }
    out
}

/// Another `bytes`, by libFuzzer's own mutations.
fn by_fuzzer(bytes: &[u8]) -> Vec<u8> {
    let room = bytes.len() + 64;
    let mut buffer = bytes.to_vec();
    buffer.resize(room, 0);
    let length = fuzzer_mutate(&mut buffer, bytes.len(), room);
    buffer.truncate(length);
    buffer
}

/// Damages a module: mostly inside of one section.
pub fn module(bytes: &[u8], seed: u32) -> Vec<u8> {
    let mut random = Random(u64::from(seed) << 1 | 1);
    let Some(mut sections) = sections(bytes).filter(|sections| !sections.is_empty()) else {
        return by_fuzzer(bytes);
    };
    let n = random.below(sections.len());
    match random.below(16) {
        0 => return by_fuzzer(bytes),
        1 => drop(sections.remove(n)),
        2 => {
            let copy = sections[n].clone();
            sections.insert(random.below(sections.len() + 1), copy);
        }
        3 => {
            let other = random.below(sections.len());
            sections.swap(n, other);
        }
        4 => sections[n].0 = random.below(14) as u8,
        // A subsection of dylink.0 or of names, whose lengths are one level down.
        5..=8 if sections[n].0 == 0 => inside_custom(&mut sections[n].1, &mut random),
        _ => sections[n].1 = by_fuzzer(&sections[n].1),
    }
    assemble(&bytes[..HEADER], &sections)
}

fn inside_custom(contents: &mut Vec<u8>, random: &mut Random) {
    let Some((length, behind)) = number(contents) else {
        return;
    };
    let head = contents.len() - behind.len() + length;
    // Subsections are framed as sections are.
    let framed = [&[0; HEADER][..], contents.get(head..).unwrap_or_default()].concat();
    let Some(mut parts) = sections(&framed).filter(|parts| !parts.is_empty()) else {
        *contents = by_fuzzer(contents);
        return;
    };
    let n = random.below(parts.len());
    match random.below(6) {
        0 => drop(parts.remove(n)),
        1 => parts.push(parts[n].clone()),
        _ => parts[n].1 = by_fuzzer(&parts[n].1),
    }
    contents.truncate(head);
    contents.extend(assemble(&[], &parts));
}

/// Damages one of several modules, or the decisions, or their order.
pub fn modules(bytes: &[u8], seed: u32) -> Vec<u8> {
    let mut random = Random(u64::from(seed) << 1 | 1);
    let (mut decisions, mut files) = wasmdyld::fuzzing::split(bytes);
    if files.is_empty() {
        return by_fuzzer(bytes);
    }
    let (n, other) = (random.below(files.len()), random.below(files.len()));
    match random.below(16) {
        0 => return by_fuzzer(bytes),
        1 | 2 => decisions = by_fuzzer(&decisions),
        3 => drop(files.remove(n)),
        4 => files.push((files[other].0.clone(), files[n].1.clone())),
        5 => files.swap(n, other),
        6 => {
            // A section of one becomes another's.
            let (from, to) = (sections(&files[other].1), sections(&files[n].1));
            if let (Some(from), Some(mut to)) = (from, to)
                && let Some(taken) = from.get(random.below(from.len()))
            {
                match to.iter_mut().find(|section| section.0 == taken.0) {
                    Some(section) => section.1 = taken.1.clone(),
                    None => to.push(taken.clone()),
                }
                files[n].1 = assemble(&files[n].1[..HEADER], &to);
            }
        }
        _ => files[n].1 = module(&files[n].1, random.below(u32::MAX as usize) as u32),
    }
    wasmdyld::fuzzing::join(&decisions, &files)
}

/// Puts a mutated input where libFuzzer wants it.
pub fn put(data: &mut [u8], mutated: &[u8], most: usize) -> usize {
    let length = mutated.len().min(most).min(data.len());
    data[..length].copy_from_slice(&mutated[..length]);
    length
}
