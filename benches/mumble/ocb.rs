//! OCB2-AES128 as Mumble uses it for its voice packets: four bytes in front of each, of which the first is the
//! low byte of the nonce and the others are the beginning of the tag.

use aes::Aes128;
use aes::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

/// Bytes that encryption puts in front.
pub(crate) const OVERHEAD: usize = 4;

const BLOCK: usize = 16;

/// One direction's key and nonce.
pub(crate) struct Direction {
    cipher: Aes128,
    nonce: u128,
}

impl Direction {
    /// With the key and the nonce that the server gave.
    pub(crate) fn new(key: [u8; BLOCK], nonce: [u8; BLOCK]) -> Self {
        Self { cipher: Aes128::new(&key.into()), nonce: u128::from_le_bytes(nonce) }
    }

    /// Encrypts a packet.
    pub(crate) fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        self.nonce = self.nonce.wrapping_add(1);
        let mut out = vec![0; OVERHEAD];
        out.extend_from_slice(plain);
        let mut offset = self.encrypt(u128::from_be_bytes(self.nonce.to_le_bytes()));
        let (mut checksum, mut rest) = (0, &mut out[OVERHEAD..]);
        while rest.len() > BLOCK {
            let (block, more) = rest.split_at_mut(BLOCK);
            offset = double(offset);
            let text = number(block);
            checksum ^= text;
            block.copy_from_slice(&(offset ^ self.encrypt(offset ^ text)).to_be_bytes());
            rest = more;
        }
        offset = double(offset);
        let pad = self.encrypt(offset ^ (rest.len() as u128 * 8));
        // What is short of a block is filled with the pad, for the checksum.
        let mut last = pad.to_be_bytes();
        last[..rest.len()].copy_from_slice(rest);
        let last = u128::from_be_bytes(last);
        checksum ^= last;
        let length = rest.len();
        rest.copy_from_slice(&(last ^ pad).to_be_bytes()[..length]);
        let tag = self.encrypt(double(offset) ^ offset ^ checksum).to_be_bytes();
        out[0] = self.nonce as u8;
        out[1..OVERHEAD].copy_from_slice(&tag[..3]);
        out
    }

    /// Decrypts a packet; none when it isn't what the server encrypted.
    pub(crate) fn open(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let (front, body) = packet.split_at_checked(OVERHEAD)?;
        let ahead = front[0].wrapping_sub(self.nonce as u8) as i8;
        let nonce = self.nonce.wrapping_add_signed(i128::from(ahead));
        let mut out = body.to_vec();
        let mut offset = self.encrypt(u128::from_be_bytes(nonce.to_le_bytes()));
        let (mut checksum, mut rest) = (0, &mut out[..]);
        while rest.len() > BLOCK {
            let (block, more) = rest.split_at_mut(BLOCK);
            offset = double(offset);
            let text = offset ^ self.decrypt(offset ^ number(block));
            checksum ^= text;
            block.copy_from_slice(&text.to_be_bytes());
            rest = more;
        }
        offset = double(offset);
        let pad = self.encrypt(offset ^ (rest.len() as u128 * 8));
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        let last = u128::from_be_bytes(last) ^ pad;
        checksum ^= last;
        let length = rest.len();
        rest.copy_from_slice(&last.to_be_bytes()[..length]);
        let tag = self.encrypt(double(offset) ^ offset ^ checksum).to_be_bytes();
        if tag[..3] != front[1..] {
            return None;
        }
        if ahead > 0 {
            self.nonce = nonce;
        }
        Some(out)
    }

    fn encrypt(&self, block: u128) -> u128 {
        let mut bytes: Block<Aes128> = block.to_be_bytes().into();
        self.cipher.encrypt_block(&mut bytes);
        u128::from_be_bytes(bytes.into())
    }

    fn decrypt(&self, block: u128) -> u128 {
        let mut bytes: Block<Aes128> = block.to_be_bytes().into();
        self.cipher.decrypt_block(&mut bytes);
        u128::from_be_bytes(bytes.into())
    }
}

/// Multiplication by x in GF(2^128).
fn double(block: u128) -> u128 {
    (block << 1) ^ ((block >> 127) * 0x87)
}

fn number(block: &[u8]) -> u128 {
    block.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}
