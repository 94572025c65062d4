//! Each test changes one thing in a sound file.

use object::macho::{
    BuildVersionCommand, CS_ADHOC, CS_HASHTYPE_SHA256, CSMAGIC_CODEDIRECTORY, CSMAGIC_EMBEDDED_SIGNATURE,
    CSSLOT_CODEDIRECTORY, CsBlobIndex, CsCodeDirectoryV0, CsSuperBlob, CsVersion, DysymtabCommand, LC_BUILD_VERSION,
    LC_CODE_SIGNATURE, LC_DYSYMTAB, LC_SEGMENT_64, LC_SYMTAB, LinkeditDataCommand, MH_DYLIB, MH_MAGIC_64, MachHeader64,
    PLATFORM_MACOS, SegmentCommand64, SegmentFlags, SymtabCommand, VmProt,
};
use object::pod::{Pod, bytes_of};
use object::{BigEndian as B, LittleEndian as L, U32, U64};
use sha2::{Digest as _, Sha256};

use super::*;

/// The parts of a sound file: what its load commands say, and its digests.
struct Plan {
    cpu: object::macho::CpuType,
    oldest: Version,
    strings_at: u32,
    indirect_at: u32,
    has_dynamic_symbols: bool,
    is_signed: bool,
    flags: object::macho::CsFlags,
    /// How many bytes the digests are said to cover, beside those that come before them.
    uncovered: u32,
    /// How many digests are missing.
    missing: u32,
}

const WANTED: Wanted = Wanted { cpu: CPU_TYPE_ARM64, oldest: Version(11 << 16) };

const START: u32 = 0x1000;
const SYMBOLS: u32 = 1;
const STRINGS: u32 = 40;
/// Two pages and a bit are signed.
const SIGNATURE: u32 = 0x2010;
const PAGE: u32 = 12;

impl Default for Plan {
    fn default() -> Self {
        Self {
            cpu: CPU_TYPE_ARM64,
            oldest: WANTED.oldest,
            strings_at: START + 24,
            indirect_at: START + 16,
            has_dynamic_symbols: true,
            is_signed: true,
            flags: CS_ADHOC,
            uncovered: 0,
            missing: 0,
        }
    }
}

fn le(value: u32) -> U32<L> {
    U32::new(L, value)
}

fn be(value: u32) -> U32<B> {
    U32::new(B, value)
}

fn size<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap()
}

impl Plan {
    fn directory(&self, signed: &[u8]) -> Vec<u8> {
        let hashes: Vec<_> = signed.chunks(1 << PAGE).map(Sha256::digest).collect();
        let count = u32::try_from(hashes.len()).unwrap() - self.missing;
        let header = size::<CsCodeDirectoryV0>();
        let mut bytes = bytes_of(&CsCodeDirectoryV0 {
            magic: be(CSMAGIC_CODEDIRECTORY),
            length: be(header + count * 32),
            version: U32::new(B, CsVersion(0x20000)),
            flags: U32::new(B, self.flags),
            hash_offset: be(header),
            ident_offset: be(0),
            n_special_slots: be(0),
            n_code_slots: be(count),
            code_limit: be(SIGNATURE - self.uncovered),
            hash_size: 32,
            hash_type: CS_HASHTYPE_SHA256,
            platform: 0,
            page_size: PAGE.try_into().unwrap(),
            spare2: be(0),
        })
        .to_vec();
        bytes.extend(hashes.iter().take(count as usize).flatten());
        bytes
    }

    fn signature(&self, signed: &[u8]) -> Vec<u8> {
        let directory = self.directory(signed);
        let at = size::<CsSuperBlob>() + size::<CsBlobIndex>();
        let length = at + u32::try_from(directory.len()).unwrap();
        let header = CsSuperBlob { magic: be(CSMAGIC_EMBEDDED_SIGNATURE), length: be(length), count: be(1) };
        let index = CsBlobIndex { slot: U32::new(B, CSSLOT_CODEDIRECTORY), offset: be(at) };
        [bytes_of(&header), bytes_of(&index), &directory].concat()
    }

    /// Returns the load commands, each as bytes.
    fn commands(&self, signature: u32) -> Vec<Vec<u8>> {
        fn bytes<T: Pod>(command: &T) -> Vec<u8> {
            bytes_of(command).to_vec()
        }
        let end = if self.is_signed { SIGNATURE + signature } else { SIGNATURE };
        let mut segname = [0; 16];
        segname[..10].copy_from_slice(b"__LINKEDIT");
        let linkedit = SegmentCommand64::<L> {
            cmd: U32::new(L, LC_SEGMENT_64),
            cmdsize: le(size::<SegmentCommand64<L>>()),
            segname,
            vmaddr: U64::new(L, START.into()),
            vmsize: U64::new(L, 0x4000),
            fileoff: U64::new(L, START.into()),
            filesize: U64::new(L, (end - START).into()),
            maxprot: U32::new(L, VmProt(1)),
            initprot: U32::new(L, VmProt(1)),
            nsects: le(0),
            flags: U32::new(L, SegmentFlags(0)),
        };
        let version = BuildVersionCommand::<L> {
            cmd: U32::new(L, LC_BUILD_VERSION),
            cmdsize: le(size::<BuildVersionCommand<L>>()),
            platform: U32::new(L, PLATFORM_MACOS),
            minos: U32::new(L, self.oldest),
            sdk: U32::new(L, self.oldest),
            ntools: le(0),
        };
        let symbols = SymtabCommand::<L> {
            cmd: U32::new(L, LC_SYMTAB),
            cmdsize: le(size::<SymtabCommand<L>>()),
            symoff: le(START),
            nsyms: le(SYMBOLS),
            stroff: le(self.strings_at),
            strsize: le(STRINGS),
        };
        let mut all = vec![bytes(&linkedit), bytes(&version), bytes(&symbols)];
        if self.has_dynamic_symbols {
            all.push(bytes(&self.dynamic_symbols()));
        }
        if self.is_signed {
            all.push(bytes(&LinkeditDataCommand::<L> {
                cmd: U32::new(L, LC_CODE_SIGNATURE),
                cmdsize: le(size::<LinkeditDataCommand<L>>()),
                dataoff: le(SIGNATURE),
                datasize: le(signature),
            }));
        }
        all
    }

    fn dynamic_symbols(&self) -> DysymtabCommand<L> {
        let zeros = [0_u8; size_of::<DysymtabCommand<L>>()];
        let mut table = *object::pod::from_bytes::<DysymtabCommand<L>>(&zeros).unwrap().0;
        (table.cmd, table.cmdsize) = (U32::new(L, LC_DYSYMTAB), le(size::<DysymtabCommand<L>>()));
        (table.indirectsymoff, table.nindirectsyms) = (le(self.indirect_at), le(1));
        table
    }

    fn file(&self) -> Vec<u8> {
        let length = u32::try_from(self.signature(&[0; SIGNATURE as usize]).len()).unwrap();
        let commands = self.commands(length);
        let header = MachHeader64::<L> {
            magic: be(MH_MAGIC_64.swap_bytes()),
            cputype: U32::new(L, self.cpu),
            cpusubtype: U32::new(L, object::macho::CpuSubtype(0)),
            filetype: U32::new(L, MH_DYLIB),
            ncmds: le(commands.len().try_into().unwrap()),
            sizeofcmds: le(commands.iter().map(Vec::len).sum::<usize>().try_into().unwrap()),
            flags: U32::new(L, object::macho::FileFlags(0)),
            reserved: le(0),
        };
        let mut file = bytes_of(&header).to_vec();
        file.extend(commands.into_iter().flatten());
        file.resize(SIGNATURE as usize, 7);
        if self.is_signed {
            file.extend(self.signature(&file));
        }
        file
    }

    fn problems(&self) -> Vec<String> {
        problems(&self.file(), WANTED)
    }
}

/// Checks that there is one problem, and that it says `expected`.
fn assert_one(found: &[String], expected: &str) {
    assert!(matches!(found, [one] if one.contains(expected)), "{expected}: {found:?}");
}

#[test]
fn a_sound_file_has_no_problem() {
    assert_eq!(Plan::default().problems(), Vec::<String>::new());
    let older = Plan { oldest: Version(10 << 16 | 15 << 8), ..Plan::default() };
    assert_eq!(older.problems(), Vec::<String>::new());
}

#[test]
fn a_string_table_between_multiples_of_eight_is_refused() {
    // As the strip of Rust 1.96 leaves it behind an odd number of indirect symbols.
    let plan = Plan { strings_at: START + 20, ..Plan::default() };
    assert_one(&plan.problems(), "string table at 4116, which is no multiple of 8");
}

#[test]
fn parts_that_overlap_or_leave_their_segment_are_refused() {
    let plan = Plan { strings_at: START + 8, ..Plan::default() };
    assert!(plan.problems().iter().any(|problem| problem.contains("overlap: symbol table and string table")));
    assert_one(&Plan { strings_at: 8, ..Plan::default() }.problems(), "string table outside of its last segment");
    let plan = Plan { indirect_at: u32::MAX - 3, ..Plan::default() };
    assert!(plan.problems().iter().any(|problem| problem.contains("indirect symbol table outside")));
}

#[test]
fn a_file_for_a_newer_macos_or_another_processor_is_refused() {
    assert_one(&Plan { oldest: Version(12 << 16), ..Plan::default() }.problems(), "needs macOS 12.0; it may need 11.0");
    assert_one(&Plan { cpu: CPU_TYPE_X86_64, ..Plan::default() }.problems(), "another processor");
}

#[test]
fn a_file_without_the_tables_of_macos_10_15_is_refused() {
    assert_one(&Plan { has_dynamic_symbols: false, ..Plan::default() }.problems(), "has no LC_DYSYMTAB");
}

#[test]
fn only_files_for_intel_may_lack_a_signature() {
    let plan = Plan { is_signed: false, ..Plan::default() };
    assert_one(&plan.problems(), "no code signature");
    let intel = Wanted { cpu: CPU_TYPE_X86_64, ..WANTED };
    assert_eq!(problems(&Plan { cpu: CPU_TYPE_X86_64, ..plan }.file(), intel), Vec::<String>::new());
}

#[test]
fn a_byte_that_changed_after_the_signature_is_found_in_its_page() {
    let sound = Plan::default().file();
    for at in [0x800, START + 0x800, SIGNATURE - 1] {
        let mut file = sound.clone();
        file[at as usize] ^= 1;
        assert_one(&problems(&file, WANTED), &format!("changed after it was signed, in page {}", at >> PAGE));
    }
}

#[test]
fn a_signature_that_does_not_cover_the_file_or_is_not_its_end_is_refused() {
    assert_one(&Plan { uncovered: 16, ..Plan::default() }.problems(), "code signature of 8192 bytes; 8208 come before");
    assert_one(&Plan { missing: 1, ..Plan::default() }.problems(), "signature of 2 pages; it has 3");
    let mut longer = Plan::default().file();
    longer.push(0);
    assert!(problems(&longer, WANTED).iter().any(|problem| problem.contains("bytes after its code signature")));
}

#[test]
fn a_signature_by_a_certificate_is_refused() {
    assert_one(&Plan { flags: object::macho::CsFlags(0), ..Plan::default() }.problems(), "not signed ad hoc");
}

#[test]
fn a_file_that_ends_anywhere_has_a_problem() {
    let sound = Plan::default().file();
    for end in (0..sound.len()).step_by(97) {
        assert!(!problems(&sound[..end], WANTED).is_empty(), "{end} bytes");
    }
}

#[test]
fn any_byte_before_the_signature_counts_and_any_of_the_signature_does_no_harm() {
    let sound = Plan::default().file();
    let commands = size::<MachHeader64<L>>() + u32::try_from(Plan::default().commands(0).concat().len()).unwrap();
    let mut file = sound.clone();
    for at in (0..commands).chain(SIGNATURE..u32::try_from(sound.len()).unwrap()) {
        let at = at as usize;
        for value in [0, 0x7f, 0x80, 0xff] {
            file[at] = value;
            let found = problems(&file, WANTED);
            assert!(at >= SIGNATURE as usize || value == sound[at] || !found.is_empty(), "byte {at} is {value:#x}");
        }
        file[at] = sound[at];
    }
}
