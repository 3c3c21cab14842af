//! Test picture and test tone that carry their own number. Deterministic, free of licences, and pleasant enough to look at.

use crate::config::AAC_FRAME;

/// Side of one block of the number strip, in pixels.
const BLOCK: usize = 8;
/// Blocks in a row of the strip.
const BITS: usize = 16;
/// Rows of the strip: the number, then its check word.
const ROWS: usize = 2;

/// I420 picture `number`: a gradient with film grain, colour bars, a moving disc, and the lower 16 bits of `number` in the upper left corner.
///
/// The number stands in 8×8-pixel blocks, white for 1, most significant bit first, with a 16-bit parity word in the row below.
/// `variant` turns the hue, so that two callers look different. `width` is at least 128 and even, `height` at least 32 and even;
/// a smaller picture has no room for the number.
pub fn frame(number: u64, width: u32, height: u32, variant: u8) -> Vec<u8> {
    let (columns, rows) = (width as usize, height as usize);
    let mut luma = vec![0u8; columns * rows];
    let hue = Hue::new(variant);
    let disc = Disc::at(number, columns, rows);
    let bars_top = rows - rows / 6;
    for (y, line) in luma.chunks_exact_mut(columns.max(1)).enumerate() {
        for (x, pixel) in line.iter_mut().enumerate() {
            *pixel = if y >= bars_top {
                bar(x, columns).0
            } else if disc.covers(x, y) {
                190 + grain(number, x, y)
            } else {
                (64 + (x * 64 / columns) + (y * 64 / rows)) as u8 + grain(number, x, y)
            };
        }
    }
    let half = (columns / 2, rows / 2);
    let mut u = vec![128u8; half.0 * half.1];
    let mut v = vec![128u8; half.0 * half.1];
    for y in 0..half.1 {
        for x in 0..half.0 {
            let (cu, cv) = if y * 2 >= bars_top {
                let (_, u, v) = bar(x * 2, columns);
                (u, v)
            } else if disc.covers(x * 2, y * 2) {
                hue.disc
            } else {
                hue.ground
            };
            u[y * half.0 + x] = cu;
            v[y * half.0 + x] = cv;
        }
    }
    stamp(number as u16, &mut luma, &mut u, &mut v, columns, rows);
    luma.extend_from_slice(&u);
    luma.extend_from_slice(&v);
    luma
}

/// The number in a picture of [`frame`], or nothing where it is not readable for certain: a grey block, or a wrong parity word.
pub fn read_number(i420: &[u8], width: u32, height: u32) -> Option<u16> {
    let columns = width as usize;
    let luma = i420.get(..columns * height as usize)?;
    if columns < BITS * BLOCK || (height as usize) < ROWS * BLOCK {
        return None;
    }
    let mut words = [0u16; ROWS];
    for (row, word) in words.iter_mut().enumerate() {
        for column in 0..BITS {
            // The border of a block bleeds into its neighbours; its middle does not.
            let mut sum = 0u32;
            for y in 2..BLOCK - 2 {
                let start = (row * BLOCK + y) * columns + column * BLOCK + 2;
                sum += luma
                    .get(start..start + BLOCK - 4)?
                    .iter()
                    .map(|pixel| u32::from(*pixel))
                    .sum::<u32>();
            }
            let mean = sum / ((BLOCK - 4) * (BLOCK - 4)) as u32;
            let bit = match mean {
                0..=90 => 0,
                160.. => 1,
                _ => return None,
            };
            *word = *word << 1 | bit;
        }
    }
    let [number, parity] = words;
    (parity == parity_word(number)).then_some(number)
}

/// Block `number` of the test tone: 1,024 samples at 48 kHz, one channel.
///
/// A soft tone of 220 Hz, a fifth higher for each step of `variant` up to 3, and every 500 ms a chirp of 20 ms from 1 to 4 kHz.
pub fn tone(number: u64, variant: u8) -> Vec<i16> {
    const RATE: u64 = 48_000;
    const EVERY: u64 = RATE / 2;
    const CHIRP: u64 = RATE / 50;
    let frequency = 220.0 * 1.5f64.powi(i32::from(variant % 4));
    let first = number.wrapping_mul(u64::from(AAC_FRAME));
    (0..u64::from(AAC_FRAME))
        .map(|offset| {
            let sample = first.wrapping_add(offset);
            // Whole seconds hold a whole number of half periods only for whole frequencies; two seconds do for all of these × 4.
            let seconds = (sample % (RATE * 8)) as f64 / RATE as f64;
            let ground = 0.12 * (std::f64::consts::TAU * frequency * seconds).sin();
            let inside = sample % EVERY;
            let chirp = if inside < CHIRP {
                let t = inside as f64 / RATE as f64;
                let length = CHIRP as f64 / RATE as f64;
                let sweep = std::f64::consts::TAU * (1_000.0 * t + 1_500.0 * t * t / length);
                let window = (std::f64::consts::PI * inside as f64 / CHIRP as f64).sin();
                0.4 * window * sweep.sin()
            } else {
                0.0
            };
            ((ground + chirp) * f64::from(i16::MAX)) as i16
        })
        .collect()
}

/// CRC-16 (polynomial 0x1021) of the number, masked, so that neither a black nor a white strip is a number.
fn parity_word(number: u16) -> u16 {
    let mut crc = number;
    for _ in 0..16 {
        crc = if crc & 0x8000 != 0 {
            crc << 1 ^ 0x1021
        } else {
            crc << 1
        };
    }
    crc ^ 0x55aa
}

fn stamp(number: u16, luma: &mut [u8], u: &mut [u8], v: &mut [u8], columns: usize, rows: usize) {
    if columns < BITS * BLOCK || rows < ROWS * BLOCK {
        return;
    }
    for (row, word) in [number, parity_word(number)].into_iter().enumerate() {
        for column in 0..BITS {
            let level = if word >> (BITS - 1 - column) & 1 == 1 {
                235
            } else {
                16
            };
            for y in row * BLOCK..(row + 1) * BLOCK {
                luma[y * columns + column * BLOCK..][..BLOCK].fill(level);
            }
        }
    }
    for y in 0..ROWS * BLOCK / 2 {
        for plane in [&mut *u, &mut *v] {
            plane[y * (columns / 2)..][..BITS * BLOCK / 2].fill(128);
        }
    }
}

/// Film grain, 0 to 11: it gives the encoder what a camera would, so that it needs the rate that it may use.
fn grain(number: u64, x: usize, y: usize) -> u8 {
    let mut mixed = (number as u32).wrapping_mul(0x9e37_79b9)
        ^ (x as u32).wrapping_mul(0x85eb_ca6b)
        ^ (y as u32).wrapping_mul(0xc2b2_ae35);
    mixed = (mixed ^ mixed >> 15).wrapping_mul(0x2c1b_3c6d);
    mixed = (mixed ^ mixed >> 12).wrapping_mul(0x297a_2d39);
    (((mixed >> 16) * 12) >> 16) as u8
}

/// Y, U, V of the colour bar at a column: white, yellow, cyan, green, magenta, red, blue, black at 75 %.
fn bar(x: usize, columns: usize) -> (u8, u8, u8) {
    const BARS: [(u8, u8, u8); 8] = [
        (180, 128, 128),
        (162, 44, 142),
        (131, 156, 44),
        (112, 72, 58),
        (84, 184, 198),
        (65, 100, 212),
        (35, 212, 114),
        (16, 128, 128),
    ];
    BARS[(x * BARS.len() / columns).min(BARS.len() - 1)]
}

/// U and V of ground and disc.
struct Hue {
    ground: (u8, u8),
    disc: (u8, u8),
}

impl Hue {
    fn new(variant: u8) -> Self {
        match variant % 4 {
            0 => Self {
                ground: (150, 116),
                disc: (96, 160),
            },
            1 => Self {
                ground: (112, 148),
                disc: (160, 110),
            },
            2 => Self {
                ground: (116, 112),
                disc: (140, 168),
            },
            _ => Self {
                ground: (140, 144),
                disc: (100, 100),
            },
        }
    }
}

/// Disc that travels on a closed path; all in whole numbers.
struct Disc {
    x: i64,
    y: i64,
    square: i64,
}

impl Disc {
    fn at(number: u64, columns: usize, rows: usize) -> Self {
        let radius = (rows / 8).max(1) as i64;
        let across = bounce(number * 3, columns as i64 - 2 * radius);
        let down = bounce(
            number * 2,
            (rows - rows / 6) as i64 - 2 * radius - (ROWS * BLOCK) as i64,
        );
        Self {
            x: across + radius,
            y: down + radius + (ROWS * BLOCK) as i64,
            square: radius * radius,
        }
    }

    fn covers(&self, x: usize, y: usize) -> bool {
        (x as i64 - self.x).pow(2) + (y as i64 - self.y).pow(2) < self.square
    }
}

/// Position of something that runs to and fro over `span` pixels.
fn bounce(step: u64, span: i64) -> i64 {
    let span = span.max(1) as u64;
    let inside = step % (2 * span);
    (if inside < span {
        inside
    } else {
        2 * span - inside
    }) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_read_back() {
        for number in (0..=65_535u64).step_by(251).chain([0, 1, 65_535]) {
            let picture = frame(number, 160, 90, 1);
            assert_eq!(picture.len(), 160 * 90 * 3 / 2);
            assert_eq!(read_number(&picture, 160, 90), Some(number as u16));
        }
        assert_eq!(
            read_number(&frame(70_000, 640, 360, 0), 640, 360),
            Some((70_000 % 65_536) as u16)
        );
    }

    #[test]
    fn one_wrong_block_is_rejected() {
        for block in 0..BITS * ROWS {
            let mut picture = frame(0x5a3c, 160, 90, 0);
            let (row, column) = (block / BITS, block % BITS);
            for y in row * BLOCK..(row + 1) * BLOCK {
                for pixel in &mut picture[y * 160 + column * BLOCK..][..BLOCK] {
                    *pixel = 251 - *pixel;
                }
            }
            assert_eq!(read_number(&picture, 160, 90), None, "block {block}");
        }
    }

    #[test]
    fn no_strip_no_number() {
        for level in [0u8, 16, 128, 235, 255] {
            assert_eq!(
                read_number(&vec![level; 160 * 90 * 3 / 2], 160, 90),
                None,
                "level {level}"
            );
        }
        assert_eq!(read_number(&[], 160, 90), None);
        assert_eq!(read_number(&frame(3, 64, 32, 0), 64, 32), None);
    }

    #[test]
    fn pictures_move_and_variants_differ() {
        assert_ne!(
            frame(1, 160, 90, 0)[160 * 16..160 * 90],
            frame(2, 160, 90, 0)[160 * 16..160 * 90]
        );
        assert_ne!(
            frame(1, 160, 90, 0)[160 * 90..],
            frame(1, 160, 90, 1)[160 * 90..]
        );
        assert_ne!(tone(5, 0), tone(5, 1));
    }

    #[test]
    fn chirp_comes_every_half_second_and_the_rest_is_soft() {
        let samples: Vec<i16> = (0..94).flat_map(|number| tone(number, 0)).collect();
        let peak = |range: std::ops::Range<usize>| {
            samples[range]
                .iter()
                .map(|sample| sample.unsigned_abs())
                .max()
                .unwrap_or(0)
        };
        for start in [0, 24_000, 48_000, 72_000] {
            assert!(peak(start..start + 960) > 12_000, "a chirp at {start}");
            assert!(
                peak(start + 960..start + 20_000) < 4_000,
                "soft after {start}"
            );
        }
        let step = samples
            .windows(2)
            .map(|pair| pair[0].abs_diff(pair[1]))
            .max()
            .unwrap_or(0);
        assert!(step < 9_000, "no click between blocks: {step}");
    }
}
