//! The code signature: `osfmk/kern/cs_blobs.h` of XNU. The kernel compares the digest of a page when it is first used, and
//! kills the process if it differs, so a file that was changed after it was signed does not run.

use object::macho::{CS_ADHOC, CS_HASHTYPE_SHA256, CSSLOT_CODEDIRECTORY, CsCodeDirectoryV0};
use object::read::macho::{CodeDirectory, CodeSignature};
use object::{BigEndian, read};
use sha2::{Digest, Sha256};

use crate::parts::Part;

/// The page of Apple silicon, as a power of two. A digest may also be of a smaller page.
const LARGEST_PAGE: u8 = 14;
const SMALLEST_PAGE: u8 = 12;

/// Returns what is wrong with the code signature that a file has there.
pub fn signature_problems(file: &[u8], place: &Part) -> Vec<String> {
    let mut found = Vec::new();
    // What follows the signature is not signed.
    if place.start.checked_add(place.size) != Some(file.len() as u64) {
        found.push("has bytes after its code signature, or lacks a part of it".to_owned());
    }
    let (Ok(start), Ok(size)) = (usize::try_from(place.start), usize::try_from(place.size)) else { return found };
    let signed = file.get(..start);
    let signature = file.get(start..).and_then(|rest| rest.get(..size));
    let (Some(signed), Some(signature)) = (signed, signature) else { return found };
    match read_directory(signature) {
        Ok(Some(directory)) => found.extend(directory_problems(&directory, signed)),
        Ok(None) => found.push("has a code signature without a code directory".to_owned()),
        Err(e) => found.push(format!("has a code signature that cannot be read: {e}")),
    }
    found
}

/// Returns the code directory, if there is one.
fn read_directory(signature: &[u8]) -> read::Result<Option<CodeDirectory<'_>>> {
    let mut directory = None;
    for blob in CodeSignature::parse(signature)?.blobs() {
        let blob = blob?;
        if blob.slot() == CSSLOT_CODEDIRECTORY {
            directory = blob.code_directory()?;
        }
    }
    Ok(directory)
}

fn directory_problems(directory: &CodeDirectory<'_>, signed: &[u8]) -> Vec<String> {
    let CsCodeDirectoryV0 { hash_size, hash_type, page_size, .. } = *directory.header();
    let mut found = Vec::new();
    if directory.header().flags.get(BigEndian).0 & CS_ADHOC.0 == 0 {
        found.push("is not signed ad hoc, and its certificate is not checked here".to_owned());
    }
    if directory.code_limit() != signed.len() as u64 {
        let covered = directory.code_limit();
        found.push(format!("has a code signature of {covered} bytes; {} come before it", signed.len()));
    }
    if hash_type != CS_HASHTYPE_SHA256 || usize::from(hash_size) != <Sha256 as Digest>::output_size() {
        found.push("has a code signature without SHA-256".to_owned());
        return found;
    }
    if !(SMALLEST_PAGE..=LARGEST_PAGE).contains(&page_size) {
        found.push(format!("has a code signature of pages of 2^{page_size} bytes"));
        return found;
    }
    let pages = signed.chunks(1 << page_size);
    if pages.len() as u64 != u64::from(directory.header().n_code_slots.get(BigEndian)) {
        found.push(format!(
            "has a code signature of {} pages; it has {}",
            directory.header().n_code_slots.get(BigEndian),
            pages.len()
        ));
        return found;
    }
    for (page, bytes) in (0_u32..).zip(pages) {
        match directory.code_hash(page) {
            Ok(hash) if hash == Sha256::digest(bytes).as_slice() => {}
            Ok(_) => found.push(format!("was changed after it was signed, in page {page}")),
            Err(e) => found.push(format!("has a code signature that cannot be read: {e}")),
        }
    }
    found
}
