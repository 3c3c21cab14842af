//! Still pictures for reports.

use crate::chain::{Chain, buffer_at, bytes_of};
use crate::error::MediaError;
use crate::picture;

/// JPEG of one I420 picture, at quality 90.
///
/// # Errors
/// [`MediaError::Input`] where `i420` is not a picture of that size (width a multiple of 8, height even),
/// [`MediaError::Pipeline`] where the encoder failed, and what [`init`](crate::init) returns.
pub fn jpeg(i420: &[u8], width: u32, height: u32) -> Result<Vec<u8>, MediaError> {
    const NAME: &str = "JPEG encoder";
    let expected = u64::from(width) * u64::from(height) * 3 / 2;
    if width == 0
        || !width.is_multiple_of(8)
        || height == 0
        || !height.is_multiple_of(2)
        || i420.len() as u64 != expected
    {
        return Err(MediaError::Input(format!(
            "{} bytes are no I420 picture of {width}×{height}",
            i420.len()
        )));
    }
    crate::elements::init()?;
    let mut chain = Chain::new(
        NAME,
        "jpegenc quality=90",
        &picture::still_caps(width, height, 0),
    )?;
    let units = chain.push(buffer_at(i420.to_vec(), 0, None))?;
    units
        .first()
        .and_then(|unit| bytes_of(&unit.buffer))
        .ok_or_else(|| MediaError::Pipeline {
            chain: NAME,
            reason: "no picture came out".to_owned(),
        })
}
