//! The parts of the segment `__LINKEDIT`, which dyld checks before it uses any of them: each begins at a multiple of its
//! alignment, none overlaps another, and all are inside the segment.

use object::LittleEndian;
use object::macho::{
    LC_CODE_SIGNATURE, LC_DYLD_INFO, LC_DYSYMTAB, LC_SYMTAB, LinkeditDataCommand, LoadCommandType, Nlist64, Relocation,
};
use object::read::macho::LoadCommandVariant;

/// The alignment of a part whose elements have the size of a pointer.
const POINTER: u64 = 8;

/// A part of `__LINKEDIT`.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The load command that describes it.
    pub command: LoadCommandType,
    /// What it is.
    pub name: &'static str,
    /// Where it begins in the file.
    pub start: u64,
    /// How many bytes it has.
    pub size: u64,
    /// A power of two.
    align: u64,
}

impl Part {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.size)
    }
}

/// Returns the parts that a load command describes, without those that have no bytes.
pub fn parts_of(command: &LoadCommandVariant<'_, LittleEndian>) -> Vec<Part> {
    const E: LittleEndian = LittleEndian;
    let entries = |count: u32, size: usize| u64::from(count) * size as u64;
    let part = |command, name, start: u32, size, align| Part { command, name, start: start.into(), size, align };
    let parts = match command {
        LoadCommandVariant::Symtab(table) => vec![
            part(
                LC_SYMTAB,
                "symbol table",
                table.symoff.get(E),
                entries(table.nsyms.get(E), size_of::<Nlist64<LittleEndian>>()),
                POINTER,
            ),
            // Since macOS 27; the strip of Rust's toolchain up to 1.96 does not care for it.
            part(LC_SYMTAB, "string table", table.stroff.get(E), table.strsize.get(E).into(), POINTER),
        ],
        LoadCommandVariant::Dysymtab(table) => {
            let relocation = size_of::<Relocation<LittleEndian>>();
            vec![
                part(
                    LC_DYSYMTAB,
                    "indirect symbol table",
                    table.indirectsymoff.get(E),
                    entries(table.nindirectsyms.get(E), size_of::<u32>()),
                    size_of::<u32>() as u64,
                ),
                part(
                    LC_DYSYMTAB,
                    "external relocations",
                    table.extreloff.get(E),
                    entries(table.nextrel.get(E), relocation),
                    POINTER,
                ),
                part(
                    LC_DYSYMTAB,
                    "local relocations",
                    table.locreloff.get(E),
                    entries(table.nlocrel.get(E), relocation),
                    POINTER,
                ),
            ]
        }
        LoadCommandVariant::DyldInfo(info) => [
            ("rebase opcodes", &info.rebase_off, &info.rebase_size),
            ("bind opcodes", &info.bind_off, &info.bind_size),
            ("weak bind opcodes", &info.weak_bind_off, &info.weak_bind_size),
            ("lazy bind opcodes", &info.lazy_bind_off, &info.lazy_bind_size),
            ("exports trie", &info.export_off, &info.export_size),
        ]
        .map(|(name, start, size)| part(LC_DYLD_INFO, name, start.get(E), size.get(E).into(), POINTER))
        .to_vec(),
        LoadCommandVariant::LinkeditData(data) => vec![linkedit_data(data)],
        _ => Vec::new(),
    };
    parts.into_iter().filter(|part| part.size > 0).collect()
}

fn linkedit_data(data: &LinkeditDataCommand<LittleEndian>) -> Part {
    let command = data.cmd.get(LittleEndian);
    let (name, align) = if command == LC_CODE_SIGNATURE { ("code signature", 16) } else { ("linker's data", POINTER) };
    let (start, size) = (data.dataoff.get(LittleEndian).into(), data.datasize.get(LittleEndian).into());
    Part { command, name, start, size, align }
}

/// Returns what is wrong with the parts of a segment that has this start and size, in a file of `len` bytes.
pub fn layout_problems(parts: &[Part], (start, size): (u64, u64), len: u64) -> Vec<String> {
    let mut found = Vec::new();
    let end = start.saturating_add(size);
    if end != len {
        found.push(format!("has {len} bytes, and its last segment ends at {end}"));
    }
    let mut sorted = parts.to_vec();
    sorted.sort_unstable_by_key(|part| (part.start, part.end()));
    for part in &sorted {
        let Part { name, align, .. } = part;
        if part.start < start || part.end() > end {
            found.push(format!("has its {name} outside of its last segment"));
        }
        if !part.start.is_multiple_of(*align) {
            found.push(format!("has its {name} at {}, which is no multiple of {align}", part.start));
        }
    }
    for (one, next) in sorted.iter().zip(sorted.iter().skip(1)) {
        if one.end() > next.start {
            found.push(format!("has parts that overlap: {} and {}", one.name, next.name));
        }
    }
    found
}
