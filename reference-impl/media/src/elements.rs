//! The GStreamer elements in use, the Debian packages they come from, and the message when one is not there.

use std::sync::OnceLock;

use gstreamer as gst;

use crate::error::MediaError;

/// Element and Debian package, for everything that a chain of this crate names.
const ELEMENTS: &[(&str, &str)] = &[
    ("capsfilter", "libgstreamer1.0-0"),
    ("filesink", "libgstreamer1.0-0"),
    ("filesrc", "libgstreamer1.0-0"),
    ("queue", "libgstreamer1.0-0"),
    ("appsink", "gstreamer1.0-plugins-base"),
    ("audioconvert", "gstreamer1.0-plugins-base"),
    ("audioresample", "gstreamer1.0-plugins-base"),
    ("decodebin", "gstreamer1.0-plugins-base"),
    ("videoconvert", "gstreamer1.0-plugins-base"),
    ("videorate", "gstreamer1.0-plugins-base"),
    ("videoscale", "gstreamer1.0-plugins-base"),
    ("jpegenc", "gstreamer1.0-plugins-good"),
    ("mp4mux", "gstreamer1.0-plugins-good"),
    ("rtph264depay", "gstreamer1.0-plugins-good"),
    ("rtph264pay", "gstreamer1.0-plugins-good"),
    ("rtpmp4gpay", "gstreamer1.0-plugins-good"),
    ("h264parse", "gstreamer1.0-plugins-bad"),
    ("x264enc", "gstreamer1.0-plugins-ugly"),
    ("avdec_aac", "gstreamer1.0-libav"),
    ("avdec_h264", "gstreamer1.0-libav"),
    ("avenc_aac", "gstreamer1.0-libav"),
];

/// Starts GStreamer once per process and looks for every element that this crate uses.
///
/// Each constructor of the crate calls it; call it first yourself, to fail before anything else has started.
///
/// # Errors
/// [`MediaError::Init`] where GStreamer does not start, [`MediaError::MissingElement`] where elements are not installed.
pub fn init() -> Result<(), MediaError> {
    static FOUND: OnceLock<Result<(), String>> = OnceLock::new();
    gst::init().map_err(|error| MediaError::Init(error.to_string()))?;
    let found = FOUND.get_or_init(|| {
        let absent: Vec<&str> = ELEMENTS
            .iter()
            .map(|(element, _)| *element)
            .filter(|element| gst::ElementFactory::find(element).is_none())
            .collect();
        if absent.is_empty() {
            Ok(())
        } else {
            Err(missing(&absent))
        }
    });
    found.clone().map_err(MediaError::MissingElement)
}

/// Debian package of an element that this crate uses.
pub fn package(element: &str) -> Option<&'static str> {
    ELEMENTS
        .iter()
        .find(|(name, _)| *name == element)
        .map(|(_, package)| *package)
}

/// Message for elements that are not installed: each with its package, then one command that installs them all.
///
/// A pure function of the names; whether they are installed is not looked up.
pub fn missing(elements: &[&str]) -> String {
    let mut packages: Vec<&str> = Vec::new();
    let mut sentences: Vec<String> = Vec::new();
    for element in elements {
        match package(element) {
            Some(package) => {
                if !packages.contains(&package) {
                    packages.push(package);
                }
                sentences.push(format!(
                    "GStreamer element `{element}` is missing; it is in the package {package}"
                ));
            }
            None => sentences.push(format!(
                "GStreamer element `{element}` is missing; no package of it is known"
            )),
        }
    }
    let found = sentences.join(". ");
    if packages.is_empty() {
        found
    } else {
        format!(
            "{found}: run `apt-get install --yes {}`",
            packages.join(" ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_missing_element_names_package_and_command() {
        assert_eq!(
            missing(&["x264enc"]),
            "GStreamer element `x264enc` is missing; it is in the package gstreamer1.0-plugins-ugly: \
             run `apt-get install --yes gstreamer1.0-plugins-ugly`"
        );
    }

    #[test]
    fn several_missing_elements_share_one_command() {
        let text = missing(&["avdec_aac", "h264parse", "avenc_aac"]);
        assert!(
            text.ends_with(
                "run `apt-get install --yes gstreamer1.0-libav gstreamer1.0-plugins-bad`"
            ),
            "{text}"
        );
        assert!(text.contains("`avenc_aac`"), "{text}");
    }

    #[test]
    fn an_unknown_element_gets_no_invented_package() {
        let text = missing(&["no-such-element"]);
        assert!(
            text.contains("`no-such-element`") && !text.contains("apt-get"),
            "{text}"
        );
    }
}
