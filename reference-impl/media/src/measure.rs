//! Full-reference picture quality.

/// Highest value that [`psnr_y`] returns, in dB; equal pictures reach it.
pub const PSNR_CAP: f64 = 99.0;

/// Peak signal-to-noise ratio of the luma planes of two I420 pictures, in dB, at most [`PSNR_CAP`].
///
/// 0 dB where one of them is shorter than a luma plane of `width · height` bytes: it cannot be compared.
pub fn psnr_y(reference: &[u8], picture: &[u8], width: u32, height: u32) -> f64 {
    let luma = width as usize * height as usize;
    let (Some(reference), Some(picture)) = (reference.get(..luma), picture.get(..luma)) else {
        return 0.0;
    };
    if luma == 0 {
        return 0.0;
    }
    let squares: u64 = reference
        .iter()
        .zip(picture)
        .map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2))
        .sum();
    if squares == 0 {
        return PSNR_CAP;
    }
    let mean = squares as f64 / luma as f64;
    (10.0 * (255.0 * 255.0 / mean).log10()).min(PSNR_CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let black = vec![0u8; 96];
        let mut one = black.clone();
        one[0] = 8; // mean square error 64 / 64 = 1
        assert!((psnr_y(&black, &one, 8, 8) - 48.130_803).abs() < 1e-5);
        assert_eq!(psnr_y(&black, &black, 8, 8), PSNR_CAP);
        assert_eq!(psnr_y(&black, &[255; 96], 8, 8), 0.0);
        assert_eq!(psnr_y(&black, &black[..63], 8, 8), 0.0);
        one[70] = 99;
        assert!(
            (psnr_y(&black, &one, 8, 8) - 48.130_803).abs() < 1e-5,
            "chroma does not count"
        );
    }
}
