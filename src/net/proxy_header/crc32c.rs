//! CRC-32C (Castagnoli), as version 2 of the PROXY protocol uses it. Only for headers: a table, no instructions.

const POLYNOMIAL: u32 = 0x82F6_3B78;

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// The checksum of all parts together.
pub(super) fn crc32c(parts: &[&[u8]]) -> u32 {
    let step = |crc: u32, byte: &u8| TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8;
    !parts.iter().copied().flatten().fold(u32::MAX, step)
}

#[test]
fn agrees_with_the_check_value_of_the_catalogue() {
    assert_eq!(crc32c(&[b"1234", b"56789"]), 0xE306_9283);
}
