//! Pictures that people give of themselves, made fit to be shown to others: read within bounds by decoders that are safe
//! from what they read, cut to a square, and written anew. Of what somebody sent nothing is passed on but how it looks:
//! neither where it was taken, nor what follows a first picture, nor what else its bytes may be taken for. CPU only.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use thiserror::Error;

use crate::bounds::{MAX_PICTURE, MAX_PICTURE_SENT};

/// Pixels of each side of a picture that is kept, at most.
pub const SIDE: u32 = 512;

/// Pixels of each side of a picture that is sent, at most.
pub const MAX_SIDE: u32 = 1_024;

/// Pixels of each side, and bytes, of a file that somebody has on their own machine, at most.
const MAX_FILE_SIDE: u32 = 16_384;
const MAX_FILE: usize = 64 << 20;

/// Bytes that a decoder takes at most: of the largest picture that is sent, twice its pixels at eight bytes each.
const MAX_MEMORY: u64 = 2 * 8 * (MAX_SIDE as u64) * (MAX_SIDE as u64);

/// The same for a file on somebody's own machine.
const MAX_FILE_MEMORY: u64 = 2 << 30;

/// How well a picture is kept, and then less and less so until it is small enough.
const QUALITIES: [u8; 4] = [85, 70, 50, 25];

/// Why something isn't made a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PictureError {
    /// It has too many bytes.
    #[error("this picture has more than {0} bytes; make it smaller")]
    TooLarge(usize),
    /// It is no picture of a kind that is known.
    #[error("this is no picture; PNG, JPEG, WebP and GIF are taken")]
    Unknown,
    /// It is too wide or too high.
    #[error("this picture is larger than {0} by {0} pixels; make it smaller")]
    TooManyPixels(u32),
    /// It is damaged or cut off.
    #[error("this picture can't be read; it may be damaged or cut off")]
    Damaged,
}

/// What kind of file a picture that is kept is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With places that are seen through.
    Png,
    /// Without.
    Jpeg,
}

impl Kind {
    /// The kind of a picture that was made here.
    pub fn of(picture: &[u8]) -> Self {
        if picture.starts_with(b"\x89PNG") { Self::Png } else { Self::Jpeg }
    }

    /// How its file's name ends.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }
}

/// What bounds the reading of a picture.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    bytes: usize,
    side: u32,
    memory: u64,
}

/// A picture as it is kept, of one that somebody sent: a square of at most [`SIDE`] pixels and [`MAX_PICTURE`] bytes. Takes
/// tenths of a second, and memory for [`MAX_SIDE`] by [`MAX_SIDE`] pixels.
pub fn made_anew(sent: &[u8]) -> Result<Vec<u8>, PictureError> {
    let bounds = Bounds { bytes: MAX_PICTURE_SENT, side: MAX_SIDE, memory: MAX_MEMORY };
    written(&square(&read(sent, bounds)?), MAX_PICTURE)
}

/// A picture that can be sent, of one that somebody has on their own machine.
pub fn made_to_be_sent(file: &[u8]) -> Result<Vec<u8>, PictureError> {
    let bounds = Bounds { bytes: MAX_FILE, side: MAX_FILE_SIDE, memory: MAX_FILE_MEMORY };
    written(&square(&read(file, bounds)?), MAX_PICTURE_SENT)
}

/// The first picture of a file, the right way up.
fn read(bytes: &[u8], bounds: Bounds) -> Result<DynamicImage, PictureError> {
    if bytes.len() > bounds.bytes {
        return Err(PictureError::TooLarge(bounds.bytes));
    }
    let format = image::guess_format(bytes).map_err(|_| PictureError::Unknown)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Gif) {
        return Err(PictureError::Unknown);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(bounds.memory);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|_| PictureError::Damaged)?;
    // What the file says of itself is looked at before anything is unpacked.
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(PictureError::Damaged);
    }
    if width.max(height) > bounds.side || decoder.total_bytes() > bounds.memory {
        return Err(PictureError::TooManyPixels(bounds.side));
    }
    let orientation = decoder.orientation().map_err(|_| PictureError::Damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|_| PictureError::Damaged)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// The middle of a picture as a square, in eight bits a colour.
fn square(picture: &DynamicImage) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let side = width.min(height);
    let middle = picture.crop_imm((width - side) / 2, (height - side) / 2, side, side);
    let fit = if side > SIDE { middle.resize_exact(SIDE, SIDE, FilterType::CatmullRom) } else { middle };
    let seen = fit.to_rgba8();
    if seen.pixels().all(|pixel| pixel.0[3] == u8::MAX) {
        DynamicImage::ImageRgb8(fit.to_rgb8())
    } else {
        DynamicImage::ImageRgba8(seen)
    }
}

/// A picture's file, of so many bytes at most.
fn written(picture: &DynamicImage, most: usize) -> Result<Vec<u8>, PictureError> {
    let mut smaller = picture.clone();
    loop {
        if smaller.color().has_alpha() {
            let mut file = Vec::new();
            smaller.write_with_encoder(PngEncoder::new(&mut file)).map_err(|_| PictureError::Damaged)?;
            if file.len() <= most {
                return Ok(file);
            }
        } else {
            for quality in QUALITIES {
                let mut file = Vec::new();
                let encoder = JpegEncoder::new_with_quality(&mut file, quality);
                smaller.write_with_encoder(encoder).map_err(|_| PictureError::Damaged)?;
                if file.len() <= most {
                    return Ok(file);
                }
            }
        }
        let half = smaller.width() / 2;
        if half == 0 {
            return Err(PictureError::Damaged);
        }
        smaller = smaller.resize_exact(half, half, FilterType::Triangle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture that no encoder makes small, seen through in places.
    fn noise(width: u32, height: u32, alpha: bool) -> DynamicImage {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let mut pixels = image::RgbaImage::new(width, height);
        for pixel in pixels.pixels_mut() {
            *pixel = image::Rgba([next(), next(), next(), if alpha { next() } else { 255 }]);
        }
        DynamicImage::ImageRgba8(pixels)
    }

    fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let picture = match format {
            ImageFormat::Jpeg => DynamicImage::ImageRgb8(picture.to_rgb8()),
            _ => picture.clone(),
        };
        picture.write_to(&mut file, format).unwrap();
        file.into_inner()
    }

    fn plain(width: u32, height: u32) -> DynamicImage {
        DynamicImage::ImageRgb8(image::RgbImage::from_pixel(width, height, image::Rgb([200, 30, 60])))
    }

    /// A PNG that says so of itself, with checksums that are right.
    fn png_of(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
        let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
        head.extend([8, 2, 0, 0, 0]);
        for (kind, data) in [(b"IHDR", head.as_slice()), (b"IDAT", data), (b"IEND", &[])] {
            out.extend((data.len() as u32).to_be_bytes());
            let from = out.len();
            out.extend(kind);
            out.extend(data);
            let sum = crc32fast::hash(&out[from..]);
            out.extend(sum.to_be_bytes());
        }
        out
    }

    #[test]
    fn every_kind_becomes_a_square_that_is_small_enough() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
            let made = made_anew(&file(&plain(700, 300), format)).unwrap();
            assert_eq!(Kind::of(&made), Kind::Jpeg, "{format:?}");
            let read = image::load_from_memory(&made).unwrap();
            assert_eq!((read.width(), read.height()), (300, 300), "{format:?}");
            let [red, green, blue] = read.to_rgb8().get_pixel(150, 150).0;
            assert!(
                red.abs_diff(200) < 12 && green.abs_diff(30) < 12 && blue.abs_diff(60) < 12,
                "{format:?}"
            );
        }
        let large = made_anew(&file(&plain(1_024, 1_000), ImageFormat::Png)).unwrap();
        assert_eq!(image::load_from_memory(&large).unwrap().width(), SIDE);
        let clear = made_anew(&file(&noise(100, 100, true), ImageFormat::Png)).unwrap();
        assert_eq!(Kind::of(&clear), Kind::Png);
    }

    #[test]
    fn what_a_person_has_is_made_small_enough_to_be_sent_and_that_is_taken() {
        for picture in [noise(1_000, 800, false), noise(600, 600, true)] {
            let sent = made_to_be_sent(&file(&picture, ImageFormat::Png)).unwrap();
            assert!(sent.len() <= MAX_PICTURE_SENT, "{}", sent.len());
            let kept = made_anew(&sent).unwrap();
            assert!(kept.len() <= MAX_PICTURE && image::load_from_memory(&kept).unwrap().width() <= SIDE);
        }
    }

    #[test]
    fn hostile_pictures_are_refused_before_they_take_anything() {
        let good = file(&plain(64, 64), ImageFormat::Png);
        for cut in [0, 7, 8, 30, good.len() / 2, good.len() - 13] {
            let refused = made_anew(&good[..cut]).unwrap_err();
            assert!(matches!(refused, PictureError::Damaged | PictureError::Unknown), "{cut}: {refused}");
        }
        // A few bytes that unpack to gigabytes, and what says that it is larger than anything.
        for side in [MAX_SIDE + 1, 30_000, u32::MAX >> 1] {
            let refused = made_anew(&png_of(side, side, &[0x78, 0x9c])).unwrap_err();
            assert!(
                matches!(refused, PictureError::TooManyPixels(_) | PictureError::Damaged),
                "{side}: {refused}"
            );
        }
        assert_eq!(made_anew(&png_of(48_000, 1, &[])), Err(PictureError::TooManyPixels(MAX_SIDE)));
        assert!(made_anew(&png_of(0, 0, &[])).is_err());
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
        for other in [&svg[..], b"%PDF-1.7", b"BM\0\0\0\0", b"II*\0", b"<html>", b"MZ", b"\0\0\x01\0"] {
            assert_eq!(made_anew(other), Err(PictureError::Unknown), "{other:?}");
        }
        let long = vec![0; MAX_PICTURE_SENT + 1];
        assert_eq!(made_anew(&long), Err(PictureError::TooLarge(MAX_PICTURE_SENT)));
    }

    #[test]
    fn nothing_of_a_file_is_passed_on_but_how_it_looks() {
        let script = b"<script>alert(document.domain)</script>";
        // In a comment of the JPEG, after its end, and in a text of the PNG.
        let mut jpeg = file(&plain(64, 64), ImageFormat::Jpeg);
        let length = (script.len() as u16 + 2).to_be_bytes();
        let comment = [&[0xff, 0xfe][..], &length, script].concat();
        jpeg.splice(2..2, comment);
        jpeg.extend(script);
        let mut png = file(&noise(32, 32, true), ImageFormat::Png);
        png.extend(script);
        let mut gif = file(&plain(16, 16), ImageFormat::Gif);
        gif.extend(script);
        for polyglot in [jpeg, png, gif] {
            let made = made_anew(&polyglot).unwrap();
            assert!(!made.windows(8).any(|part| script.starts_with(part)));
        }
        // Where it was taken, and which way up it was held: the place goes, and the picture is turned.
        let half = image::RgbImage::from_fn(64, 64, |x, _| {
            image::Rgb(if x < 32 { [255, 0, 0] } else { [0, 0, 255] })
        });
        let mut turned = file(&DynamicImage::ImageRgb8(half), ImageFormat::Jpeg);
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let length = (exif.len() as u16 + 2).to_be_bytes();
        turned.splice(2..2, [&[0xff, 0xe1][..], &length, exif].concat());
        let made = made_anew(&turned).unwrap();
        assert!(!made.windows(4).any(|part| part == b"Exif"));
        let made = image::load_from_memory(&made).unwrap().to_rgb8();
        // Turned by a quarter, what was on the left is on top.
        assert!(made.get_pixel(32, 4).0[0] > 200 && made.get_pixel(32, 60).0[2] > 200);
    }

    #[test]
    fn of_a_picture_that_moves_the_first_is_kept() {
        let mut moving = Vec::new();
        {
            let mut encoder = image::codecs::gif::GifEncoder::new(&mut moving);
            for colour in [[0, 200, 0, 255], [200, 0, 0, 255]] {
                let frame = image::RgbaImage::from_pixel(40, 40, image::Rgba(colour));
                encoder.encode_frame(image::Frame::new(frame)).unwrap();
            }
        }
        let made = image::load_from_memory(&made_anew(&moving).unwrap()).unwrap().to_rgb8();
        let [red, green, _] = made.get_pixel(20, 20).0;
        assert!(green > 150 && red < 80, "{red} {green}");
    }
}
