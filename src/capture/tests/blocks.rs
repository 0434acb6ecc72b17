//! Takes a pcapng file of one little-endian section apart, and holds it to the letter of the format.

/// A block without its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) kind: u32,
    pub(crate) body: Vec<u8>,
}

/// The blocks of a file.
pub(crate) fn blocks(mut file: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let length = u32_at(file, 4) as usize;
        assert!(length >= 12 && length.is_multiple_of(4) && length <= file.len(), "a block of {length}");
        let (block, rest) = file.split_at(length);
        assert_eq!(u32_at(block, length - 4) as usize, length);
        blocks.push(Block { kind: u32_at(block, 0), body: block[8..length - 4].to_vec() });
        file = rest;
    }
    blocks
}

/// The comments on each packet, in order.
pub(crate) fn packet_comments(file: &[u8]) -> Vec<Vec<String>> {
    blocks(file).iter().filter(|block| block.kind == 6).map(Block::comments).collect()
}

/// The one comment on the section.
pub(crate) fn section_comment(file: &[u8]) -> String {
    let mut comments = blocks(file)[0].comments();
    assert_eq!(comments.len(), 1);
    comments.remove(0)
}

impl Block {
    /// The options, code and value.
    pub(crate) fn options(&self) -> Vec<(u16, &[u8])> {
        let fixed = match self.kind {
            0x0A0D_0D0A => 16,
            1 => 8,
            5 => 12,
            6 => 20 + padded(u32_at(&self.body, 12) as usize),
            kind => panic!("block type {kind}"),
        };
        let mut rest = &self.body[fixed..];
        let mut options = Vec::new();
        while !rest.is_empty() {
            let (code, length) = (u16_at(rest, 0), usize::from(u16_at(rest, 2)));
            let (value, padding) = rest[4..4 + padded(length)].split_at(length);
            assert!(padding.iter().all(|byte| *byte == 0));
            rest = &rest[4 + padded(length)..];
            if code == 0 {
                assert!(length == 0 && rest.is_empty() && !options.is_empty());
                return options;
            }
            options.push((code, value));
        }
        assert!(options.is_empty(), "options without an end");
        options
    }

    pub(crate) fn comments(&self) -> Vec<String> {
        let comments = self.options().into_iter().filter(|(code, _)| *code == 1);
        comments.map(|(_, text)| String::from_utf8(text.to_vec()).unwrap()).collect()
    }
}

fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().unwrap())
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(*bytes[at..].first_chunk().unwrap())
}
