//! Single slots that Rust and TypeScript both read and write: `test/list/vectors.test.ts` runs the same file through the
//! fast path. Columns: name, format, code, data, kind, value, and whether writing the value makes exactly these bytes.

use super::*;

const VECTORS: &str = include_str!("../../../tests/golden/slots.tsv");

struct Vector<'a> {
    name: &'a str,
    bytes: Vec<u8>,
    kind: &'a str,
    value: &'a str,
    is_made: bool,
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn vectors() -> Vec<Vector<'static>> {
    let read = |line: &'static str| {
        let [name, format, code, data, kind, value, makes] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line:?} has not seven columns")
        };
        let data = hex(data);
        let word = |number: usize| u64::try_from(number).unwrap().to_le_bytes();
        let mut formats = [0; WORD];
        formats[..format.len()].copy_from_slice(format.as_bytes());
        let bytes = [&word(1)[..], &word(0), &word(data.len()), &data, &formats, &[code.parse().unwrap()]].concat();
        Vector { name, bytes, kind, value, is_made: makes == "yes" }
    };
    VECTORS.lines().map(read).collect()
}

/// Calls `f` with the value of a vector; with `None` for one that cannot be read.
fn with_value(vector: &Vector<'_>, f: impl FnOnce(Option<Value<'_>>)) {
    let bytes = if matches!(vector.kind, "float" | "str" | "bytes") { hex(vector.value) } else { Vec::new() };
    f(match vector.kind {
        "int" => Some(Value::Int(vector.value.parse().unwrap())),
        "float" => Some(Value::Float(f64::from_le_bytes(bytes.try_into().unwrap()))),
        "bool" => Some(Value::Bool(vector.value == "true")),
        "none" => Some(Value::None),
        "str" => Some(Value::Str(str::from_utf8(&bytes).unwrap())),
        "bytes" => Some(Value::Bytes(&bytes)),
        "error" => None,
        kind => panic!("{}: there is no kind {kind}", vector.name),
    });
}

#[test]
fn every_vector_reads_as_its_value() {
    for vector in vectors() {
        let mut memory = Memory::holding(&vector.bytes);
        let layout = layout_of(&mut memory).unwrap();
        let slot = layout.slot(0).unwrap();
        with_value(&vector, |value| {
            if let Some(value) = value {
                assert_reads(&slot, value);
            } else {
                let mut text = Vec::new();
                let found = slot.read(&mut text).and_then(|attempt| done(attempt).into_value(0, &text));
                assert_eq!(found.unwrap_err().kind(), Kind::Layout, "{}", vector.name);
            }
        });
    }
}

#[test]
fn every_value_makes_the_bytes_of_its_vector() {
    for vector in vectors().into_iter().filter(|vector| vector.is_made) {
        with_value(&vector, |value| {
            let (memory, _) = list_of(&[value.unwrap()]);
            assert_eq!(memory.bytes(), vector.bytes, "{}", vector.name);
        });
    }
}
