//! A Mach-O file as a whole: `<mach-o/loader.h>`.

use object::macho::{
    CPU_TYPE_ARM64, CpuType, LC_CODE_SIGNATURE, MH_BUNDLE, MH_DYLIB, MH_EXECUTE, MachHeader64, PLATFORM_MACOS,
    SEG_LINKEDIT, Version,
};
use object::read::macho::{LoadCommandVariant, MachHeader as _, Segment as _};
use object::{LittleEndian, read};

use crate::parts::{Part, layout_problems, parts_of};
use crate::signature::signature_problems;

/// What a binary must be built for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The processor.
    pub cpu: CpuType,
    /// The oldest macOS that must load it.
    pub oldest: Version,
}

/// What the load commands tell.
#[derive(Debug, Default)]
struct Commands {
    /// The file's range of `__LINKEDIT`, the last segment.
    linkedit: Option<(u64, u64)>,
    /// What is in that segment.
    parts: Vec<Part>,
    has_symbols: bool,
    has_dynamic_symbols: bool,
    oldest: Option<Version>,
}

/// Returns why macOS would not load a file, or not everywhere; nothing if it would.
pub fn problems(file: &[u8], wanted: Wanted) -> Vec<String> {
    let header = match MachHeader64::<LittleEndian>::parse(file, 0) {
        Ok(header) if !header.is_big_endian() => header,
        _ => return vec!["is no Mach-O file of 64 bits".to_owned()],
    };
    let mut found = Vec::new();
    if header.cputype(LittleEndian) != wanted.cpu {
        found.push("is built for another processor".to_owned());
    }
    if ![MH_EXECUTE, MH_DYLIB, MH_BUNDLE].contains(&header.filetype(LittleEndian)) {
        found.push("is neither a program nor a library".to_owned());
    }
    let commands = match read_commands(header, file) {
        Ok(commands) => commands,
        Err(e) => {
            found.push(format!("has a load command that cannot be read: {e}"));
            return found;
        }
    };
    check_commands(&commands, file, wanted, &mut found);
    found
}

fn read_commands(header: &MachHeader64<LittleEndian>, file: &[u8]) -> read::Result<Commands> {
    let mut commands = Commands::default();
    for command in header.load_commands(LittleEndian, file, 0)? {
        let variant = command?.variant()?;
        match &variant {
            LoadCommandVariant::Segment64(segment, _) if segment.name() == SEG_LINKEDIT.as_bytes() => {
                commands.linkedit = Some(segment.file_range(LittleEndian));
            }
            LoadCommandVariant::Symtab(_) => commands.has_symbols = true,
            LoadCommandVariant::Dysymtab(_) => commands.has_dynamic_symbols = true,
            LoadCommandVariant::BuildVersion(version, _) if version.platform.get(LittleEndian) == PLATFORM_MACOS => {
                commands.oldest = Some(version.minos.get(LittleEndian));
            }
            LoadCommandVariant::VersionMin(version) => commands.oldest = Some(version.version.get(LittleEndian)),
            _ => {}
        }
        commands.parts.extend(parts_of(&variant));
    }
    Ok(commands)
}

fn check_commands(commands: &Commands, file: &[u8], wanted: Wanted, found: &mut Vec<String>) {
    match commands.oldest {
        None => found.push("does not say which macOS it needs".to_owned()),
        Some(oldest) if oldest > wanted.oldest => {
            found.push(format!("needs macOS {}; it may need {}", text(oldest), text(wanted.oldest)));
        }
        Some(_) => {}
    }
    // The dyld of macOS 10.15 refuses a file without them.
    for (has, name) in [(commands.has_symbols, "LC_SYMTAB"), (commands.has_dynamic_symbols, "LC_DYSYMTAB")] {
        if !has {
            found.push(format!("has no {name}"));
        }
    }
    match commands.linkedit {
        None => found.push(format!("has no segment {SEG_LINKEDIT}")),
        Some(linkedit) => found.extend(layout_problems(&commands.parts, linkedit, file.len() as u64)),
    }
    let signatures: Vec<_> = commands.parts.iter().filter(|part| part.command == LC_CODE_SIGNATURE).collect();
    match signatures.as_slice() {
        [signature] => found.extend(signature_problems(file, signature)),
        // Intel's macOS loads files without one.
        [] if wanted.cpu != CPU_TYPE_ARM64 => {}
        [] => found.push("has no code signature, without which Apple silicon kills its process".to_owned()),
        _ => found.push("has several code signatures".to_owned()),
    }
}

fn text(version: Version) -> String {
    format!("{}.{}", version.major(), version.minor())
}
